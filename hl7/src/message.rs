//! One message: its bytes, and where its segments are.

mod edit;
mod error;
mod index;
mod locate;
mod read;
mod splice;
mod structure;

pub use error::{EditError, Level, ValueError};
pub(crate) use index::lone_line_feeds;
pub use structure::Place;

use std::collections::HashMap;

use crate::{
    charset::Charset,
    delimiters::Delimiters,
    header::{self, Header},
    path::SegmentName,
    walk::Walk,
};
use index::Entry;

/// How a message is cut into segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ParseOptions {
    /// In a message whose segments end with CR, a lone LF before a segment name and a field separator ends one too.
    pub lf_ends_segments: bool,
}

/// An HL7 v2 message that keeps every byte it was made from.
///
/// It has no `Debug`: its bytes are patient data.
#[derive(Clone)]
pub struct Message {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    delimiters: Delimiters,
    charset: Charset,
    walk: Walk,
}

/// One segment as it is on the wire.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    /// What stands before the first field separator; empty for a blank line.
    pub name: &'a [u8],
    /// The segment without its terminator.
    pub bytes: &'a [u8],
    /// CR, LF, CRLF, or nothing at the end of the message.
    pub terminator: &'a [u8],
    /// Position in the message, from 0.
    pub index: usize,
    /// Position among the segments of its name, from 1.
    pub occurrence: usize,
    /// Where it starts in the message.
    pub start: usize,
}

impl Message {
    /// Reads a message. Never fails and keeps every byte; a byte order mark and white space before the header stay.
    pub fn parse(bytes: impl Into<Vec<u8>>, options: &ParseOptions) -> Message {
        let bytes = bytes.into();
        let header = header::read(&bytes);
        let start = match &header {
            Some(header) => header.start,
            None if bytes.starts_with(header::BOM) => header::BOM.len(),
            None => 0,
        };
        let delimiters = header.map_or(Delimiters::STANDARD, |header| header.delimiters);
        let charset = header.map_or(Charset::Utf8, |header| header.charset);
        let entries = index::segments(&bytes, start, &delimiters.field, *options);
        let walk = Walk::of(charset, &delimiters, &bytes);
        Message { bytes, entries, delimiters, charset, walk }
    }

    /// The message as it is to be sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The message as it is to be sent.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The delimiters that its header declares; the usual ones when it has no header.
    pub fn delimiters(&self) -> &Delimiters {
        &self.delimiters
    }

    /// The charset that values are read and written with.
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// Reads and writes values with another charset from now on. The bytes stay, and so does MSH-18.
    pub fn set_charset(&mut self, charset: Charset) {
        self.charset = charset;
        if let Some(Header { start, end, delimiters, .. }) = header::read(&self.bytes) {
            // A character of MSH-2 may have another length in the other charset.
            let encoding = Walk::Plain.part(&self.bytes, start..end, &delimiters.field, 2);
            let encoding = encoding.map(|range| &self.bytes[range]).unwrap_or_default();
            self.delimiters = Delimiters::new(delimiters.field(), encoding, charset);
        }
        self.walk = Walk::of(charset, &self.delimiters, &self.bytes);
    }

    /// Every segment in order, blank lines too.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let mut seen: HashMap<&[u8], usize> = HashMap::new();
        self.entries.iter().enumerate().map(move |(index, entry)| {
            let name = self.name_of(entry);
            let occurrence = *seen.entry(name).and_modify(|count| *count += 1).or_insert(1);
            Segment {
                name,
                bytes: &self.bytes[entry.start..entry.end],
                terminator: &self.bytes[entry.end..entry.next],
                index,
                occurrence,
                start: entry.start,
            }
        })
    }

    /// How many segments have this name.
    pub fn count(&self, name: &str) -> usize {
        match SegmentName::new(name) {
            Some(name) => self.indexes_of(name).count(),
            None => {
                self.entries.iter().filter(|entry| self.name_of(entry) == name.as_bytes()).count()
            }
        }
    }

    /// Positions of the segments of one name, from 0, in order.
    pub fn positions(&self, name: SegmentName) -> impl Iterator<Item = usize> {
        self.indexes_of(name)
    }

    /// How many lone LFs stand before what looks like a segment, in a message whose segments end with CR.
    ///
    /// Such a line is data by the rule, and some senders mean it as a segment: the count is shown on the message.
    pub fn lone_line_feeds(&self) -> usize {
        index::lone_line_feeds(
            &self.bytes,
            self.entries.first().map_or(0, |entry| entry.start),
            &self.delimiters.field,
        )
    }

    fn name_of(&self, entry: &Entry) -> &[u8] {
        let segment = &self.bytes[entry.start..entry.end];
        &segment[..self.walk.find(segment, &self.delimiters.field).unwrap_or(segment.len())]
    }

    /// Positions of the segments of one name.
    #[inline]
    fn indexes_of(&self, name: SegmentName) -> impl Iterator<Item = usize> {
        let key = index::key(name.as_bytes());
        self.entries
            .iter()
            .enumerate()
            .filter(move |(_, entry)| entry.key == key)
            .map(|(index, _)| index)
    }

    fn is_header(&self, index: usize) -> bool {
        const HEADERS: [u32; 3] = [index::key(b"MSH"), index::key(b"FHS"), index::key(b"BHS")];
        self.entries.get(index).is_some_and(|entry| HEADERS.contains(&entry.key))
    }
}
