//! The admin API: every administrative act, each behind a permit and with its audit record.
//!
//! `service` does things, `routes` speaks HTTP and JSON. Nothing reaches the engine or the store
//! for a person but through `service`.

mod json;
mod problem;
mod routes;
pub mod service;
mod socket;

pub use problem::Problem;
pub use routes::router;
pub use socket::Socket;
