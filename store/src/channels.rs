//! What the writers know about each channel: who owns it, and which number comes next.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::group::MessageRow;

/// The channels that this process owns or owned.
#[derive(Default)]
pub(crate) struct Channels(Mutex<HashMap<i64, Channel>>);

struct Channel {
    epoch: i64,
    next_seq: i64,
}

impl Channels {
    fn map(&self) -> MutexGuard<'_, HashMap<i64, Channel>> {
        // Only finished changes are visible through the lock, so what a panic left behind is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This process owns a channel from now on.
    pub(crate) fn own(&self, channel: i64, epoch: i64, next_seq: i64) {
        self.map().insert(channel, Channel { epoch, next_seq });
    }

    pub(crate) fn is_owner(&self, channel: i64, epoch: i64) -> bool {
        self.map().get(&channel).is_some_and(|known| known.epoch == epoch)
    }

    /// Another process owns it: nothing more is written for it.
    pub(crate) fn lose(&self, channel: i64) {
        self.map().remove(&channel);
    }

    /// Those that this process owns, for reading their state again after the connection broke.
    pub(crate) fn owned(&self) -> Vec<(i64, i64)> {
        self.map().iter().map(|(channel, known)| (*channel, known.epoch)).collect()
    }

    /// Allots numbers in order. They are used up only by [`Channels::advance`].
    pub(crate) fn number(&self, messages: &mut [MessageRow]) {
        let map = self.map();
        let mut used: HashMap<i64, i64> = HashMap::new();
        for message in messages {
            let count = used.entry(message.channel).or_default();
            message.seq = map.get(&message.channel).map_or(1, |known| known.next_seq) + *count;
            *count += 1;
        }
    }

    /// The messages are on disk under the numbers they were given.
    pub(crate) fn advance(&self, messages: &[MessageRow]) {
        let mut map = self.map();
        for message in messages {
            if let Some(known) = map.get_mut(&message.channel) {
                known.next_seq = known.next_seq.max(message.seq + 1);
            }
        }
    }
}
