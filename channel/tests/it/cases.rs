//! Folders of a channel, its code tables, messages, and the text of everything that comes of them.

use crate::site::{Shelf, compile};
use crate::story::tell;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/cases")
}

/// Files of a folder in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

fn tell_case(case: &Path) -> String {
    let text = std::fs::read_to_string(case.join("channel.toml")).unwrap();
    let (channel, diags) = compile(&text, &Shelf::read(case));
    let mut story = if diags.is_empty() { String::new() } else { diags.render(false) };
    let Some(channel) = channel else { return story };
    for path in
        entries(case).iter().filter(|path| path.extension().is_some_and(|kind| kind == "hl7"))
    {
        let name = path.file_name().unwrap().to_str().unwrap();
        story.push_str(&format!("== {name}\n{}", tell(&channel, &std::fs::read(path).unwrap())));
    }
    story
}

#[test]
fn every_case_comes_out_as_its_file_says() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    for case in entries(&folder()) {
        let expected = case.join("expected.txt");
        let told = tell_case(&case);
        if update {
            std::fs::write(&expected, &told).unwrap();
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("{}:\n{told}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "UPDATE=1 keeps what came out:\n{}", wrong.join("\n"));
}
