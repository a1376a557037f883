//! What HL7 v2 calls things, from 2.1 to 2.8.2: segments, fields, data types, tables, message structures.
//!
//! `dictionary/NOTICE.md` says where the facts come from. They are read at the first question, in some milliseconds.

mod rows;
mod structure;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use structure::{Misplaced, misplaced};

use crate::path::Path;
use rows::{Nested, Versioned, pick, read};
use structure::Inside;

/// The versions, in order.
const VERSIONS: [&str; 13] = [
    "2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1",
    "2.8.2",
];

/// A version of the standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(usize);

impl Version {
    /// The newest.
    pub const NEWEST: Version = Version(VERSIONS.len() - 1);

    /// The version that MSH-12 says: the same, or else the newest one before it. The newest of all for what is none.
    pub fn of(text: &str) -> Version {
        let numbers = |text: &str| -> Option<Vec<u32>> {
            text.trim().split('.').map(|part| part.parse().ok()).collect()
        };
        let Some(wanted) = numbers(text) else { return Version::NEWEST };
        let known = VERSIONS.iter().enumerate();
        let before = known.filter(|(_, known)| numbers(known).is_some_and(|known| known <= wanted));
        before.map(|(at, _)| Version(at)).max().unwrap_or(Version(0))
    }

    /// As MSH-12 writes it.
    pub fn as_str(self) -> &'static str {
        VERSIONS.get(self.0).copied().unwrap_or("2.8.2")
    }

    fn bit(self) -> u16 {
        1 << self.0
    }
}

/// Whether a value must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optionality {
    /// It must.
    Required,
    /// It may.
    Optional,
    /// It depends on other values.
    Conditional,
    /// It is there for older versions only, or withdrawn.
    Backward,
}

impl Optionality {
    fn of(text: &str) -> Optionality {
        match text {
            "R" => Optionality::Required,
            "C" => Optionality::Conditional,
            "B" | "W" | "X" => Optionality::Backward,
            _ => Optionality::Optional,
        }
    }
}

/// A field of a segment, or a component of a data type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// What it is called.
    pub name: &'static str,
    /// Its data type.
    pub datatype: &'static str,
    /// Whether it must be there.
    pub optionality: Optionality,
    /// Whether it may be there several times; a component never.
    pub repeats: bool,
    /// The most characters of one value, where that is known.
    pub length: Option<usize>,
    /// The number of its table.
    pub table: Option<&'static str>,
}

/// All of it.
pub struct Dictionary {
    segments: HashMap<&'static str, Versioned<&'static str>>,
    fields: Nested<u16, Element>,
    last_fields: HashMap<&'static str, (u16, Version)>,
    datatypes: HashMap<&'static str, Versioned<&'static str>>,
    components: Nested<u16, Element>,
    structures: HashMap<&'static str, Versioned<Inside>>,
    codes: Nested<&'static str, &'static str>,
    coded: HashMap<&'static str, u16>,
    tables: HashMap<&'static str, &'static str>,
}

/// The dictionary.
pub fn dictionary() -> &'static Dictionary {
    static DICTIONARY: OnceLock<Dictionary> = OnceLock::new();
    DICTIONARY.get_or_init(read)
}

