//! TLS of a destination: whom it trusts to be the receiver, and what it shows of itself.

use std::net::IpAddr;
use std::sync::Arc;

use config::{Address, Diagnostics, Directory, Field, Kind, PrivateKey, Section};
use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::sign::SingleCertAndKey;
use rustls_pki_types::ServerName;

use super::certificate::CertificateFacts;
use super::files::{Files, Places};
use super::pin::{Pin, PinnedKey};
use super::problem::TlsProblem;
use super::profile::{PROFILES, Profile};
use super::{Alpn, report, warn_of_expiry};

/// The settings of `tls` on a destination.
pub const CLIENT_FIELDS: &[Field] = &[
    Field::optional(
        "ca",
        "The authorities that the receiver's certificate must come from, in PEM form. Nobody else is trusted, not those of the system either.",
        Kind::File,
    )
    .examples(&["\"certs/lab-ca.pem\"", "\"/etc/ssl/certs/ca-certificates.crt\""]),
    Field::optional(
        "crl",
        "The revocation lists of those authorities, in PEM form: one for every authority in a chain. With a list that has expired nothing is sent.",
        Kind::File,
    )
    .examples(&["\"certs/lab.crl\""]),
    Field::optional(
        "pin",
        "SHA-256 of public keys (SubjectPublicKeyInfo) of which the receiver must hold one. Without `ca` the key alone is checked, not the chain, the name or the dates.",
        Kind::List(&Kind::Text),
    )
    .examples(&["[\"sha256:2f0b45b3d6c2c1f8d3a7a6f2b0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7b8c9\"]"]),
    Field::optional("server_name", "The name in the receiver's certificate, when it is not the host of the address.", Kind::Text)
        .examples(&["\"lab.hospital.example\""]),
    Field::default("profile", "What the two ends may agree on.", Kind::Choice(PROFILES), "modern"),
    Field::optional("cert", "The certificate that is shown to a receiver that asks for one, in PEM form.", Kind::File)
        .examples(&["\"certs/hilum.pem\""]),
    Field::optional(
        "key",
        "The private key of `cert`, in PEM form: a file of mode 0600, or a secret.",
        Kind::Any(&[Kind::Secret, Kind::File]),
    )
    .examples(&["\"certs/hilum.key\"", "{ secret = \"hilum-key\" }"]),
];

/// TLS of a destination, with its files as they are now. Clones share the files; two are equal when they are told the same.
#[derive(Debug, Clone)]
pub struct Client {
    profile: Profile,
    name: ServerName<'static>,
    pins: Vec<Pin>,
    alpn: Alpn,
    files: Arc<Files>,
}

impl PartialEq for Client {
    fn eq(&self, other: &Client) -> bool {
        (self.profile, &self.name, &self.pins, self.alpn)
            == (other.profile, &other.name, &other.pins, other.alpn)
            && self.files.places() == other.files.places()
    }
}

impl Eq for Client {}

impl Client {
    /// Takes the settings from a section read by [`CLIENT_FIELDS`] and reads the files; what is wrong is reported.
    pub fn read(
        section: &Section<'_>,
        address: &Address,
        alpn: Alpn,
        diags: &mut Diagnostics,
    ) -> Option<Client> {
        let pins = pins(section, diags)?;
        let places = places(section, &pins, diags)?;
        let name = name(section, address, diags)?;
        let profile = Profile::named(section.choice("profile"));
        match Files::open(places, profile) {
            Ok(files) => {
                warn_of_expiry(&files, section, diags);
                Some(Client { profile, name, pins, alpn, files: Arc::new(files) })
            }
            Err(problem) => {
                report(&problem, section, diags);
                None
            }
        }
    }

