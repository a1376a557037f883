//! What an SQLite error means for the store.

use crate::error::{OpenError, StoreError};

const FULL: i32 = 13;
const CORRUPT: i32 = 11;
const NOT_A_DATABASE: i32 = 26;
const IO_ERROR: i32 = 10;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NO_MEMORY: i32 = 7;
const CONSTRAINT: i32 = 19;

/// The extended result code, where the error has one.
fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// A row was not as the statement expected.
pub(crate) fn is_constraint(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code & 0xff == CONSTRAINT)
}

/// What to do about an error while writing.
///
/// An input or output error is final, whichever call it came from: what the disk holds is unknown from then on, and SQLite goes on as if
/// nothing had happened when it is asked again.
pub(crate) fn writing(error: &sqlx::Error) -> StoreError {
    match code(error) {
        Some(code) => match code & 0xff {
            FULL => StoreError::Full,
            IO_ERROR | CORRUPT | NOT_A_DATABASE => {
                tracing::error!(code, "the disk of the store failed");
                StoreError::SyncFailed
            }
            BUSY | LOCKED | NO_MEMORY => StoreError::Busy,
            _ => internal(error),
        },
        None => internal(error),
    }
}

/// What to do about an error while reading.
pub(crate) fn reading(error: &sqlx::Error) -> StoreError {
    match code(error).map(|code| code & 0xff) {
        Some(BUSY | LOCKED | NO_MEMORY) => StoreError::Busy,
        _ => internal(error),
    }
}

/// The driver's texts name tables and columns, never values.
fn internal(error: &sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => StoreError::Closed,
        sqlx::Error::PoolTimedOut => StoreError::Busy,
        other => StoreError::Internal(other.to_string()),
    }
}

/// Why a file was not opened.
pub(crate) fn opening(error: &sqlx::Error) -> OpenError {
    match code(error).map(|code| code & 0xff) {
        Some(CORRUPT | NOT_A_DATABASE) => {
            OpenError::Damaged("the file is no whole database".to_owned())
        }
        Some(BUSY | LOCKED) => OpenError::Locked("the database is locked".to_owned()),
        _ => OpenError::Unreachable(error.to_string()),
    }
}
