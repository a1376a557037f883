//! What all listeners of one engine share, so that one of them cannot use it up unseen.

use std::sync::Arc;

use config::Name;
use net::{Acceptor, Attendance, BindError, Entrance, Gate, Nobody, PeerBook, ProgramBook};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory that unfinished frames may take together.
const FRAME_MEMORY_MAX: usize = 256 << 20;
/// Memory that the files in hand of all sources may take together.
const FILE_MEMORY_MAX: usize = 256 << 20;
/// What every connection may use without asking, so that ordinary messages pass while large ones wait.
const FREE: usize = 64 << 10;
const KIB: usize = 1024;

/// The places, the memory and the registry of peers of an engine's listeners.
#[derive(Debug, Clone)]
pub struct Resources {
    pub(crate) gate: Gate,
    pub(crate) memory: FrameMemory,
    /// Files in hand have their own, so that they cannot keep frames waiting.
    pub(crate) files: FrameMemory,
    pub(crate) peers: Arc<dyn PeerBook>,
    pub(crate) programs: Arc<dyn ProgramBook>,
    pub(crate) attendance: Attendance,
}

impl Resources {
    /// With limits other than the engine's.
    pub fn new(connections_max: usize, frame_memory_max: usize) -> Resources {
        Resources {
            gate: Gate::new(connections_max),
            memory: FrameMemory::new(frame_memory_max),
            files: FrameMemory::new(FILE_MEMORY_MAX),
            peers: Arc::new(Nobody),
            programs: Arc::new(Nobody),
            attendance: Attendance::default(),
        }
    }

    /// With a registry of peers, which listeners with mutual TLS ask. Without, they let nobody in.
    pub fn with_peers(self, peers: Arc<dyn PeerBook>) -> Resources {
        Resources { peers, ..self }
    }

    /// With those who know the tokens of programs, whom http sources ask. Without, they let no program in.
    pub fn with_programs(self, programs: Arc<dyn ProgramBook>) -> Resources {
        Resources { programs, ..self }
    }

    /// The registry of peers.
    pub fn peers(&self) -> &Arc<dyn PeerBook> {
        &self.peers
    }

    /// The peers that are connected now.
    pub fn attendance(&self) -> &Attendance {
        &self.attendance
    }

    /// Binds a listener of a channel.
    pub(crate) fn bind(&self, entrance: &Entrance, channel: &Name) -> Result<Acceptor, BindError> {
        let registry = (Arc::clone(&self.peers), self.attendance.clone());
        Acceptor::bind(entrance.clone(), channel, &self.gate, registry)
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
///
/// When it is used up by frames that all need more, none of them could ever end. So one at a time may grow beyond it:
/// the memory in use is at most the maximum and one frame.
#[derive(Debug, Clone)]
pub(crate) struct FrameMemory {
    left: Arc<Semaphore>,
    beyond: Arc<Semaphore>,
    max: usize,
}

/// What one connection has taken of it.
#[derive(Debug)]
pub(crate) struct Share {
    memory: FrameMemory,
    taken: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl FrameMemory {
    fn new(bytes_max: usize) -> FrameMemory {
        let max = bytes_max / KIB;
        FrameMemory {
            left: Arc::new(Semaphore::new(max)),
            beyond: Arc::new(Semaphore::new(1)),
            max,
        }
    }

    pub(crate) fn share(&self) -> Share {
        Share { memory: self.clone(), taken: None, beyond: None }
    }
}

impl Share {
    /// Gives everything back when nothing is held that needs it.
    pub(crate) fn release(&mut self) {
        (self.taken, self.beyond) = (None, None);
    }

    /// How many KiB are missing before `bytes` may be held.
    pub(crate) fn missing(&self, bytes: usize) -> u32 {
        if self.beyond.is_some() {
            return 0;
        }
        let wanted = bytes.saturating_sub(FREE).div_ceil(KIB).min(self.memory.max);
        let taken = self.taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        u32::try_from(wanted.saturating_sub(taken)).unwrap_or(u32::MAX)
    }

    /// Waits for so much more. Nothing is taken when the future is dropped.
    pub(crate) async fn take(&mut self, kib: u32) {
        let ordinary = Arc::clone(&self.memory.left).acquire_many_owned(kib);
        let beyond = Arc::clone(&self.memory.beyond).acquire_owned();
        tokio::select! {
            biased;
            Ok(more) = ordinary => match &mut self.taken {
                Some(taken) => taken.merge(more),
                None => self.taken = Some(more),
            },
            Ok(right) = beyond => self.beyond = Some(right),
            // The semaphores are never closed; were they, waiting for the frame's time limit is the safe answer.
            else => std::future::pending().await,
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
        let [mut one, mut two, mut three] = [memory.share(), memory.share(), memory.share()];
        assert_eq!(one.missing(FREE), 0, "small frames never ask");
        one.take(one.missing(FREE + (1 << 20))).await;
        assert_eq!(one.missing(FREE + (1 << 20)), 0);
        assert_eq!(two.missing(FREE + 1), 1);
        timeout(Duration::from_secs(5), two.take(1)).await.unwrap();
        assert_eq!(two.missing(1 << 30), 0, "one may go on, so that something ends");
        assert!(timeout(Duration::from_millis(20), three.take(1)).await.is_err(), "and only one");
        two.release();
        one.release();
        timeout(Duration::from_secs(5), three.take(1)).await.unwrap();
        assert_eq!((three.missing(FREE + 1), three.missing(FREE + 1025)), (0, 1));
    }

    #[test]
    fn one_frame_never_waits_for_more_than_there_is() {
        let memory = FrameMemory::new(1 << 20);
        assert_eq!(memory.share().missing(1 << 30), 1024);
    }
}
