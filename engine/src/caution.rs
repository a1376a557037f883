//! Receipt first, program second, for a while after an unclean end.
//!
//! Normally a message's program runs before its commit, so a message that ends the process is
//! not on record. After an unclean end the engine commits first, so that such a message is
//! counted and, at its third time, set aside (decisions.md 3).

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// It ends after this many messages ...
const MESSAGES: u32 = 1_000;
/// ... or after this long, whichever is first.
const TIME: Duration = Duration::from_secs(60);

/// How long the engine is still cautious.
pub struct Caution {
    left: AtomicU32,
    until: Instant,
}

impl Caution {
    /// Cautious only when the last end was not clean.
    pub fn after(clean_end: bool) -> Caution {
        Caution {
            left: AtomicU32::new(if clean_end { 0 } else { MESSAGES }),
            until: Instant::now() + TIME,
        }
    }

    /// Whether the next message is to be committed before its program runs; counts it.
    pub fn receipt_first(&self) -> bool {
        if self.left.load(Ordering::Relaxed) == 0 {
            return false;
        }
        if Instant::now() >= self.until {
            self.left.store(0, Ordering::Relaxed);
            return false;
        }
        self.left
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_after_so_many_messages() {
        assert!(!Caution::after(true).receipt_first());
        let caution = Caution::after(false);
        assert_eq!((0..2 * MESSAGES).filter(|_| caution.receipt_first()).count(), 1_000);
    }
}
