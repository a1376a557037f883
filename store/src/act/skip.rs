//! Taking the head of a lane out of the way: it becomes a dead letter, and the lane goes on behind it.

use super::counting::{count, reconsider};
use super::deliveries::{FIND, find};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::DeliveryId;
use crate::scope::Scope;
use crate::sql::{statements, values};
use crate::state::{DeliveryState, What};
use crate::store::Store;

/// The code of dead letters that a person has made.
const SKIPPED: &str = "skipped";

statements! {
    SKIP = "update deliveries set state = 21, changed_us = $4, reason_code = $5, reason_step = null, signature = null
        where message = $1 and id = $2 and state = $3";
}

impl Store {
    /// Makes an open delivery a dead letter without sending it. The act's purpose says why.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it has ended meanwhile.
    pub async fn skip(
        &self,
        scope: &Scope,
        act: &Act,
        delivery: DeliveryId,
    ) -> Result<(), StoreError> {
        let absent = || StoreError::NotFound("delivery");
        let found = self.inner.reader.row(FIND, values![delivery.uuid()]).await?;
        let number = found.ok_or_else(absent)?.int(0)?;
        let channel = self.inner.reader.channel_in(scope, number).await?.ok_or_else(absent)?;
        let job_act = act.clone();
        self.act(channel.id, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let seen = find(session, delivery).await?.ok_or_else(absent)?;
                let columns =
                    values![seen.message, delivery.uuid(), seen.state.code(), act.now_us, SKIPPED];
                if seen.state.is_final() || session.run(SKIP, columns).await? != 1 {
                    return Err(StoreError::Refused("the delivery has ended meanwhile"));
                }
                let place = (channel.id, seen.destination);
                count(session, act.now_us, place, What::DeliveriesDead, 1).await?;
                reconsider(session, seen.message, act.now_us).await?;
                let state =
                    |state: DeliveryState| Json::object([("state", Json::text(state.as_str()))]);
                let target = Target {
                    kind: "delivery",
                    id: Some(delivery.to_string()),
                    channel: Some(channel.name.to_string()),
                };
                let entry =
                    Entry::success(&act, target, state(seen.state), state(DeliveryState::Dead));
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}
