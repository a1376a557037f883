//! Reading, for the engine and for people.

mod reader;
mod work;

pub(crate) use reader::{Pool, Reader, key_row};
pub(crate) use work::{Queued, Waiting};
pub use work::{QueuedDelivery, Undecided};
