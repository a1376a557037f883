//! The documentation says what the engine does.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod effects;
mod guide;
mod markdown;
mod operations;
mod reference;
mod retention;

use std::path::PathBuf;

/// The top of the source tree.
fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file of the source tree.
fn read(path: &str) -> String {
    std::fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
