//! The tables say what their source says, version by version.

use std::path::Path;

use hl7::dictionary::{Optionality, Version, dictionary};

const VERSIONS: [&str; 13] = [
    "2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1",
    "2.8.2",
];

fn plain(text: &serde_json::Value) -> String {
    text.as_str().unwrap_or("").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_field_component_and_code_is_as_in_the_source() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/dictionary");
    if !folder.is_dir() {
        return;
    }
    let (d, mut looked) = (dictionary(), 0);
    for name in VERSIONS {
        let version = Version::of(name);
        let text = std::fs::read_to_string(folder.join(format!("v{name}.json"))).unwrap();
        let source: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (segment, facts) in source["segments"].as_object().unwrap() {
            assert_eq!(d.segment(version, segment), Some(&*plain(&facts[0])), "{name} {segment}");
            for (number, field) in (1..).zip(facts[1].as_array().unwrap()) {
                let found = d.field(version, segment, number);
                assert_eq!(found.is_some(), !field.is_null(), "{name} {segment}-{number}");
                let Some(found) = found else { continue };
                assert_eq!((found.name, found.datatype), (&*plain(&field[0]), &*plain(&field[1])));
                assert_eq!(found.optionality == Optionality::Required, field[2] == "R");
                assert_eq!(found.repeats, field[3] == 1, "{name} {segment}-{number}");
                assert_eq!(found.length.map(|n| n as u64), field[4].as_u64());
                assert_eq!(found.table, field[5].as_str());
                looked += 1;
            }
        }
        for (datatype, facts) in source["datatypes"].as_object().unwrap() {
            for (number, component) in (1..).zip(facts[1].as_array().unwrap()) {
                let found = d.component(version, datatype, number);
                assert_eq!(
                    found.map(|one| one.datatype),
                    component[1].as_str(),
                    "{name} {datatype}.{number}"
                );
                looked += 1;
            }
        }
        for (table, codes) in source["tables"].as_object().unwrap() {
            for code in codes.as_array().unwrap() {
                assert!(d.code(version, table, &plain(code)).is_some(), "{name} {table} {code}");
                looked += 1;
            }
        }
    }
    assert!(looked > 40_000, "{looked}");
}
