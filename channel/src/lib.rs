//! What a channel means: filters, steps, conditions and routing, compiled into a [`Program`] that is pure.
//!
//! Same message, same result. There is no clock, no chance, no file and no socket in here, so "a transform does no I/O" is a fact of
//! the manifest, a dry run is the run, and a message may be run again after a crash.

mod ack;
#[cfg(test)]
mod bench;
mod budget;
mod channel;
mod charset_rule;
mod compiler;
mod condition;
mod decimal;
mod dry_run;
mod exact;
mod failure;
mod fields;
mod pattern;
mod place;
mod problem;
mod profile;
mod program;
mod rules;
mod run;
mod scene;
mod script;
mod steps;
mod tables;
mod template;
mod test_case;
mod trace;
mod verdict;
mod work;

pub use ack::{
    AckMode, AckPolicy, AckProblem, AckSettings, Acknowledgement, Admission, Admitted, Arrival,
    Decision, NotStored, Otherwise, PeerMismatch, Rejection, SameId, Unwanted, Wishes,
    ack_decision, admit, application_ack, owes_application_ack,
};
pub use budget::{Budget, Unlimited};
pub use channel::{Channel, only};
pub use charset_rule::CharsetRule;
pub use dry_run::{DryOutput, DryRun, Fate, dry_run};
pub use failure::{Failure, Part, StepAt};
pub use fields::{CHANNEL_FIELDS, DESTINATION_FIELDS, SOURCE_FIELDS, TRANSFORM_FIELDS};
pub use program::Program;
pub use steps::{STEP_FIELDS, STEPS, StepDecl, steps, steps_schema};
pub use tables::Tables;
pub use test_case::{Expected, ExpectedOutcome, Mismatch, OUTCOME_FIELDS, TestCase, compare, kept};
pub use trace::{Change, Did, Note, Operand};
pub use verdict::{Body, Output, Run, Verdict};
