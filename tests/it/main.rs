//! The product as a whole: the real binary, real sockets, real stores, real faults.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops by panicking"
)]

mod acks;
mod alerts;
mod api;
mod api_tls;
mod applying;
mod approvals;
mod audit;
mod backup;
mod bench;
mod benching;
mod canary;
mod connections;
mod console;
mod crash_points;
mod deidentified;
mod directory;
mod doctor;
mod duplicates;
mod egress;
mod examples;
mod faults;
mod files;
mod finding;
mod framing;
mod full_disk;
mod hops;
mod http;
mod injection;
mod jobs;
mod kills;
mod lanes;
mod looking;
mod mail;
mod metrics;
mod outside;
mod parts;
mod passing;
mod peers;
mod poison;
mod purges;
mod queues;
mod receivers;
mod requests;
mod retention;
mod stopping;
mod store_gone;
mod store_key;
mod store_tls;
mod syncs;
mod syslog;
mod tidy;
mod tls;
mod torn;
mod traces;
mod unencrypted;
mod verbs;
