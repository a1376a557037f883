//! Acts on peers.

use config::{Name, Network};
use store::{Act, NewPeer, NewPeerKey, PeerRights, PeerState};

use super::{Registry, RegistryError};
use crate::ca::{Certificate, DAY_US};

/// How long two keys of a peer may be in force together.
pub const OVERLAP_DAYS_MAX: i64 = 7;
/// A sending application or facility is at most this long, and so many of them are kept.
const VALUE_BYTES_MAX: usize = 227;
const VALUES_MAX: usize = 64;

/// A peer to be added.
pub struct PeerOrder {
    /// Its name.
    pub name: Name,
    /// What it may do.
    pub rights: PeerRights,
    /// The key by which it is known.
    pub key: KeySource,
    /// It is not let in before somebody has said so.
    pub pending: bool,
}

/// Where the key of a peer is taken from.
pub enum KeySource {
    /// The first certificate of a PEM text.
    Certificate(String),
    /// The SHA-256 of its subject public key info, in hexadecimal digits.
    Pinned(String),
    /// The newest certificate that our root has issued to this name.
    Issued,
}

impl Registry {
    /// Adds a peer.
    pub async fn add_peer(&self, act: &Act, order: PeerOrder) -> Result<(), RegistryError> {
        let _acting = self.acting.lock().await;
        check(&order.rights)?;
        let key = self.key(&order.name, &order.key, act.now_us)?;
        let state = if order.pending { PeerState::Pending } else { PeerState::Active };
        let new = NewPeer { name: order.name, state, rights: order.rights, key };
        self.store.add_peer(act, new).await?;
        self.follow().await;
        Ok(())
    }

    /// Changes what a peer may do.
    pub async fn set_peer(
        &self,
        act: &Act,
        name: &Name,
        rights: PeerRights,
    ) -> Result<(), RegistryError> {
        let _acting = self.acting.lock().await;
        check(&rights)?;
        self.store.set_peer_rights(act, name, rights).await?;
        self.follow().await;
        Ok(())
    }

    /// Lets a pending peer in.
    pub async fn activate_peer(&self, act: &Act, name: &Name) -> Result<(), RegistryError> {
        let _acting = self.acting.lock().await;
        self.store.activate_peer(act, name).await?;
        self.follow().await;
        Ok(())
    }

    /// Gives a peer another key; the one before is taken for so many days more.
    pub async fn rotate_peer(
        &self,
        act: &Act,
        name: &Name,
        key: &KeySource,
        overlap_days: i64,
    ) -> Result<(), RegistryError> {
        let _acting = self.acting.lock().await;
        if !(0..=OVERLAP_DAYS_MAX).contains(&overlap_days) {
            return Err(RegistryError::Invalid(format!(
                "two keys are in force together for 0 to {OVERLAP_DAYS_MAX} days"
            )));
        }
        let key = self.key(name, key, act.now_us)?;
        let until_us = act.now_us + overlap_days * DAY_US;
        self.store.rotate_peer(act, name, key, until_us).await?;
        self.follow().await;
        Ok(())
    }

    /// Lets a peer never in again, and ends its connections.
    pub async fn revoke_peer(&self, act: &Act, name: &Name) -> Result<(), RegistryError> {
        let _acting = self.acting.lock().await;
        self.store.revoke_peer(act, name).await?;
        self.follow().await;
        Ok(())
    }

    fn key(
        &self,
        name: &Name,
        source: &KeySource,
        now_us: i64,
    ) -> Result<NewPeerKey, RegistryError> {
        let certificate = match source {
            KeySource::Pinned(digits) => {
                return Ok(NewPeerKey { spki: spki(digits)?, certificate: None });
            }
            KeySource::Certificate(pem) => Certificate::from_pem(pem)?,
            KeySource::Issued => {
                let book = self.book();
                let good = |one: &&store::Issued| one.name == *name && one.revoked.is_none();
                let newest = book.issued.iter().filter(good).max_by_key(|one| one.created_us);
                let newest = newest.ok_or_else(|| {
                    RegistryError::Refused(format!("no certificate was issued to `{name}`: `hilum ca issue {name} --client` does"))
                })?;
                Certificate::read(&newest.certificate)?
            }
        };
        if certificate.is_authority {
            return Err(RegistryError::Invalid(
                "this is the certificate of an authority, not of a peer".to_owned(),
            ));
        }
        if certificate.until_us < now_us {
            return Err(RegistryError::Invalid("this certificate has expired".to_owned()));
        }
        if !certificate.uses.is_empty()
            && !certificate.uses.iter().any(|u| u == "client" || u == "any")
        {
            return Err(RegistryError::Invalid(
                "this certificate is not for a client: a peer connects to us".to_owned(),
            ));
        }
        Ok(NewPeerKey { spki: certificate.spki, certificate: Some(certificate.der.to_vec()) })
    }
}

/// 64 hexadecimal digits, perhaps with colons.
fn spki(digits: &str) -> Result<[u8; 32], RegistryError> {
    let invalid = || {
        RegistryError::Invalid(
            "a pinned key is the SHA-256 of its public key info: 64 hexadecimal digits".to_owned(),
        )
    };
    let plain: Vec<u8> = digits.bytes().filter(|byte| *byte != b':').collect();
    if plain.len() != 64 || !plain.iter().all(u8::is_ascii_hexdigit) {
        return Err(invalid());
    }
    let mut spki = [0; 32];
    for (byte, pair) in spki.iter_mut().zip(plain.chunks_exact(2)) {
        let text = std::str::from_utf8(pair).map_err(|_| invalid())?;
        *byte = u8::from_str_radix(text, 16).map_err(|_| invalid())?;
    }
    Ok(spki)
}

fn check(rights: &PeerRights) -> Result<(), RegistryError> {
    let invalid = |text: String| Err(RegistryError::Invalid(text));
    if rights.channels.as_ref().is_some_and(Vec::is_empty) {
        return invalid("name the channels that it may send to".to_owned());
    }
    for source in &rights.sources {
        if let Err(error) = source.parse::<Network>() {
            return invalid(format!("`{source}`: {error}"));
        }
    }
    for value in rights.applications.iter().chain(&rights.facilities) {
        if value.is_empty() || value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control)
        {
            return invalid(
                "a sending application or facility is a short text of one line".to_owned(),
            );
        }
    }
    let counts = [rights.applications.len(), rights.facilities.len(), rights.sources.len()];
    if counts.iter().any(|count| *count > VALUES_MAX) {
        return invalid(format!("at most {VALUES_MAX} values of a kind"));
    }
    Ok(())
}
