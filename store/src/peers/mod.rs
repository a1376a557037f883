//! The registry of peers: who may connect, and which authorities prove who somebody is.
//!
//! The store keeps rows and what follows from them (a key belongs to one peer for ever, what is revoked stays so); what a certificate is,
//! the caller knows.

mod authority;
mod certificate;
mod peer;

use crate::audit::Json;
use crate::error::StoreError;

pub use authority::{Authority, AuthorityKind, NewAuthority, RevocationList};
pub use certificate::{Issued, NewIssued, Revocation};
pub use peer::{NewPeer, NewPeerKey, Peer, PeerKey, PeerRights, PeerState};

/// The writer that acts on the registry share: one order for all of them.
const REGISTRY: i64 = 0;

/// A fingerprint or serial in an audit record.
fn digits(bytes: &[u8]) -> Json {
    Json::text(crate::audit::hex(bytes))
}

fn fingerprint(bytes: &[u8]) -> Result<[u8; 32], StoreError> {
    bytes
        .try_into()
        .map_err(|_| StoreError::Internal("a fingerprint of the registry is cut".to_owned()))
}

fn name(text: &str) -> Result<config::Name, StoreError> {
    config::Name::new(text)
        .map_err(|_| StoreError::Internal("a name of the registry is none".to_owned()))
}
