//! Acts of people: each a transaction of its own, with its audit record inside.

mod apply;
mod counting;
mod deliveries;
mod destinations;
mod discard;
mod record;
mod replay;
mod retire;

pub use apply::NewRevision;
pub use deliveries::Moved;
pub use discard::Discarded;
pub use replay::{RawReplay, Replayed, SentReplay};
