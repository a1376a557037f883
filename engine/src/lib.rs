//! The running thing: takes messages in, runs their programs, keeps lanes in order, retries,
//! reloads by difference, and stops without losing anything.

mod ack_ids;
mod acts;
mod alerts;
mod answer;
mod apply;
mod audit_log;
mod audit_retention;
mod backups;
mod budget;
mod caution;
mod certificates;
mod clock;
mod comparing;
mod decide;
mod differing;
mod disk;
mod dry_run;
mod engine;
mod flow;
mod gate;
mod handing;
mod impostors;
mod inlet;
mod inlets;
mod keys;
mod lanes;
mod last_words;
mod late;
mod outbound;
mod owed;
mod parcel;
mod plan;
mod posture;
mod recovery;
mod replay;
mod retention;
mod retry;
mod running;
mod search;
mod selection;
pub mod site;
mod speaker;
mod start_error;
mod status;
mod store_key;
mod syslog;
mod texts;
mod watch;

pub use acts::{ActError, Discarded};
pub use alerts::{RULES, Rule, SINKS, SinkSettings};
pub use apply::{Applied, ApplyError, Change, ChannelChange};
pub use audit_log::keep_audit_log;
pub use audit_retention::{AuditDue, RetentionError};
pub use backups::{BackupRefused, BackupStanding, keep_backups};
pub use certificates::{Accepted, CertificateStatus};
pub use clock::Clock;
pub use comparing::Comparison;
/// What came of trying a destination.
pub use connectors::Trial;
pub use disk::{Disk, look as look_at_disk};
pub use dry_run::Trace;
pub use engine::{Books, Ended, Engine, StartOptions};
pub use outbound::{Live, Way};
pub use posture::Posture;
pub use replay::{ReplayMode, ReplayOrder, Replayed};
pub use retention::{
    ChannelRetention, Cleared, PurgeRefused, RetentionProgress, RetentionStanding, keep_retention,
};
pub use search::keep_index;
pub use selection::{Selection, group_name};
pub use start_error::StartError;
pub use status::{ChannelStatus, DestinationStatus, Status};
pub use store_key::{KeyRefused, KeyWork, keep_reseals};
pub use syslog::{Spool, SyslogStanding, keep_syslog};
pub use texts::{ChannelTexts, EditError};
