//! Counting what has happened within a time.

use std::collections::VecDeque;

/// The last times at which something happened, never more than are needed to say that it has happened often enough.
#[derive(Debug, Default)]
pub struct Window {
    times: VecDeque<(i64, Option<String>)>,
}

impl Window {
    /// Takes one more, and says how many there are when there are `limit` within the time. With a value, the same one counts once.
    pub fn add(
        &mut self,
        at_us: i64,
        value: Option<&str>,
        (within_us, limit): (i64, u64),
    ) -> Option<i64> {
        self.times.retain(|(then, known)| {
            then.saturating_add(within_us) > at_us && (value.is_none() || known.as_deref() != value)
        });
        self.times.push_back((at_us, value.map(str::to_owned)));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if self.times.len() > limit {
            self.times.pop_front();
        }
        (self.times.len() >= limit).then(|| i64::try_from(self.times.len()).unwrap_or(i64::MAX))
    }

    /// When it happened last, microseconds UTC.
    pub fn last_us(&self) -> i64 {
        self.times.back().map_or(i64::MIN, |(at_us, _)| *at_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_recent_counts_and_no_more_is_kept_than_counts() {
        let mut window = Window::default();
        let mut add = |at_us| window.add(at_us, None, (10, 3));
        assert_eq!([add(0), add(1), add(10), add(11)], [None, None, None, None]);
        assert_eq!([add(12), add(13)], [Some(3), Some(3)]);
        assert_eq!(window.times.len(), 3);
        assert_eq!(window.last_us(), 13);
    }

    #[test]
    fn the_same_value_counts_once() {
        let mut window = Window::default();
        let mut add = |at_us, value| window.add(at_us, Some(value), (10, 2));
        assert_eq!([add(0, "a"), add(1, "a"), add(2, "b")], [None, None, Some(2)]);
    }
}
