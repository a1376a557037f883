//! What a certificate is ordered with.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use config::Name;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose,
    SanType,
};
use rustls_pki_types::DnsName;

use super::CaError;

/// A certificate to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafOrder {
    /// Whom it is for: in its subject, and as `urn:hilum:peer:NAME` among its names.
    pub name: Name,
    /// It proves who a server is.
    pub server: bool,
    /// It proves who a client is.
    pub client: bool,
    /// The names and addresses that a server is reached by.
    pub names: Vec<SubjectName>,
}

/// A name or an address that a server is reached by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubjectName {
    /// A host name.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// A text that is neither a host name nor an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("neither a host name nor an address")]
pub struct SubjectNameError;

/// `dns:NAME`, `ip:ADDRESS`, or either without its prefix.
impl FromStr for SubjectName {
    type Err = SubjectNameError;

    fn from_str(text: &str) -> Result<SubjectName, SubjectNameError> {
        if let Some(address) = text.strip_prefix("ip:") {
            return address.parse().map(SubjectName::Ip).map_err(|_| SubjectNameError);
        }
        let name = match text.strip_prefix("dns:") {
            Some(name) => name,
            None => match text.parse() {
                Ok(address) => return Ok(SubjectName::Ip(address)),
                Err(_) => text,
            },
        };
        DnsName::try_from(name).map_err(|_| SubjectNameError)?;
        Ok(SubjectName::Dns(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubjectName::Dns(name) => write!(f, "dns:{name}"),
            SubjectName::Ip(address) => write!(f, "ip:{address}"),
        }
    }
}

impl LeafOrder {
    /// What is signed, apart from key, number and times.
    pub(super) fn params(&self) -> Result<CertificateParams, CaError> {
        if !self.server && !self.client {
            return Err(CaError::NoUse);
        }
        if self.server && self.names.is_empty() {
            return Err(CaError::NoName);
        }
        let unmade = |_| CaError::Unmade("certificate");
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, self.name.as_str());
        for name in &self.names {
            params.subject_alt_names.push(match name {
                SubjectName::Dns(name) => {
                    SanType::DnsName(name.as_str().try_into().map_err(unmade)?)
                }
                SubjectName::Ip(address) => SanType::IpAddress(*address),
            });
        }
        let id = format!("urn:hilum:peer:{}", self.name);
        params.subject_alt_names.push(SanType::URI(id.as_str().try_into().map_err(unmade)?));
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let uses = [
            (self.server, ExtendedKeyUsagePurpose::ServerAuth),
            (self.client, ExtendedKeyUsagePurpose::ClientAuth),
        ];
        params.extended_key_usages =
            uses.into_iter().filter(|(wanted, _)| *wanted).map(|(_, usage)| usage).collect();
        params.use_authority_key_identifier_extension = true;
        Ok(params)
    }
}
