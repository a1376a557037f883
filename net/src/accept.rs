//! Taking connections in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::gate::Door;
use crate::{Gate, Pass, Refusal, Stream, is_loopback};

/// Connections the kernel keeps for us while we do not accept.
const BACKLOG: u32 = 1024;
/// The wait after the machine has no more descriptors or memory for a socket, doubled while it lasts.
const BACK_OFF_FIRST: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// A bound listening socket that hands out connections within its limits.
///
/// Whoever stops calling [`Acceptor::accept`] has stopped accepting; dropping it closes the socket.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    address: SocketAddr,
    door: Door,
    stats: Arc<AcceptStats>,
    back_off: Duration,
}

/// What an acceptor has counted since it was bound.
#[derive(Debug, Default)]
pub struct AcceptStats {
    accepted: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

/// A connection with the pass that counts it; the pass must live as long as the stream.
#[derive(Debug)]
pub struct Admitted {
    /// The connection.
    pub stream: Stream,
    /// Its place under the limits.
    pub pass: Pass,
}

/// Why a listener could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Plain TCP listens on this machine only.
    #[error("plain TCP listens on this machine only, and {0} is open to others")]
    NotLoopback(SocketAddr),
    /// The system refused the address: in use, not ours, not allowed.
    #[error("cannot listen on {address}: {reason}")]
    Refused {
        /// The address asked for.
        address: SocketAddr,
        /// The system's words.
        reason: io::Error,
    },
}

impl AcceptStats {
    /// Connections let in.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Connections closed at once because a limit was reached.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Times the system could not give a connection (no descriptors, no memory).
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}

impl Acceptor {
    /// Binds `address`, which must be on this machine.
    pub fn bind(
        address: SocketAddr,
        gate: &Gate,
        connections_max: usize,
        per_address_max: usize,
    ) -> Result<Acceptor, BindError> {
        if !is_loopback(address.ip()) {
            return Err(BindError::NotLoopback(address));
        }
        let refused = |reason| BindError::Refused { address, reason };
        let listener = listen(address).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let door = Door::new(gate.clone(), connections_max, per_address_max);
        Ok(Acceptor { listener, address, door, stats: Arc::default(), back_off: BACK_OFF_FIRST })
    }

    /// The address bound, with the port the system chose when port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The counters, which stay readable after the acceptor is gone.
    pub fn stats(&self) -> Arc<AcceptStats> {
        Arc::clone(&self.stats)
    }

    /// Connections of this acceptor that are open now.
    pub fn open(&self) -> usize {
        self.door.open()
    }

    /// The next connection within the limits; those beyond are closed unread, and counted.
    ///
    /// Never fails: a machine out of descriptors makes it wait, because the next connection that closes frees one.
    /// Nothing is lost when the future is dropped.
    pub async fn accept(&mut self) -> Admitted {
        loop {
            match self.listener.accept().await {
                Ok((tcp, peer)) => {
                    self.back_off = BACK_OFF_FIRST;
                    if let Some(admitted) = self.admit(tcp, peer) {
                        return admitted;
                    }
                }
                Err(error) => self.survive(&error).await,
            }
        }
    }

    fn admit(&self, tcp: TcpStream, peer: SocketAddr) -> Option<Admitted> {
        let pass = match self.door.admit(peer.ip()) {
            Ok(pass) => pass,
            Err(refusal) => {
                let before = self.stats.refused.fetch_add(1, Ordering::Relaxed);
                // A flood must not flood the log too: the count tells the rest.
                if before.is_power_of_two() || before == 0 {
                    tracing::warn!(listener = %self.address, peer = %peer, limit = refusal.name(), refused = before + 1, "net.connection_refused");
                }
                return None;
            }
        };
        // A peer that is gone before its options are set was a probe, not a fault.
        let stream = Stream::new(tcp, peer).ok()?;
        self.stats.accepted.fetch_add(1, Ordering::Relaxed);
        Some(Admitted { stream, pass })
    }

    async fn survive(&mut self, error: &io::Error) {
        let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        if !exhausted.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error())) {
            // The peer gave up between its connect and our accept; the next one is waiting.
            tracing::debug!(listener = %self.address, %error, "net.accept_aborted");
            return tokio::task::yield_now().await;
        }
        self.stats.failed.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(listener = %self.address, %error, wait_ms = self.back_off.as_millis() as u64, "net.accept_waits");
        tokio::time::sleep(self.back_off).await;
        self.back_off = (self.back_off * 2).min(BACK_OFF_MAX);
    }
}

impl Refusal {
    /// The limit's name in logs.
    pub fn name(self) -> &'static str {
        match self {
            Refusal::Engine => "engine",
            Refusal::Listener => "listener",
            Refusal::Address => "address",
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the last run that linger in the kernel must not keep this one from starting.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
