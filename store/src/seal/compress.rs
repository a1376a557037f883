//! Compression before sealing, where it pays.

use std::cell::RefCell;

use zstd::bulk::Compressor;
use zstd::zstd_safe;

/// Below this, what is gained does not pay for the time.
const BYTES_MIN: usize = 512;
const LEVEL: i32 = 1;
/// More than any stored value; the size in a frame is authenticated, so this only guards against a mistake.
const RESTORED_BYTES_MAX: u64 = 1 << 30;

thread_local! {
    /// Making a compressor costs more than compressing a message.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// Appends the compressed value when that is shorter; otherwise leaves `out` as it was.
pub(super) fn shorter(plain: &[u8], out: &mut Vec<u8>) -> bool {
    if plain.len() <= BYTES_MIN {
        return false;
    }
    let Some(packed) = COMPRESSOR.with_borrow_mut(|slot| compress(slot, plain)) else {
        return false;
    };
    // A sixteenth saved is the least that pays for restoring it.
    if packed.len() > plain.len() - plain.len() / 16 {
        return false;
    }
    out.extend_from_slice(&packed);
    true
}

fn compress(slot: &mut Option<Compressor<'static>>, plain: &[u8]) -> Option<Vec<u8>> {
    if slot.is_none() {
        *slot = Compressor::new(LEVEL).ok();
    }
    slot.as_mut()?.compress(plain).ok()
}

pub(super) fn restore(packed: &[u8]) -> Option<Vec<u8>> {
    let size = zstd_safe::get_frame_content_size(packed).ok()??;
    if size > RESTORED_BYTES_MAX {
        return None;
    }
    zstd::bulk::decompress(packed, usize::try_from(size).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_pays_is_compressed() {
        let mut out = Vec::new();
        assert!(!shorter(&[b'A'; 512], &mut out));
        let noise: Vec<u8> = (0..2000).map(|_| rand::random()).collect();
        assert!(!shorter(&noise, &mut out));
        assert!(out.is_empty());
        assert!(shorter(&[b'A'; 513], &mut out));
        assert_eq!(restore(&out).as_deref(), Some(&[b'A'; 513][..]));
    }

    #[test]
    fn nonsense_is_not_restored() {
        assert_eq!(restore(b"not a frame"), None);
        assert_eq!(restore(b""), None);
    }
}
