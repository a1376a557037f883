//! How often anybody may try to sign in, whatever name they give.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

const MINUTE_US: i64 = 60 * 1_000_000;
/// Tries a minute from one address that is not this machine, and from all together.
const PER_ADDRESS: u32 = 10;
const ALTOGETHER: u32 = 60;
/// Addresses that are remembered; with more, those of the last minute count as one.
const ADDRESSES_MAX: usize = 10_000;

/// Counts tries by the minute.
#[derive(Default)]
pub(crate) struct Windows(Mutex<Minute>);

#[derive(Default)]
struct Minute {
    number: i64,
    all: u32,
    by_address: HashMap<IpAddr, u32>,
}

impl Windows {
    /// Takes a try, or says in how many seconds the next one is taken.
    pub(crate) fn admit(&self, address: Option<IpAddr>, now_us: i64) -> Result<(), u64> {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = now_us.div_euclid(MINUTE_US);
        if minute.number != number {
            *minute = Minute { number, ..Minute::default() };
        }
        let left = MINUTE_US - now_us.rem_euclid(MINUTE_US);
        let wait = u64::try_from(left / 1_000_000).unwrap_or(0) + 1;
        if minute.all >= ALTOGETHER {
            return Err(wait);
        }
        // Programs on this machine share an address.
        if let Some(address) = address.filter(|address| !address.to_canonical().is_loopback()) {
            if minute.by_address.len() >= ADDRESSES_MAX && !minute.by_address.contains_key(&address)
            {
                return Err(wait);
            }
            let tries = minute.by_address.entry(address).or_default();
            if *tries >= PER_ADDRESS {
                return Err(wait);
            }
            *tries += 1;
        }
        minute.all += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_and_all_together_are_held_back() {
        let windows = Windows::default();
        let address = |n: u8| Some(IpAddr::from([192, 0, 2, n]));
        let now = 90 * 1_000_000;
        for _ in 0..PER_ADDRESS {
            assert_eq!(windows.admit(address(1), now), Ok(()));
        }
        assert_eq!(windows.admit(address(1), now), Err(31));
        assert_eq!(windows.admit(address(2), now), Ok(()));
        for _ in PER_ADDRESS + 1..ALTOGETHER {
            assert_eq!(windows.admit(Some(IpAddr::from([127, 0, 0, 1])), now), Ok(()));
        }
        assert_eq!(windows.admit(None, now), Err(31));
        assert_eq!(windows.admit(address(1), now + MINUTE_US), Ok(()));
    }
}
