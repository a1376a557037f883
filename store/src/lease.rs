//! The right to write for one channel.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::Name;

use crate::ids::{ChannelId, DestinationId};

/// Proof that this process owned a channel when it was made; every receive and settle carries it, and a newer owner's epoch fences it.
#[derive(Clone)]
pub struct Lease {
    inner: Arc<Inner>,
}

struct Inner {
    name: Name,
    channel: ChannelId,
    epoch: i64,
    destinations: BTreeMap<Name, DestinationId>,
}

impl Lease {
    pub(crate) fn new(
        name: Name,
        channel: ChannelId,
        epoch: i64,
        destinations: BTreeMap<Name, DestinationId>,
    ) -> Lease {
        Lease { inner: Arc::new(Inner { name, channel, epoch, destinations }) }
    }

    /// The channel's name.
    pub fn name(&self) -> &Name {
        &self.inner.name
    }

    /// The channel's row.
    pub fn channel(&self) -> ChannelId {
        self.inner.channel
    }

    /// The row of one of the destinations that the channel was owned with.
    pub fn destination(&self, name: &Name) -> Option<DestinationId> {
        self.inner.destinations.get(name).copied()
    }

    /// All of them.
    pub fn destinations(&self) -> impl Iterator<Item = (&Name, DestinationId)> {
        self.inner.destinations.iter().map(|(name, id)| (name, *id))
    }

    pub(crate) fn epoch(&self) -> i64 {
        self.inner.epoch
    }
}
