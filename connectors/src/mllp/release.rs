//! The two releases of MLLP: in the second, each block is answered by a block of one byte once its content is safe.

use config::{Field, Kind, Section};

/// What a block of MLLP release 2 says when the content is in safe storage.
pub(crate) const COMMITTED: &[u8] = &[0x06];
/// What it says when the content could not be kept.
pub(crate) const NOT_COMMITTED: &[u8] = &[0x15];

/// A release of MLLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Release {
    /// Blocks alone.
    #[default]
    One,
    /// Blocks, each committed by the other side.
    Two,
}

/// The setting, with what it means for this side.
pub(super) const fn release_field(doc: &'static str) -> Field {
    Field::default("release", doc, Kind::Integer { min: 1, max: 2 }, "1")
}

impl Release {
    pub(super) fn read(section: &Section<'_>) -> Release {
        match section.integer("release") {
            Some(2) => Release::Two,
            _ => Release::One,
        }
    }
}

/// Whether a block is a commit acknowledgement, of either kind.
pub(crate) fn is_commit(block: &[u8]) -> bool {
    block == COMMITTED || block == NOT_COMMITTED
}
