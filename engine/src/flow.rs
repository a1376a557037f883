//! Back-pressure: when a source may read, when it must pause, when it must end.
//!
//! A source that is paused stops reading its sockets, so that the senders' own TCP flow control
//! holds them back. Nothing that was read is ever dropped (decisions.md 8).

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use connectors::Flow;
use tokio::sync::watch;

/// Bytes of a channel that are in memory and not yet synced or decided, above which it pauses.
pub const HIGH_WATER_BYTES: usize = 64 << 20;

/// Why a source is paused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reasons {
    high_water: bool,
    disk: bool,
    closing: bool,
}

/// The valve of one channel's source.
pub struct Valve {
    bytes: AtomicUsize,
    reasons: Mutex<Reasons>,
    flow: watch::Sender<Flow>,
}

impl Default for Valve {
    fn default() -> Self {
        Valve {
            bytes: AtomicUsize::new(0),
            reasons: Mutex::default(),
            flow: watch::Sender::new(Flow::Read),
        }
    }
}

impl Valve {
    /// What the source listens to.
    pub fn flow(&self) -> watch::Receiver<Flow> {
        self.flow.subscribe()
    }

    /// What the source has been told.
    pub fn now(&self) -> Flow {
        *self.flow.borrow()
    }

    /// Counts bytes that are in memory only, until the returned value is dropped.
    pub fn carry(self: &Arc<Self>, bytes: usize) -> Load {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before < HIGH_WATER_BYTES && before + bytes >= HIGH_WATER_BYTES {
            self.weigh();
        }
        Load { valve: Arc::clone(self), bytes }
    }

    fn put_down(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let low = HIGH_WATER_BYTES / 2;
        if before >= low && before.saturating_sub(bytes) < low {
            self.weigh();
        }
    }

    /// Judges by what is carried at this moment, so that two threads cannot leave it wrong.
    fn weigh(&self) {
        self.change(|reasons| match self.bytes.load(Ordering::Relaxed) {
            HIGH_WATER_BYTES.. => reasons.high_water = true,
            bytes if bytes < HIGH_WATER_BYTES / 2 => reasons.high_water = false,
            _ => {}
        });
    }

    /// The disk's reserve is reached, or no longer.
    pub fn set_disk_low(&self, low: bool) {
        self.change(|reasons| reasons.disk = low);
    }

    /// The source finishes what is in hand and ends.
    pub fn close(&self) {
        self.change(|reasons| reasons.closing = true);
    }

    fn change(&self, edit: impl FnOnce(&mut Reasons)) {
        let mut reasons = self.reasons.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        edit(&mut reasons);
        let flow = match *reasons {
            Reasons { closing: true, .. } => Flow::Close,
            Reasons { high_water: true, .. } | Reasons { disk: true, .. } => Flow::Pause,
            Reasons { .. } => Flow::Read,
        };
        self.flow.send_if_modified(|now| std::mem::replace(now, flow) != flow);
    }
}

/// Bytes that are in memory only.
pub struct Load {
    valve: Arc<Valve>,
    bytes: usize,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.valve.put_down(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_pauses_at_the_mark_and_reads_again_at_half_of_it() {
        let valve = Arc::new(Valve::default());
        let first = valve.carry(HIGH_WATER_BYTES - 1);
        assert_eq!(valve.now(), Flow::Read);
        let second = valve.carry(HIGH_WATER_BYTES);
        assert_eq!(valve.now(), Flow::Pause);
        drop(first);
        assert_eq!(valve.now(), Flow::Pause);
        drop(second);
        assert_eq!(valve.now(), Flow::Read);
    }

    #[test]
    fn one_reason_is_enough_and_closing_is_final() {
        let valve = Valve::default();
        valve.set_disk_low(true);
        assert_eq!(valve.now(), Flow::Pause);
        valve.close();
        valve.set_disk_low(false);
        assert_eq!(valve.now(), Flow::Close);
    }
}
