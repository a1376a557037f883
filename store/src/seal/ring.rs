//! The data keys at hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, Weak};

use super::keys::{DataKey, DataKeyId, KeyRow, Purpose, Wrapping, Wrappings};
use crate::error::StoreError;
use crate::ids::ChannelId;

const DAY_US: i64 = 86_400 * 1_000_000;
/// Keys kept for opening; a day of a channel has one.
const OPENING_MAX: usize = 4_096;
/// Keys kept for sealing before those of past days are let go.
const SEALING_MAX: usize = 1_024;

/// Finds the key to seal with, making one when a channel's day has none yet, and remembers keys for opening.
pub(crate) struct KeyRing {
    wrappings: RwLock<Wrappings>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By purpose, channel and day. Around midnight two days are in use at once.
    sealing: HashMap<(Purpose, i64, i64), FreshKey>,
    opening: HashMap<DataKeyId, Arc<DataKey>>,
    /// The rows of keys to seal with, as long as somebody holds them.
    made: Vec<Weak<KeyRow>>,
}

/// A key to seal with, and its row as long as that may not be on disk yet.
#[derive(Clone)]
pub(crate) struct FreshKey {
    pub key: Arc<DataKey>,
    pub row: Arc<KeyRow>,
}

impl KeyRing {
    pub(crate) fn new(wrappings: Wrappings) -> KeyRing {
        KeyRing { wrappings: RwLock::new(wrappings), inner: Mutex::new(Inner::default()) }
    }

    fn wrappings(&self) -> RwLockReadGuard<'_, Wrappings> {
        self.wrappings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on another store key wraps; what was wrapped by the one before still unwraps.
    ///
    /// Once what it gives is over, no row comes to the disk any more that the one before has wrapped.
    pub(crate) fn change_to(&self, next: Wrapping) -> Result<OnTheWay, StoreError> {
        let mut inner = self.inner();
        self.wrappings.write().unwrap_or_else(PoisonError::into_inner).change_to(next);
        let on_the_way = OnTheWay(std::mem::take(&mut inner.made));
        let wrappings = self.wrappings();
        let mut made = Vec::new();
        for fresh in inner.sealing.values_mut() {
            let row = wrappings.rewrap(&fresh.row).map_err(|_| StoreError::Unreadable("a key"))?;
            fresh.row = Arc::new(row);
            made.push(Arc::downgrade(&fresh.row));
        }
        inner.made = made;
        Ok(on_the_way)
    }

    /// A data key seals nothing new from now on. Once what it gives is over, everything that it has sealed is on disk.
    pub(crate) fn pass_over(&self, id: &DataKeyId) -> OnTheWay {
        let mut inner = self.inner();
        inner.sealing.retain(|_, fresh| fresh.key.id() != id);
        let same = |row: &Weak<KeyRow>| row.upgrade().is_some_and(|row| row.id == *id);
        OnTheWay(inner.made.iter().filter(|row| same(row)).cloned().collect())
    }

    /// Nothing is wrapped by the store key before any more.
    pub(crate) fn changed(&self) {
        self.wrappings.write().unwrap_or_else(PoisonError::into_inner).changed();
    }

