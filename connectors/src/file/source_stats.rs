//! What a file source counts, for people who ask how it is.

use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of a file source since it was opened.
#[derive(Debug, Default)]
pub struct SourceStats {
    pub(super) reading: AtomicU64,
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) skipped: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SourceCounts {
    /// Files in hand now.
    pub reading: u64,
    /// Files whose messages were all accepted.
    pub done: u64,
    /// Files that went to the errors.
    pub failed: u64,
    /// Links, pipes and the like that were left alone.
    pub skipped: u64,
}

impl SourceStats {
    /// The counters now.
    pub fn counts(&self) -> SourceCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SourceCounts {
            reading: get(&self.reading),
            done: get(&self.done),
            failed: get(&self.failed),
            skipped: get(&self.skipped),
        }
    }
}

pub(super) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
