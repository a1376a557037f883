//! Deliveries that their receivers have committed: what becomes of them, an application acknowledgement says.
//!
//! They hold no lane. The acknowledgement comes in by a channel of its own and is matched in the store, so neither a restart nor an
//! acknowledgement that is faster than our own settle loses anything.

use std::sync::Arc;
use std::time::Duration;

use connectors::mllp::Action;
use connectors::{Evidence, Outcome};
use hl7::AckCode;
use phi::Phi;
use store::{Answered, Attempt, QueuedDelivery, Settle, Settled, StoreError, Wait};

use super::Outbound;
use super::refill::parcel;
use crate::retry::{After, Tried};
use crate::watch::Watched;

/// What is read from the store in one go.
const PAGE: usize = 128;
/// Pause before a store that did not answer is asked again.
const STORE_RETRY: Duration = Duration::from_millis(500);
/// How often a channel that should get acknowledgements and does not run is looked for.
const INLET_RETRY: Duration = Duration::from_secs(1);
/// The code of a wait that ended without one.
const MISSING: &str = "no-application-ack";

impl Outbound {
    /// A receiver has committed a message just now.
    pub(super) fn committed(&self, body: &[u8], now_us: i64) -> Settled {
        let settings = self.settings.borrow();
        let Some(acks) = settings.way.application_acks() else {
            // The settings have changed since it was sent, and a commit ends a delivery now.
            return Settled::Delivered;
        };
        let within = i64::try_from(acks.within.as_micros()).unwrap_or(i64::MAX);
        let control_id = hl7::peek(body).map(|peek| peek.control_id(body).to_vec());
        Settled::Committed {
            until_us: now_us.saturating_add(within),
            acks: acks.channel.clone(),
            control_id: control_id.unwrap_or_default(),
        }
    }

