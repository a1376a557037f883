//! The audit log: one append-only chain of records, each written in the transaction of the act that it records.

mod canonical;
mod chain;
mod epoch;
mod record;
mod verify;

pub(crate) use canonical::{Json, write as canonical};
pub(crate) use chain::{append, begin};
pub(crate) use epoch::Sealer;
pub use record::{Act, ActOutcome, Actor, ActorKind, Source, Target};
pub(crate) use record::{Entry, Recorder, hex};
pub use verify::{AuditFault, AuditReport};
pub(crate) use verify::{HAND_OVER, verify};
