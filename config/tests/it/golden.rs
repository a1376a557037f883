use std::path::{Path, PathBuf};

/// A folder of test data of this crate.
pub fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(folder)
}

/// The entries of a folder of test data, sorted.
pub fn entries(folder: &str) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(data(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Compares with the expected file; `UPDATE=1` writes it instead.
pub fn check(expected: &Path, actual: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(expected, actual).unwrap();
        return;
    }
    let wanted = std::fs::read_to_string(expected).unwrap_or_default();
    assert!(
        wanted == actual,
        "{} differs; UPDATE=1 rewrites it\n--- expected\n{wanted}\n--- actual\n{actual}",
        expected.display()
    );
}
