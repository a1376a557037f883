//! The admin API as documents: what is written about it is what it is.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod reference;
mod table;
mod words;
