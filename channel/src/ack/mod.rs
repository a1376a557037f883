//! Who is answered what: a pure function, so that a test of a channel can check it.

mod admission;
mod decision;
mod settings;

pub use admission::{Admission, Admitted, PeerMismatch, Rejection, admit};
pub use decision::{
    AckProblem, Acknowledgement, Arrival, Decision, Wishes, ack_decision, application_ack,
    owes_application_ack,
};
pub use settings::{AckMode, AckPolicy, AckSettings, NotStored, Otherwise, SameId, Unwanted};
