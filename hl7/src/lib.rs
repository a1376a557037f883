//! HL7 v2 messages as they are on the wire: bytes in, bytes out, nothing lost.
//!
//! A [`Message`] is the received bytes plus an index of its segments. Fields are found when they are asked for and
//! changed by splicing, so whatever is not touched stays byte for byte what the sender wrote. Parsing never fails
//! on content: refusing a message is a decision of the channel, not of the model.

mod ack;
pub mod batch;
mod changes;
mod charset;
mod delimiters;
pub mod dictionary;
mod difference;
mod escape;
mod header;
mod limits;
mod message;
mod outline;
mod path;
mod peek;
mod reply;
pub mod timestamp;
mod walk;

pub use ack::{AckCode, AckHeader, AckOptions, AckRequest, Location, Problem, Severity, ack};
pub use changes::{PathChange, PathChangeKind, changes};
pub use charset::{Charset, DecodeError, EncodeError};
pub use delimiters::{DelimiterFault, Delimiters};
pub use difference::{Difference, differences};
pub use escape::{escape, unescape};
pub use limits::{LimitExceeded, Limits, check_limits};
pub use message::{EditError, Level, Message, ParseOptions, Place, Segment, ValueError};
pub use outline::{Node, NodeLevel};
pub use path::{Occurrence, Path, PathError, Repetition, SegmentName};
pub use peek::{Peek, Unreadable, is_batch, peek};
pub use reply::{Reply, read_reply};
