//! Replacing bytes and keeping the segment index right.

use std::ops::Range;

use super::Message;
use crate::walk::Walk;

/// One replacement; several are given in the order of their places and do not overlap.
pub(super) struct Edit {
    pub(super) range: Range<usize>,
    pub(super) bytes: Vec<u8>,
}

impl Message {
    /// Puts `new` in the place of one range inside a segment.
    pub(super) fn replace(&mut self, range: Range<usize>, new: &[u8]) {
        let old_len = self.bytes.len();
        let removed = range.len();
        let after = range.end;
        if new.len() > removed {
            let grown = new.len() - removed;
            self.bytes.resize(old_len + grown, 0);
            self.bytes.copy_within(after..old_len, after + grown);
        } else {
            let shrunk = removed - new.len();
            self.bytes.copy_within(after..old_len, after - shrunk);
            self.bytes.truncate(old_len - shrunk);
        }
        self.bytes[range.start..range.start + new.len()].copy_from_slice(new);

        let shift = |place: &mut usize| *place = *place + new.len() - removed;
        let changed = self.entries.partition_point(|entry| entry.end < range.start);
        for (at, entry) in self.entries[changed..].iter_mut().enumerate() {
            if at > 0 {
                shift(&mut entry.start);
            }
            shift(&mut entry.end);
            shift(&mut entry.next);
        }
        self.look_at(new);
    }

    /// Makes several replacements in one pass over the message.
    pub(super) fn apply(&mut self, edits: Vec<Edit>) {
        if let [edit] = edits.as_slice() {
            return self.replace(edit.range.clone(), &edit.bytes);
        }
        let grown: usize = edits.iter().map(|edit| edit.bytes.len()).sum();
        let mut bytes = Vec::with_capacity(self.bytes.len() + grown);
        let mut from = 0;
        let mut entries = self.entries.iter_mut().peekable();
        for edit in &edits {
            let moved = |place: usize| place + bytes.len() - from;
            // Segments that end before this place have moved by what was changed up to now.
            while let Some(entry) = entries.next_if(|entry| entry.end < edit.range.start) {
                entry.end = moved(entry.end);
                entry.next = moved(entry.next);
                if let Some(following) = entries.peek_mut() {
                    following.start = entry.next;
                }
            }
            bytes.extend_from_slice(&self.bytes[from..edit.range.start]);
            bytes.extend_from_slice(&edit.bytes);
            from = edit.range.end;
        }
        let moved = |place: usize| place + bytes.len() - from;
        while let Some(entry) = entries.next() {
            entry.end = moved(entry.end);
            entry.next = moved(entry.next);
            if let Some(following) = entries.peek_mut() {
                following.start = entry.next;
            }
        }
        bytes.extend_from_slice(&self.bytes[from..]);
        self.bytes = bytes;
        for edit in &edits {
            self.look_at(&edit.bytes);
        }
    }

    /// New bytes may be the first that have to be walked with care.
    pub(super) fn look_at(&mut self, new: &[u8]) {
        if self.walk == Walk::Plain {
            self.walk = Walk::of(self.charset, &self.delimiters, new);
        }
    }
}
