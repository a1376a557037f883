//! Alerts as people see them, and what people do with them.

use super::outbox::{Announcement, announce};
use super::row::{Alert, alert};
use super::{AlertState, Severity};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::AlertId;
use crate::scope::Scope;
use crate::sql::{Statement, row, statements, values};
use crate::store::Store;

statements! {
    ALL = "select id, kind, object, channel, severity, state, first_us, last_us, count, text, acknowledged_us, acknowledged_by,
        resolved_us, resolved_by, note from alerts where id < $1 order by id desc limit $2";
    IN_STATE = "select id, kind, object, channel, severity, state, first_us, last_us, count, text, acknowledged_us, acknowledged_by,
        resolved_us, resolved_by, note from alerts where state = $3 and id < $1 order by id desc limit $2";
    FIND = "select id, kind, object, channel, severity, state, first_us, last_us, count, text, acknowledged_us, acknowledged_by,
        resolved_us, resolved_by, note from alerts where id = $1";
    UNRESOLVED = "select channel, severity, state from alerts where state < 20";
    ACKNOWLEDGE = "update alerts set state = 11, acknowledged_us = $2, acknowledged_by = $3, note = $4 where id = $1 and state = 10";
    RESOLVE = "update alerts set state = 20, resolved_us = $2, resolved_by = $3, note = $4 where id = $1 and state < 20";
}

/// Rows that one question looks at; a page may be shorter than asked for when most of them are not for whoever asks.
const LOOK_MAX: usize = 10_000;

/// A page of alerts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertPage {
    /// The alerts, the newest first.
    pub alerts: Vec<Alert>,
    /// Where the next page begins; none when there is no more.
    pub next: Option<AlertId>,
}

impl Alert {
    /// Whether somebody who reaches so far may know of it.
    pub fn is_within(&self, scope: &Scope) -> bool {
        reaches(scope, self.channel.as_deref())
    }
}

/// What is about the engine or its people is for whoever reaches every channel.
fn reaches(scope: &Scope, channel: Option<&str>) -> bool {
    match channel {
        Some(channel) => scope.holds(channel),
        None => *scope == Scope::All,
    }
}

impl Store {
    /// Alerts within a scope, the newest first, from before one on.
    pub async fn alerts(
        &self,
        scope: &Scope,
        state: Option<AlertState>,
        before: Option<AlertId>,
        limit: usize,
    ) -> Result<AlertPage, StoreError> {
        let mut page = AlertPage { alerts: Vec::new(), next: before };
        let mut looked = 0;
        loop {
            let asked = (limit + 1).max(100);
            let end = page.next.map_or(uuid::Uuid::max(), AlertId::uuid);
            let rows = i64::try_from(asked).unwrap_or(i64::MAX);
            let found = match state {
                Some(state) => {
                    self.inner.reader.rows(IN_STATE, values![end, rows, state.code()]).await?
                }
                None => self.inner.reader.rows(ALL, values![end, rows]).await?,
            };
            for row in &found {
                let one = alert(row)?;
                if page.alerts.len() == limit {
                    return Ok(page);
                }
                page.next = Some(one.id);
                page.alerts.extend(Some(one).filter(|one| one.is_within(scope)));
            }
            looked += found.len();
            if found.len() < asked {
                page.next = None;
                return Ok(page);
            }
            if looked >= LOOK_MAX {
                return Ok(page);
            }
        }
    }

    /// How many alerts are not resolved, by severity and state.
    pub async fn alert_counts(
        &self,
        scope: &Scope,
    ) -> Result<Vec<(Severity, AlertState, i64)>, StoreError> {
        let mut counts = std::collections::BTreeMap::<_, i64>::new();
        for row in self.inner.reader.rows(UNRESOLVED, values![]).await? {
            let key = (row.code(1, Severity::from_code)?, row.code(2, AlertState::from_code)?);
            if reaches(scope, row.text_or_none(0)?) {
                *counts.entry(key).or_default() += 1;
            }
        }
        Ok(counts.into_iter().map(|((severity, state), n)| (severity, state, n)).collect())
    }

    /// Somebody looks after an alert. The act's purpose is kept with it.
    pub async fn acknowledge_alert(
        &self,
        scope: &Scope,
        act: &Act,
        id: AlertId,
        sinks: &[String],
    ) -> Result<(), StoreError> {
        let done = (ACKNOWLEDGE, Announcement::Acknowledged, "the alert is not open");
        self.handle(scope, act, (id, sinks), done).await
    }

    /// It is over. The act's purpose is kept with it.
    pub async fn resolve_alert(
        &self,
        scope: &Scope,
        act: &Act,
        id: AlertId,
        sinks: &[String],
    ) -> Result<(), StoreError> {
        let done = (RESOLVE, Announcement::Resolved, "the alert is resolved already");
        self.handle(scope, act, (id, sinks), done).await
    }

    async fn handle(
        &self,
        scope: &Scope,
        act: &Act,
        (id, sinks): (AlertId, &[String]),
        (statement, what, otherwise): (Statement, Announcement, &'static str),
    ) -> Result<(), StoreError> {
        let (scope, job_act, sinks) = (scope.clone(), act.clone(), sinks.to_vec());
        self.act(0, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let found = row(session, FIND, values![id.uuid()]).await?;
                let before = found.as_ref().map(alert).transpose()?;
                let before = before.filter(|before| before.is_within(&scope));
                let before = before.ok_or(StoreError::NotFound("alert"))?;
                if before.object == act.actor.id {
                    return Err(StoreError::Refused("nobody handles an alert about themselves"));
                }
                let columns = values![id.uuid(), act.now_us, &*act.actor.id, act.purpose.clone()];
                if session.run(statement, columns).await? != 1 {
                    return Err(StoreError::Refused(otherwise));
                }
                announce(session, id, what, (&sinks, act.now_us)).await?;
                let state = match what {
                    Announcement::Raised => AlertState::Open,
                    Announcement::Acknowledged => AlertState::Acknowledged,
                    Announcement::Resolved => AlertState::Resolved,
                };
                let target = Target {
                    kind: "alert",
                    id: Some(id.to_string()),
                    channel: before.channel.clone(),
                };
                let entry = Entry::success(
                    &act,
                    target,
                    shown(&before, before.state),
                    shown(&before, state),
                );
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

fn shown(alert: &Alert, state: AlertState) -> Json {
    Json::object([
        ("kind", Json::text(&*alert.kind)),
        ("object", Json::text(&*alert.object)),
        ("state", Json::text(state.as_str())),
    ])
}
