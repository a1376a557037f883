//! Control ids for the engine's own acknowledgements.

use std::sync::atomic::{AtomicU64, Ordering};

/// Makes ids that are unique over restarts and at most 20 characters long (protocol.md 3).
pub struct AckIds {
    boot: String,
    next: AtomicU64,
}

impl AckIds {
    /// Ids of an engine that started at this time.
    pub fn since(started_us: i64) -> AckIds {
        let millis = u64::try_from(started_us / 1_000).unwrap_or(0);
        AckIds { boot: base36(millis), next: AtomicU64::new(1) }
    }

    /// The next one.
    pub fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}.{}", self.boot, base36(number))
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % 36).unwrap_or(0);
        digits.push(char::from_digit(digit, 36).unwrap_or('0').to_ascii_uppercase());
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_differ() {
        let ids = AckIds::since(1_790_000_000_000_000);
        let (a, b) = (ids.next(), ids.next());
        assert_ne!(a, b);
        assert!(a.len() <= 20 && base36(u64::from(u32::MAX)).len() + 9 <= 20, "{a}");
        assert_eq!(base36(35), "Z");
        assert_eq!(base36(36), "10");
    }
}