    /// TLS with a server of a directory: the authorities that its settings name and no others, and the name of the server.
    ///
    /// # Errors
    /// When the files cannot be used, or nothing can be the name of the server.
    pub(crate) fn of_directory(
        directory: &Directory,
        server: &Address,
    ) -> Result<Client, TlsProblem> {
        // Domain controllers of any age that still gets updates speak TLS 1.2.
        let profile = Profile::Compat;
        let name = match server.host.parse::<IpAddr>() {
            Ok(ip) => ServerName::IpAddress(ip.into()),
            Err(_) => ServerName::try_from(server.host.clone())
                .map_err(|_| TlsProblem::Name { name: server.host.clone() })?,
        };
        let places = Places {
            own: None,
            authorities: Some(directory.ca.clone()),
            revocations: directory.crl.clone(),
        };
        let files = Arc::new(Files::open(places, profile)?);
        Ok(Client { profile, name, pins: Vec::new(), alpn: &[], files })
    }

    /// Reads the files again, if they have changed.
    pub fn refresh(&self) {
        self.files.refresh();
    }

    /// Its certificates and lists.
    pub fn certificates(&self) -> Vec<CertificateFacts> {
        self.files.now().facts.clone()
    }

    /// What is wrong with the files since they were last used.
    pub fn problem(&self) -> Option<TlsProblem> {
        self.files.problem()
    }

    /// The name that the receiver must prove.
    pub fn server_name(&self) -> String {
        self.name.to_str().into_owned()
    }

    /// Whether the receiver must prove its name, and not its key alone.
    pub fn checks_name(&self) -> bool {
        self.files.places().authorities.is_some()
    }

    pub(crate) fn name(&self) -> ServerName<'static> {
        self.name.clone()
    }

    /// The configuration of the next handshake.
    pub(crate) fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let now = self.files.now();
        let provider = self.profile.provider();
        let chain: Option<Arc<dyn ServerCertVerifier>> = match now.authorities.is_empty() {
            true => None,
            false => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add_parsable_certificates(now.authorities.iter().cloned());
                let builder =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                        .with_crls(now.revocations.iter().cloned())
                        .enforce_revocation_expiration();
                Some(builder.build().map_err(|error| error.to_string())?)
            }
        };
        let verifier = PinnedKey::new(self.pins.clone(), chain, &provider);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(self.profile.versions())
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &now.own {
            Some(own) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(own))))
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        config.enable_early_data = false;
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

fn pins(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Vec<Pin>> {
    let mut pins = Vec::new();
    for text in section.texts("pin") {
        match text.value.parse() {
            Ok(pin) => pins.push(pin),
            Err(problem) => {
                diags
                    .error("C0108", text.span, format!("`{}` is not the hash of a key", text.value))
                    .label(format!("{problem}"));
                return None;
            }
        }
    }
    Some(pins)
}

fn places(section: &Section<'_>, pins: &[Pin], diags: &mut Diagnostics) -> Option<Places> {
    let (ca, crl) = (section.path("ca"), section.path("crl"));
    let (cert, key) = (section.path("cert"), PrivateKey::read(section, "key"));
    let contradiction = if ca.is_none() && pins.is_empty() {
        Some(("ca", "nobody is trusted to be the receiver: write `ca` or `pin`"))
    } else if ca.is_none() && crl.is_some() {
        Some(("crl", "`crl` is for the authorities in `ca`"))
    } else if cert.is_some() != key.is_some() {
        Some(("cert", "`cert` and `key` go together"))
    } else {
        None
    };
    if let Some((field, sentence)) = contradiction {
        diags.error("C0433", section.span_of(field), sentence);
        return None;
    }
    Some(Places {
        own: cert.map(Into::into).zip(key),
        authorities: ca.map(Into::into),
        revocations: crl.map(Into::into),
    })
}

fn name(
    section: &Section<'_>,
    address: &Address,
    diags: &mut Diagnostics,
) -> Option<ServerName<'static>> {
    let written = section.text("server_name");
    let text = written.map_or(address.host.as_str(), |text| text.value.as_str());
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ServerName::IpAddress(ip.into()));
    }
    match ServerName::try_from(text.to_owned()) {
        Ok(name) => Some(name),
        Err(_) => {
            diags.error(
                "C0108",
                section.span_of("server_name"),
                format!("`{text}` cannot be the name in a certificate"),
            );
            None
        }
    }
}
