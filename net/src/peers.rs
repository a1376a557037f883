//! Who is at the other end of a mutually authenticated connection: what is asked of a registry of peers, and what it answers.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use config::Name;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use tokio::sync::watch;

/// A registry of the systems that may connect. The engine has one; every listener with mutual TLS asks it.
pub trait PeerBook: fmt::Debug + Send + Sync + 'static {
    /// The authorities that certificates of peers are verified against, with their revocation lists.
    fn authorities(&self) -> Authorities;

    /// Whether the holder of a certificate may talk to a channel; asked once the chain is verified, and again whenever
    /// [`PeerBook::changes`] moves, so that a live connection of a peer that was revoked ends.
    fn admit(&self, knock: &Knock<'_>) -> Result<Arc<PeerIdentity>, PeerRefusal>;

    /// Moves whenever a peer, an authority or a revocation list has changed.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Takes down that somebody was turned away, for the audit log; `why` is a stable name.
    fn turned_away(&self, channel: &Name, address: IpAddr, why: &'static str);
}

/// A registry of nobody: whoever asks is turned away.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl PeerBook for Nobody {
    fn authorities(&self) -> Authorities {
        Authorities::default()
    }

    fn admit(&self, _knock: &Knock<'_>) -> Result<Arc<PeerIdentity>, PeerRefusal> {
        Err(PeerRefusal::Unknown)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }

    fn turned_away(&self, _channel: &Name, _address: IpAddr, _why: &'static str) {}
}

/// What certificates of peers are verified against.
#[derive(Debug, Clone, Default)]
pub struct Authorities {
    /// Certificates of authorities.
    pub roots: Vec<CertificateDer<'static>>,
    /// Their revocation lists.
    pub revocations: Vec<CertificateRevocationListDer<'static>>,
    /// Certificates of an authority without a list are taken too: whoever says so has seen to it that those who should have one do.
    pub unlisted: bool,
}

/// Somebody at the door.
#[derive(Debug, Clone, Copy)]
pub struct Knock<'a> {
    /// The channel whose listener is asked.
    pub channel: &'a Name,
    /// Where the connection comes from.
    pub address: IpAddr,
    /// The certificate of the peer, which has proved to hold its key.
    pub certificate: &'a CertificateDer<'a>,
}

/// A peer that was recognised, and as whom it may speak.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    /// Its name in the registry.
    pub name: Name,
    /// The sending applications (MSH-3.1) it may use; any when empty.
    pub applications: Vec<String>,
    /// The sending facilities (MSH-4.1) it may use; any when empty.
    pub facilities: Vec<String>,
}

/// Why a peer is not let in; the name is for logs and counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerRefusal {
    /// Nobody has this key.
    Unknown,
    /// The peer is not active yet.
    Pending,
    /// The peer was revoked.
    Revoked,
    /// The key was replaced by another one, and its time is over.
    Key,
    /// The certificate has expired, was revoked, or its authority is not trusted any more.
    Certificate,
    /// The peer may not use this channel.
    Channel,
    /// The peer may not come from this address.
    Address,
}

impl PeerRefusal {
    /// A stable name.
    pub fn name(self) -> &'static str {
        match self {
            PeerRefusal::Unknown => "peer-unknown",
            PeerRefusal::Pending => "peer-pending",
            PeerRefusal::Revoked => "peer-revoked",
            PeerRefusal::Key => "peer-key",
            PeerRefusal::Certificate => "peer-certificate",
            PeerRefusal::Channel => "peer-channel",
            PeerRefusal::Address => "peer-address",
        }
    }
}
