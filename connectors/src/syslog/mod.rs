//! Syslog over TLS (RFC 5424 and RFC 5425): records of the engine for a collector. No message of a patient goes this way.

mod collector;
mod entry;
mod settings;

pub use collector::{Collector, Connection};
pub use entry::{Entry, Facility, Severity};
pub use settings::{COLLECTOR_FIELDS, SYSLOG_FIELDS, SyslogSettings};
