//! Ways of people through the console.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops by panicking"
)]

mod journeys;
