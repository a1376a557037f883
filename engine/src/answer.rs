//! The answer to one frame: decided early where it can be, written only after the commit.

use std::sync::Arc;

use ::channel::{
    AckPolicy, AckSettings, Acknowledgement, Arrival, Decision, SameId, Wishes, ack_decision,
    owes_application_ack,
};
use bytes::Bytes;
use connectors::Answer;
use hl7::{AckCode, AckRequest, Peek, Unreadable};
use store::{AckPart, Disposition, Received, StoreError};
use tokio::sync::oneshot;

use crate::ack_ids::AckIds;
use crate::inlet::arrival;
use crate::late::Told;
use crate::plan::Plan;
use crate::watch::{Watched, Watching};

/// What is needed to answer a frame.
pub struct Answering {
    plan: Arc<Plan>,
    frame: Bytes,
    peek: Option<Peek>,
    ids: Arc<AckIds>,
    /// Who is told first that the message is on disk (MLLP release 2).
    stored: Option<oneshot::Sender<bool>>,
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
        (ids, stored): (Arc<AckIds>, Option<oneshot::Sender<bool>>),
    ) -> Answering {
        Answering { plan, frame, peek: peek.as_ref().ok().cloned(), ids, stored }
    }

    fn tell(&mut self, stored: &Result<Received, StoreError>) {
        if let Some(told) = self.stored.take() {
            // The connection may have gone meanwhile.
            let _ = told.send(stored.is_ok());
        }
    }

    /// What is answered to such an arrival, once it is on disk.
    pub fn ready(&self, arrival: &Arrival<'_>) -> Ready {
        match self.decision(arrival) {
            Decision::Answer(answer) => Ready::Answer(answer),
            Decision::Wait => Ready::Wait,
            Decision::Silent | Decision::Close => Ready::Silent,
        }
    }

    fn wishes(&self) -> Wishes<'_> {
        self.peek.as_ref().map(|peek| Wishes::of(&self.frame, peek)).unwrap_or_default()
    }

    fn decision(&self, arrival: &Arrival<'_>) -> Decision {
        ack_decision(self.plan.channel.ack(), self.wishes(), arrival)
    }

    /// Whether an application acknowledgement follows as a message of its own.
    pub fn owes(&self, arrival: &Arrival<'_>) -> AckPart {
        match owes_application_ack(self.plan.channel.ack(), self.wishes(), arrival) {
            true => AckPart::Owed,
            false => AckPart::None,
        }
    }

    /// Answers a message that was committed with its decision.
    pub async fn after(
        mut self,
        stored: Result<Received, StoreError>,
        ready: Ready,
        watched: Option<Watching>,
    ) -> Answer {
        self.tell(&stored);
        match stored {
            Ok(Received::New { same_id_other_body: true, .. }) if self.refuses_same_id() => {
                self.by(&Arrival::SameId)
            }
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
        mut self,
        stored: Result<Received, StoreError>,
        ready: Ready,
        hears: oneshot::Receiver<Told>,
    ) -> Answer {
        self.tell(&stored);
        match (stored, ready) {
            (Ok(Received::New { same_id_other_body: true, .. }), _) if self.refuses_same_id() => {
                self.by(&Arrival::SameId)
            }
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

    fn refuses_same_id(&self) -> bool {
        self.plan.channel.ack().same_id == SameId::Reject
    }

    /// Waits for deliveries, up to the deadline of the channel.
    async fn wait(self, watched: Option<Watching>) -> Answer {
        let AckPolicy::OnDelivery { deadline, .. } = &self.plan.channel.ack().policy else {
            return self.by(&Arrival::Routed);
        };
        let arrival = match watched {
            Some(watched) => match tokio::time::timeout(*deadline, watched.end()).await {
                Ok(Some(Watched::Delivered)) => Arrival::Delivered,
                Ok(Some(Watched::Dead) | None) | Err(_) => Arrival::NotDelivered,
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
        if matches!(self.owes(&Arrival::Routed), AckPart::Owed) {
            // What became of it, the application acknowledgement says.
            return Arrival::Repeated(code);
        }
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
        let settings = self.plan.channel.ack();
        let bytes = written(answer, (&self.frame, self.peek.as_ref()), settings, &self.ids);
        Answer::Reply(bytes)
    }
}

/// An acknowledgement of some bytes as it is sent.
pub(crate) fn written(
    answer: &Acknowledgement,
    (received, peek): (&[u8], Option<&Peek>),
    settings: &AckSettings,
    ids: &AckIds,
) -> Bytes {
    let problems: Vec<hl7::Problem<'_>> =
        answer.problems.iter().map(|problem| problem.as_hl7()).collect();
    let now = jiff::Zoned::now().strftime("%Y%m%d%H%M%S%.3f%z").to_string();
    let request = AckRequest {
        received,
        peek,
        code: answer.code,
        control_id: &ids.next(),
        now: &now,
        problems: &problems,
        options: &settings.options,
    };
    Bytes::from(hl7::ack(&request))
}
