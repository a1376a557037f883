//! An authority with a certificate for this machine, in files.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

/// The files; they go when this is dropped.
pub struct Issued {
    folder: TempDir,
}

impl Issued {
    /// An authority and one certificate of it.
    pub fn new() -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let own_key = KeyPair::generate().unwrap();
        let own = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let own = own.signed_by(&own_key, &issuer).unwrap();
        let issued = Issued { folder: tempfile::tempdir().unwrap() };
        issued.put("ca.pem", &authority.pem());
        issued.put("own.pem", &own.pem());
        issued.put("own.key", &own_key.serialize_pem());
        issued
    }

    /// Writes a file that only its owner reads.
    pub fn put(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// One of the files: `ca.pem`, `own.pem`, `own.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as a setting says it.
    pub fn quoted(&self, name: &str) -> String {
        format!("'{}'", self.file(name).display())
    }

    pub fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.file(name)).unwrap()
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_file(self.file("own.key")).unwrap()
    }

    /// A server as other programs have it: with tickets, and sessions that are resumed.
    pub fn ordinary_server(&self) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        Arc::new(builder.with_single_cert(vec![self.certificate("own.pem")], self.key()).unwrap())
    }

    /// A client as other programs have it: it keeps sessions and offers them again.
    pub fn ordinary_client(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate("ca.pem")).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder =
            builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
        Arc::new(
            builder.with_client_auth_cert(vec![self.certificate("own.pem")], self.key()).unwrap(),
        )
    }
}
