//! Sends again: new messages, linked to the old, each with its own place in receipt order.

use std::sync::Arc;

use config::Name;
use store::{
    Act, BodyOf, Committed, DeliveryId, DestinationId, JobStep, Letter, MessageDetail, MessageId,
    OnCommit, RawReplay, Scope, SentReplay, StoreError,
};

use crate::acts::ActError;
use crate::budget::{Deadline, IN_ALL};
use crate::decide::{Decided, Undecided, decide, faulty};
use crate::engine::Engine;
use crate::inlet::Inlet;
use crate::running::Running;
use crate::selection::{Selection, letter_id};

/// How something is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayMode {
    /// The bytes that were sent.
    AsSent,
    /// What was received, through the revision in force.
    Raw,
}

/// What a replay made.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// How many were chosen.
    pub count: usize,
    /// The new messages.
    pub messages: Vec<MessageId>,
    /// The token had been used: what is answered was done then.
    pub repeated: bool,
    /// What was named and cannot be sent again, with the reason.
    pub refused: Vec<(String, String)>,
}

/// What to send again, and how.
#[derive(Clone, Debug)]
pub struct ReplayOrder {
    /// Which ones.
    pub selection: Selection,
    /// The same bytes, or what was received through the revision in force.
    pub mode: ReplayMode,
    /// To these destinations only.
    pub to: Vec<Name>,
    /// The same token a second time does nothing.
    pub token: Option<String>,
    /// Nothing is sent when more than these are chosen by then: somebody has looked at so many and no more.
    pub at_most: Option<usize>,
}

impl ReplayOrder {
    /// The destinations that a raw replay is for: those named, or the one whose dead letters were chosen; all of them when empty.
    pub fn wanted(&self) -> &[Name] {
        match (&self.to[..], self.mode, &self.selection.destination) {
            ([], ReplayMode::Raw, Some(one)) => std::slice::from_ref(one),
            (to, ..) => to,
        }
    }
}

impl Engine {
    /// How many a replay would send, without doing anything.
    pub async fn preview_replay(
        &self,
        scope: &Scope,
        order: &ReplayOrder,
    ) -> Result<Replayed, ActError> {
        let mut preview = Replayed::default();
        for letter in self.chosen(scope, order).await? {
            match (order.mode, letter) {
                (ReplayMode::AsSent, Letter::Message(_)) => {
                    preview.refused.push(nothing_sent(&letter))
                }
                (ReplayMode::AsSent, Letter::Delivery(_)) | (ReplayMode::Raw, _) => {
                    preview.count += 1
                }
            }
        }
        Ok(preview)
    }

