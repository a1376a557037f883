//! The settings of an MLLP destination.

use std::time::Duration;

use config::{Diagnostics, Field, Kind, Section};
use net::{Dialer, Target};

use super::actions::{ACTION_FIELDS, Actions};
use super::release::{Release, release_field};
use super::wait_for::WaitFor;

/// The settings an MLLP destination has beside those of every destination, and of every one in a network.
pub const DESTINATION_FIELDS: &[Field] = &[
    Field::required("address", "The host and port of the receiver. Without `tls` or `plaintext` it is this machine: `127.0.0.1`, `[::1]` or `localhost`.", Kind::Address)
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
    release_field("The release of MLLP. With 2 the receiver commits each message (`06`, else `15`) before it answers, each within `timeout`."),
];

/// The wait for an answer when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What an MLLP destination was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderSettings {
    /// The receiver.
    pub target: Target,
    /// How long to try to connect.
    pub connect_timeout: Duration,
    /// How long to wait for the answer.
    pub timeout: Duration,
    /// What each kind of answer means.
    pub actions: Actions,
    /// Whether the receiver commits before it answers.
    pub release: Release,
    /// What ends a delivery.
    pub wait_for: WaitFor,
}

impl SenderSettings {
    /// The defaults, to this receiver.
    pub fn new(target: Target) -> SenderSettings {
        SenderSettings {
            target,
            connect_timeout: Dialer::CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            actions: Actions::default(),
            release: Release::One,
            wait_for: WaitFor::Answer,
        }
    }

    /// Takes the settings from a section read by [`DESTINATION_FIELDS`]; what is wrong with them is reported.
    pub fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<SenderSettings> {
        let address = section.address("address")?;
        let target = Target::read(section, (address, section.span_of("address")), &[], diags)?;
        let defaults = SenderSettings::new(target);
        let actions = Actions::read(section.section("on"));
        Some(SenderSettings {
            connect_timeout: section
                .duration("connect_timeout")
                .unwrap_or(defaults.connect_timeout),
            timeout: section.duration("timeout").unwrap_or(defaults.timeout),
            release: Release::read(section),
            wait_for: WaitFor::read(section, &actions, diags)?,
            actions,
            ..defaults
        })
    }
}
