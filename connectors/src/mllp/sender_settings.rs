//! The settings of an MLLP destination.

use std::time::Duration;

use config::{Address, Diagnostics, Field, Kind, Section};
use net::{Dialer, is_surely_loopback};

use super::actions::{ACTION_FIELDS, Actions};

/// The settings an MLLP destination has beside those of every destination.
pub const DESTINATION_FIELDS: &[Field] = &[
    Field::required("address", "The host and port of the receiver. Without TLS it is this machine: `127.0.0.1`, `[::1]` or `localhost`.", Kind::Address)
        .examples(&["\"127.0.0.1:2576\"", "{ var = \"lab_address\" }"]),
    Field::default("connect_timeout", "How long to try to connect.", Kind::Duration { min: "100ms", max: "5m" }, "10s"),
    Field::default(
        "timeout",
        "How long to wait for the answer. Afterwards the connection is closed.",
        Kind::Duration { min: "100ms", max: "1h" },
        "30s",
    ),
    Field::optional("on", "What each kind of answer means. `AA` and `CA` always accept.", Kind::Section(ACTION_FIELDS))
        .examples(&["{ error = \"retry\", wrong_id = \"accept\" }"]),
];

/// The wait for an answer when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What an MLLP destination was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderSettings {
    /// The receiver.
    pub address: Address,
    /// How long to try to connect.
    pub connect_timeout: Duration,
    /// How long to wait for the answer.
    pub timeout: Duration,
    /// What each kind of answer means.
    pub actions: Actions,
}

impl SenderSettings {
    /// The defaults, to this address.
    pub fn new(address: Address) -> SenderSettings {
        SenderSettings {
            address,
            connect_timeout: Dialer::CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            actions: Actions::default(),
        }
    }

    /// Takes the settings from a section read by [`DESTINATION_FIELDS`]; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<SenderSettings> {
        let address = section.address("address")?.clone();
        if !is_surely_loopback(&address) {
            diags
                .error(
                    "C0411",
                    section.span_of("address"),
                    format!("`{address}` would get messages without encryption"),
                )
                .label("not surely this machine")
                .help(format!("write `127.0.0.1:{}`", address.port));
            return None;
        }
        let defaults = SenderSettings::new(address);
        Some(SenderSettings {
            connect_timeout: section
                .duration("connect_timeout")
                .unwrap_or(defaults.connect_timeout),
            timeout: section.duration("timeout").unwrap_or(defaults.timeout),
            actions: Actions::read(section.section("on")),
            ..defaults
        })
    }
}
