//! Making connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::handshake;
use crate::resolve::System;
use crate::stream::prepare;
use crate::target::NotAllowed;
use crate::tls::TlsFailure;
use crate::{Resolve, Stream, Target};

/// Connects to targets, within one time limit for resolving and connecting together.
///
/// A name is resolved once, every address is checked, and the checked address is the one connected to, so that a
/// name server cannot lead a connection elsewhere between the check and the connect. No proxy is ever used.
#[derive(Debug, Clone)]
pub struct Dialer {
    connect_timeout: Duration,
    resolver: Arc<dyn Resolve>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("`{target}` cannot be resolved: {reason}")]
    Unresolved {
        /// What was to be reached.
        target: String,
        /// The system's words.
        reason: io::Error,
    },
    /// One of the addresses is refused by the rules of the destination.
    #[error("`{target}` is not allowed: {reason}")]
    NotAllowed {
        /// What was to be reached.
        target: String,
        /// The address, and what speaks against it.
        reason: NotAllowed,
    },
    /// The acknowledgement of unencrypted messages has ended.
    #[error("the acknowledgement of unencrypted messages to `{target}` has ended")]
    PlaintextEnded {
        /// What was to be reached.
        target: String,
    },
    /// Nobody answered in time.
    #[error("no connection to `{target}` within {limit:?}")]
    Timeout {
        /// What was to be reached.
        target: String,
        /// How long it was tried.
        limit: Duration,
    },
    /// The connection was refused or failed.
    #[error("no connection to {address}: {reason}")]
    Refused {
        /// The address tried last.
        address: SocketAddr,
        /// The system's words.
        reason: io::Error,
    },
    /// The receiver has not proved to be the one that is meant, or there is nothing to agree on.
    #[error("no TLS with {address}: {reason}")]
    Tls {
        /// The address connected to.
        address: SocketAddr,
        /// What went wrong.
        reason: TlsFailure,
    },
}

impl Dialer {
    /// How long to try when a setting does not say.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// A dialer that gives up after `connect_timeout`.
    pub fn new(connect_timeout: Duration) -> Dialer {
        Dialer { connect_timeout, resolver: Arc::new(System) }
    }

    /// The same with another way to resolve names.
    pub fn resolving_by(self, resolver: Arc<dyn Resolve>) -> Dialer {
        Dialer { resolver, ..self }
    }

    /// Connects to the first address of `target` that answers, and agrees on keys when it has TLS.
    pub async fn connect(&self, target: &Target) -> Result<Stream, DialError> {
        let until = Instant::now() + self.connect_timeout;
        let addresses = self.resolve(target, until).await?;
        check(target, &addresses)?;
        let (tcp, address) = self.reach(target, &addresses, until).await?;
        protect(target, tcp, address).await
    }

    /// Connects and does not encrypt yet, for protocols in which both ends agree to begin with it. Only for targets with TLS; what is
    /// said before [`Dialer::begin_tls`] may be read and changed by anybody.
    pub async fn connect_before_tls(&self, target: &Target) -> Result<Stream, DialError> {
        let until = Instant::now() + self.connect_timeout;
        let addresses = self.resolve(target, until).await?;
        check(target, &addresses)?;
        let (tcp, address) = self.reach(target, &addresses, until).await?;
        Ok(Stream::plain(tcp, address))
    }

    /// Agrees on keys on a connection that [`Dialer::connect_before_tls`] has made.
    ///
    /// # Errors
    /// As [`Dialer::connect`]; also when the target has no TLS: nothing goes on without it.
    pub async fn begin_tls(&self, target: &Target, stream: Stream) -> Result<Stream, DialError> {
        let address = stream.peer();
        match stream.into_plain().filter(|_| target.tls().is_some()) {
            Some(tcp) => protect(target, tcp, address).await,
            None => {
                let reason = io::ErrorKind::InvalidInput.into();
                Err(DialError::Refused { address, reason })
            }
        }
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// The addresses of a target, unchecked.
    pub(crate) async fn resolve(
        &self,
        target: &Target,
        until: Instant,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let unresolved = |reason| DialError::Unresolved { target: target.to_string(), reason };
        let address = target.address();
        let found = timeout_at(until, self.resolver.resolve(&address.host, address.port)).await;
        let found = found.map_err(|_| self.late(target))?.map_err(unresolved)?;
        match found.is_empty() {
            true => Err(unresolved(io::ErrorKind::NotFound.into())),
            false => Ok(found),
        }
    }

    /// A connection to the first of some checked addresses that answers.
    pub(crate) async fn reach(
        &self,
        target: &Target,
        addresses: &[SocketAddr],
        until: Instant,
    ) -> Result<(TcpStream, SocketAddr), DialError> {
        let mut failure = self.late(target);
        for &address in addresses {
            let connecting = timeout_at(until, TcpStream::connect(address)).await;
            let connected = connecting.map_err(|_| self.late(target))?;
            match connected.and_then(|tcp| prepare(&tcp).map(|()| tcp)) {
                Ok(tcp) => return Ok((tcp, address)),
                Err(reason) => failure = DialError::Refused { address, reason },
            }
        }
        Err(failure)
    }

    fn late(&self, target: &Target) -> DialError {
        DialError::Timeout { target: target.to_string(), limit: self.connect_timeout }
    }
}

/// Whether a target and every one of its addresses is allowed: one that is not casts doubt on the others.
pub(crate) fn check(target: &Target, addresses: &[SocketAddr]) -> Result<(), DialError> {
    if !target.still_holds() {
        return Err(DialError::PlaintextEnded { target: target.to_string() });
    }
    let refused = addresses.iter().find_map(|address| target.check(*address).err());
    match refused {
        Some(reason) => Err(DialError::NotAllowed { target: target.to_string(), reason }),
        None => Ok(()),
    }
}

/// Encrypts a connection, if its target says so.
pub(crate) async fn protect(
    target: &Target,
    tcp: TcpStream,
    address: SocketAddr,
) -> Result<Stream, DialError> {
    match target.tls() {
        None => Ok(Stream::plain(tcp, address)),
        Some(client) => handshake::connect(tcp, address, client)
            .await
            .map_err(|reason| DialError::Tls { address, reason }),
    }
}

impl Default for Dialer {
    fn default() -> Dialer {
        Dialer::new(Dialer::CONNECT_TIMEOUT)
    }
}
