//! What must still be told, and to whom.

use super::row::{Alert, alert};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::AlertId;
use crate::sql::{Row, Session, row, statements, values};
use crate::state::coded;
use crate::store::Store;

statements! {
    /// The same again, such as a severity that has gone up twice while a sink was away, is told once.
    PUT = "insert into alert_outbox (sink, alert, what, due_us, tries) values ($1, $2, $3, $4, 0)
        on conflict (sink, alert, what) do nothing";
    DUE = "select a.id, a.kind, a.object, a.channel, a.severity, a.state, a.first_us, a.last_us, a.count, a.text, a.acknowledged_us,
        a.acknowledged_by, a.resolved_us, a.resolved_by, a.note, a.snoozed_until_us, a.assigned_to, a.escalated_us, o.what, o.tries
        from alert_outbox o join alerts a on a.id = o.alert where o.sink = $1 and o.due_us <= $2 order by o.due_us, o.alert, o.what limit $3";
    TOLD = "delete from alert_outbox where sink = $1 and alert = $2 and what = $3";
    PUT_OFF = "update alert_outbox set due_us = $4, tries = tries + 1 where sink = $1 and alert = $2 and what = $3";
    WAITING = "select sink, count(*) from alert_outbox group by sink order by sink";
    OF_ALERT = "select count(*) from alert_outbox where sink = $1 and alert = $2";
    FORGET = "delete from alert_outbox where sink = $1";
}

coded! {
    /// What is told of an alert.
    pub Announcement {
        /// There is one, or it has become worse.
        Raised = 10, "raised";
        /// Somebody looks after it.
        Acknowledged = 11, "acknowledged";
        /// It is over.
        Resolved = 12, "resolved";
        /// It is still there, after a while or after it was put off.
        Repeated = 13, "repeated";
        /// Nobody looks after it, so that others are told.
        Escalated = 14, "escalated";
        /// Somebody is to look after it, or nobody any more.
        Assigned = 15, "assigned";
    }
}

/// Something that is to be told now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueAlert {
    /// The alert as it is now.
    pub alert: Alert,
    /// What of it.
    pub what: Announcement,
    /// How often it was tried in vain.
    pub tries: i64,
}

/// Puts it down for each of the sinks, inside the transaction of the alert.
pub(super) async fn announce(
    session: &mut dyn Session,
    (id, what): (AlertId, Announcement),
    sinks: &[&str],
    now_us: i64,
) -> Result<(), StoreError> {
    for sink in sinks {
        session.run(PUT, values![*sink, id.uuid(), what.code(), now_us]).await?;
    }
    Ok(())
}

/// Whether a sink has not been told yet what was last put down for it.
pub(super) async fn waits(
    session: &mut dyn Session,
    sink: &str,
    id: AlertId,
) -> Result<bool, StoreError> {
    let found = row(session, OF_ALERT, values![sink, id.uuid()]).await?;
    Ok(found.map(|row| row.int(0)).transpose()?.is_some_and(|n| n > 0))
}

impl Store {
    /// What a sink is to be told now, in the order in which it was put down.
    pub async fn due_alerts(
        &self,
        sink: &str,
        now_us: i64,
        limit: usize,
    ) -> Result<Vec<DueAlert>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.inner.reader.rows(DUE, values![sink, now_us, limit]).await?;
        let due = |row: &Row| {
            let what = row.code(18, Announcement::from_code)?;
            Ok(DueAlert { alert: alert(row)?, what, tries: row.int(19)? })
        };
        rows.iter().map(due).collect()
    }

    /// A sink was told.
    pub async fn alert_told(
        &self,
        sink: &str,
        id: AlertId,
        what: Announcement,
    ) -> Result<(), StoreError> {
        let sink = sink.to_owned();
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                session.run(TOLD, values![sink, id.uuid(), what.code()]).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// A sink could not be told; it is tried again at `due_us`.
    pub async fn alert_put_off(
        &self,
        sink: &str,
        (id, what): (AlertId, Announcement),
        due_us: i64,
    ) -> Result<(), StoreError> {
        let sink = sink.to_owned();
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                session.run(PUT_OFF, values![sink, id.uuid(), what.code(), due_us]).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// How much waits for each sink, by name.
    pub async fn alerts_untold(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = self.inner.reader.rows(WAITING, values![]).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), row.int(1)?))).collect()
    }

    /// Forgets what waits for a sink that is no more.
    pub async fn forget_alert_sink(&self, sink: &str) -> Result<(), StoreError> {
        let sink = sink.to_owned();
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                session.run(FORGET, values![sink]).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}
