//! A destination at work.

use crate::file::Writer;
use crate::{DestinationSettings, Outcome, Outgoing, http, mllp};

/// One way to one system, with what it keeps between messages. A lane has its own.
pub enum Destination {
    /// A connection to a receiver; boxed, because it is much larger than a folder.
    Mllp(Box<mllp::Sender>),
    /// A connection to a web service.
    Http(Box<http::Sender>),
    /// A folder.
    File(Writer),
}

impl Destination {
    /// A destination that has not been used yet; nothing is connected or opened.
    pub fn new(settings: DestinationSettings) -> Destination {
        match settings {
            DestinationSettings::Mllp(settings) => {
                Destination::Mllp(Box::new(mllp::Sender::new(settings)))
            }
            DestinationSettings::Http(settings) => {
                Destination::Http(Box::new(http::Sender::new(*settings)))
            }
            DestinationSettings::File(settings) => Destination::File(Writer::new(settings)),
        }
    }

    /// Tries once to deliver. The future may be dropped; the message may then have been delivered all the same.
    pub async fn deliver(&mut self, out: &Outgoing<'_>) -> Outcome {
        match self {
            Destination::Mllp(sender) => sender.deliver(out).await,
            Destination::Http(sender) => sender.deliver(out).await,
            Destination::File(writer) => writer.deliver(out).await,
        }
    }
}
