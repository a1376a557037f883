//! What the getters of a section hand out.

use crate::shapes::{DESTINATION, FEED, SOURCE, SOURCES};
use config::{Diagnostics, Item, Paths, Scope, Section, Table, Vars, parse_toml};
use std::path::Path;
use std::time::Duration;

fn parse(text: &str) -> (Table, Diagnostics) {
    let mut diags = Diagnostics::new();
    let table = parse_toml(&mut diags, "a.toml", text.to_owned()).unwrap();
    (table, diags)
}

#[test]
fn a_sound_file_gives_typed_values() {
    let text = std::fs::read_to_string(crate::golden::data("cases/sound.toml")).unwrap();
    let (table, mut diags) = parse(&text);
    let vars = Vars::parse("vars/test.toml", "lab_address = 'lab:2600'\n".to_owned(), &mut diags);
    let scope = Scope::none().with_vars(&vars);
    let feed = Section::read(&table, &[FEED], &scope, &mut diags);
    let (kind, source) = Section::tagged(
        feed.table_of("source").unwrap(),
        "type",
        SOURCES,
        &[SOURCE],
        &scope,
        &mut diags,
    )
    .unwrap();
    let destinations: Vec<_> = feed
        .tables("destination")
        .into_iter()
        .map(|table| Section::read(table, &[DESTINATION], &scope, &mut diags))
        .collect();
    assert_eq!(diags.render(false), "");

    assert_eq!(feed.choice("only"), Some("production"));
    assert_eq!(feed.bool("urgent"), Some(true));
    assert_eq!(
        feed.texts("tags").iter().map(|text| text.as_str()).collect::<Vec<_>>(),
        ["adt", "lab"]
    );
    assert_eq!(feed.items("steps").len(), 2);
    assert_eq!(kind, "mllp");
    assert_eq!(source.listen("listen").unwrap().port(), 2575);
    assert_eq!(
        (source.size("max_message"), source.integer("connections")),
        (Some(1 << 20), Some(1))
    );
    let [lab, archive] = destinations.as_slice() else { panic!("two destinations were written") };
    assert_eq!(lab.address("address").unwrap().to_string(), "lab:2600");
    assert_eq!(lab.texts("order_by").len(), 2);
    assert_eq!(archive.choice("order_by"), Some("none"));
    assert_eq!(lab.duration("timeout"), Some(Duration::from_secs(120)));
    let retry = lab.section("retry").unwrap();
    assert_eq!(
        (retry.duration("first"), retry.duration("max")),
        (Some(Duration::from_secs(10)), Some(Duration::from_secs(300)))
    );
}

#[test]
fn what_is_left_out_has_its_default() {
    let (table, mut diags) = parse("type = 'mllp'\nlisten = '127.0.0.1:0'\n");
    let (_, source) =
        Section::tagged(&table, "type", SOURCES, &[SOURCE], &Scope::none(), &mut diags).unwrap();
    assert!(diags.is_empty() && source.is_sound());
    assert_eq!(source.choice("ack"), Some("on-receipt"));
    assert_eq!(
        (source.size("max_message"), source.integer("connections")),
        (Some(16 << 20), Some(256))
    );
    assert!(source.text("when").is_none() && !source.is_given("ack") && source.is_given("listen"));
}

#[test]
fn what_was_reported_is_not_handed_out() {
    let (table, mut diags) = parse("type = 'mllp'\nlisten = 'x'\nconnections = 0\nack = 'never'\n");
    let (_, source) =
        Section::tagged(&table, "type", SOURCES, &[SOURCE], &Scope::none(), &mut diags).unwrap();
    assert_eq!(diags.error_count(), 3);
    assert!(!source.is_sound());
    assert!(
        source.listen("listen").is_none()
            && source.integer("connections").is_none()
            && source.choice("ack").is_none()
    );
}

#[test]
fn a_value_from_a_variable_points_into_the_variables_file() {
    let (table, mut diags) = parse("name = 'lab'\naddress = { var = 'lab' }\n");
    let vars = Vars::parse("vars/test.toml", "lab = 'lab:2600'\n".to_owned(), &mut diags);
    let section =
        Section::read(&table, &[DESTINATION], &Scope::none().with_vars(&vars), &mut diags);
    let text = section.text("address").unwrap();
    assert_eq!(diags.files().path(text.span.file), "vars/test.toml");
    assert_eq!(diags.files().slice(text.at(4..8)), "2600");
    assert_eq!(diags.files().path(section.span_of("address").file), "a.toml");
}

