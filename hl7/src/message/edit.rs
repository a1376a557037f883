//! Changing values.

use std::ops::Range;

use super::{EditError, Level, Message, splice::Edit};
use crate::{
    delimiters::Delimiter,
    escape::escape_into,
    header::is_header_name,
    path::{Occurrence, Path, Repetition},
    walk::Walk,
};

/// Where a value goes, and how many separators of each level have to be put before it.
struct Target {
    range: Range<usize>,
    missing: [usize; 4],
}

impl Message {
    /// Writes one value, escaped: whatever it holds, it can make no segment, field, repetition or component.
    ///
    /// What is missing on the way is padded, and a plain value becomes the first component when a later one is set.
    /// `[*]` and content selectors write every place they mean.
    pub fn set(&mut self, path: &Path, value: &str) -> Result<(), EditError> {
        if is_plain(value) && self.delimiters.can_escape() {
            return self.write(path, value.as_bytes());
        }
        let mut bytes = Vec::with_capacity(value.len() + 16);
        escape_into(&mut bytes, value, &self.delimiters, self.charset)?;
        self.write(path, &bytes)
    }

    /// Writes the HL7 null, `""`, which tells the receiver to delete its value.
    pub fn set_null(&mut self, path: &Path) -> Result<(), EditError> {
        self.write(path, b"\"\"")
    }

