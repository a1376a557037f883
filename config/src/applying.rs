//! What is looked at before a channel is put into force.

use crate::field::{Choice, Field, Kind};
use crate::section::Section;

/// What the tests beside a channel decide when it is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestGate {
    /// They are not run.
    Off,
    /// They are run, and what failed is said.
    Warn,
    /// A channel with tests that fail is not applied.
    Require,
}

/// What is looked at before a channel is put into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applying {
    /// What the tests beside a channel decide.
    pub tests: TestGate,
    /// Scripts that did not run before need the agreement of somebody else.
    pub scripts_agreed: bool,
}

/// The settings of `[apply]`.
pub(crate) const APPLY_FIELDS: &[Field] = &[
    Field::default(
        "tests",
        "What the tests beside a channel decide when it is applied.",
        Kind::Choice(GATES),
        "warn",
    ),
    Field::default(
        "scripts",
        "Who decides about a script that did not run before, by its hash.",
        Kind::Choice(SCRIPTS),
        "free",
    ),
];

const SCRIPTS: &[Choice] = &[
    Choice { name: "free", doc: "Whoever may apply the channel." },
    Choice {
        name: "agreed",
        doc: "Somebody else must agree, where `approvals` under `[api]` asks for that.",
    },
];

const GATES: &[Choice] = &[
    Choice { name: "off", doc: "They are not run." },
    Choice { name: "warn", doc: "They are run, and what failed is said." },
    Choice { name: "require", doc: "Nothing is applied when one fails." },
];

impl Applying {
    pub(crate) fn read(section: &Section<'_>) -> Applying {
        Applying {
            tests: match section.choice("tests") {
                Some("off") => TestGate::Off,
                Some("require") => TestGate::Require,
                _ => TestGate::Warn,
            },
            scripts_agreed: section.choice("scripts") == Some("agreed"),
        }
    }
}
