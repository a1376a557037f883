//! Backups: a store as it is at one moment, with what belongs to it, in a file for the holders of some keys.
//!
//! A backup is a row of frames: what it is, files beside the store, the rows of each table, what all of it adds up to, and a signature by the
//! key of the audit log's day. It holds no store key: what is sealed in the store is sealed in it.

mod frame;
mod make;
mod read;
mod restore;

pub use make::{BackedUp, BackupError};
pub use read::{
    BackupHead, BackupSummary, Extracted, UnreadableBackup, check_backup, extract_backup,
};
pub use restore::{Drill, RestoreError, RestoreTo, Restored, drill, restore};
