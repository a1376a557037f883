//! Which sources and destinations there are, and what each was told.

use std::fmt;
use std::net::SocketAddr;

use config::{Diagnostics, Section, Variant};
use net::{ENTRANCE_FIELDS, Entrance, TARGET_FIELDS, Target};

use crate::{file, http, mllp};

/// Every kind of source, by the value of `type`.
pub const SOURCES: &[Variant] = &[
    Variant {
        name: "mllp",
        doc: "HL7 v2 over MLLP: a listener that answers each frame.",
        fields: &[ENTRANCE_FIELDS, mllp::SOURCE_FIELDS],
    },
    Variant {
        name: "http",
        doc: "HL7 v2 over HTTP/1.1: a listener that takes one message with each `POST` and answers its acknowledgement.",
        fields: &[ENTRANCE_FIELDS, http::SOURCE_FIELDS],
    },
    Variant {
        name: "file",
        doc: "Files in a folder: one message each, several one after the other, or batches.",
        fields: &[file::SOURCE_FIELDS],
    },
];

/// Every kind of destination, by the value of `type`.
pub const DESTINATIONS: &[Variant] = &[
    Variant {
        name: "mllp",
        doc: "HL7 v2 over MLLP: one message at a time, each answer judged.",
        fields: &[mllp::DESTINATION_FIELDS, TARGET_FIELDS, mllp::WAIT_FOR_FIELDS],
    },
    Variant {
        name: "http",
        doc: "HL7 v2 over HTTP/1.1 or HTTP/2: one request for each message, each answer judged by its status.",
        fields: &[http::DESTINATION_FIELDS, TARGET_FIELDS],
    },
    Variant {
        name: "file",
        doc: "Files in a folder: one for each message, one that grows, or batches.",
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
    /// A folder.
    File(file::SourceSettings),
}

/// What a destination was told; two that are equal need no restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationSettings {
    /// A sender.
    Mllp(mllp::SenderSettings),
    /// A sender; boxed, because it is much larger than the others.
    Http(Box<http::SenderSettings>),
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
            "file" => file::SourceSettings::read(section, diags).map(SourceSettings::File),
            _ => None,
        }
    }

    /// Who may connect to it, and how; none of a source that listens nowhere.
    pub fn entrance(&self) -> Option<&Entrance> {
        match self {
            SourceSettings::Mllp(settings) => Some(&settings.entrance),
            SourceSettings::Http(settings) => Some(&settings.entrance),
            SourceSettings::File(_) => None,
        }
    }

    /// The address that it listens on, if it does.
    pub fn listens_on(&self) -> Option<SocketAddr> {
        self.entrance().map(|entrance| entrance.listen)
    }

    /// What no other source can have at the same time, and what it does there, in words.
    pub fn occupies(&self) -> Option<(&'static str, String)> {
        match self {
            SourceSettings::Mllp(_) | SourceSettings::Http(_) => {
                let address = self.listens_on().filter(|address| address.port() != 0)?;
                Some(("listen on", address.to_string()))
            }
            SourceSettings::File(settings) => {
                Some(("take files from", settings.folder.path.display().to_string()))
            }
        }
    }
}

impl DestinationSettings {
    /// The receiver that it connects to; none of a destination that connects to nobody.
    pub fn target(&self) -> Option<&Target> {
        match self {
            DestinationSettings::Mllp(settings) => Some(&settings.target),
            DestinationSettings::Http(settings) => Some(&settings.target),
            DestinationSettings::File(_) => None,
        }
    }

    /// Takes the settings from a section that was read with this choice of [`DESTINATIONS`]; what is wrong with them is reported.
    pub fn read(
        kind: &str,
        section: &Section<'_>,
        diags: &mut Diagnostics,
    ) -> Option<DestinationSettings> {
        match kind {
            "mllp" => mllp::SenderSettings::read(section, diags).map(DestinationSettings::Mllp),
            "http" => http::SenderSettings::read(section, diags)
                .map(|settings| DestinationSettings::Http(Box::new(settings))),
            "file" => file::Settings::read(section, diags).map(DestinationSettings::File),
            _ => None,
        }
    }
}

impl DestinationSettings {
    /// Where application acknowledgements are expected, when deliveries end with them.
    pub fn application_acks(&self) -> Option<&mllp::ApplicationAcks> {
        match self {
            DestinationSettings::Mllp(settings) => match &settings.wait_for {
                mllp::WaitFor::Application(acks) => Some(acks),
                mllp::WaitFor::Answer | mllp::WaitFor::Nothing => None,
            },
            DestinationSettings::Http(_) | DestinationSettings::File(_) => None,
        }
    }
}

/// For people: `mllp 127.0.0.1:2575`, `mllp+tls 10.1.0.5:2575`.
impl fmt::Display for SourceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceSettings::Mllp(settings) => write!(
                f,
                "{} {}",
                protected("mllp", settings.entrance.tls().is_some()),
                settings.entrance.listen
            ),
            SourceSettings::Http(settings) => {
                let kind = if settings.entrance.tls().is_some() { "https" } else { "http" };
                write!(f, "{kind} {}{}", settings.entrance.listen, settings.path)
            }
            SourceSettings::File(settings) => settings.fmt(f),
        }
    }
}

/// For people: `mllp 127.0.0.1:2576`, `https://lab.example/in`, `file data/out/lab`.
impl fmt::Display for DestinationSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DestinationSettings::Mllp(settings) => write!(
                f,
                "{} {}",
                protected("mllp", settings.target.tls().is_some()),
                settings.target
            ),
            DestinationSettings::Http(settings) => settings.url.fmt(f),
            DestinationSettings::File(settings) => write!(f, "file {}", settings.folder.display()),
        }
    }
}

fn protected(kind: &'static str, tls: bool) -> String {
    if tls { format!("{kind}+tls") } else { kind.to_owned() }
}
