//! Keeps deliveries of a channel in receipt order while one of its messages is still undecided.
//!
//! A message whose program needs longer than an acknowledgement may take is committed first and
//! decided later. Messages behind it are committed and acknowledged meanwhile, but their
//! deliveries wait here, so that none of them overtakes it (decisions.md 3).

use std::collections::{BTreeMap, BTreeSet};

/// Decided messages that wait in memory; more stay in the store alone until the gate opens.
const WAITING_MAX: usize = 1_000;

/// The order gate of one channel. `T` is what a decided message hands on.
pub struct Gate<T> {
    undecided: BTreeSet<i64>,
    /// From here on the store may hold undecided messages that are not in `undecided`.
    unread_from: Option<i64>,
    waiting: BTreeMap<i64, T>,
}

/// What becomes of a decided message.
#[derive(Debug, PartialEq, Eq)]
pub enum Passed<T> {
    /// These may be handed on now, in order.
    Release(Vec<T>),
    /// Too many wait: this one is to be read back from the store when its turn comes.
    Leave(T),
}

impl<T> Default for Gate<T> {
    fn default() -> Self {
        Gate { undecided: BTreeSet::new(), unread_from: None, waiting: BTreeMap::new() }
    }
}

impl<T> Gate<T> {
    /// A message was committed, or read from the store, without a decision. False when it was known.
    pub fn undecided(&mut self, seq: i64) -> bool {
        self.undecided.insert(seq)
    }

    /// The store holds undecided messages from this number on that have not been read.
    pub fn unread_from(&mut self, seq: i64) {
        self.unread_from = Some(self.unread_from.map_or(seq, |from| from.min(seq)));
    }

    /// Whether this message is decided is not known: it counts as unread.
    pub fn forget(&mut self, seq: i64) {
        self.undecided.remove(&seq);
        self.unread_from(seq);
    }

    /// All undecided messages before this number have been read; all of them with none.
    pub fn read_until(&mut self, next: Option<i64>) -> Vec<T> {
        self.unread_from = next;
        self.release()
    }

    /// A message was committed with its decision.
    pub fn decided(&mut self, seq: i64, deliveries: T) -> Passed<T> {
        self.undecided.remove(&seq);
        if seq < self.open_before() && self.waiting.is_empty() {
            return Passed::Release(vec![deliveries]);
        }
        if self.waiting.len() >= WAITING_MAX && seq >= self.open_before() {
            return Passed::Leave(deliveries);
        }
        self.waiting.insert(seq, deliveries);
        Passed::Release(self.release())
    }

    fn release(&mut self) -> Vec<T> {
        let behind = self.waiting.split_off(&self.open_before());
        std::mem::replace(&mut self.waiting, behind).into_values().collect()
    }

    /// Everything before this number may be handed on.
    pub fn open_before(&self) -> i64 {
        let undecided = self.undecided.first().copied().unwrap_or(i64::MAX);
        undecided.min(self.unread_from.unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn released(passed: Passed<i64>) -> Vec<i64> {
        match passed {
            Passed::Release(all) => all,
            Passed::Leave(_) => panic!("left in the store"),
        }
    }

    #[test]
    fn nothing_overtakes_an_undecided_message() {
        let mut gate = Gate::default();
        assert_eq!(released(gate.decided(1, 1)), [1]);
        gate.undecided(2);
        gate.undecided(4);
        assert_eq!(released(gate.decided(3, 3)), Vec::<i64>::new());
        assert_eq!(released(gate.decided(5, 5)), Vec::<i64>::new());
        assert_eq!(gate.open_before(), 2);
        assert_eq!(released(gate.decided(2, 2)), [2, 3]);
        assert_eq!(released(gate.decided(4, 4)), [4, 5]);
        assert_eq!(released(gate.decided(6, 6)), [6]);
    }

    #[test]
    fn nothing_overtakes_what_has_not_been_read() {
        let mut gate = Gate::default();
        gate.unread_from(3);
        assert_eq!(released(gate.decided(2, 2)), [2]);
        assert_eq!(released(gate.decided(9, 9)), Vec::<i64>::new());
        gate.undecided(3);
        assert_eq!(gate.read_until(None), Vec::<i64>::new());
        assert_eq!(released(gate.decided(3, 3)), [3, 9]);
    }

    #[test]
    fn memory_holds_only_so_many() {
        let mut gate = Gate::default();
        gate.undecided(0);
        let left =
            (1..=1_500).filter(|seq| matches!(gate.decided(*seq, *seq), Passed::Leave(_))).count();
        assert_eq!(left, 500);
        assert_eq!(released(gate.decided(0, 0)).len(), 1_001);
    }
}
