//! Who is told of alerts: the log always, and those that the site names.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use config::{Choice, Diagnostics, Field, Kind, Scope, Section, Server, Variant};
use connectors::http::{WEBHOOK_FIELDS, Webhook, WebhookSettings};
use connectors::smtp::{EMAIL_FIELDS, EmailSettings, Mailer};
use connectors::syslog::{COLLECTOR_FIELDS, Collector, SyslogSettings};
use net::TARGET_FIELDS;
use serde_json::json;
use store::{Alert, AlertSink, Announcement, DueAlert, Severity};

use super::written;
use crate::site::Surroundings;

/// The sink that is always there.
const LOG: &str = "log";
/// A key that anybody could guess proves nothing.
const KEY_BYTES_MIN: usize = 16;

/// The settings that every sink has beside its `type`.
pub(crate) const SINK_FIELDS: &[Field] = &[
    Field::required(
        "name",
        "What it is called; `log` is taken. What could not be told yet is kept under this name.",
        Kind::Name,
    )
    .examples(&["\"siem\""]),
    Field::default("severity", "The least severity that it is told of.", Kind::Choice(SEVERITIES), "low"),
    Field::optional(
        "channels",
        "It is told of alerts about these channels only; what is about no channel is not for it. Without them it is told of everything.",
        Kind::List(&Kind::Name),
    )
    .examples(&["[\"adt\", \"lab\"]"]),
    Field::optional(
        "escalate_after",
        "It is told only of alerts that are still open so long after somebody was told first: those who are asked when nobody looks.",
        Kind::Duration { min: "1s", max: "7d" },
    )
    .examples(&["\"15m\""]),
    Field::optional(
        "repeat",
        "It is told again after so long, for as long as an alert is open. Without it, it is told once, and again when an alert becomes worse.",
        Kind::Duration { min: "1s", max: "30d" },
    )
    .examples(&["\"4h\""]),
];

const SEVERITIES: &[Choice] = &[
    Choice { name: "low", doc: "Everything." },
    Choice { name: "medium", doc: "What is to be looked at within days, and what is worse." },
    Choice { name: "high", doc: "What is to be looked at today, and what is worse." },
    Choice { name: "critical", doc: "Only what is to be looked at now." },
];

const FILE_FIELDS: &[Field] = &[Field::required(
    "path",
    "The file, relative to the site; `data/...` lies in the data folder. Made with mode 0600 when it is missing; its folder must exist.",
    Kind::File,
)
.examples(&["\"data/alerts.ndjson\""])];

/// The kinds of sink, by the value of `type`.
pub const SINKS: [Variant; 4] = [
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
    Variant {
        name: "email",
        doc: "Sends a mail of plain text, always encrypted. It counts as told when the server has taken it for one of the recipients; \
              those whom it refuses stand in the log (`alert.recipient`).",
        fields: &[EMAIL_FIELDS, TARGET_FIELDS],
    },
    Variant {
        name: "syslog",
        doc: "Sends the JSON object to a syslog collector (RFC 5424 over TLS, RFC 5425), with the facility of security messages.",
        fields: &[COLLECTOR_FIELDS, TARGET_FIELDS],
    },
];

/// Somebody who is told.
#[derive(Debug, Clone)]
pub struct SinkSettings {
    /// What it is called, and of what it is told.
    pub told: AlertSink,
    pub(super) kind: SinkKind,
}

/// How it is told.
#[derive(Debug, Clone)]
pub(super) enum SinkKind {
    Log,
    File(PathBuf),
    Webhook(Box<WebhookSettings>),
    Email(Box<EmailSettings>),
    Syslog(Box<SyslogSettings>),
}