impl Dictionary {
    /// What a segment is called; none for a name that the version does not have.
    pub fn segment(&self, version: Version, segment: &str) -> Option<&'static str> {
        pick(self.segments.get(segment)?, version).copied()
    }

    /// A field of a segment, from 1.
    pub fn field(&self, version: Version, segment: &str, field: u16) -> Option<&Element> {
        pick(self.fields.get(segment)?.get(&field)?, version)
    }

    /// The highest number of a field that any version gives a segment, and the newest version that does. None for a segment that
    /// no version has, such as those of a site.
    pub fn last_field(&self, segment: &str) -> Option<(u16, Version)> {
        self.last_fields.get(segment).copied()
    }

    /// What a path means: its field, component or subcomponent. None for a bare segment, and where a version says nothing.
    pub fn element(&self, version: Version, path: &Path) -> Option<&Element> {
        let mut element = self.field(version, path.segment.as_str(), path.field?)?;
        for part in [path.component, path.subcomponent].into_iter().flatten() {
            // A plain value is its own first part.
            match self.component(version, element.datatype, part) {
                Some(inner) => element = inner,
                None if part == 1 => {}
                None => return None,
            }
        }
        Some(element)
    }

    /// What a data type is called.
    pub fn datatype(&self, version: Version, datatype: &str) -> Option<&'static str> {
        pick(self.datatypes.get(datatype)?, version).copied()
    }

    /// A component of a data type, from 1; none of a data type that has no parts.
    pub fn component(&self, version: Version, datatype: &str, component: u16) -> Option<&Element> {
        pick(self.components.get(datatype)?.get(&component)?, version)
    }

    /// What a table is called.
    pub fn table(&self, table: &str) -> Option<&'static str> {
        self.tables.get(table).copied()
    }

    /// Whether it is known which codes a table has in a version.
    pub fn has_codes(&self, version: Version, table: &str) -> bool {
        self.coded.get(table).is_some_and(|versions| versions & version.bit() != 0)
    }

    /// What a code of a table means, empty where no source says it; none when the version does not have it.
    pub fn code(&self, version: Version, table: &str, code: &str) -> Option<&'static str> {
        pick(self.codes.get(table)?.get(code)?, version).copied()
    }

    /// The name of the structure of a message: what MSH-9.3 says, or that of its type and event.
    pub fn structure_of(
        &self,
        version: Version,
        (kind, event, said): (&str, &str, &str),
    ) -> Option<&'static str> {
        let known = |name: &str| {
            let (name, inside) = self.structures.get_key_value(name)?;
            pick(inside, version).map(|_| *name)
        };
        if !said.is_empty() {
            return known(said);
        }
        // Events of one structure carry the name of the first of them.
        let shared = match (kind, event) {
            ("ADT", "A04" | "A08" | "A13") => "ADT_A01",
            ("ADT", "A05" | "A14" | "A28" | "A31") => "ADT_A05",
            ("ADT", "A07") => "ADT_A06",
            ("ADT", "A10" | "A11" | "A12") => "ADT_A09",
            ("MDM", "T03" | "T05" | "T07" | "T09" | "T11") => "MDM_T01",
            ("MDM", "T04" | "T06" | "T08" | "T10") => "MDM_T02",
            (
                "SIU",
                "S13" | "S14" | "S15" | "S16" | "S17" | "S18" | "S19" | "S20" | "S21" | "S22"
                | "S23" | "S24" | "S26",
            ) => "SIU_S12",
            ("ACK", _) => "ACK",
            _ => "",
        };
        known(&format!("{kind}_{event}")).or_else(|| known(shared))
    }

    fn inside(&self, version: Version, name: &str) -> Option<&Inside> {
        pick(self.structures.get(name)?, version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_and_the_one_before_stands_for_the_unknown() {
        for (said, found) in [
            ("2.5.1", "2.5.1"),
            ("2.3.2", "2.3.1"),
            ("2", "2.1"),
            ("3.0", "2.8.2"),
            ("", "2.8.2"),
            ("2.5.1^USA", "2.8.2"),
        ] {
            assert_eq!(Version::of(said).as_str(), found, "{said}");
        }
    }

    #[test]
    fn what_things_are_called_depends_on_the_version() {
        let d = dictionary();
        let (old, new) = (Version::of("2.3"), Version::of("2.5.1"));
        assert_eq!(d.segment(new, "PID"), Some("Patient Identification"));
        assert_eq!(d.segment(new, "ZPI"), None);
        assert_eq!(d.segment(old, "SFT"), None, "it came later");
        let identifiers = d.field(new, "PID", 3).unwrap();
        assert_eq!((identifiers.name, identifiers.datatype), ("Patient Identifier List", "CX"));
        assert!(identifiers.repeats && identifiers.optionality == Optionality::Required);
        assert_eq!(d.field(new, "PID", 47), None);
        assert_eq!(d.last_field("PID").unwrap().0, 40);
        assert_eq!(d.component(new, "CX", 5).unwrap().table, Some("0203"));
        assert_eq!(d.component(new, "ST", 1), None);
        assert_eq!(d.code(new, "0001", "F"), Some("Female"));
        assert_eq!(d.code(new, "0001", "Q"), None);
        assert!(d.has_codes(new, "0001") && !d.has_codes(Version::of("2.1"), "0001"));
        assert_eq!(d.table("0001"), Some("Sex"));
        let named = |path: &str| d.element(new, &Path::parse(path).unwrap()).map(|one| one.name);
        assert_eq!(named("PID-3[2].4.1"), Some("Namespace ID"));
        assert_eq!(named("PV1-2.1"), Some("Patient Class"));
        assert_eq!(named("PV1-2.2"), None);
        assert_eq!(named("PID"), None);
        assert_eq!(d.datatype(new, "XPN"), Some("Extended person name"));
        assert_eq!(d.structure_of(new, ("ADT", "A08", "")), Some("ADT_A01"));
        assert_eq!(d.structure_of(new, ("ADT", "A08", "ADT_A01")), Some("ADT_A01"));
        assert_eq!(d.structure_of(new, ("XYZ", "A08", "")), None);
    }
}
