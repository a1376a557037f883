//! The order of one destination's deliveries: which may go now, and which must wait for others.
//!
//! A delivery holds one lane for each of its order keys. It may start when it is at the head of
//! every one of them, so an A40 with two patients is never overtaken by, and never overtakes,
//! either patient's other messages. This is data and rules only: no clock, no task, no store.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use store::LaneKey;

mod heads;

pub use heads::{LaneHead, Stands};

/// At most this many deliveries of a lane are sent and not yet settled on disk (decisions.md 2).
pub const IN_DOUBT_MAX: usize = 32;

/// Receipt order within a channel: the message's number, then the part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The message's number in its channel.
    pub seq: i64,
    /// The part, from 1.
    pub part: u32,
}

/// What the rules need to know of a delivery.
pub trait Ordered {
    /// Its place in receipt order.
    fn position(&self) -> Position;
    /// Its order keys; none means that it waits for nobody.
    fn keys(&self) -> &[LaneKey];
    /// Which definition of `order_by` made the keys: keys of different ones cannot be compared.
    fn scheme(&self) -> u16;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Behind others, or behind a lane that is full of doubt.
    Queued,
    /// Chosen to go as soon as somebody is free.
    Runnable,
    /// Being delivered.
    Sending,
    /// Not before this time, in microseconds.
    Waiting(i64),
    /// Stopped by a person; its lanes stop with it.
    Held,
}

struct Entry<T> {
    item: T,
    state: State,
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<Position>,
    in_doubt: usize,
}

impl Lane {
    /// Keeps receipt order also when a delivery that was held comes back late.
    fn insert(&mut self, position: Position) {
        let at = match self.queue.back() {
            Some(last) if *last > position => self.queue.partition_point(|p| *p < position),
            _ => self.queue.len(),
        };
        self.queue.insert(at, position);
    }
}

/// What became of asking for work.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<T> {
    /// Deliver this one.
    Start(T),
    /// Nothing before this time, in microseconds.
    At(i64),
    /// Nothing until something is pushed, settled or released.
    Idle,
}

/// What became of asking for a delivery to be taken out.
#[derive(Debug, PartialEq, Eq)]
pub enum Removal<T> {
    /// It is out; nothing of it will be sent.
    Removed(T),
    /// It is being sent at this moment and cannot be taken back.
    Sending,
    /// It is not in memory.
    Absent,
}

/// The ordered deliveries of one destination that are in memory.
pub struct Lanes<T> {
    entries: BTreeMap<Position, Entry<T>>,
    lanes: HashMap<LaneKey, Lane>,
    runnable: BTreeSet<Position>,
    timers: BTreeSet<(i64, Position)>,
    scheme: u16,
    /// Deliveries whose keys follow another definition: they wait until all before them are final.
    later: VecDeque<Arrival<T>>,
    in_doubt: usize,
}

/// A delivery as it was pushed.
struct Arrival<T> {
    item: T,
    held: bool,
    not_before_us: Option<i64>,
}

impl<T: Ordered + Clone> Default for Lanes<T> {
    fn default() -> Self {
        Lanes::new()
    }
}

impl<T: Ordered + Clone> Lanes<T> {
    /// Nothing queued.
    pub fn new() -> Lanes<T> {
        Lanes {
            entries: BTreeMap::new(),
            lanes: HashMap::new(),
            runnable: BTreeSet::new(),
            timers: BTreeSet::new(),
            scheme: 0,
            later: VecDeque::new(),
            in_doubt: 0,
        }
    }

    /// Adds a delivery behind those before it. Pushing goes in receipt order; one that is there already stays as it is.
    pub fn push(&mut self, item: T, held: bool, not_before_us: Option<i64>) {
        if self.entries.contains_key(&item.position()) {
            return;
        }
        let foreign = item.scheme() != self.scheme;
        if foreign && self.entries.is_empty() && self.later.is_empty() {
            self.scheme = item.scheme();
        } else if foreign || !self.later.is_empty() {
            self.later.push_back(Arrival { item, held, not_before_us });
            return;
        }
        self.admit(item, held, not_before_us);
    }

