//! The pages, one file each.

pub mod account;
pub mod alerts;
pub mod apply;
pub mod approvals;
pub mod audit;
pub mod bench;
pub mod channel;
pub mod channels;
pub mod dead;
pub mod destination;
pub mod difference;
pub mod fields;
pub mod jobs;
pub mod message;
pub mod messages;
pub mod overview;
pub mod people;
pub mod raw;
pub mod replay;
pub mod scan;
pub mod setup;
pub mod sign_in;
pub mod system;
pub mod tables;
