use crate::failure::Fault;
use crate::work::Work;
use config::{Choice, Section};
use hl7::Path;

/// The words of `miss`: what happens to a value that a step can do nothing with.
pub(super) const MISS: &[Choice] = &[
    Choice { name: "fail", doc: "The step fails, and with it the message." },
    Choice { name: "keep", doc: "The value stays as it is." },
    Choice { name: "clear", doc: "The value becomes empty." },
];

/// What happens to a value that a step can do nothing with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Miss {
    Fail,
    Keep,
    Clear,
}

impl Miss {
    /// What the key `miss` says; failing if nothing is said.
    pub(super) fn of(section: &Section<'_>) -> Miss {
        match section.choice("miss") {
            Some("keep") => Miss::Keep,
            Some("clear") => Miss::Clear,
            _ => Miss::Fail,
        }
    }

    /// Does it to the value at a path.
    pub(super) fn settle(
        self,
        work: &mut Work<'_>,
        path: &Path,
        fault: impl FnOnce() -> Fault,
    ) -> Result<(), Fault> {
        match self {
            Miss::Fail => Err(fault()),
            Miss::Keep => Ok(()),
            Miss::Clear => work.clear(path),
        }
    }
}
