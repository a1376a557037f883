//! What a certificate says.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use super::CaError;

/// A certificate with what people and the registry ask about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate itself.
    pub der: CertificateDer<'static>,
    /// Whose it is.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// Its serial number, without leading zeros.
    pub serial: Vec<u8>,
    /// Names and addresses, as `dns:`, `ip:` and `uri:`.
    pub names: Vec<String>,
    /// What it may be used for: `server`, `client` or an object identifier; nothing when it does not say.
    pub uses: Vec<String>,
    /// The kind of its key.
    pub key: String,
    /// It may sign certificates.
    pub is_authority: bool,
    /// Valid from, microseconds UTC.
    pub from_us: i64,
    /// Valid until.
    pub until_us: i64,
    /// SHA-256 of its subject public key info.
    pub spki: [u8; 32],
    /// Its subject and its issuer as they are encoded, for comparing.
    pub(crate) subject_der: Vec<u8>,
    pub(crate) issuer_der: Vec<u8>,
}

impl Certificate {
    /// Reads one.
    pub fn read(der: &[u8]) -> Result<Certificate, CaError> {
        let unreadable = CaError::Unreadable("certificate");
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| unreadable)?;
        if !rest.is_empty() {
            return Err(unreadable);
        }
        let seconds =
            |time: x509_parser::time::ASN1Time| time.timestamp().saturating_mul(1_000_000);
        Ok(Certificate {
            der: CertificateDer::from(der.to_vec()),
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            serial: plain(parsed.raw_serial()).to_vec(),
            names: names(&parsed),
            uses: uses(&parsed),
            key: key(&parsed),
            is_authority: parsed.is_ca(),
            from_us: seconds(parsed.validity().not_before),
            until_us: seconds(parsed.validity().not_after),
            spki: Sha256::digest(parsed.public_key().raw).into(),
            subject_der: parsed.subject().as_raw().to_vec(),
            issuer_der: parsed.issuer().as_raw().to_vec(),
        })
    }

    /// The first certificate of a PEM text: of a chain that is the holder's own.
    pub fn from_pem(text: &str) -> Result<Certificate, CaError> {
        let missing = CaError::Missing("certificate in PEM");
        let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| missing)?;
        Certificate::read(&der)
    }
}

/// Bytes as PEM.
pub fn pem(label: &str, der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, der), config)
}

/// A number without the zero that only keeps it positive.
pub(super) fn plain(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}

fn names(parsed: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return Vec::new() };
    let shown = names.value.general_names.iter().map(|name| match name {
        GeneralName::DNSName(name) => format!("dns:{name}"),
        GeneralName::URI(name) => format!("uri:{name}"),
        GeneralName::IPAddress(bytes) => {
            match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
                (Ok(v4), _) => format!("ip:{}", std::net::Ipv4Addr::from(v4)),
                (_, Ok(v6)) => format!("ip:{}", std::net::Ipv6Addr::from(v6)),
                _ => "ip:?".to_owned(),
            }
        }
        other => format!("other:{other}"),
    });
    shown.collect()
}

fn uses(parsed: &X509Certificate<'_>) -> Vec<String> {
    let mut uses = Vec::new();
    for extension in parsed.extensions() {
        if let ParsedExtension::ExtendedKeyUsage(usage) = extension.parsed_extension() {
            let known = [
                (usage.any, "any"),
                (usage.server_auth, "server"),
                (usage.client_auth, "client"),
                (usage.code_signing, "code signing"),
                (usage.email_protection, "email"),
                (usage.time_stamping, "time stamping"),
                (usage.ocsp_signing, "ocsp signing"),
            ];
            uses.extend(known.iter().filter(|(is, _)| *is).map(|(_, name)| (*name).to_owned()));
            uses.extend(usage.other.iter().map(ToString::to_string));
        }
    }
    uses
}

fn key(parsed: &X509Certificate<'_>) -> String {
    match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(key)) => format!("RSA {}", key.key_size()),
        Ok(PublicKey::EC(point)) => format!("P-{}", point.key_size()),
        _ => match parsed.public_key().algorithm.algorithm.to_id_string().as_str() {
            "1.3.101.112" => "Ed25519".to_owned(),
            other => other.to_owned(),
        },
    }
}
