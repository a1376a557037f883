//! Where figures are asked for by a monitoring system.

use std::net::SocketAddr;

use crate::api::ApiTls;
use crate::diagnostics::Diagnostics;
use crate::field::{Field, Kind};
use crate::section::{SecretRef, Section};

/// The settings of `[metrics]`.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What whoever asks for `/metrics` must show; none where this machine alone can ask.
    pub token: Option<SecretRef>,
    /// What it shows to those who connect.
    pub tls: Option<ApiTls>,
}

pub(crate) const METRICS_FIELDS: &[Field] = &[
    Field::required(
        "listen",
        "Where `/metrics`, `/livez` and `/readyz` are asked for. An address that other machines can reach needs `tls` and `token`.",
        Kind::ListenAddress,
    )
    .examples(&["\"127.0.0.1:9464\""]),
    Field::optional(
        "token",
        "What a monitoring system must show to read `/metrics`, as `Authorization: Bearer`. It opens nothing else.",
        Kind::Secret,
    )
    .examples(&["{ secret = \"metrics\" }"]),
    Field::optional("tls", "Encrypts its connections.", Kind::Section(crate::api::API_TLS_FIELDS))
        .examples(&["{ cert = \"certs/api.pem\", key = \"certs/api.key\" }"]),
];

impl Metrics {
    pub(crate) fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Metrics> {
        let listen = section.listen("listen")?;
        let tls = section.section("tls").map(|tls| ApiTls::read(tls).ok_or(()));
        let tls = tls.transpose().ok()?;
        let token = section.secret("token").cloned();
        let inside = listen.ip().to_canonical().is_loopback();
        let guarded = tls.is_some() && token.is_some();
        if !inside && !guarded && section.is_sound() {
            diags
                .error(
                    "C0411",
                    section.span_of("listen"),
                    format!("`{listen}` can be reached from other machines"),
                )
                .label("not an address of this machine alone")
                .help(format!("write `127.0.0.1:{}`, or add `tls` and `token`", listen.port()));
        }
        (inside || guarded).then_some(Metrics { listen, token, tls })
    }
}
