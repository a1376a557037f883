//! What a revocation list says.

use std::collections::BTreeSet;

use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::CaError;
use super::certificate::plain;

/// A revocation list with what the registry asks about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocations {
    /// The list itself.
    pub der: CertificateRevocationListDer<'static>,
    /// When the next one is promised, microseconds UTC; never, when it does not say.
    pub until_us: Option<i64>,
    /// The serial numbers on it.
    serials: BTreeSet<Vec<u8>>,
    pub(crate) issuer_der: Vec<u8>,
}

impl Revocations {
    /// Reads a list.
    pub fn read(der: &[u8]) -> Result<Revocations, CaError> {
        let unreadable = CaError::Unreadable("revocation list");
        let (rest, parsed) = CertificateRevocationList::from_der(der).map_err(|_| unreadable)?;
        if !rest.is_empty() {
            return Err(unreadable);
        }
        let serials = parsed.iter_revoked_certificates();
        Ok(Revocations {
            der: CertificateRevocationListDer::from(der.to_vec()),
            until_us: parsed.next_update().map(|time| time.timestamp().saturating_mul(1_000_000)),
            serials: serials.map(|one| plain(one.raw_serial()).to_vec()).collect(),
            issuer_der: parsed.issuer().as_raw().to_vec(),
        })
    }

    /// Reads what lies in a file: PEM, or the bytes themselves.
    pub fn from_file(bytes: &[u8]) -> Result<Revocations, CaError> {
        match CertificateRevocationListDer::from_pem_slice(bytes) {
            Ok(der) => Revocations::read(&der),
            Err(_) => Revocations::read(bytes),
        }
    }

    /// Whether a serial number is on it.
    pub fn holds(&self, serial: &[u8]) -> bool {
        self.serials.contains(plain(serial))
    }

    /// How many serial numbers are on it.
    pub fn count(&self) -> usize {
        self.serials.len()
    }
}
