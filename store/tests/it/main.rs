//! The conformance suite of the store: every test runs on SQLite and on PostgreSQL.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accounts;
mod acks;
mod acts;
mod alerts;
mod approvals;
mod audit;
mod backups;
mod checkpoints;
mod copies;
mod deliveries;
mod gone;
mod home;
mod hops;
mod jobs;
mod keys;
mod ledger;
mod lives;
mod people;
mod plans;
mod pruning;
mod raw;
mod reads;
mod receipts;
mod registry;
mod remembered;
mod replays;
mod reseals;
mod retention;
mod rotation;
mod sealed;
mod search;
mod segments;

/// Runs each behaviour on both databases.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::home::Home::sqlite()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(crate::home::Home::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;
