//! How far the audit log has reached a collector elsewhere: the log is its own queue, and this is the place in it.

use crate::backend::Done;
use crate::error::StoreError;
use crate::sql::{statements, values};
use crate::store::Store;

statements! {
    FIND = "select coalesce((select next_seq from syslog_mark where one = 1), 0), (select next_seq from audit_head where one = 1)";
    /// It never goes back: what was received once is not sent again by an engine that knows less.
    MOVE = "insert into syslog_mark (one, next_seq) values (1, $1)
        on conflict (one) do update set next_seq = excluded.next_seq where excluded.next_seq > syslog_mark.next_seq";
}

/// What has been sent of the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditSent {
    /// The first record that the collector is not known to have.
    pub next: i64,
    /// The number that the next record gets.
    pub end: i64,
}

impl Store {
    /// How far the collector has the audit log.
    pub async fn audit_sent(&self) -> Result<AuditSent, StoreError> {
        let found = self.inner.reader.row(FIND, values![]).await?;
        match found {
            Some(row) => Ok(AuditSent { next: row.int(0)?, end: row.int(1)? }),
            None => Ok(AuditSent { next: 0, end: 0 }),
        }
    }

    /// The collector has every record before this one.
    pub async fn audit_was_sent(&self, next: i64) -> Result<(), StoreError> {
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                session.run(MOVE, values![next]).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}
