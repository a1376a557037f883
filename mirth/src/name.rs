//! Names of the export as names of a site.

use std::collections::{BTreeMap, BTreeSet};

/// The longest name, in bytes.
const BYTES_MAX: usize = 64;
/// Left free for the number that makes a name unique.
const NUMBER_BYTES: usize = 8;

/// Names that are taken.
#[derive(Default)]
pub(crate) struct Names {
    taken: BTreeSet<String>,
    /// The last number that was given to a name, so that a thousand of one name do not count from 2 each.
    numbers: BTreeMap<String, usize>,
}

impl Names {
    /// A name of the form `[a-z0-9][a-z0-9._-]{0,63}` that no other has, as near to `text` as it can be.
    pub(crate) fn take(&mut self, text: &str, otherwise: &str) -> String {
        let base = slug(text, otherwise);
        let mut free = base.clone();
        while self.taken.contains(&free) {
            let number = self.numbers.entry(base.clone()).or_insert(1);
            *number += 1;
            free = format!("{base}-{number}");
        }
        self.taken.insert(free.clone());
        free
    }
}

/// A text as a name, or `otherwise` when nothing of it can stay.
pub(crate) fn slug(text: &str, otherwise: &str) -> String {
    let mut name = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            '_' | '.' if name.ends_with(|last: char| last.is_ascii_alphanumeric()) => name.push(c),
            'ä' => name.push_str("ae"),
            'ö' => name.push_str("oe"),
            'ü' => name.push_str("ue"),
            'ß' => name.push_str("ss"),
            _ if name.ends_with(|last: char| last.is_ascii_alphanumeric()) => name.push('-'),
            _ => {}
        }
        if name.len() >= BYTES_MAX - NUMBER_BYTES {
            break;
        }
    }
    let name = name.trim_end_matches(['-', '.', '_']);
    if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_unique() {
        let mut names = Names::default();
        assert_eq!(names.take("ADT In (Test)", "channel"), "adt-in-test");
        assert_eq!(names.take("adt in test!", "channel"), "adt-in-test-2");
        assert_eq!(names.take("../../etc/passwd", "channel"), "etc-passwd");
        assert_eq!(names.take("\"\n'", "channel"), "channel");
        assert_eq!(names.take("Größe_2.0", "channel"), "groesse_2.0");
        for text in ["x".repeat(200), "é".repeat(90), "..".to_owned()] {
            let name = names.take(&text, "channel");
            assert!(config::Name::new(&name).is_ok(), "{name}");
        }
    }
}
