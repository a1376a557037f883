//! A key of its own and the request to have it certified: what the holder makes, so that its key never travels.

use phi::Secret;
use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};
use zeroize::Zeroizing;

use super::{CaError, certificate};

/// The kinds of key that are made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256: every TLS stack knows it.
    P256,
    /// Ed25519: smaller and simpler, and older systems fail on it.
    Ed25519,
}

impl KeyKind {
    pub(super) fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
        }
    }
}

/// A new key with its request.
pub struct Request {
    /// The private key, PKCS#8 in PEM.
    pub key_pem: Secret<String>,
    /// The request, in PEM.
    pub request_pem: String,
}

impl Request {
    /// Makes both. The request carries the key alone: names and uses are said by whoever signs.
    pub fn make(kind: KeyKind) -> Result<Request, CaError> {
        let unmade = |_| CaError::Unmade("key");
        let key = Secret::new(KeyPair::generate_for(kind.algorithm()).map_err(unmade)?);
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        let request = params.serialize_request(key.expose_secret()).map_err(unmade)?;
        let der = Secret::new(key.expose_secret().serialize_der());
        Ok(Request {
            key_pem: Secret::new(certificate::pem("PRIVATE KEY", &plain(der.expose_secret()))),
            request_pem: certificate::pem("CERTIFICATE REQUEST", request.der()),
        })
    }
}

/// The form of an Ed25519 key that every program reads: the library writes the newer one, which holds the public half too and which
/// OpenSSL 3.0 refuses.
fn plain(der: &[u8]) -> Zeroizing<Vec<u8>> {
    const NEWER: &[u8] = &[0x30, 0x51, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    const OLDER: &[u8] = &[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let seed = der.strip_prefix(NEWER).and_then(|rest| rest.get(..32));
    Zeroizing::new(seed.map_or_else(|| der.to_vec(), |seed| [OLDER, seed].concat()))
}
