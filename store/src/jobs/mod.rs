//! Long acts of people: what they are for, how far they are, and what became of each item.
//!
//! An item is done and counted in one transaction, so that it is done once, whatever happens to the process.

mod begin;
mod control;
mod look;
mod step;

use config::Name;
use uuid::Uuid;

use crate::audit::{Act, Actor, ActorKind, Agreed, Target};
use crate::ids::{DeliveryId, MessageId};
use crate::read::Letter;
use crate::scope::Scope;
use crate::state::{Disposition, coded};

pub(crate) use step::{advance, awaits};

/// Jobs are written where acts that belong to no channel are.
const NO_CHANNEL: i64 = 0;
/// Letters of one page.
pub(crate) const PAGE: usize = 256;
/// Why an item is not done: the job was paused, cancelled or has gone on meanwhile.
pub const JOB_MOVED: &str = "the job does not wait for this item";

coded! {
    /// What a job does.
    pub JobKind {
        /// Sends again.
        Replay = 10, "replay";
        /// Ends without sending.
        Discard = 11, "discard";
    }
}

coded! {
    /// How a job stands.
    pub JobState {
        /// It goes on, now or at the next start.
        Running = 10, "running";
        /// A person stopped it, and may let it go on.
        Paused = 11, "paused";
        /// Every item has an outcome.
        Done = 20, "done";
        /// A person ended it; what was done stays done.
        Cancelled = 21, "cancelled";
        /// It cannot go on.
        Failed = 22, "failed";
    }
}

/// What a job is to do.
pub struct NewJob {
    /// Its row.
    pub id: Uuid,
    /// What is done.
    pub kind: JobKind,
    /// The bytes that were sent, not the current revision.
    pub as_sent: bool,
    /// To these destinations only.
    pub destinations: Vec<Name>,
    /// To what, in this order.
    pub letters: Vec<Letter>,
    /// The channels that they are of.
    pub channels: Vec<Name>,
    /// How far whoever begins it reaches.
    pub scope: Scope,
    /// Items a second.
    pub rate: i64,
    /// The same token of the same actor a second time is the same job.
    pub token: Option<String>,
}

/// A job and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its row.
    pub id: Uuid,
    /// What is done.
    pub kind: JobKind,
    /// How it stands.
    pub state: JobState,
    /// The bytes that were sent, not the current revision.
    pub as_sent: bool,
    /// To these destinations only.
    pub destinations: Vec<Name>,
    /// The channels that it is about.
    pub channels: Vec<Name>,
    /// How far whoever began it reaches.
    pub scope: Scope,
    /// Why, in their words.
    pub reason: String,
    /// Items a second.
    pub rate: i64,
    /// Items.
    pub total: i64,
    /// The number of the next one, from 0.
    pub next: i64,
    /// Items that were done.
    pub done: i64,
    /// Items that could not be.
    pub refused: i64,
    /// Who began it.
    pub actor: Actor,
    /// The agreement of somebody else.
    pub approval: Option<Uuid>,
    /// Why it cannot go on.
    pub error: Option<String>,
    /// When it was begun, microseconds UTC.
    pub begun_us: i64,
    /// When it ended.
    pub ended_us: Option<i64>,
}

impl Job {
    /// An item as an act of whoever began the job.
    pub fn act(&self, action: &'static str, now_us: i64) -> Act {
        Act {
            actor: self.actor.clone(),
            action,
            purpose: Some(self.reason.clone()),
            request: Some(self.id.to_string()),
            approval: self.approval.map(|id| Agreed { id, spends: None }),
            now_us,
        }
    }

    /// Whether somebody who reaches so far may see it.
    pub fn is_within(&self, scope: &Scope) -> bool {
        scope.covers(&Scope::Channels(self.channels.iter().cloned().collect()))
    }
}

/// The item that an act does: it is done only while the job waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobStep {
    /// The job.
    pub job: Uuid,
    /// The number of the item, or of the first, from 0.
    pub n: i64,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobOutcome {
    /// Its number, from 0.
    pub n: i64,
    /// The id of the delivery or message.
    pub letter: Uuid,
    /// The new message, what became of it so far, and when it was made.
    pub message: Option<(MessageId, Option<Disposition>)>,
    /// Why it was not done.
    pub refused: Option<String>,
}

fn packed(letters: &[Letter]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(letters.len() * 17);
    for letter in letters {
        let (kind, id) = match letter {
            Letter::Delivery(id) => (0, id.as_bytes()),
            Letter::Message(id) => (1, id.as_bytes()),
        };
        bytes.push(kind);
        bytes.extend_from_slice(id);
    }
    bytes
}

fn unpacked(bytes: &[u8]) -> Vec<Letter> {
    let (items, _) = bytes.as_chunks::<17>();
    let letter = |[kind, id @ ..]: &[u8; 17]| match kind {
        0 => Letter::Delivery(DeliveryId::from_bytes(*id)),
        _ => Letter::Message(MessageId::from_bytes(*id)),
    };
    items.iter().map(letter).collect()
}

/// The job as an audit record names it, with its channel when it is about one.
fn target(id: Uuid, channels: &str) -> Target {
    let mut of = channels.split_whitespace();
    let channel = of.next().filter(|_| of.next().is_none()).map(str::to_owned);
    Target { kind: "job", id: Some(id.to_string()), channel }
}

fn list(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(" ")
}

fn names(text: &str) -> Vec<Name> {
    text.split_whitespace().filter_map(|name| Name::new(name).ok()).collect()
}

fn actor(kind: &str, id: &str, name: Option<&str>) -> Actor {
    let kind = ActorKind::parse(kind).unwrap_or(ActorKind::User);
    Actor { name: name.map(str::to_owned), ..Actor::new(kind, id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_read_back_in_their_order() {
        let letters = [
            Letter::Message(MessageId::new()),
            Letter::Delivery(DeliveryId::new()),
            Letter::Message(MessageId::new()),
        ];
        assert_eq!(unpacked(&packed(&letters)), letters);
    }
}
