//! Sealing: what may hold patient data is encrypted before it reaches the writer.
//!
//! A blob is `0x01 ‖ alg ‖ fmt ‖ data key id (8) ‖ nonce (12) ‖ ciphertext ‖ tag (16)`. Its key is derived for one column of one row, and
//! the seal covers header, column, channel and row, so a blob that was changed, moved to another row, column or channel does not open.

mod compress;
mod keys;
mod ring;

use aes_gcm::aead::{AeadInOut, KeyInit, inout::InOutBuf};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use rand::Rng;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::ids::ChannelId;
pub(crate) use keys::{DataKey, DataKeyId, KeyRow, Purpose, Wrapping, Wrappings};
pub(crate) use ring::{FreshKey, KeyRing, OnTheWay};

const VERSION: u8 = 1;
const ALG_AES_256_GCM: u8 = 1;
const FMT_PLAIN: u8 = 0;
const FMT_ZSTD: u8 = 1;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
/// Version, algorithm, format and data key id: the part of the header that is authenticated as it stands.
const HEAD_BYTES: usize = 3 + 8;
const HEADER_BYTES: usize = HEAD_BYTES + NONCE_BYTES;

/// The sealed columns. A number is part of every seal of its column: fixed, and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// `bodies.blob`
    Body = 1,
    /// `messages.error`
    MessageError = 2,
    /// `deliveries.error`
    DeliveryError = 3,
    /// `attempts.response`
    AttemptResponse = 4,
    /// `attempts.error`
    AttemptError = 5,
    /// `messages.control_id`
    ControlId = 6,
    /// `authorities.private_key`
    AuthorityKey = 7,
    /// `users.password`
    Password = 8,
    /// `users.second_factor`
    SecondFactor = 9,
    /// The file with the private half of the key that seals the audit log
    AuditKey = 10,
    /// `envelopes.passphrase`
    Passphrase = 11,
    /// `saved_views.content`
    SavedView = 12,
}

impl Column {
    /// All of them, for the test that compares them with the schema.
    #[cfg(test)]
    pub(crate) const ALL: &'static [(Column, &'static str)] = &[
        (Column::Body, "bodies.blob"),
        (Column::MessageError, "messages.error"),
        (Column::DeliveryError, "deliveries.error"),
        (Column::AttemptResponse, "attempts.response"),
        (Column::AttemptError, "attempts.error"),
        (Column::ControlId, "messages.control_id"),
        (Column::AuthorityKey, "authorities.private_key"),
        (Column::Password, "users.password"),
        (Column::SecondFactor, "users.second_factor"),
        (Column::Passphrase, "envelopes.passphrase"),
        (Column::SavedView, "saved_views.content"),
    ];

    /// What people are told when it does not open.
    pub(crate) fn what(self) -> &'static str {
        match self {
            Column::Body => "a body",
            Column::MessageError | Column::DeliveryError | Column::AttemptError => "an error text",
            Column::AttemptResponse => "a response",
            Column::ControlId => "a control id",
            Column::AuthorityKey => "a private key",
            Column::Password => "a password",
            Column::SecondFactor => "a second factor",
            Column::AuditKey => "a key of the audit log",
            Column::Passphrase => "a passphrase",
            Column::SavedView => "a saved view",
        }
    }
}

/// The place that a blob is sealed for.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub channel: ChannelId,
    pub column: Column,
    pub row: Uuid,
}

impl Place {
    fn authenticated(&self, head: &[u8]) -> [u8; HEAD_BYTES + NONCE_BYTES + 2 + 8 + 16] {
        let mut text = [0; HEAD_BYTES + NONCE_BYTES + 2 + 8 + 16];
        let (header, place) = text.split_at_mut(HEADER_BYTES);
        header.copy_from_slice(head);
        place[..2].copy_from_slice(&(self.column as u16).to_be_bytes());
        place[2..10].copy_from_slice(&self.channel.number().to_be_bytes());
        place[10..].copy_from_slice(self.row.as_bytes());
        text
    }

    fn info(&self) -> [u8; 6 + 2 + 16] {
        let mut text = [0; 6 + 2 + 16];
        text[..6].copy_from_slice(b"msg-v1");
        text[6..8].copy_from_slice(&(self.column as u16).to_be_bytes());
        text[8..].copy_from_slice(self.row.as_bytes());
        text
    }
}

/// A blob that does not open: changed, moved, made by a newer version, or its key is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unopened;

