//! The asking side of MLLP: a connection that sends frames and reads answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use net::{DialError, Dialer, Stream, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::decoder::{Decoder, Event, Framing};
use super::framing::{CR, END, START, is_blank, put_frame, write_frame};
use super::release::COMMITTED;

/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 10 << 20;

/// A connection to an MLLP receiver.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    decoder: Decoder,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The receiver closed without a byte of an answer.
    Closed,
    /// The connection was reset: the receiver is gone, or closed without reading.
    Reset(io::Error),
    /// The receiver closed in the middle of an answer; these bytes had come.
    Cut(Bytes),
    /// What came is no frame.
    Garbage(Bytes),
}

impl Client {
    /// Connects.
    pub async fn connect(dialer: &Dialer, target: &Target) -> Result<Client, DialError> {
        let framing = Framing { frame_bytes_max: ANSWER_BYTES_MAX, ..Framing::default() };
        Ok(Client { stream: dialer.connect(target).await?, decoder: Decoder::new(framing) })
    }

    /// The address connected to.
    pub fn peer(&self) -> SocketAddr {
        self.stream.peer()
    }

    /// Whether the receiver is still there and has nothing more to say.
    ///
    /// Asked before sending: an answer that came late, or unasked, must not be taken for the answer to the next
    /// message. Heartbeats and line ends mean nothing and are allowed.
    pub fn is_quiet(&mut self) -> bool {
        loop {
            match self.decoder.next_event() {
                None if self.decoder.held() == 0 => break,
                Some(Event::Heartbeat) => {}
                None | Some(Event::Frame(_) | Event::Fragment(..) | Event::Lost(_)) => {
                    return false;
                }
            }
        }
        let mut waiting = [0; 256];
        match self.stream.peek_waiting(&mut waiting) {
            Ok(None) => true,
            Ok(Some(0)) | Err(_) => false,
            // A full buffer may hide something behind it.
            Ok(Some(seen)) => {
                seen < waiting.len() && means_nothing(waiting.get(..seen).unwrap_or_default())
            }
        }
    }

    /// Reads and drops what the receiver has said without being asked; false when it has closed.
    ///
    /// Closing on unread bytes would reset the connection, and take along a message that the receiver has not read yet.
    pub async fn disregard(&mut self) -> bool {
        loop {
            match tokio::time::timeout(Duration::ZERO, self.answer()).await {
                Ok(Ok(_unasked)) => {}
                Ok(Err(_)) => return false,
                Err(_) => {
                    return !matches!(self.stream.peek_waiting(&mut [0]), Ok(Some(0)) | Err(_));
                }
            }
        }
    }

    /// Sends one message.
    pub async fn send(&mut self, body: &[u8]) -> io::Result<()> {
        write_frame(&mut self.stream, body).await
    }

    /// Sends several messages without waiting between them. Their answers come in the same order.
    pub async fn send_all(
        &mut self,
        bodies: impl IntoIterator<Item = impl AsRef<[u8]>>,
    ) -> io::Result<()> {
        let mut out = BytesMut::new();
        for body in bodies {
            put_frame(&mut out, body.as_ref());
        }
        self.stream.write_all(&out).await?;
        self.stream.flush().await
    }

    /// Says that nothing more will be sent; answers can still be read.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// The next answer; a commit of MLLP release 2 before it is passed over. Nothing is lost when the future is dropped.
    pub async fn answer(&mut self) -> Result<Bytes, NoAnswer> {
        loop {
            let block = self.block().await?;
            if block != COMMITTED {
                return Ok(block);
            }
        }
    }

    /// The next block that is not empty. Nothing is lost when the future is dropped.
    pub async fn block(&mut self) -> Result<Bytes, NoAnswer> {
        loop {
            while let Some(event) = self.decoder.next_event() {
                match event {
                    Event::Frame(body) => return Ok(body),
                    Event::Heartbeat => {}
                    Event::Fragment(bytes, _) => return Err(NoAnswer::Garbage(bytes)),
                    Event::Lost(_) => return Err(NoAnswer::Garbage(self.junk())),
                }
            }
            match self.stream.read_buf(self.decoder.space()).await {
                Ok(0) => return self.end(),
                Ok(_) => {}
                Err(error) => return Err(NoAnswer::Reset(error)),
            }
        }
    }

    /// The last bytes that came and were no part of a frame.
    pub fn junk(&self) -> Bytes {
        Bytes::copy_from_slice(self.decoder.junk_tail())
    }

    fn end(&mut self) -> Result<Bytes, NoAnswer> {
        match self.decoder.end() {
            Some(Event::Frame(body)) => Ok(body),
            Some(Event::Fragment(bytes, _)) => Err(NoAnswer::Cut(bytes)),
            Some(Event::Heartbeat | Event::Lost(_)) | None => {
                let junk = self.junk();
                let meant_something = junk.iter().any(|byte| !is_blank(*byte));
                Err(if meant_something { NoAnswer::Garbage(junk) } else { NoAnswer::Closed })
            }
        }
    }
}

/// Whether bytes between answers are only line ends and heartbeats.
fn means_nothing(mut bytes: &[u8]) -> bool {
    loop {
        match bytes {
            [] => return true,
            [first, rest @ ..] if is_blank(*first) => bytes = rest,
            [START, END, CR, rest @ ..] => bytes = rest,
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_ends_and_heartbeats_mean_nothing() {
        for bytes in [&b""[..], b"\r\n", b"\x0B\x1C\r\n\0\x0B\x1C\r"] {
            assert!(means_nothing(bytes));
        }
        for bytes in [&b"\x0B"[..], b"\x0B\x1C", b"\x0BMSH|", b"x", b"\r\nMSA"] {
            assert!(!means_nothing(bytes));
        }
    }
}
