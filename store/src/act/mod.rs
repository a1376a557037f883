//! Acts of people: each a transaction of its own, with its audit record inside.

mod apply;
mod counting;
mod deliveries;
mod destinations;
mod discard;
mod edit;
mod record;
mod replay;
mod retire;
mod skip;
mod source;

pub use apply::NewRevision;
pub use deliveries::Moved;
pub use discard::Discarded;
pub use edit::Edit;
pub use replay::{RawReplay, Replayed, SentReplay};
pub use source::Stopped;
pub(crate) use source::stopped;
