//! What a PostgreSQL error means for the store.

use crate::error::{OpenError, StoreError};
use crate::group::Unwritten;

/// Raised by `expect` when another engine owns a channel.
pub(super) const FENCED: &str = "HF001";
/// Raised by `expect` when a settle moved nothing.
pub(super) const UNEXPECTED: &str = "HU001";
const UNIQUE: &str = "23505";
const DISK_FULL: &str = "53100";
/// Serialisation, deadlock, lock not available, cancelled by a timeout.
const BUSY: [&str; 4] = ["40001", "40P01", "55P03", "57014"];
/// Shutdown, crash and start of the server; too many connections; out of memory; a session ended for idling in a transaction.
const GONE: [&str; 6] = ["57P01", "57P02", "57P03", "53300", "53200", "25P03"];

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(|code| code.into_owned())
}

/// What to do about an error. The driver's texts are kept out: a server's message may quote a value.
pub(super) fn any(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::Protocol(_) => StoreError::Unavailable,
        sqlx::Error::PoolClosed => StoreError::Closed,
        sqlx::Error::Database(_) => match code(error).as_deref() {
            Some(DISK_FULL) => StoreError::Full,
            Some(code) if BUSY.contains(&code) => StoreError::Busy,
            Some(code) if GONE.contains(&code) || code.starts_with("08") => StoreError::Unavailable,
            Some(code) => StoreError::Internal(format!("the server answered with SQLSTATE {code}")),
            None => StoreError::Internal("the server answered with an error".to_owned()),
        },
        other => StoreError::Internal(other.to_string()),
    }
}

/// What an error means for a group.
pub(super) fn group(error: &sqlx::Error) -> Unwritten {
    let constraint = error.as_database_error().and_then(|error| error.constraint());
    match (code(error).as_deref(), constraint) {
        (Some(FENCED), _) => Unwritten::Fenced,
        // The number was taken by a commit that this connection never heard of: look again what is there.
        (Some(UNIQUE), Some("messages_by_seq")) => Unwritten::Failed(StoreError::Unavailable),
        (Some(UNIQUE | UNEXPECTED), _) => Unwritten::Unexpected,
        _ => Unwritten::Failed(any(error)),
    }
}

/// Why a server was not opened.
pub(super) fn opening(error: &sqlx::Error) -> OpenError {
    match code(error).as_deref() {
        Some(code) => OpenError::Unreachable(format!("the server refuses with SQLSTATE {code}")),
        None => match error {
            sqlx::Error::Io(error) => OpenError::Unreachable(error.kind().to_string()),
            sqlx::Error::Configuration(_) => {
                OpenError::Unreachable("its address cannot be read".to_owned())
            }
            other => OpenError::Unreachable(other.to_string()),
        },
    }
}
