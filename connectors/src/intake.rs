//! What a source hands on, and what it gets back.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;

/// What a source may do now, set by the engine and followed by every connection of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Accept and read.
    Read,
    /// Neither read nor accept; what has been read is still answered. The peer feels it as a full connection.
    Pause,
    /// Finish and answer what is in hand, then close. There is no way back.
    Close,
}

/// Where a source hands its frames to.
pub trait Intake: Send + Sync + 'static {
    /// Takes a frame. It has its place in receipt order before this call returns; the answer comes later.
    ///
    /// The future is dropped unfinished when the peer can no longer be answered, so nothing but the answer may depend on it.
    fn receive(&self, frame: Bytes, peer: &Peer) -> Pin<Box<dyn Future<Output = Answer> + Send>>;

    /// Takes what was not a whole frame, to be kept for people; it is never answered.
    fn fragment(
        &self,
        bytes: Bytes,
        peer: &Peer,
        why: BrokenFrame,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Who sent a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The address at the other end.
    pub address: SocketAddr,
    /// The number of the connection on its source, counted from 1 since the source was bound.
    pub connection: u64,
}

/// What a source does after a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Sends this message, which is not framed yet.
    Reply(Bytes),
    /// Sends nothing and goes on.
    Silent,
    /// Sends nothing and closes: the peer will send again.
    Close,
}

/// Why some bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BrokenFrame {
    /// A new frame began before the end of this one.
    Restarted,
    /// The connection ended before the frame did.
    Cut,
    /// A message without the start byte before it.
    NoStart,
    /// The frame outgrew the limit; these are its first bytes.
    TooLong,
    /// The frame did not come in fast enough.
    TooSlow,
    /// The memory for frames that are still coming in was used up for too long.
    NoMemory,
}

impl BrokenFrame {
    /// A stable name, for records and filters.
    pub fn code(self) -> &'static str {
        match self {
            BrokenFrame::Restarted => "frame-restarted",
            BrokenFrame::Cut => "frame-cut",
            BrokenFrame::NoStart => "frame-no-start",
            BrokenFrame::TooLong => "frame-too-long",
            BrokenFrame::TooSlow => "frame-too-slow",
            BrokenFrame::NoMemory => "frame-no-memory",
        }
    }

    /// One sentence for people.
    pub fn text(self) -> &'static str {
        match self {
            BrokenFrame::Restarted => "a new frame began before this one had ended",
            BrokenFrame::Cut => "the connection ended before the frame did",
            BrokenFrame::NoStart => "the message had no start byte (0B) before it",
            BrokenFrame::TooLong => "the frame is longer than the listener's `max_message`",
            BrokenFrame::TooSlow => "the frame came in too slowly",
            BrokenFrame::NoMemory => "too many unfinished frames were in memory",
        }
    }
}
