//! What shows that a receiver has a message.

use std::time::Duration;

use config::{Choice, Diagnostics, Field, Kind, Name, Section};

use super::actions::{Action, Actions};

/// The settings about it.
pub const WAIT_FOR_FIELDS: &[Field] = &[
    Field::default("wait_for", "What ends a delivery.", Kind::Choice(WAIT_FOR), "answer"),
    Field::optional(
        "application_acks",
        "With `wait_for = \"application\"`: the channel whose source gets the application acknowledgements.",
        Kind::Name,
    )
    .examples(&["\"lab-acks\""]),
    Field::default(
        "application_timeout",
        "With `wait_for = \"application\"`: how long they are waited for. Messages behind do not wait.",
        Kind::Duration { min: "100ms", max: "720h" },
        "1h",
    ),
];

const WAIT_FOR: &[Choice] = &[
    Choice { name: "answer", doc: "The receiver's answer over the same connection." },
    Choice {
        name: "application",
        doc: "After a `CA`, the application acknowledgement that comes later as a message of its own. Any other answer counts at once.",
    },
    Choice {
        name: "nothing",
        doc: "The bytes are sent, or with `release = 2` committed by the receiver. It is for acknowledgements, which nobody acknowledges: \
              without release 2 nothing shows that the receiver has them.",
    },
];

/// What ends a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitFor {
    /// That it was sent; with release 2, that it is committed.
    Nothing,
    /// An answer over the same connection.
    Answer,
    /// After a commit accept, an application acknowledgement that comes another way.
    Application(ApplicationAcks),
}

/// Where application acknowledgements are expected, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationAcks {
    /// The channel whose source gets them.
    pub channel: Name,
    /// How long after the commit accept.
    pub within: Duration,
    /// What a missing one means.
    pub missing: Action,
}

impl WaitFor {
    pub(super) fn read(
        section: &Section<'_>,
        actions: &Actions,
        diags: &mut Diagnostics,
    ) -> Option<WaitFor> {
        let channel = section.text("application_acks");
        let waits = section.choice("wait_for");
        if waits != Some("application") {
            for key in ["application_acks", "application_timeout"]
                .into_iter()
                .filter(|key| section.is_given(key))
            {
                diags
                    .error("C0320", section.span_of(key), format!("`{key}` has no meaning here"))
                    .label("it belongs to `wait_for = \"application\"`")
                    .help("leave it out, or set `wait_for`");
            }
        }
        match waits {
            Some("nothing") => Some(WaitFor::Nothing),
            Some("application") => {
                let Some(channel) = channel else {
                    diags
                        .error("C0103", section.span_of("wait_for"), "`application_acks` is missing")
                        .label("the acknowledgements come by another channel")
                        .help("name the channel whose source gets them: `application_acks = \"lab-acks\"`");
                    return None;
                };
                Some(WaitFor::Application(ApplicationAcks {
                    channel: Name::new(&channel.value).ok()?,
                    within: section
                        .duration("application_timeout")
                        .unwrap_or(Duration::from_secs(3600)),
                    missing: actions.no_application_ack,
                }))
            }
            _ => Some(WaitFor::Answer),
        }
    }
}
