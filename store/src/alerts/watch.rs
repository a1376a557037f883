//! How far the audit log was looked at, and what must be remembered of the records that were.

use super::raise::AlertChanges;
use crate::backend::Done;
use crate::error::StoreError;
use crate::read::AuditRecord;
use crate::sql::{Row, Session, row, statements, values};
use crate::store::Store;

statements! {
    /// Locked until the transaction ends: two engines on one database take turns.
    FIND = "select seq, since_us, verified_us, verified_outcome from alert_watermark where one = 1",
        postgres: "select seq, since_us, verified_us, verified_outcome from alert_watermark where one = 1 for update";
    LOOK = "select seq, since_us, verified_us, verified_outcome from alert_watermark where one = 1";
    BEGIN = "insert into alert_watermark (one, seq, since_us) values (1, 0, $1) on conflict (one) do nothing";
    MOVE = "update alert_watermark set seq = $1 where one = 1";
    VERIFIED = "update alert_watermark set verified_us = $1, verified_outcome = $2 where one = 1";
    LOGINS = "select actor, prefix, last_us from alert_logins where actor = $1 order by prefix";
    LOGIN = "insert into alert_logins (actor, prefix, last_us) values ($1, $2, $3)
        on conflict (actor, prefix) do update set last_us = excluded.last_us where excluded.last_us > alert_logins.last_us";
    RECORDS = "select seq, rec from audit_log where seq >= $1 order by seq limit $2";
    TIME = "select ts_us from audit_log where seq = $1";
}

/// How far the audit log was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertWatch {
    /// The first record that was not looked at.
    pub seq: i64,
    /// When looking began, microseconds UTC: what is older raises no alert.
    pub since_us: i64,
    /// When the audit log was last verified, and how that ended.
    pub verified: Option<Verified>,
}

/// A verification of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// When, microseconds UTC.
    pub at_us: i64,
    /// `success` or `failure`.
    pub outcome: String,
}

/// Where somebody has signed in from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginPlace {
    /// Who, as the audit log names them.
    pub actor: String,
    /// The network.
    pub prefix: String,
    /// When last, microseconds UTC.
    pub last_us: i64,
}

impl Store {
    /// How far the audit log was looked at; looking begins with the first call ever.
    pub async fn alert_watch(&self, now_us: i64) -> Result<AlertWatch, StoreError> {
        if let Some(found) = self.inner.reader.row(LOOK, values![]).await? {
            return read(&found);
        }
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                session.run(BEGIN, values![now_us]).await?;
                Ok(Done::new(find(session).await?))
            })
        })
        .await
    }

    /// Records of the audit log from a number on, the oldest first.
    pub async fn audit_records_from(
        &self,
        seq: i64,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.inner.reader.rows(RECORDS, values![seq, limit]).await?;
        let record = |row: &Row| {
            let text = String::from_utf8_lossy(row.blob(1)?).into_owned();
            Ok(AuditRecord { seq: row.int(0)?, text })
        };
        rows.iter().map(record).collect()
    }

    /// The number of about the first record of this time or later, of those before `end`. Clocks that step make it an estimate.
    pub async fn audit_seq_at(&self, time_us: i64, end: i64) -> Result<i64, StoreError> {
        let (mut low, mut high) = (0, end);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.inner.reader.row(TIME, values![middle]).await?;
            match found {
                Some(row) if row.int(0)? >= time_us => high = middle,
                Some(_) | None => low = middle + 1,
            }
        }
        Ok(low)
    }

    /// From where somebody has signed in before.
    pub async fn login_places(&self, actor: &str) -> Result<Vec<LoginPlace>, StoreError> {
        let rows = self.inner.reader.rows(LOGINS, values![actor]).await?;
        let place = |row: &Row| {
            let (actor, prefix) = (row.text(0)?.to_owned(), row.text(1)?.to_owned());
            Ok(LoginPlace { actor, prefix, last_us: row.int(2)? })
        };
        rows.iter().map(place).collect()
    }
}

pub(super) async fn find(session: &mut dyn Session) -> Result<AlertWatch, StoreError> {
    let found = row(session, FIND, values![]).await?;
    read(&found.ok_or(StoreError::NotFound("watermark"))?)
}

fn read(row: &Row) -> Result<AlertWatch, StoreError> {
    let verified = match (row.int_or_none(2)?, row.text_or_none(3)?) {
        (Some(at_us), Some(outcome)) => Some(Verified { at_us, outcome: outcome.to_owned() }),
        _ => None,
    };
    Ok(AlertWatch { seq: row.int(0)?, since_us: row.int(1)?, verified })
}

/// Remembers what the records said, and how far they were looked at.
pub(super) async fn note(
    session: &mut dyn Session,
    changes: &AlertChanges,
) -> Result<(), StoreError> {
    for LoginPlace { actor, prefix, last_us } in &changes.logins {
        session.run(LOGIN, values![&**actor, &**prefix, *last_us]).await?;
    }
    if let Some(Verified { at_us, outcome }) = &changes.verified {
        session.run(VERIFIED, values![*at_us, &**outcome]).await?;
    }
    if let Some((_, to)) = changes.looked {
        session.run(MOVE, values![to]).await?;
    }
    Ok(())
}
