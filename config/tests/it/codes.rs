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

/// Every code in the sources of the workspace, with one file it stands in; the registry itself does not count.
fn used_codes() -> BTreeMap<String, PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = std::fs::read_dir(workspace).unwrap().flatten().map(|entry| entry.path());
    let mut files = Vec::new();
    for folder in folders.filter(|path| path.join("Cargo.toml").is_file()) {
        sources(&folder.join("src"), &mut files);
    }
    let mut used = BTreeMap::new();
    for file in files.iter().filter(|file| !file.ends_with("codes/mod.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        used.extend(codes_in(&text).map(|code| (code.to_owned(), file.clone())));
    }
    used
}

#[test]
fn every_code_in_the_workspace_is_registered() {
    let mut unknown = used_codes();
    assert!(unknown.len() > 20, "only {} codes were found in the sources", unknown.len());
    unknown.retain(|code, _| !CODES.iter().any(|known| known.code == code));
    assert!(unknown.is_empty(), "write a page in config/src/codes and list it: {unknown:#?}");
}

#[test]
fn every_registered_code_is_reported_by_something() {
    let used = used_codes();
    let dead: Vec<_> = CODES.iter().filter(|known| !used.contains_key(known.code)).collect();
    assert!(dead.is_empty(), "nothing reports these any more: {dead:#?}");
}
