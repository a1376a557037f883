//! One module for each verb.

pub mod apply;
pub mod ca;
pub mod check;
pub mod control;
pub mod dead;
pub mod explain;
pub mod listen;
pub mod message;
pub mod messages;
pub mod peer;
pub mod schema;
pub mod send;
pub mod serve;
pub mod status;
pub mod test_connection;
pub mod view;
