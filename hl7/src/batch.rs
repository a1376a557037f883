//! Files and frames that hold several messages: where each part is, and whether the trailers count right.
//!
//! `[FHS] { [BHS] { MSH... } [BTS] } [FTS]`, where every header and trailer may be missing and a batch may be empty.

mod reply;
mod writing;

use std::ops::Range;

use memchr::{memchr, memchr2};

use crate::header::BOM;

pub use reply::BatchReply;
pub use writing::BatchWriter;

/// What a part of some bytes is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PartKind {
    /// FHS.
    FileHeader,
    /// BHS.
    BatchHeader,
    /// MSH and the segments after it.
    Message,
    /// BTS.
    BatchTrailer,
    /// FTS.
    FileTrailer,
    /// Blank lines between messages and at the end.
    Blank,
    /// Text that belongs to no message.
    Foreign,
}

/// One part, and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Its bytes, the terminator of its last segment with them.
    pub range: Range<usize>,
}

/// Cuts bytes into parts, in order and without gaps: the parts together are the bytes.
///
/// A message ends where a line begins with `MSH`, `FHS`, `BHS`, `BTS` or `FTS`. What a line is, is decided for each message by its
/// first terminator, as in a message alone. One thing more is a border here: a lone LF before a header with this message's own
/// delimiters, because many files keep one message a line. Blank lines around a message are no part of it.
pub fn parts(bytes: &[u8]) -> Parts<'_> {
    Parts { bytes, at: 0 }
}

/// The parts of some bytes.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Parts<'_> {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        let (bytes, start) = (self.bytes, self.at);
        if start == bytes.len() {
            return None;
        }
        let blank = bytes[start..].iter().take_while(|byte| is_blank(**byte)).count();
        let (kind, end) = match border(&bytes[start..]) {
            _ if blank > 0 => (PartKind::Blank, start + blank),
            Some(PartKind::Message) => (PartKind::Message, message_end(bytes, start)),
            Some(kind) => (kind, line_end(bytes, start)),
            None => (PartKind::Foreign, foreign_end(bytes, start)),
        };
        self.at = end;
        Some(Part { kind, range: start..end })
    }
}

/// What stands between messages without meaning: white space, and what is left of other framings.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0B | 0x0C | 0x1A | 0x1C)
}

/// The part that begins here, when one does. A header without any field is one too: what follows it is no part of the message before.
fn border(rest: &[u8]) -> Option<PartKind> {
    let rest = unindented(rest);
    let kind = match rest.get(..3)? {
        b"FHS" => PartKind::FileHeader,
        b"BHS" => PartKind::BatchHeader,
        b"MSH" => PartKind::Message,
        b"BTS" => PartKind::BatchTrailer,
        b"FTS" => PartKind::FileTrailer,
        _ => return None,
    };
    match rest.get(3) {
        None | Some(b'\r' | b'\n') => Some(kind),
        Some(separator) if *separator > b' ' && !separator.is_ascii_alphanumeric() => Some(kind),
        Some(_) => None,
    }
}

/// Without what is tolerated before a header, in its line.
fn unindented(mut rest: &[u8]) -> &[u8] {
    loop {
        rest = match rest {
            [b' ' | b'\t' | 0x0B | 0x0C, after @ ..] => after,
            _ if rest.starts_with(BOM) => &rest[BOM.len()..],
            _ => return rest,
        };
    }
}

/// Where the line at `from` ends, its terminator included.
fn line_end(bytes: &[u8], from: usize) -> usize {
    match memchr2(b'\r', b'\n', &bytes[from..]) {
        None => bytes.len(),
        Some(at) => from + at + terminator_len(&bytes[from + at..]),
    }
}

fn terminator_len(rest: &[u8]) -> usize {
    1 + usize::from(rest.starts_with(b"\r\n"))
}

fn foreign_end(bytes: &[u8], start: usize) -> usize {
    let mut at = line_end(bytes, start);
    while at < bytes.len() && border(&bytes[at..]).is_none() {
        at = line_end(bytes, at);
    }
    at
}

/// Where the message at `start` ends: behind its last line that is not blank.
fn message_end(bytes: &[u8], start: usize) -> usize {
    let (mut line, mut end) = (start, start);
    let header = own_header(&bytes[start..]);
    let mut by_cr = None;
    let mut from = start;
    while line < bytes.len() {
        let Some(at) = memchr2(b'\r', b'\n', &bytes[from..]).map(|at| from + at) else {
            return if is_blank_line(&bytes[line..]) { end } else { bytes.len() };
        };
        let ends_by_cr = *by_cr.get_or_insert(bytes[at] == b'\r');
        let next = at + terminator_len(&bytes[at..]);
        from = next;
        if ends_by_cr && bytes[at] == b'\n' && !begins_like(header, &bytes[next..]) {
            continue;
        }
        if !is_blank_line(&bytes[line..at]) {
            end = next;
        }
        line = next;
        if border(&bytes[next..]).is_some() {
            return end;
        }
    }
    end
}

