//! The shared corpus of messages that nobody here wrote.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub fn root() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    if !root.is_dir() {
        eprintln!("{} is not there: nothing to run over", root.display());
        return None;
    }
    Some(root)
}

/// Every message file, with its path below the corpus.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let Some(root) = root() else { return Vec::new() };
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "hl7") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    assert!(found.len() > 500, "the corpus has {} files", found.len());
    found
}
