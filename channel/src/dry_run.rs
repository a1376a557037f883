//! A message run through a channel with nothing stored and nothing sent: what would be answered, what would go where, and why.

use config::Name;

use crate::ack::{Acknowledgement, Admitted, Arrival, Decision, Wishes, ack_decision};
use crate::budget::Budget;
use crate::channel::Channel;
use crate::failure::{Failure, StepAt};
use crate::trace::Note;
use crate::verdict::Verdict;

/// What would come of a message.
pub struct DryRun {
    /// What would become of it.
    pub fate: Fate,
    /// The code that the sender would get at once; none when it gets nothing, or gets it later.
    pub ack: Option<&'static str>,
    /// What would go to each destination, part by part.
    pub outputs: Vec<DryOutput>,
    /// What each step did.
    pub notes: Vec<Note>,
}

/// What would become of a message.
pub enum Fate {
    /// At least one destination gets it, or would have got it.
    Routed,
    /// A filter stopped it.
    Filtered(StepAt),
    /// No destination wants it.
    Unrouted,
    /// It would not be taken in, for this reason.
    Rejected(&'static str),
    /// It is an answer to one of our own messages.
    Acknowledgement,
    /// A step failed.
    Failed(Failure),
    /// Its program needs too long.
    OutOfTime,
}

/// What would go to a destination.
pub struct DryOutput {
    /// Which one.
    pub destination: Name,
    /// Which part of a split, from 1.
    pub part: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What it would stay in order with.
    pub order_keys: Vec<Vec<u8>>,
    /// It would be a dead letter from the start.
    pub failure: Option<Failure>,
}

impl Fate {
    /// The word for it, as in `outcome.toml`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Fate::Routed => "routed",
            Fate::Filtered(_) => "filtered",
            Fate::Unrouted => "unrouted",
            Fate::Rejected(_) => "rejected",
            Fate::Acknowledgement => "acknowledgement",
            Fate::Failed(_) => "failed",
            Fate::OutOfTime => "out-of-time",
        }
    }

    /// The step that decided it, when one did.
    pub fn step(&self) -> Option<&StepAt> {
        match self {
            Fate::Filtered(step) => Some(step),
            Fate::Failed(failure) => failure.step.as_ref(),
            Fate::Routed
            | Fate::Unrouted
            | Fate::Rejected(_)
            | Fate::Acknowledgement
            | Fate::OutOfTime => None,
        }
    }
}

/// Runs a received message through a channel.
pub fn dry_run(channel: &Channel, received: &[u8], budget: &dyn Budget) -> DryRun {
    let peek = hl7::peek(received);
    let wishes = peek.as_ref().map(|peek| Wishes::of(received, peek)).unwrap_or_default();
    let answered = |arrival: Arrival<'_>| match ack_decision(channel.ack(), wishes, &arrival) {
        Decision::Answer(Acknowledgement { code, .. }) => Some(code.as_str()),
        Decision::Silent | Decision::Wait | Decision::Close => None,
    };
    let ended = |fate: Fate, ack| DryRun { fate, ack, outputs: Vec::new(), notes: Vec::new() };
    match channel.admit(received, peek.as_ref()) {
        Admitted::Message => {}
        Admitted::Acknowledgement => {
            return ended(Fate::Acknowledgement, answered(Arrival::Acknowledgement));
        }
        Admitted::Rejected(rejection) => {
            let ack = answered(Arrival::Rejected(&rejection));
            return ended(Fate::Rejected(rejection.reason), ack);
        }
    }
    let run = channel.program().trace(channel.message(received.to_vec()), budget);
    let mut outputs = Vec::new();
    let (fate, ack) = match run.verdict {
        Verdict::Route(routed) => {
            let failed = routed.iter().find_map(|output| output.failure.as_ref());
            let ack =
                answered(failed.map_or(Arrival::Routed, |failure| Arrival::Failed(&failure.told)));
            let names = channel.program().destinations();
            outputs.extend(routed.into_iter().filter_map(|output| {
                Some(DryOutput {
                    destination: names.get(output.destination)?.clone(),
                    part: output.part,
                    bytes: output.bytes(received).to_vec(),
                    order_keys: output.order_keys,
                    failure: output.failure,
                })
            }));
            (Fate::Routed, ack)
        }
        Verdict::Filtered { step } => (Fate::Filtered(step), answered(Arrival::Filtered)),
        Verdict::Unrouted => (Fate::Unrouted, answered(Arrival::Unrouted)),
        Verdict::Failed(failure) => {
            let ack = answered(Arrival::Failed(&failure.told));
            (Fate::Failed(failure), ack)
        }
        Verdict::OverBudget => (Fate::OutOfTime, answered(Arrival::Undecided)),
    };
    DryRun { fate, ack, outputs, notes: run.notes }
}
