//! JSON schema (draft 2020-12) out of the declarations, for completion and hover in editors.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, Kind, Need};
use crate::item::Item;
use crate::parse::parse_toml;
use crate::section::Variant;
use serde_json::{Map, Value, json};

/// May a value be `{ var = "..." }`?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variables {
    /// In settings of sources and destinations.
    Allowed,
    /// In steps and in `server.toml`.
    Refused,
}

/// The schema of a file in the making: its settings, and the definitions that other crates supply for what only they can read.
#[derive(Clone, Debug)]
pub struct Schema {
    title: String,
    root: Value,
    definitions: Vec<(String, Value)>,
}

impl Schema {
    /// A file with these settings.
    pub fn new(title: &str, fields: &[&'static [Field]], variables: Variables) -> Schema {
        Schema { title: title.to_owned(), root: object(fields, variables), definitions: Vec::new() }
    }

    /// Supplies what `Kind::Steps` (as `steps`), `Kind::Table(name)` and `Kind::Tables(name)` stand for.
    pub fn define(mut self, name: &str, definition: Value) -> Schema {
        self.definitions.push((name.to_owned(), definition));
        self
    }

    /// The whole schema, with the definitions that are used.
    pub fn into_json(self) -> Value {
        let mut schema = Map::new();
        schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".to_owned(), json!(self.title));
        if let Value::Object(root) = &self.root {
            schema.extend(root.clone());
        }
        let mut definitions = Map::new();
        let mut open = references(&self.root);
        while let Some(name) = open.pop() {
            if definitions.contains_key(&name) {
                continue;
            }
            let given = self
                .definitions
                .iter()
                .find(|(given, _)| *given == name)
                .map(|(_, definition)| definition.clone());
            let definition = given.unwrap_or_else(|| built_in(&name));
            open.extend(references(&definition));
            definitions.insert(name, definition);
        }
        definitions.sort_keys();
        if !definitions.is_empty() {
            schema.insert("$defs".to_owned(), Value::Object(definitions));
        }
        Value::Object(schema)
    }
}

/// The schema of a file whose settings need no definitions from elsewhere.
pub fn schema(title: &str, fields: &[&'static [Field]]) -> Value {
    Schema::new(title, fields, Variables::Refused).into_json()
}

/// One table.
pub fn object(fields: &[&'static [Field]], variables: Variables) -> Value {
    let fields: Vec<&Field> = fields.iter().flat_map(|list| list.iter()).collect();
    let mut properties = Map::new();
    for field in &fields {
        properties.entry(field.name).or_insert_with(|| property(field, variables));
    }
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.need == Need::Required)
        .map(|field| field.name)
        .collect();
    let mut object =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// A table whose key `tag` chooses its other settings, as [`Section::tagged`](crate::Section::tagged) reads it.
pub fn tagged(
    tag: &'static str,
    variants: &[Variant],
    shared: &[&'static [Field]],
    variables: Variables,
) -> Value {
    let shapes = variants.iter().map(|variant| {
        let fields: Vec<&'static [Field]> = shared.iter().chain(variant.fields).copied().collect();
        let mut shape = object(&fields, variables);
        let mut properties = Map::new();
        properties
            .insert(tag.to_owned(), json!({ "const": variant.name, "description": variant.doc }));
        if let Value::Object(rest) = shape["properties"].take() {
            properties.extend(rest);
        }
        let mut required = vec![json!(tag)];
        required.extend(shape["required"].as_array().cloned().unwrap_or_default());
        shape["properties"] = Value::Object(properties);
        shape["required"] = Value::Array(required);
        shape
    });
    json!({ "oneOf": shapes.collect::<Vec<_>>() })
}

fn property(field: &Field, variables: Variables) -> Value {
    let mut property = Map::new();
    property.insert("description".to_owned(), json!(field.doc));
    if let Value::Object(kind) = kind(&field.kind, variables) {
        property.extend(kind);
    }
    if let Need::Default(text) = field.need {
        property.insert("default".to_owned(), default_value(&field.kind, text));
    }
    let examples: Vec<Value> =
        field.examples.iter().filter_map(|example| example_value(example)).collect();
    if !examples.is_empty() {
        property.insert("examples".to_owned(), Value::Array(examples));
    }
    Value::Object(property)
}

fn kind(kind: &Kind, variables: Variables) -> Value {
    let plain = match kind {
        Kind::Text
        | Kind::Reference
        | Kind::File
        | Kind::ListenAddress
        | Kind::Address
        | Kind::Network
        | Kind::Zone => json!({ "type": "string" }),
        // An editor sees the day of TOML as a text of this form.
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Regex => json!({ "type": "string", "format": "regex" }),
        Kind::Name | Kind::TableName => reference("name"),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Duration { .. } => reference("duration"),
        Kind::Size { .. } => reference("size"),
        Kind::Choice(choices) => {
            let words = choices
                .iter()
                .map(|choice| json!({ "const": choice.name, "description": choice.doc }));
            json!({ "oneOf": words.collect::<Vec<_>>() })
        }
        Kind::Condition => reference("condition"),
        Kind::Path => reference("path"),
        Kind::Paths => {
            json!({ "anyOf": [reference("path"), { "type": "array", "items": reference("path") }] })
        }
        Kind::Template => reference("template"),
        Kind::Secret => return reference("secret"),
        Kind::Steps => return reference("steps"),
        Kind::List(inner) => {
            return json!({ "type": "array", "items": self::kind(inner, variables) });
        }
        Kind::Map(inner) => {
            return json!({ "type": "object", "additionalProperties": self::kind(inner, variables) });
        }
        Kind::Section(fields) => return object(&[fields], variables),
        Kind::Table(name) => return reference(name),
        Kind::Tables(name) => return json!({ "type": "array", "items": reference(name) }),
        Kind::Any(kinds) => {
            return json!({ "anyOf": kinds.iter().map(|inner| self::kind(inner, variables)).collect::<Vec<_>>() });
        }
    };
    match variables {
        Variables::Allowed => json!({ "anyOf": [plain, reference("var")] }),
        Variables::Refused => plain,
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// What this crate can say of the parts that others read.
fn built_in(name: &str) -> Value {
    match name {
        "name" => json!({ "type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,63}$" }),
        "duration" => {
            json!({ "type": "string", "pattern": "^([0-9]+ ?(d|h|m|s|ms) ?)+$", "description": "A duration with its unit: `30s`, `24h`, `1h 30m`." })
        }
        "size" => {
            json!({ "type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)$", "description": "A size with its unit: `1 MiB`." })
        }
        "condition" => {
            json!({ "type": "string", "description": "A condition on the message: `PV1-2 in (\"I\", \"E\") and PID-8 exists`." })
        }
        "path" => {
            json!({ "type": "string", "description": "A path into the message: `PID-3.1`, `OBX[2]-5`, `PID-3[.5 = \"MR\"].1`." })
        }
        "template" => {
            json!({ "type": "string", "description": "A text with `{PID-3.1}` where a value of the message goes." })
        }
        "var" => json!({
            "type": "object", "description": "The value from `vars/<environment>.toml`.",
            "properties": { "var": reference("name") }, "required": ["var"], "additionalProperties": false,
        }),
        "secret" => json!({
            "type": "object", "description": "A secret by name; its value never stands in a file of the site.",
            "properties": { "secret": reference("name"), "prefix": { "type": "string", "description": "A text put before the value." } },
            "required": ["secret"], "additionalProperties": false,
        }),
        "steps" => json!({ "type": "array", "items": { "type": "object" } }),
        _ => json!({ "type": "object" }),
    }
}

/// The names of the definitions that a schema refers to.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(entries) => {
            let own = entries
                .get("$ref")
                .and_then(Value::as_str)
                .and_then(|path| path.strip_prefix("#/$defs/"))
                .map(str::to_owned);
            own.into_iter().chain(entries.values().flat_map(references)).collect()
        }
        Value::Array(values) => values.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

fn default_value(kind: &Kind, text: &str) -> Value {
    match (kind, text.parse::<i64>()) {
        (Kind::Bool, _) => json!(text == "true"),
        (Kind::Integer { .. }, Ok(number)) => json!(number),
        _ => json!(text),
    }
}

/// An example is written as TOML; an editor wants the value.
fn example_value(example: &str) -> Option<Value> {
    let table = parse_toml(&mut Diagnostics::new(), "example", format!("value = {example}"))?;
    table.get("value").map(to_json)
}

fn to_json(item: &Item) -> Value {
    match item {
        Item::Text(text) => json!(text.value),
        Item::Integer(number, _) => json!(number),
        Item::Float(number, _) => json!(number),
        Item::Bool(value, _) => json!(value),
        Item::Datetime(date, _) => json!(date),
        Item::List(list, _) => list.iter().map(to_json).collect(),
        Item::Table(table) => Value::Object(
            table.entries.iter().map(|(key, item)| (key.value.clone(), to_json(item))).collect(),
        ),
    }
}
