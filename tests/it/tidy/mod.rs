//! The house rules that a machine can check, over the text of the whole tree.

mod code;
mod shape;
mod words;

use std::fs;
use std::path::{Path, PathBuf};

/// A text file of the tree.
struct File {
    /// Path below the top, with `/`.
    path: String,
    text: String,
}

impl File {
    fn is(&self, end: &str) -> bool {
        self.path.ends_with(end)
    }

    /// Whether it is code that ships: not a test, not a bench.
    fn ships(&self) -> bool {
        self.is(".rs")
            && !["tests/", "/tests/", "/benches/"]
                .iter()
                .any(|part| self.path.starts_with(part) || self.path.contains(part))
    }
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().canonicalize().unwrap()
}

/// Every text file that belongs to the tree, sorted.
fn files() -> Vec<File> {
    let mut files = Vec::new();
    walk(&top(), "", &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn walk(folder: &Path, below: &str, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            if !["target", ".git", "data"].contains(&name.as_str()) {
                walk(&entry.path(), &path, files);
            }
        } else if let Ok(text) = fs::read_to_string(entry.path()) {
            files.push(File { path, text });
        }
    }
}

/// Fails with all findings at once.
fn none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
