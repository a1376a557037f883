//! How the process ends: one code and one sentence, the same for every verb.

use std::fmt::Display;

/// Exit codes (decisions.md 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The verb ran and found problems.
    Problems = 1,
    /// Something needed for an answer is missing.
    Undecided = 2,
    /// Nobody answers at the other end.
    Unreachable = 3,
    /// The command line makes no sense.
    Usage = 64,
    /// The configuration, a key or the store is refused.
    Refused = 78,
}

/// An end that is not success. The sentence may be empty when all has been said already.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub code: Code,
    /// What to tell the person, without a trailing period.
    pub sentence: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// Ends with a sentence.
    pub fn new(code: Code, sentence: impl Display) -> Failure {
        Failure { code, sentence: sentence.to_string(), hint: None }
    }

    /// Ends without another word.
    pub fn silent(code: Code) -> Failure {
        Failure::new(code, "")
    }

    /// Adds the next step.
    pub fn hint(mut self, hint: impl Display) -> Failure {
        self.hint = Some(hint.to_string());
        self
    }
}

/// What a verb returns.
pub type Outcome = Result<(), Failure>;
