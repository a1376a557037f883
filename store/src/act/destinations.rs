//! Holding a destination and letting it go on.

use config::Name;

use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::scope::Scope;
use crate::sql::{row, statements, values};
use crate::store::Store;

statements! {
    HELD = "select id, held_us from destinations where channel = $1 and name = $2";
    SET_HELD = "update destinations set held_us = $2 where id = $1";
}

impl Store {
    /// Stops a destination: its deliveries collect until it is resumed. Holding twice changes nothing, and is recorded all the same.
    pub async fn hold(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
        destination: &Name,
    ) -> Result<(), StoreError> {
        self.set_held(scope, act, (channel, destination), true).await
    }

    /// Lets a destination go on.
    pub async fn resume(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
        destination: &Name,
    ) -> Result<(), StoreError> {
        self.set_held(scope, act, (channel, destination), false).await
    }

    async fn set_held(
        &self,
        scope: &Scope,
        act: &Act,
        names: (&Name, &Name),
        hold: bool,
    ) -> Result<(), StoreError> {
        let channel = self.inner.reader.channel(scope, names.0).await?;
        let destination = names.1.to_string();
        let job_act = act.clone();
        self.act(channel.id, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let found = row(session, HELD, values![channel.id, destination.clone()]).await?;
                let found = found.ok_or(StoreError::NotFound("destination"))?;
                let before = found.int_or_none(1)?;
                let after = if hold { before.or(Some(act.now_us)) } else { None };
                session.run(SET_HELD, values![found.int(0)?, after]).await?;
                let held =
                    |since: Option<i64>| Json::object([("held", Json::Bool(since.is_some()))]);
                let target = Target {
                    kind: "destination",
                    id: Some(destination),
                    channel: Some(channel.name.to_string()),
                };
                let entry = Entry::success(&act, target, held(before), held(after));
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}