fn is_blank_line(line: &[u8]) -> bool {
    line.iter().all(|byte| is_blank(*byte))
}

/// `|^~\&|` of the header at the start of a message, its name left out.
fn own_header(message: &[u8]) -> &[u8] {
    let rest = unindented(message).get(3..).unwrap_or_default();
    let Some(separator) = rest.first() else { return &[] };
    let second = memchr(*separator, rest.get(1..).unwrap_or_default());
    second.and_then(|at| rest.get(..at + 2)).unwrap_or_default()
}

/// Whether a header with these delimiters begins, or a trailer with this separator and a count.
fn begins_like(header: &[u8], rest: &[u8]) -> bool {
    let (Some(kind), Some(separator)) = (border(rest), header.first()) else { return false };
    let rest = unindented(rest).get(3..).unwrap_or_default();
    match kind {
        PartKind::BatchTrailer | PartKind::FileTrailer => {
            let line = &rest[..memchr2(b'\r', b'\n', rest).unwrap_or(rest.len())];
            line.strip_prefix(&[*separator]).is_none_or(|count| {
                count.iter().take_while(|byte| *byte != separator).all(u8::is_ascii_digit)
            })
        }
        PartKind::FileHeader
        | PartKind::BatchHeader
        | PartKind::Message
        | PartKind::Blank
        | PartKind::Foreign => rest.starts_with(header),
    }
}

/// What some bytes hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Holding {
    /// Messages.
    pub messages: u64,
    /// Groups of messages, with headers of their own or without.
    pub batches: u64,
    /// There is a header or trailer around them.
    pub is_batch: bool,
}

/// Why none of the messages of some bytes may be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BatchFault {
    /// BTS-1 is another number than that of the messages.
    #[error("BTS-1 says {said} messages and the batch holds {held}")]
    Messages {
        /// BTS-1.
        said: u64,
        /// The messages since its header.
        held: u64,
    },
    /// FTS-1 is another number than that of the batches.
    #[error("FTS-1 says {said} batches and the file holds {held}")]
    Batches {
        /// FTS-1.
        said: u64,
        /// The batches of the file.
        held: u64,
    },
    /// A count is no number.
    #[error("the count in {0}-1 is not a number")]
    Count(&'static str),
    /// There is text before, between or after the messages.
    #[error("it holds text that belongs to no message")]
    Foreign,
}

/// Counts what is there, and holds it against what the trailers say. A trailer without a count says nothing.
pub fn count(bytes: &[u8]) -> Result<Holding, BatchFault> {
    let mut holding = Holding::default();
    let mut open: Option<u64> = None;
    for Part { kind, range } in parts(bytes) {
        let part = &bytes[range];
        holding.is_batch |= !matches!(kind, PartKind::Message | PartKind::Blank);
        match kind {
            PartKind::Message => {
                holding.messages += 1;
                holding.batches += u64::from(open.is_none());
                open = Some(open.unwrap_or(0) + 1);
            }
            PartKind::BatchHeader => {
                holding.batches += 1;
                open = Some(0);
            }
            PartKind::BatchTrailer => {
                holding.batches += u64::from(open.is_none());
                let held = open.take().unwrap_or(0);
                match said(part, "BTS")? {
                    Some(said) if said != held => return Err(BatchFault::Messages { said, held }),
                    Some(_) | None => {}
                }
            }
            PartKind::FileTrailer => match said(part, "FTS")? {
                Some(said) if said != holding.batches => {
                    return Err(BatchFault::Batches { said, held: holding.batches });
                }
                Some(_) | None => open = None,
            },
            PartKind::FileHeader => {
                open = None;
                holding.batches = 0;
            }
            PartKind::Blank => {}
            PartKind::Foreign => return Err(BatchFault::Foreign),
        }
    }
    Ok(holding)
}

