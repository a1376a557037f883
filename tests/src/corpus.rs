//! The corpus of other people's messages, read in place beside the checkout.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of the corpus.
pub struct Sample {
    /// Path below the corpus, with `/`.
    pub name: String,
    /// The bytes as they came.
    pub bytes: Vec<u8>,
}

/// Where the corpus is when it is there.
pub fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    folder.is_dir().then_some(folder)
}

/// Every message file below `part` (`""` for all), sorted by name; empty where there is no corpus.
pub fn samples(part: &str) -> Vec<Sample> {
    let Some(root) = folder() else {
        eprintln!("no corpus beside the checkout: nothing to run over");
        return Vec::new();
    };
    let mut files = Vec::new();
    walk(&root.join(part), &mut files);
    files.sort();
    let mut samples = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        let documentation = [".tsv", ".md", ".jsonl"].iter().any(|end| name.ends_with(end));
        if !documentation {
            samples.push(Sample { name, bytes: fs::read(&file).unwrap() });
        }
    }
    samples
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}
