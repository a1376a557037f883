//! Words that may not stand in the tree, and calls that are listed by name.

use super::{code, files, none, top};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Written apart, so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!"),
    concat!("unimple", "mented!("),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("not yet ", "implemented"),
    concat!("place", "holder"),
    concat!("#[", "ignore"),
];

/// The named ways out of `Phi` and `Secret`.
const EXITS: &[&str] = &["expose_phi", "into_phi", "expose_secret"];

#[test]
fn nothing_says_that_it_is_unfinished() {
    let mut findings = Vec::new();
    for file in files() {
        if ![".rs", ".sh", ".md", ".sql", ".toml"].iter().any(|end| file.is(end)) {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            if let Some(word) = UNFINISHED.iter().find(|word| line.contains(**word)) {
                findings.push(format!("{}:{}: {word}", file.path, number + 1));
            }
        }
    }
    none("unfinished by its own words", &findings);
}

#[test]
fn only_the_command_line_prints() {
    let mut findings = Vec::new();
    for file in files().iter().filter(|file| file.ships() && !file.path.starts_with("cli/")) {
        for (number, line) in shipped(&file.text).lines().enumerate() {
            if ["println!", "print!(", "dbg!("].iter().any(|call| line.contains(call)) {
                findings.push(format!("{}:{}", file.path, number + 1));
            }
        }
    }
    none("printing outside the command line", &findings);
}

#[test]
fn the_ways_out_of_phi_and_secret_are_listed() {
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for file in files().iter().filter(|file| file.ships() && !file.path.starts_with("phi/")) {
        let code = shipped(&file.text);
        for exit in EXITS {
            let count = code.matches(&format!(".{exit}(")).count()
                + code.matches(&format!("::{exit}")).count();
            if count > 0 {
                calls.insert(format!("{} {exit}", file.path), count);
            }
        }
    }
    let mut found = String::from(
        "# Where values leave `Phi` and `Secret`: file, call, times. UPDATE=1 rewrites it; a reviewer reads it.\n",
    );
    for (place, count) in &calls {
        writeln!(found, "{place} {count}").unwrap();
    }
    let list = top().join("tests/exits.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&list, &found).unwrap();
    }
    let listed = std::fs::read_to_string(&list).unwrap_or_default();
    let differ: Vec<String> = differences(&listed, &found);
    none(
        "ways out of `Phi` and `Secret` that tests/exits.txt does not list (UPDATE=1 rewrites it)",
        &differ,
    );
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let mut places = vec![top().to_string_lossy().into_owned()];
    places.extend(
        std::env::var("HOME").ok().filter(|home| home.len() > 1).map(|home| format!("{home}/")),
    );
    let mut findings = Vec::new();
    for file in files() {
        if file.path != "Cargo.lock"
            && places.iter().any(|place| file.text.contains(place.as_str()))
        {
            findings.push(file.path);
        }
    }
    none("a path of this machine", &findings);
}

#[test]
fn the_readme_has_the_two_commands() {
    let readme = std::fs::read_to_string(top().join("README.md")).expect("a README");
    for command in [
        "cargo run --release -- serve examples/quickstart",
        "cargo run --release -- send 127.0.0.1:2575 examples/quickstart/messages",
        "tests/run",
    ] {
        assert!(readme.contains(command), "the README does not say `{command}`");
    }
}

/// Blanked code without the tests, which are last in a file.
fn shipped(text: &str) -> String {
    let code = code::blank(text);
    code.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

fn differences(listed: &str, found: &str) -> Vec<String> {
    let gone = listed
        .lines()
        .filter(|line| !found.lines().any(|other| other == *line))
        .map(|line| format!("- {line}"));
    let new = found
        .lines()
        .filter(|line| !listed.lines().any(|other| other == *line))
        .map(|line| format!("+ {line}"));
    gone.chain(new).collect()
}
