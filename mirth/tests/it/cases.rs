use crate::site;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn exports_become_what_is_written_beside_them() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut wrong = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let found = outcome(&fs::read(folder.join("export.xml")).unwrap());
        if std::env::var_os("UPDATE").is_some() {
            rewrite(&folder, &found);
        }
        let told = found.values().any(|text| text.contains("hunter"));
        assert!(!told, "{name}: a password came over");
        let expected = tree(&folder);
        for path in expected.keys().chain(found.keys()) {
            if expected.get(path) != found.get(path) {
                wrong.push(format!("{name}/{path}"));
            }
        }
        wrong
            .extend(site::problems(&found).into_iter().map(|problem| format!("{name}: {problem}")));
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "UPDATE=1 rewrites what is expected:\n{}", wrong.join("\n"));
}

/// What an export becomes, by path.
fn outcome(xml: &[u8]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    match mirth::translate(xml) {
        Err(error) => {
            found.insert("error.txt".to_owned(), format!("{error}\n"));
        }
        Ok(translation) => {
            let mut notes = String::new();
            for note in &translation.notes {
                writeln!(notes, "{note}").unwrap();
            }
            found.insert("notes.txt".to_owned(), notes);
            for (path, text) in translation.files {
                assert!(found.insert(format!("site/{path}"), text).is_none(), "{path} twice");
            }
        }
    }
    found
}

fn rewrite(folder: &Path, found: &BTreeMap<String, String>) {
    for path in tree(folder).keys() {
        fs::remove_file(folder.join(path)).unwrap();
    }
    for (path, text) in found {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

/// Every file of a case but the export.
fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if !path.ends_with("export.xml") {
                let below = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(below, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}
