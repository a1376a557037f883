//! One connection of a destination: takes the next delivery, sends it, settles it.

use std::sync::Arc;

use connectors::{Destination, Outcome, Outgoing};
use store::{Attempt, Settle, Settled};
use tokio::task::JoinSet;

use super::settle::InDoubtQueue;
use super::{Outbound, Phase, Task};
use crate::parcel::Parcel;
use crate::retry::{After, Tried};
use crate::watch::Watched;

impl Outbound {
    /// Runs the destination until it is stopped or drained.
    pub async fn run(self: Arc<Self>) {
        let filler = tokio::spawn(Arc::clone(&self).keep_filled());
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
    }

    /// Sends one delivery after the other, until the settings change or the destination ends.
    async fn work(self: Arc<Self>, mut changed: tokio::sync::watch::Receiver<super::Settings>) {
        let mut destination = Destination::new(changed.borrow_and_update().connector.clone());
        let mut in_doubt = InDoubtQueue::default();
        loop {
            let replaced = changed.has_changed().unwrap_or(true);
            let task = if replaced { Task::End } else { self.next() };
            let settled = match task {
                Task::Send(parcel) => {
                    self.send(parcel, &mut destination, &mut in_doubt).await;
                    self.ease(&mut in_doubt).await
                }
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
        destination: &mut Destination,
        in_doubt: &mut InDoubtQueue,
    ) {
        let started_us = self.clock.now_us();
        let attempt = parcel.tries + 1;
        let message = parcel.message.to_string();
        let delivery = parcel.delivery.to_string();
        let outgoing = Outgoing {
            body: &parcel.body,
            message_id: &message,
            delivery_id: &delivery,
            part: parcel.position.part,
            attempt,
            received_us: parcel.received_us,
        };
        let outcome = destination.deliver(&outgoing).await;
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
            to: settled(&after),
        };
        self.conclude(parcel, after, settle, in_doubt);
    }

    /// Lets the lanes go on and gives the settle to the store.
    fn conclude(&self, parcel: Parcel, after: After, settle: Settle, in_doubt: &mut InDoubtQueue) {
        let code = settle.attempt.code;
        let now_us = self.clock.now_us();
        let mut state = self.state();
        match after {
            After::Delivered | After::Dead { .. } => {
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
                        p.first_answered_us =
                            p.first_answered_us.or(Some(settle.attempt.started_us));
                    }
                });
            }
        }
        match after {
            After::Delivered => state.live.last_delivered_us = Some(now_us),
            After::Dead { .. } | After::Wait { .. } => state.live.last_error = Some((code, now_us)),
        }
        drop(state);
        self.work.notify_one();
        let keys = match after {
            After::Wait { .. } => None,
            After::Delivered | After::Dead { .. } => Some(Arc::clone(&parcel.keys)),
        };
        in_doubt.push(self, settle, keys);
        if let Some(watch) = &parcel.watch {
            match after {
                After::Delivered => watch.settled(Watched::Delivered),
                After::Dead { .. } => watch.settled(Watched::Dead),
                After::Wait { .. } => {}
            }
        }
    }
}

fn settled(after: &After) -> Settled {
    match after {
        After::Delivered => Settled::Delivered,
        After::Wait { until_us, .. } => Settled::Waiting { until_us: *until_us },
        After::Dead { code } => Settled::Dead { code },
    }
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
