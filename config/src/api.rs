//! Where the admin API listens, what protects it, and who may sign in to it how.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::diagnostics::Diagnostics;
use crate::field::{Choice, Field, Kind};
use crate::section::{SecretRef, Section};
use crate::server::Profile;
use crate::source::Span;

/// Who must have a second factor to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactorPolicy {
    /// Nobody.
    Optional,
    /// Whoever may change something for others.
    Admins,
    /// They, and whoever may read messages.
    Phi,
    /// Everybody.
    All,
}

impl SecondFactorPolicy {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            SecondFactorPolicy::Optional => "optional",
            SecondFactorPolicy::Admins => "admins",
            SecondFactorPolicy::Phi => "phi",
            SecondFactorPolicy::All => "all",
        }
    }
}

/// The settings of the admin API.
#[derive(Clone, Debug)]
pub struct Api {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it shows to those who connect; without it they are programs of this machine.
    pub tls: Option<ApiTls>,
    /// Who must have a second factor to sign in to it.
    pub second_factor: SecondFactorPolicy,
    /// Whether what needs a second person needs one.
    pub approvals: bool,
    /// Whether channel files and tests are written over it.
    pub edits: bool,
}

/// The certificate of the admin API.
#[derive(Clone, Debug)]
pub struct ApiTls {
    /// The certificate with those of the authorities between it and the root, in PEM form.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PrivateKey,
    /// Where `cert` is written.
    pub cert_span: Span,
    /// Where `key` is written.
    pub key_span: Span,
}

/// Where a private key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrivateKey {
    /// In a file of mode 0600.
    File(PathBuf),
    /// Among the secrets.
    Secret(SecretRef),
}

impl PrivateKey {
    /// Takes a setting that is a file or a secret.
    pub fn read(section: &Section<'_>, name: &str) -> Option<PrivateKey> {
        let secret = section.secret(name).cloned().map(PrivateKey::Secret);
        secret.or_else(|| section.path(name).map(|path| PrivateKey::File(path.to_owned())))
    }
}

/// The settings of `[api]`.
pub(crate) const API_FIELDS: &[Field] = &[
    Field::default(
        "listen",
        "Where the admin API listens. An address that other machines can reach needs `tls`, and somebody who owns the system and has a second factor. The unix socket in the data folder is always there.",
        Kind::ListenAddress,
        "127.0.0.1:8480",
    )
    .examples(&["\"127.0.0.1:8480\"", "\"10.1.0.7:8480\""]),
    Field::optional(
        "tls",
        "Encrypts its connections. It is then asked by a name in its certificate and by no other.",
        Kind::Section(API_TLS_FIELDS),
    )
    .examples(&["{ cert = \"certs/api.pem\", key = \"certs/api.key\" }"]),
    Field::default(
        "second_factor",
        "Who must have a second factor, and may do nothing else before they have added one.",
        Kind::Choice(SECOND_FACTORS),
        "admins",
    ),
    Field::default(
        "approvals",
        "Whether somebody else must agree before more than 1,000 messages are sent again, or before somebody becomes an owner or may read messages.",
        Kind::Choice(APPROVALS),
        "production",
    ),
    Field::default(
        "edits",
        "What of the site's folder may be written over the admin API.",
        Kind::Choice(EDITS),
        "none",
    ),
];

const EDITS: &[Choice] = &[
    Choice { name: "none", doc: "Nothing: files are changed where they are." },
    Choice {
        name: "files",
        doc: "Channel files, and tests beside channels, by those who may apply; each is checked first and recorded. What runs stays as it is until it is applied.",
    },
];

pub(crate) const API_TLS_FIELDS: &[Field] = &[
    Field::required(
        "cert",
        "Its certificate, followed by those of the authorities between it and the root, in PEM form. Renewed files are used from the next connection on.",
        Kind::File,
    )
    .examples(&["\"certs/api.pem\""]),
    Field::required(
        "key",
        "The private key of `cert`, in PEM form: a file of mode 0600, or a secret.",
        Kind::Any(&[Kind::Secret, Kind::File]),
    )
    .examples(&["\"certs/api.key\"", "{ secret = \"api-key\" }"]),
];

const APPROVALS: &[Choice] = &[
    Choice { name: "production", doc: "With `profile = \"production\"`." },
    Choice { name: "always", doc: "Always." },
    Choice {
        name: "never",
        doc: "Never: for a site with one administrator. A warning in the status says so in production.",
    },
];

const SECOND_FACTORS: &[Choice] = &[
    Choice { name: "optional", doc: "Nobody must." },
    Choice {
        name: "admins",
        doc: "Whoever may apply channels, or manage peers, certificates, users, roles or sessions.",
    },
    Choice { name: "phi", doc: "They, and whoever may read messages or error texts." },
    Choice { name: "all", doc: "Everybody." },
];

impl Api {
    pub(crate) fn read(
        section: &Section<'_>,
        profile: Profile,
        diags: &mut Diagnostics,
    ) -> Option<Api> {
        let listen = section.listen("listen")?;
        let tls = section.section("tls").map(|tls| ApiTls::read(tls).ok_or(()));
        let tls = tls.transpose().ok()?;
        let inside = listen.ip().to_canonical().is_loopback();
        // What was written and is wrong has been reported.
        if !inside && tls.is_none() && !section.is_given("tls") {
            diags
                .error(
                    "C0411",
                    section.span_of("listen"),
                    format!("`{listen}` can be reached from other machines without encryption"),
                )
                .label("not an address of this machine alone")
                .help(format!(
                    "write `127.0.0.1:{}`, or add `tls = {{ cert = \"...\", key = \"...\" }}`",
                    listen.port()
                ));
        }
        if !inside && tls.is_none() {
            return None;
        }
        Some(Api {
            listen,
            tls,
            second_factor: match section.choice("second_factor")? {
                "optional" => SecondFactorPolicy::Optional,
                "phi" => SecondFactorPolicy::Phi,
                "all" => SecondFactorPolicy::All,
                _ => SecondFactorPolicy::Admins,
            },
            approvals: match section.choice("approvals")? {
                "always" => true,
                "never" => false,
                _ => profile == Profile::Production,
            },
            edits: section.choice("edits")? == "files",
        })
    }

    /// Whether other machines can reach it.
    pub fn is_open_to_others(&self) -> bool {
        !self.listen.ip().to_canonical().is_loopback()
    }
}

impl ApiTls {
    pub(crate) fn read(section: &Section<'_>) -> Option<ApiTls> {
        Some(ApiTls {
            cert: section.path("cert")?.to_owned(),
            key: PrivateKey::read(section, "key")?,
            cert_span: section.span_of("cert"),
            key_span: section.span_of("key"),
        })
    }
}
