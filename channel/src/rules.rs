//! The rules of the standard that a message can be held against. What is found names places, never values.

use hl7::dictionary::{
    Dictionary, Element, Misplaced, Optionality, Version, dictionary, misplaced,
};
use hl7::timestamp::Timestamp;
use hl7::{Message, Path, Repetition, SegmentName};

use crate::decimal::Decimal;

/// So many violations say enough.
const FOUND_MAX: usize = 100;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// A sentence with the place.
    pub(crate) text: String,
}

/// Which rules.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    structure: bool,
    required: bool,
    repetition: bool,
    length: bool,
    datatype: bool,
    table: bool,
}

impl Rules {
    /// By the names of the step.
    pub(crate) fn named<'n>(names: impl Iterator<Item = &'n str>) -> Rules {
        let mut rules = Rules::default();
        for name in names {
            match name {
                "structure" => rules.structure = true,
                "required" => rules.required = true,
                "repetition" => rules.repetition = true,
                "length" => rules.length = true,
                "type" => rules.datatype = true,
                "table" => rules.table = true,
                _ => {}
            }
        }
        rules
    }

    fn any(&self) -> bool {
        self.structure || self.of_values()
    }

    fn of_values(&self) -> bool {
        self.required || self.repetition || self.length || self.datatype || self.table
    }

    /// What breaks them, in the order of the message.
    pub(crate) fn look(&self, message: &Message) -> Vec<Found> {
        if !self.any() {
            return Vec::new();
        }
        let version = Version::of(&value(message, "MSH-12.1"));
        let look = Look { rules: self, message, version, dictionary: dictionary() };
        let mut found = Vec::new();
        if self.structure {
            look.structure(&mut found);
        }
        if self.of_values() {
            look.segments(&mut found);
        }
        found.truncate(FOUND_MAX);
        found
    }
}

/// The text at a path that is right; empty when it cannot be read.
fn value(message: &Message, path: &str) -> String {
    let path = Path::parse(path).ok();
    let text = path.and_then(|path| message.text(&path).ok().map(|text| text.into_owned()));
    text.unwrap_or_default()
}

struct Look<'l> {
    rules: &'l Rules,
    message: &'l Message,
    version: Version,
    dictionary: &'static Dictionary,
}

