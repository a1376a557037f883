//! One connection, whichever way it was made.

use std::io::{self, BufRead, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::net::{RecvFlags, sockopt};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

use crate::records::Records;
use crate::tls::Session;

/// A quiet peer is asked for a sign of life after this long; one that does not answer is found gone two minutes later.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
const KEEPALIVE_PROBES: u32 = 4;

/// A connected byte stream with its peer's address.
///
/// Everything above reads and writes this type only: a way of transport is added here and nowhere else. What is written
/// must be flushed: encryption may hold back what the socket has no room for.
#[derive(Debug)]
pub struct Stream {
    wire: Wire,
    peer: SocketAddr,
}

/// What the bytes go through; sessions are boxed, because they are much larger than a socket.
#[derive(Debug)]
enum Wire {
    Plain(TcpStream),
    Accepted(Box<server::TlsStream<Records>>),
    Dialled(Box<client::TlsStream<Records>>),
}

impl Stream {
    /// Takes over a connected socket.
    pub(crate) fn plain(tcp: TcpStream, peer: SocketAddr) -> Stream {
        Stream { wire: Wire::Plain(tcp), peer }
    }

    pub(crate) fn accepted(tls: server::TlsStream<Records>, peer: SocketAddr) -> Stream {
        Stream { wire: Wire::Accepted(Box::new(tls)), peer }
    }

    pub(crate) fn dialled(tls: client::TlsStream<Records>, peer: SocketAddr) -> Stream {
        Stream { wire: Wire::Dialled(Box::new(tls)), peer }
    }

    /// The socket of a stream that is not encrypted.
    pub(crate) fn into_plain(self) -> Option<TcpStream> {
        match self.wire {
            Wire::Plain(tcp) => Some(tcp),
            Wire::Accepted(_) | Wire::Dialled(_) => None,
        }
    }

    /// The address at the other end.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// What the two ends have agreed on; none without TLS.
    pub fn session(&self) -> Option<Session> {
        match &self.wire {
            Wire::Plain(_) => None,
            Wire::Accepted(tls) => Some(Session::of(tls.get_ref().1)),
            Wire::Dialled(tls) => Some(Session::of(tls.get_ref().1)),
        }
    }

    /// Gives the connection up when the other end has not received what was written within this time (RFC 5482): for protocols
    /// in which it never answers. The next look at the connection is an error then.
    pub fn give_up_after(&self, limit: Duration) -> io::Result<()> {
        let tcp = match &self.wire {
            Wire::Plain(tcp) => tcp,
            Wire::Accepted(tls) => tls.get_ref().0.tcp(),
            Wire::Dialled(tls) => tls.get_ref().0.tcp(),
        };
        let limit_ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX);
        Ok(sockopt::set_tcp_user_timeout(tcp, limit_ms)?)
    }

    /// What waits to be read, without taking it: the bytes copied into `buffer`, or `None` when nothing waits.
    ///
    /// `Some(0)` means that the peer has closed. The kernel is asked, not the runtime's memory of it, because a
    /// sender must know about a close that arrived a moment ago. With TLS what has arrived is decrypted first: what
    /// the other end's TLS says of itself (new tickets, new keys) is nothing that waits; half a record is an error,
    /// since nobody knows what it will be.
    pub fn peek_waiting(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match &mut self.wire {
            Wire::Plain(tcp) => {
                match rustix::net::recv(&*tcp, buffer, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
                    Ok((_, waiting)) => Ok(Some(waiting)),
                    Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
                    Err(error) => Err(error.into()),
                }
            }
            Wire::Accepted(tls) => {
                let (records, session) = tls.get_mut();
                peek_session(records, session, buffer)
            }
            Wire::Dialled(tls) => {
                let (records, session) = tls.get_mut();
                peek_session(records, session, buffer)
            }
        }
    }
}

/// No delay, and keepalive so that a dead peer is noticed.
pub(crate) fn prepare(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    sockopt::set_socket_keepalive(tcp, true)?;
    sockopt::set_tcp_keepidle(tcp, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(tcp, KEEPALIVE_INTERVAL)?;
    Ok(sockopt::set_tcp_keepcnt(tcp, KEEPALIVE_PROBES)?)
}

fn peek_session<S: rustls::SideData>(
    records: &mut Records,
    session: &mut rustls::ConnectionCommon<S>,
    buffer: &mut [u8],
) -> io::Result<Option<usize>> {
    let mut closed = false;
    while !closed && session.wants_read() {
        match session.read_tls(&mut records.arrived()) {
            Ok(read) => {
                closed = read == 0;
                session.process_new_packets().map_err(io::Error::other)?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    match session.reader().fill_buf() {
        Ok(waiting) => {
            let copied = waiting.len().min(buffer.len());
            for (to, from) in buffer.iter_mut().zip(waiting) {
                *to = *from;
            }
            Ok(Some(copied))
        }
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Err(_) if closed => Ok(Some(0)),
        Err(_) if records.is_inside() => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "half a TLS record waits"))
        }
        Err(_) => Ok(None),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Wire::Accepted(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
            Wire::Dialled(tls) => Pin::new(tls.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Wire::Accepted(tls) => Pin::new(tls.as_mut()).poll_write(cx, buf),
            Wire::Dialled(tls) => Pin::new(tls.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Wire::Accepted(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, bufs),
            Wire::Dialled(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        // Sockets and sessions both take several slices at once.
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Wire::Accepted(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
            Wire::Dialled(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Wire::Accepted(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
            Wire::Dialled(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}
