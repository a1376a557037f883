//! What an http source counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use net::AcceptStats;

use super::refusal::Refusal;

/// The counters of an http source since it was bound; they stay readable after it is gone.
#[derive(Default)]
pub struct ListenerStats {
    pub(super) accepting: Arc<AcceptStats>,
    pub(super) connections: Arc<AtomicU64>,
    pub(super) messages: AtomicU64,
    pub(super) refusals: [AtomicU64; Refusal::ALL.len()],
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ListenerCounts {
    /// Connections open now.
    pub connections: u64,
    /// Connections let in.
    pub accepted: u64,
    /// Connections closed at once because a limit was reached.
    pub refused: u64,
    /// Messages handed on.
    pub messages: u64,
    /// Requests refused, for all reasons together.
    pub requests_refused: u64,
}

impl ListenerStats {
    /// The counters now.
    pub fn counts(&self) -> ListenerCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ListenerCounts {
            connections: get(&self.connections),
            accepted: self.accepting.accepted(),
            refused: self.accepting.refused(),
            messages: get(&self.messages),
            requests_refused: self.refusals.iter().map(get).sum(),
        }
    }

    /// Connections and requests refused, by reason.
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        let requests = Refusal::ALL.iter().map(|refusal| (refusal.name(), self.refused(*refusal)));
        let requests = requests.filter(|(_, count)| *count > 0);
        self.accepting.refusals().into_iter().chain(requests).collect()
    }

    /// How many requests were refused for a reason.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.refusals.get(refusal.number()).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    /// Counts a refusal and gives how many of its kind there were before.
    pub(super) fn refuse(&self, refusal: Refusal) -> u64 {
        self.refusals
            .get(refusal.number())
            .map_or(0, |counter| counter.fetch_add(1, Ordering::Relaxed))
    }
}

pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
