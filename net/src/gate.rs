//! How many connections may be open: in all, per listener, per address; and how many may be agreeing on keys.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::{PeerRefusal, is_loopback};

/// The limit on accepted connections of the whole engine, shared by all its listeners.
#[derive(Debug, Clone)]
pub struct Gate {
    open: Arc<AtomicUsize>,
    connections_max: usize,
    handshakes: Arc<AtomicUsize>,
}

/// Why a connection was refused, or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The engine holds as many connections as it may.
    Engine,
    /// The listener holds as many connections as it may.
    Listener,
    /// The address holds as many connections of the listener as one address may.
    Address,
    /// As many TLS handshakes are under way as may be.
    Handshakes,
    /// Nobody at that address may connect to the listener.
    Network,
    /// The acknowledgement of unencrypted connections has ended.
    Plaintext,
    /// The TLS handshake failed, for this reason.
    Handshake(&'static str),
    /// The registry of peers does not let them in.
    Peer(PeerRefusal),
}

impl Refusal {
    /// A stable name, for counters and logs.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Engine => "engine-full",
            Refusal::Listener => "listener-full",
            Refusal::Address => "address-full",
            Refusal::Handshakes => "handshakes-full",
            Refusal::Network => "network",
            Refusal::Plaintext => "plaintext-ended",
            Refusal::Handshake(reason) => reason,
            Refusal::Peer(refusal) => refusal.name(),
        }
    }
}

/// The right to hold one connection; dropping it makes room for another.
#[derive(Debug)]
pub struct Pass {
    _engine: Slot,
    _listener: Slot,
    _address: Option<AddressSlot>,
}

/// One listener's share of a gate.
#[derive(Debug)]
pub(crate) struct Door {
    gate: Gate,
    open: Arc<AtomicUsize>,
    connections_max: usize,
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    per_address_max: usize,
}

impl Gate {
    /// Connections that one engine holds at most.
    pub const CONNECTIONS_MAX: usize = 512;
    /// TLS handshakes that are under way at once at most.
    pub const HANDSHAKES_MAX: usize = 64;

    /// A gate that lets `connections_max` connections be open at once.
    pub fn new(connections_max: usize) -> Gate {
        Gate { open: Arc::default(), connections_max, handshakes: Arc::default() }
    }

    /// Connections open now, of all listeners.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Default for Gate {
    fn default() -> Gate {
        Gate::new(Gate::CONNECTIONS_MAX)
    }
}

impl Door {
    pub(crate) fn new(gate: Gate, connections_max: usize, per_address_max: usize) -> Door {
        Door {
            gate,
            open: Arc::default(),
            connections_max,
            by_address: Arc::default(),
            per_address_max,
        }
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Asks to begin one more handshake.
    pub(crate) fn begin_handshake(&self) -> Result<Slot, Refusal> {
        Slot::take(&self.gate.handshakes, Gate::HANDSHAKES_MAX).ok_or(Refusal::Handshakes)
    }

    /// Asks for one more connection from `ip`. Local programs share one address, so loopback has no cap of its own.
    pub(crate) fn admit(&self, ip: IpAddr) -> Result<Pass, Refusal> {
        let address = match is_loopback(ip) {
            true => None,
            false => Some(
                AddressSlot::take(&self.by_address, ip.to_canonical(), self.per_address_max)
                    .ok_or(Refusal::Address)?,
            ),
        };
        let listener = Slot::take(&self.open, self.connections_max).ok_or(Refusal::Listener)?;
        let engine =
            Slot::take(&self.gate.open, self.gate.connections_max).ok_or(Refusal::Engine)?;
        Ok(Pass { _engine: engine, _listener: listener, _address: address })
    }
}

/// One of so many places; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Slot(Arc<AtomicUsize>);

impl Slot {
    fn take(count: &Arc<AtomicUsize>, max: usize) -> Option<Slot> {
        let more = |open: usize| (open < max).then_some(open + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Slot(Arc::clone(count)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct AddressSlot {
    by_address: Arc<Mutex<HashMap<IpAddr, usize>>>,
    ip: IpAddr,
}

impl AddressSlot {
    fn take(
        by_address: &Arc<Mutex<HashMap<IpAddr, usize>>>,
        ip: IpAddr,
        max: usize,
    ) -> Option<AddressSlot> {
        let mut counts = by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let open = counts.get(&ip).copied().unwrap_or(0);
        if open >= max {
            return None;
        }
        counts.insert(ip, open + 1);
        Some(AddressSlot { by_address: Arc::clone(by_address), ip })
    }
}

impl Drop for AddressSlot {
    fn drop(&mut self) {
        let mut counts = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get(&self.ip).copied() {
            Some(open) if open > 1 => drop(counts.insert(self.ip, open - 1)),
            // The last connection of an address takes its entry along, so the map never outgrows what is open.
            _ => drop(counts.remove(&self.ip)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_33rd_connection_of_an_address_is_refused_and_others_are_not() {
        let door = Door::new(Gate::default(), 256, 32);
        let mut passes: Vec<Pass> = (0..32).map(|_| door.admit(ip("10.0.0.1")).unwrap()).collect();
        assert_eq!(door.admit(ip("10.0.0.1")).unwrap_err(), Refusal::Address);
        assert_eq!(door.admit(ip("::ffff:10.0.0.1")).unwrap_err(), Refusal::Address);
        assert!(door.admit(ip("10.0.0.2")).is_ok());
        passes.pop();
        assert!(door.admit(ip("10.0.0.1")).is_ok());
    }

    #[test]
    fn loopback_is_held_by_the_listeners_limit_only() {
        let door = Door::new(Gate::default(), 256, 32);
        let passes: Vec<Pass> = (0..256).map(|_| door.admit(ip("127.0.0.1")).unwrap()).collect();
        assert_eq!(door.admit(ip("127.0.0.1")).unwrap_err(), Refusal::Listener);
        assert_eq!(door.open(), 256);
        drop(passes);
        assert_eq!(door.open(), 0);
    }

    #[test]
    fn all_listeners_together_stay_under_the_engines_limit() {
        let gate = Gate::new(3);
        let (one, two) = (Door::new(gate.clone(), 2, 9), Door::new(gate.clone(), 2, 9));
        let _held = [
            one.admit(ip("::1")).unwrap(),
            one.admit(ip("::1")).unwrap(),
            two.admit(ip("::1")).unwrap(),
        ];
        assert_eq!(two.admit(ip("10.0.0.1")).unwrap_err(), Refusal::Engine);
        assert_eq!((gate.open(), two.open()), (3, 1), "a refusal gives back what it took");
        assert!(two.by_address.lock().unwrap().is_empty());
    }
}
