//! What can go wrong, by what to do about it.

use std::path::PathBuf;

/// Why the store did not do what was asked.
///
/// Nothing here quotes a value: texts of the database driver stay in the log fields of this crate and never hold binds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached, or the connection broke while it worked: what was asked may or may not have happened. Ask again.
    #[error("the store cannot be reached")]
    Unavailable,
    /// No space is left; nothing was written. Works again when there is space.
    #[error("the disk of the store is full")]
    Full,
    /// Another engine owns the channel now; nothing was written.
    #[error("another engine owns this channel")]
    Fenced,
    /// A sync failed: what is on disk is unknown, and the process must end.
    #[error("the disk failed to keep what was written")]
    SyncFailed,
    /// Too much waits for the disk already; nothing was written.
    #[error("too much is waiting for the store")]
    Busy,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// What is named is not there, or outside the scope.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The rows are not in a state that allows it.
    #[error("{0}")]
    Refused(&'static str),
    /// A sealed value did not open: it was changed, moved, or its key is gone.
    #[error("a sealed value of {0} does not open")]
    Unreadable(&'static str),
    /// The audit record could not be written, so the act was not done.
    #[error("the audit log cannot be written")]
    AuditUnavailable,
    /// The store holds something that cannot be, or a statement failed for no reason known.
    #[error("the store failed: {0}")]
    Internal(String),
}

/// Why a store was not opened. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address of the store is no address.
    #[error("`{0}` is no address of a store")]
    Url(String),
    /// The key is not there, but the store has data sealed with it.
    #[error(
        "the store key `{source_name}` is missing, and the store holds data sealed with {expected}"
    )]
    KeyMissing {
        /// Where it was looked for.
        source_name: String,
        /// The id of the key that is needed.
        expected: String,
    },
    /// It is another key.
    #[error("wrong store key: expected kek {expected}, have {found}")]
    KeyWrong {
        /// The id of the key that is needed.
        expected: String,
        /// The id of the key that was given.
        found: String,
    },
    /// The key has the wrong size.
    #[error("the store key `{0}` is damaged: it must hold 32 bytes, as 64 hexadecimal digits")]
    KeyDamaged(String),
    /// The key cannot be read or made.
    #[error("the store key `{name}` cannot be used: {problem}")]
    KeyUnusable {
        /// Where it was looked for.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// Others may read it, or somebody else owns it.
    #[error("`{path}` is not safe: {problem}")]
    Modes {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// A newer version of the program made it.
    #[error(
        "the store has schema {found}, this program knows up to {known}: use the newer program"
    )]
    Newer {
        /// The version of the store.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// It is in use.
    #[error("another engine uses this store ({0})")]
    Locked(String),
    /// It cannot be reached or read.
    #[error("the store cannot be opened: {0}")]
    Unreachable(String),
    /// It holds something that cannot be.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

impl OpenError {
    /// The exit code for it: 78 refused configuration, 3 cannot reach.
    pub fn exit_code(&self) -> u8 {
        match self {
            OpenError::Unreachable(_) => 3,
            OpenError::Url(_)
            | OpenError::KeyMissing { .. }
            | OpenError::KeyWrong { .. }
            | OpenError::KeyDamaged(_)
            | OpenError::KeyUnusable { .. }
            | OpenError::Modes { .. }
            | OpenError::Newer { .. }
            | OpenError::Locked(_)
            | OpenError::Damaged(_) => 78,
        }
    }
}
