//! What is said of the collector.

use std::time::Duration;

use config::{Choice, Diagnostics, Field, Kind, Section, Value};
use net::Target;

use super::Severity;

/// The settings of a syslog collector beside those of every receiver in a network.
pub const SYSLOG_FIELDS: &[Field] = &[
    Field::required(
        "address",
        "The host and port of the collector; 6514 is usual. Without `tls` or `plaintext` it is this machine.",
        Kind::Address,
    )
    .examples(&["\"siem.hospital.example:6514\""]),
    Field::optional("send", "What is sent; both when it is left out.", Kind::List(&Kind::Choice(STREAMS)))
        .examples(&["[\"audit\"]"]),
    Field::default("level", "The least that is sent of the log.", Kind::Choice(LEVELS), "warn"),
    Field::default(
        "connect_timeout",
        "How long to try to connect.",
        Kind::Duration { min: "100ms", max: "5m" },
        "10s",
    ),
];

/// The settings of a collector that gets something else.
pub const COLLECTOR_FIELDS: &[Field] = &[SYSLOG_FIELDS[0], SYSLOG_FIELDS[3]];

const AUDIT: &str = "audit";
const LOG: &str = "log";

const STREAMS: &[Choice] = &[
    Choice { name: AUDIT, doc: "Every record of the audit log, in order, from the first one." },
    Choice { name: LOG, doc: "The engine's own log." },
];

const LEVELS: &[Choice] = &[
    Choice { name: "error", doc: "What has failed." },
    Choice { name: "warn", doc: "That, and what somebody should look at." },
    Choice { name: "info", doc: "That, and what is done in the ordinary course." },
];

/// What is said of the collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyslogSettings {
    /// Where it is.
    pub target: Target,
    /// It gets the audit log.
    pub audit: bool,
    /// It gets the engine's log, from this severity on.
    pub log: Option<Severity>,
    /// How long to try to connect.
    pub connect_timeout: Duration,
}

impl SyslogSettings {
    /// Takes where it is from a section read by [`COLLECTOR_FIELDS`] and the fields of targets; it gets neither of the two streams.
    pub fn read_collector(
        section: &Section<'_>,
        diags: &mut Diagnostics,
    ) -> Option<SyslogSettings> {
        let address = section.address("address")?;
        let target = Target::read(section, (address, section.span_of("address")), &[], diags)?;
        let connect_timeout = section.duration("connect_timeout")?;
        Some(SyslogSettings { target, audit: false, log: None, connect_timeout })
    }

    /// Takes the settings from a section read by [`SYSLOG_FIELDS`] and the fields of targets; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<SyslogSettings> {
        let address = section.address("address")?;
        let target = Target::read(section, (address, section.span_of("address")), &[], diags)?;
        let sends = |stream: &str| {
            let mut named = section.list("send").iter().filter_map(Value::choice);
            !section.is_given("send") || named.any(|one| one == stream)
        };
        let level = match section.choice("level") {
            Some("error") => Severity::Error,
            Some("info") => Severity::Informational,
            _ => Severity::Warning,
        };
        Some(SyslogSettings {
            target,
            audit: sends(AUDIT),
            log: sends(LOG).then_some(level),
            connect_timeout: section.duration("connect_timeout")?,
        })
    }
}
