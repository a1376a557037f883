//! Reads the tables of the folder `dictionary`: one fact a line, with the versions that it is true of.

use std::collections::HashMap;
use std::hash::Hash;

use super::structure::Inside;
use super::{Dictionary, Element, Optionality, VERSIONS, Version};

/// Facts with the versions that each is true of, a bit for each.
pub(super) type Versioned<T> = Vec<(u16, T)>;

/// Facts by two keys.
pub(super) type Nested<K, T> = HashMap<&'static str, HashMap<K, Versioned<T>>>;

/// The fact of a version.
pub(super) fn pick<T>(facts: &Versioned<T>, version: Version) -> Option<&T> {
    facts.iter().find(|(versions, _)| versions & version.bit() != 0).map(|(_, fact)| fact)
}

/// Everything. The files are part of the program, so a line that is not as it should be is left out; a test finds it.
pub(super) fn read() -> Dictionary {
    let mut last_fields: HashMap<&str, (u16, Version)> = HashMap::new();
    let fields = nested(include_str!("../../dictionary/fields.tsv"), |row| {
        let (segment, field) = (row.text(0)?, row.number(1)?);
        let versions = row.versions(2)?;
        let newest = Version(usize::try_from(15 - versions.leading_zeros()).unwrap_or(0));
        let last = last_fields.entry(segment).or_insert((field, newest));
        *last = (last.0.max(field), last.1.max(newest));
        Some(((segment, field), versions, row.element((3, 4, 5), Some(6), (7, 8))?))
    });
    let components = nested(include_str!("../../dictionary/components.tsv"), |row| {
        let key = (row.text(0)?, row.number(1)?);
        Some((key, row.versions(2)?, row.element((3, 4, 5), None, (6, 7))?))
    });
    let mut coded: HashMap<&str, u16> = HashMap::new();
    let codes = nested(include_str!("../../dictionary/codes.tsv"), |row| {
        let (key, versions) = ((row.text(0)?, row.text(1)?), row.versions(2)?);
        *coded.entry(key.0).or_default() |= versions;
        Some((key, versions, row.text(3).unwrap_or("")))
    });
    let plain = |text: &'static str| {
        gathered(text, |row| Some((row.text(0)?, row.versions(1)?, row.text(2)?)))
    };
    let tables = lines(include_str!("../../dictionary/tables.tsv"));
    Dictionary {
        segments: plain(include_str!("../../dictionary/segments.tsv")),
        fields,
        last_fields,
        datatypes: plain(include_str!("../../dictionary/datatypes.tsv")),
        components,
        structures: gathered(include_str!("../../dictionary/structures.tsv"), |row| {
            Some((row.text(0)?, row.versions(1)?, Inside::read(row.text(2)?)?))
        }),
        codes,
        coded,
        tables: tables.filter_map(|row| Some((row.text(0)?, row.text(1)?))).collect(),
    }
}

/// One line, in its columns.
struct Row(Vec<&'static str>);

impl Row {
    fn text(&self, column: usize) -> Option<&'static str> {
        self.0.get(column).copied()
    }

    fn number(&self, column: usize) -> Option<u16> {
        self.text(column)?.parse().ok()
    }

    /// `2.3-2.5.1,2.7` as bits.
    fn versions(&self, column: usize) -> Option<u16> {
        let at = |name: &str| VERSIONS.iter().position(|known| *known == name);
        let mut bits = 0;
        for run in self.text(column)?.split(',') {
            let (first, last) = run.split_once('-').unwrap_or((run, run));
            for version in at(first)?..=at(last)? {
                bits |= Version(version).bit();
            }
        }
        Some(bits)
    }

    fn element(
        &self,
        (name, datatype, optionality): (usize, usize, usize),
        repeats: Option<usize>,
        (length, table): (usize, usize),
    ) -> Option<Element> {
        Some(Element {
            name: self.text(name)?,
            datatype: self.text(datatype)?,
            optionality: Optionality::of(self.text(optionality)?),
            repeats: repeats.is_some_and(|column| self.text(column) == Some("1")),
            length: self.text(length).and_then(|length| length.parse().ok()),
            table: self.text(table).filter(|table| !table.is_empty()),
        })
    }
}

fn lines(text: &'static str) -> impl Iterator<Item = Row> {
    text.lines().skip(1).map(|line| Row(line.split('\t').collect()))
}

fn nested<K: Hash + Eq, T>(
    text: &'static str,
    mut fact: impl FnMut(&Row) -> Option<((&'static str, K), u16, T)>,
) -> Nested<K, T> {
    let mut all: Nested<K, T> = HashMap::new();
    for row in lines(text) {
        if let Some(((outer, inner), versions, fact)) = fact(&row) {
            all.entry(outer).or_default().entry(inner).or_default().push((versions, fact));
        }
    }
    all
}

fn gathered<K: Hash + Eq, T>(
    text: &'static str,
    mut fact: impl FnMut(&Row) -> Option<(K, u16, T)>,
) -> HashMap<K, Versioned<T>> {
    let mut all: HashMap<K, Versioned<T>> = HashMap::new();
    for row in lines(text) {
        if let Some((key, versions, fact)) = fact(&row) {
            all.entry(key).or_default().push((versions, fact));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_left_out() {
        for (text, columns) in [
            (include_str!("../../dictionary/fields.tsv"), 9),
            (include_str!("../../dictionary/components.tsv"), 8),
            (include_str!("../../dictionary/segments.tsv"), 3),
            (include_str!("../../dictionary/datatypes.tsv"), 3),
            (include_str!("../../dictionary/structures.tsv"), 3),
            (include_str!("../../dictionary/codes.tsv"), 4),
            (include_str!("../../dictionary/tables.tsv"), 2),
        ] {
            for row in lines(text) {
                assert_eq!(row.0.len(), columns, "{:?}", row.0);
                if columns == 3 && row.0[2].contains(':') {
                    assert!(Inside::read(row.0[2]).is_some(), "{:?}", row.0);
                }
            }
        }
        let read = read();
        let count: usize = read.fields.values().flat_map(HashMap::values).map(Vec::len).sum();
        assert_eq!(count, include_str!("../../dictionary/fields.tsv").lines().count() - 1);
        let count: usize = read.structures.values().map(Vec::len).sum();
        assert_eq!(count, include_str!("../../dictionary/structures.tsv").lines().count() - 1);
    }
}
