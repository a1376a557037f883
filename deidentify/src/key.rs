//! The key that everything invented depends on.

use hmac::{Hmac, KeyInit, Mac};
use phi::Secret;
use sha2::{Digest, Sha256};

/// Bytes of a key that somebody brings: below that it could be guessed from a copy and one known number.
const BYTES_MIN: usize = 16;

/// A key for invented values.
#[derive(Clone)]
pub struct Key {
    secret: Secret<[u8; 32]>,
}

/// A key that could be guessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a key for copies has at least 16 bytes")]
pub struct KeyTooShort;

impl Key {
    /// A key that nobody knows and that is gone with this value: copies made with another one cannot be linked to these.
    pub fn random() -> Key {
        Key { secret: Secret::new(rand::random::<[u8; 32]>()) }
    }

    /// A key from bytes that are kept somewhere, without the white space around them; at least 16 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Key, KeyTooShort> {
        let bytes = bytes.trim_ascii();
        if bytes.len() < BYTES_MIN {
            return Err(KeyTooShort);
        }
        let digest =
            Sha256::new_with_prefix(b"hilum deidentify 1\0").chain_update(bytes).finalize();
        Ok(Key { secret: Secret::new(digest.into()) })
    }

    /// HMAC-SHA-256 over the purpose and the parts, each with its length before it.
    pub(crate) fn digest(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC takes keys of any length, so there is no error to see here.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret()) else {
            return [0; 32];
        };
        for part in [purpose.as_bytes()].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// A number below `below` (at least 1) that depends on the parts.
    pub(crate) fn number(&self, purpose: &str, parts: &[&[u8]], below: usize) -> usize {
        let digest = self.digest(purpose, parts);
        let head = digest.first_chunk::<8>().copied().unwrap_or_default();
        // Below 2^32 the bias of a 64-bit number is beyond counting.
        (u64::from_be_bytes(head) % (below.max(1) as u64)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let key = Key::from_bytes(b"0123456789abcdef").unwrap();
        assert_ne!(key.digest("a", &[b"b", b"c"]), key.digest("a", &[b"bc"]));
        assert_ne!(key.digest("ab", &[b"c"]), key.digest("a", &[b"bc"]));
    }

    #[test]
    fn a_key_that_could_be_guessed_is_refused() {
        assert_eq!(Key::from_bytes(b"  short  \n").err(), Some(KeyTooShort));
        let (one, same) = (b"0123456789abcdef".as_slice(), b"0123456789abcdef\n".as_slice());
        let digest = |bytes| Key::from_bytes(bytes).unwrap().digest("x", &[]);
        assert_eq!(digest(one), digest(same));
    }
}
