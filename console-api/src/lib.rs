//! The admin API: every administrative act, each behind a permit and with its audit record.
//!
//! `service` does things, `routes` speaks HTTP and JSON. Nothing reaches the engine or the store
//! for a person but through `service`.

mod connections;
mod exports;
mod json;
mod listener;
mod page;
mod problem;
pub mod query;
mod routes;
mod scans;
pub mod service;
mod socket;
mod views;

pub use json::{audit_report, step_note};
pub use listener::Listener;
pub use problem::Problem;
pub use routes::{Call, Needs, Route, document, router, table};
pub use service::Service;
pub use socket::Socket;
