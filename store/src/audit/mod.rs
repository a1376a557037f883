//! The audit log: one append-only chain of records, each written in the transaction of the act that it records.

mod canonical;
mod chain;
mod record;
mod verify;

pub(crate) use canonical::{Json, write as canonical};
pub(crate) use chain::{append, begin};
pub use record::{Act, ActOutcome, Actor, ActorKind, Target};
pub(crate) use record::{Entry, Recorder, hex};
pub(crate) use verify::verify;
pub use verify::{AuditFault, AuditReport};
