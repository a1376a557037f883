//! Copies of the store key for those who keep them: sealed to their public keys, so that nobody sees it on the way.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::StoreKey;
use crate::archive::{Recipients, seal_to, unseal};
use crate::audit::{Act, Json, hex};
use crate::error::{OpenError, StoreError};
use crate::store::Store;

/// A copy of the key in force.
pub struct Escrowed {
    /// Which key it is.
    pub kek: String,
    /// An age file: `age -d` gives the key as it is kept in a file.
    pub bytes: Vec<u8>,
    /// SHA-256 of it, hexadecimal.
    pub sha256: String,
}

/// Why there is no copy, or why it cannot be told what it holds.
#[derive(Debug, thiserror::Error)]
pub enum EscrowError {
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] OpenError),
    /// The copy cannot be sealed or opened.
    #[error("{0}")]
    Sealing(#[from] std::io::Error),
    /// What was opened is no store key.
    #[error("it holds no store key")]
    NoKey,
    /// The copy is of another key.
    #[error("it is a copy of the key {found}, and {expected} is in force")]
    Other {
        /// The key in force.
        expected: String,
        /// The key in the copy.
        found: String,
    },
    /// The store cannot record it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes a copy of the key in force for those who keep it. Recorded before anybody has it.
    pub async fn escrow_key(
        &self,
        act: &Act,
        recipients: &Recipients,
    ) -> Result<Escrowed, EscrowError> {
        let key = self.key_in_force().await?;
        let bytes = seal_to(recipients, key.to_text().as_bytes())?;
        let (kek, sha256) = (key.id(), hex(&Sha256::digest(&bytes)));
        let after = Json::object([
            ("kek", Json::text(kek.to_string())),
            ("sha256", Json::text(&*sha256)),
            ("recipients", Json::List(recipients.names().into_iter().map(Json::text).collect())),
        ]);
        let now_us = act.now_us;
        self.note(act, "key.escrowed", after, move |facts| {
            facts.push(("escrow_kek", Some(kek.0.to_vec())));
            facts.push(("escrow_us", Some(now_us.to_be_bytes().to_vec())));
            facts.push(("escrow_verified_us", None));
        })
        .await?;
        Ok(Escrowed { kek: kek.to_string(), bytes, sha256 })
    }

    /// Records that somebody has opened a copy and found the key in force in it.
    pub async fn escrow_verified(&self, act: &Act, kek: &str) -> Result<(), EscrowError> {
        let in_force = self.held_key().kek;
        if in_force.to_string() != kek {
            let (expected, found) = (in_force.to_string(), kek.to_owned());
            return Err(EscrowError::Other { expected, found });
        }
        let after = Json::object([("kek", Json::text(kek))]);
        let now_us = act.now_us;
        self.note(act, "key.escrow_verified", after, move |facts| {
            facts.push(("escrow_kek", Some(in_force.0.to_vec())));
            facts.push(("escrow_verified_us", Some(now_us.to_be_bytes().to_vec())));
        })
        .await?;
        Ok(())
    }
}

/// Opens a copy with the private keys in a file; gives which key it holds. The key itself is forgotten.
pub fn read_escrow(file: &Path, identity: &Path) -> Result<String, EscrowError> {
    let mut text = Zeroizing::new(Vec::new());
    unseal(file, identity)?.take(256).read_to_end(&mut text)?;
    let key = StoreKey::parse(&text).ok_or(EscrowError::NoKey)?;
    Ok(key.id().to_string())
}
