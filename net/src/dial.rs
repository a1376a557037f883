//! Making connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use config::Address;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::{Stream, is_loopback};

/// Connects to targets, within one time limit for resolving and connecting together.
///
/// A name is resolved once, every address is checked, and the checked address is the one connected to, so that a
/// name server cannot lead a connection elsewhere between the check and the connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialer {
    connect_timeout: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name has no address.
    #[error("`{target}` cannot be resolved: {reason}")]
    Unresolved {
        /// What was to be reached.
        target: Address,
        /// The system's words.
        reason: io::Error,
    },
    /// The address is not on this machine, and there is no TLS on this connection.
    #[error("plain TCP is allowed to this machine only, and `{target}` is {address}")]
    NotLoopback {
        /// What was to be reached.
        target: Address,
        /// The first of its addresses that leaves this machine.
        address: SocketAddr,
    },
    /// Nobody answered in time.
    #[error("no connection to `{target}` within {limit:?}")]
    Timeout {
        /// What was to be reached.
        target: Address,
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
}

impl Dialer {
    /// How long to try when a setting does not say.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// A dialer that gives up after `connect_timeout`.
    pub fn new(connect_timeout: Duration) -> Dialer {
        Dialer { connect_timeout }
    }

    /// Connects to the first address of `target` that answers.
    pub async fn connect(&self, target: &Address) -> Result<Stream, DialError> {
        let until = Instant::now() + self.connect_timeout;
        let late = || DialError::Timeout { target: target.clone(), limit: self.connect_timeout };
        let addresses = timeout_at(until, resolve(target)).await.map_err(|_| late())??;
        let mut failure = None;
        for address in addresses {
            let connected =
                timeout_at(until, TcpStream::connect(address)).await.map_err(|_| late())?;
            match connected.and_then(|tcp| Stream::new(tcp, address)) {
                Ok(stream) => return Ok(stream),
                Err(reason) => failure = Some(DialError::Refused { address, reason }),
            }
        }
        Err(failure.unwrap_or_else(|| DialError::Unresolved {
            target: target.clone(),
            reason: io::ErrorKind::NotFound.into(),
        }))
    }
}

impl Default for Dialer {
    fn default() -> Dialer {
        Dialer::new(Dialer::CONNECT_TIMEOUT)
    }
}

async fn resolve(target: &Address) -> Result<Vec<SocketAddr>, DialError> {
    let addresses: Vec<SocketAddr> =
        match tokio::net::lookup_host((target.host.as_str(), target.port)).await {
            Ok(found) => found.collect(),
            Err(reason) => return Err(DialError::Unresolved { target: target.clone(), reason }),
        };
    match addresses.iter().find(|address| !is_loopback(address.ip())) {
        Some(&address) => Err(DialError::NotLoopback { target: target.clone(), address }),
        None => Ok(addresses),
    }
}
