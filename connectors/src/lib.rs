//! The ways in and out: what a source hands on and how a destination is reached, one folder per connector.
//!
//! A connector knows its protocol and the classification of what comes back; queues, retries and storage are the engine's.

mod accepting;
pub mod batch;
mod destination;
pub mod file;
pub mod http;
mod intake;
pub mod mllp;
mod outcome;
mod outgoing;
mod resources;
mod settings;
pub mod smtp;
mod source;
pub mod syslog;
mod template;
mod trial;

pub use destination::Destination;
pub use intake::{Answer, BrokenFrame, Flow, Incoming, Intake, Peer, Refusal};
pub use outcome::{Evidence, Outcome};
pub use outgoing::Outgoing;
pub use resources::Resources;
pub use settings::{DESTINATIONS, DestinationSettings, SOURCES, SourceSettings};
pub use source::{OpenError, Source, SourceCounts, SourceStats};
pub use template::{Template, TemplateError};
pub use trial::Trial;
