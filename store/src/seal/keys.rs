//! Data keys: wrapped by the store key, one per purpose, channel and day.

use std::sync::atomic::{AtomicBool, Ordering};

use aes_gcm::aead::{AeadInOut, KeyInit, inout::InOutBuf};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use hkdf::Hkdf;
use rand::Rng;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{NONCE_BYTES, TAG_BYTES, Unopened};
use crate::key::{KekId, StoreKey};
use crate::state::coded;

pub(crate) type DataKeyId = [u8; 8];

coded! {
    /// What a data key is for. Each purpose has keys of its own.
    Purpose {
        /// Bodies, responses, error texts, which leave together: per channel and day.
        Message = 10, "message";
        /// Search tokens.
        Index = 11, "index";
        /// Lane tokens.
        Lane = 12, "lane";
        /// Duplicate tokens.
        Duplicate = 13, "duplicate";
        /// Body digests.
        Digest = 14, "digest";
        /// Error signatures.
        Signature = 15, "signature";
        /// Private keys and other secrets of the store.
        Secret = 16, "secret";
        /// What people sign in with: password hashes, second factors, recovery codes.
        Auth = 17, "auth";
        /// Control ids, which stay as long as the rows of their messages: per channel and day.
        Receipt = 18, "receipt";
    }
}

/// A data key, unwrapped.
pub(crate) struct DataKey {
    id: DataKeyId,
    expand: Hkdf<Sha256>,
    committed: AtomicBool,
}

/// The row of a data key.
#[derive(Clone)]
pub(crate) struct KeyRow {
    pub id: DataKeyId,
    pub purpose: Purpose,
    /// 0 for a key of the whole store.
    pub channel: i64,
    /// Days since 1970; 0 for a long-lived key.
    pub day: i64,
    pub kek_id: KekId,
    pub wrapped: Vec<u8>,
    pub commitment: Vec<u8>,
}

impl DataKey {
    fn new(id: DataKeyId, key: &[u8; 32], committed: bool) -> Result<DataKey, Unopened> {
        let expand = Hkdf::<Sha256>::from_prk(key).map_err(|_| Unopened)?;
        Ok(DataKey { id, expand, committed: AtomicBool::new(committed) })
    }

    pub(crate) fn id(&self) -> &DataKeyId {
        &self.id
    }

    /// The key of one place.
    pub(crate) fn derive(&self, info: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        let expanded = self.expand.expand(info, &mut *key);
        debug_assert!(expanded.is_ok(), "32 bytes are within what HKDF gives");
        key
    }

    /// Whether its row is on disk, so that blobs may refer to it.
    pub(crate) fn is_committed(&self) -> bool {
        self.committed.load(Ordering::Acquire)
    }

    pub(crate) fn set_committed(&self) {
        self.committed.store(true, Ordering::Release);
    }

    /// Proof of which key a wrapping holds: GCM alone lets one ciphertext open under two keys.
    fn commitment(&self) -> Zeroizing<[u8; 32]> {
        self.derive(b"commit")
    }

    /// A key of no store, for tests and measurements.
    pub(crate) fn random() -> DataKey {
        let key = Zeroizing::new(rand::random::<[u8; 32]>());
        DataKey {
            id: rand::random(),
            expand: Hkdf::new(None, &*key),
            committed: AtomicBool::new(true),
        }
    }
}

/// Wraps and unwraps data keys with the store key.
pub(crate) struct Wrapping {
    kek_id: KekId,
    cipher: Aes256Gcm,
}

impl Wrapping {
    pub(crate) fn new(key: &StoreKey) -> Wrapping {
        Wrapping { kek_id: key.id(), cipher: Aes256Gcm::new(key.expose_secret().into()) }
    }

    /// A new data key with the row that must be on disk before or with the first blob.
    pub(crate) fn make(
        &self,
        purpose: Purpose,
        channel: i64,
        day: i64,
    ) -> Result<(DataKey, KeyRow), Unopened> {
        let plain = self.fresh();
        self.make_of(&plain, purpose, channel, day)
    }

