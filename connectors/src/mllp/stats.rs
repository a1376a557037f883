//! What a listener counts, for people who ask how it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use net::AcceptStats;
use phi::Phi;

/// The counters of a listener since it was bound; they stay readable after it is gone.
#[derive(Default)]
pub struct ListenerStats {
    pub(super) accepting: Arc<AcceptStats>,
    pub(super) connections: Arc<AtomicU64>,
    pub(super) frames: AtomicU64,
    pub(super) answers: AtomicU64,
    pub(super) heartbeats: AtomicU64,
    pub(super) fragments: AtomicU64,
    pub(super) lost: AtomicU64,
    pub(super) junk_bytes: AtomicU64,
    pub(super) last_junk: Mutex<Vec<u8>>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListenerCounts {
    /// Connections open now.
    pub connections: u64,
    /// Connections let in.
    pub accepted: u64,
    /// Connections that were not let in, or not let stay.
    pub refused: u64,
    /// Whole frames handed on.
    pub frames: u64,
    /// Answers written.
    pub answers: u64,
    /// Empty frames.
    pub heartbeats: u64,
    /// Frames that were not whole.
    pub fragments: u64,
    /// Connections closed because the framing was lost.
    pub lost: u64,
    /// Bytes between frames.
    pub junk_bytes: u64,
}

impl ListenerStats {
    /// The counters now.
    pub fn counts(&self) -> ListenerCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ListenerCounts {
            connections: get(&self.connections),
            accepted: self.accepting.accepted(),
            refused: self.accepting.refused(),
            frames: get(&self.frames),
            answers: get(&self.answers),
            heartbeats: get(&self.heartbeats),
            fragments: get(&self.fragments),
            lost: get(&self.lost),
            junk_bytes: get(&self.junk_bytes),
        }
    }

    /// Connections that were not let in or not let stay, by reason.
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        self.accepting.refusals()
    }

    /// The last junk of the last connection that sent any. It may be part of a message that lost its frame.
    pub fn last_junk(&self) -> Phi<Vec<u8>> {
        Phi::new(self.last_junk.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    pub(super) fn junk(&self, more: u64, tail: &[u8]) {
        add(&self.junk_bytes, more);
        let mut last = self.last_junk.lock().unwrap_or_else(PoisonError::into_inner);
        last.clear();
        last.extend_from_slice(tail);
    }
}

pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
