use config::{Diagnostics, Name, Section, Text, Value};
use hl7::{AckHeader, AckOptions};
use std::time::Duration;

/// What a source says about acknowledging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AckSettings {
    /// When the sender is answered.
    pub policy: AckPolicy,
    /// Who decides about the kind of the answer.
    pub mode: AckMode,
    /// The answer for what was filtered or unrouted.
    pub unwanted: Unwanted,
    /// What a sender gets whose message cannot be stored.
    pub not_stored: NotStored,
    /// What becomes of a message whose control id has come before with another body.
    pub same_id: SameId,
    /// The destination that application acknowledgements are sent to, as messages of their own.
    pub application: Option<Name>,
    /// How the answer is written.
    pub options: AckOptions,
}

/// When the sender is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AckPolicy {
    /// Once the message is on disk, whatever the program decided.
    OnReceipt,
    /// Once the program has decided; AE when it failed.
    OnAccept,
    /// Once it was delivered.
    OnDelivery {
        /// The destinations that are waited for; empty means all of them.
        destinations: Vec<Name>,
        /// How long.
        deadline: Duration,
        /// The answer when the deadline has passed.
        otherwise: Otherwise,
    },
}

/// The answer when a delivery took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// AA.
    Accept,
    /// AE.
    Error,
}

/// Who decides about the kind of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckMode {
    /// One application acknowledgement for each message.
    Original,
    /// MSH-15 and MSH-16 of each message.
    Header,
}

/// The answer for a message that was filtered or that no destination wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unwanted {
    /// AA.
    Accept,
    /// AR.
    Reject,
}

/// What becomes of a message whose control id has come before with another body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameId {
    /// It is a new message.
    Accept,
    /// It is rejected: AR 205.
    Reject,
}

/// What a sender gets whose message cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotStored {
    /// No answer and a closed connection.
    Close,
    /// AR, or CR.
    Reject,
}

impl AckSettings {
    /// Reads them; `destinations` are the names there are.
    pub fn read(
        source: &Section<'_>,
        destinations: &[Name],
        diags: &mut Diagnostics,
    ) -> AckSettings {
        let waited_for = names(source, destinations, diags);
        let policy = match source.choice("ack") {
            Some("on-accept") => AckPolicy::OnAccept,
            Some("on-delivery") => AckPolicy::OnDelivery {
                destinations: waited_for,
                deadline: source.duration("ack_deadline").unwrap_or(Duration::from_secs(20)),
                otherwise: if source.choice("ack_otherwise") == Some("AA") {
                    Otherwise::Accept
                } else {
                    Otherwise::Error
                },
            },
            _ => AckPolicy::OnReceipt,
        };
        if !matches!(policy, AckPolicy::OnDelivery { .. }) {
            refuse_unused(source, diags);
        }
        let mode = match source.choice("ack_mode") {
            Some("msh") => AckMode::Header,
            _ => AckMode::Original,
        };
        let default = AckOptions::default();
        let options = AckOptions {
            version: source.text("ack_version").map_or(default.version, |text| text.value.clone()),
            plain_type: source.bool("ack_plain_type").unwrap_or(default.plain_type),
            whole_seconds: source.bool("ack_whole_seconds").unwrap_or(default.whole_seconds),
            text: source.bool("ack_text").unwrap_or(default.text),
            accept_text: source.text("ack_accept_text").map(|text| text.value.clone()),
            header: header(source.section("ack_header")),
        };
        AckSettings {
            policy,
            mode,
            unwanted: if source.choice("ack_unwanted") == Some("AR") {
                Unwanted::Reject
            } else {
                Unwanted::Accept
            },
            not_stored: if source.choice("ack_not_stored") == Some("AR") {
                NotStored::Reject
            } else {
                NotStored::Close
            },
            same_id: match source.choice("ack_same_id") {
                Some("reject") => SameId::Reject,
                _ => SameId::Accept,
            },
            application: application(source, mode, destinations, diags),
            options,
        }
    }
}

/// MSH-3 to MSH-6 of the answer, where they are not those of the message.
fn header(section: Option<&Section<'_>>) -> AckHeader {
    let text = |key| section.and_then(|section| section.text(key)).map(|text| text.value.clone());
    AckHeader {
        sending_application: text("sending_application"),
        sending_facility: text("sending_facility"),
        receiving_application: text("receiving_application"),
        receiving_facility: text("receiving_facility"),
    }
}

/// The destination that application acknowledgements go to.
fn application(
    source: &Section<'_>,
    mode: AckMode,
    destinations: &[Name],
    diags: &mut Diagnostics,
) -> Option<Name> {
    let text = source.text("application_ack")?;
    if mode != AckMode::Header {
        diags
            .error("C0320", text.span, "`application_ack` has no meaning here")
            .label("it belongs to `ack_mode = \"msh\"`")
            .help("leave it out, or set `ack_mode`");
    }
    let found = named(text, destinations, diags)?;
    if let Some(value) = source
        .list("ack_destinations")
        .iter()
        .filter_map(Value::text)
        .find(|value| value.value == text.value)
    {
        diags
            .error("C0320", value.span, "an acknowledgement cannot wait for itself")
            .label("acknowledgements are sent there");
    }
    Some(found)
}

fn names(source: &Section<'_>, destinations: &[Name], diags: &mut Diagnostics) -> Vec<Name> {
    let mut found = Vec::new();
    for text in source.list("ack_destinations").iter().filter_map(Value::text) {
        found.extend(named(text, destinations, diags));
    }
    found
}

fn named(text: &Text, destinations: &[Name], diags: &mut Diagnostics) -> Option<Name> {
    let found = destinations.iter().find(|name| name.as_str() == text.value);
    if found.is_none() {
        let near = config::nearest(&text.value, destinations.iter().map(Name::as_str));
        let unknown =
            diags.error("C0210", text.span, format!("unknown destination `{}`", text.value));
        unknown.label("no `[[destination]]` has this name").did_you_mean(near);
    }
    found.cloned()
}

/// A setting that does nothing was meant to do something.
fn refuse_unused(source: &Section<'_>, diags: &mut Diagnostics) {
    for key in ["ack_destinations", "ack_deadline", "ack_otherwise"] {
        if source.is_given(key) {
            let error =
                diags.error("C0320", source.span_of(key), format!("`{key}` has no meaning here"));
            error.label("it belongs to `ack = \"on-delivery\"`").help("leave it out, or set `ack`");
        }
    }
}
