//! Which way the deliveries of a destination go.

use std::fmt;

use config::Name;
use connectors::DestinationSettings;
use connectors::mllp::ApplicationAcks;
use net::Target;

/// Out by a connector, or to another channel inside the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a receiver.
    Connector(Box<DestinationSettings>),
    /// To this channel.
    Channel(Name),
}

impl Way {
    /// Where application acknowledgements are expected, when deliveries end with them.
    pub fn application_acks(&self) -> Option<&ApplicationAcks> {
        match self {
            Way::Connector(settings) => settings.application_acks(),
            Way::Channel(_) => None,
        }
    }

    /// The receiver that is connected to, when there is one.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Way::Connector(settings) => settings.target(),
            Way::Channel(_) => None,
        }
    }

    /// The channel, when it is one.
    pub fn channel(&self) -> Option<&Name> {
        match self {
            Way::Connector(_) => None,
            Way::Channel(name) => Some(name),
        }
    }
}

/// For people: `mllp 127.0.0.1:2576`, `channel archive`.
impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Connector(settings) => settings.fmt(f),
            Way::Channel(name) => write!(f, "channel {name}"),
        }
    }
}
