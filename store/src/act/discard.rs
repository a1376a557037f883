//! Ending deliveries, and failed messages, that nobody wants any more.

use super::counting::{count, move_disposition, reconsider};
use super::deliveries::{FIND, find, one};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::ids::{DeliveryId, MessageId};
use crate::jobs::{self, JobStep};
use crate::read::Letter;
use crate::scope::Scope;
use crate::sql::{Session, row, statements, values};
use crate::state::{DeliveryState, Disposition, What};
use crate::store::{Parts, Store};

/// Letters of one act and transaction.
const ACT_MAX: usize = 1_000;
/// The same of one step of a job, which others wait behind.
const STEP_MAX: usize = 100;
/// Why a letter stays.
const ENDED: &str = "it has ended already, or is not there";

statements! {
    DISCARD_DELIVERY = "update deliveries set state = 22, changed_us = $4 where message = $1 and id = $2 and state = $3";
    FIND_MESSAGE = "select channel, disposition, reason_code, superseded_by from messages where id = $1";
}

/// What discarding came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discarded {
    /// Those that ended.
    pub done: Vec<Letter>,
    /// Those that were final already, or are not there.
    pub refused: Vec<Letter>,
}

impl Store {
    /// Ends open and dead deliveries, and messages that failed without deliveries. The act's purpose says why.
    pub async fn discard(
        &self,
        scope: &Scope,
        act: &Act,
        letters: &[Letter],
    ) -> Result<Discarded, StoreError> {
        let mut all = Discarded::default();
        let deliveries: Vec<DeliveryId> = letters.iter().filter_map(Letter::delivery).collect();
        let messages: Vec<MessageId> = letters.iter().filter_map(Letter::message).collect();
        let mut missing = Vec::new();
        let mut channels: Vec<_> = self
            .by_channel(scope, &deliveries, &mut missing)
            .await?
            .into_iter()
            .map(|(channel, ids)| {
                (channel, ids.into_iter().map(Letter::Delivery).collect::<Vec<_>>())
            })
            .collect();
        all.refused.extend(missing.into_iter().map(Letter::Delivery));
        for id in messages {
            match self.channel_of_message(scope, id).await? {
                Some(channel) => {
                    match channels.iter_mut().find(|(known, _)| known.id == channel.id) {
                        Some((_, letters)) => letters.push(Letter::Message(id)),
                        None => channels.push((channel, vec![Letter::Message(id)])),
                    }
                }
                None => all.refused.push(Letter::Message(id)),
            }
        }
        for (channel, letters) in channels {
            for letters in letters.chunks(ACT_MAX) {
                let (job_act, letters, name) =
                    (act.clone(), letters.to_vec(), channel.name.to_string());
                let discarded: Discarded = self
                    .act(channel.id, act, move |session, parts| {
                        Box::pin(async move {
                            let to = (&*name, &letters[..]);
                            Ok(Done::new(carry_out(session, &parts, &job_act, to, None).await?))
                        })
                    })
                    .await?;
                all.done.extend(discarded.done);
                all.refused.extend(discarded.refused);
            }
        }
        Ok(all)
    }

    /// Does items of a discarding job: those at the front that are of one channel, at most as many as one act may have.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with [`jobs::JOB_MOVED`] when the job does not wait for them.
    pub async fn discard_step(
        &self,
        scope: &Scope,
        act: &Act,
        step: JobStep,
        letters: &[Letter],
    ) -> Result<Discarded, StoreError> {
        let mut of_one: Option<(Option<crate::read::Known>, Vec<Letter>)> = None;
        for letter in letters.iter().take(STEP_MAX) {
            let channel = self.channel_of_letter(scope, *letter).await?;
            match &mut of_one {
                None => of_one = Some((channel, vec![*letter])),
                Some((known, items))
                    if known.as_ref().map(|known| known.id)
                        == channel.map(|channel| channel.id) =>
                {
                    items.push(*letter);
                }
                Some(_) => break,
            }
        }
        let Some((channel, items)) = of_one else { return Ok(Discarded::default()) };
        let (number, name) =
            channel.map_or((0, String::new()), |channel| (channel.id, channel.name.to_string()));
        let job_act = act.clone();
        self.act(number, act, move |session, parts| {
            Box::pin(async move {
                let to = (&*name, &items[..]);
                Ok(Done::new(carry_out(session, &parts, &job_act, to, Some(step)).await?))
            })
        })
        .await
    }

