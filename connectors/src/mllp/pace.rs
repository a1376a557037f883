//! How fast a frame must come in.

use std::time::Duration;

use tokio::time::Instant;

/// The time limits of a frame that has begun. Before its start byte there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTimes {
    /// Without a single byte.
    pub silence: Duration,
    /// In all.
    pub whole: Duration,
}

impl Default for FrameTimes {
    fn default() -> FrameTimes {
        FrameTimes { silence: Duration::from_secs(30), whole: Duration::from_secs(120) }
    }
}

/// After this long the rate counts too.
const RATE_GRACE: Duration = Duration::from_secs(5);
/// The slowest rate, in bytes a second: no line is this slow, but one byte every few seconds is an attack.
const RATE_MIN: u64 = 1024;

/// The clock of one frame. It stands still while we are the ones who do not read.
#[derive(Debug)]
pub(super) struct Pace {
    times: FrameTimes,
    frame: u64,
    started: Instant,
    last: Instant,
    bytes: u64,
    held_since: Option<Instant>,
}

impl Pace {
    pub(super) fn new(times: FrameTimes, now: Instant) -> Pace {
        Pace { times, frame: 0, started: now, last: now, bytes: 0, held_since: None }
    }

    /// What is in hand now: `bytes` of frame number `frame`. Nothing happens when that is no news.
    pub(super) fn read(&mut self, now: impl FnOnce() -> Instant, frame: u64, bytes: usize) {
        let bytes = bytes as u64;
        if (frame, bytes) == (self.frame, self.bytes) {
            return;
        }
        self.last = now();
        self.bytes = bytes;
        if frame != self.frame {
            (self.frame, self.started, self.held_since) = (frame, self.last, None);
        }
    }

    /// We stop reading, or go on: the peer is not to blame for the time between.
    pub(super) fn reading(&mut self, now: impl FnOnce() -> Instant, reading: bool) {
        match (self.held_since, reading) {
            (None, false) => self.held_since = Some(now()),
            (Some(since), true) => {
                let held = now() - since;
                (self.started, self.last, self.held_since) =
                    (self.started + held, self.last + held, None);
            }
            (None, true) | (Some(_), false) => {}
        }
    }

    /// When the frame is too slow unless more comes in.
    pub(super) fn deadline(&self) -> Instant {
        let rate = RATE_GRACE.max(Duration::from_millis(self.bytes * 1000 / RATE_MIN));
        let whole = self.started + self.times.whole.min(rate);
        whole.min(self.last + self.times.silence)
    }

    /// When the last byte came in.
    pub(super) fn last(&self) -> Instant {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(pace: &Pace, from: Instant) -> u64 {
        (pace.deadline() - from).as_secs()
    }

    #[test]
    fn silence_rate_and_whole_time_each_end_a_frame() {
        let start = Instant::now();
        let mut pace = Pace::new(FrameTimes::default(), start);
        pace.read(|| start, 1, 1);
        assert_eq!(seconds(&pace, start), 5, "one byte is too slow after the grace");
        pace.read(|| start + Duration::from_secs(1), 1, 1 << 20);
        assert_eq!(seconds(&pace, start), 31, "fast enough, then silent");
        pace.read(|| start + Duration::from_secs(110), 1, 2 << 20);
        assert_eq!(seconds(&pace, start), 120, "in all");
        pace.read(|| start + Duration::from_secs(110), 2, 9);
        assert_eq!(seconds(&pace, start), 115, "the next frame has its own clock");
    }

    #[test]
    fn the_clock_stands_still_while_we_do_not_read() {
        let start = Instant::now();
        let mut pace = Pace::new(FrameTimes::default(), start);
        pace.read(|| start, 1, 1);
        pace.reading(|| start + Duration::from_secs(1), false);
        pace.reading(|| start + Duration::from_secs(2), false);
        pace.reading(|| start + Duration::from_secs(61), true);
        assert_eq!(seconds(&pace, start), 65);
    }
}
