//! Cutting bytes into segments.

use memchr::{memchr_iter, memchr2, memchr2_iter};

use super::ParseOptions;
use crate::delimiters::Delimiter;

/// Where one segment is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) start: usize,
    /// End of the content.
    pub(super) end: usize,
    /// End of the terminator, where the next segment starts.
    pub(super) next: usize,
    /// Its name when that has three characters, else 0: finding a segment compares one number.
    pub(super) key: u32,
}

/// The number that stands for a name.
pub(super) const fn key(name: &[u8; 3]) -> u32 {
    u32::from_le_bytes([name[0], name[1], name[2], 1])
}

/// Cuts `bytes[from..]`: the first CR or LF decides what ends a segment.
pub(super) fn segments(
    bytes: &[u8],
    from: usize,
    field: &Delimiter,
    options: ParseOptions,
) -> Vec<Entry> {
    let mut cutter = Cutter { bytes, field, start: from, entries: Vec::with_capacity(16) };
    let first = memchr2(b'\r', b'\n', &bytes[from..]).map(|at| bytes[from + at]);
    if first == Some(b'\r') {
        for at in memchr_iter(b'\r', &bytes[from..]) {
            let end = from + at;
            if options.lf_ends_segments {
                cutter.cut_at_line_feeds(end);
            }
            cutter.cut(end, end + 1 + usize::from(bytes.get(end + 1) == Some(&b'\n')));
        }
        if options.lf_ends_segments {
            cutter.cut_at_line_feeds(bytes.len());
        }
    } else if first.is_some() {
        for at in memchr2_iter(b'\r', b'\n', &bytes[from..]) {
            let end = from + at;
            if end < cutter.start {
                // The LF of a CRLF.
                continue;
            }
            let crlf = bytes[end] == b'\r' && bytes.get(end + 1) == Some(&b'\n');
            cutter.cut(end, end + 1 + usize::from(crlf));
        }
    }
    if cutter.start < bytes.len() {
        cutter.cut(bytes.len(), bytes.len());
    }
    cutter.entries
}

/// Counts the lone LFs before what looks like a segment, in a message whose first terminator has a CR.
pub(crate) fn lone_line_feeds(bytes: &[u8], from: usize, field: &Delimiter) -> usize {
    let content = &bytes[from..];
    match memchr2(b'\r', b'\n', content) {
        Some(at) if content[at] == b'\r' => memchr_iter(b'\n', content)
            .filter(|at| is_lone(content, *at) && looks_like_segment(&content[at + 1..], field))
            .count(),
        _ => 0,
    }
}

fn is_lone(bytes: &[u8], at: usize) -> bool {
    at == 0 || bytes[at - 1] != b'\r'
}

fn looks_like_segment(bytes: &[u8], field: &Delimiter) -> bool {
    matches!(bytes, [b'A'..=b'Z', b'A'..=b'Z' | b'0'..=b'9', b'A'..=b'Z' | b'0'..=b'9', rest @ ..]
        if !field.is_none() && rest.starts_with(field.as_bytes()))
}

struct Cutter<'a> {
    bytes: &'a [u8],
    field: &'a Delimiter,
    start: usize,
    entries: Vec<Entry>,
}

impl Cutter<'_> {
    #[inline]
    fn cut(&mut self, end: usize, next: usize) {
        let segment = &self.bytes[self.start..end];
        let key = match segment {
            [a, b, c, rest @ ..] if rest.is_empty() || rest.starts_with(self.field.as_bytes()) => {
                key(&[*a, *b, *c])
            }
            _ => 0,
        };
        self.entries.push(Entry { start: self.start, end, next, key });
        self.start = next;
    }

    fn cut_at_line_feeds(&mut self, end: usize) {
        let from = self.start;
        for at in memchr_iter(b'\n', &self.bytes[from..end]) {
            let at = from + at;
            if looks_like_segment(&self.bytes[at + 1..], self.field) {
                self.cut(at, at + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &[u8], lf_ends_segments: bool) -> Vec<(&[u8], &[u8])> {
        segments(bytes, 0, &Delimiter::byte(b'|'), ParseOptions { lf_ends_segments })
            .into_iter()
            .map(|entry| (&bytes[entry.start..entry.end], &bytes[entry.end..entry.next]))
            .collect()
    }

    #[test]
    fn the_first_terminator_decides() {
        assert_eq!(
            cut(b"A|1\rB|x\ny\r\nC", false),
            [(&b"A|1"[..], &b"\r"[..]), (b"B|x\ny", b"\r\n"), (b"C", b"")]
        );
        assert_eq!(
            cut(b"A|1\nB\r\nC\rD\n", false),
            [(&b"A|1"[..], &b"\n"[..]), (b"B", b"\r\n"), (b"C", b"\r"), (b"D", b"\n")]
        );
        assert_eq!(
            cut(b"A|1\r\r\nB", false),
            [(&b"A|1"[..], &b"\r"[..]), (b"", b"\r\n"), (b"B", b"")]
        );
        assert!(cut(b"", false).is_empty());
    }

    #[test]
    fn a_lone_line_feed_before_a_segment_is_counted_and_may_end_one() {
        let bytes = b"MSH|1\rOBX|one\ntwo\nOBX|2\r\nNTE|\n";
        let field = Delimiter::byte(b'|');
        assert_eq!(lone_line_feeds(bytes, 0, &field), 1);
        assert_eq!(cut(bytes, false).len(), 3);
        assert_eq!(
            cut(bytes, true)[1..3],
            [(&b"OBX|one\ntwo"[..], &b"\n"[..]), (b"OBX|2", b"\r\n")]
        );
        assert_eq!(lone_line_feeds(b"MSH|1\nOBX|2\n", 0, &field), 0);
    }
}
