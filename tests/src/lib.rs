//! The outside world of the whole-product tests: senders, receivers, stores and faults around the real binary.
//!
//! Nothing here uses a crate of the product, so a test can disagree with it. Every wait is for an event and has a deadline.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a harness stops its test by panicking, and says why on stderr"
)]

pub mod admin;
pub mod certificates;
pub mod collector;
pub mod corpus;
pub mod engine;
pub mod faults;
pub mod feed;
pub mod house;
pub mod http;
pub mod mail;
pub mod message;
pub mod openssl;
pub mod pages;
pub mod ports;
pub mod postgres;
pub mod random;
pub mod receiver;
pub mod s_client;
pub mod site;
pub mod slapd;
pub mod status;
pub mod verbs;
pub mod wait;
pub mod wire;
