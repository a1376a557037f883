//! What the registry says at one moment: read by every handshake, replaced as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use config::{Name, Network, NetworkError};
use net::{Authorities, Knock, PeerIdentity, PeerRefusal};
use rustls_pki_types::CertificateRevocationListDer;
use store::{Authority, AuthorityKind, Issued, Peer, PeerState};

use crate::ca::{Certificate, Revocations};

/// The rows, and what follows from them.
#[derive(Debug, Default)]
pub struct Book {
    /// Every peer.
    pub peers: Vec<Peer>,
    /// Every authority.
    pub authorities: Vec<Trusted>,
    /// Every certificate of our own roots.
    pub issued: Vec<Issued>,
    doors: BTreeMap<[u8; 32], Door>,
}

/// An authority with what was read of it.
#[derive(Debug)]
pub struct Trusted {
    /// Its row.
    pub row: Authority,
    /// Its certificate.
    pub certificate: Certificate,
    /// Its revocation list, when it has one.
    pub list: ListState,
}

/// How it is with an authority's revocation list.
#[derive(Debug, PartialEq, Eq)]
pub enum ListState {
    /// It has none: its certificates end by expiring, or when their peer is revoked.
    None,
    /// It was read.
    Read(Revocations),
    /// It should be there and is not, in words: until it is, nothing of this authority is taken.
    Missing(String),
}

/// What a key opens.
#[derive(Debug)]
struct Door {
    state: PeerState,
    until_us: Option<i64>,
    channels: Option<Vec<Name>>,
    /// One that does not read holds nobody.
    sources: Vec<Result<Network, NetworkError>>,
    identity: Arc<PeerIdentity>,
}

impl Trusted {
    /// Whether certificates of it are taken at a time.
    pub fn is_in_force(&self, now_us: i64) -> bool {
        self.row.is_in_force(now_us) && !matches!(self.list, ListState::Missing(_))
    }

    /// Whether it says that it has signed a certificate.
    pub fn signed(&self, certificate: &Certificate) -> bool {
        self.certificate.subject_der == certificate.issuer_der
    }

    /// Whether it has taken a certificate back.
    pub fn has_revoked(&self, certificate: &Certificate) -> bool {
        match &self.list {
            ListState::Read(list) => self.signed(certificate) && list.holds(&certificate.serial),
            ListState::None | ListState::Missing(_) => false,
        }
    }
}

impl Book {
    /// Joins the rows of the registry.
    pub fn new(peers: Vec<Peer>, authorities: Vec<Trusted>, issued: Vec<Issued>) -> Book {
        let doors = peers.iter().flat_map(doors).collect();
        Book { peers, authorities, issued, doors }
    }

    /// What certificates are verified against at a time.
    pub fn authorities(&self, now_us: i64) -> Authorities {
        let in_force: Vec<&Trusted> =
            self.authorities.iter().filter(|one| one.is_in_force(now_us)).collect();
        let lists = in_force.iter().filter_map(|one| match &one.list {
            ListState::Read(list) => Some(CertificateRevocationListDer::clone(&list.der)),
            ListState::None | ListState::Missing(_) => None,
        });
        Authorities {
            revocations: lists.collect(),
            unlisted: true,
            roots: in_force.iter().map(|one| one.certificate.der.clone()).collect(),
        }
    }

    /// Whether the holder of a certificate may talk to a channel at a time.
    pub fn admit(&self, knock: &Knock<'_>, now_us: i64) -> Result<Arc<PeerIdentity>, PeerRefusal> {
        let certificate = Certificate::read(knock.certificate).map_err(|_| PeerRefusal::Unknown)?;
        let door = self.doors.get(&certificate.spki).ok_or(PeerRefusal::Unknown)?;
        match door.state {
            PeerState::Active => {}
            PeerState::Pending => return Err(PeerRefusal::Pending),
            PeerState::Revoked => return Err(PeerRefusal::Revoked),
        }
        if door.until_us.is_some_and(|until| now_us >= until) {
            return Err(PeerRefusal::Key);
        }
        if !self.takes(&certificate, now_us) {
            return Err(PeerRefusal::Certificate);
        }
        if door.channels.as_ref().is_some_and(|channels| !channels.contains(knock.channel)) {
            return Err(PeerRefusal::Channel);
        }
        let from = |network: &Result<Network, NetworkError>| {
            network.is_ok_and(|network| network.contains(knock.address))
        };
        if !door.sources.is_empty() && !door.sources.iter().any(from) {
            return Err(PeerRefusal::Address);
        }
        Ok(Arc::clone(&door.identity))
    }

    /// Whether a certificate whose chain was good once still is: not expired, not taken back, and its authority is still trusted.
    fn takes(&self, certificate: &Certificate, now_us: i64) -> bool {
        let issuers = self
            .authorities
            .iter()
            .filter(|one| one.certificate.subject_der == certificate.issuer_der);
        let (mut known, mut in_force) = (false, false);
        for issuer in issuers {
            known = true;
            in_force |= issuer.is_in_force(now_us);
        }
        // One between an authority and the peer is not in the registry; whoever verified the chain has seen it.
        (in_force || !known)
            && now_us <= certificate.until_us
            && !self.authorities.iter().any(|one| one.has_revoked(certificate))
    }

    /// The own root that signs now.
    pub fn root(&self) -> Option<&Trusted> {
        self.authorities
            .iter()
            .find(|one| one.row.kind == AuthorityKind::Own && one.row.until_us.is_none())
    }

    /// The moments at which something ends by itself, in the order of time.
    pub fn ends_us(&self) -> BTreeSet<i64> {
        let keys = self.peers.iter().flat_map(|peer| &peer.keys).filter_map(|key| key.until_us);
        let roots = self.authorities.iter().filter_map(|one| one.row.until_us);
        let certificates = self.peers.iter().flat_map(|peer| &peer.keys).filter_map(|key| {
            let certificate = Certificate::read(key.certificate.as_ref()?).ok()?;
            // It is good until the end of its last second.
            Some(certificate.until_us + 1)
        });
        keys.chain(roots).chain(certificates).collect()
    }
}

fn doors(peer: &Peer) -> impl Iterator<Item = ([u8; 32], Door)> {
    let identity = Arc::new(PeerIdentity {
        name: peer.name.clone(),
        applications: peer.rights.applications.clone(),
        facilities: peer.rights.facilities.clone(),
    });
    peer.keys.iter().map(move |key| {
        let sources = &peer.rights.sources;
        let door = Door {
            state: peer.state,
            until_us: key.until_us,
            channels: peer.rights.channels.clone(),
            sources: sources.iter().map(|text| text.parse()).collect(),
            identity: Arc::clone(&identity),
        };
        (key.spki, door)
    })
}
