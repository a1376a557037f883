//! The one place where the engine asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};

/// A source of time; cheap to clone.
///
/// The store and the channel language take times as values, so a test that needs another time
/// hands in another clock here and nowhere else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Clock {
    /// Microseconds since 1970-01-01 UTC.
    pub fn now_us(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}
