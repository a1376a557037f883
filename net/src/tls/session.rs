//! What two ends have agreed on.

use rustls::CommonState;
use rustls_pki_types::CertificateDer;

/// An established TLS session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// `TLSv1_3` or `TLSv1_2`.
    pub version: String,
    /// The cipher suite.
    pub suite: String,
    /// The group of the key exchange.
    pub group: String,
    /// The application protocol, when one was agreed on.
    pub alpn: Option<Vec<u8>>,
    /// The certificates of the other end, its own first; none when it was not asked for any.
    pub chain: Vec<CertificateDer<'static>>,
}

impl Session {
    pub(crate) fn of(state: &CommonState) -> Session {
        let shown = |value: Option<String>| value.unwrap_or_default();
        let chain = state.peer_certificates().unwrap_or_default();
        Session {
            version: shown(state.protocol_version().map(|version| format!("{version:?}"))),
            suite: shown(
                state.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite())),
            ),
            group: shown(
                state.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            ),
            alpn: state.alpn_protocol().map(<[u8]>::to_vec),
            chain: chain.iter().map(|der| der.clone().into_owned()).collect(),
        }
    }
}
