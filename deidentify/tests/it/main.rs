//! Copies as somebody sees them who knows the originals.

// Clippy knows test functions, but not what they call.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod canaries;
mod consistency;
mod corpus;
mod leaks;
mod properties;

use std::path::Path;

use deidentify::{Action, Deidentifier, Key, Options, Rules, TextRule};
use hl7::{Message, ParseOptions};

/// A copier under a fixed key, on a fixed day.
pub fn copier(text: TextRule, rules: Rules) -> Deidentifier {
    copier_under(b"a key that is no secret", text, rules)
}

/// A copier under this key.
pub fn copier_under(key: &[u8], text: TextRule, rules: Rules) -> Deidentifier {
    let key = Key::from_bytes(key).unwrap();
    Deidentifier::new(key, Options { today: jiff::civil::date(2026, 11, 21), text, rules })
}

/// Rules of these paths and words.
pub fn rules(list: &[(&str, &str)]) -> Rules {
    let mut rules = Rules::default();
    for (path, word) in list {
        rules.add(path, Action::of(word).unwrap()).unwrap();
    }
    rules
}

/// A fixture, with CR at the ends of its lines.
pub fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    std::fs::read_to_string(path).unwrap().replace('\n', "\r").into_bytes()
}

/// The copy of something that is not refused.
pub fn copy(copier: &Deidentifier, bytes: &[u8]) -> Vec<u8> {
    copier.copy(bytes).unwrap_or_else(|refused| panic!("{refused}")).0
}

/// The text at a path.
pub fn at(bytes: &[u8], path: &str) -> String {
    let message = Message::parse(bytes, &ParseOptions::default());
    message.text(&path.parse().unwrap()).unwrap().into_owned()
}
