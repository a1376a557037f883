//! Which sources and destinations there are, and what each was told.

use std::fmt;
use std::net::SocketAddr;

use config::{Diagnostics, Section, Variant};

use crate::{file, http, mllp};

/// Every kind of source, by the value of `type`.
pub const SOURCES: &[Variant] = &[
    Variant {
        name: "mllp",
        doc: "HL7 v2 over MLLP: a listener that answers each frame.",
        fields: &[mllp::SOURCE_FIELDS],
    },
    Variant {
        name: "http",
        doc: "HL7 v2 over HTTP/1.1: a listener that takes one message with each `POST` and answers its acknowledgement.",
        fields: &[http::SOURCE_FIELDS],
    },
];

/// Every kind of destination, by the value of `type`.
pub const DESTINATIONS: &[Variant] = &[
    Variant {
        name: "mllp",
        doc: "HL7 v2 over MLLP: one message at a time, each answer judged.",
        fields: &[mllp::DESTINATION_FIELDS],
    },
    Variant {
        name: "file",
        doc: "One file per message in a folder.",
        fields: &[file::DESTINATION_FIELDS],
    },
];

/// What a source was told; two that are equal need no restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSettings {
    /// A listener.
    Mllp(mllp::ListenerSettings),
    /// A listener.
    Http(http::ListenerSettings),
}

/// What a destination was told; two that are equal need no restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationSettings {
    /// A sender.
    Mllp(mllp::SenderSettings),
    /// A folder.
    File(file::Settings),
}

impl SourceSettings {
    /// Takes the settings from a section that was read with this choice of [`SOURCES`]; what is wrong with them is reported.
    pub fn read(
        kind: &str,
        section: &Section<'_>,
        diags: &mut Diagnostics,
    ) -> Option<SourceSettings> {
        match kind {
            "mllp" => mllp::ListenerSettings::read(section, diags).map(SourceSettings::Mllp),
            "http" => http::ListenerSettings::read(section, diags).map(SourceSettings::Http),
            _ => None,
        }
    }

    /// The address that it listens on, if it does.
    pub fn listens_on(&self) -> Option<SocketAddr> {
        match self {
            SourceSettings::Mllp(settings) => Some(settings.listen),
            SourceSettings::Http(settings) => Some(settings.listen),
        }
    }
}

impl DestinationSettings {
    /// Takes the settings from a section that was read with this choice of [`DESTINATIONS`]; what is wrong with them is reported.
    pub fn read(
        kind: &str,
        section: &Section<'_>,
        diags: &mut Diagnostics,
    ) -> Option<DestinationSettings> {
        match kind {
            "mllp" => mllp::SenderSettings::read(section, diags).map(DestinationSettings::Mllp),
            "file" => file::Settings::read(section, diags).map(DestinationSettings::File),
            _ => None,
        }
    }
}

/// For people: `mllp 127.0.0.1:2575`.
impl fmt::Display for SourceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceSettings::Mllp(settings) => write!(f, "mllp {}", settings.listen),
            SourceSettings::Http(settings) => {
                write!(f, "http {}{}", settings.listen, settings.path)
            }
        }
    }
}

/// For people: `mllp 127.0.0.1:2576`, `file data/out/lab`.
impl fmt::Display for DestinationSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DestinationSettings::Mllp(settings) => write!(f, "mllp {}", settings.address),
            DestinationSettings::File(settings) => write!(f, "file {}", settings.folder.display()),
        }
    }
}