    async fn channel_of_letter(
        &self,
        scope: &Scope,
        letter: Letter,
    ) -> Result<Option<crate::read::Known>, StoreError> {
        match letter {
            Letter::Message(id) => self.channel_of_message(scope, id).await,
            Letter::Delivery(id) => {
                let found = self.inner.reader.row(FIND, values![id.uuid()]).await?;
                match found {
                    Some(row) => self.inner.reader.channel_in(scope, row.int(0)?).await,
                    None => Ok(None),
                }
            }
        }
    }

    pub(super) async fn channel_of_message(
        &self,
        scope: &Scope,
        id: MessageId,
    ) -> Result<Option<crate::read::Known>, StoreError> {
        match self.inner.reader.row(FIND_MESSAGE, values![id.uuid()]).await? {
            Some(row) => self.inner.reader.channel_in(scope, row.int(0)?).await,
            None => Ok(None),
        }
    }
}

impl Letter {
    fn delivery(&self) -> Option<DeliveryId> {
        match self {
            Letter::Delivery(id) => Some(*id),
            Letter::Message(_) => None,
        }
    }

    fn message(&self) -> Option<MessageId> {
        match self {
            Letter::Message(id) => Some(*id),
            Letter::Delivery(_) => None,
        }
    }
}

impl std::fmt::Display for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Letter::Delivery(id) => id.fmt(f),
            Letter::Message(id) => id.fmt(f),
        }
    }
}

async fn carry_out(
    session: &mut dyn Backend,
    parts: &Parts,
    act: &Act,
    (channel, letters): (&str, &[Letter]),
    step: Option<JobStep>,
) -> Result<Discarded, StoreError> {
    let (mut discarded, mut outcomes) = (Discarded::default(), Vec::new());
    for letter in letters {
        let done = match letter {
            Letter::Delivery(id) => discard_delivery(session, *id, act.now_us).await?,
            Letter::Message(id) => discard_message(session, *id, act.now_us).await?,
        };
        if done {
            discarded.done.push(*letter)
        } else {
            discarded.refused.push(*letter)
        }
        outcomes.push((*letter, if done { Ok(None) } else { Err(ENDED.to_owned()) }));
    }
    if let Some(step) = step {
        jobs::advance(session, &parts.recorder, act, step, &outcomes).await?;
    }
    let after = Json::object([
        ("state", Json::text(DeliveryState::Discarded.as_str())),
        (
            "letters",
            Json::List(
                discarded.done.iter().map(|letter| Json::text(letter.to_string())).collect(),
            ),
        ),
    ]);
    let target =
        Target { kind: "letter", id: one(&discarded.done), channel: Some(channel.to_owned()) };
    audit::append(session, &parts.recorder, &Entry::success(act, target, Json::Null, after))
        .await?;
    Ok(discarded)
}

async fn discard_delivery(
    session: &mut dyn Session,
    id: DeliveryId,
    now_us: i64,
) -> Result<bool, StoreError> {
    let Some(seen) = find(session, id).await? else { return Ok(false) };
    let allowed = match seen.state {
        DeliveryState::Queued | DeliveryState::Waiting | DeliveryState::Held => true,
        DeliveryState::Dead => !seen.superseded,
        DeliveryState::Delivered | DeliveryState::Discarded => false,
    };
    if !allowed {
        return Ok(false);
    }
    let change = values![seen.message, id.uuid(), seen.state.code(), now_us];
    if session.run(DISCARD_DELIVERY, change).await? != 1 {
        return Ok(false);
    }
    let channel = row(session, FIND_MESSAGE, values![seen.message])
        .await?
        .ok_or(StoreError::NotFound("message"))?
        .int(0)?;
    count(session, now_us, (channel, seen.destination), What::DeliveriesDiscarded, 1).await?;
    if seen.state == DeliveryState::Dead {
        count(session, now_us, (channel, seen.destination), What::DeliveriesDead, -1).await?;
    }
    reconsider(session, seen.message, now_us).await?;
    Ok(true)
}

async fn discard_message(
    session: &mut dyn Session,
    id: MessageId,
    now_us: i64,
) -> Result<bool, StoreError> {
    let Some(found) = row(session, FIND_MESSAGE, values![id.uuid()]).await? else {
        return Ok(false);
    };
    let failed = found.code(1, Disposition::from_code)? == Disposition::Failed;
    // With a reason of its own it failed before it had deliveries; otherwise its deliveries are the letters.
    if !failed || found.text_or_none(2)?.is_none() || found.id_or_none(3)?.is_some() {
        return Ok(false);
    }
    let moved = (Disposition::Failed, Disposition::Discarded);
    move_disposition(session, (found.int(0)?, id.uuid()), moved, now_us).await?;
    Ok(true)
}
