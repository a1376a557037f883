//! HL7 over MLLP: the framing, the listener, the sender, and the two ends of it for people and tests.

mod actions;
mod answers;
mod client;
mod connection;
mod decoder;
mod framing;
mod judge;
mod junk;
mod listener;
mod pace;
mod receiver;
mod release;
mod sender;
mod sender_settings;
mod settings;
mod stats;
mod wait_for;

pub(crate) use actions::ACTION_FIELDS;
pub use actions::{Action, Actions};
pub use client::{Client, NoAnswer};
pub use decoder::{Decoder, Event, Framing, Lost};
pub use framing::{ends_a_frame, looks_like_hllp};
pub(crate) use judge::judge;
pub use listener::Listener;
pub use pace::FrameTimes;
pub use receiver::{Received, Receiver, Replies};
pub use release::Release;
pub use sender::Sender;
pub use sender_settings::{DESTINATION_FIELDS, SenderSettings};
pub use settings::{ListenerSettings, SOURCE_FIELDS};
pub use stats::{ListenerCounts, ListenerStats};

pub use wait_for::{ApplicationAcks, WAIT_FOR_FIELDS, WaitFor};
