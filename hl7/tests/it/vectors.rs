//! What peers' unit tests say a value is.

use std::fs;

use hl7::{Charset, Delimiters, Message, ParseOptions, Path, escape, unescape};
use serde_json::Value;

use crate::corpus;

/// Vectors that say something else than the design does, each with the reason.
const DISAGREE: &[(&str, &str)] = &[
    ("escape-015", "text outside ASCII is written in the message's charset (MSH-18), not as hex"),
    ("escape-017", "CR is written as one byte, X0D, as most peers do"),
    ("escape-049", "CR is kept as CR, because .br is a formatting command and not a character"),
    ("escape-051", "CR is kept as CR, because .br is a formatting command and not a character"),
    ("escape-093", "LF is kept as LF, because .br is a formatting command and not a character"),
    ("escape-059", "highlighting is kept as it is"),
    ("escape-061", "highlighting is kept as it is"),
    ("escape-067", "formatting commands are kept as they are"),
    ("escape-117", "formatting commands are kept as they are"),
    ("path-013", "what is below a plain value is absent, not an error"),
    ("path-017", "an absent value that is set to nothing adds no separators"),
    ("path-033", "a dialect of HAPI only"),
    ("path-035", "a dialect of HAPI only"),
    ("path-037", "a dialect of HAPI only"),
];

