//! TLS of a listener: what is shown to those who connect, and who of them is let in.

use std::sync::Arc;

use config::{ApiTls, Choice, Diagnostics, Field, Kind, PrivateKey, Section};
use rustls::ServerConfig;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use tokio::sync::watch;

use super::certificate::{CertificateFacts, names_in};
use super::files::{Files, Places};
use super::problem::TlsProblem;
use super::profile::{PROFILES, Profile};
use super::{Alpn, report, warn_of_expiry};
use crate::Authorities;

/// The settings of `tls` on a listener.
pub const SERVER_FIELDS: &[Field] = &[
    Field::required("cert", "The listener's certificate, followed by those of the authorities between it and the root, in PEM form.", Kind::File)
        .examples(&["\"certs/adt.pem\""]),
    Field::required(
        "key",
        "The private key of `cert`, in PEM form: a file of mode 0600, or a secret.",
        Kind::Any(&[Kind::Secret, Kind::File]),
    )
    .examples(&["\"certs/adt.key\"", "{ secret = \"adt-key\" }"]),
    Field::default("profile", "What the two ends may agree on.", Kind::Choice(PROFILES), "modern"),
    Field::default("client", "Whether those who connect must show a certificate.", Kind::Choice(CLIENTS), "none"),
    Field::optional("ca", "The authorities whose certificates are let in with `client = \"ca\"`, in PEM form.", Kind::File)
        .examples(&["\"certs/clients-ca.pem\""]),
    Field::optional(
        "crl",
        "The revocation lists of those authorities, in PEM form: one for every authority in a chain. A list that has expired lets nobody in.",
        Kind::File,
    )
    .examples(&["\"certs/clients.crl\""]),
];

const CLIENTS: &[Choice] = &[
    Choice { name: "none", doc: "Nobody is asked for a certificate." },
    Choice {
        name: "ca",
        doc: "A certificate of the authorities in `ca` that `crl` does not revoke.",
    },
    Choice {
        name: "peers",
        doc: "The certificate of a peer that the registry lets use this channel; a peer that is revoked loses its connections at once.",
    },
];

/// Whom a listener lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// Everybody; nobody shows a certificate.
    Anybody,
    /// Holders of a certificate of some authorities.
    OfAuthorities,
    /// Peers that the registry knows.
    Peers,
}

/// TLS of a listener, with its files as they are now. Clones share the files; two are equal when they are told the same.
#[derive(Debug, Clone)]
pub struct Server {
    profile: Profile,
    clients: Clients,
    alpn: Alpn,
    files: Arc<Files>,
}

impl PartialEq for Server {
    fn eq(&self, other: &Server) -> bool {
        (self.profile, self.clients, self.alpn) == (other.profile, other.clients, other.alpn)
            && self.files.places() == other.files.places()
    }
}

impl Eq for Server {}

impl Server {
    /// Takes the settings from a section read by [`SERVER_FIELDS`] and reads the files; what is wrong is reported.
    pub fn read(section: &Section<'_>, alpn: Alpn, diags: &mut Diagnostics) -> Option<Server> {
        let (cert, key) = (section.path("cert")?, PrivateKey::read(section, "key")?);
        let clients = match section.choice("client") {
            Some("ca") => Clients::OfAuthorities,
            Some("peers") => Clients::Peers,
            Some(_) | None => Clients::Anybody,
        };
        let (ca, crl) = (section.path("ca"), section.path("crl"));
        let contradiction = match clients {
            Clients::OfAuthorities if ca.is_none() => {
                Some(("client", "`client = \"ca\"` needs `ca`, the authorities to let in"))
            }
            Clients::Anybody | Clients::Peers if ca.is_some() => {
                Some(("ca", "`ca` is for `client = \"ca\"`"))
            }
            Clients::Anybody | Clients::Peers if crl.is_some() => {
                Some(("crl", "`crl` is for `client = \"ca\"`"))
            }
            Clients::Anybody | Clients::OfAuthorities | Clients::Peers => None,
        };
        if let Some((field, sentence)) = contradiction {
            diags.error("C0433", section.span_of(field), sentence);
            return None;
        }
        let profile = Profile::named(section.choice("profile"));
        let places = Places {
            own: Some((cert.to_owned(), key)),
            authorities: ca.map(Into::into),
            revocations: crl.map(Into::into),
        };
        match Files::open(places, profile) {
            Ok(files) => {
                warn_of_expiry(&files, section, diags);
                Some(Server { profile, clients, alpn, files: Arc::new(files) })
            }
            Err(problem) => {
                report(&problem, section, diags);
                None
            }
        }
    }

    /// TLS of the admin API, whose clients prove who they are by a token.
    pub fn of_api(settings: &ApiTls) -> Result<Server, TlsProblem> {
        let places = Places {
            own: Some((settings.cert.clone(), settings.key.clone())),
            authorities: None,
            revocations: None,
        };
        let (profile, clients) = (Profile::Modern, Clients::Anybody);
        let files = Arc::new(Files::open(places, profile)?);
        Ok(Server { profile, clients, alpn: &[b"http/1.1"], files })
    }

    /// The names and addresses that its certificate is for, in lower case.
    pub fn names(&self) -> Vec<String> {
        let own = self.files.now().own.clone();
        own.and_then(|own| own.cert.first().map(names_in)).unwrap_or_default()
    }

    /// Whom it lets in.
    pub fn clients(&self) -> Clients {
        self.clients
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

    /// Moves when the files were read again and differ.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.files.changes()
    }

    /// The authorities of `ca`, with their lists.
    pub(super) fn authorities(&self) -> Authorities {
        let now = self.files.now();
        Authorities {
            roots: now.authorities.clone(),
            revocations: now.revocations.clone(),
            unlisted: false,
        }
    }

    /// What verifies the certificates of clients.
    pub(super) fn verifier(
        &self,
        authorities: Authorities,
    ) -> Result<Arc<dyn ClientCertVerifier>, String> {
        verifier(authorities, self.profile)
    }

    /// The configuration of the next handshake.
    pub(super) fn config(
        &self,
        verifier: Option<Arc<dyn ClientCertVerifier>>,
    ) -> Result<Arc<ServerConfig>, String> {
        let own = self.files.now().own.clone().ok_or("there is no certificate")?;
        let builder = ServerConfig::builder_with_provider(self.profile.provider())
            .with_protocol_versions(self.profile.versions())
            .map_err(|error| error.to_string())?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let own = SingleCertAndKey::from(own);
        let mut config = builder.with_cert_resolver(Arc::new(own));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.max_early_data_size = 0;
        config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
        Ok(Arc::new(config))
    }
}

/// Whether certificates can be verified by these: a single list that cannot be used would keep out the holders of all the others.
pub fn can_verify(authorities: Authorities) -> Result<(), String> {
    verifier(authorities, Profile::Modern).map(drop)
}

fn verifier(
    authorities: Authorities,
    profile: Profile,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = rustls::RootCertStore::empty();
    // One that cannot be read trusts nobody, which is the safe side.
    roots.add_parsable_certificates(authorities.roots);
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), profile.provider())
        .with_crls(authorities.revocations)
        .enforce_revocation_expiration();
    let builder = match authorities.unlisted {
        true => builder.allow_unknown_revocation_status(),
        false => builder,
    };
    builder
        .build()
        .map(|built| built as Arc<dyn ClientCertVerifier>)
        .map_err(|error| error.to_string())
}
