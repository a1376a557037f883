//! Flood control: a program that asks in a loop must not fill the audit log, and nothing of it is lost from the count (security.md 2.1).

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

const MINUTE_US: i64 = 60 * 1_000_000;
/// Keys that are counted apart.
const KNOWN_MAX: usize = 10_000;

/// Counts by the minute what is alike; so many of a minute have a record of their own, the rest are counted in the next record.
pub struct Flood<K> {
    each: u64,
    known: Mutex<HashMap<K, Count>>,
}

#[derive(Default)]
struct Count {
    minute: Option<i64>,
    seen: u64,
    unrecorded: u64,
}

impl<K: Eq + Hash> Flood<K> {
    /// With so many records a minute for each key.
    pub fn new(each: u64) -> Flood<K> {
        Flood { each, known: Mutex::default() }
    }

    /// Takes one. It is recorded when there is an answer: how many before it were not.
    pub fn admit(&self, key: K, now_us: i64) -> Option<u64> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = Some(now_us.div_euclid(MINUTE_US));
        if known.len() >= KNOWN_MAX {
            known.retain(|_, count| count.minute == minute || count.unrecorded > 0);
        }
        let count = known.entry(key).or_default();
        if count.minute != minute {
            (count.minute, count.seen) = (minute, 0);
        }
        count.seen += 1;
        if count.seen > self.each {
            count.unrecorded += 1;
            return None;
        }
        Some(std::mem::take(&mut count.unrecorded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_recorded_or_counted() {
        let flood = Flood::new(20);
        let recorded = (0..50).filter(|_| flood.admit("a", 0) == Some(0)).count();
        assert_eq!(recorded, 20);
        assert_eq!(flood.admit("b", 0), Some(0), "each key by itself");
        assert_eq!(flood.admit("a", MINUTE_US), Some(30));
        assert_eq!(flood.admit("a", MINUTE_US), Some(0));
        assert_eq!(flood.admit("a", -1), Some(0), "a clock that is set back begins another minute");
    }

    #[test]
    fn memory_is_bounded_while_nothing_is_uncounted() {
        let flood = Flood::new(1);
        for n in 0..3 * KNOWN_MAX {
            let minute = i64::try_from(n / KNOWN_MAX).unwrap();
            flood.admit(n, minute * MINUTE_US);
        }
        assert!(flood.known.lock().unwrap().len() <= KNOWN_MAX + 1);
    }
}
