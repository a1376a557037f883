//! Stopping a channel's source and starting it again; it stays so over restarts.

use config::Name;

use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::scope::Scope;
use crate::sql::{Row, row, statements, values};
use crate::store::Store;

statements! {
    STOPPED = "select stopped_us, stopped_by, stopped_reason from channels where id = $1";
    SET_STOPPED = "update channels set stopped_us = $2, stopped_by = $3, stopped_reason = $4 where id = $1";
}

/// A source that a person has stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Since when, microseconds UTC.
    pub since_us: i64,
    /// Who: the name that people know, or the actor's id.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
}

impl Store {
    /// Notes that a source is stopped; one that is already stays as it was, and is recorded all the same.
    pub async fn stop_source(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
    ) -> Result<Stopped, StoreError> {
        let by = act.actor.name.clone().unwrap_or_else(|| act.actor.id.clone());
        let reason = act.purpose.clone().unwrap_or_default();
        let now = Stopped { since_us: act.now_us, by, reason };
        let stopped = self.set_stopped(scope, act, channel, Some(now)).await?;
        stopped.ok_or(StoreError::NotFound("channel"))
    }

    /// Notes that it is not any more.
    pub async fn start_source(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
    ) -> Result<(), StoreError> {
        self.set_stopped(scope, act, channel, None).await.map(drop)
    }

    /// The source of a channel, when a person has stopped it.
    pub async fn stopped_source(
        &self,
        scope: &Scope,
        channel: &Name,
    ) -> Result<Option<Stopped>, StoreError> {
        let channel = self.inner.reader.channel(scope, channel).await?;
        let found = self.inner.reader.row(STOPPED, values![channel.id]).await?;
        found.as_ref().map_or(Ok(None), |row| stopped(row, 0))
    }

    async fn set_stopped(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
        stop: Option<Stopped>,
    ) -> Result<Option<Stopped>, StoreError> {
        let channel = self.inner.reader.channel(scope, channel).await?;
        let job_act = act.clone();
        self.act(channel.id, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let found = row(session, STOPPED, values![channel.id]).await?;
                let before = found.as_ref().map_or(Ok(None), |row| stopped(row, 0))?;
                let after = stop.map(|now| before.clone().unwrap_or(now));
                let columns = values![
                    channel.id,
                    after.as_ref().map(|one| one.since_us),
                    after.as_ref().map(|one| one.by.clone()),
                    after.as_ref().map(|one| one.reason.clone()),
                ];
                session.run(SET_STOPPED, columns).await?;
                let state =
                    |one: &Option<Stopped>| Json::object([("stopped", Json::Bool(one.is_some()))]);
                let name = channel.name.to_string();
                let target = Target { kind: "source", id: Some(name.clone()), channel: Some(name) };
                let entry = Entry::success(&act, target, state(&before), state(&after));
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(after))
            })
        })
        .await
    }
}

/// The three columns from this one on.
pub(crate) fn stopped(row: &Row, first: usize) -> Result<Option<Stopped>, StoreError> {
    let Some(since_us) = row.int_or_none(first)? else { return Ok(None) };
    Ok(Some(Stopped {
        since_us,
        by: row.text_or_none(first + 1)?.unwrap_or_default().to_owned(),
        reason: row.text_or_none(first + 2)?.unwrap_or_default().to_owned(),
    }))
}
