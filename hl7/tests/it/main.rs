//! The behaviour of the crate from outside, on the corpus, on peers' vectors and on generated messages.

mod acks;
mod charsets;
mod corpus;
mod edits;
mod hostile;
mod oracle;
mod passthrough;
mod properties;
mod reading;
mod vectors;
