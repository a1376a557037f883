//! What became of one try to deliver.

use std::time::Duration;

use bytes::Bytes;
use phi::Phi;

/// What a try means for the delivery. It is no `Result`: telling these apart is a connector's work.
pub enum Outcome {
    /// The destination has it.
    Accepted(Evidence),
    /// The destination has it safe; what becomes of it there, an application acknowledgement will say.
    Committed(Evidence),
    /// It may work another time.
    Later(Evidence),
    /// It will not work again with the same bytes.
    Never(Evidence),
}

/// What is kept of a try.
pub struct Evidence {
    /// A stable word for what happened: `AA`, `AR`, `unreachable`, `timeout`, `wrong-id`, ...
    pub code: &'static str,
    /// The destination answered, or had its time to: from here on the lane counts tries and age.
    ///
    /// A receiver that cannot be reached is never given up, however long it takes.
    pub answered: bool,
    /// Where it was sent to: an address, or a folder.
    pub peer: String,
    /// How long the try took.
    pub duration: Duration,
    /// What came back, as it came.
    pub response: Option<Phi<Bytes>>,
    /// What went wrong, for people; it may quote the answer.
    pub text: Option<Phi<String>>,
}

impl Outcome {
    /// What is kept of it.
    pub fn evidence(&self) -> &Evidence {
        match self {
            Outcome::Accepted(evidence)
            | Outcome::Committed(evidence)
            | Outcome::Later(evidence)
            | Outcome::Never(evidence) => evidence,
        }
    }

    /// The evidence itself.
    pub fn into_evidence(self) -> Evidence {
        match self {
            Outcome::Accepted(evidence)
            | Outcome::Committed(evidence)
            | Outcome::Later(evidence)
            | Outcome::Never(evidence) => evidence,
        }
    }
}
