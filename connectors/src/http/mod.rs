//! HL7 v2 over HTTP: the source that takes messages by `POST`, and the destination that sends them.

mod body;
mod connection;
mod head;
mod listener;
mod refusal;
mod reply;
mod source_settings;
mod stats;
mod token;

pub use listener::Listener;
pub use refusal::Refusal;
pub use source_settings::{ListenerSettings, SOURCE_FIELDS};
pub use stats::{ListenerCounts, ListenerStats};
