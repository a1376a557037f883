//! Checkpoints: signed notes over the log as it is at one size, in the form of C2SP `tlog-checkpoint` and `signed-note`.
//!
//! ```text
//! log/0198c5e1-…                  which log
//! 1000                            how many records
//! base64 of the tree's root       what they are
//!
//! — log/0198c5e1-… base64(key id ‖ Ed25519 signature over the lines above)
//! ```

use data_encoding::BASE64;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::chain::Hash;
use super::epoch::{Public, is_signature};
use super::tree::Tree;
use crate::error::StoreError;

/// Lines of a note in a file: its text, the empty line, its one signature.
pub(super) const LINES: usize = 5;
/// What `signed-note` calls a signature by Ed25519.
const ED25519: u8 = 1;

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Records before it.
    pub size: i64,
    /// The root of the tree over them.
    pub root: Hash,
    origin: String,
    key_id: [u8; 4],
    signature: Vec<u8>,
}

fn origin(log_id: Uuid) -> String {
    format!("log/{log_id}")
}

fn text(origin: &str, size: i64, root: &Hash) -> String {
    format!("{origin}\n{size}\n{}\n", BASE64.encode(root))
}

fn key_id(origin: &str, public: &Public) -> [u8; 4] {
    let named = Sha256::new().chain_update(origin).chain_update([b'\n', ED25519]);
    let [a, b, c, d, ..]: [u8; 32] = named.chain_update(public).finalize().into();
    [a, b, c, d]
}

/// The note over a tree, signed.
pub(super) fn note(
    log_id: Uuid,
    tree: &Tree,
    sign: impl FnOnce(&[u8]) -> Result<(Public, Vec<u8>), StoreError>,
) -> Result<String, StoreError> {
    let origin = origin(log_id);
    let text = text(&origin, tree.size(), &tree.root());
    let (public, signature) = sign(text.as_bytes())?;
    let signed = [&key_id(&origin, &public)[..], &signature].concat();
    Ok(format!("{text}\n\u{2014} {origin} {}\n", BASE64.encode(&signed)))
}

impl Checkpoint {
    /// Reads a note; nothing when it is none, or not written as this engine writes it.
    pub(super) fn read(note: &str) -> Option<Checkpoint> {
        let lines: Vec<&str> = note.strip_suffix('\n')?.split('\n').collect();
        let [origin, size, root, "", signed] = lines[..] else { return None };
        let (name, signed) = signed.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let signed = BASE64.decode(signed.as_bytes()).ok()?;
        let (key_id, signature) = signed.split_first_chunk::<4>()?;
        let checkpoint = Checkpoint {
            size: size.parse().ok()?,
            root: BASE64.decode(root.as_bytes()).ok()?.try_into().ok()?,
            origin: origin.to_owned(),
            key_id: *key_id,
            signature: signature.to_vec(),
        };
        let shown = text(origin, checkpoint.size, &checkpoint.root);
        (name == origin && note.starts_with(&shown)).then_some(checkpoint)
    }

    /// Whether it is about this log.
    pub(super) fn is_of(&self, log_id: Uuid) -> bool {
        self.origin == origin(log_id)
    }

    /// Whether a key has signed it.
    pub(super) fn is_signed_by(&self, public: &Public) -> bool {
        self.key_id == key_id(&self.origin, public)
            && is_signature(
                public,
                text(&self.origin, self.size, &self.root).as_bytes(),
                &self.signature,
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    fn signed() -> (String, Public) {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let public: Public = pair.public_key().as_ref().try_into().unwrap();
        let mut tree = Tree::default();
        tree.push(&[1; 32]);
        tree.push(&[2; 32]);
        let sign = |text: &[u8]| Ok((public, pair.sign(text).as_ref().to_vec()));
        (note(Uuid::from_u128(1), &tree, sign).unwrap(), public)
    }

    #[test]
    fn a_note_reads_back_and_proves_itself() {
        let (note, public) = signed();
        assert_eq!(note.lines().count(), LINES);
        let read = Checkpoint::read(&note).unwrap();
        assert_eq!(read.size, 2);
        assert!(read.is_of(Uuid::from_u128(1)) && !read.is_of(Uuid::from_u128(2)));
        assert!(read.is_signed_by(&public) && !read.is_signed_by(&[7; 32]));
    }

    #[test]
    fn a_changed_byte_of_a_note_is_seen() {
        let (note, public) = signed();
        for n in 0..note.len() {
            let mut forged = note.clone().into_bytes();
            forged[n] ^= 1;
            let Ok(forged) = String::from_utf8(forged) else { continue };
            let proves = Checkpoint::read(&forged).is_some_and(|read| read.is_signed_by(&public));
            assert!(!proves, "byte {n}: {forged}");
        }
        for odd in [
            "",
            "\n",
            "a\n1\n\n\n\u{2014} a b\n",
            &note[1..],
            &format!("{note}\n"),
            note.trim_end(),
        ] {
            assert_eq!(Checkpoint::read(odd), None, "{odd}");
        }
    }
}
