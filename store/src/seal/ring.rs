//! The data keys at hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::keys::{DataKey, DataKeyId, KeyRow, Purpose, Wrapping};
use crate::error::StoreError;
use crate::ids::ChannelId;

const DAY_US: i64 = 86_400 * 1_000_000;
/// Keys kept for opening; a day of a channel has one.
const OPENING_MAX: usize = 4_096;
/// Keys kept for sealing before those of past days are let go.
const SEALING_MAX: usize = 1_024;

/// Finds the key to seal with, making one when a channel's day has none yet, and remembers keys for opening.
pub(crate) struct KeyRing {
    wrapping: Wrapping,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// By channel and day. Around midnight two days are in use at once.
    sealing: HashMap<(i64, i64), FreshKey>,
    opening: HashMap<DataKeyId, Arc<DataKey>>,
}

/// A key to seal with, and its row as long as that may not be on disk yet.
#[derive(Clone)]
pub(crate) struct FreshKey {
    pub key: Arc<DataKey>,
    pub row: Arc<KeyRow>,
}

impl KeyRing {
    pub(crate) fn new(wrapping: Wrapping) -> KeyRing {
        KeyRing { wrapping, inner: Mutex::new(Inner::default()) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Only finished maps are visible through the lock, so what a panic left behind is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key of a channel for the day of `now_us`.
    pub(crate) fn sealing(&self, channel: ChannelId, now_us: i64) -> Result<FreshKey, StoreError> {
        let day = now_us.div_euclid(DAY_US);
        let mut inner = self.inner();
        if let Some(fresh) = inner.sealing.get(&(channel.number(), day)) {
            return Ok(fresh.clone());
        }
        let (key, row) = self
            .wrapping
            .make(Purpose::Message, channel.number(), day)
            .map_err(|_| StoreError::Internal("a data key could not be made".to_owned()))?;
        let fresh = FreshKey { key: Arc::new(key), row: Arc::new(row) };
        inner.remember(&fresh.key);
        if inner.sealing.len() >= SEALING_MAX {
            // Days that are over. A key whose row is on its way is held by what it sealed.
            inner.sealing.retain(|(_, known), _| *known >= day - 1);
        }
        inner.sealing.insert((channel.number(), day), fresh.clone());
        Ok(fresh)
    }

    /// A key that was used or read before.
    pub(crate) fn known(&self, id: &DataKeyId) -> Option<Arc<DataKey>> {
        self.inner().opening.get(id).cloned()
    }

    /// Unwraps the row of a key, for opening.
    pub(crate) fn learn(&self, row: &KeyRow) -> Option<Arc<DataKey>> {
        let key = Arc::new(self.wrapping.unwrap(row).ok()?);
        self.inner().remember(&key);
        Some(key)
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

    #[test]
    fn a_channel_has_one_key_a_day() {
        let ring = KeyRing::new(Wrapping::new(&StoreKey::random()));
        let id =
            |channel, now| *ring.sealing(ChannelId::from_number(channel), now).unwrap().key.id();
        assert_eq!(id(1, 0), id(1, DAY_US - 1));
        assert_ne!(id(1, 0), id(2, 0));
        let first = id(1, 0);
        assert_ne!(first, id(1, DAY_US));
        assert!(ring.known(&first).is_some());
    }

    #[test]
    fn a_row_read_back_gives_the_key_and_a_bad_one_none() {
        let store_key = StoreKey::random();
        let ring = KeyRing::new(Wrapping::new(&store_key));
        let fresh = ring.sealing(ChannelId::from_number(1), 0).unwrap();
        let later = KeyRing::new(Wrapping::new(&store_key));
        assert!(later.known(fresh.key.id()).is_none());
        assert!(later.learn(&fresh.row).is_some());
        assert!(later.known(fresh.key.id()).is_some());
        let mut bad = (*fresh.row).clone();
        bad.wrapped[20] ^= 1;
        assert!(later.learn(&bad).is_none());
    }
}
