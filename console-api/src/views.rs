//! How many messages somebody may read within a minute.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

const MINUTE_US: i64 = 60 * 1_000_000;

/// The looks of the last minute, by actor. There are never more actors than accounts, tokens and the machine's own user.
#[derive(Default)]
pub(crate) struct Views(Mutex<HashMap<String, VecDeque<i64>>>);

impl Views {
    /// Takes a look, or says in how many seconds the next one is taken.
    pub(crate) fn admit(&self, actor: &str, limit: u64, now_us: i64) -> Result<(), u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let looks = known.entry(actor.to_owned()).or_default();
        // A clock that was set back forgets, rather than to refuse until it has caught up.
        looks.retain(|at_us| (now_us - MINUTE_US + 1..=now_us).contains(at_us));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        match looks.front().filter(|_| looks.len() >= limit) {
            Some(first) => {
                Err(u64::try_from(first + MINUTE_US - now_us).unwrap_or(0).div_ceil(1_000_000))
            }
            None => {
                looks.push_back(now_us);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_within_any_minute_and_no_more() {
        let views = Views::default();
        let look = |now_us| views.admit("user:a", 3, now_us);
        assert_eq!([look(0), look(1), look(30 * 1_000_000)], [Ok(()); 3]);
        assert_eq!(look(31 * 1_000_000), Err(29));
        assert_eq!(views.admit("user:b", 3, 31 * 1_000_000), Ok(()));
        assert_eq!(look(MINUTE_US), Ok(()), "the first is a minute ago");
        assert_eq!([look(MINUTE_US + 1), look(MINUTE_US + 2)], [Ok(()), Err(30)]);
        assert_eq!(look(0), Ok(()), "the clock was set back");
    }
}
