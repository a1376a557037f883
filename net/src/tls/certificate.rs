//! What can be read in a certificate or a revocation list.

use std::net::IpAddr;

use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{CertificateRevocationList, FromDer, GeneralName, X509Certificate};

/// What a certificate or revocation list is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateRole {
    /// Shown to the other end.
    Own,
    /// Trusted to sign the other end's.
    Authority,
    /// A list of revoked certificates, which expires too.
    RevocationList,
}

impl CertificateRole {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            CertificateRole::Own => "certificate",
            CertificateRole::Authority => "authority",
            CertificateRole::RevocationList => "revocation list",
        }
    }
}

/// A certificate, or a revocation list, as people know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// What it is there for.
    pub role: CertificateRole,
    /// Whose it is; of a revocation list, who issued it.
    pub subject: String,
    /// From when it is valid, microseconds UTC.
    pub not_before_us: i64,
    /// Until when it is valid, microseconds UTC; a list without an end is valid for ever.
    pub not_after_us: i64,
}

impl CertificateFacts {
    /// Reads a certificate.
    pub fn of(role: CertificateRole, der: &CertificateDer<'_>) -> Option<CertificateFacts> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        Some(CertificateFacts {
            role,
            subject: certificate.subject().to_string(),
            not_before_us: micros(validity.not_before.timestamp()),
            not_after_us: micros(validity.not_after.timestamp()),
        })
    }

    /// Reads a revocation list.
    pub fn of_list(der: &CertificateRevocationListDer<'_>) -> Option<CertificateFacts> {
        let (_, list) = CertificateRevocationList::from_der(der).ok()?;
        let next = list.next_update().map_or(i64::MAX, |time| micros(time.timestamp()));
        Some(CertificateFacts {
            role: CertificateRole::RevocationList,
            subject: list.issuer().to_string(),
            not_before_us: micros(list.last_update().timestamp()),
            not_after_us: next,
        })
    }

    /// The day on which it ends, UTC.
    pub fn last_day(&self) -> String {
        day(self.not_after_us)
    }

    /// Whole days until it ends; negative when it has.
    pub fn days_left(&self, now_us: i64) -> i64 {
        self.not_after_us.saturating_sub(now_us).div_euclid(24 * 3600 * 1_000_000)
    }
}

/// The host names (lower case, perhaps with a `*` as first label) and addresses that a certificate is for (RFC 6125 6.4, RFC 5280 4.2.1.6).
pub(super) fn names_in(der: &CertificateDer<'_>) -> Vec<String> {
    let parsed = X509Certificate::from_der(der).ok();
    let names = parsed.as_ref().and_then(|(_, certificate)| {
        certificate
            .subject_alternative_name()
            .ok()
            .flatten()
            .map(|names| &names.value.general_names)
    });
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(four) => Some(IpAddr::from(four).to_string()),
            Err(_) => <[u8; 16]>::try_from(*bytes).ok().map(|many| IpAddr::from(many).to_string()),
        },
        _ => None,
    };
    names.map(|names| names.iter().filter_map(name).collect()).unwrap_or_default()
}

/// The SHA-256 of a certificate's public key (its SubjectPublicKeyInfo), which stays when the certificate is renewed with the same key.
pub fn spki_sha256(der: &CertificateDer<'_>) -> Option<[u8; 32]> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(Sha256::digest(certificate.public_key().raw).into())
}

/// The day of a time, UTC; nothing for a time that no calendar has.
pub(super) fn day(us: i64) -> String {
    let time = jiff::Timestamp::from_microsecond(us);
    time.map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

fn micros(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000)
}
