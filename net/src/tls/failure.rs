//! Why a handshake failed, in words that do not depend on the library.

use std::io;

use rustls::{AlertDescription, CertificateError, Error};

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct TlsFailure {
    /// A stable name, for counters and records.
    pub name: &'static str,
    sentence: String,
}

impl TlsFailure {
    pub(crate) fn new(name: &'static str, sentence: impl Into<String>) -> TlsFailure {
        TlsFailure { name, sentence: sentence.into() }
    }

    /// The other end did not finish in time.
    pub(crate) fn timeout() -> TlsFailure {
        TlsFailure::new("handshake-timeout", "the TLS handshake did not end in time")
    }

    /// The own configuration cannot be used.
    pub(crate) fn unusable(reason: impl Into<String>) -> TlsFailure {
        TlsFailure::new("tls-unusable", reason)
    }

    /// What an error of the stream means.
    pub(crate) fn of(error: &io::Error) -> TlsFailure {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => of_tls(error),
            None if error.kind() == io::ErrorKind::UnexpectedEof => TlsFailure::new(
                "handshake-closed",
                "the other end closed the connection during the TLS handshake",
            ),
            None => TlsFailure::new(
                "handshake-closed",
                format!("the connection broke during the TLS handshake: {error}"),
            ),
        }
    }
}

pub(super) fn of_tls(error: &Error) -> TlsFailure {
    let name = match error {
        Error::NoCertificatesPresented => "no-certificate",
        Error::InvalidCertificate(error) => of_certificate(error),
        Error::InvalidCertRevocationList(_) => "revocation-list",
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => "incompatible",
        Error::InvalidMessage(_) | Error::PeerSentOversizedRecord => "not-tls",
        Error::AlertReceived(alert) => of_alert(*alert),
        // Everything else is a fault of the protocol, whoever made it.
        _ => "tls-error",
    };
    let sentence = match name {
        "not-tls" => "the other end does not speak TLS".to_owned(),
        "certificate-pin" => "the certificate's key is none of those pinned".to_owned(),
        _ => error.to_string(),
    };
    TlsFailure::new(name, sentence)
}

fn of_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "certificate-expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "certificate-not-valid-yet"
        }
        CertificateError::Revoked => "certificate-revoked",
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "certificate-authority",
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => "revocation-list",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "certificate-name"
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "certificate-purpose"
        }
        CertificateError::ApplicationVerificationFailure => "certificate-pin",
        // The library adds kinds; each is a certificate that is not accepted.
        _ => "certificate",
    }
}

fn of_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => "incompatible",
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => "refused-by-peer",
        // An alert of any other kind says that the other end ended the handshake.
        _ => "tls-error",
    }
}
