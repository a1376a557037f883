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

/// The settings of `[apply]`.
pub(crate) const APPLY_FIELDS: &[Field] = &[Field::default(
    "tests",
    "What the tests beside a channel decide when it is applied.",
    Kind::Choice(GATES),
    "warn",
)];

const GATES: &[Choice] = &[
    Choice { name: "off", doc: "They are not run." },
    Choice { name: "warn", doc: "They are run, and what failed is said." },
    Choice { name: "require", doc: "Nothing is applied when one fails." },
];

impl TestGate {
    pub(crate) fn read(section: &Section<'_>) -> TestGate {
        match section.choice("tests") {
            Some("off") => TestGate::Off,
            Some("require") => TestGate::Require,
            _ => TestGate::Warn,
        }
    }
}
