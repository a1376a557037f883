//! Canonical JSON: one text for one value, so that a hash over it means something.

use std::collections::BTreeMap;

/// A JSON value without floats. Keys are kept sorted by code point, which is the order of their UTF-8 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    pub(crate) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
        Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    pub(crate) fn text(text: impl Into<String>) -> Json {
        Json::Text(text.into())
    }

    pub(crate) fn text_or_null(text: Option<impl Into<String>>) -> Json {
        text.map_or(Json::Null, |text| Json::Text(text.into()))
    }

    /// The same value as another parser read it; nothing for what the form does not have.
    pub(crate) fn from_serde(value: &serde_json::Value) -> Option<Json> {
        Some(match value {
            serde_json::Value::Null => Json::Null,
            serde_json::Value::Bool(value) => Json::Bool(*value),
            serde_json::Value::Number(number) => Json::Int(number.as_i64()?),
            serde_json::Value::String(text) => Json::Text(text.clone()),
            serde_json::Value::Array(items) => {
                Json::List(items.iter().map(Json::from_serde).collect::<Option<_>>()?)
            }
            serde_json::Value::Object(members) => Json::Object(
                members
                    .iter()
                    .map(|(key, value)| Some((key.clone(), Json::from_serde(value)?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.get(key),
            _ => None,
        }
    }

    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Json::Int(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Json]> {
        match self {
            Json::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The canonical text of a value.
pub(crate) fn write(value: &Json) -> String {
    let mut out = String::new();
    write_into(&mut out, value);
    out
}

fn write_into(out: &mut String, value: &Json) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Int(value) => out.push_str(&value.to_string()),
        Json::Text(text) => write_text(out, text),
        Json::List(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                write_into(out, item);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (n, (key, item)) in members.iter().enumerate() {
                out.push_str(if n == 0 { "" } else { "," });
                write_text(out, key);
                out.push(':');
                write_into(out, item);
            }
            out.push('}');
        }
    }
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_form_is_fixed() {
        let value = Json::object([
            ("é", Json::Int(-1)),
            (
                "b",
                Json::List(vec![Json::Null, Json::Bool(true), Json::text("a\"\\/\n\u{1}\u{7f}ü")]),
            ),
            ("a", Json::object([])),
            ("\u{ffff}", Json::Bool(false)),
            ("\u{10000}", Json::text("")),
        ]);
        assert_eq!(
            write(&value),
            "{\"a\":{},\"b\":[null,true,\"a\\\"\\\\/\\n\\u0001\u{7f}ü\"],\"é\":-1,\"\u{ffff}\":false,\"\u{10000}\":\"\"}"
        );
    }

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            any::<i64>().prop_map(Json::Int),
            any::<String>().prop_map(Json::Text),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::List),
                prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Json::Object),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_as_the_same_value(value in json()) {
            let text = write(&value);
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(Json::from_serde(&read), Some(value));
        }
    }
}
