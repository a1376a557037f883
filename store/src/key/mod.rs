//! The store key: 32 bytes outside the database that wrap every data key inside it.

mod agree;
mod escrow;
mod file;
mod reseal;
mod rotation;
mod source;
mod standing;

use std::time::Duration;

use phi::Secret;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use crate::error::StoreError;
use crate::seal::OnTheWay;

pub(crate) use agree::{Held, agree};
pub use escrow::{EscrowError, Escrowed, read_escrow};
pub(crate) use file::{check_folder, check_key};
pub use reseal::{ChannelKey, Reseal, ResealPlan};
pub use rotation::{RotateError, Rotated, RotationPlan};
pub(crate) use source::{KeyState, find, make};
pub use standing::{DataKeys, KeyStanding, SealedColumn};

/// How often it is looked whether what a key of before has sealed is on disk, and for how long: no write takes so long.
const LOOK: Duration = Duration::from_millis(5);
const LOOK_MAX: Duration = Duration::from_secs(60);

/// Waits until whatever was being sealed with a key of before is on disk.
///
/// # Errors
/// When something holds on to that key; what was to be done is begun again later.
async fn put_down(on_the_way: &OnTheWay) -> Result<(), StoreError> {
    let end = Instant::now() + LOOK_MAX;
    while !on_the_way.is_over() {
        if Instant::now() >= end {
            return Err(StoreError::Busy);
        }
        sleep(LOOK).await;
    }
    Ok(())
}

/// The key-check value of a store key: enough to tell keys apart, nothing about the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KekId(pub [u8; 8]);

impl std::fmt::Display for KekId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The store key.
pub(crate) struct StoreKey(Secret<[u8; 32]>);

impl StoreKey {
    pub(crate) fn new(bytes: [u8; 32]) -> StoreKey {
        StoreKey(Secret::new(bytes))
    }

    pub(crate) fn random() -> StoreKey {
        StoreKey::new(rand::random())
    }

    pub(crate) fn expose_secret(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    pub(crate) fn id(&self) -> KekId {
        let digest =
            Sha256::new().chain_update(b"kek-id").chain_update(self.expose_secret()).finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        KekId(id)
    }

    /// Reads a key as it is kept: 64 hexadecimal digits, perhaps with a line end.
    fn parse(text: &[u8]) -> Option<StoreKey> {
        let digits = text.strip_suffix(b"\n").unwrap_or(text);
        let digits = digits.strip_suffix(b"\r").unwrap_or(digits);
        if digits.len() != 64 {
            return None;
        }
        let mut key = zeroize::Zeroizing::new([0_u8; 32]);
        for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
            let text = std::str::from_utf8(pair).ok()?;
            if !pair.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            *byte = u8::from_str_radix(text, 16).ok()?;
        }
        Some(StoreKey::new(*key))
    }

    fn to_text(&self) -> zeroize::Zeroizing<String> {
        let mut text = zeroize::Zeroizing::new(String::with_capacity(65));
        for byte in self.expose_secret() {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
        }
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_its_id_says_nothing_else() {
        let key = StoreKey::random();
        let text = key.to_text();
        let again = StoreKey::parse(text.as_bytes()).unwrap();
        assert_eq!(key.id(), again.id());
        assert_ne!(key.id(), StoreKey::random().id());
        assert_eq!(key.id().to_string().len(), 16);
    }

    #[test]
    fn a_damaged_key_is_no_key() {
        let text = StoreKey::random().to_text();
        for bad in [
            &text.as_bytes()[..63],
            b"",
            &text.as_bytes().repeat(2),
            &b"zz".repeat(32),
            &b"+1".repeat(32),
        ] {
            assert!(StoreKey::parse(bad).is_none());
        }
    }
}
