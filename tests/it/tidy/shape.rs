//! Lengths, names, and which crate may use which.

use super::{File, code, files, none};
use std::collections::BTreeMap;

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const NOT_A_NOUN: &[&str] =
    &["utils", "util", "common", "helpers", "helper", "types", "manager", "misc"];

/// The crates of this tree that each may depend on; the binary may use all of them, the tests none.
const EDGES: &[(&str, &[&str])] = &[
    ("phi", &[]),
    ("hl7", &["phi"]),
    ("deidentify", &["hl7", "phi"]),
    ("config", &["phi"]),
    ("net", &["config", "phi"]),
    ("store", &["config", "phi"]),
    ("channel", &["hl7", "config", "phi"]),
    ("connectors", &["hl7", "config", "net", "phi"]),
    ("auth", &["config", "store", "net", "phi"]),
    ("mirth", &[]),
    ("engine", &["hl7", "config", "channel", "connectors", "store", "net", "phi"]),
    (
        "console-api",
        &["engine", "auth", "store", "channel", "deidentify", "hl7", "config", "net", "phi"],
    ),
    ("console", &["console-api", "hl7", "phi"]),
    ("tests", &[]),
    ("tests/browser", &[]),
];

/// What would let a pure crate do I/O.
const IMPURE: &[&str] = &["tokio", "sqlx", "axum", "hyper"];

#[test]
fn files_and_functions_are_short() {
    let mut findings = Vec::new();
    for file in files().iter().filter(|file| file.is(".rs")) {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            findings.push(format!("{}: {lines} lines, at most {FILE_LINES_MAX}", file.path));
        }
        for (name, line, length) in code::functions(&code::blank(&file.text)) {
            if length > FUNCTION_LINES_MAX {
                findings.push(format!(
                    "{}:{line}: `{name}` has {length} lines, at most {FUNCTION_LINES_MAX}",
                    file.path
                ));
            }
        }
    }
    none("too long", &findings);
}

#[test]
fn modules_are_named_after_things() {
    let mut findings = Vec::new();
    for file in files().iter().filter(|file| file.is(".rs")) {
        let stem = file.path.trim_end_matches(".rs");
        if stem.split('/').any(|part| NOT_A_NOUN.contains(&part)) {
            findings.push(file.path.clone());
        }
    }
    none("a module's name says nothing", &findings);
}

#[test]
fn crates_depend_downwards_only() {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    let crates: Vec<&str> = EDGES.iter().map(|(name, _)| *name).chain(["cli"]).collect();
    let mut findings = Vec::new();
    for (folder, manifest) in manifests(&files()) {
        if folder == "cli" {
            continue;
        }
        let Some(may) = allowed.get(folder.as_str()) else {
            findings.push(format!("{folder}: a crate that the house does not know"));
            continue;
        };
        for name in dependencies(manifest) {
            if crates.contains(&name) && !may.contains(&name) {
                findings.push(format!("{folder} -> {name}"));
            }
        }
    }
    none("a dependency against the direction", &findings);
}

#[test]
fn pure_crates_cannot_do_io() {
    let mut findings = Vec::new();
    for (folder, manifest) in manifests(&files()) {
        if ["phi", "hl7", "deidentify", "config", "channel", "mirth"].contains(&folder.as_str()) {
            findings.extend(
                dependencies(manifest)
                    .iter()
                    .filter(|d| IMPURE.contains(d))
                    .map(|d| format!("{folder} -> {d}")),
            );
        }
    }
    none("a pure crate with a way out", &findings);
}

/// The manifests of the crates, by folder.
fn manifests(files: &[File]) -> Vec<(String, &str)> {
    let crates = files
        .iter()
        .filter_map(|file| Some((file.path.strip_suffix("/Cargo.toml")?, file.text.as_str())));
    crates.map(|(folder, text)| (folder.to_owned(), text)).collect()
}

/// Names in `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<&str> {
    let lines = manifest.lines().skip_while(|line| line.trim() != "[dependencies]").skip(1);
    let section = lines.take_while(|line| !line.starts_with('['));
    let names = section.filter_map(|line| line.split(['.', '=', ' ']).next());
    names.map(str::trim).filter(|name| !name.is_empty() && !name.starts_with('#')).collect()
}