    /// Rows of the same keys, wrapped by the store key that wraps now.
    pub(crate) fn rewrap(&self, rows: &[KeyRow]) -> Result<Vec<KeyRow>, StoreError> {
        let wrappings = self.wrappings();
        let again = rows.iter().map(|row| wrappings.rewrap(row));
        again.collect::<Result<_, _>>().map_err(|_| StoreError::Unreadable("a data key"))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Only finished maps are visible through the lock, so what a panic left behind is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of a channel for a purpose and the day of `now_us`.
    pub(crate) fn sealing(
        &self,
        purpose: Purpose,
        channel: ChannelId,
        now_us: i64,
    ) -> Result<FreshKey, StoreError> {
        let day = now_us.div_euclid(DAY_US);
        let place = (purpose, channel.number(), day);
        let mut inner = self.inner();
        if let Some(fresh) = inner.sealing.get(&place) {
            return Ok(fresh.clone());
        }
        let (key, row) = self
            .wrappings()
            .now()
            .make(purpose, channel.number(), day)
            .map_err(|_| StoreError::Internal("a data key could not be made".to_owned()))?;
        let fresh = FreshKey { key: Arc::new(key), row: Arc::new(row) };
        inner.remember(&fresh.key);
        if inner.sealing.len() >= SEALING_MAX {
            // Days that are over. A key whose row is on its way is held by what it sealed.
            inner.sealing.retain(|(_, _, known), _| *known >= day - 1);
        }
        inner.made.retain(|row| row.strong_count() > 0);
        inner.made.push(Arc::downgrade(&fresh.row));
        inner.sealing.insert(place, fresh.clone());
        Ok(fresh)
    }

    /// A key that was used or read before.
    pub(crate) fn known(&self, id: &DataKeyId) -> Option<Arc<DataKey>> {
        self.inner().opening.get(id).cloned()
    }

    /// Lets go of keys that were destroyed: nothing is opened or sealed with them any more.
    pub(crate) fn forget(&self, ids: &[DataKeyId]) {
        let mut inner = self.inner();
        inner.sealing.retain(|_, fresh| !ids.contains(fresh.key.id()));
        inner.opening.retain(|id, _| !ids.contains(id));
    }

    /// Unwraps the row of a key, for opening.
    pub(crate) fn learn(&self, row: &KeyRow) -> Option<Arc<DataKey>> {
        let key = Arc::new(self.wrappings().unwrap(row).ok()?);
        self.inner().remember(&key);
        Some(key)
    }
}

/// Rows of data keys that somebody still holds, and so may write.
#[derive(Default)]
pub(crate) struct OnTheWay(Vec<Weak<KeyRow>>);

impl OnTheWay {
    /// Whether nobody holds any of them any more: each is on disk, or will never be.
    pub(crate) fn is_over(&self) -> bool {
        self.0.iter().all(|row| row.strong_count() == 0)
    }
}

impl Inner {
    fn remember(&mut self, key: &Arc<DataKey>) {
        if self.opening.len() >= OPENING_MAX {
            // Rare and cheap to refill; an order of use would cost more than it saves.
            self.opening.clear();
            for fresh in self.sealing.values() {
                self.opening.insert(*fresh.key.id(), Arc::clone(&fresh.key));
            }
        }
        self.opening.insert(*key.id(), Arc::clone(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::StoreKey;

    fn sealing(ring: &KeyRing, channel: i64, now_us: i64) -> FreshKey {
        ring.sealing(Purpose::Message, ChannelId::from_number(channel), now_us).unwrap()
    }

    #[test]
    fn rows_that_the_key_before_has_wrapped_are_waited_for() {
        let (old, new) = (StoreKey::random(), StoreKey::random());
        let ring = KeyRing::new(Wrappings::new(Wrapping::new(&old)));
        let queued = sealing(&ring, 1, 0);
        let on_the_way = ring.change_to(Wrapping::new(&new)).unwrap();
        assert!(!on_the_way.is_over(), "its row is in the queue");
        let again = sealing(&ring, 1, 0);
        assert_eq!((again.key.id(), again.row.kek_id), (queued.key.id(), new.id()));
        assert_eq!(sealing(&ring, 2, 0).row.kek_id, new.id());
        drop(queued);
        assert!(on_the_way.is_over());
    }

    #[test]
    fn a_key_that_is_passed_over_seals_nothing_new() {
        let ring = KeyRing::new(Wrappings::new(Wrapping::new(&StoreKey::random())));
        let held = sealing(&ring, 1, 0);
        let on_the_way = ring.pass_over(held.key.id());
        assert_ne!(sealing(&ring, 1, 0).key.id(), held.key.id());
        assert!(!on_the_way.is_over() && ring.known(held.key.id()).is_some());
        drop(held);
        assert!(on_the_way.is_over());
    }

    #[test]
    fn a_destroyed_key_is_used_for_nothing() {
        let ring = KeyRing::new(Wrappings::new(Wrapping::new(&StoreKey::random())));
        let first = *sealing(&ring, 1, 0).key.id();
        let other = *sealing(&ring, 2, 0).key.id();
        ring.forget(&[first]);
        assert!(ring.known(&first).is_none() && ring.known(&other).is_some());
        assert_ne!(*sealing(&ring, 1, 0).key.id(), first);
    }

    #[test]
    fn a_channel_has_one_key_a_day_for_each_purpose() {
        let ring = KeyRing::new(Wrappings::new(Wrapping::new(&StoreKey::random())));
        let id = |channel, now| *sealing(&ring, channel, now).key.id();
        assert_eq!(id(1, 0), id(1, DAY_US - 1));
        assert_ne!(id(1, 0), id(2, 0));
        let first = id(1, 0);
        assert_ne!(first, id(1, DAY_US));
        let receipt = ring.sealing(Purpose::Receipt, ChannelId::from_number(1), 0).unwrap();
        assert_ne!(first, *receipt.key.id());
        assert!(ring.known(&first).is_some());
    }

    #[test]
    fn a_row_read_back_gives_the_key_and_a_bad_one_none() {
        let store_key = StoreKey::random();
        let ring = KeyRing::new(Wrappings::new(Wrapping::new(&store_key)));
        let fresh = sealing(&ring, 1, 0);
        let later = KeyRing::new(Wrappings::new(Wrapping::new(&store_key)));
        assert!(later.known(fresh.key.id()).is_none());
        assert!(later.learn(&fresh.row).is_some());
        assert!(later.known(fresh.key.id()).is_some());
        let mut bad = (*fresh.row).clone();
        bad.wrapped[20] ^= 1;
        assert!(later.learn(&bad).is_none());
    }
}
