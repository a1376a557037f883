//! Adding, removing and choosing segments and repetitions.

use std::ops::Range;

use super::{
    EditError, Message,
    edit::is_delimiters,
    index::{self, Entry},
    splice::Edit,
};
use crate::{
    header::is_header_name,
    path::{Occurrence, Path, Repetition, SegmentName},
    walk::Walk,
};

/// Where a segment is put.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// Before the segment of a path: the first of its name when no index is written.
    Before(&'a Path),
    /// After the segment of a path: with `[*]` the last of its name, without an index the first.
    After(&'a Path),
    /// After the last segment.
    End,
}

impl Message {
    /// Removes what a path means and says how much that was: segments (a bare name means all of them), repetitions
    /// (with their separator), or the content of components. The header stays.
    pub fn delete(&mut self, path: &Path) -> usize {
        if path.field.is_none() {
            return self.delete_segments(path);
        }
        if is_delimiters(path) {
            return 0;
        }
        match path.component {
            Some(_) => self.clear(path),
            None => self.delete_repetitions(path),
        }
    }

    /// Adds an empty segment and says which occurrence of its name it is. It takes the terminator of its neighbour.
    pub fn insert(&mut self, segment: &str, place: Place<'_>) -> Result<usize, EditError> {
        let name = SegmentName::new(segment)
            .filter(|name| !is_header_name(name.as_bytes()))
            .ok_or_else(|| EditError::Name { name: segment.to_owned() })?;
        let position = self.position(place)?;
        let neighbour = match position {
            0 => self.entries.first(),
            _ => self.entries.get(position - 1),
        };
        let mut new = name.as_bytes().to_vec();
        match neighbour.map(|entry| entry.end..entry.next) {
            None => new.push(b'\r'),
            Some(terminator) if !terminator.is_empty() => {
                new.extend_from_slice(&self.bytes[terminator])
            }
            // Before the only segment, which has no terminator.
            Some(_) if position == 0 => new.extend_from_slice(self.usual_terminator()),
            // After the last segment, which has none: it gets one, and the new last one stays without.
            Some(_) => self.terminate_last(),
        }
        let at = match position {
            0 => self.entries.first().map_or(self.bytes.len(), |entry| entry.start),
            _ => self.entries[position - 1].next,
        };
        self.bytes.splice(at..at, new.iter().copied());
        for entry in &mut self.entries[position..] {
            *entry = moved(entry, new.len());
        }
        let end = at + 3;
        self.entries.insert(
            position,
            Entry { start: at, end, next: at + new.len(), key: index::key(name.as_bytes()) },
        );
        Ok(self.indexes_of(name).take_while(|index| *index <= position).count())
    }

    /// A new message of the segments at these positions, in this order, each with its bytes and its terminator.
    pub fn extract(&self, segments: &[usize]) -> Message {
        let mut bytes = Vec::new();
        let mut entries = Vec::with_capacity(segments.len());
        if let (Some(0), Some(first)) = (segments.first(), self.entries.first()) {
            bytes.extend_from_slice(&self.bytes[..first.start]);
        }
        for (at, entry) in segments.iter().filter_map(|index| self.entries.get(*index)).enumerate()
        {
            if at > 0
                && let Some(last) =
                    entries.last_mut().filter(|last: &&mut Entry| last.end == last.next)
            {
                bytes.extend_from_slice(self.usual_terminator());
                last.next = bytes.len();
            }
            let start = bytes.len();
            bytes.extend_from_slice(&self.bytes[entry.start..entry.next]);
            let end = start + entry.end - entry.start;
            entries.push(Entry { start, end, next: bytes.len(), key: entry.key });
        }
        let walk = Walk::of(self.charset, &self.delimiters, &bytes);
        Message { bytes, entries, delimiters: self.delimiters, charset: self.charset, walk }
    }

    fn position(&self, place: Place<'_>) -> Result<usize, EditError> {
        let (path, after) = match place {
            Place::Before(path) => (path, false),
            Place::After(path) => (path, true),
            Place::End => {
                let last = self.entries.iter().rposition(|entry| entry.end > entry.start);
                return Ok(last.map_or(self.entries.len(), |last| last + 1));
            }
        };
        let chosen = self.chosen_segments(path);
        let anchor = match (path.occurrence, after) {
            (Occurrence::All, true) => chosen.last(),
            _ => chosen.first(),
        };
        let Some(anchor) = anchor else {
            let bare = Path { field: None, ..path.clone() };
            return Err(EditError::NoSegment { segment: bare.to_string() });
        };
        if *anchor == 0 && !after && self.is_header(0) {
            return Err(EditError::Header);
        }
        Ok(anchor + usize::from(after))
    }

    /// The terminator that this message's segments have.
    fn usual_terminator(&self) -> &[u8] {
        self.entries
            .iter()
            .find(|entry| entry.next > entry.end)
            .map_or(b"\r", |entry| &self.bytes[entry.end..entry.next])
    }

    fn terminate_last(&mut self) {
        let terminator = self.usual_terminator().to_vec();
        if let Some(last) = self.entries.last_mut().filter(|last| last.end == last.next) {
            self.bytes.extend_from_slice(&terminator);
            last.next = self.bytes.len();
        }
    }

    fn delete_segments(&mut self, path: &Path) -> usize {
        let all = Path { occurrence: Occurrence::All, ..path.clone() };
        let mut chosen = match path.occurrence {
            Occurrence::First => self.chosen_segments(&all),
            Occurrence::Nth(_) | Occurrence::All => self.chosen_segments(path),
        };
        chosen.retain(|index| *index > 0 || !self.is_header(0));
        if chosen.is_empty() {
            return 0;
        }
        let start = self.entries.first().map_or(0, |entry| entry.start);
        let mut bytes = self.bytes[..start].to_vec();
        let mut entries = Vec::with_capacity(self.entries.len());
        let mut gone = chosen.iter().copied().peekable();
        for (index, entry) in self.entries.iter().enumerate() {
            if gone.next_if_eq(&index).is_some() {
                continue;
            }
            let start = bytes.len();
            bytes.extend_from_slice(&self.bytes[entry.start..entry.next]);
            entries.push(Entry {
                start,
                end: start + entry.end - entry.start,
                next: bytes.len(),
                key: entry.key,
            });
        }
        self.bytes = bytes;
        self.entries = entries;
        chosen.len()
    }

    fn delete_repetitions(&mut self, path: &Path) -> usize {
        let mut edits = Vec::new();
        let mut deleted = 0;
        for field in self.fields_of(path) {
            if field.is_empty() {
                continue;
            }
            let mut kept: Vec<Range<usize>> = Vec::new();
            let before = deleted;
            for (at, repetition) in self.repetitions_of(field.clone()).enumerate() {
                let chosen = match path.repetition {
                    Repetition::First => at == 0,
                    Repetition::Nth(n) => at + 1 == usize::from(n),
                    Repetition::All | Repetition::Where { .. } => {
                        self.is_chosen(&repetition, &path.repetition)
                    }
                };
                if chosen { deleted += 1 } else { kept.push(repetition) }
            }
            if deleted > before {
                let parts: Vec<&[u8]> = kept.into_iter().map(|range| &self.bytes[range]).collect();
                edits.push(Edit { range: field, bytes: parts.join(self.delimiters.repetition()) });
            }
        }
        self.apply(edits);
        deleted
    }
}

fn moved(entry: &Entry, by: usize) -> Entry {
    Entry { start: entry.start + by, end: entry.end + by, next: entry.next + by, key: entry.key }
}
