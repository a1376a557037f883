use config::{Diagnostics, Name, Section, Value};
use hl7::AckOptions;
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
        let default = AckOptions::default();
        let options = AckOptions {
            version: source.text("ack_version").map_or(default.version, |text| text.value.clone()),
            plain_type: source.bool("ack_plain_type").unwrap_or(default.plain_type),
            whole_seconds: source.bool("ack_whole_seconds").unwrap_or(default.whole_seconds),
            text: source.bool("ack_text").unwrap_or(default.text),
        };
        AckSettings {
            policy,
            mode: if source.choice("ack_mode") == Some("msh") {
                AckMode::Header
            } else {
                AckMode::Original
            },
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
            options,
        }
    }
}

fn names(source: &Section<'_>, destinations: &[Name], diags: &mut Diagnostics) -> Vec<Name> {
    let mut found = Vec::new();
    for text in source.list("ack_destinations").iter().filter_map(Value::text) {
        match destinations.iter().find(|name| name.as_str() == text.value) {
            Some(name) => found.push(name.clone()),
            None => {
                let near = config::nearest(&text.value, destinations.iter().map(Name::as_str));
                let unknown = diags.error(
                    "C0210",
                    text.span,
                    format!("unknown destination `{}`", text.value),
                );
                unknown.label("no `[[destination]]` has this name").did_you_mean(near);
            }
        }
    }
    found
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