    /// A long-lived key of the store with its bytes, for tokens.
    pub(crate) fn make_bytes(
        &self,
        purpose: Purpose,
    ) -> Result<(Zeroizing<[u8; 32]>, KeyRow), Unopened> {
        let plain = self.fresh();
        let (_, row) = self.make_of(&plain, purpose, 0, 0)?;
        Ok((plain, row))
    }

    fn fresh(&self) -> Zeroizing<[u8; 32]> {
        let mut plain = Zeroizing::new([0; 32]);
        rand::rng().fill_bytes(&mut *plain);
        plain
    }

    fn make_of(
        &self,
        plain: &[u8; 32],
        purpose: Purpose,
        channel: i64,
        day: i64,
    ) -> Result<(DataKey, KeyRow), Unopened> {
        let key = DataKey::new(rand::random(), plain, false)?;
        let mut row = KeyRow {
            id: key.id,
            purpose,
            channel,
            day,
            kek_id: self.kek_id,
            wrapped: Vec::with_capacity(NONCE_BYTES + 32 + TAG_BYTES),
            commitment: key.commitment().to_vec(),
        };
        self.wrap(plain, &mut row)?;
        Ok((key, row))
    }

    /// Wraps the bytes of a key for what its row says.
    fn wrap(&self, plain: &[u8; 32], row: &mut KeyRow) -> Result<(), Unopened> {
        row.kek_id = self.kek_id;
        row.wrapped.clear();
        let mut nonce = Nonce::default();
        rand::rng().fill_bytes(&mut nonce);
        let mut text = Zeroizing::new(*plain);
        let tag =
            self.cipher.encrypt_inout_detached(&nonce, &scope(row), InOutBuf::from(&mut text[..]));
        row.wrapped.extend_from_slice(&nonce);
        row.wrapped.extend_from_slice(&text[..]);
        row.wrapped.extend_from_slice(&tag.map_err(|_| Unopened)?);
        Ok(())
    }

    pub(crate) fn unwrap(&self, row: &KeyRow) -> Result<DataKey, Unopened> {
        let plain = self.unwrap_bytes(row)?;
        DataKey::new(row.id, &plain, true)
    }

    /// The bytes of a key, when the row is whole and was wrapped for exactly this scope.
    pub(crate) fn unwrap_bytes(&self, row: &KeyRow) -> Result<Zeroizing<[u8; 32]>, Unopened> {
        if row.kek_id != self.kek_id || row.wrapped.len() != NONCE_BYTES + 32 + TAG_BYTES {
            return Err(Unopened);
        }
        let (nonce, rest) = row.wrapped.split_at(NONCE_BYTES);
        let (text, tag) = rest.split_at(32);
        let nonce = Nonce::try_from(nonce).map_err(|_| Unopened)?;
        let tag = Tag::try_from(tag).map_err(|_| Unopened)?;
        let mut plain = Zeroizing::new([0; 32]);
        plain.copy_from_slice(text);
        self.cipher
            .decrypt_inout_detached(&nonce, &scope(row), InOutBuf::from(&mut plain[..]), &tag)
            .map_err(|_| Unopened)?;
        let key = DataKey::new(row.id, &plain, true)?;
        if bool::from(key.commitment().ct_eq(&row.commitment)) { Ok(plain) } else { Err(Unopened) }
    }
}

/// The store keys at hand: one wraps, and as long as the key is being changed the one before it still unwraps.
pub(crate) struct Wrappings {
    now: Wrapping,
    before: Option<Wrapping>,
}

impl Wrappings {
    pub(crate) fn new(now: Wrapping) -> Wrappings {
        Wrappings { now, before: None }
    }

    /// While the key is being changed.
    pub(crate) fn changing(now: Wrapping, before: Wrapping) -> Wrappings {
        Wrappings { now, before: Some(before) }
    }

    /// From here on another key wraps.
    pub(crate) fn change_to(&mut self, next: Wrapping) {
        self.before = Some(std::mem::replace(&mut self.now, next));
    }

    /// The key before is not used any more.
    pub(crate) fn changed(&mut self) {
        self.before = None;
    }