fn vectors(file: &str) -> Vec<Value> {
    let Some(root) = corpus::root() else { return Vec::new() };
    let text = fs::read_to_string(root.join("vectors").join(file)).unwrap();
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn run(file: &str, check: impl Fn(&Value) -> Result<(), String>) {
    let mut wrong = Vec::new();
    for vector in vectors(file) {
        let id = vector["id"].as_str().unwrap();
        let known = DISAGREE.iter().find(|(known, _)| *known == id);
        match (check(&vector), known) {
            (Err(found), None) => wrong.push(format!("{id}: {found}\n    {vector}")),
            (Ok(()), Some((_, reason))) => {
                wrong.push(format!("{id} agrees, but is listed: {reason}"))
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn same(found: impl PartialEq<str> + std::fmt::Debug, expected: &Value) -> Result<(), String> {
    // An absent value is no text, an empty one or an error elsewhere; here it reads as the empty text.
    let expected = expected.as_str().unwrap_or_default();
    if found == *expected { Ok(()) } else { Err(format!("got {found:?}")) }
}

#[test]
fn escape_vectors() {
    run("escape.jsonl", |vector| {
        let declared = vector["delims"].as_str().unwrap();
        let delimiters =
            Delimiters::new(&declared.as_bytes()[..1], &declared.as_bytes()[1..], Charset::Utf8);
        let input = vector["input"].as_str().unwrap();
        let read = |raw: &[u8]| {
            String::from_utf8(unescape(raw, &delimiters, Charset::Utf8).into_owned()).unwrap()
        };
        let write = |text: &str| escape(text, &delimiters, Charset::Utf8).unwrap();
        match vector["op"].as_str().unwrap() {
            "unescape" => same(read(input.as_bytes()), &vector["expect"]),
            "escape" => same(String::from_utf8(write(input)).unwrap(), &vector["expect"]),
            "escape-then-unescape" => same(read(&write(input)), &vector["expect"]),
            "roundtrip" => {
                same(String::from_utf8(write(&read(input.as_bytes()))).unwrap(), &vector["expect"])
            }
            "reencode-verbatim" => {
                let bytes = format!("MSH|{}|\rOBX|1|FT|||{input}\r", &declared[1..]);
                let mut message = Message::parse(bytes, &ParseOptions::default());
                message.set(&path("OBX-4"), "touched").unwrap();
                same(
                    String::from_utf8_lossy(message.raw(&path("OBX-5")).unwrap()),
                    &vector["expect"],
                )
            }
            other => Err(format!("no such operation: {other}")),
        }
    });
}

#[test]
fn path_vectors() {
    run("path.jsonl", |vector| {
        let input = vector["input"].as_str().unwrap();
        let place = &vector["path"];
        match vector["op"].as_str().unwrap() {
            "get" => get(Message::parse(input, &ParseOptions::default()), place, &vector["expect"]),
            "get-file" => {
                let Some(root) = corpus::root() else { return Ok(()) };
                let bytes = fs::read(root.join(input)).unwrap();
                get(Message::parse(bytes, &ParseOptions::default()), place, &vector["expect"])
            }
            "get-all" => get_all(input, vector),
            "set" => set(Message::parse(input, &ParseOptions::default()), vector),
            "set-many" => set_many(Message::parse(input, &ParseOptions::default()), vector),
            "segment-wildcard" => Err("no wildcards in segment names".to_owned()),
            "parse-path" => parse_path(input, vector),
            other => Err(format!("no such operation: {other}")),
        }
    });
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A place as the vectors write it.
fn neutral(place: &Value) -> Path {
    let mut text = place["seg"].as_str().unwrap().to_owned();
    match &place["occ"] {
        Value::String(all) if all == "*" => text.push_str("[*]"),
        occurrence => text.extend(occurrence.as_u64().map(|n| format!("[{n}]"))),
    }
    text.extend(place["field"].as_u64().map(|n| format!("-{n}")));
    match &place["rep"] {
        Value::String(all) if all == "*" => text.push_str("[*]"),
        repetition => text.extend(repetition.as_u64().map(|n| format!("[{n}]"))),
    }
    text.extend(place["comp"].as_u64().map(|n| format!(".{n}")));
    text.extend(place["sub"].as_u64().map(|n| format!(".{n}")));
    path(&text)
}

fn get(message: Message, place: &Value, expected: &Value) -> Result<(), String> {
    if expected.get("error").is_some() {
        return Err("reading never fails for what is absent".to_owned());
    }
    // Peers stop at the first component of a field that has several; here that is a path of its own.
    let mut whole = place.clone();
    let found = message.text(&neutral(&whole)).map_err(|error| error.to_string())?.into_owned();
    if same(found.clone(), expected).is_ok() || place.get("comp").is_some_and(|n| !n.is_null()) {
        return same(found, expected);
    }
    whole["comp"] = 1.into();
    same(message.text(&neutral(&whole)).map_err(|error| error.to_string())?.into_owned(), expected)
}

fn get_all(input: &str, vector: &Value) -> Result<(), String> {
    let message = Message::parse(input, &ParseOptions::default());
    all_are(&message, &neutral(&vector["path"]), &vector["expect"])
}

fn all_are(message: &Message, path: &Path, expected: &Value) -> Result<(), String> {
    let found = message.text_all(path).map_err(|error| error.to_string())?;
    let expected: Vec<_> =
        expected.as_array().unwrap().iter().map(|value| value.as_str().unwrap()).collect();
    if found == expected { Ok(()) } else { Err(format!("got {found:?}")) }
}

fn set(mut message: Message, vector: &Value) -> Result<(), String> {
    let path = neutral(&vector["path"]);
    let expected = &vector["expect"];
    let outcome = message.set(&path, vector["value"].as_str().unwrap());
    match (outcome, expected.get("error"), expected.get("get-all")) {
        (Err(_), Some(_), _) => Ok(()),
        (Err(error), None, _) => Err(error.to_string()),
        (Ok(()), Some(_), _) => Err("it was set".to_owned()),
        (Ok(()), None, Some(all)) => all_are(&message, &path, all),
        (Ok(()), None, None) => same(message.text(&path).unwrap(), &expected["get"]),
    }
}

fn set_many(mut message: Message, vector: &Value) -> Result<(), String> {
    for step in vector["path"].as_array().unwrap() {
        let component = step[3].as_u64().map(|n| format!(".{n}")).unwrap_or_default();
        let path =
            path(&format!("{}-{}[{}]{component}", step[0].as_str().unwrap(), step[1], step[2]));
        message.set(&path, step[4].as_str().unwrap()).unwrap();
    }
    same(String::from_utf8(message.into_bytes()).unwrap(), &vector["expect"]["message"])
}

/// Peers' dialects join with dots; what they refuse must be refused here, and what they read in this grammar must
/// read the same.
fn parse_path(input: &str, vector: &Value) -> Result<(), String> {
    let expected = &vector["expect"];
    let ours = match vector["dialect"].as_str().unwrap() {
        "dot1" => input.replacen('.', "-", 1),
        _ => input.to_owned(),
    };
    match (Path::parse(&ours), expected.get("error")) {
        (Err(_), Some(_)) => Ok(()),
        (Err(error), None) => Err(error.to_string()),
        (Ok(found), Some(_)) => Err(format!("read as {found}")),
        (Ok(found), None) => {
            let mut place = expected.clone();
            place["seg"] = expected["segment"].clone();
            if found == neutral(&place) { Ok(()) } else { Err(format!("read as {found}")) }
        }
    }
}