    fn admit(&mut self, item: T, held: bool, not_before_us: Option<i64>) {
        let position = item.position();
        for key in item.keys() {
            self.lanes.entry(*key).or_default().insert(position);
        }
        let state = match (held, not_before_us) {
            (true, _) => State::Held,
            (false, Some(at)) => State::Waiting(at),
            (false, None) => State::Queued,
        };
        if let State::Waiting(at) = state {
            self.timers.insert((at, position));
        }
        self.entries.insert(position, Entry { item, state });
        self.consider(position);
    }

    /// Chooses the next delivery to start, oldest first.
    pub fn start(&mut self, now_us: i64) -> Next<T> {
        self.wake(now_us);
        match self.runnable.pop_first() {
            Some(position) => match self.entries.get_mut(&position) {
                Some(entry) => {
                    entry.state = State::Sending;
                    Next::Start(entry.item.clone())
                }
                None => Next::Idle,
            },
            None => self.timers.first().map_or(Next::Idle, |(at, _)| Next::At(*at)),
        }
    }

    /// Whether something could start at once.
    pub fn has_runnable(&self) -> bool {
        !self.runnable.is_empty()
    }

    /// A delivery is final, though perhaps not on disk yet: its lanes go on, in doubt.
    pub fn finish(&mut self, position: Position) -> Option<T> {
        let entry = self.take(position)?;
        for key in entry.item.keys() {
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.in_doubt += 1;
            }
        }
        self.in_doubt += 1;
        self.consider_heads(entry.item.keys());
        self.next_scheme();
        Some(entry.item)
    }

    /// The settle of a finished delivery is on disk.
    pub fn synced(&mut self, keys: &[LaneKey]) {
        self.in_doubt = self.in_doubt.saturating_sub(1);
        for key in keys {
            if let Some(lane) = self.lanes.get_mut(key) {
                lane.in_doubt = lane.in_doubt.saturating_sub(1);
                if lane.queue.is_empty() && lane.in_doubt == 0 {
                    self.lanes.remove(key);
                }
            }
        }
        self.consider_heads(keys);
    }

    /// A delivery did not go: it keeps its place, and its lanes wait with it until the time given.
    pub fn retry(&mut self, position: Position, at_us: i64, change: impl FnOnce(&mut T)) {
        if let Some(entry) = self.entries.get_mut(&position) {
            change(&mut entry.item);
            entry.state = State::Waiting(at_us);
            self.timers.insert((at_us, position));
        }
    }

    /// Everything that waits for a time goes now.
    pub fn retry_now(&mut self) {
        self.wake(i64::MAX);
    }

    /// Lets a held or waiting delivery go on.
    pub fn release(&mut self, matches: impl Fn(&T) -> bool) -> bool {
        let found = self.entries.iter().find(|(_, e)| matches(&e.item)).map(|(p, e)| (*p, e.state));
        match found {
            Some((position, State::Held | State::Waiting(_))) => {
                self.set(position, State::Queued);
                self.consider(position);
                true
            }
            _ => false,
        }
    }

    /// Takes a delivery out, unless it is being sent.
    pub fn remove(&mut self, matches: impl Fn(&T) -> bool) -> Removal<T> {
        if let Some(index) = self.later.iter().position(|later| matches(&later.item)) {
            let removed = self.later.remove(index);
            return removed.map_or(Removal::Absent, |later| Removal::Removed(later.item));
        }
        let found = self.entries.iter().find(|(_, e)| matches(&e.item)).map(|(p, e)| (*p, e.state));
        let Some((position, state)) = found else { return Removal::Absent };
        if state == State::Sending {
            return Removal::Sending;
        }
        let Some(entry) = self.take(position) else { return Removal::Absent };
        self.consider_heads(entry.item.keys());
        self.next_scheme();
        Removal::Removed(entry.item)
    }

    /// Deliveries in memory, those being sent among them.
    pub fn len(&self) -> usize {
        self.entries.len() + self.later.len()
    }

    /// Whether nothing is in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Deliveries that are being sent.
    pub fn sending(&self) -> usize {
        self.entries.values().filter(|e| e.state == State::Sending).count()
    }

    /// Deliveries sent whose settle is not on disk yet.
    pub fn in_doubt(&self) -> usize {
        self.in_doubt
    }

    fn set(&mut self, position: Position, state: State) {
        if let Some(entry) = self.entries.get_mut(&position) {
            if let State::Waiting(at) = entry.state {
                self.timers.remove(&(at, position));
            }
            entry.state = state;
        }
    }

    fn take(&mut self, position: Position) -> Option<Entry<T>> {
        let entry = self.entries.remove(&position)?;
        self.runnable.remove(&position);
        if let State::Waiting(at) = entry.state {
            self.timers.remove(&(at, position));
        }
        for key in entry.item.keys() {
            if let Some(lane) = self.lanes.get_mut(key) {
                if lane.queue.front() == Some(&position) {
                    lane.queue.pop_front();
                } else {
                    lane.queue.retain(|p| *p != position);
                }
                if lane.queue.is_empty() && lane.in_doubt == 0 && entry.state != State::Sending {
                    self.lanes.remove(key);
                }
            }
        }
        Some(entry)
    }

    fn wake(&mut self, now_us: i64) {
        while let Some(&(at, position)) = self.timers.first() {
            if at > now_us {
                break;
            }
            self.set(position, State::Queued);
            self.timers.remove(&(at, position));
            self.consider(position);
        }
    }

    fn consider_heads(&mut self, keys: &[LaneKey]) {
        for key in keys {
            if let Some(head) = self.lanes.get(key).and_then(|lane| lane.queue.front().copied()) {
                self.consider(head);
            }
        }
    }

    /// Makes a queued delivery runnable when it is at the head of all its lanes.
    fn consider(&mut self, position: Position) {
        let Some(entry) = self.entries.get_mut(&position) else { return };
        if entry.state != State::Queued {
            return;
        }
        let free = entry.item.keys().iter().all(|key| {
            self.lanes
                .get(key)
                .is_some_and(|l| l.queue.front() == Some(&position) && l.in_doubt < IN_DOUBT_MAX)
        });
        if free {
            entry.state = State::Runnable;
            self.runnable.insert(position);
        }
    }

    /// When all deliveries of one definition are final, those of the next one begin.
    fn next_scheme(&mut self) {
        if !self.entries.is_empty() {
            return;
        }
        let Some(scheme) = self.later.front().map(|later| later.item.scheme()) else { return };
        self.scheme = scheme;
        while self.later.front().is_some_and(|later| later.item.scheme() == scheme) {
            if let Some(later) = self.later.pop_front() {
                self.admit(later.item, later.held, later.not_before_us);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(super) struct Fake(pub(super) i64, Vec<LaneKey>, u16);

    impl Ordered for Fake {
        fn position(&self) -> Position {
            Position { seq: self.0, part: 1 }
        }
        fn keys(&self) -> &[LaneKey] {
            &self.1
        }
        fn scheme(&self) -> u16 {
            self.2
        }
    }

    fn key(n: u8) -> LaneKey {
        LaneKey([n; 16])
    }

    pub(super) fn item(seq: i64, keys: &[u8]) -> Fake {
        Fake(seq, keys.iter().map(|k| key(*k)).collect(), 1)
    }

    pub(super) fn lanes(items: &[(i64, &[u8])]) -> Lanes<Fake> {
        let mut lanes = Lanes::new();
        for (seq, keys) in items {
            lanes.push(item(*seq, keys), false, None);
        }
        lanes
    }

    pub(super) fn started(lanes: &mut Lanes<Fake>) -> Vec<i64> {
        let mut out = Vec::new();
        while let Next::Start(item) = lanes.start(0) {
            out.push(item.0);
        }
        out
    }

    pub(super) fn at(seq: i64) -> Position {
        Position { seq, part: 1 }
    }

    #[test]
    fn a_merge_waits_for_and_holds_both_its_lanes() {
        let mut l = lanes(&[(1, &[1]), (2, &[2]), (3, &[1, 2]), (4, &[1]), (5, &[2]), (6, &[3])]);
        assert_eq!(started(&mut l), [1, 2, 6]);
        l.finish(at(1));
        assert_eq!(started(&mut l), Vec::<i64>::new());
        l.finish(at(2));
        assert_eq!(started(&mut l), [3]);
        l.finish(at(3));
        assert_eq!(started(&mut l), [4, 5]);
    }

    #[test]
    fn a_waiting_delivery_stops_its_own_lane_only() {
        let mut l = lanes(&[(1, &[1]), (2, &[1]), (3, &[2])]);
        assert_eq!(started(&mut l), [1, 3]);
        l.retry(at(1), 50, |_| ());
        l.finish(at(3));
        assert_eq!(l.start(49), Next::At(50));
        assert_eq!(l.start(50), Next::Start(item(1, &[1])));
        l.finish(at(1));
        assert_eq!(started(&mut l), [2]);
    }

    #[test]
    fn a_lane_stops_when_too_many_are_in_doubt() {
        let mut l = Lanes::new();
        for seq in 0..40 {
            l.push(item(seq, &[1]), false, None);
        }
        let mut sent = 0;
        while let Next::Start(item) = l.start(0) {
            l.finish(at(item.0));
            sent += 1;
        }
        assert_eq!(sent, IN_DOUBT_MAX);
        l.synced(&[key(1)]);
        assert_eq!(started(&mut l), [32]);
    }

    #[test]
    fn keys_of_another_definition_wait_until_all_before_are_final() {
        let mut l = lanes(&[(1, &[1])]);
        l.push(Fake(2, vec![key(9)], 2), false, None);
        l.push(item(3, &[4]), false, None);
        assert_eq!(started(&mut l), [1]);
        l.finish(at(1));
        assert_eq!(started(&mut l), [2]);
        l.finish(at(2));
        assert_eq!(started(&mut l), [3]);
    }

    #[test]
    fn a_removed_delivery_lets_the_next_go_and_one_that_is_being_sent_stays() {
        let mut l = lanes(&[(1, &[1]), (2, &[1]), (3, &[1])]);
        assert_eq!(started(&mut l), [1]);
        assert_eq!(l.remove(|i| i.0 == 1), Removal::Sending);
        assert_eq!(l.remove(|i| i.0 == 2), Removal::Removed(item(2, &[1])));
        assert_eq!(l.remove(|i| i.0 == 7), Removal::Absent);
        l.finish(at(1));
        assert_eq!(started(&mut l), [3]);
    }

    #[test]
    fn a_held_delivery_blocks_its_lane_until_it_is_released() {
        let mut l = Lanes::new();
        l.push(item(1, &[1]), true, None);
        l.push(item(2, &[1]), false, None);
        l.push(item(3, &[2]), false, None);
        assert_eq!(started(&mut l), [3]);
        assert!(l.release(|i| i.0 == 1));
        assert_eq!(started(&mut l), [1]);
    }

    #[test]
    fn without_keys_nobody_waits() {
        let mut l = lanes(&[(1, &[]), (2, &[]), (3, &[])]);
        assert_eq!(started(&mut l), [1, 2, 3]);
    }

    #[test]
    fn a_delivery_that_comes_twice_goes_once_and_stops_nobody() {
        let mut l = lanes(&[(1, &[1]), (1, &[1]), (2, &[1])]);
        assert_eq!(started(&mut l), [1]);
        l.finish(at(1));
        assert_eq!(started(&mut l), [2]);
    }

    #[test]
    fn nothing_is_left_behind_when_all_is_settled() {
        let mut l = lanes(&[(1, &[1, 2]), (2, &[2])]);
        while let Next::Start(i) = l.start(0) {
            l.finish(at(i.0));
            l.synced(&i.1);
        }
        assert!(l.is_empty() && l.lanes.is_empty() && l.in_doubt() == 0);
    }
}