/// The first field of a trailer.
fn said(trailer: &[u8], name: &'static str) -> Result<Option<u64>, BatchFault> {
    let trailer = unindented(trailer);
    let Some(separator) = trailer.get(3).filter(|byte| !matches!(byte, b'\r' | b'\n')) else {
        return Ok(None);
    };
    let rest = &trailer[4..];
    let ends = |byte: &u8| byte == separator || matches!(byte, b'\r' | b'\n');
    let field = rest[..rest.iter().position(ends).unwrap_or(rest.len())].trim_ascii();
    if field.is_empty() {
        return Ok(None);
    }
    let number = std::str::from_utf8(field).ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or(BatchFault::Count(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &[u8]) -> Vec<(PartKind, &[u8])> {
        parts(bytes).map(|part| (part.kind, &bytes[part.range])).collect()
    }

    fn messages(bytes: &[u8]) -> Vec<&[u8]> {
        cut(bytes)
            .into_iter()
            .filter(|(kind, _)| *kind == PartKind::Message)
            .map(|(_, part)| part)
            .collect()
    }

    #[test]
    fn a_batch_is_cut_into_its_parts() {
        let bytes = b"\xEF\xBB\xBFFHS$%\rBHS|^~\\&|A\r\nMSH|^~\\&|1\rPID|1\r\r\nMSH#^~\\&#2\nPID#BTS\nBTS|2\rFTS$1";
        assert_eq!(
            cut(bytes),
            [
                (PartKind::FileHeader, &b"\xEF\xBB\xBFFHS$%\r"[..]),
                (PartKind::BatchHeader, b"BHS|^~\\&|A\r\n"),
                (PartKind::Message, b"MSH|^~\\&|1\rPID|1\r"),
                (PartKind::Blank, b"\r\n"),
                (PartKind::Message, b"MSH#^~\\&#2\nPID#BTS\n"),
                (PartKind::BatchTrailer, b"BTS|2\r"),
                (PartKind::FileTrailer, b"FTS$1"),
            ]
        );
    }

    #[test]
    fn the_first_terminator_of_each_message_decides() {
        assert_eq!(
            messages(b"MSH|^~\\&|1\rOBX|a\nMSH|b\rMSH|^~\\&|2\nOBX|a\nMSH|^~\\&|3").len(),
            3
        );
        assert_eq!(messages(b"MSH|^~\\&|1\rPID|1\nMSH|^~\\&|2\rPID|2\nBTS|2\n").len(), 2);
        assert_eq!(
            messages(b"MSH|^~\\&|1\rPID|1\nMSH$^~\\&$2\rPID|2\r"),
            [b"MSH|^~\\&|1\rPID|1\nMSH$^~\\&$2\rPID|2\r"]
        );
    }

    #[test]
    fn blank_lines_belong_to_no_message_and_those_inside_one_to_it() {
        let bytes = b"\r\n\x0BMSH|^~\\&|1\r\rPID|1  \r\x1C\r\n\n\xEF\xBB\xBFMSH|^~\\&|2\n\n\n";
        assert_eq!(
            messages(bytes),
            [&b"MSH|^~\\&|1\r\rPID|1  \r"[..], b"\xEF\xBB\xBFMSH|^~\\&|2\n"]
        );
        assert_eq!(messages(b"MSH|^~\\&|1\rPID|1\r\n\n \t"), [b"MSH|^~\\&|1\rPID|1\r\n"]);
    }

    #[test]
    fn a_header_without_fields_is_a_message_of_its_own() {
        assert_eq!(messages(b"MSH|^~\\&|1\rPID|1\rMSH\rPID|2\r").len(), 2);
        assert_eq!(messages(b"MSH|^~\\&|1\rPID|1\r MSH|^~\\&|2\r").len(), 2);
        assert_eq!(messages(b"MSH|^~\\&|1\rMSHX|1\rMSH 1\r").len(), 1);
    }

    #[test]
    fn counts_are_held_against_the_trailers() {
        let holds = |bytes: &[u8]| count(bytes).map(|h| (h.messages, h.batches, h.is_batch));
        let file = "FHS|\rBHS|\rMSH|1\rMSH|2\rBTS|2\rBHS|\rBTS|0\rFTS|2\r";
        assert_eq!(holds(file.as_bytes()), Ok((2, 2, true)));
        for (from, to, fault) in [
            ("BTS|2", "BTS|3", BatchFault::Messages { said: 3, held: 2 }),
            ("BTS|0", "BTS|1", BatchFault::Messages { said: 1, held: 0 }),
            ("FTS|2", "FTS| 1 |x", BatchFault::Batches { said: 1, held: 2 }),
            ("FTS|2", "FTS|two", BatchFault::Count("FTS")),
            ("BTS|0", "BTS|0\rNTE|x", BatchFault::Foreign),
        ] {
            assert_eq!(count(file.replace(from, to).as_bytes()), Err(fault), "{to}");
        }
        assert_eq!(
            holds(b"FHS|\rMSH|1\rMSH|2\rFTS|1"),
            Ok((2, 1, true)),
            "a batch without its header"
        );
        assert_eq!(holds(b"BHS|\rMSH|1\rBTS\rFTS||x"), Ok((1, 1, true)), "no count says nothing");
        assert_eq!(holds(b"MSH|1\rMSH|2\r"), Ok((2, 1, false)));
        assert_eq!(holds(b"FHS|\rFTS|0\r"), Ok((0, 0, true)));
        assert_eq!(holds(b"\r\n"), Ok((0, 0, false)));
        assert_eq!(holds(b"PK\x03\x04"), Err(BatchFault::Foreign));
    }
}
