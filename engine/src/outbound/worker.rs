//! One connection of a destination: takes the next delivery, sends it, settles it.

use std::sync::Arc;

use config::Name;
use connectors::{Destination, Outcome, Outgoing};
use store::{Attempt, Settle, Settled, StoreError, Wait};
use tokio::task::JoinSet;

use super::hop::Hopped;
use super::settle::InDoubtQueue;
use super::{Outbound, Phase, Task, Way};
use crate::parcel::Parcel;
use crate::retry::{After, Tried};
use crate::traces::Span;
use crate::watch::Watched;

impl Outbound {
    /// Runs the destination until it is stopped or drained.
    pub async fn run(self: Arc<Self>) {
        let filler = tokio::spawn(Arc::clone(&self).keep_filled());
        let awaiting = tokio::spawn(Arc::clone(&self).keep_awaiting());
        let mut changed = self.settings.subscribe();
        loop {
            let mut workers = JoinSet::new();
            for _ in 0..self.parallel() {
                workers.spawn(Arc::clone(&self).work(changed.clone()));
            }
            changed.mark_unchanged();
            while workers.join_next().await.is_some() {}
            let phase = self.state().phase;
            if matches!(phase, Phase::Draining | Phase::Stopped) {
                break;
            }
        }
        self.stop();
        self.room.notify_one();
        filler.abort();
        awaiting.abort();
    }

    /// Sends one delivery after the other, until the settings change or the destination ends.
    async fn work(self: Arc<Self>, mut changed: tokio::sync::watch::Receiver<super::Settings>) {
        let mut exit = Exit::new(changed.borrow_and_update().way.clone());
        let mut in_doubt = InDoubtQueue::default();
        loop {
            let replaced = changed.has_changed().unwrap_or(true);
            let task = if replaced { Task::End } else { self.next() };
            let settled = match task {
                Task::Send(parcel) => match self.send(parcel, &mut exit, &mut in_doubt).await {
                    Ok(()) => self.ease(&mut in_doubt).await,
                    over => over,
                },
                Task::Wait(at) => self.wait(at, &mut changed, &mut in_doubt).await,
                Task::End if in_doubt.is_empty() => break,
                Task::End => in_doubt.oldest(&self).await,
            };
            if settled.is_err() {
                // The channel has another owner, or the disk lost a write: nothing more may be sent.
                self.stop();
                break;
            }
        }
        self.work.notify_one();
    }

    /// Waits for the disk only as long as too much is in doubt.
    async fn ease(&self, in_doubt: &mut InDoubtQueue) -> Result<(), store::StoreError> {
        while in_doubt.is_full() {
            in_doubt.hurry();
            in_doubt.oldest(self).await?;
        }
        Ok(())
    }

    async fn wait(
        &self,
        at_us: Option<i64>,
        changed: &mut tokio::sync::watch::Receiver<super::Settings>,
        in_doubt: &mut InDoubtQueue,
    ) -> Result<(), store::StoreError> {
        let timer = async {
            match at_us {
                Some(at) => tokio::time::sleep(self.until(at)).await,
                None => std::future::pending().await,
            }
        };
        let doubtful = !in_doubt.is_empty();
        tokio::select! {
            biased;
            () = self.work.notified() => Ok(()),
            result = in_doubt.oldest(self), if doubtful => result,
            _ = changed.changed() => {
                changed.mark_changed();
                Ok(())
            }
            () = timer => Ok(()),
        }
    }

    async fn send(
        &self,
        parcel: Parcel,
        exit: &mut Exit,
        in_doubt: &mut InDoubtQueue,
    ) -> Result<(), StoreError> {
        let started_us = self.clock.now_us();
        let outcome = match exit {
            Exit::Connector(destination) => deliver(destination, &parcel).await,
            Exit::Channel(name) => match self.hop(&parcel, name, started_us).await {
                Hopped::Done => {
                    self.tried.ended(0, self.clock.now_us() - started_us);
                    self.handed_over(&parcel);
                    return Ok(());
                }
                Hopped::Later(outcome) => outcome,
                Hopped::Over(error) => return Err(error),
            },
        };
        self.judge(parcel, outcome, started_us, in_doubt);
        Ok(())
    }

    /// Decides what a try means for the delivery.
    fn judge(
        &self,
        parcel: Parcel,
        outcome: Outcome,
        started_us: i64,
        in_doubt: &mut InDoubtQueue,
    ) {
        let attempt = parcel.tries + 1;
        let now_us = self.clock.now_us();
        let tried = Tried {
            tries: attempt,
            answered_tries: parcel.answered_tries,
            first_answered_us: parcel.first_answered_us,
            started_us,
            now_us,
            failures: self.state().failures,
            jitter: rand::random::<f64>(),
        };
        let after = self.settings.borrow().lane.after(&outcome, &tried);
        let settle = Settle {
            delivery: parcel.delivery,
            message: parcel.message,
            attempt: evidence(outcome, started_us),
            to: self.settled_as(&after, &parcel.body, now_us),
            wait: Wait::None,
        };
        self.conclude(parcel, after, settle, in_doubt);
    }