/// Reads the sinks of a site; what is wrong with them is reported. The log is always the first.
pub(crate) fn read_all(
    server: &Server,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Vec<SinkSettings> {
    let scope = Scope::none().with_secrets(&surroundings.secrets).with_paths(&surroundings.paths);
    let mut sinks = vec![SinkSettings { told: AlertSink::of_everything(LOG), kind: SinkKind::Log }];
    for table in &server.alerts.sinks {
        let read = Section::tagged(table, "type", &SINKS, &[SINK_FIELDS], &scope, diagnostics);
        let Some((kind, section)) = read else { continue };
        let Some(name) = section.text("name") else { continue };
        if sinks.iter().any(|sink| sink.told.name == name.value) {
            let title = format!("two sinks are called `{}`", name.value);
            diagnostics.error("C0106", name.span, title).label("taken");
            continue;
        }
        if let Some(kind) = read_kind(kind, &section, diagnostics) {
            sinks.push(SinkSettings { told: read_told(&name.value, &section), kind });
        }
    }
    sinks
}

fn read_told(name: &str, section: &Section<'_>) -> AlertSink {
    let us = |field: &str| {
        let given = section.duration(field)?;
        Some(i64::try_from(given.as_micros()).unwrap_or(i64::MAX))
    };
    let channels = section.list("channels").iter().filter_map(|value| value.text());
    AlertSink {
        severity: section.choice("severity").and_then(Severity::parse).unwrap_or(Severity::Low),
        channels: channels.map(|name| name.value.clone()).collect(),
        escalate_after_us: us("escalate_after"),
        repeat_us: us("repeat"),
        ..AlertSink::of_everything(name)
    }
}

fn read_kind(kind: &str, section: &Section<'_>, diagnostics: &mut Diagnostics) -> Option<SinkKind> {
    match kind {
        "file" => return section.path("path").map(|path| SinkKind::File(path.to_owned())),
        "email" => {
            return EmailSettings::read(section, diagnostics).map(Box::new).map(SinkKind::Email);
        }
        "syslog" => {
            let read = SyslogSettings::read_collector(section, diagnostics);
            return read.map(Box::new).map(SinkKind::Syslog);
        }
        _ => {}
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
    Email(Box<Mailer>),
    Syslog(Box<Collector>),
}

impl Sink {
    pub(super) fn new(kind: SinkKind) -> Sink {
        match kind {
            SinkKind::Log => Sink::Log,
            SinkKind::File(path) => Sink::File(path),
            SinkKind::Webhook(settings) => Sink::Webhook(Box::new(Webhook::new(*settings))),
            SinkKind::Email(settings) => Sink::Email(Box::new(Mailer::new(*settings))),
            SinkKind::Syslog(settings) => Sink::Syslog(Box::new(Collector::new(*settings))),
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
            Sink::Email(mailer) => {
                let mail = written::mail(due, (node, environment), now_us);
                let refused = mailer.send(&mail, node).await.map_err(|error| error.to_string())?;
                for recipient in refused {
                    tracing::warn!(code = "alert.recipient", id = %due.alert.id, recipient, "a recipient of an alert was refused by the server; the others have it");
                }
                Ok(())
            }
            Sink::Syslog(collector) => {
                let body = object(due, node, environment).to_string();
                let frame = written::entry(due, node, &body, now_us);
                let mut connection =
                    collector.connect().await.map_err(|error| error.to_string())?;
                connection.send(&frame).await.map_err(|error| error.to_string())?;
                connection.finish().await.map_err(|error| error.to_string())
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
        "assigned_to": alert.assigned_to,
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
        (Announcement::Repeated | Announcement::Escalated, _) => {
            tracing::warn!(code = "alert.still", %id, kind, severity, channel, count, "{text}");
        }
        (Announcement::Acknowledged, _) => {
            tracing::info!(code = "alert.acknowledged", %id, kind, severity, channel, "somebody looks after an alert");
        }
        (Announcement::Assigned, _) => {
            let to = alert.assigned_to.as_deref();
            tracing::info!(code = "alert.assigned", %id, kind, severity, channel, to, "who is to look after an alert has changed");
        }
        (Announcement::Resolved, _) => {
            tracing::info!(code = "alert.resolved", %id, kind, severity, channel, "an alert is over");
        }
    }
}
