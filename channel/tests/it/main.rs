//! What a channel does, seen from outside: from its text to what goes to each destination.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod conditions;
mod declarations;
mod injection;
mod runs;
mod site;
mod story;