    /// Ends waits as acknowledgements come in, and as their time is over.
    pub(super) async fn keep_awaiting(self: Arc<Self>) {
        let mut changed = self.settings.subscribe();
        loop {
            let acks = changed.borrow_and_update().way.application_acks().cloned();
            let channel = acks.as_ref().map(|acks| &acks.channel);
            let mut arrivals = channel.and_then(|name| self.inlets.find(name)).map(|i| i.acks());
            let missing = acks.as_ref().map_or(Action::DeadLetter, |acks| acks.missing);
            let next = match self.end_waits(missing).await {
                Ok(next) => next,
                Err(StoreError::Fenced | StoreError::SyncFailed | StoreError::Closed) => return,
                Err(error) => {
                    tracing::warn!(destination = %self.name, error = %error, "application acknowledgements could not be matched, trying again");
                    tokio::time::sleep(STORE_RETRY).await;
                    continue;
                }
            };
            let looking = acks.is_some() && arrivals.is_none();
            let late = async {
                match next {
                    Some(at) => tokio::time::sleep(self.until(at)).await,
                    None => std::future::pending().await,
                }
            };
            let arrived = async {
                match &mut arrivals {
                    // The channel may end and come back; the next round finds it again.
                    Some(arrivals) => {
                        if arrivals.changed().await.is_err() {
                            tokio::time::sleep(INLET_RETRY).await;
                        }
                    }
                    None if looking => tokio::time::sleep(INLET_RETRY).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.awaiting.notified() => {}
                () = arrived => {}
                _ = changed.changed() => changed.mark_changed(),
                () = late => {}
            }
        }
    }

    /// Settles what can be settled now; gives the end of the next wait.
    async fn end_waits(&self, missing: Action) -> Result<Option<i64>, StoreError> {
        loop {
            let answered = self.store.answered(self.id, PAGE).await?;
            let more = answered.len() >= PAGE;
            let settles = answered.into_iter().map(|one| self.answered(one)).collect();
            self.settle_all(settles).await?;
            if !more {
                break;
            }
        }
        loop {
            let now_us = self.clock.now_us();
            let overdue = self.store.overdue(&self.lease, self.id, now_us, PAGE).await?;
            let more = overdue.len() >= PAGE;
            let mut settles = Vec::with_capacity(overdue.len());
            let mut again = Vec::new();
            for row in overdue {
                let (settle, at) = self.unanswered(&row, missing, now_us);
                settles.push(settle);
                again.extend(at.map(|at| (row, at)));
            }
            self.settle_all(settles).await?;
            again.into_iter().for_each(|(row, at)| self.send_again(row, at));
            if !more {
                break;
            }
        }
        self.store.next_deadline(self.id).await
    }

    async fn settle_all(&self, settles: Vec<Settle>) -> Result<(), StoreError> {
        let put = settles.into_iter().map(|settle| {
            let end = match settle.to {
                Settled::Delivered => Some(Watched::Delivered),
                Settled::Dead { .. } => Some(Watched::Dead),
                Settled::Waiting { .. } | Settled::Committed { .. } => None,
            };
            let (delivery, code) = (settle.delivery, settle.attempt.code);
            (delivery, code, end, self.store.settle(&self.lease, settle))
        });
        let put: Vec<_> = put.collect();
        for (delivery, code, end, ticket) in put {
            ticket.hurry();
            ticket.await?;
            self.settled.notify_one();
            let now_us = self.clock.now_us();
            match end {
                Some(Watched::Delivered) => self.state().live.last_delivered_us = Some(now_us),
                Some(Watched::Dead) | None => self.state().live.last_error = Some((code, now_us)),
            }
            end.into_iter().for_each(|end| self.ended(delivery, end));
        }
        Ok(())
    }

    /// What an acknowledgement makes of its delivery.
    fn answered(&self, answered: Answered) -> Settle {
        let Answered { delivery, message, ack, body } = answered;
        let reply = body.as_ref().ok().and_then(|body| hl7::read_reply(body.expose_phi()));
        let code = match &body {
            Err(_) => "unreadable",
            Ok(_) => reply.as_ref().and_then(|r| r.code).map_or("blank", AckCode::as_str),
        };
        let accepted =
            reply.as_ref().and_then(|reply| reply.code).is_some_and(AckCode::is_positive);
        let text = reply.map(|reply| reply.text).filter(|text| !text.is_empty());
        let attempt = Attempt {
            started_us: self.clock.now_us(),
            duration_us: 0,
            peer: format!("acknowledgement {ack}"),
            code,
            answered: true,
            response: body.ok(),
            error: text.map(|text| Phi::new(String::from_utf8_lossy(&text).into_owned())),
        };
        let to = if accepted { Settled::Delivered } else { Settled::Dead { code } };
        Settle { delivery, message, attempt, to, wait: Wait::Answered(ack) }
    }

    /// What the end of the wait makes of a delivery, and when it is sent again, if it is.
    fn unanswered(
        &self,
        row: &QueuedDelivery,
        missing: Action,
        now_us: i64,
    ) -> (Settle, Option<i64>) {
        let text = "no application acknowledgement came in time".to_owned();
        let evidence = Evidence {
            code: MISSING,
            answered: true,
            peer: String::new(),
            duration: Duration::ZERO,
            response: None,
            text: Some(Phi::new(text.clone())),
        };
        let tried = Tried {
            tries: row.tries,
            answered_tries: row.answered_tries,
            first_answered_us: row.first_answered_us,
            started_us: now_us,
            now_us,
            failures: 0,
            jitter: rand::random::<f64>(),
        };
        let outcome = match missing {
            Action::Retry => Outcome::Later(evidence),
            Action::DeadLetter | Action::Accept => Outcome::Never(evidence),
        };
        let until = match self.settings.borrow().lane.after(&outcome, &tried) {
            After::Wait { until_us, .. } => Some(until_us),
            After::Delivered | After::Committed | After::Dead { .. } => None,
        };
        let attempt = Attempt {
            started_us: now_us,
            duration_us: 0,
            peer: String::new(),
            code: MISSING,
            answered: true,
            response: None,
            error: Some(Phi::new(text)),
        };
        let to =
            until.map_or(Settled::Dead { code: MISSING }, |until_us| Settled::Waiting { until_us });
        let (delivery, message) = (row.id, row.message);
        (Settle { delivery, message, attempt, to, wait: Wait::Unanswered }, until)
    }

    /// Puts a delivery back at its place, to go at this time.
    fn send_again(&self, row: QueuedDelivery, at_us: i64) {
        let mut parcel = parcel(row);
        parcel.tries += 1;
        parcel.answered_tries += 1;
        parcel.first_answered_us = parcel.first_answered_us.or(Some(self.clock.now_us()));
        let mut state = self.state();
        // One that was not read back yet comes with the others.
        if state.loaded.is_some_and(|loaded| parcel.position <= loaded) {
            state.add(parcel, false, Some(at_us));
        }
        drop(state);
        self.work.notify_one();
    }
}
