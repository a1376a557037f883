//! Every code that any crate reports can be explained.

use config::codes::CODES;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// `"C0207"` in quotes, as codes are written in sources.
fn codes_in(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').filter(|part| {
        let digits = part.strip_prefix(['C', 'R']).unwrap_or("");
        digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[test]
fn every_code_in_the_workspace_is_registered() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let crates = std::fs::read_dir(workspace)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("Cargo.toml").is_file());
    let mut files = Vec::new();
    crates.for_each(|path| sources(&path.join("src"), &mut files));
    let mut unknown: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut used = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for code in
            codes_in(&text).filter(|code| !file.ends_with("codes/mod.rs") || !code.is_empty())
        {
            used += 1;
            if !CODES.iter().any(|known| known.code == code) {
                unknown.insert(code.to_owned(), file.clone());
            }
        }
    }
    assert!(used > 20, "only {used} codes were found in the sources");
    assert!(unknown.is_empty(), "write a page in config/src/codes and list it: {unknown:#?}");
}
