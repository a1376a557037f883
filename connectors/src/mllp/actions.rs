//! What each kind of answer means for a delivery: the destination's action table.

use config::{Choice, Field, Kind, Section};

/// What a destination does with a kind of answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Takes the message as delivered.
    Accept,
    /// Tries again later.
    Retry,
    /// Gives the message up.
    DeadLetter,
}

const RETRY: Choice = Choice { name: "retry", doc: "Try again later." };
const DEAD_LETTER: Choice =
    Choice { name: "dead-letter", doc: "Give the message up as a dead letter." };
const ACCEPT: Choice = Choice { name: "accept", doc: "Take the message as delivered." };

/// For answers that show that the receiver had the message.
const ANSWERED: Kind = Kind::Choice(&[RETRY, DEAD_LETTER, ACCEPT]);
/// Where nothing shows that the receiver had the message: taking it as delivered would lose it.
const UNANSWERED: Kind = Kind::Choice(&[RETRY, DEAD_LETTER]);

/// The settings of the table `on`.
pub(crate) const ACTION_FIELDS: &[Field] = &[
    Field::default(
        "error",
        "The answer is `AE` or `CE`: the content is at fault, so the same bytes will not do better.",
        ANSWERED,
        "dead-letter",
    ),
    Field::default(
        "reject",
        "The answer is `AR` or `CR`: often the receiver's own trouble. Retries end after `attempts`.",
        ANSWERED,
        "retry",
    ),
    Field::default(
        "blank",
        "The answer has no acknowledgement code, or one that HL7 does not know.",
        ANSWERED,
        "retry",
    ),
    Field::default("wrong_id", "The answer names another message in MSA-2.", ANSWERED, "retry"),
    Field::default("garbage", "The answer is not HL7.", UNANSWERED, "retry"),
    Field::default(
        "timeout",
        "No answer within `timeout`. The connection is closed, so that a late answer is not taken for the next one.",
        UNANSWERED,
        "retry",
    ),
    Field::default(
        "closed",
        "The receiver closed the connection without an answer, or in the middle of one.",
        UNANSWERED,
        "retry",
    ),
    Field::default(
        "no_application_ack",
        "With `wait_for = \"application\"`: no application acknowledgement within `application_timeout`. A retry sends the message again, \
         behind those that have gone meanwhile.",
        UNANSWERED,
        "dead-letter",
    ),
];

/// The action table. `AA` and `CA` have no entry: they accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Actions {
    /// `AE`, `CE`.
    pub error: Action,
    /// `AR`, `CR`.
    pub reject: Action,
    /// No code, or an unknown one.
    pub blank: Action,
    /// Another message's answer.
    pub wrong_id: Action,
    /// Not HL7.
    pub garbage: Action,
    /// Nothing in time.
    pub timeout: Action,
    /// Closed without a whole answer.
    pub closed: Action,
    /// Committed, and no application acknowledgement in time.
    pub no_application_ack: Action,
}

impl Default for Actions {
    fn default() -> Actions {
        let retry = Action::Retry;
        Actions {
            error: Action::DeadLetter,
            reject: retry,
            blank: retry,
            wrong_id: retry,
            garbage: retry,
            timeout: retry,
            closed: retry,
            no_application_ack: Action::DeadLetter,
        }
    }
}

impl Actions {
    pub(crate) fn read(section: Option<&Section<'_>>) -> Actions {
        let defaults = Actions::default();
        let Some(section) = section else {
            return defaults;
        };
        let action = |name, default| section.choice(name).map_or(default, Action::named);
        Actions {
            error: action("error", defaults.error),
            reject: action("reject", defaults.reject),
            blank: action("blank", defaults.blank),
            wrong_id: action("wrong_id", defaults.wrong_id),
            garbage: action("garbage", defaults.garbage),
            timeout: action("timeout", defaults.timeout),
            closed: action("closed", defaults.closed),
            no_application_ack: action("no_application_ack", defaults.no_application_ack),
        }
    }
}

impl Action {
    /// The declared choices are the only names there are; what is neither of the other two retries, which loses nothing.
    fn named(name: &str) -> Action {
        match name {
            "accept" => Action::Accept,
            "dead-letter" => Action::DeadLetter,
            _ => Action::Retry,
        }
    }
}
