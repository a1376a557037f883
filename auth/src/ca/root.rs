//! A root: how it is made, and what it signs.

use std::time::Duration;

use phi::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams,
    CertificateSigningRequestParams, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};

use super::{CaError, Certificate, DAY_US, KeyKind, LEAF_DAYS, LIST_DAYS, LeafOrder, ROOT_DAYS};

/// Clocks of partners may be a little behind ours.
const BACKDATED_US: i64 = 5 * 60 * 1_000_000;

/// A root that was made just now.
pub struct NewRoot {
    /// Its certificate.
    pub certificate: Certificate,
    /// Its private key, PKCS#8.
    pub private_key: Secret<Vec<u8>>,
}

/// A root that can sign.
pub struct Signer {
    certificate: Certificate,
    key: Secret<KeyPair>,
}

impl NewRoot {
    /// Makes the n-th root of a registry. Its subject holds a part of its fingerprint, so that no two roots ever share one: a
    /// revocation list is found by the name of its issuer.
    pub fn make(n: usize, now_us: i64) -> Result<NewRoot, CaError> {
        let unmade = |_| CaError::Unmade("root");
        let key = KeyPair::generate_for(KeyKind::Ed25519.algorithm()).map_err(unmade)?;
        let key = Secret::new(key);
        let spki =
            Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(key.expose_secret()));
        let mark: String = spki.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("Hilum CA {n} {mark}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(SerialNumber::from_slice(&rand::random::<[u8; 16]>()));
        params.not_before = date_time_ymd(1970, 1, 1) + since_1970(now_us - BACKDATED_US)?;
        params.not_after = date_time_ymd(1970, 1, 1) + since_1970(now_us + ROOT_DAYS * DAY_US)?;
        let signed = params.self_signed(key.expose_secret()).map_err(unmade)?;
        Ok(NewRoot {
            certificate: Certificate::read(signed.der())?,
            private_key: Secret::new(key.expose_secret().serialize_der()),
        })
    }
}

impl Signer {
    /// Joins a root's certificate with its key; refuses a key that is not its own.
    pub fn open(certificate: &[u8], key: &Secret<Vec<u8>>) -> Result<Signer, CaError> {
        let unreadable = |_| CaError::Unreadable("private key");
        let der = PrivatePkcs8KeyDer::from(key.expose_secret().as_slice());
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der, KeyKind::Ed25519.algorithm());
        let key = Secret::new(pair.map_err(unreadable)?);
        let certificate = Certificate::read(certificate)?;
        let spki =
            Sha256::digest(rcgen::PublicKeyData::subject_public_key_info(key.expose_secret()));
        if spki[..] != certificate.spki {
            return Err(CaError::Unreadable("private key"));
        }
        Ok(Signer { certificate, key })
    }

    fn issuer(&self) -> Result<Issuer<'static, &KeyPair>, CaError> {
        let der: &CertificateDer<'_> = &self.certificate.der;
        Issuer::from_ca_cert_der(der, self.key.expose_secret())
            .map_err(|_| CaError::Unreadable("root"))
    }

    /// Signs a certificate for the key of a request. Nothing else of the request is taken over.
    pub fn sign(
        &self,
        order: &LeafOrder,
        request_pem: &str,
        serial: [u8; 16],
        now_us: i64,
    ) -> Result<Certificate, CaError> {
        let until_us = now_us + LEAF_DAYS * DAY_US;
        if until_us > self.certificate.until_us {
            return Err(CaError::RootEnds);
        }
        let missing = |_| CaError::Missing("certificate request in PEM");
        let request = CertificateSigningRequestDer::from_pem_slice(request_pem.as_bytes());
        let request = CertificateSigningRequestParams::from_der(&request.map_err(missing)?);
        let public_key = request.map_err(|_| CaError::Request)?.public_key;
        let mut params = order.params()?;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.not_before = date_time_ymd(1970, 1, 1) + since_1970(now_us - BACKDATED_US)?;
        params.not_after = date_time_ymd(1970, 1, 1) + since_1970(until_us)?;
        let signed = params.signed_by(&public_key, &self.issuer()?);
        Certificate::read(signed.map_err(|_| CaError::Unmade("certificate"))?.der())
    }

    /// Signs the list of what is revoked: serial numbers, and when.
    pub fn list(
        &self,
        revoked: &[([u8; 16], i64)],
        number: i64,
        now_us: i64,
    ) -> Result<Vec<u8>, CaError> {
        let entries = revoked.iter().map(|(serial, at_us)| {
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(serial),
                revocation_time: date_time_ymd(1970, 1, 1) + since_1970(*at_us)?,
                reason_code: None,
                invalidity_date: None,
            })
        });
        let number = u64::try_from(number).map_err(|_| CaError::Unmade("revocation list"))?;
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + since_1970(now_us - BACKDATED_US)?,
            next_update: date_time_ymd(1970, 1, 1) + since_1970(now_us + LIST_DAYS * DAY_US)?,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: entries.collect::<Result<_, CaError>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let signed = params.signed_by(&self.issuer()?);
        Ok(signed.map_err(|_| CaError::Unmade("revocation list"))?.der().to_vec())
    }
}

/// The time since 1970 in whole seconds, which is all that a certificate can say.
fn since_1970(time_us: i64) -> Result<Duration, CaError> {
    let seconds = u64::try_from(time_us / 1_000_000).map_err(|_| CaError::Unmade("date"))?;
    Ok(Duration::from_secs(seconds))
}
