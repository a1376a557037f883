//! The first segment: where it is, and what it says about reading the rest.

use std::ops::Range;

use memchr::memchr2;

use crate::{
    charset::Charset,
    delimiters::{Delimiter, Delimiters, character_len},
    walk::Walk,
};

pub(crate) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Which of the three segments that declare delimiters begins the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeaderKind {
    Message,
    File,
    Batch,
}

/// The header segment and what was read from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) kind: HeaderKind,
    /// Where its name starts: after a byte order mark and white space.
    pub(crate) start: usize,
    /// Where its content ends: at the first CR or LF.
    pub(crate) end: usize,
    pub(crate) delimiters: Delimiters,
    pub(crate) charset: Charset,
    /// Whether `charset` was declared; else it is UTF-8 because nothing else was said.
    pub(crate) declared: bool,
}

/// Where the content starts, after what is tolerated before a header.
pub(crate) fn content_start(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        if rest.starts_with(BOM) {
            at += BOM.len();
        } else if matches!(rest.first(), Some(b' ' | b'\t' | b'\r' | b'\n' | 0x0B | 0x0C)) {
            at += 1;
        } else {
            return at;
        }
    }
}

/// Whether a segment of this name declares delimiters, so that its fields are counted from its separator.
pub(crate) fn is_header_name(name: &[u8]) -> bool {
    matches!(name, b"MSH" | b"FHS" | b"BHS")
}

/// Reads the header; `None` when the bytes do not start with one.
pub(crate) fn read(bytes: &[u8]) -> Option<Header> {
    let start = if bytes.starts_with(b"MSH") { 0 } else { content_start(bytes) };
    let kind = match bytes.get(start..start + 3)? {
        b"MSH" => HeaderKind::Message,
        b"FHS" => HeaderKind::File,
        b"BHS" => HeaderKind::Batch,
        _ => return None,
    };
    let end = memchr2(b'\r', b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
    let after_name = &bytes[start + 3..end];
    if after_name.is_empty() {
        return None;
    }
    let field = Delimiter::new(&after_name[..character_len(after_name, Charset::Utf8)]);
    let segment = &bytes[start..end];
    let (charset, declared) = declared_charset(bytes, segment, &field, kind);
    let delimiters = delimiters(segment, &field, charset);
    Some(Header { kind, start, end, delimiters, charset, declared })
}

impl Header {
    /// The range of field `n` in the header segment.
    pub(crate) fn field(&self, bytes: &[u8], walk: Walk, n: usize) -> Option<Range<usize>> {
        match n {
            0 => None,
            1 => Some(self.start + 3..self.start + 3 + self.delimiters.field.len()),
            _ => walk.part(bytes, self.start..self.end, &self.delimiters.field, n),
        }
    }

    pub(crate) fn walk(&self, bytes: &[u8]) -> Walk {
        Walk::of(self.charset, &self.delimiters, bytes)
    }
}

fn delimiters(segment: &[u8], field: &Delimiter, charset: Charset) -> Delimiters {
    let rest = &segment[3 + field.len()..];
    let encoding = &rest[..Walk::Plain.find(rest, field).unwrap_or(rest.len())];
    Delimiters::new(field.as_bytes(), encoding, charset)
}

/// The charset by BOM, then MSH-18.
///
/// MSH-18 stands behind names that may be written in it, and a trail byte of Shift_JIS can equal the separator. So
/// when there are such bytes, each later field that names a charset is tried: the right one finds itself at 18.
fn declared_charset(
    bytes: &[u8],
    segment: &[u8],
    field: &Delimiter,
    kind: HeaderKind,
) -> (Charset, bool) {
    if bytes.starts_with(BOM) {
        return (Charset::Utf8, true);
    }
    if kind != HeaderKind::Message {
        return (Charset::Utf8, false);
    }
    let found = Walk::Plain.part(segment, 0..segment.len(), field, 18).map(|range| &segment[range]);
    let charset = found.and_then(named);
    if !segment.is_ascii() || segment.contains(&0x1B) {
        for later in Walk::Plain.parts(segment, 0..segment.len(), field).skip(17).take(12) {
            let Some(candidate) = named(&segment[later]) else { continue };
            let walk = Walk::of(candidate, &delimiters(segment, field, candidate), segment);
            let itself = walk.part(segment, 0..segment.len(), field, 18);
            if walk != Walk::Plain
                && itself.and_then(|range| named(&segment[range])) == Some(candidate)
            {
                return (candidate, true);
            }
        }
    }
    (charset.unwrap_or(Charset::Utf8), charset.is_some())
}

fn named(field: &[u8]) -> Option<Charset> {
    match field {
        b"" => None,
        b"UNICODE UTF-8" => Some(Charset::Utf8),
        b"8859/1" => Some(Charset::Latin1),
        _ => Charset::from_msh18(std::str::from_utf8(field).ok()?),
    }
}