impl Look<'_> {
    fn structure(&self, found: &mut Vec<Found>) {
        let (kind, event) = (value(self.message, "MSH-9.1"), value(self.message, "MSH-9.2"));
        let said = value(self.message, "MSH-9.3");
        let structure = self.dictionary.structure_of(self.version, (&kind, &event, &said));
        // A structure that the version does not have says nothing.
        let Some(structure) = structure else { return };
        let names: Vec<&str> = self
            .message
            .segments()
            .filter(|segment| !segment.bytes.is_empty())
            .map(|segment| std::str::from_utf8(segment.name).unwrap_or(""))
            .collect();
        for one in misplaced(self.dictionary, self.version, structure, &names) {
            let text = match one {
                Misplaced::Missing(name, _) => {
                    format!("{} is required and missing", self.segment(name))
                }
                Misplaced::Unexpected(at) => {
                    format!(
                        "{} may not stand here",
                        self.segment(names.get(at).copied().unwrap_or(""))
                    )
                }
            };
            found.push(Found { text });
        }
    }

    fn segment(&self, name: &str) -> String {
        match self.dictionary.segment(self.version, name) {
            Some(title) => format!("{name} ({title})"),
            None => name.to_owned(),
        }
    }

    fn segments(&self, found: &mut Vec<Found>) {
        for segment in self.message.segments() {
            let name = std::str::from_utf8(segment.name).ok().and_then(SegmentName::new);
            let Some(name) = name else { continue };
            let Some((last, _)) = self.dictionary.last_field(name.as_str()) else { continue };
            let mut path = Path::of_segment(name);
            if segment.occurrence > 1 {
                path = path.at(segment.occurrence);
            }
            for field in 1..=last {
                if name.as_str() == "MSH" && field <= 2 {
                    continue;
                }
                let element = self.dictionary.field(self.version, name.as_str(), field);
                if let Some(element) = element {
                    self.field(&Path { field: Some(field), ..path.clone() }, element, found);
                }
                if found.len() >= FOUND_MAX {
                    return;
                }
            }
        }
    }

    fn field(&self, path: &Path, element: &Element, found: &mut Vec<Found>) {
        let count = self.message.repetitions(path);
        let is_empty = self
            .message
            .raw_all(&Path { repetition: Repetition::All, ..path.clone() })
            .iter()
            .all(|raw| raw.is_empty());
        if self.rules.required && element.optionality == Optionality::Required && is_empty {
            found.push(odd(path, element, "is required and empty"));
        }
        if self.rules.repetition && count > 1 && !element.repeats {
            found.push(odd(
                path,
                element,
                &format!("is there {count} times and may be there once"),
            ));
        }
        if is_empty {
            return;
        }
        for n in 1..=u16::try_from(count).unwrap_or(u16::MAX) {
            let path = match n {
                1 => path.clone(),
                n => Path { repetition: Repetition::Nth(n), ..path.clone() },
            };
            let raw = self.message.raw(&path).unwrap_or_default();
            if raw.is_empty() || self.message.is_null(&path) {
                continue;
            }
            self.one(&path, element, found);
            self.components(&path, element, found);
        }
    }

    /// The components of one repetition.
    fn components(&self, path: &Path, element: &Element, found: &mut Vec<Found>) {
        for number in 1.. {
            let part = self.dictionary.component(self.version, element.datatype, number);
            let Some(part) = part else { return };
            let path = Path { component: Some(number), ..path.clone() };
            let is_empty = self.message.raw(&path).unwrap_or_default().is_empty();
            if is_empty {
                if self.rules.required && part.optionality == Optionality::Required {
                    found.push(odd(&path, part, "is required and empty"));
                }
                continue;
            }
            self.one(&path, part, found);
        }
    }

    /// Length, form and table of one value.
    fn one(&self, path: &Path, element: &Element, found: &mut Vec<Found>) {
        // What cannot be read was not written as the standard wants it, and steps that must read it say so.
        let Ok(text) = self.message.text(path) else { return };
        if self.rules.length
            && let Some(most) = element.length
        {
            let count = text.chars().count();
            if count > most {
                let said = format!("has {count} characters and may have {most}");
                found.push(odd(path, element, &said));
            }
        }
        let plain = self.dictionary.component(self.version, element.datatype, 1).is_none();
        if self.rules.datatype && plain && !has_form(element.datatype, &text) {
            let said = format!("is not of the form of `{}`", element.datatype);
            found.push(odd(path, element, &said));
        }
        // `ID` are HL7's own codes; those of `IS` are each site's.
        if self.rules.table
            && element.datatype == "ID"
            && let Some(table) = element.table
            && self.dictionary.has_codes(self.version, table)
            && self.dictionary.code(self.version, table, &text).is_none()
        {
            let name = self.dictionary.table(table).unwrap_or("");
            found.push(odd(path, element, &format!("is not in table {table} ({name})")));
        }
    }
}

fn odd(path: &Path, element: &Element, what: &str) -> Found {
    Found { text: format!("{path} ({}) {what}", element.name) }
}

/// Whether a value has the form of its data type (chapter 2A of the standard); other types take any text.
fn has_form(datatype: &str, text: &str) -> bool {
    match datatype {
        "NM" => Decimal::read(text).is_some(),
        "SI" => !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()),
        "DT" => Timestamp::parse(text).is_ok() && text.len() <= 8,
        "TS" | "DTM" => Timestamp::parse(text).is_ok(),
        "TM" => Timestamp::parse(&format!("20000101{text}")).is_ok(),
        _ => true,
    }
}
