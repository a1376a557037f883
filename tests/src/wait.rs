//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// How long a test waits for anything before it says what did not happen.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until the answer is `Some`; after [`PATIENCE`] it stops the test and says what was awaited.
pub fn until<T>(what: &str, ask: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, ask)
}

/// Asks until the answer is `Some`, at most for [`PATIENCE`].
pub fn until_or<T>(ask: impl FnMut() -> Option<T>) -> Option<T> {
    poll(PATIENCE, ask)
}

/// As [`until_or`], with its own limit.
pub fn within_or<T>(limit: Duration, ask: impl FnMut() -> Option<T>) -> Option<T> {
    poll(limit, ask)
}

/// As [`until`], with its own limit.
pub fn within<T>(limit: Duration, what: &str, ask: impl FnMut() -> Option<T>) -> T {
    poll(limit, ask).unwrap_or_else(|| panic!("waited {limit:?} in vain: {what}"))
}

fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() >= end {
            return answer;
        }
        std::thread::park_timeout(Duration::from_millis(15));
    }
}
