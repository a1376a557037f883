//! Which versions, groups and suites a connection may agree on.

use std::sync::Arc;

use config::Choice;
use rustls::crypto::aws_lc_rs::{cipher_suite as suite, default_provider, kx_group as group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

/// What two ends may agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// TLS 1.3, with the hybrid group that a quantum computer cannot break preferred.
    Modern,
    /// Also TLS 1.2 with ephemeral keys and authenticated encryption, for systems that know nothing newer.
    Compat,
    /// TLS 1.3 with the hybrid group and nothing else.
    PqOnly,
}

pub(super) const PROFILES: &[Choice] = &[
    Choice {
        name: "modern",
        doc: "TLS 1.3; the groups X25519MLKEM768 (preferred), X25519, P-256; AES-256-GCM or ChaCha20-Poly1305.",
    },
    Choice {
        name: "compat",
        doc: "Also TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305, for systems that know nothing newer.",
    },
    Choice {
        name: "pq-only",
        doc: "TLS 1.3 with X25519MLKEM768 and AES-256-GCM, and nothing else.",
    },
];

const TLS_1_3: &[SupportedCipherSuite] =
    &[suite::TLS13_AES_256_GCM_SHA384, suite::TLS13_CHACHA20_POLY1305_SHA256];

const COMPAT: &[SupportedCipherSuite] = &[
    suite::TLS13_AES_256_GCM_SHA384,
    suite::TLS13_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

impl Profile {
    /// The profile of a word in a file; the reader has refused every other.
    pub(super) fn named(word: Option<&str>) -> Profile {
        match word {
            Some("compat") => Profile::Compat,
            Some("pq-only") => Profile::PqOnly,
            Some(_) | None => Profile::Modern,
        }
    }

    /// The cryptography, always given explicitly: there is no process default that something else could set.
    pub(super) fn provider(self) -> Arc<CryptoProvider> {
        let cipher_suites = match self {
            Profile::Modern => TLS_1_3,
            Profile::Compat => COMPAT,
            Profile::PqOnly => &[suite::TLS13_AES_256_GCM_SHA384],
        };
        let kx_groups: &[&'static dyn SupportedKxGroup] = match self {
            Profile::Modern | Profile::Compat => {
                &[group::X25519MLKEM768, group::X25519, group::SECP256R1]
            }
            Profile::PqOnly => &[group::X25519MLKEM768],
        };
        Arc::new(CryptoProvider {
            cipher_suites: cipher_suites.to_vec(),
            kx_groups: kx_groups.to_vec(),
            ..default_provider()
        })
    }

    pub(super) fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        const MODERN: &[&SupportedProtocolVersion] = &[&TLS13];
        const COMPAT: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
        match self {
            Profile::Modern | Profile::PqOnly => MODERN,
            Profile::Compat => COMPAT,
        }
    }
}
