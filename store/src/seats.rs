//! Which writer writes for which channel: always one, and the same one for channels that hand messages to each other.
//!
//! A hop ends a delivery of one channel and makes a message of another in one transaction, so one writer must write for both. Channels are
//! spread over the writers by their numbers, and brought together when the first message is handed from one to the other.

use std::collections::{BTreeSet, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::oneshot;

use crate::backend::Done;
use crate::error::StoreError;
use crate::group::Item;
use crate::ids::ChannelId;
use crate::sql::Later;
use crate::writer::{Desk, Hurry};

/// Where the channels are.
pub(crate) struct Seats {
    count: usize,
    places: RwLock<Places>,
}

#[derive(Default)]
struct Places {
    /// Channels that are not where their number puts them.
    moved: HashMap<i64, usize>,
    /// Sets of channels that stay together.
    together: Vec<BTreeSet<i64>>,
}

impl Seats {
    /// Over so many writers.
    pub(crate) fn new(count: usize) -> Seats {
        Seats { count: count.max(1), places: RwLock::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Places> {
        // Only finished changes are visible through the lock, so what a panic left behind is whole.
        self.places.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a writer writes for a channel.
    pub(crate) fn holds(&self, writer: usize, channel: i64) -> bool {
        self.read().of(channel, self.count) == writer
    }

    /// The writer of a channel.
    pub(crate) fn at<'a>(&'a self, desks: &'a [Desk], channel: ChannelId) -> Seat<'a> {
        Seat { seats: self, desks, channel: channel.number() }
    }

    /// Lets two channels have the same writer from now on.
    ///
    /// A channel that moves is written for by its new writer only when its old one has written everything that it was given.
    pub(crate) fn join(&self, desks: &[Desk], one: ChannelId, other: ChannelId) {
        let (one, other) = (one.number(), other.number());
        let places = self.read();
        if places.of(one, self.count) == places.of(other, self.count) {
            return;
        }
        drop(places);
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let to = places.of(one, self.count);
        for channel in places.unite(one, other) {
            let from = places.of(channel, self.count);
            if let (true, Some(old), Some(new)) = (from != to, desks.get(from), desks.get(to)) {
                let (flushed, waits) = oneshot::channel();
                old.flush(flushed);
                new.take(channel, waits);
                places.moved.insert(channel, to);
            }
        }
    }
}

impl Places {
    fn of(&self, channel: i64, count: usize) -> usize {
        let by_number = || usize::try_from(channel).unwrap_or(0) % count;
        self.moved.get(&channel).copied().unwrap_or_else(by_number)
    }

    /// Two channels stay together, with all that each of them stays together with.
    fn unite(&mut self, one: i64, other: i64) -> BTreeSet<i64> {
        let mut all = BTreeSet::from([one, other]);
        self.together.retain(|set| {
            let joins = set.contains(&one) || set.contains(&other);
            if joins {
                all.extend(set);
            }
            !joins
        });
        self.together.push(all.clone());
        all
    }
}

/// The writer of one channel, whichever it is at the moment of asking.
pub(crate) struct Seat<'a> {
    seats: &'a Seats,
    desks: &'a [Desk],
    channel: i64,
}

impl<'a> Seat<'a> {
    /// Asks the writer while nobody can move the channel.
    fn ask<T>(&self, ask: impl FnOnce(&'a Desk) -> T) -> Result<T, StoreError> {
        let places = self.seats.read();
        let desk = self.desks.get(places.of(self.channel, self.seats.count));
        desk.map(ask).ok_or(StoreError::Closed)
    }

    /// Puts an item into the queue; the order of calls is the order on disk.
    pub(crate) fn put(&self, item: Item, bytes: usize) -> Result<(), StoreError> {
        self.ask(|desk| desk.put(item, bytes))
    }

    /// Runs something in a transaction of its own, between groups.
    pub(crate) async fn run<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'b> FnOnce(&'b mut dyn crate::backend::Backend) -> Later<'b, Done> + Send + 'static,
    {
        let answer = self.ask(|desk| desk.submit(job))??;
        answer.await
    }

    pub(crate) fn hurry(&self) -> Result<std::sync::Arc<Hurry>, StoreError> {
        self.ask(Desk::hurry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_stays_together_with_all_that_it_was_joined_with() {
        let mut places = Places::default();
        assert_eq!(places.unite(1, 2), BTreeSet::from([1, 2]));
        assert_eq!(places.unite(3, 4), BTreeSet::from([3, 4]));
        assert_eq!(places.unite(7, 8), BTreeSet::from([7, 8]));
        assert_eq!(places.unite(2, 3), BTreeSet::from([1, 2, 3, 4]));
        assert_eq!(places.together.len(), 2);
    }
}