/// Seals a value for its place.
pub(crate) fn seal(key: &DataKey, place: Place, plain: &[u8]) -> Vec<u8> {
    let mut blob = vec![0; HEADER_BYTES];
    blob.reserve(plain.len() + TAG_BYTES);
    let fmt = if compress::shorter(plain, &mut blob) { FMT_ZSTD } else { FMT_PLAIN };
    if fmt == FMT_PLAIN {
        blob.extend_from_slice(plain);
    }
    let (header, text) = blob.split_at_mut(HEADER_BYTES);
    header[0] = VERSION;
    header[1] = ALG_AES_256_GCM;
    header[2] = fmt;
    header[3..HEAD_BYTES].copy_from_slice(key.id());
    let mut nonce = Nonce::default();
    rand::rng().fill_bytes(&mut nonce);
    header[HEAD_BYTES..].copy_from_slice(&nonce);
    let cipher = cipher(key, place);
    let tag =
        cipher.encrypt_inout_detached(&nonce, &place.authenticated(header), InOutBuf::from(text));
    // The cipher refuses only plaintexts beyond 64 GiB, which no message comes near; a tag of zeros would not open.
    blob.extend_from_slice(&tag.unwrap_or_default());
    blob
}

/// Which data key a blob needs.
pub(crate) fn key_of(blob: &[u8]) -> Result<DataKeyId, Unopened> {
    match blob {
        [VERSION, ALG_AES_256_GCM, FMT_PLAIN | FMT_ZSTD, rest @ ..]
            if blob.len() >= HEADER_BYTES + TAG_BYTES =>
        {
            rest.first_chunk::<8>().copied().ok_or(Unopened)
        }
        _ => Err(Unopened),
    }
}

/// Opens a blob at its place.
pub(crate) fn open(key: &DataKey, place: Place, blob: &[u8]) -> Result<Vec<u8>, Unopened> {
    if key_of(blob)? != *key.id() {
        return Err(Unopened);
    }
    let (header, rest) = blob.split_at(HEADER_BYTES);
    let (text, tag) = rest.split_at(rest.len() - TAG_BYTES);
    let nonce = Nonce::try_from(&header[HEAD_BYTES..]).map_err(|_| Unopened)?;
    let tag = Tag::try_from(tag).map_err(|_| Unopened)?;
    let mut plain = text.to_vec();
    cipher(key, place)
        .decrypt_inout_detached(
            &nonce,
            &place.authenticated(header),
            InOutBuf::from(&mut plain[..]),
            &tag,
        )
        .map_err(|_| Unopened)?;
    match header[2] {
        FMT_ZSTD => compress::restore(&plain).ok_or(Unopened),
        _ => Ok(plain),
    }
}

fn cipher(key: &DataKey, place: Place) -> Aes256Gcm {
    let row_key: Zeroizing<[u8; 32]> = key.derive(&place.info());
    Aes256Gcm::new(&(*row_key).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place { channel: ChannelId::from_number(7), column: Column::Body, row: Uuid::now_v7() }
    }

    fn opened(key: &DataKey, place: Place, blob: &[u8]) -> Result<Vec<u8>, Unopened> {
        open(key, place, blob)
    }

    #[test]
    fn a_sealed_value_opens_and_does_not_show() {
        let key = DataKey::random();
        for plain in [
            &b""[..],
            b"MSH|^~\\&|CANARY",
            &b"PID|1||CANARY\r".repeat(100),
            &b"CANARY".repeat(40_000),
        ] {
            let blob = seal(&key, place_of(1), plain);
            assert_eq!(opened(&key, place_of(1), &blob).as_deref(), Ok(plain));
            assert!(!blob.windows(6).any(|window| window == b"CANARY"));
        }
    }

    fn place_of(row: u128) -> Place {
        Place { row: Uuid::from_u128(row), ..place() }
    }

    #[test]
    fn large_values_are_compressed_first() {
        let plain = b"OBX|1|NM|718-7^Hemoglobin^LN||13.5|g/dL\r".repeat(50);
        assert!(seal(&DataKey::random(), place(), &plain).len() < plain.len() / 2);
    }

    #[test]
    fn no_changed_byte_goes_unseen() {
        let key = DataKey::random();
        for plain in [&b"short"[..], &b"long enough to be compressed ".repeat(30)] {
            let blob = seal(&key, place_of(1), plain);
            for at in 0..blob.len() {
                let mut changed = blob.clone();
                changed[at] ^= 1;
                assert_eq!(opened(&key, place_of(1), &changed), Err(Unopened), "byte {at}");
            }
            for end in 0..blob.len() {
                assert_eq!(opened(&key, place_of(1), &blob[..end]), Err(Unopened), "cut at {end}");
            }
        }
    }

    #[test]
    fn a_moved_value_does_not_open() {
        let key = DataKey::random();
        let here = place_of(1);
        let blob = seal(&key, here, b"PID");
        let other_column = Place { column: Column::AttemptError, ..here };
        let other_channel = Place { channel: ChannelId::from_number(8), ..here };
        for elsewhere in [place_of(2), other_column, other_channel] {
            assert_eq!(opened(&key, elsewhere, &blob), Err(Unopened));
        }
        assert_eq!(opened(&DataKey::random(), here, &blob), Err(Unopened));
    }
}
