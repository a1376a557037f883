//! Where TLS records begin and end in what is read, and how to read only what has arrived.

use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The head of a record: its type, a version, the length of what follows.
const HEAD: usize = 5;

/// The socket under a TLS session, which knows whether a record has come in only in part.
#[derive(Debug)]
pub(crate) struct Records {
    tcp: TcpStream,
    place: Place,
}

/// Where in a record the next byte belongs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place {
    head: [u8; HEAD],
    head_read: usize,
    body_left: usize,
}

impl Records {
    pub(crate) fn new(tcp: TcpStream) -> Records {
        Records { tcp, place: Place::default() }
    }

    /// The socket.
    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Whether the last record has come in only in part.
    pub(crate) fn is_inside(&self) -> bool {
        self.place.is_inside()
    }

    /// Reads what the kernel holds, without waiting.
    pub(crate) fn arrived(&mut self) -> Arrived<'_> {
        Arrived(self)
    }
}

/// A reader of what has arrived; nothing more is `WouldBlock`.
pub(crate) struct Arrived<'a>(&'a mut Records);

impl Read for Arrived<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (_, read) = rustix::net::recv(&self.0.tcp, &mut *buffer, RecvFlags::DONTWAIT)?;
        self.0.place.pass(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl Place {
    fn is_inside(&self) -> bool {
        self.head_read > 0 || self.body_left > 0
    }

    fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.body_left.min(bytes.len());
            self.body_left -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            for (place, byte) in self.head.iter_mut().skip(self.head_read).zip(bytes) {
                *place = *byte;
            }
            let taken = (HEAD - self.head_read).min(bytes.len());
            self.head_read += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.head_read == HEAD {
                let [_, _, _, high, low] = self.head;
                self.body_left = usize::from(u16::from_be_bytes([high, low]));
                self.head_read = 0;
            }
        }
    }
}

impl AsyncRead for Records {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        self.place.pass(buffer.filled().get(before..).unwrap_or_default());
        polled
    }
}

impl AsyncWrite for Records {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_records_are_known_however_they_come_in() {
        let stream: Vec<u8> =
            [&[23, 3, 3, 0, 4, 1, 2, 3, 4][..], &[22, 3, 3, 0, 0], &[23, 3, 3, 1, 0], &[7; 256]]
                .concat();
        let ends = [9, 14, stream.len()];
        for chunk in 1..stream.len() {
            let (mut place, mut read) = (Place::default(), 0);
            for bytes in stream.chunks(chunk) {
                place.pass(bytes);
                read += bytes.len();
                assert_eq!(!place.is_inside(), ends.contains(&read), "{read} bytes by {chunk}");
            }
        }
    }
}
