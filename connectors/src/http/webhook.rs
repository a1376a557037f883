//! A webhook: JSON posted to one system, signed so that the system knows who has sent it and when.

use std::time::Duration;

use bytes::Bytes;
use config::{Diagnostics, Field, Kind, SecretRef, Section};
use hmac::{Hmac, KeyInit, Mac};
use hyper::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{HeaderMap, Method};
use net::{DialError, Dialer, Target};
use sha2::Sha256;
use tokio::time::{Instant, timeout_at};

use super::destination_settings::read_url;
use super::link::{Answer, Link};
use super::url::Url;

/// The settings of a webhook beside those of every receiver in a network.
pub const WEBHOOK_FIELDS: &[Field] = &[
    Field::required(
        "url",
        "Where it is posted. `https` needs `tls`; `http` is on this machine, or `plaintext` says why not.",
        Kind::Reference,
    )
    .examples(&["\"http://127.0.0.1:8080/alerts\"", "\"https://siem.example/hilum\""]),
    Field::required(
        "secret",
        "The key of the signature (HMAC-SHA-256 over the time, a dot and the body), by reference. It is read at every request, so that it can be renewed.",
        Kind::Secret,
    )
    .examples(&["{ secret = \"webhook-key\" }"]),
    Field::default(
        "timeout",
        "How long one try may take, from connecting to the whole answer.",
        Kind::Duration { min: "100ms", max: "5m" },
        "10s",
    ),
];

/// What a webhook was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Where it posts.
    pub url: Url,
    /// The receiver behind it.
    pub target: Target,
    /// The key of the signature.
    pub secret: SecretRef,
    /// How long one try may take.
    pub timeout: Duration,
}

impl WebhookSettings {
    /// Takes the settings from a section read by [`WEBHOOK_FIELDS`] and the fields of targets; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<WebhookSettings> {
        let (url, target) = read_url(section, diags)?;
        let (secret, timeout) = (section.secret("secret")?.clone(), section.duration("timeout")?);
        Some(WebhookSettings { url, target, secret, timeout })
    }
}

/// Why the receiver does not have it, as far as this side knows.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The key has no value at this moment.
    #[error("{0}")]
    Secret(#[from] config::site::SecretError),
    /// There is no connection.
    #[error("{0}")]
    Dial(#[from] DialError),
    /// The connection ended before an answer.
    #[error("no answer: {0}")]
    Broken(#[from] hyper::Error),
    /// It took too long.
    #[error("no whole answer in time")]
    Late,
    /// The receiver does not take it.
    #[error("the receiver answered {0}")]
    Refused(u16),
    /// The request cannot be written.
    #[error("the request cannot be written")]
    Request,
}

/// Posts to one system, a connection for each request: there are few, and none is worth a kept one.
pub struct Webhook {
    settings: WebhookSettings,
    dialer: Dialer,
}

impl Webhook {
    /// A webhook that has posted nothing yet.
    pub fn new(settings: WebhookSettings) -> Webhook {
        let dialer = Dialer::new(settings.timeout);
        Webhook { settings, dialer }
    }

    /// Posts a body, signed with the time in seconds since 1970. Only an answer from 200 to 299 says that the receiver has it.
    pub async fn post(&self, body: Bytes, now_s: i64) -> Result<(), WebhookError> {
        let until = Instant::now() + self.settings.timeout;
        timeout_at(until, self.exchange(body, now_s)).await.unwrap_or(Err(WebhookError::Late))
    }

    async fn exchange(&self, body: Bytes, now_s: i64) -> Result<(), WebhookError> {
        let WebhookSettings { url, target, secret, .. } = &self.settings;
        let key = secret.value()?;
        let signed = signature(key.expose_secret().as_bytes(), now_s, &body);
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static("hilum"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("x-hilum-timestamp", HeaderValue::from(now_s));
        let signed = HeaderValue::from_str(&signed).map_err(|_| WebhookError::Request)?;
        headers.insert("x-hilum-signature", signed);
        post(&self.dialer, (url, target), headers, &body).await
    }
}

/// Posts a body on a connection of its own. Only an answer from 200 to 299 says that the receiver has it.
pub(super) async fn post(
    dialer: &Dialer,
    (url, target): (&Url, &Target),
    headers: HeaderMap,
    body: &Bytes,
) -> Result<(), WebhookError> {
    let stream = dialer.connect(target).await?;
    let two = stream.session().and_then(|session| session.alpn).as_deref() == Some(b"h2");
    let mut link = Link::over(stream, two).await?;
    let request =
        url.request(&Method::POST, headers, body, two).map_err(|_| WebhookError::Request)?;
    let mut answer = Answer::default();
    link.exchange(request, &mut answer).await?;
    match answer.status {
        Some(200..=299) => Ok(()),
        Some(status) => Err(WebhookError::Refused(status)),
        None => Err(WebhookError::Late),
    }
}

/// `sha256=` and the HMAC-SHA-256 of the time, a dot and the body, in hexadecimal digits.
pub fn signature(key: &[u8], now_s: i64, body: &[u8]) -> String {
    // A key of any length is a key (RFC 2104).
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(now_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    let digest = mac.finalize().into_bytes();
    digest.iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `printf '1700000000.{}' | openssl dgst -sha256 -hmac key`.
    #[test]
    fn a_signature_is_what_another_program_computes() {
        let expected = "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae";
        assert_eq!(signature(b"key", 1_700_000_000, b"{}"), expected);
        assert_ne!(signature(b"key", 1_700_000_001, b"{}"), expected);
    }
}
