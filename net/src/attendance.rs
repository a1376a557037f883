//! Which peers are connected at this moment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use config::Name;

use crate::PeerIdentity;

/// The open connections of recognised peers, of all listeners of an engine. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Attendance {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    last: u64,
    open: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    peer: Name,
    channel: Name,
    address: SocketAddr,
    since: Instant,
}

/// One connection of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Whose.
    pub peer: Name,
    /// The channel that it sends to.
    pub channel: Name,
    /// Where it comes from.
    pub address: SocketAddr,
    /// How long it has been open.
    pub age: Duration,
}

/// A connection of a peer, on the list as long as this is held.
#[derive(Debug)]
pub struct Presence {
    attendance: Attendance,
    number: u64,
}

impl Attendance {
    /// Puts a connection on the list.
    pub fn enter(&self, identity: &PeerIdentity, channel: &Name, address: SocketAddr) -> Presence {
        let mut inner = self.inner();
        inner.last += 1;
        let number = inner.last;
        let entry = Entry {
            peer: identity.name.clone(),
            channel: channel.clone(),
            address,
            since: Instant::now(),
        };
        inner.open.insert(number, entry);
        Presence { attendance: self.clone(), number }
    }

    /// The open connections, the oldest first.
    pub fn present(&self) -> Vec<Present> {
        let inner = self.inner();
        let shown = inner.open.values().map(|entry| Present {
            peer: entry.peer.clone(),
            channel: entry.channel.clone(),
            address: entry.address,
            age: entry.since.elapsed(),
        });
        shown.collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.attendance.inner().open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_listed_as_long_as_it_is_open() {
        let attendance = Attendance::default();
        let name = |text: &str| Name::new(text).unwrap();
        let identity =
            PeerIdentity { name: name("lab"), applications: Vec::new(), facilities: Vec::new() };
        let at = |port: u16| SocketAddr::from(([10, 0, 0, 7], port));
        let first = attendance.enter(&identity, &name("results"), at(1));
        let second = attendance.enter(&identity, &name("results"), at(2));
        let ports = || -> Vec<u16> {
            attendance.present().iter().map(|present| present.address.port()).collect()
        };
        assert_eq!(ports(), [1, 2]);
        drop(first);
        assert_eq!(ports(), [2]);
        drop(second);
        assert!(attendance.present().is_empty());
    }
}
