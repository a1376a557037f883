//! What the page of a message shows, as JSON: its fields by name, its lines, what happened to it, and in words why.

mod fields;
mod note;
mod raw;
mod timeline;
mod why;

use hl7::dictionary::{Element, Optionality, Version, dictionary};
use hl7::{Message, Path};

pub use fields::{Show, fields};
pub use raw::raw;
pub use timeline::timeline;
pub use why::why_dead;

/// The version that a message says it has.
fn version_of(message: &Message) -> Version {
    let said = hl7::peek(message.as_bytes());
    let said = said.map(|peek| peek.field(message.as_bytes(), 12).to_vec()).unwrap_or_default();
    let said = said.split(|byte| *byte == b'^').next().unwrap_or_default();
    Version::of(&String::from_utf8_lossy(said))
}

/// What a place is called, part by part: `Patient Identifier List › ID Number`.
fn title(version: Version, path: &Path) -> String {
    let segment = path.segment.as_str();
    let Some(number) = path.field else {
        return dictionary().segment(version, segment).unwrap_or("").to_owned();
    };
    let mut names = Vec::new();
    let mut element = dictionary().field(version, segment, number);
    names.extend(element.map(|element| element.name));
    for part in [path.component, path.subcomponent].into_iter().flatten() {
        element = element.and_then(|outer| dictionary().component(version, outer.datatype, part));
        names.extend(element.map(|element| element.name));
    }
    names.join(" › ")
}

/// What a place is called by the newest version.
pub fn newest_title(path: &Path) -> String {
    title(Version::NEWEST, path)
}

/// The word for whether a value must be there.
fn optionality(element: &Element) -> &'static str {
    match element.optionality {
        Optionality::Required => "required",
        Optionality::Optional => "optional",
        Optionality::Conditional => "conditional",
        Optionality::Backward => "backward",
    }
}

/// The part of a data type that a place is: `CX.1`.
fn part_of(version: Version, path: &Path) -> Option<String> {
    let outer = match (path.component, path.subcomponent) {
        (Some(part), None) => (Path { component: None, ..path.clone() }, part),
        (Some(_), Some(part)) => (Path { subcomponent: None, ..path.clone() }, part),
        (None, _) => return None,
    };
    let (whole, part) = outer;
    let datatype = dictionary().element(version, &whole)?.datatype;
    Some(format!("{datatype}.{part}"))
}

/// Everything that is known about a place, in a line: `PID-3[1].1 · Patient Identifier List › ID Number · CX.1 ST · required · length 4`.
fn about(version: Version, path: &Path) -> String {
    let mut parts = vec![path.to_string()];
    parts.push(title(version, path));
    if let Some(element) = dictionary().element(version, path) {
        parts.push(match part_of(version, path) {
            Some(part) => format!("{part} {}", element.datatype),
            None => element.datatype.to_owned(),
        });
        parts.push(optionality(element).to_owned());
        parts.extend(element.length.map(|length| format!("length {length}")));
        parts.extend(element.table.map(|table| format!("table {table}")));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

/// A text in which control characters are shown as their pictures: one character for one.
fn visible(text: &str) -> String {
    let shown = |c: char| match u32::from(c) {
        code @ 0..=0x1F => char::from_u32(0x2400 + code).unwrap_or(c),
        0x7F => '\u{2421}',
        0x80..=0x9F => '\u{FFFD}',
        _ => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_in_a_line() {
        let path = Path::parse("PID-3[1].1").unwrap();
        let line = about(Version::of("2.5.1"), &path);
        assert!(
            line.starts_with("PID-3[1].1 · Patient Identifier List › ID Number · CX.1 ST"),
            "{line}"
        );
        assert_eq!(about(Version::of("2.5"), &Path::parse("ZPI-1").unwrap()), "ZPI-1");
        assert_eq!(visible("a\u{1b}\tb"), "a\u{241b}\u{2409}b");
    }
}
