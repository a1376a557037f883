//! The behaviour of the crate from outside, on the corpus, on peers' vectors and on generated messages.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking"
)]

mod acks;
mod batches;
mod charsets;
mod corpus;
mod dictionary;
mod edits;
mod hostile;
mod oracle;
mod passthrough;
mod properties;
mod reading;
mod vectors;
