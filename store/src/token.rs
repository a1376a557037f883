//! Keyed tokens: what stands in a column so that equal values can be found without being readable.

use config::Name;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::StoreError;
use crate::ids::{ChannelId, DestinationId, UserId};
use crate::search::SearchField;

/// The lane of a delivery at its destination: a keyed token of the order key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey(pub [u8; 16]);

/// A token of sixteen bytes.
pub(crate) type Token = [u8; 16];

/// The kinds of token, each under a long-lived key of its own, so that equal values of two kinds have nothing in common.
pub(crate) struct Tokens {
    lane: Hmac<Sha256>,
    duplicate: Hmac<Sha256>,
    digest: Hmac<Sha256>,
    signature: Hmac<Sha256>,
    index: Hmac<Sha256>,
}

/// The keys that [`Tokens`] are made with.
pub(crate) struct TokenKeys<'a> {
    pub lane: &'a [u8; 32],
    pub duplicate: &'a [u8; 32],
    pub digest: &'a [u8; 32],
    pub signature: &'a [u8; 32],
    pub index: &'a [u8; 32],
}

impl Tokens {
    pub(crate) fn new(keys: &TokenKeys<'_>) -> Result<Tokens, StoreError> {
        let keyed = |key: &[u8; 32]| {
            Hmac::<Sha256>::new_from_slice(key)
                .map_err(|_| StoreError::Internal("a token key has a wrong size".to_owned()))
        };
        Ok(Tokens {
            lane: keyed(keys.lane)?,
            duplicate: keyed(keys.duplicate)?,
            digest: keyed(keys.digest)?,
            signature: keyed(keys.signature)?,
            index: keyed(keys.index)?,
        })
    }

    pub(crate) fn lane(
        &self,
        channel: ChannelId,
        destination: DestinationId,
        key: &[u8],
    ) -> LaneKey {
        let scope = [channel.number().to_be_bytes(), destination.number().to_be_bytes()].concat();
        LaneKey(token(&self.lane, &[&scope, key]))
    }

    /// One message of one sender in one channel, in 63 bits.
    ///
    /// It is the number of a row, so it is short; two messages that share one by chance differ in their digest and are both kept. Its first
    /// bits come from the control id without its last two characters: senders count up, so what arrives together lies together, and a group
    /// of receipts touches a page or two instead of one for each. It tells no more than the order of arrival does.
    pub(crate) fn duplicate(
        &self,
        channel: ChannelId,
        application: &str,
        facility: &str,
        control_id: &str,
    ) -> i64 {
        let channel = channel.number().to_be_bytes();
        let token = |kind: &[u8], id: &str| -> Token {
            let (application, facility) = (application.as_bytes(), facility.as_bytes());
            token(&self.duplicate, &[&channel, application, facility, kind, id.as_bytes()])
        };
        let neighbours = control_id.char_indices().rev().nth(1).map_or(0, |(start, _)| start);
        let [a, b, c, ..] = token(b"neighbours", control_id.get(..neighbours).unwrap_or_default());
        let [.., d, e, f, g, h] = token(b"message", control_id);
        i64::from_be_bytes([a & 0x7f, b, c, d, e, f, g, h])
    }

    pub(crate) fn digest(&self, body: &[u8]) -> Token {
        token(&self.digest, &[body])
    }

    pub(crate) fn signature(&self, text: &str) -> Token {
        token(&self.signature, &[text.as_bytes()])
    }

    /// The application acknowledgement of one message, as it comes in at one channel.
    pub(crate) fn application_ack(&self, channel: &Name, control_id: &[u8]) -> Token {
        token(&self.index, &[b"application-ack", channel.as_str().as_bytes(), control_id])
    }

    /// A recovery code of a user.
    pub(crate) fn recovery(&self, user: UserId, code: &str) -> Token {
        token(&self.index, &[b"recovery", user.as_bytes(), code.as_bytes()])
    }

    /// A value that messages can be found by, wherever they are.
    pub(crate) fn search(&self, field: SearchField, value: &str) -> Token {
        token(&self.index, &[b"search", field.as_str().as_bytes(), value.as_bytes()])
    }

    pub(crate) fn control_id(&self, control_id: &str) -> Token {
        token(&self.index, &[b"control-id", control_id.as_bytes()])
    }
}

/// Each part with its length before it, so that no two lists of parts read the same.
fn token(key: &Hmac<Sha256>, parts: &[&[u8]]) -> Token {
    let mut mac = key.clone();
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    let full = mac.finalize().into_bytes();
    let mut short = [0; 16];
    short.copy_from_slice(&full[..16]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        let (a, b, c, d, e) = ([1; 32], [2; 32], [3; 32], [4; 32], [5; 32]);
        Tokens::new(&TokenKeys { lane: &a, duplicate: &b, digest: &c, signature: &d, index: &e })
            .unwrap()
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let tokens = tokens();
        let channel = ChannelId::from_number(1);
        assert_ne!(
            tokens.duplicate(channel, "LAB", "A", "1"),
            tokens.duplicate(channel, "LA", "BA", "1")
        );
        assert_ne!(
            tokens.duplicate(channel, "LAB", "A", "1"),
            tokens.duplicate(ChannelId::from_number(2), "LAB", "A", "1")
        );
        assert_eq!(
            tokens.duplicate(channel, "LAB", "A", "1"),
            tokens.duplicate(channel, "LAB", "A", "1")
        );
    }

    #[test]
    fn a_duplicate_token_is_a_positive_row_number() {
        let tokens = tokens();
        for id in 0..200 {
            assert!(tokens.duplicate(ChannelId::from_number(1), "", "", &id.to_string()) >= 0);
        }
    }

    #[test]
    fn what_a_sender_counts_up_lies_together() {
        let tokens = tokens();
        let token = |id: &str| tokens.duplicate(ChannelId::from_number(1), "LAB", "A", id);
        let near = |one: &str, other: &str| token(one) >> 40 == token(other) >> 40;
        assert!(near("MSG0100", "MSG0199") && token("MSG0100") != token("MSG0199"));
        assert!(!near("MSG0100", "MSG0200"));
        assert!(near("é", "7") && near("", "12") && token("") != token("1"));
    }

    #[test]
    fn equal_values_of_two_kinds_have_nothing_in_common() {
        let tokens = tokens();
        assert_ne!(tokens.signature("x"), tokens.digest(b"x"));
    }
}
