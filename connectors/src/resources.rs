//! What all listeners of one engine share, so that one of them cannot use it up unseen.

use std::sync::Arc;

use net::Gate;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory that unfinished frames may take together.
const FRAME_MEMORY_MAX: usize = 256 << 20;
/// What every connection may use without asking, so that ordinary messages pass while large ones wait.
const FREE: usize = 64 << 10;
const KIB: usize = 1024;

/// The places and the memory of an engine's listeners.
#[derive(Debug, Clone)]
pub struct Resources {
    pub(crate) gate: Gate,
    pub(crate) memory: FrameMemory,
}

impl Resources {
    /// With limits other than the engine's.
    pub fn new(connections_max: usize, frame_memory_max: usize) -> Resources {
        Resources { gate: Gate::new(connections_max), memory: FrameMemory::new(frame_memory_max) }
    }

    /// Connections open now, of all listeners.
    pub fn connections(&self) -> usize {
        self.gate.open()
    }
}

impl Default for Resources {
    fn default() -> Resources {
        Resources::new(Gate::CONNECTIONS_MAX, FRAME_MEMORY_MAX)
    }
}

/// The memory of all unfinished frames, in KiB.
#[derive(Debug, Clone)]
pub(crate) struct FrameMemory {
    left: Arc<Semaphore>,
    max: usize,
}

/// What one connection has taken of it.
#[derive(Debug)]
pub(crate) struct Share {
    memory: FrameMemory,
    taken: Option<OwnedSemaphorePermit>,
}

impl FrameMemory {
    fn new(bytes_max: usize) -> FrameMemory {
        let max = bytes_max / KIB;
        FrameMemory { left: Arc::new(Semaphore::new(max)), max }
    }

    pub(crate) fn share(&self) -> Share {
        Share { memory: self.clone(), taken: None }
    }
}

impl Share {
    /// Gives everything back when nothing is held that needs it.
    pub(crate) fn release(&mut self) {
        self.taken = None;
    }

    /// How many KiB are missing before `bytes` may be held.
    pub(crate) fn missing(&self, bytes: usize) -> u32 {
        let wanted = bytes.saturating_sub(FREE).div_ceil(KIB).min(self.memory.max);
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        u32::try_from(wanted.saturating_sub(taken)).unwrap_or(u32::MAX)
    }

    /// Waits for so much more. Nothing is taken when the future is dropped.
    pub(crate) async fn take(&mut self, kib: u32) {
        // The semaphore is never closed; were it, waiting for the frame's time limit is the safe answer.
        match Arc::clone(&self.memory.left).acquire_many_owned(kib).await {
            Ok(more) => match &mut self.taken {
                Some(taken) => taken.merge(more),
                None => self.taken = Some(more),
            },
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn memory_is_waited_for_and_given_back() {
        let memory = FrameMemory::new(1 << 20);
        let (mut one, mut two) = (memory.share(), memory.share());
        assert_eq!(one.missing(FREE), 0, "small frames never ask");
        one.take(one.missing(FREE + (1 << 20))).await;
        assert_eq!(one.missing(FREE + (1 << 20)), 0);
        let more = two.missing(FREE + 1);
        assert_eq!(more, 1);
        assert!(timeout(Duration::from_millis(20), two.take(more)).await.is_err());
        one.release();
        two.take(more).await;
        assert_eq!(two.missing(FREE + 1), 0);
    }

    #[test]
    fn one_frame_never_waits_for_more_than_there_is() {
        let memory = FrameMemory::new(1 << 20);
        assert_eq!(memory.share().missing(1 << 30), 1024);
    }
}
