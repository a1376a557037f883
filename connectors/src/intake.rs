//! What a source hands on, and what it gets back.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use net::PeerIdentity;
use tokio::sync::oneshot;

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

/// Where a source hands its messages to.
pub trait Intake: Send + Sync + 'static {
    /// Takes a message. It has its place in receipt order before this call returns; the answer comes later.
    ///
    /// The future is dropped unfinished when the peer can no longer be answered, so nothing but the answer may depend on it.
    fn receive(&self, incoming: Incoming) -> Pin<Box<dyn Future<Output = Answer> + Send>>;

    /// Takes what came whole and must not be routed; it is kept for people as `rejected`, and answered.
    fn refuse(
        &self,
        incoming: Incoming,
        why: Refusal,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>>;
    /// The same for a source that says first that a message is safe, and then answers it: `stored` hears whether it is on disk.
    fn receive_and_tell(
        &self,
        incoming: Incoming,
        stored: oneshot::Sender<bool>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
        told_when_answered(self.receive(incoming), stored)
    }

    /// Takes what was not a whole message, to be kept for people; it is never answered.
    fn fragment(
        &self,
        incoming: Incoming,
        why: BrokenFrame,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// What is answered is safe.
pub(crate) fn told_when_answered(
    answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
    stored: oneshot::Sender<bool>,
) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    Box::pin(async move {
        let answer = answer.await;
        // A source that has gone does not want to know.
        let _ = stored.send(answer != Answer::Close);
        answer
    })
}

/// One message on its way in.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The bytes as received, unframed.
    pub body: Bytes,
    /// Who sent it.
    pub peer: Peer,
    /// The batch that it came in and its place there, such as `BATCH7 3/10`.
    pub batch: Option<Arc<str>>,
}

/// Who sent a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where it came from, as it is recorded: an address and port, or the name of a file.
    pub place: Arc<str>,
    /// The number of the connection or file on its source, counted from 1 since the source was opened.
    pub connection: u64,
    /// Who the other end has proved to be.
    pub identity: Option<Arc<PeerIdentity>>,
}

impl Peer {
    /// The other end of a connection.
    pub fn at(address: SocketAddr, connection: u64) -> Peer {
        Peer { place: address.to_string().into(), connection, identity: None }
    }
}

/// What a source does after a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Sends this message, which is not framed yet. What it answers is on disk, whatever it says.
    Reply(Bytes),
    /// Sends this message, which says that nothing was stored: the peer is to send again.
    Unstored(Bytes),
    /// Sends nothing and goes on.
    Silent,
    /// Sends nothing and closes: the peer will send again.
    Close,
}

/// What a source finds wrong with several messages that came as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A stable name, for records and filters.
    pub code: &'static str,
    /// One sentence for the sender: no patient data, no internals.
    pub text: String,
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
