//! The connectors on real bytes, sockets and files.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod batches;
mod corpus;
mod file;
mod file_modes;
mod file_source;
mod framing;
mod http_sender;
mod http_source;
mod http_tls;
mod intakes;
mod limits;
mod listener;
mod release_two;
mod sender;
mod settings;
