//! Certificates as a hospital's own authority would issue them, good and bad.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// An authority, and the folder that its files are in.
pub struct Authority {
    folder: PathBuf,
    name: String,
    issuer: Issuer<'static, KeyPair>,
    next: AtomicU64,
}

/// The two files of a certificate.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub cert: PathBuf,
    /// Its key, of mode 0600.
    pub key: PathBuf,
    serial: u64,
}

/// What a certificate says.
pub struct Leaf {
    /// The subject's common name.
    pub subject: &'static str,
    /// The years in which it is valid, from and until before.
    pub years: (i32, i32),
    /// Whether it is for servers, for clients, or for both.
    pub usage: &'static [ExtendedKeyUsagePurpose],
}

/// For both sides, for a long time.
pub const GOOD: Leaf = Leaf {
    subject: "lab",
    years: (2020, 2090),
    usage: &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
};

impl Authority {
    /// A new authority; its certificate is `NAME.pem` in the folder.
    pub fn new(folder: &Path, name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // All have the same subject: only the key tells one from another.
        params.distinguished_name.push(DnType::CommonName, "authority of a hospital");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2090, 1, 1));
        let certificate = params.self_signed(&key).unwrap();
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(format!("{name}.pem")), certificate.pem()).unwrap();
        let issuer = Issuer::new(params, key);
        Authority {
            folder: folder.to_owned(),
            name: name.to_owned(),
            issuer,
            next: AtomicU64::new(1),
        }
    }

    /// The file of its certificate.
    pub fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.pem", self.name))
    }

    /// Issues a certificate for this machine into files of this name, over what is there.
    pub fn issue(&self, file: &str, leaf: &Leaf) -> Issued {
        let serial = self.next.fetch_add(1, Ordering::Relaxed);
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, leaf.subject);
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages = leaf.usage.to_vec();
        params.not_before = date_time_ymd(leaf.years.0, 1, 1);
        params.not_after = date_time_ymd(leaf.years.1, 1, 1);
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let issued = Issued {
            cert: self.folder.join(format!("{file}.pem")),
            key: self.folder.join(format!("{file}.key")),
            serial,
        };
        put(&issued.cert, &certificate.pem());
        put(&issued.key, &key.serialize_pem());
        issued
    }

    /// Writes its revocation list, `NAME.crl`, valid until this year, over what is there.
    pub fn revoke(&self, revoked: &[&Issued], until: i32) -> PathBuf {
        let entries = revoked.iter().map(|issued| RevokedCertParams {
            serial_number: SerialNumber::from(issued.serial),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(revoked.len() as u64),
            issuing_distribution_point: None,
            revoked_certs: entries.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.folder.join(format!("{}.crl", self.name));
        put(&path, &list.signed_by(&self.issuer).unwrap().pem().unwrap());
        path
    }
}

/// A certificate that nobody has signed but its own key, with this authority's subject.
pub fn self_signed(folder: &Path, file: &str) -> Issued {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "authority of a hospital");
    params.extended_key_usages = GOOD.usage.to_vec();
    let issued = Issued {
        cert: folder.join(format!("{file}.pem")),
        key: folder.join(format!("{file}.key")),
        serial: 0,
    };
    put(&issued.cert, &params.self_signed(&key).unwrap().pem());
    put(&issued.key, &key.serialize_pem());
    issued
}

/// Writes beside the file and renames, as whoever renews certificates should.
fn put(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(beside, path).unwrap();
}