    fn settled_as(&self, after: &After, body: &[u8], now_us: i64) -> Settled {
        match after {
            After::Delivered => Settled::Delivered,
            After::Committed => self.committed(body, now_us),
            After::Wait { until_us, .. } => Settled::Waiting { until_us: *until_us },
            After::Dead { code } => Settled::Dead { code },
        }
    }

    /// The lanes go on behind a delivery whose end is on disk already.
    fn handed_over(&self, parcel: &Parcel) {
        self.advance(parcel, &After::Delivered, ("handed-on", 0));
        self.state().lanes.synced(&parcel.keys);
        self.work.notify_one();
        self.ended(parcel.delivery, Watched::Delivered);
    }

    /// Lets the lanes go on and gives the settle to the store.
    fn conclude(&self, parcel: Parcel, after: After, settle: Settle, in_doubt: &mut InDoubtQueue) {
        let outcome = came_to(&after);
        self.tried.ended(outcome, settle.attempt.duration_us);
        self.traces.give(|| {
            let attempt = &settle.attempt;
            Span::attempt(
                (parcel.message, parcel.delivery, parcel.trace),
                (self.lease.name().as_str(), self.name.as_str()),
                (attempt.started_us, attempt.duration_us),
                (attempt.code, outcome == 0),
            )
        });
        self.advance(&parcel, &after, (settle.attempt.code, settle.attempt.started_us));
        self.work.notify_one();
        let keys = match after {
            After::Wait { .. } => None,
            After::Delivered | After::Committed | After::Dead { .. } => {
                Some(Arc::clone(&parcel.keys))
            }
        };
        in_doubt.push(self, settle, keys);
        match after {
            After::Delivered => self.ended(parcel.delivery, Watched::Delivered),
            After::Dead { .. } => self.ended(parcel.delivery, Watched::Dead),
            After::Wait { .. } | After::Committed => {}
        }
    }

    /// Notes in memory what a try came to.
    fn advance(&self, parcel: &Parcel, after: &After, (code, started_us): (&'static str, i64)) {
        let now_us = self.clock.now_us();
        let mut state = self.state();
        match *after {
            After::Delivered | After::Committed | After::Dead { .. } => {
                state.bytes = state.bytes.saturating_sub(parcel.body.len());
                state.lanes.finish(parcel.position);
                state.failures = 0;
                state.down_until_us = None;
                state.down_since_us = None;
            }
            After::Wait { until_us, unreachable } => {
                if unreachable {
                    state.failures = state.failures.saturating_add(1);
                    state.down_until_us = Some(until_us);
                    state.down_since_us = state.down_since_us.or(Some(now_us));
                }
                state.lanes.retry(parcel.position, until_us, |p| {
                    p.tries += 1;
                    if !unreachable {
                        p.answered_tries += 1;
                        p.first_answered_us = p.first_answered_us.or(Some(started_us));
                    }
                });
            }
        }
        match after {
            After::Delivered => state.live.last_delivered_us = Some(now_us),
            After::Committed => {}
            After::Dead { .. } | After::Wait { .. } => state.live.last_error = Some((code, now_us)),
        }
    }
}

/// What a try came to, by its place among the counted outcomes.
fn came_to(after: &After) -> usize {
    match after {
        After::Delivered | After::Committed => 0,
        After::Dead { .. } => 1,
        After::Wait { unreachable: false, .. } => 2,
        After::Wait { unreachable: true, .. } => 3,
    }
}

/// What a worker keeps open between deliveries.
enum Exit {
    Connector(Destination),
    Channel(Name),
}

impl Exit {
    fn new(way: Way) -> Exit {
        match way {
            Way::Connector(settings) => Exit::Connector(Destination::new(*settings)),
            Way::Channel(name) => Exit::Channel(name),
        }
    }
}

async fn deliver(destination: &mut Destination, parcel: &Parcel) -> Outcome {
    let message = parcel.message.to_string();
    let delivery = parcel.delivery.to_string();
    let outgoing = Outgoing {
        body: &parcel.body,
        message_id: &message,
        delivery_id: &delivery,
        part: parcel.position.part,
        attempt: parcel.tries + 1,
        received_us: parcel.received_us,
    };
    destination.deliver(&outgoing).await
}

fn evidence(outcome: Outcome, started_us: i64) -> Attempt {
    let evidence = outcome.into_evidence();
    Attempt {
        started_us,
        duration_us: i64::try_from(evidence.duration.as_micros()).unwrap_or(i64::MAX),
        peer: evidence.peer,
        code: evidence.code,
        answered: evidence.answered,
        response: evidence.response,
        error: evidence.text,
    }
}
