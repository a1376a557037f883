//! Who was turned away: taken down one by one while they are few, and as a number when they are many.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use config::Name;

const MINUTE_US: i64 = 60_000_000;
/// So many of one address and reason in a minute are told one by one.
const SINGLE_MAX: u64 = 20;
/// Addresses that are told apart; the rest counts as one.
const SOURCES_MAX: usize = 1_024;
/// Refusals that wait for the audit log; more are only counted.
const WAITING_MAX: usize = 1_024;

/// What is on its way to the audit log. It never blocks and never grows without bound.
#[derive(Default)]
pub(super) struct Refusals {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Refusal>,
    minutes: HashMap<(IpAddr, &'static str), Minute>,
}

struct Minute {
    number: i64,
    told: u64,
    more: u64,
    channel: Name,
}

/// Somebody who was turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The channel that was asked for.
    pub channel: Name,
    /// Where from; unspecified for many addresses together.
    pub address: IpAddr,
    /// Why, as a stable name.
    pub why: &'static str,
    /// When, microseconds UTC.
    pub at_us: i64,
    /// How many more of the same there were in a minute; 0 for a single one.
    pub more: u64,
}

impl Refusals {
    pub(super) fn add(&self, channel: &Name, address: IpAddr, why: &'static str, now_us: i64) {
        let mut inner = self.inner();
        let mut address = address.to_canonical();
        if inner.minutes.len() >= SOURCES_MAX && !inner.minutes.contains_key(&(address, why)) {
            address = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        }
        let number = now_us.div_euclid(MINUTE_US);
        let fresh = || Minute { number, told: 0, more: 0, channel: channel.clone() };
        let waiting = inner.waiting.len();
        let minute = inner.minutes.entry((address, why)).or_insert_with(fresh);
        if minute.told < SINGLE_MAX && waiting < WAITING_MAX {
            minute.told += 1;
            let channel = channel.clone();
            inner.waiting.push_back(Refusal { channel, address, why, at_us: now_us, more: 0 });
        } else {
            minute.more += 1;
        }
    }

    /// What is to be written now: the single ones, and the numbers of minutes that are over.
    pub(super) fn take(&self, now_us: i64) -> Vec<Refusal> {
        let mut inner = self.inner();
        let current = now_us.div_euclid(MINUTE_US);
        let mut due: Vec<Refusal> = inner.waiting.drain(..).collect();
        inner.minutes.retain(|(address, why), minute| {
            if minute.number < current && minute.more > 0 {
                let (channel, more) = (minute.channel.clone(), minute.more);
                due.push(Refusal { channel, address: *address, why, at_us: now_us, more });
            }
            minute.number >= current
        });
        due
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_does_not_grow() {
        let refusals = Refusals::default();
        let (channel, address) = (Name::new("adt").unwrap(), IpAddr::from([10, 0, 0, 7]));
        for _ in 0..500 {
            refusals.add(&channel, address, "peer-unknown", 1);
        }
        refusals.add(&channel, address, "peer-revoked", 2);
        let single = refusals.take(3);
        assert_eq!(single.len(), 21, "20 of the one reason, 1 of the other");
        assert!(single.iter().all(|refusal| refusal.more == 0));
        assert!(refusals.take(4).is_empty());
        let counted = refusals.take(MINUTE_US);
        assert_eq!(counted.iter().map(|refusal| refusal.more).collect::<Vec<_>>(), [480]);
        for n in 0..5_000_u32 {
            refusals.add(&channel, IpAddr::from(n.to_be_bytes()), "peer-unknown", MINUTE_US);
        }
        let inner = refusals.inner();
        assert!(inner.waiting.len() <= WAITING_MAX && inner.minutes.len() <= SOURCES_MAX + 1);
    }
}
