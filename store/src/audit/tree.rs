//! The tree over the log's records (RFC 6962, section 2.1, with SHA-256): one root stands for all of them, in their order.
//!
//! Only the roots of its whole subtrees are kept, at most 63 hashes whatever the size, so that a record costs a few hashes and nothing
//! has to be read again.

use sha2::{Digest, Sha256};

use super::chain::Hash;

/// A tree that grows at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    size: i64,
    /// The roots of the whole subtrees, the largest first: one for each bit of the size.
    peaks: Vec<Hash>,
}

impl Tree {
    /// A tree as it was kept; nothing when the bytes are not those of a tree of this size.
    pub(super) fn read(size: i64, bytes: &[u8]) -> Option<Tree> {
        let (peaks, rest) = bytes.as_chunks::<32>();
        let whole = rest.is_empty() && size >= 0 && peaks.len() == size.count_ones() as usize;
        whole.then(|| Tree { size, peaks: peaks.to_vec() })
    }

    /// The bytes to keep.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.peaks.concat()
    }

    pub(super) fn size(&self) -> i64 {
        self.size
    }

    /// Adds the leaf of the next record.
    pub(super) fn push(&mut self, leaf: &Hash) {
        let mut root = *leaf;
        for _ in 0..self.size.trailing_ones() {
            let Some(left) = self.peaks.pop() else { break };
            root = node(&left, &root);
        }
        self.peaks.push(root);
        self.size += 1;
    }

    /// The root over everything in it.
    pub(super) fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            Some(last) => peaks.fold(*last, |root, left| node(left, &root)),
            None => Sha256::digest([]).into(),
        }
    }
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::chain::leaf;
    use crate::audit::record::hex;

    /// The definition, word for word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [leaf] => *leaf,
            _ => {
                let half = leaves.len().next_power_of_two() / 2;
                node(&by_definition(&leaves[..half]), &by_definition(&leaves[half..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_rfc_6962() {
        let leaves: Vec<Hash> = (0..70_u8).map(|n| leaf(&[n])).collect();
        let mut tree = Tree::default();
        for size in 0..leaves.len() {
            assert_eq!(tree.root(), by_definition(&leaves[..size]), "{size} leaves");
            assert_eq!(Tree::read(tree.size(), &tree.bytes()), Some(tree.clone()));
            tree.push(&leaves[size]);
        }
        assert_eq!(Tree::read(3, &[0; 32]), None);
        assert_eq!(Tree::read(-1, &[]), None);
    }

    /// The inputs and roots of certificate transparency's own tests.
    #[test]
    fn known_roots() {
        let inputs: [&[u8]; 4] = [b"", b"\x00", b"\x10", b"\x20\x21"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ];
        let mut tree = Tree::default();
        for (input, root) in inputs.iter().zip(roots) {
            tree.push(&leaf(input));
            assert_eq!(hex(&tree.root()), root);
        }
    }
}
