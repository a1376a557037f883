//! One module for each verb.

pub mod account;
pub mod apply;
pub mod audit;
pub mod ca;
pub mod check;
pub mod control;
pub mod dead;
pub mod explain;
pub mod listen;
pub mod message;
pub mod messages;
pub mod peer;
pub mod people;
pub mod schema;
pub mod send;
pub mod serve;
pub mod status;
pub mod test_connection;
pub mod token;
pub mod view;
