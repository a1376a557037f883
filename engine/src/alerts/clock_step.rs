//! Whether the clock of the machine was set back.

use std::time::{Duration, Instant};

/// Time servers move a clock by less than this without saying so (security.md 2.14).
const STEP_BACK_US: i64 = 2 * 1_000_000;

/// Compares the clock that people and time servers set with the one that only goes on.
pub struct ClockStep {
    wall_us: i64,
    steady: Instant,
}

impl ClockStep {
    /// Begins with both as they are.
    pub fn new(wall_us: i64, steady: Instant) -> ClockStep {
        ClockStep { wall_us, steady }
    }

    /// By how much the clock was set back since the last look, when that is more than it may.
    pub fn look(&mut self, wall_us: i64, steady: Instant) -> Option<Duration> {
        let passed = steady.saturating_duration_since(self.steady).as_micros();
        let expected_us = self.wall_us.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        *self = ClockStep { wall_us, steady };
        let back_us = expected_us.saturating_sub(wall_us);
        let back = u64::try_from(back_us).ok().map(Duration::from_micros);
        back.filter(|_| back_us > STEP_BACK_US)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_is_seen_once() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let second = 1_000_000;
        let mut step = ClockStep::new(100 * second, begin);
        assert_eq!(step.look(110 * second, at(10)), None);
        assert_eq!(step.look(500 * second, at(20)), None, "set ahead");
        assert_eq!(step.look(508 * second, at(30)), None, "two seconds are not more than two");
        assert_eq!(step.look(513 * second, at(40)), Some(Duration::from_secs(5)));
        assert_eq!(step.look(523 * second, at(50)), None);
    }
}
