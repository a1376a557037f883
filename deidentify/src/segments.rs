//! The table of all fields.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::kind::Kind;

const TABLE: &str = include_str!("segments.txt");

static KINDS: LazyLock<HashMap<&'static str, Vec<Kind>>> = LazyLock::new(|| {
    let mut table: HashMap<&'static str, Vec<Kind>> = HashMap::new();
    let mut segment = "";
    for line in TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_prefix(' ') {
            None => segment = line,
            Some(row) => {
                // A word that is no kind would be a field that nobody has looked at.
                let kinds = row
                    .split_whitespace()
                    .skip(1)
                    .map(|word| Kind::of(word).unwrap_or(Kind::Clear));
                table.entry(segment).or_default().extend(kinds);
            }
        }
    }
    table
});

/// What a field (from 1) of a segment holds; not known is `Clear`.
pub(crate) fn kind(segment: &str, field: usize) -> Kind {
    let fields = KINDS.get(segment);
    let kind = fields.and_then(|fields| fields.get(field.checked_sub(1)?));
    kind.copied().unwrap_or(Kind::Clear)
}

/// Whether the segment is one of the standard.
pub(crate) fn is_known(segment: &str) -> bool {
    KINDS.contains_key(segment)
}

/// Every field of the table.
#[cfg(test)]
pub(crate) fn places() -> Vec<(&'static str, usize)> {
    KINDS
        .iter()
        .flat_map(|(segment, kinds)| (1..=kinds.len()).map(|field| (*segment, field)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_kind_and_every_line_begins_where_the_last_one_ended() {
        let mut next = 1;
        let mut segments = 0;
        for line in TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let Some(row) = line.strip_prefix(' ') else {
                assert!(hl7::SegmentName::new(line).is_some(), "{line}");
                (next, segments) = (1, segments + 1);
                continue;
            };
            let mut words = row.split_whitespace();
            assert_eq!(words.next(), Some(next.to_string().as_str()), "{line}");
            for word in words {
                assert!(Kind::of(word).is_some(), "{word}");
                next += 1;
            }
        }
        assert!(segments > 180 && segments == KINDS.len());
    }

    #[test]
    fn what_is_not_known_is_cleared() {
        assert_eq!(kind("PID", 5), Kind::Name);
        assert_eq!(kind("PID", 999), Kind::Clear);
        assert_eq!(kind("PID", 0), Kind::Clear);
        assert_eq!(kind("ZPI", 1), Kind::Clear);
    }
}
