//! Who is told of alerts: the log always, and those that the site names.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use config::{Diagnostics, Field, Kind, Scope, Section, Server, Variant};
use connectors::http::{WEBHOOK_FIELDS, Webhook, WebhookSettings};
use net::TARGET_FIELDS;
use serde_json::json;
use store::{Alert, Announcement, DueAlert, Severity};

use crate::site::Surroundings;

/// The sink that is always there.
const LOG: &str = "log";
/// A key that anybody could guess proves nothing.
const KEY_BYTES_MIN: usize = 16;

/// The settings that every sink has beside its `type`.
pub(crate) const SINK_FIELDS: &[Field] = &[Field::required(
    "name",
    "What it is called; `log` is taken. What could not be told yet is kept under this name.",
    Kind::Name,
)
.examples(&["\"siem\""])];

const FILE_FIELDS: &[Field] = &[Field::required(
    "path",
    "The file, relative to the site; `data/...` lies in the data folder. Made with mode 0600 when it is missing; its folder must exist.",
    Kind::File,
)
.examples(&["\"data/alerts.ndjson\""])];

/// The kinds of sink, by the value of `type`.
pub const SINKS: [Variant; 2] = [
    Variant {
        name: "file",
        doc: "A JSON object a line, added at the end of a file and synced before it counts as told.",
        fields: &[FILE_FIELDS],
    },
    Variant {
        name: "webhook",
        doc: "Posts a JSON object to a system. `X-Hilum-Timestamp` holds the seconds since 1970, `X-Hilum-Signature` holds `sha256=` and the \
              HMAC-SHA-256 of the time, a dot and the body. An answer from 200 to 299 counts; everything else is tried again, for as long as it takes.",
        fields: &[WEBHOOK_FIELDS, TARGET_FIELDS],
    },
];

/// Somebody who is told.
#[derive(Debug, Clone)]
pub struct SinkSettings {
    /// What it is called.
    pub name: String,
    pub(super) kind: SinkKind,
}

/// How it is told.
#[derive(Debug, Clone)]
pub(super) enum SinkKind {
    Log,
    File(PathBuf),
    Webhook(Box<WebhookSettings>),
}

/// Reads the sinks of a site; what is wrong with them is reported. The log is always the first.
pub(crate) fn read_all(
    server: &Server,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Vec<SinkSettings> {
    let scope = Scope::none().with_secrets(&surroundings.secrets).with_paths(&surroundings.paths);
    let mut sinks = vec![SinkSettings { name: LOG.to_owned(), kind: SinkKind::Log }];
    for table in &server.alerts.sinks {
        let read = Section::tagged(table, "type", &SINKS, &[SINK_FIELDS], &scope, diagnostics);
        let Some((kind, section)) = read else { continue };
        let Some(name) = section.text("name") else { continue };
        if sinks.iter().any(|sink| sink.name == name.value) {
            let title = format!("two sinks are called `{}`", name.value);
            diagnostics.error("C0106", name.span, title).label("taken");
            continue;
        }
        if let Some(kind) = read_kind(kind, &section, diagnostics) {
            sinks.push(SinkSettings { name: name.value.clone(), kind });
        }
    }
    sinks
}

fn read_kind(kind: &str, section: &Section<'_>, diagnostics: &mut Diagnostics) -> Option<SinkKind> {
    if kind == "file" {
        return section.path("path").map(|path| SinkKind::File(path.to_owned()));
    }
    let settings = WebhookSettings::read(section, diagnostics)?;
    // One that has no value at all was reported where it was read.
    if let Ok(key) = settings.secret.value()
        && key.expose_secret().len() < KEY_BYTES_MIN
    {
        let title = format!("secret `{}` is too short to sign with", settings.secret.name);
        diagnostics
            .error("C0415", section.span_of("secret"), title)
            .label(format!("a key has at least {KEY_BYTES_MIN} bytes"))
            .help("`openssl rand -hex 32` makes one");
        return None;
    }
    Some(SinkKind::Webhook(Box::new(settings)))
}

/// A way to tell somebody.
pub(super) enum Sink {
    Log,
    File(PathBuf),
    Webhook(Box<Webhook>),
}

impl Sink {
    pub(super) fn new(kind: SinkKind) -> Sink {
        match kind {
            SinkKind::Log => Sink::Log,
            SinkKind::File(path) => Sink::File(path),
            SinkKind::Webhook(settings) => Sink::Webhook(Box::new(Webhook::new(*settings))),
        }
    }

    /// Tells one alert; the error says why it must be told again.
    pub(super) async fn tell(
        &self,
        due: &DueAlert,
        (node, environment): (&str, &str),
        now_us: i64,
    ) -> Result<(), String> {
        match self {
            Sink::Log => {
                log(due.what, &due.alert);
                Ok(())
            }
            Sink::File(path) => {
                let (path, line) = (path.clone(), format!("{}\n", object(due, node, environment)));
                let written = tokio::task::spawn_blocking(move || append(&path, &line)).await;
                match written {
                    Ok(written) => written.map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                }
            }
            Sink::Webhook(webhook) => {
                let body = object(due, node, environment).to_string();
                let posted = webhook.post(body.into(), now_us.div_euclid(1_000_000)).await;
                posted.map_err(|error| error.to_string())
            }
        }
    }
}

/// What programs are told: no value of a message, and no secret.
fn object(due: &DueAlert, node: &str, environment: &str) -> serde_json::Value {
    let alert = &due.alert;
    json!({
        "event": due.what.as_str(),
        "id": alert.id.to_string(),
        "kind": alert.kind,
        "object": alert.object,
        "channel": alert.channel,
        "severity": alert.severity.as_str(),
        "state": alert.state.as_str(),
        "first_us": alert.first_us,
        "last_us": alert.last_us,
        "count": alert.count,
        "text": alert.text,
        "node": node,
        "environment": environment,
    })
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.write_all(line.as_bytes())?;
    file.sync_data()
}

fn log(what: Announcement, alert: &Alert) {
    let Alert { id, kind, text, count, .. } = alert;
    let (severity, channel) = (alert.severity.as_str(), alert.channel.as_deref());
    match (what, alert.severity) {
        (Announcement::Raised, Severity::High | Severity::Critical) => {
            tracing::error!(code = "alert.raised", %id, kind, severity, channel, count, "{text}");
        }
        (Announcement::Raised, Severity::Low | Severity::Medium) => {
            tracing::warn!(code = "alert.raised", %id, kind, severity, channel, count, "{text}");
        }
        (Announcement::Acknowledged, _) => {
            tracing::info!(code = "alert.acknowledged", %id, kind, severity, channel, "somebody looks after an alert");
        }
        (Announcement::Resolved, _) => {
            tracing::info!(code = "alert.resolved", %id, kind, severity, channel, "an alert is over");
        }
    }
}
