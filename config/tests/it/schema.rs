//! JSON schemas out of the declarations.

use crate::golden::{check, data};
use crate::shapes::{DESTINATION, FEED, SOURCE, SOURCES};
use config::SERVER_FIELDS;
use config::schema::{Schema, Variables, object, schema, tagged};
use serde_json::{Value, json};

fn shown(schema: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(schema).unwrap())
}

#[test]
fn server_toml_has_a_schema() {
    check(&data("server.schema.json"), &shown(&schema("server.toml", &[SERVER_FIELDS])));
}

#[test]
fn other_crates_supply_what_only_they_can_read() {
    let steps = json!({ "type": "array", "items": { "anyOf": [{ "type": "object", "properties": { "set": { "$ref": "#/$defs/path" } } }] } });
    let schema = Schema::new("a feed", &[FEED], Variables::Refused)
        .define("source", tagged("type", SOURCES, &[SOURCE], Variables::Allowed))
        .define("destination", object(&[DESTINATION], Variables::Allowed))
        .define("steps", steps);
    check(&data("feed.schema.json"), &shown(&schema.into_json()));
}

#[test]
fn every_reference_in_a_schema_leads_somewhere() {
    let schema = Schema::new("a feed", &[FEED], Variables::Refused)
        .define("destination", object(&[DESTINATION], Variables::Allowed))
        .into_json();
    let text = schema.to_string();
    let names = text.split("#/$defs/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut count = 0;
    for name in names {
        assert!(schema["$defs"].get(name).is_some(), "{name}");
        count += 1;
    }
    assert!(count > 5);
}
