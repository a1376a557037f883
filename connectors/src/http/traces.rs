//! Where traces go: a collector of OpenTelemetry that takes OTLP over HTTP, as JSON.

use std::time::Duration;

use bytes::Bytes;
use config::{Diagnostics, Field, Kind, SecretRef, Section};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use net::{Dialer, Target};
use tokio::time::{Instant, timeout_at};

use super::destination_settings::read_url;
use super::url::Url;
use super::webhook::{WebhookError, post};

/// The settings of `[telemetry]` beside those of every receiver in a network.
pub const TRACES_FIELDS: &[Field] = &[
    Field::required(
        "url",
        "Where traces are posted. `https` needs `tls`; `http` is on this machine, or `plaintext` says why not.",
        Kind::Reference,
    )
    .examples(&["\"http://127.0.0.1:4318/v1/traces\""]),
    Field::optional("token", "What the collector is shown, as `Authorization: Bearer`.", Kind::Secret)
        .examples(&["{ secret = \"collector\" }"]),
];

/// One try may take so long.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where traces go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracesSettings {
    /// Where they are posted.
    pub url: Url,
    /// The collector behind it.
    pub target: Target,
    /// What it is shown.
    pub token: Option<SecretRef>,
}

impl TracesSettings {
    /// Takes the settings from a section read by [`TRACES_FIELDS`] and the fields of targets; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<TracesSettings> {
        let (url, target) = read_url(section, diags)?;
        Some(TracesSettings { url, target, token: section.secret("token").cloned() })
    }

    /// Posts a body.
    pub async fn post(&self, body: Bytes) -> Result<(), WebhookError> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("hilum"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = &self.token {
            let shown = format!("Bearer {}", token.value()?.expose_secret());
            let mut shown = HeaderValue::from_str(&shown).map_err(|_| WebhookError::Request)?;
            shown.set_sensitive(true);
            headers.insert(AUTHORIZATION, shown);
        }
        let dialer = Dialer::new(TIMEOUT);
        let posted = post(&dialer, (&self.url, &self.target), headers, &body);
        timeout_at(Instant::now() + TIMEOUT, posted).await.unwrap_or(Err(WebhookError::Late))
    }
}
