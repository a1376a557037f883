//! `cases/NAME.toml` is read as a feed, and `cases/NAME.txt` is what is said about it.

use crate::golden::{check, data, entries};
use crate::shapes::{DESTINATION, FEED, SOURCE, SOURCES};
use config::{Diagnostics, Name, Scope, Section, Vars, parse_toml};

pub fn read(name: &str, text: &str) -> Diagnostics {
    let mut diags = Diagnostics::new();
    let folder = tempfile::tempdir().unwrap();
    let vars =
        "lab_address = \"127.0.0.1:2600\"\nbad_address = \"lab.example\"\nnumber = 7\n".to_owned();
    let vars = Vars::parse("vars/test.toml", vars, &mut diags);
    let tables = [Name::new("patient_class").unwrap(), Name::new("loinc").unwrap()];
    let secrets = config::Secrets::new(folder.path());
    let scope = Scope::none().with_vars(&vars).with_tables(&tables).with_secrets(&secrets);
    let Some(table) = parse_toml(&mut diags, name, text.to_owned()) else { return diags };
    let feed = Section::read(&table, &[FEED], &scope, &mut diags);
    if let Some(source) = feed.table_of("source") {
        Section::tagged(source, "type", SOURCES, &[SOURCE], &scope, &mut diags);
    }
    for destination in feed.tables("destination") {
        Section::read(destination, &[DESTINATION], &scope, &mut diags);
    }
    diags
}

#[test]
fn every_case_reads_as_expected() {
    let cases = entries("cases")
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut count = 0;
    for path in cases {
        let name = format!("cases/{}", path.file_name().unwrap().to_str().unwrap());
        let text = std::fs::read_to_string(&path).unwrap();
        check(&path.with_extension("txt"), &read(&name, &text).render(false));
        count += 1;
    }
    assert!(count >= 10, "only {count} cases were found");
}

#[test]
fn editors_get_the_same_as_json() {
    let text = std::fs::read_to_string(data("cases/keys.toml")).unwrap();
    let json = serde_json::to_string_pretty(&read("cases/keys.toml", &text).to_json()).unwrap();
    check(&data("cases/keys.json"), &format!("{json}\n"));
}

#[test]
fn colour_is_only_added() {
    let text = std::fs::read_to_string(data("cases/keys.toml")).unwrap();
    let diags = read("cases/keys.toml", &text);
    let (plain, colored) = (diags.render(false), diags.render(true));
    assert!(colored.contains("\u{1b}["));
    let mut bare = String::new();
    let mut rest = colored.as_str();
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    let trim = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(trim(&bare), trim(&plain));
}

#[test]
fn a_literal_secret_is_never_shown() {
    let text = std::fs::read_to_string(data("cases/secrets.toml")).unwrap();
    let diags = read("cases/secrets.toml", &text);
    for shown in [diags.render(false), diags.render(true), diags.to_json().to_string()] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[test]
fn terminals_get_no_control_characters_from_a_file() {
    let text = r#"
description = { var = "\u001b[2J" }
"a\u001b[31m" = 1
[source]
type = "\u001b[2J"
"#;
    let diags = read("evil.toml", text);
    let shown = diags.render(false);
    assert!(shown.contains("unknown key"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn nothing_wrong_says_nothing() {
    let diags = Diagnostics::new();
    assert_eq!(diags.render(false), "");
    assert!(!diags.has_errors());
}
