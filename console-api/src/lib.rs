//! The admin API: every administrative act, each behind a permit and with its audit record.
//!
//! `service` does things, `routes` speaks HTTP and JSON. Nothing reaches the engine or the store
//! for a person but through `service`.

mod connections;
mod desk;
mod edited;
mod exports;
mod json;
mod listener;
mod monitor;
mod page;
mod problem;
pub mod query;
mod routes;
mod scans;
pub mod service;
mod socket;
mod views;

pub use auth::Session;
pub use desk::{Desk, Refusal, roles_with};
pub use json::{audit_report, step_note};
pub use listener::Listener;
pub use monitor::Monitor;
pub use problem::Problem;
pub use routes::{Call, Needs, Route, document, router, streamed, table};
pub use service::Service;
pub use socket::Socket;
pub use store::Source;