    /// Writes bytes with their structure: components where the path is a repetition, repetitions where it is
    /// `PID-3[*]`. Refuses what would reach beyond the path.
    pub fn set_raw(&mut self, path: &Path, raw: &[u8]) -> Result<(), EditError> {
        let whole_field = path.repetition == Repetition::All && path.component.is_none();
        let forbidden = [
            (&self.delimiters.field, true),
            (&self.delimiters.repetition, !whole_field),
            (&self.delimiters.component, path.component.is_some()),
            (&self.delimiters.subcomponent, path.subcomponent.is_some()),
        ];
        let walk = Walk::of(self.charset, &self.delimiters, raw);
        let holds = |delimiter: &Delimiter| walk.find(raw, delimiter).is_some();
        if forbidden.iter().any(|(delimiter, forbidden)| *forbidden && holds(delimiter))
            || raw.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0x0B | 0x1C))
            || !Walk::ends_clean(self.charset, raw)
        {
            return Err(EditError::Structure);
        }
        if whole_field { self.write_fields(path, raw) } else { self.write(path, raw) }
    }

    /// Empties every place that a path means and says how many held something. A bare segment holds no value.
    pub fn clear(&mut self, path: &Path) -> usize {
        if path.field.is_none() || is_delimiters(path) {
            return 0;
        }
        let whole_fields = path.repetition == Repetition::All && path.component.is_none();
        let places = match whole_fields {
            true => self.fields_of(path),
            false => self.every(path),
        };
        let edits: Vec<Edit> = places
            .into_iter()
            .filter(|range| !range.is_empty())
            .map(|range| Edit { range, bytes: Vec::new() })
            .collect();
        let cleared = edits.len();
        self.apply(edits);
        cleared
    }

    fn write(&mut self, path: &Path, value: &[u8]) -> Result<(), EditError> {
        self.check_writable(path)?;
        if !path.is_many() {
            let nth = match path.occurrence {
                Occurrence::Nth(n) => usize::from(n).saturating_sub(1),
                Occurrence::First | Occurrence::All => 0,
            };
            let index =
                self.indexes_of(path.segment).nth(nth).ok_or_else(|| self.no_segment(path))?;
            let repetition = match path.repetition {
                Repetition::Nth(n) => usize::from(n),
                Repetition::First | Repetition::All | Repetition::Where { .. } => 1,
            };
            let target = self.target(index, path, repetition);
            if target.missing == [0; 4] {
                self.replace(target.range, value);
                return Ok(());
            }
            return match self.padded(&target, value)? {
                Some(bytes) => {
                    self.replace(target.range, &bytes);
                    Ok(())
                }
                None => Ok(()),
            };
        }
        let targets = self.targets(path)?;
        let mut edits = Vec::with_capacity(targets.len());
        for target in targets {
            if let Some(bytes) = self.padded(&target, value)? {
                edits.push(Edit { range: target.range, bytes });
            }
        }
        self.apply(edits);
        Ok(())
    }

    /// Writes whole fields, all their repetitions.
    fn write_fields(&mut self, path: &Path, raw: &[u8]) -> Result<(), EditError> {
        self.check_writable(path)?;
        let mut edits = Vec::new();
        for index in self.segments_to_write(path)? {
            let mut target = self.target(index, path, 1);
            if let Some(field) = path.field.and_then(|field| self.field(index, field)) {
                target.range = field;
            }
            if let Some(bytes) = self.padded(&target, raw)? {
                edits.push(Edit { range: target.range, bytes });
            }
        }
        self.apply(edits);
        Ok(())
    }

    fn check_writable(&self, path: &Path) -> Result<(), EditError> {
        let zero = [path.field, path.component, path.subcomponent].contains(&Some(0));
        if path.field.is_none() || zero {
            return Err(EditError::NotAValue { path: path.to_string() });
        }
        if is_delimiters(path) {
            return Err(EditError::Header);
        }
        Ok(())
    }

    fn segments_to_write(&self, path: &Path) -> Result<Vec<usize>, EditError> {
        let segments = self.chosen_segments(path);
        match segments.is_empty() && path.occurrence != Occurrence::All {
            true => Err(self.no_segment(path)),
            false => Ok(segments),
        }
    }

    fn no_segment(&self, path: &Path) -> EditError {
        let segment = match path.occurrence {
            Occurrence::First | Occurrence::All => path.segment.to_string(),
            Occurrence::Nth(n) => format!("{}[{n}]", path.segment),
        };
        EditError::NoSegment { segment }
    }

    /// The whole fields that a path means, where they are there.
    pub(super) fn fields_of(&self, path: &Path) -> Vec<Range<usize>> {
        let Some(field) = path.field else { return Vec::new() };
        self.chosen_segments(path)
            .into_iter()
            .filter_map(|index| self.field(index, field))
            .collect()
    }

    /// Every place that a path with `[*]` or a content selector writes.
    fn targets(&self, path: &Path) -> Result<Vec<Target>, EditError> {
        let mut targets = Vec::new();
        let mut matched = false;
        for index in self.segments_to_write(path)? {
            match path.repetition {
                Repetition::First => targets.push(self.target(index, path, 1)),
                Repetition::Nth(n) => targets.push(self.target(index, path, usize::from(n))),
                Repetition::All | Repetition::Where { .. } => {
                    let Some(field) = path.field.and_then(|field| self.field(index, field)) else {
                        if path.repetition == Repetition::All {
                            targets.push(self.target(index, path, 1));
                        }
                        continue;
                    };
                    let chosen = self
                        .repetitions_of(field)
                        .filter(|range| self.is_chosen(range, &path.repetition));
                    for repetition in chosen {
                        matched = true;
                        targets.push(self.target_below(repetition, path, [0; 4]));
                    }
                }
            }
        }
        if !matched && matches!(path.repetition, Repetition::Where { .. }) {
            return Err(EditError::NoMatch { path: path.to_string() });
        }
        Ok(targets)
    }

    /// The place of a value in the segment at `index`.
    fn target(&self, index: usize, path: &Path, repetition: usize) -> Target {
        let field = path.field.unwrap_or(1);
        let (range, fields) = match self.field(index, field) {
            Some(range) => (range, 0),
            None => self.after_last_field(index, field),
        };
        let (range, repetitions) = self.place(range, &self.delimiters.repetition, repetition);
        self.target_below(range, path, [fields, repetitions, 0, 0])
    }

    fn target_below(&self, repetition: Range<usize>, path: &Path, missing: [usize; 4]) -> Target {
        let [fields, repetitions, ..] = missing;
        let part = |n: Option<u16>| n.map_or(1, usize::from);
        let (range, components) = match path.component {
            None => (repetition, 0),
            component => self.place(repetition, &self.delimiters.component, part(component)),
        };
        let (range, subcomponents) = match path.subcomponent {
            None => (range, 0),
            subcomponent => self.place(range, &self.delimiters.subcomponent, part(subcomponent)),
        };
        Target { range, missing: [fields, repetitions, components, subcomponents] }
    }

    /// The end of a segment and how many field separators have to follow it.
    fn after_last_field(&self, index: usize, field: u16) -> (Range<usize>, usize) {
        let Some(entry) = self.entries.get(index) else { return (0..0, 0) };
        let segment = &self.bytes[entry.start..entry.end];
        let separators = self.walk.count(segment, &self.delimiters.field);
        // MSH-1 is the first separator itself.
        let wanted = usize::from(field) - usize::from(self.is_header(index));
        (entry.end..entry.end, wanted.saturating_sub(separators))
    }

    /// The `n`-th part of a range; when it is not there, the end of the range and how many separators are missing.
    fn place(
        &self,
        within: Range<usize>,
        delimiter: &Delimiter,
        n: usize,
    ) -> (Range<usize>, usize) {
        match self.walk.part(&self.bytes, within.clone(), delimiter, n) {
            Some(range) => (range, 0),
            None => {
                let there = self.walk.count(&self.bytes[within.clone()], delimiter);
                (within.end..within.end, n.saturating_sub(1).saturating_sub(there))
            }
        }
    }

    /// The value with the separators before it; nothing when an empty value would only add separators.
    fn padded(&self, target: &Target, value: &[u8]) -> Result<Option<Vec<u8>>, EditError> {
        let levels = [
            (Level::Field, &self.delimiters.field),
            (Level::Repetition, &self.delimiters.repetition),
            (Level::Component, &self.delimiters.component),
            (Level::Subcomponent, &self.delimiters.subcomponent),
        ];
        if value.is_empty() && target.missing.iter().any(|missing| *missing > 0) {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(target.missing.iter().sum::<usize>() + value.len());
        for ((level, delimiter), missing) in levels.into_iter().zip(target.missing) {
            if missing > 0 && delimiter.is_none() {
                return Err(EditError::NoDelimiter { level });
            }
            for _ in 0..missing {
                bytes.extend_from_slice(delimiter.as_bytes());
            }
        }
        bytes.extend_from_slice(value);
        Ok(Some(bytes))
    }
}

/// Whether a value is letters, digits and spaces of ASCII only, which no usable delimiter is: the common case.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ')
}

/// Whether a path is MSH-1 or MSH-2, or the same of a file or batch header.
pub(super) fn is_delimiters(path: &Path) -> bool {
    path.field.is_some_and(|field| field <= 2) && is_header_name(path.segment.as_bytes())
}
