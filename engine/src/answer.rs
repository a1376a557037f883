//! The answer to one frame: decided early where it can be, written only after the commit.

use std::sync::Arc;

use ::channel::{AckPolicy, Acknowledgement, Arrival, Decision, Wishes, ack_decision};
use bytes::Bytes;
use connectors::Answer;
use hl7::{AckCode, AckRequest, Peek, Unreadable};
use store::{Disposition, Received, StoreError};
use tokio::sync::oneshot;

use crate::ack_ids::AckIds;
use crate::inlet::arrival;
use crate::late::Told;
use crate::plan::Plan;
use crate::watch::Watched;

/// What is needed to answer a frame.
pub struct Answering {
    plan: Arc<Plan>,
    frame: Bytes,
    peek: Option<Peek>,
    ids: Arc<AckIds>,
}

/// An answer that waits for the commit, or for more.
pub enum Ready {
    /// This one.
    Answer(Acknowledgement),
    /// None.
    Silent,
    /// It depends on what is still going on.
    Wait,
}

impl Ready {
    /// The code that is stored with the message; a resend is answered with it.
    pub fn code(&self) -> &'static str {
        match self {
            Ready::Answer(answer) => answer.code.as_str(),
            Ready::Wait => AckCode::AA.as_str(),
            Ready::Silent => "",
        }
    }
}

impl Answering {
    /// For this frame.
    pub fn new(
        plan: Arc<Plan>,
        frame: Bytes,
        peek: &Result<Peek, Unreadable>,
        ids: Arc<AckIds>,
    ) -> Answering {
        Answering { plan, frame, peek: peek.as_ref().ok().cloned(), ids }
    }

    /// What is answered to such an arrival, once it is on disk.
    pub fn ready(&self, arrival: &Arrival<'_>) -> Ready {
        match self.decision(arrival) {
            Decision::Answer(answer) => Ready::Answer(answer),
            Decision::Wait => Ready::Wait,
            Decision::Silent | Decision::Close => Ready::Silent,
        }
    }

    fn decision(&self, arrival: &Arrival<'_>) -> Decision {
        let wishes =
            self.peek.as_ref().map(|peek| Wishes::of(&self.frame, peek)).unwrap_or_default();
        ack_decision(self.plan.channel.ack(), wishes, arrival)
    }

    /// Answers a message that was committed with its decision.
    pub async fn after(
        self,
        stored: Result<Received, StoreError>,
        ready: Ready,
        watched: Option<oneshot::Receiver<Watched>>,
    ) -> Answer {
        match stored {
            Ok(Received::New { .. }) => match ready {
                Ready::Answer(answer) => self.reply(&answer),
                Ready::Silent => Answer::Silent,
                Ready::Wait => self.wait(watched).await,
            },
            other => self.not_new(other),
        }
    }

    /// Answers a message that was committed without a decision.
    pub async fn after_deferred(
        self,
        stored: Result<Received, StoreError>,
        ready: Ready,
        hears: oneshot::Receiver<Told>,
    ) -> Answer {
        match (stored, ready) {
            (Ok(Received::New { .. }), Ready::Answer(answer)) => self.reply(&answer),
            (Ok(Received::New { .. }), Ready::Silent) => Answer::Silent,
            (Ok(Received::New { .. }), Ready::Wait) => match hears.await {
                Ok((outcome, watched)) => match self.ready(&arrival(&outcome)) {
                    Ready::Answer(answer) => self.reply(&answer),
                    Ready::Silent => Answer::Silent,
                    Ready::Wait => self.wait(watched).await,
                },
                // The channel ended before it had decided: the sender will send again.
                Err(_) => Answer::Close,
            },
            (other, _) => self.not_new(other),
        }
    }

    /// Waits for deliveries, up to the deadline of the channel.
    async fn wait(self, watched: Option<oneshot::Receiver<Watched>>) -> Answer {
        let AckPolicy::OnDelivery { deadline, .. } = &self.plan.channel.ack().policy else {
            return self.by(&Arrival::Routed);
        };
        let arrival = match watched {
            Some(watched) => match tokio::time::timeout(*deadline, watched).await {
                Ok(Ok(Watched::Delivered)) => Arrival::Delivered,
                Ok(Ok(Watched::Dead) | Err(_)) | Err(_) => Arrival::NotDelivered,
            },
            // None of the destinations that it waits for gets this message.
            None => Arrival::Delivered,
        };
        self.by(&arrival)
    }

    /// A negative answer to what could not be stored is no word about the message.
    fn not_stored(&self) -> Answer {
        match self.by(&Arrival::NotStored) {
            Answer::Reply(body) => Answer::Unstored(body),
            answer @ (Answer::Unstored(_) | Answer::Silent | Answer::Close) => answer,
        }
    }

    fn not_new(self, stored: Result<Received, StoreError>) -> Answer {
        match stored {
            Ok(Received::Duplicate { ack_code, disposition, .. }) => {
                let code = AckCode::from_bytes(ack_code.as_bytes()).unwrap_or(AckCode::AA);
                self.by(&self.repeated(code, disposition))
            }
            Ok(Received::New { .. }) | Err(_) => self.not_stored(),
        }
    }

    /// A sender that was kept waiting for more than the commit is told what has become of its message by now.
    fn repeated(&self, code: AckCode, disposition: Disposition) -> Arrival<'static> {
        match (&self.plan.channel.ack().policy, disposition) {
            (AckPolicy::OnReceipt, _) => Arrival::Repeated(code),
            (AckPolicy::OnAccept | AckPolicy::OnDelivery { .. }, Disposition::Failed) => {
                Arrival::Failed("the message could not be processed")
            }
            (AckPolicy::OnDelivery { .. }, Disposition::Received) => Arrival::NotDelivered,
            (AckPolicy::OnAccept | AckPolicy::OnDelivery { .. }, _) => Arrival::Repeated(code),
        }
    }

    fn by(&self, arrival: &Arrival<'_>) -> Answer {
        match self.decision(arrival) {
            Decision::Answer(answer) => self.reply(&answer),
            Decision::Silent | Decision::Wait => Answer::Silent,
            Decision::Close => Answer::Close,
        }
    }

    fn reply(&self, answer: &Acknowledgement) -> Answer {
        let problems: Vec<hl7::Problem<'_>> =
            answer.problems.iter().map(|problem| problem.as_hl7()).collect();
        let now = jiff::Zoned::now().strftime("%Y%m%d%H%M%S%.3f%z").to_string();
        let request = AckRequest {
            received: &self.frame,
            peek: self.peek.as_ref(),
            code: answer.code,
            control_id: &self.ids.next(),
            now: &now,
            problems: &problems,
            options: &self.plan.channel.ack().options,
        };
        Answer::Reply(Bytes::from(hl7::ack(&request)))
    }
}
