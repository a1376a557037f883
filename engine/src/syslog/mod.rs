//! What is sent to a syslog collector: the audit log, which is its own queue, and the engine's log out of files on the disk.
//!
//! A collector never says what it has, so a place counts as reached only when the connection has stood for longer than the system
//! lets a byte go unreceived. After every break the rest comes again, each entry with its place: nothing is lost, and what comes
//! twice is known.

mod sending;
mod spool;

use std::sync::{Mutex, MutexGuard, PoisonError};

use config::{Diagnostics, Scope, Section, Server};
use connectors::syslog::{SYSLOG_FIELDS, Severity, SyslogSettings};
use net::TARGET_FIELDS;

use crate::engine::Engine;
use crate::site::Surroundings;

pub use sending::keep_syslog;
pub use spool::Spool;

/// Reads `[syslog]`; what is wrong with it is reported.
pub(crate) fn read(
    server: &Server,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> Option<SyslogSettings> {
    let scope = Scope::none().with_secrets(&surroundings.secrets).with_paths(&surroundings.paths);
    let table = server.syslog.as_ref()?;
    let section = Section::read(table, &[SYSLOG_FIELDS, TARGET_FIELDS], &scope, diagnostics);
    SyslogSettings::read(&section, diagnostics)
}

/// What is known of the collector.
#[derive(Default)]
pub(crate) struct Sending {
    standing: Mutex<SyslogStanding>,
}

/// How it stands with the collector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyslogStanding {
    /// It cannot be reached: since when, microseconds UTC, and why.
    pub away: Option<(i64, String)>,
    /// Records of the audit log that it is not known to have.
    pub records: i64,
    /// Bytes of the log that it is not known to have.
    pub log_bytes: u64,
    /// Lines of the log that there was no room for, since the start.
    pub dropped: u64,
}

impl Sending {
    fn lock(&self) -> MutexGuard<'_, SyslogStanding> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SyslogStanding {
    /// What somebody should know of it.
    pub(crate) fn warning(&self, collector: &str) -> Option<String> {
        let SyslogStanding { away, records, log_bytes, dropped } = self;
        if let Some((since_us, reason)) = away {
            let since = jiff::Timestamp::from_microsecond(*since_us).unwrap_or_default();
            return Some(format!(
                "the syslog collector {collector} is away since {since:.0}: {reason}; {records} records of the audit log and \
                 {log_bytes} bytes of the log wait"
            ));
        }
        (*dropped > 0).then(|| format!("{dropped} lines of the log had no room while the syslog collector {collector} was away"))
    }
}

impl Engine {
    /// How it stands with the syslog collector, and which it is; nothing when there is none.
    pub fn syslog(&self) -> Option<(String, SyslogStanding)> {
        let settings = self.inner.syslog.as_ref()?;
        Some((settings.target.to_string(), self.inner.sending.lock().clone()))
    }
}

/// The severity of a level of the log.
fn severity_of(level: &str) -> Severity {
    match level {
        "ERROR" => Severity::Error,
        "WARN" => Severity::Warning,
        _ => Severity::Informational,
    }
}
