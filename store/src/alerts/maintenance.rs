//! Times in which alerts are written down and not told, because people know what they do.

use super::row::Alert;
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::MaintenanceId;
use crate::scope::Scope;
use crate::sql::{Row, Session, row, statements, values};
use crate::store::Store;

statements! {
    IN_FORCE = "select id, from_us, until_us, rules, channels, destination, reason, made_by from alert_windows
        where ended_us is null and from_us <= $1 and until_us > $1";
    TO_COME = "select id, from_us, until_us, rules, channels, destination, reason, made_by from alert_windows
        where ended_us is null and until_us > $1 order by from_us, id";
    FIND = "select id, from_us, until_us, rules, channels, destination, reason, made_by from alert_windows
        where id = $1 and ended_us is null and until_us > $2";
    INSERT = "insert into alert_windows (id, from_us, until_us, rules, channels, destination, reason, made_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8)";
    END = "update alert_windows set ended_us = $2 where id = $1";
}

/// A time in which alerts are written down and not told. What is still so when it ends is told then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// Its row.
    pub id: MaintenanceId,
    /// When it begins, microseconds UTC.
    pub from_us: i64,
    /// When it ends.
    pub until_us: i64,
    /// The rules that it is about; all of them when there are none.
    pub rules: Vec<String>,
    /// The channels that it is about; everything, also what is about no channel, when there are none.
    pub channels: Vec<String>,
    /// The one destination of these channels that it is about.
    pub destination: Option<String>,
    /// Why.
    pub reason: String,
    /// Who has said so, as the audit log names them.
    pub by: String,
}

impl Maintenance {
    /// Whether it is about an alert.
    pub(super) fn holds(&self, alert: &Alert) -> bool {
        let Maintenance { rules, channels, destination, .. } = self;
        let channel = alert.channel.as_ref();
        let of_rule = rules.is_empty() || rules.contains(&alert.kind);
        let of_channel =
            channels.is_empty() || channel.is_some_and(|channel| channels.contains(channel));
        let of_destination = destination.as_ref().is_none_or(|destination| {
            let place = format!("{}/{destination}", channel.map_or("", |channel| channel));
            alert.object.split(' ').any(|word| word == place)
        });
        of_rule && of_channel && of_destination
    }

    /// Whether somebody who reaches so far may know of it and end it.
    fn is_within(&self, scope: &Scope) -> bool {
        match scope {
            Scope::All => true,
            Scope::Channels(_) => {
                let mut channels = self.channels.iter();
                !self.channels.is_empty() && channels.all(|channel| scope.holds(channel))
            }
        }
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

pub(super) fn read(row: &Row) -> Result<Maintenance, StoreError> {
    Ok(Maintenance {
        id: MaintenanceId::from_uuid(row.id(0)?),
        from_us: row.int(1)?,
        until_us: row.int(2)?,
        rules: list(row.text(3)?),
        channels: list(row.text(4)?),
        destination: row.text_or_none(5)?.map(str::to_owned),
        reason: row.text(6)?.to_owned(),
        by: row.text(7)?.to_owned(),
    })
}

/// Those in force, inside a transaction.
pub(super) async fn in_force(
    session: &mut dyn Session,
    now_us: i64,
) -> Result<Vec<Maintenance>, StoreError> {
    session.rows(IN_FORCE, values![now_us]).await?.iter().map(read).collect()
}

fn shown(window: &Maintenance) -> Json {
    Json::object([
        ("from_us", Json::Int(window.from_us)),
        ("until_us", Json::Int(window.until_us)),
        ("rules", Json::text(window.rules.join(","))),
        ("channels", Json::text(window.channels.join(","))),
        ("destination", window.destination.as_deref().map_or(Json::Null, Json::text)),
    ])
}

fn target(window: &Maintenance) -> Target {
    let channel = match window.channels.as_slice() {
        [one] => Some(one.clone()),
        _ => None,
    };
    Target { kind: "maintenance", id: Some(window.id.to_string()), channel }
}

impl Store {
    /// Those in force and to come, within a scope.
    pub async fn maintenances(
        &self,
        scope: &Scope,
        now_us: i64,
    ) -> Result<Vec<Maintenance>, StoreError> {
        let rows = self.inner.reader.rows(TO_COME, values![now_us]).await?;
        let mut all = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        all.retain(|window| window.is_within(scope));
        Ok(all)
    }

    /// Begins one, now or later.
    pub async fn add_maintenance(
        &self,
        scope: &Scope,
        act: &Act,
        window: Maintenance,
    ) -> Result<(), StoreError> {
        if !window.is_within(scope) {
            return Err(StoreError::NotFound("channel"));
        }
        let job_act = act.clone();
        self.act(0, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let columns = values![
                    window.id.uuid(),
                    window.from_us,
                    window.until_us,
                    window.rules.join(","),
                    window.channels.join(","),
                    window.destination.clone(),
                    &*window.reason,
                    &*window.by,
                ];
                session.run(INSERT, columns).await?;
                let entry = Entry::success(&act, target(&window), Json::Null, shown(&window));
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Ends one before its time, or takes back one that has not begun.
    pub async fn end_maintenance(
        &self,
        scope: &Scope,
        act: &Act,
        id: MaintenanceId,
    ) -> Result<(), StoreError> {
        let (scope, job_act) = (scope.clone(), act.clone());
        self.act(0, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let found = row(session, FIND, values![id.uuid(), act.now_us]).await?;
                let window = found.as_ref().map(read).transpose()?;
                let window = window.filter(|window| window.is_within(&scope));
                let window = window.ok_or(StoreError::NotFound("maintenance"))?;
                session.run(END, values![id.uuid(), act.now_us]).await?;
                let entry = Entry::success(&act, target(&window), shown(&window), Json::Null);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}
