//! Taking connections in.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use config::Name;
use rustix::io::Errno;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::gate::Door;
use crate::handshake;
use crate::stream::prepare;
use crate::tls::{Admission, Server};
use crate::{Attendance, Entrance, Gate, Pass, PeerBook, Refusal, Standing, Stream, is_loopback};

/// Connections the kernel keeps for us while we do not accept.
const BACKLOG: u32 = 1024;
/// The wait after the machine has no more descriptors or memory for a socket, doubled while it lasts.
const BACK_OFF_FIRST: Duration = Duration::from_millis(50);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// A bound listening socket that hands out connections within its limits, their TLS handshakes done.
///
/// Whoever stops calling [`Acceptor::accept`] has stopped accepting; dropping it closes the socket.
pub struct Acceptor {
    listener: TcpListener,
    address: SocketAddr,
    entrance: Entrance,
    admission: Option<Admission>,
    door: Door,
    attendance: Attendance,
    stats: Arc<AcceptStats>,
    /// Handshakes take their time away from the accept loop, so that a slow one delays nobody.
    handshakes: JoinSet<Result<Admitted, Refusal>>,
    back_off: Duration,
}

/// What an acceptor has counted since it was bound.
#[derive(Debug, Default)]
pub struct AcceptStats {
    listener: Option<SocketAddr>,
    accepted: AtomicU64,
    failed: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
}

/// A connection with the pass that counts it; the pass must live as long as the stream.
pub struct Admitted {
    /// The connection.
    pub stream: Stream,
    /// Its place under the limits.
    pub pass: Pass,
    /// Who it is, and whether it may stay.
    pub standing: Standing,
}

/// Why a listener could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Plain TCP listens on this machine only.
    #[error("plain TCP listens on this machine only, and {0} is open to others")]
    NotLoopback(SocketAddr),
    /// The acknowledgement of unencrypted connections has ended.
    #[error("the acknowledgement of unencrypted connections to {0} has ended")]
    PlaintextEnded(SocketAddr),
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

    /// Connections that were not let in, or not let stay.
    pub fn refused(&self) -> u64 {
        self.refusals().iter().map(|(_, count)| count).sum()
    }

    /// The same by reason.
    pub fn refusals(&self) -> Vec<(&'static str, u64)> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.iter().map(|(reason, count)| (*reason, *count)).collect()
    }

    /// Times the system could not give a connection (no descriptors, no memory).
    pub fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Counts a connection that is not let in, or not let stay.
    pub fn refuse(&self, peer: SocketAddr, refusal: Refusal) {
        let count = {
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            let count = refused.entry(refusal.name()).or_default();
            *count += 1;
            *count
        };
        // A flood must not flood the log too: the count tells the rest.
        if count.is_power_of_two() {
            let listener = self.listener.map(tracing::field::display);
            tracing::warn!(listener, %peer, reason = refusal.name(), refused = count, "net.connection_refused");
        }
    }
}

impl Acceptor {
    /// Binds the address of an entrance for a channel. The registry is asked who may come in when the entrance says so, and who
    /// has come in is put on the list of those who are present.
    pub fn bind(
        entrance: Entrance,
        channel: &Name,
        gate: &Gate,
        (book, attendance): (Arc<dyn PeerBook>, Attendance),
    ) -> Result<Acceptor, BindError> {
        let admission = entrance.tls().cloned();
        let admission = admission.map(|server| Admission::new(server, channel.clone(), book));
        Acceptor::open_at(entrance, admission, gate, attendance)
    }

    /// Binds an address for something else than a channel, within the usual limits: plain TCP on this machine, or TLS, whose settings ask
    /// nobody for a certificate.
    pub fn apart(
        address: SocketAddr,
        tls: Option<Server>,
        gate: &Gate,
    ) -> Result<Acceptor, BindError> {
        let entrance = Entrance::apart(address, tls.clone());
        let admission = tls.map(Admission::apart);
        Acceptor::open_at(entrance, admission, gate, Attendance::default())
    }

    fn open_at(
        entrance: Entrance,
        admission: Option<Admission>,
        gate: &Gate,
        attendance: Attendance,
    ) -> Result<Acceptor, BindError> {
        let address = entrance.listen;
        let protected = entrance.tls().is_some() || entrance.plaintext().is_some();
        if !protected && !is_loopback(address.ip()) {
            return Err(BindError::NotLoopback(address));
        }
        if entrance.plaintext().is_some_and(|acknowledgement| acknowledgement.has_ended()) {
            return Err(BindError::PlaintextEnded(address));
        }
        let refused = |reason| BindError::Refused { address, reason };
        let listener = listen(address).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let door =
            Door::new(gate.clone(), entrance.connections_max, entrance.connections_per_address_max);
        Ok(Acceptor {
            listener,
            address,
            entrance,
            admission,
            door,
            attendance,
            stats: Arc::new(AcceptStats { listener: Some(address), ..AcceptStats::default() }),
            handshakes: JoinSet::new(),
            back_off: BACK_OFF_FIRST,
        })
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
            tokio::select! {
                biased;
                // A task that panicked has closed its connection; a refused one is counted by itself.
                Some(done) = self.handshakes.join_next() => {
                    if let Ok(Ok(admitted)) = done {
                        return self.count(admitted);
                    }
                }
                connection = self.listener.accept() => match connection {
                    Ok((tcp, peer)) => {
                        self.back_off = BACK_OFF_FIRST;
                        match self.meet(tcp, peer) {
                            Ok(Some(admitted)) => return self.count(admitted),
                            Ok(None) => {}
                            Err(refusal) => self.stats.refuse(peer, refusal),
                        }
                    }
                    Err(error) => self.survive(&error).await,
                },
            }
        }
    }

    fn count(&self, admitted: Admitted) -> Admitted {
        self.stats.accepted.fetch_add(1, Ordering::Relaxed);
        admitted
    }

    /// Lets a connection in, begins its handshake, or refuses it; a probe that is gone already is none of these.
    fn meet(&mut self, tcp: TcpStream, peer: SocketAddr) -> Result<Option<Admitted>, Refusal> {
        if !self.entrance.lets_in(peer.ip()) {
            return Err(Refusal::Network);
        }
        let acknowledgement = self.entrance.plaintext();
        if acknowledgement.is_some_and(|acknowledgement| acknowledgement.has_ended()) {
            return Err(Refusal::Plaintext);
        }
        let pass = self.door.admit(peer.ip())?;
        if prepare(&tcp).is_err() {
            return Ok(None);
        }
        let Some(admission) = self.admission.clone() else {
            let standing = Standing::plain(acknowledgement.cloned());
            return Ok(Some(Admitted { stream: Stream::plain(tcp, peer), pass, standing }));
        };
        let slot = self.door.begin_handshake()?;
        let (stats, attendance) = (Arc::clone(&self.stats), self.attendance.clone());
        self.handshakes.spawn(async move {
            let done = handshake::accept(tcp, peer, admission.clone(), &attendance).await;
            drop(slot);
            match done {
                Ok((stream, standing)) => Ok(Admitted { stream, pass, standing }),
                Err(refusal) => {
                    stats.refuse(peer, refusal);
                    admission.turned_away(peer.ip(), refusal);
                    Err(refusal)
                }
            }
        });
        Ok(None)
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

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections of the last run that linger in the kernel must not keep this one from starting.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
