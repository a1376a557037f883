//! Values on their way from one database to another.

use sha2::{Digest, Sha256};

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(String),
    /// Bytes, and ids too.
    Bytes(Vec<u8>),
}

/// Rows and what they add up to, in whatever order they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub rows: i64,
    /// The sum of their SHA-256, as four numbers without carry.
    pub sum: [u64; 4],
}

impl Tally {
    pub(crate) fn add(&mut self, row: &[Cell]) {
        let mut hash = Sha256::new();
        for cell in row {
            match cell {
                Cell::Null => hash.update([0]),
                Cell::Int(value) => {
                    hash.update([1]);
                    hash.update(value.to_be_bytes());
                }
                Cell::Text(text) => sized(&mut hash, 2, text.as_bytes()),
                Cell::Bytes(bytes) => sized(&mut hash, 3, bytes),
            }
        }
        let digest: [u8; 32] = hash.finalize().into();
        let (lanes, _) = digest.as_chunks::<8>();
        for (sum, lane) in self.sum.iter_mut().zip(lanes) {
            *sum = sum.wrapping_add(u64::from_be_bytes(*lane));
        }
        self.rows += 1;
    }
}

fn sized(hash: &mut Sha256, kind: u8, bytes: &[u8]) {
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: &[Vec<Cell>]) -> Tally {
        let mut tally = Tally::default();
        rows.iter().for_each(|row| tally.add(row));
        tally
    }

    #[test]
    fn order_does_not_matter_and_everything_else_does() {
        let (one, other) = (vec![Cell::Int(1), Cell::Null], vec![Cell::Text("a".to_owned())]);
        assert_eq!(tally(&[one.clone(), other.clone()]), tally(&[other.clone(), one.clone()]));
        assert_ne!(tally(std::slice::from_ref(&one)), tally(&[one.clone(), one.clone()]));
        assert_ne!(tally(&[other]), tally(&[vec![Cell::Bytes(b"a".to_vec())]]));
        let split = |a: &str, b: &str| vec![Cell::Text(a.to_owned()), Cell::Text(b.to_owned())];
        assert_ne!(tally(&[split("ab", "c")]), tally(&[split("a", "bc")]));
    }
}
