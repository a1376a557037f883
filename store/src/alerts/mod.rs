//! Alerts: what somebody should look at, once for each thing, with what must still be told to whom.
//!
//! What is worth an alert, the caller knows. The store sees to it that nothing is told twice or lost: the alert, what is to be told of it, and
//! how far the audit log has been looked at are one transaction.

mod handle;
mod maintenance;
mod outbox;
mod raise;
mod row;
mod tell;
mod watch;

use crate::state::coded;

pub use handle::AlertPage;
pub use maintenance::Maintenance;
pub use outbox::{Announcement, DueAlert};
pub use raise::{AlertChanges, NewAlert};
pub use row::Alert;
pub use tell::AlertSink;
pub use watch::{AlertWatch, LoginPlace, Verified};

coded! {
    /// How bad something is.
    pub Severity {
        /// Worth knowing.
        Low = 10, "low";
        /// To be looked at within days.
        Medium = 11, "medium";
        /// To be looked at today.
        High = 12, "high";
        /// To be looked at now.
        Critical = 13, "critical";
    }
}

coded! {
    /// Whether somebody has looked at an alert.
    pub AlertState {
        /// Nobody has said so.
        Open = 10, "open";
        /// Somebody looks after it.
        Acknowledged = 11, "acknowledged";
        /// It is over.
        Resolved = 20, "resolved";
    }
}
