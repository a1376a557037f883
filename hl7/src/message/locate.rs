//! Finding the bytes that a path means.

use std::{borrow::Cow, ops::Range};

use super::Message;
use crate::{
    escape::unescape,
    outline::NodeLevel,
    path::{Occurrence, Path, Repetition},
};

impl Message {
    /// The first place that a path means.
    #[inline]
    pub(super) fn first(&self, path: &Path) -> Option<Range<usize>> {
        match path.occurrence {
            Occurrence::First => self.first_in(self.indexes_of(path.segment).next()?, path),
            Occurrence::Nth(n) => {
                let nth = usize::from(n).checked_sub(1)?;
                self.first_in(self.indexes_of(path.segment).nth(nth)?, path)
            }
            Occurrence::All => {
                self.indexes_of(path.segment).find_map(|index| self.first_in(index, path))
            }
        }
    }

    #[inline]
    fn first_in(&self, index: usize, path: &Path) -> Option<Range<usize>> {
        let Some(field) = path.field else {
            let entry = self.entries.get(index)?;
            return Some(entry.start..entry.end);
        };
        let range = self.field(index, field)?;
        if field <= 2 && self.is_header(index) {
            return self.below_atom(range, path);
        }
        match &path.repetition {
            Repetition::First => self.below(self.repetition(range, 1)?, path),
            Repetition::Nth(n) => self.below(self.repetition(range, usize::from(*n))?, path),
            Repetition::All | Repetition::Where { .. } => self
                .repetitions_of(range)
                .filter(|repetition| self.is_chosen(repetition, &path.repetition))
                .find_map(|repetition| self.below(repetition, path)),
        }
    }

    /// Every place that a path means, in order.
    pub(super) fn every(&self, path: &Path) -> Vec<Range<usize>> {
        if !path.is_many() {
            return self.first(path).into_iter().collect();
        }
        let mut found = Vec::new();
        for index in self.chosen_segments(path) {
            let many = matches!(path.repetition, Repetition::All | Repetition::Where { .. });
            match path.field.filter(|field| many && !(*field <= 2 && self.is_header(index))) {
                None => found.extend(self.first_in(index, path)),
                Some(field) => {
                    let Some(range) = self.field(index, field) else { continue };
                    let chosen = self
                        .repetitions_of(range)
                        .filter(|repetition| self.is_chosen(repetition, &path.repetition))
                        .filter_map(|repetition| self.below(repetition, path));
                    found.extend(chosen);
                }
            }
        }
        found
    }

    /// Positions of the segments that a value path means.
    pub(super) fn chosen_segments(&self, path: &Path) -> Vec<usize> {
        let mut indexes = self.indexes_of(path.segment);
        match path.occurrence {
            Occurrence::First => indexes.next().into_iter().collect(),
            Occurrence::Nth(n) => {
                usize::from(n).checked_sub(1).and_then(|nth| indexes.nth(nth)).into_iter().collect()
            }
            Occurrence::All => indexes.collect(),
        }
    }

    /// The range of a field of the segment at `index`.
    #[inline]
    pub(super) fn field(&self, index: usize, field: u16) -> Option<Range<usize>> {
        let entry = self.entries.get(index)?;
        let field = usize::from(field);
        if field == 0 {
            return None;
        }
        if !self.is_header(index) {
            return self.walk.part(
                &self.bytes,
                entry.start..entry.end,
                &self.delimiters.field,
                field + 1,
            );
        }
        match field {
            1 => {
                let start = entry.start + 3;
                let end = start + self.delimiters.field.len();
                (end <= entry.end).then_some(start..end)
            }
            _ => self.walk.part(&self.bytes, entry.start..entry.end, &self.delimiters.field, field),
        }
    }

    /// The range of the `n`-th repetition of a field.
    #[inline]
    pub(super) fn repetition(&self, field: Range<usize>, n: usize) -> Option<Range<usize>> {
        self.walk.part(&self.bytes, field, &self.delimiters.repetition, n)
    }

    pub(super) fn repetitions_of(&self, field: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        self.walk.parts(&self.bytes, field, &self.delimiters.repetition)
    }

    /// Goes down from a repetition to the component and subcomponent of the path. A plain value is its own first
    /// component and subcomponent.
    #[inline]
    pub(super) fn below(&self, repetition: Range<usize>, path: &Path) -> Option<Range<usize>> {
        let Some(component) = path.component else { return Some(repetition) };
        let component = self.walk.part(
            &self.bytes,
            repetition,
            &self.delimiters.component,
            usize::from(component),
        )?;
        let Some(subcomponent) = path.subcomponent else { return Some(component) };
        self.walk.part(
            &self.bytes,
            component,
            &self.delimiters.subcomponent,
            usize::from(subcomponent),
        )
    }

    /// MSH-1 and MSH-2 are made of delimiters and have no parts.
    fn below_atom(&self, field: Range<usize>, path: &Path) -> Option<Range<usize>> {
        let first = |n: Option<u16>| n.is_none_or(|n| n == 1);
        let repetition = match &path.repetition {
            Repetition::First | Repetition::All => true,
            Repetition::Nth(n) => *n == 1,
            Repetition::Where { .. } => false,
        };
        (repetition && first(path.component) && first(path.subcomponent)).then_some(field)
    }

    /// Whether a repetition is one of those that the path means.
    pub(super) fn is_chosen(&self, range: &Range<usize>, repetition: &Repetition) -> bool {
        let Repetition::Where { component, subcomponent, value } = repetition else { return true };
        let component = self.walk.part(
            &self.bytes,
            range.clone(),
            &self.delimiters.component,
            usize::from(*component),
        );
        let found = match (component, subcomponent) {
            (Some(component), Some(n)) => self.walk.part(
                &self.bytes,
                component,
                &self.delimiters.subcomponent,
                usize::from(*n),
            ),
            (component, _) => component,
        };
        let Some(found) = found else { return value.is_empty() };
        match unescape(&self.bytes[found], &self.delimiters, self.charset) {
            Cow::Borrowed(bytes) => self.charset.decode(bytes).is_ok_and(|text| text == *value),
            Cow::Owned(bytes) => self.charset.decode(&bytes).is_ok_and(|text| text == *value),
        }
    }
}

/// For the outline, which goes through a message from top to bottom.
impl Message {
    /// The fields of a segment: number, place, and whether it is made of delimiters.
    pub(crate) fn fields_of_segment(&self, index: usize) -> Vec<(usize, Range<usize>, bool)> {
        let Some(entry) = self.entries.get(index) else { return Vec::new() };
        let parts =
            self.walk.parts(&self.bytes, entry.start..entry.end, &self.delimiters.field).skip(1);
        if !self.is_header(index) {
            return parts.enumerate().map(|(at, range)| (at + 1, range, false)).collect();
        }
        let separator = self.field(index, 1).map(|range| (1, range, true));
        separator
            .into_iter()
            .chain(parts.enumerate().map(|(at, range)| (at + 2, range, at == 0)))
            .collect()
    }

    /// The parts of one level in a range.
    pub(crate) fn parts_at(&self, range: Range<usize>, level: NodeLevel) -> Vec<Range<usize>> {
        let delimiter = match level {
            NodeLevel::Segment | NodeLevel::Field => &self.delimiters.field,
            NodeLevel::Repetition => &self.delimiters.repetition,
            NodeLevel::Component => &self.delimiters.component,
            NodeLevel::Subcomponent => &self.delimiters.subcomponent,
        };
        self.walk.parts(&self.bytes, range, delimiter).collect()
    }
}
