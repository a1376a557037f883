//! How long a program may run.

use std::time::{Duration, Instant};

/// Before the acknowledgement (decisions.md 3).
pub const BEFORE_ACK: Duration = Duration::from_millis(50);
/// In all, behind the acknowledgement.
pub const IN_ALL: Duration = Duration::from_secs(2);
/// Of one script (channels.md 7).
const SCRIPT: Duration = Duration::from_millis(50);

/// A deadline by the monotonic clock.
#[derive(Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub fn within(time: Duration) -> Deadline {
        Deadline(Instant::now() + time)
    }
}

impl channel::Budget for Deadline {
    fn over(&self) -> bool {
        Instant::now() >= self.0
    }

    fn script(&self) -> Box<dyn FnMut() -> bool> {
        let end = self.0.min(Instant::now() + SCRIPT);
        Box::new(move || Instant::now() >= end)
    }
}
