//! Figures of what happens, kept as it happens: lengths of time and sizes, counted in buckets without a lock.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets for lengths of time, microseconds; what is longer is in one more.
pub const BOUNDS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 5_000_000, 15_000_000, 60_000_000,
];
const BUCKETS: usize = BOUNDS_US.len() + 1;
/// The last five minutes, in pieces of ten seconds, and the piece that is being filled.
const PIECE_S: u64 = 10;
const PIECES: usize = 31;
/// What is recent, seconds.
pub const RECENT_S: u64 = PIECE_S * (PIECES as u64 - 1);

/// Lengths of time since the start, and those of the last five minutes apart.
pub struct Histogram {
    begun: Instant,
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
    pieces: [Piece; PIECES],
}

/// Ten seconds.
struct Piece {
    /// Which ten seconds these are, counted from the start; one more, so that 0 is none.
    number: AtomicU64,
    buckets: [AtomicU32; BUCKETS],
}

/// The last five minutes of a histogram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recent {
    /// How many.
    pub count: u64,
    /// How many a minute.
    pub per_minute: f64,
    /// Half were at most so long, microseconds; none when there were none.
    pub p50_us: Option<u64>,
    /// 95 of 100 were at most so long, microseconds.
    pub p95_us: Option<u64>,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram {
            begun: Instant::now(),
            buckets: Default::default(),
            sum_us: AtomicU64::new(0),
            pieces: std::array::from_fn(|_| Piece {
                number: AtomicU64::new(0),
                buckets: Default::default(),
            }),
        }
    }
}

impl Histogram {
    /// Counts one more.
    pub fn note(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        let number = self.begun.elapsed().as_secs() / PIECE_S + 1;
        let Some(piece) = self.pieces.get(usize::try_from(number).unwrap_or(0) % PIECES) else {
            return;
        };
        // Two threads that begin a piece at once may lose a few of its first: these are for looking at, not for accounts.
        if piece.number.swap(number, Ordering::Relaxed) != number {
            piece.buckets.iter().for_each(|bucket| bucket.store(0, Ordering::Relaxed));
        }
        if let Some(bucket) = piece.buckets.get(at) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many in each bucket since the start, the one without a bound last.
    pub fn counts(&self) -> [u64; BUCKETS] {
        std::array::from_fn(|at| self.buckets.get(at).map_or(0, |one| one.load(Ordering::Relaxed)))
    }

    /// How many since the start.
    pub fn count(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// All of them together, microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum_us.load(Ordering::Relaxed)
    }

    /// The last five minutes.
    pub fn recent(&self) -> Recent {
        let now = self.begun.elapsed().as_secs() / PIECE_S + 1;
        let mut counts = [0_u64; BUCKETS];
        for piece in &self.pieces {
            let number = piece.number.load(Ordering::Relaxed);
            if number == 0 || number + (PIECES as u64) <= now {
                continue;
            }
            for (count, bucket) in counts.iter_mut().zip(&piece.buckets) {
                *count += u64::from(bucket.load(Ordering::Relaxed));
            }
        }
        let count: u64 = counts.iter().sum();
        let over_s = self.begun.elapsed().as_secs().clamp(PIECE_S, RECENT_S);
        Recent {
            count,
            per_minute: count as f64 * 60.0 / over_s as f64,
            p50_us: quantile(&counts, count, 50),
            p95_us: quantile(&counts, count, 95),
        }
    }
}

/// Within a bucket they are taken to lie evenly.
fn quantile(counts: &[u64; BUCKETS], count: u64, percent: u64) -> Option<u64> {
    let wanted = (count * percent).div_ceil(100);
    let mut seen = 0;
    let (mut low, last) = (0, BOUNDS_US.last().copied().unwrap_or(0));
    for (at, n) in counts.iter().enumerate().filter(|_| count > 0) {
        let high = BOUNDS_US.get(at).copied().unwrap_or(last);
        if seen + n >= wanted && *n > 0 {
            return Some(low + (high - low) * (wanted - seen) / n);
        }
        seen += n;
        low = high;
    }
    None
}

/// Commits of the store.
pub struct Commits {
    /// How long each group took, from its first statement to its sync.
    pub took: Histogram,
    /// Receipts, decisions and settles that were written with them.
    pub items: AtomicU64,
    /// When the one that each writer is at began, milliseconds since `epoch`; 0 when there is none.
    begun_ms: Box<[AtomicU64]>,
    epoch: Instant,
}

impl Commits {
    /// Of so many writers.
    pub fn of(writers: usize) -> Commits {
        Commits {
            took: Histogram::default(),
            items: AtomicU64::new(0),
            begun_ms: (0..writers).map(|_| AtomicU64::new(0)).collect(),
            epoch: Instant::now(),
        }
    }

    pub(crate) fn begin(&self, writer: usize) -> Instant {
        let now = Instant::now();
        self.set(writer, self.ms(now).max(1));
        now
    }

    pub(crate) fn end(&self, writer: usize, begun: Instant, items: usize) {
        self.set(writer, 0);
        self.took.note(begun.elapsed());
        self.items.fetch_add(items as u64, Ordering::Relaxed);
    }

    fn set(&self, writer: usize, ms: u64) {
        if let Some(begun) = self.begun_ms.get(writer) {
            begun.store(ms, Ordering::Relaxed);
        }
    }

    fn ms(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }

    /// How long the oldest of the groups that are being written has taken so far.
    pub fn under_way(&self) -> Option<Duration> {
        let begun = self.begun_ms.iter().map(|begun| begun.load(Ordering::Relaxed));
        let oldest = begun.filter(|begun| *begun > 0).min()?;
        Some(Duration::from_millis(self.ms(Instant::now()).saturating_sub(oldest)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_counted_where_they_belong() {
        let one = Histogram::default();
        for us in [1, 100, 101, 1_000_000, 100_000_000] {
            one.note(Duration::from_micros(us));
        }
        let counts = one.counts();
        assert_eq!((counts[0], counts[1], counts[12], counts[BUCKETS - 1]), (2, 1, 1, 1));
        assert_eq!((one.count(), one.sum_us()), (5, 101_000_202));
        assert_eq!(one.recent().count, 5);
    }

    #[test]
    fn half_and_most_lie_in_their_buckets() {
        let one = Histogram::default();
        assert_eq!((one.recent().p50_us, one.recent().count), (None, 0));
        for _ in 0..90 {
            one.note(Duration::from_micros(700));
        }
        for _ in 0..10 {
            one.note(Duration::from_micros(40_000));
        }
        let recent = one.recent();
        assert!((500..=1_000).contains(&recent.p50_us.unwrap()), "{recent:?}");
        assert!((25_000..=50_000).contains(&recent.p95_us.unwrap()), "{recent:?}");
        assert!(recent.per_minute > 100.0);
    }
}