    /// The one that wraps.
    pub(crate) fn now(&self) -> &Wrapping {
        &self.now
    }

    fn of(&self, row: &KeyRow) -> &Wrapping {
        match &self.before {
            Some(before) if before.kek_id == row.kek_id => before,
            _ => &self.now,
        }
    }

    pub(crate) fn unwrap(&self, row: &KeyRow) -> Result<DataKey, Unopened> {
        self.of(row).unwrap(row)
    }

    pub(crate) fn unwrap_bytes(&self, row: &KeyRow) -> Result<Zeroizing<[u8; 32]>, Unopened> {
        self.of(row).unwrap_bytes(row)
    }

    /// The row of the same key, wrapped by the one that wraps now.
    pub(crate) fn rewrap(&self, row: &KeyRow) -> Result<KeyRow, Unopened> {
        let plain = self.unwrap_bytes(row)?;
        let mut again = row.clone();
        self.now.wrap(&plain, &mut again)?;
        Ok(again)
    }
}

/// `kek_id ‖ dek_id ‖ scope ‖ purpose`: a wrapped key moved to another row does not unwrap.
fn scope(row: &KeyRow) -> Vec<u8> {
    let mut text = Vec::with_capacity(48);
    text.extend_from_slice(&row.kek_id.0);
    text.extend_from_slice(&row.id);
    text.extend_from_slice(&row.channel.to_be_bytes());
    text.extend_from_slice(&row.day.to_be_bytes());
    text.extend_from_slice(row.purpose.as_str().as_bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapping() -> Wrapping {
        Wrapping::new(&StoreKey::random())
    }

    #[test]
    fn a_wrapped_key_derives_the_same_after_unwrapping() {
        let wrapping = wrapping();
        let (key, row) = wrapping.make(Purpose::Message, 3, 20_000).unwrap();
        assert!(!key.is_committed());
        let again = wrapping.unwrap(&row).unwrap();
        assert_eq!(*key.derive(b"x"), *again.derive(b"x"));
        assert!(again.is_committed());
    }

    #[test]
    fn a_key_that_is_wrapped_anew_is_the_same_and_opens_with_the_new_store_key_alone() {
        let (old, new) = (StoreKey::random(), StoreKey::random());
        let mut both = Wrappings::new(Wrapping::new(&old));
        let (key, row) = both.now().make(Purpose::Message, 3, 20_000).unwrap();
        both.change_to(Wrapping::new(&new));
        let again = both.rewrap(&row).unwrap();
        assert_eq!(
            (again.id, again.kek_id, again.wrapped.len()),
            (row.id, new.id(), row.wrapped.len())
        );
        for opened in [both.unwrap(&row), both.unwrap(&again), Wrapping::new(&new).unwrap(&again)] {
            assert_eq!(*opened.unwrap().derive(b"x"), *key.derive(b"x"));
        }
        assert!(Wrapping::new(&old).unwrap(&again).is_err());
        both.changed();
        assert!(both.unwrap(&row).is_err() && both.unwrap(&again).is_ok());
    }

    #[test]
    fn a_key_row_that_was_changed_or_swapped_is_refused() {
        let wrapping = wrapping();
        let (_, row) = wrapping.make(Purpose::Message, 3, 20_000).unwrap();
        let (_, other) = wrapping.make(Purpose::Message, 4, 20_000).unwrap();
        let changes: [fn(&mut KeyRow, &KeyRow); 6] = [
            |row, other| row.wrapped.clone_from(&other.wrapped),
            |row, other| row.commitment.clone_from(&other.commitment),
            |row, _| row.channel = 4,
            |row, _| row.day += 1,
            |row, _| row.purpose = Purpose::Index,
            |row, _| row.id[0] ^= 1,
        ];
        for change in changes {
            let mut changed = row.clone();
            change(&mut changed, &other);
            assert!(wrapping.unwrap(&changed).is_err());
        }
        assert!(Wrapping::new(&StoreKey::random()).unwrap(&row).is_err());
    }
}
