use crate::failure::{Failure, StepAt};
use crate::trace::Note;

/// What came of running a message.
pub struct Run {
    /// What becomes of the message.
    pub verdict: Verdict,
    /// What each step did, when it was asked for.
    pub notes: Vec<Note>,
}

/// What becomes of a message.
pub enum Verdict {
    /// At least one destination wants it.
    Route(Vec<Output>),
    /// A filter of `[transform]` stopped it.
    Filtered {
        /// The filter.
        step: StepAt,
    },
    /// It passed, and no destination wants it.
    Unrouted,
    /// A step of `[transform]` failed: there is nothing to deliver.
    Failed(Failure),
    /// The budget was over before the program had finished.
    OverBudget,
}

/// What goes to one destination.
pub struct Output {
    /// Position in [`Program::destinations`](crate::Program::destinations).
    pub destination: usize,
    /// Which part of a split, from 1.
    pub part: u32,
    /// The bytes.
    pub body: Body,
    /// What it has to stay in order with: the values of `order_by`, each once; none for the lane `none`.
    pub order_keys: Vec<Vec<u8>>,
    /// The destination's own `when`, `order_by` or steps failed: it is a dead letter from the start.
    pub failure: Option<Failure>,
}

/// The bytes of an output.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Byte for byte what was received.
    AsReceived,
    /// What the steps made of it.
    Made(Vec<u8>),
}

impl Output {
    /// The bytes, given those that were received.
    pub fn bytes<'b>(&'b self, received: &'b [u8]) -> &'b [u8] {
        match &self.body {
            Body::AsReceived => received,
            Body::Made(bytes) => bytes,
        }
    }
}