    /// Sends messages or dead letters again. Each is a transaction of its own with its audit record, so a failure in the middle
    /// leaves what was done before it, and the same token goes on behind it.
    pub async fn replay(
        &self,
        scope: &Scope,
        act: &Act,
        order: &ReplayOrder,
    ) -> Result<Replayed, ActError> {
        let mut done = Replayed::default();
        let chosen = self.chosen(scope, order).await?;
        if order.at_most.is_some_and(|at_most| chosen.len() > at_most) {
            return Err(ActError::Refused(
                "there are more than a moment ago: ask again".to_owned(),
            ));
        }
        for letter in chosen {
            let token = order.token.as_ref().map(|token| format!("{token}/{}", letter_id(&letter)));
            let replayed = match (order.mode, letter) {
                (ReplayMode::Raw, Letter::Message(message)) => {
                    self.replay_raw(scope, act, message, order.wanted(), (token, None)).await
                }
                (ReplayMode::AsSent, Letter::Delivery(delivery)) => {
                    self.replay_as_sent(scope, act, delivery, &order.to, (token, None)).await
                }
                (ReplayMode::AsSent, Letter::Message(_)) => {
                    done.refused.push(nothing_sent(&letter));
                    continue;
                }
                // `chosen` has turned every delivery into its message.
                (ReplayMode::Raw, Letter::Delivery(_)) => continue,
            };
            match replayed {
                Ok(replayed) => {
                    done.count += 1;
                    done.messages.push(replayed.message);
                    done.repeated |= replayed.repeated;
                }
                Err(ActError::Store(
                    error @ (StoreError::Refused(_) | StoreError::NotFound(_)),
                )) => {
                    done.refused.push((letter_id(&letter), error.to_string()));
                }
                Err(ActError::Refused(why)) => done.refused.push((letter_id(&letter), why)),
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    /// The letters of an order; for a raw replay, the messages that they belong to.
    pub(crate) async fn chosen(
        &self,
        scope: &Scope,
        order: &ReplayOrder,
    ) -> Result<Vec<Letter>, ActError> {
        let mut letters = self.letters(scope, &order.selection).await?;
        if order.mode == ReplayMode::Raw {
            for letter in &mut letters {
                if let Letter::Delivery(id) = letter {
                    let message = self.store().message_of(scope, *id).await?;
                    *letter = Letter::Message(message.ok_or(ActError::Absent("delivery"))?);
                }
            }
            letters.sort_unstable();
            letters.dedup();
        }
        Ok(letters)
    }

    pub(crate) async fn of_channel(
        &self,
        scope: &Scope,
        message: MessageId,
    ) -> Result<(Arc<Running>, MessageDetail), ActError> {
        let detail =
            self.store().message(scope, message).await?.ok_or(ActError::Absent("message"))?;
        let channel = &detail.summary.channel;
        let running = self
            .channel(channel)
            .ok_or_else(|| ActError::Refused(format!("channel `{channel}` does not run")))?;
        Ok((running, detail))
    }

    pub(crate) async fn replay_raw(
        &self,
        scope: &Scope,
        act: &Act,
        of: MessageId,
        to: &[Name],
        (token, step): Once,
    ) -> Result<store::Replayed, ActError> {
        let (running, detail) = self.of_channel(scope, of).await?;
        let trace = detail.summary.trace;
        let inlet = Arc::clone(&running.inlet);
        let body = self.store().body(scope, BodyOf::Message(of)).await?.into_phi();
        let id = MessageId::new();
        let message = Undecided { id, body, received_us: act.now_us, trace };
        let mut decided = decide_now(&inlet, message).await?;
        let only = destinations(&running, to)?;
        narrow(&mut decided, &only)?;
        let decision = Some(decided.decision);
        let replay = RawReplay { id, of, decision, destinations: only, token, step };
        let on_commit = inlet.hand_over_on_commit(decided.parcels);
        Ok(self.store().replay_raw(scope, act, inlet.lease(), replay, on_commit).await?)
    }

    pub(crate) async fn replay_as_sent(
        &self,
        scope: &Scope,
        act: &Act,
        of: DeliveryId,
        to: &[Name],
        (token, step): Once,
    ) -> Result<store::Replayed, ActError> {
        let message =
            self.store().message_of(scope, of).await?.ok_or(ActError::Absent("delivery"))?;
        let (running, detail) = self.of_channel(scope, message).await?;
        let old =
            detail.deliveries.iter().find(|d| d.id == of).ok_or(ActError::Absent("delivery"))?;
        let names = if to.is_empty() { std::slice::from_ref(&old.destination) } else { to };
        let body = self.store().body(scope, BodyOf::Delivery(of)).await?.into_phi();
        let mut deliveries = Vec::new();
        for name in names {
            let outbound = running.destination(name).ok_or_else(|| {
                ActError::Refused(format!("destination `{name}` is not there any more"))
            })?;
            // The same destination: the same lanes. Another one: those that its own order gives these bytes.
            let keys = match *name == old.destination {
                true => Vec::new(),
                false => running.inlet.keys_for(&outbound, &body),
            };
            deliveries.push((DeliveryId::new(), outbound.id, keys));
        }
        let replay = SentReplay { id: MessageId::new(), of, to: deliveries, token, step };
        let on_commit = read_back(&running);
        Ok(self
            .store()
            .replay_as_sent(scope, act, running.inlet.lease(), replay, on_commit)
            .await?)
    }
}

/// What makes a replay happen once: a token, or its number in a job.
pub(crate) type Once = (Option<String>, Option<JobStep>);

/// What the revision in force makes of a message, with all the time that a program has.
pub(crate) async fn decide_now(
    inlet: &Arc<Inlet>,
    message: Undecided,
) -> Result<Decided, ActError> {
    let inlet = Arc::clone(inlet);
    let run = move || {
        let plan = inlet.plan();
        decide(&plan, (inlet.store(), inlet.lease()), &message, &Deadline::within(IN_ALL))
            .unwrap_or_else(|| faulty(&plan, "budget", "the program needed more than 2 s"))
    };
    let decided = tokio::task::spawn_blocking(run).await;
    decided.map_err(|_| ActError::Refused("the program broke off".to_owned()))
}

/// Keeps to these destinations, if any are named.
pub(crate) fn narrow(decided: &mut Decided, only: &[DestinationId]) -> Result<(), ActError> {
    if only.is_empty() {
        return Ok(());
    }
    decided.decision.deliveries.retain(|delivery| only.contains(&delivery.destination));
    decided.parcels.retain(|(outbound, _)| only.contains(&outbound.id));
    match decided.decision.deliveries.is_empty() && !decided.decision.disposition.is_final() {
        true => Err(ActError::Refused("the revision in force does not send it there".to_owned())),
        false => Ok(()),
    }
}

/// The lanes read the new deliveries from the store, at their place.
pub(crate) fn read_back(running: &Arc<Running>) -> OnCommit {
    let running = Arc::clone(running);
    Box::new(move |_: Committed| {
        running.destinations().iter().for_each(|(_, outbound)| outbound.leave_in_store())
    })
}

pub(crate) fn destinations(
    running: &Running,
    names: &[Name],
) -> Result<Vec<DestinationId>, ActError> {
    let found = names.iter().map(|name| running.destination(name).map(|outbound| outbound.id));
    found.collect::<Option<Vec<_>>>().ok_or(ActError::Absent("destination"))
}

fn nothing_sent(letter: &Letter) -> (String, String) {
    (letter_id(letter), "nothing was sent of it: replay it with `--raw`".to_owned())
}
