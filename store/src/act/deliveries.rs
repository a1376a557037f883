//! Holding single deliveries, and putting them back into their lanes.

use uuid::Uuid;

use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::ids::DeliveryId;
use crate::scope::Scope;
use crate::sql::{Session, row, statements, values};
use crate::state::DeliveryState;
use crate::store::{Parts, Store};

/// Deliveries of one act and transaction.
const ACT_MAX: usize = 1_000;

statements! {
    /// Where a delivery is, by its id alone.
    FIND = "select d.channel, d.message, d.state, d.destination, d.superseded_by from deliveries d where d.id = $1";
    /// Puts a delivery into another open state, if it still is in the one that was seen.
    MOVE = "update deliveries set state = $4, changed_us = $5, reason_code = $6, next_us = $5
        where message = $1 and id = $2 and state = $3";
}

/// What an act on several deliveries came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Those that moved.
    pub done: Vec<DeliveryId>,
    /// Those that were in no state to, or are not there.
    pub refused: Vec<DeliveryId>,
}

#[derive(Clone)]
struct Order {
    to: DeliveryState,
    from: &'static [DeliveryState],
    reason: Option<&'static str>,
}

impl Store {
    /// Holds single deliveries: each blocks its own lane until it is put back or discarded.
    pub async fn hold_deliveries(
        &self,
        scope: &Scope,
        act: &Act,
        deliveries: &[DeliveryId],
        reason: &'static str,
    ) -> Result<Moved, StoreError> {
        let from = &[DeliveryState::Queued, DeliveryState::Waiting];
        self.move_deliveries(
            scope,
            act,
            deliveries,
            Order { to: DeliveryState::Held, from, reason: Some(reason) },
        )
        .await
    }

    /// Puts deliveries back to `queued`, at their old places: those that are held or wait for their time.
    pub async fn release(
        &self,
        scope: &Scope,
        act: &Act,
        deliveries: &[DeliveryId],
    ) -> Result<Moved, StoreError> {
        let from = &[DeliveryState::Held, DeliveryState::Waiting];
        self.move_deliveries(
            scope,
            act,
            deliveries,
            Order { to: DeliveryState::Queued, from, reason: None },
        )
        .await
    }

    async fn move_deliveries(
        &self,
        scope: &Scope,
        act: &Act,
        deliveries: &[DeliveryId],
        order: Order,
    ) -> Result<Moved, StoreError> {
        let mut all = Moved::default();
        for (channel, ids) in self.by_channel(scope, deliveries, &mut all.refused).await? {
            for ids in ids.chunks(ACT_MAX) {
                let (job_act, order, ids, name) =
                    (act.clone(), order.clone(), ids.to_vec(), channel.name.to_string());
                let moved: Moved = self
                    .act(channel.id, act, move |session, parts| {
                        Box::pin(async move {
                            let moved =
                                carry_out(session, &parts, &job_act, (&name, &ids), &order).await?;
                            Ok(Done::new(moved))
                        })
                    })
                    .await?;
                all.done.extend(moved.done);
                all.refused.extend(moved.refused);
            }
        }
        Ok(all)
    }

    /// Sorts deliveries by channel; those outside the scope look as if they were not there.
    pub(super) async fn by_channel(
        &self,
        scope: &Scope,
        deliveries: &[DeliveryId],
        missing: &mut Vec<DeliveryId>,
    ) -> Result<Vec<(crate::read::Known, Vec<DeliveryId>)>, StoreError> {
        let mut channels: Vec<_> = self
            .inner
            .reader
            .channels(scope)
            .await?
            .into_iter()
            .map(|channel| (channel, Vec::new()))
            .collect();
        for id in deliveries {
            let number = match self.inner.reader.row(FIND, values![id.uuid()]).await? {
                Some(row) => Some(row.int(0)?),
                None => None,
            };
            match channels.iter_mut().find(|(channel, _)| Some(channel.id) == number) {
                Some((_, ids)) => ids.push(*id),
                None => missing.push(*id),
            }
        }
        channels.retain(|(_, ids)| !ids.is_empty());
        Ok(channels)
    }
}

/// A delivery as an act finds it.
pub(super) struct Seen {
    pub message: Uuid,
    pub state: DeliveryState,
    pub destination: i64,
    pub superseded: bool,
}

pub(super) async fn find(
    session: &mut dyn Session,
    id: DeliveryId,
) -> Result<Option<Seen>, StoreError> {
    let Some(row) = row(session, FIND, values![id.uuid()]).await? else { return Ok(None) };
    Ok(Some(Seen {
        message: row.id(1)?,
        state: row.code(2, DeliveryState::from_code)?,
        destination: row.int(3)?,
        superseded: row.id_or_none(4)?.is_some(),
    }))
}

async fn carry_out(
    session: &mut dyn Backend,
    parts: &Parts,
    act: &Act,
    (channel, ids): (&str, &[DeliveryId]),
    order: &Order,
) -> Result<Moved, StoreError> {
    let mut moved = Moved::default();
    for id in ids {
        let seen = find(session, *id).await?.filter(|seen| order.from.contains(&seen.state));
        let done = match seen {
            Some(seen) => {
                let reason = order.reason.map(str::to_owned);
                let change = values![
                    seen.message,
                    id.uuid(),
                    seen.state.code(),
                    order.to.code(),
                    act.now_us,
                    reason
                ];
                session.run(MOVE, change).await? == 1
            }
            None => false,
        };
        if done { moved.done.push(*id) } else { moved.refused.push(*id) }
    }
    let after = Json::object([
        ("state", Json::text(order.to.as_str())),
        (
            "deliveries",
            Json::List(moved.done.iter().map(|id| Json::text(id.to_string())).collect()),
        ),
    ]);
    let target =
        Target { kind: "delivery", id: one(&moved.done), channel: Some(channel.to_owned()) };
    audit::append(session, &parts.recorder, &Entry::success(act, target, Json::Null, after))
        .await?;
    Ok(moved)
}

/// The id of the target when there is just one.
pub(super) fn one<T: ToString>(ids: &[T]) -> Option<String> {
    match ids {
        [id] => Some(id.to_string()),
        _ => None,
    }
}