#[test]
fn files_are_found_from_the_site_and_the_data_folder() {
    let paths = Paths::new("/site", Some("/data".into()));
    for (written, found) in [("out", "/site/out"), ("data/out", "/data/out"), ("/abs", "/abs")] {
        let (table, mut diags) = parse(&format!("type = 'file'\nfolder = '{written}'\n"));
        let (_, source) = Section::tagged(
            &table,
            "type",
            SOURCES,
            &[],
            &Scope::none().with_paths(&paths),
            &mut diags,
        )
        .unwrap();
        assert_eq!(source.path("folder"), Some(Path::new(found)));
    }
    let (table, mut diags) = parse("type = 'file'\nfolder = '../../etc'\n");
    Section::tagged(&table, "type", SOURCES, &[], &Scope::none().with_paths(&paths), &mut diags);
    assert!(diags.has_errors());
}

#[test]
fn keys_keep_the_order_they_were_written_in() {
    let (table, _) = parse("z = 1\na = 2\n[m]\ny = 1\nb = 2\n[c]\n");
    let keys =
        |table: &Table| table.entries.iter().map(|(key, _)| key.value.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&table), ["z", "a", "m", "c"]);
    assert_eq!(keys(table.get("m").and_then(Item::as_table).unwrap()), ["y", "b"]);
}

#[test]
fn moving_a_line_changes_nothing() {
    let (one, _) = parse("a = [1, 'x', { b = true }]\n");
    let (other, _) = parse("\n# moved\na = [ 1, \"x\",\n  { b = true } ]\n");
    let (third, _) = parse("a = [1, 'y', { b = true }]\n");
    assert_eq!(one, other);
    assert_ne!(one, third);
}

#[test]
fn declarations_that_contradict_themselves_are_found() {
    use config::{Field, Kind, declaration_problems};
    const BAD: &[Field] = &[
        Field::default("pause", "A pause.", Kind::Duration { min: "1s", max: "1m" }, "2m"),
        Field::optional("size", "No full stop", Kind::Size { min: "1 B", max: "1 KiB" })
            .examples(&["\"1 KB\""]),
        Field::optional("pause", "Again.", Kind::Text).examples(&["no quotes"]),
        Field::optional(
            "inner",
            "Inside.",
            Kind::Section(&[Field::default(
                "n",
                "A number.",
                Kind::Integer { min: 1, max: 2 },
                "3",
            )]),
        ),
    ];
    let problems = declaration_problems(&[BAD]);
    assert_eq!(problems.len(), 6, "{problems:#?}");
    for fields in [FEED, SOURCE, DESTINATION, config::SERVER_FIELDS] {
        assert_eq!(declaration_problems(&[fields]), [] as [String; 0]);
    }
}

#[test]
fn a_table_of_chosen_keys_gives_them_in_order_each_with_its_value() {
    let text = "name = 'lab'\naddress = 'lab:1'\nlabels = { b = 'two', A = { secret = 'key', prefix = 'Bearer ' }, c = { var = 'v' } }\n";
    let (table, mut diags) = parse(text);
    let vars = Vars::parse("vars/test.toml", "v = 'three'\n".to_owned(), &mut diags);
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("secrets/key");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "one\n").unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let secrets = config::Secrets::new(data.path());
    let scope = Scope::none().with_vars(&vars).with_secrets(&secrets);
    let section = Section::read(&table, &[DESTINATION], &scope, &mut diags);
    assert_eq!(diags.render(false), "");
    let entries = section.map("labels");
    let keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["b", "A", "c"]);
    let texts = [0, 2].map(|at: usize| entries[at].1.text().unwrap().as_str());
    assert_eq!(texts, ["two", "three"]);
    let secret = entries[1].1.secret().unwrap();
    assert_eq!(secret.value().unwrap().expose_secret(), "Bearer one");
    std::fs::write(&file, "another\n").unwrap();
    assert_eq!(secret.value().unwrap().expose_secret(), "Bearer another", "read when asked");
    std::fs::remove_file(&file).unwrap();
    assert!(secret.value().is_err());
}

#[test]
fn the_values_of_chosen_keys_are_checked() {
    for (labels, code) in
        [("'x'", "C0104"), ("{ a = 1 }", "C0104"), ("{ a = { secret = 1 } }", "C0209")]
    {
        let (table, mut diags) =
            parse(&format!("name = 'lab'\naddress = 'lab:1'\nlabels = {labels}\n"));
        let section = Section::read(&table, &[DESTINATION], &Scope::none(), &mut diags);
        assert!(section.map("labels").is_empty());
        assert_eq!(diags.sorted()[0].code(), code, "{labels}");
    }
}
