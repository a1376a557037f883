//! Alerts as people see them, and what people do with them.

use super::outbox::Announcement;
use super::row::{Alert, alert};
use super::tell::{AlertSink, follow_up};
use super::{AlertState, Severity};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::AlertId;
use crate::scope::Scope;
use crate::sql::{Statement, Value, row, statements, values};
use crate::store::Store;

statements! {
    ALL = "select id, kind, object, channel, severity, state, first_us, last_us, count, text, acknowledged_us, acknowledged_by,
        resolved_us, resolved_by, note, snoozed_until_us, assigned_to, escalated_us from alerts where id < $1 order by id desc limit $2";
    IN_STATE = "select id, kind, object, channel, severity, state, first_us, last_us, count, text, acknowledged_us, acknowledged_by,
        resolved_us, resolved_by, note, snoozed_until_us, assigned_to, escalated_us from alerts where state = $3 and id < $1 order by id desc limit $2";
    FIND = "select id, kind, object, channel, severity, state, first_us, last_us, count, text, acknowledged_us, acknowledged_by,
        resolved_us, resolved_by, note, snoozed_until_us, assigned_to, escalated_us from alerts where id = $1";
    UNRESOLVED = "select channel, severity, state from alerts where state < 20";
    ACKNOWLEDGE = "update alerts set state = 11, acknowledged_us = $2, acknowledged_by = $3, note = $4 where id = $1 and state = 10";
    RESOLVE = "update alerts set state = 20, resolved_us = $2, resolved_by = $3, note = $4 where id = $1 and state < 20";
    SNOOZE = "update alerts set snoozed_until_us = $2, note = $3 where id = $1 and state < 20";
    ASSIGN = "update alerts set assigned_to = $2, note = $3 where id = $1 and state < 20";
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
        sinks: &[AlertSink],
    ) -> Result<(), StoreError> {
        self.handle(scope, act, (id, sinks), Change::Acknowledge).await
    }

    /// It is over. The act's purpose is kept with it.
    pub async fn resolve_alert(
        &self,
        scope: &Scope,
        act: &Act,
        id: AlertId,
        sinks: &[AlertSink],
    ) -> Result<(), StoreError> {
        self.handle(scope, act, (id, sinks), Change::Resolve).await
    }

    /// It is not told again before `until_us`, unless it becomes worse. The act's purpose is kept with it.
    pub async fn snooze_alert(
        &self,
        scope: &Scope,
        act: &Act,
        id: AlertId,
        until_us: i64,
    ) -> Result<(), StoreError> {
        self.handle(scope, act, (id, &[]), Change::Snooze(until_us)).await
    }

    /// Somebody is to look after it, or nobody any more. The act's purpose is kept with it.
    pub async fn assign_alert(
        &self,
        scope: &Scope,
        act: &Act,
        (id, to): (AlertId, Option<String>),
        sinks: &[AlertSink],
    ) -> Result<(), StoreError> {
        self.handle(scope, act, (id, sinks), Change::Assign(to)).await
    }

    async fn handle(
        &self,
        scope: &Scope,
        act: &Act,
        (id, sinks): (AlertId, &[AlertSink]),
        change: Change,
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
                let (statement, columns) = change.columns(id, &act);
                if session.run(statement, columns).await? != 1 {
                    return Err(StoreError::Refused(change.otherwise()));
                }
                if let Some(what) = change.announcement() {
                    follow_up(session, (id, what), &sinks, act.now_us).await?;
                }
                let target = Target {
                    kind: "alert",
                    id: Some(id.to_string()),
                    channel: before.channel.clone(),
                };
                let after = change.made(&before);
                let entry = Entry::success(&act, target, shown(&before), shown(&after));
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

/// What somebody does with an alert.
enum Change {
    Acknowledge,
    Resolve,
    Snooze(i64),
    Assign(Option<String>),
}

impl Change {
    fn columns(&self, id: AlertId, act: &Act) -> (Statement, Vec<Value>) {
        let (who, why) = (&*act.actor.id, act.purpose.clone());
        match self {
            Change::Acknowledge => (ACKNOWLEDGE, values![id.uuid(), act.now_us, who, why]),
            Change::Resolve => (RESOLVE, values![id.uuid(), act.now_us, who, why]),
            Change::Snooze(until_us) => (SNOOZE, values![id.uuid(), *until_us, why]),
            Change::Assign(to) => (ASSIGN, values![id.uuid(), to.clone(), why]),
        }
    }

    /// Why an alert cannot be changed so.
    fn otherwise(&self) -> &'static str {
        match self {
            Change::Acknowledge => "the alert is not open",
            Change::Resolve | Change::Snooze(_) | Change::Assign(_) => {
                "the alert is resolved already"
            }
        }
    }

    /// What those are told who know of the alert.
    fn announcement(&self) -> Option<Announcement> {
        match self {
            Change::Acknowledge => Some(Announcement::Acknowledged),
            Change::Resolve => Some(Announcement::Resolved),
            Change::Snooze(_) => None,
            Change::Assign(_) => Some(Announcement::Assigned),
        }
    }

    fn made(&self, before: &Alert) -> Alert {
        let mut after = before.clone();
        match self {
            Change::Acknowledge => after.state = AlertState::Acknowledged,
            Change::Resolve => after.state = AlertState::Resolved,
            Change::Snooze(until_us) => after.snoozed_until_us = Some(*until_us),
            Change::Assign(to) => after.assigned_to.clone_from(to),
        }
        after
    }
}

fn shown(alert: &Alert) -> Json {
    Json::object([
        ("kind", Json::text(&*alert.kind)),
        ("object", Json::text(&*alert.object)),
        ("state", Json::text(alert.state.as_str())),
        ("snoozed_until_us", alert.snoozed_until_us.map_or(Json::Null, Json::Int)),
        ("assigned_to", alert.assigned_to.as_deref().map_or(Json::Null, Json::text)),
    ])
}
