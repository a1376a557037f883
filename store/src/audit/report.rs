//! What a walk along the log found.

use std::fmt;

use super::record::hex;

/// What a walk along the chain found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Records checked.
    pub checked: i64,
    /// The number of the first of them.
    pub first: i64,
    /// The first record that is not as it was written.
    pub fault: Option<AuditFault>,
    /// What leaves open whether the log is whole, in sentences.
    pub doubts: Vec<String>,
    /// The first digits of the key that seals now.
    pub key: Option<String>,
    /// Records in the tree.
    pub size: i64,
    /// The root of the tree over all records.
    pub root: [u8; 32],
    /// Checkpoints of the store that were compared.
    pub checkpoints: i64,
    /// What was compared elsewhere.
    pub anchors: Vec<AnchorReport>,
    /// Messages that were compared with the log; nothing when they were not looked at.
    pub history: Option<HistoryReport>,
}

/// Messages that were compared with what the log says of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HistoryReport {
    /// Receipts.
    pub messages: i64,
    /// Attempts to deliver them.
    pub attempts: i64,
}

/// What an anchor says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnchorReport {
    /// Its file.
    pub name: String,
    /// Checkpoints in it that were compared.
    pub checkpoints: i64,
    /// Records before the newest of them.
    pub size: i64,
}

impl AuditReport {
    /// Whether every record is as it was written, as far as anybody can tell, and nothing is in doubt.
    pub fn is_whole(&self) -> bool {
        self.fault.is_none() && self.doubts.is_empty()
    }

    /// The root of the tree in hexadecimal digits.
    pub fn root_digits(&self) -> String {
        hex(&self.root)
    }
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// The record is not in canonical form, or its hash is not its own: it was changed.
    Modified {
        /// Its number.
        seq: i64,
    },
    /// A column says something else than the record.
    Column {
        /// Its number.
        seq: i64,
    },
    /// Records before it are missing.
    Deleted {
        /// The first missing number.
        seq: i64,
    },
    /// It is another one than what followed the one before it.
    Inserted {
        /// Its number.
        seq: i64,
    },
    /// It is a record of this log, at the place of another one.
    Reordered {
        /// The number at which it stands.
        seq: i64,
    },
    /// Its seal is missing, or not one of the key of its day.
    Unsealed {
        /// Its number.
        seq: i64,
    },
    /// No record that can be trusted names the key from which on it is sealed, or that key is not the engine's own.
    Key {
        /// Its number.
        seq: i64,
    },
    /// The log ends before its head or a checkpoint says.
    Truncated {
        /// The first missing number.
        seq: i64,
    },
    /// The messages of a channel are not those that a record has a digest of: some were deleted, changed or added.
    History {
        /// The number of the record.
        seq: i64,
        /// The channel.
        channel: String,
    },
    /// A checkpoint was taken over other records than these.
    Forked {
        /// The last record that it was taken over.
        seq: i64,
    },
}

impl AuditFault {
    /// The record that it is about, and what is wrong with it in a word for programs.
    pub fn parts(&self) -> (i64, &'static str) {
        match self {
            AuditFault::Modified { seq } => (*seq, "modified"),
            AuditFault::Column { seq } => (*seq, "column"),
            AuditFault::Deleted { seq } => (*seq, "deleted"),
            AuditFault::Inserted { seq } => (*seq, "inserted"),
            AuditFault::Reordered { seq } => (*seq, "reordered"),
            AuditFault::Unsealed { seq } => (*seq, "unsealed"),
            AuditFault::Key { seq } => (*seq, "foreign_key"),
            AuditFault::Truncated { seq } => (*seq, "truncated"),
            AuditFault::Forked { seq } => (*seq, "forked"),
            AuditFault::History { seq, .. } => (*seq, "history"),
        }
    }
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seq, _) = self.parts();
        match self {
            AuditFault::Modified { .. } => write!(f, "record {seq} was changed"),
            AuditFault::Column { .. } => write!(f, "a column beside record {seq} was changed"),
            AuditFault::Deleted { .. } => write!(f, "record {seq} was deleted"),
            AuditFault::Inserted { .. } => write!(
                f,
                "record {seq} does not follow the one before it: it was put there, or the log before it was written anew"
            ),
            AuditFault::Reordered { .. } => {
                write!(
                    f,
                    "what stands at {seq} is another record of this log: the order was changed"
                )
            }
            AuditFault::Unsealed { .. } => {
                write!(f, "record {seq} is not sealed with the key of its day")
            }
            AuditFault::Key { .. } => {
                write!(f, "record {seq} is sealed with a key that is not the engine's")
            }
            AuditFault::Truncated { .. } => {
                write!(f, "the log was cut off: record {seq} and those after it are missing")
            }
            AuditFault::History { channel, .. } => write!(
                f,
                "messages of channel `{channel}` are not as they were when record {seq} was written: some were deleted, changed or added"
            ),
            AuditFault::Forked { .. } => write!(
                f,
                "the records up to {seq} are not those over which a checkpoint was signed: the log was written anew"
            ),
        }
    }
}
