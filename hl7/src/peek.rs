//! Reading the header alone: all that is needed to answer a sender and to route a message's receipt.

use std::ops::Range;

use memchr::memmem;

use crate::{
    charset::Charset,
    delimiters::Delimiters,
    header::{self, Header, HeaderKind},
    message::lone_line_feeds,
    walk::Walk,
};

/// The fields that have a place in [`Peek`]: up to MSH-21.
const FIELDS: usize = 22;

/// What the header of some bytes says: places in those bytes, so it can be kept beside them.
#[derive(Clone, Debug)]
pub struct Peek {
    header: Header,
    walk: Walk,
    fields: [(usize, usize); FIELDS],
    is_acknowledgement: bool,
}

/// Bytes that are no HL7 v2 message: what to answer, by HL7 table 0357, and why in a few words without content.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Unreadable {
    /// Code of table 0357.
    pub code: u16,
    /// What to tell the sender.
    pub text: &'static str,
}

/// Reads the header of a frame.
pub fn peek(bytes: &[u8]) -> Result<Peek, Unreadable> {
    let header = header::read(bytes).ok_or_else(|| unreadable(bytes))?;
    let walk = header.walk(&bytes[header.start..header.end]);
    let mut fields = [(0, 0); FIELDS];
    let parts = walk.parts(bytes, header.start..header.end, &header.delimiters.field);
    for (field, range) in fields.iter_mut().skip(1).zip(parts) {
        *field = (range.start, range.end);
    }
    let separator = header.start + 3;
    fields[1] = (separator, separator + header.delimiters.field.len());
    let mut peek = Peek { header, walk, fields, is_acknowledgement: false };
    peek.is_acknowledgement = peek.message_code(bytes) == b"ACK"
        && has_segment(bytes, b"MSA", peek.header.delimiters.field());
    Ok(peek)
}

/// Whether a frame starts with a file or batch header.
pub fn is_batch(bytes: &[u8]) -> bool {
    header::read(bytes).is_some_and(|header| header.kind != HeaderKind::Message)
}

impl Peek {
    /// Field `n` of the header as it was sent; empty when it is absent.
    pub fn field<'a>(&self, bytes: &'a [u8], n: usize) -> &'a [u8] {
        let range = match self.fields.get(n) {
            Some((start, end)) => *start..*end,
            None => self.header.field(bytes, self.walk, n).unwrap_or_default(),
        };
        bytes.get(range).unwrap_or_default()
    }

    /// Component `component` of the first repetition of field `n`; empty when it is absent.
    pub fn component<'a>(&self, bytes: &'a [u8], n: usize, component: usize) -> &'a [u8] {
        let field = self.field(bytes, n);
        let delimiters = &self.header.delimiters;
        let part = |within: Range<usize>, delimiter, n| self.walk.part(field, within, delimiter, n);
        part(0..field.len(), &delimiters.repetition, 1)
            .and_then(|range| part(range, &delimiters.component, component))
            .map(|range| &field[range])
            .unwrap_or_default()
    }

    /// The delimiters that the header declares.
    pub fn delimiters(&self) -> &Delimiters {
        &self.header.delimiters
    }

    /// Whether this is a file or batch header.
    pub fn is_batch(&self) -> bool {
        self.header.kind != HeaderKind::Message
    }

    /// The charset by byte order mark, then MSH-18, else UTF-8.
    pub fn charset(&self) -> Charset {
        self.header.charset
    }

    /// Whether the message says its charset in a way that is known.
    pub fn declares_charset(&self) -> bool {
        self.header.declared
    }

    /// MSH-3.
    pub fn sending_application<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.field(bytes, 3)
    }

    /// MSH-4.
    pub fn sending_facility<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.field(bytes, 4)
    }

    /// MSH-5.
    pub fn receiving_application<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.field(bytes, 5)
    }

    /// MSH-6.
    pub fn receiving_facility<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.field(bytes, 6)
    }

    /// MSH-9, whole; empty for a batch.
    pub fn message_type<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        if self.is_batch() { b"" } else { self.field(bytes, 9) }
    }

    /// MSH-9.1.
    pub fn message_code<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        if self.is_batch() { b"" } else { self.component(bytes, 9, 1) }
    }

    /// MSH-9.2.
    pub fn trigger_event<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        if self.is_batch() { b"" } else { self.component(bytes, 9, 2) }
    }

    /// MSH-10, or the control id of a file or batch (field 11).
    pub fn control_id<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        self.field(bytes, if self.is_batch() { 11 } else { 10 })
    }

    /// MSH-11.
    pub fn processing_id<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        if self.is_batch() { b"" } else { self.field(bytes, 11) }
    }

    /// MSH-12.1.
    pub fn version<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        if self.is_batch() { b"" } else { self.component(bytes, 12, 1) }
    }

    /// Whether it is itself an acknowledgement (MSH-9.1 is `ACK` and there is an MSA), which is never answered.
    pub fn is_acknowledgement(&self) -> bool {
        self.is_acknowledgement
    }

    /// Lone LFs before what looks like a segment, in a message whose segments end with CR.
    pub fn lone_line_feeds(&self, bytes: &[u8]) -> usize {
        lone_line_feeds(bytes, self.header.start, &self.header.delimiters.field)
    }
}

/// Whether a segment of this name begins anywhere.
pub(crate) fn has_segment(bytes: &[u8], name: &[u8; 3], field: &[u8]) -> bool {
    memmem::find_iter(bytes, name).any(|at| {
        at > 0
            && matches!(bytes[at - 1], b'\r' | b'\n')
            && (bytes[at + 3..].starts_with(field) || at + 3 == bytes.len())
    })
}

/// Says what the bytes look like, so that whoever connected the wrong thing can find out.
fn unreadable(bytes: &[u8]) -> Unreadable {
    let content = &bytes[header::content_start(bytes)..];
    let text = match content {
        [] => "the message is empty",
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, ..] | [b'M', 0, ..] => {
            "UTF-16 and UTF-32 are not allowed"
        }
        [b'M', b'S', b'H', ..] | [b'F', b'H', b'S', ..] | [b'B', b'H', b'S', ..] => {
            "the header segment has no fields"
        }
        [b'<', ..] => "XML is not accepted here, only HL7 v2 with delimiters",
        [b'{' | b'[', ..] => "JSON is not accepted here, only HL7 v2 with delimiters",
        [b'P', b'K', 3, 4, ..] | [0x1F, 0x8B, ..] => {
            "this is a ZIP or gzip archive, not an HL7 v2 message"
        }
        [b'%', b'P', b'D', b'F', ..] => "this is a PDF, not an HL7 v2 message",
        [0x16, 0x03, ..] => "this is TLS, and the listener does not expect it",
        _ if is_http(content) => "this is HTTP, not an HL7 v2 message",
        _ => "the message does not start with MSH",
    };
    Unreadable { code: 100, text }
}

fn is_http(content: &[u8]) -> bool {
    [&b"GET "[..], b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"CONNECT ", b"HTTP/"]
        .iter()
        .any(|start| content.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_without_the_rest() {
        let bytes = b"\xEF\xBB\xBF\r\nMSH|^~\\&#|A^1|B|C|D|2024||ADT^A01^ADT_A01|id\\T\\1|P|2.5.1^DEU||||||8859/1\rPID|";
        let peek = peek(bytes).unwrap();
        assert_eq!(peek.field(bytes, 1), b"|");
        assert_eq!(peek.field(bytes, 2), b"^~\\&#");
        assert_eq!(peek.control_id(bytes), b"id\\T\\1");
        assert_eq!(
            (peek.message_code(bytes), peek.trigger_event(bytes)),
            (&b"ADT"[..], &b"A01"[..])
        );
        assert_eq!(
            (peek.version(bytes), peek.field(bytes, 12)),
            (&b"2.5.1"[..], &b"2.5.1^DEU"[..])
        );
        assert_eq!(peek.field(bytes, 40), b"");
        assert_eq!(peek.charset(), Charset::Utf8, "the byte order mark comes first");
        assert!(!peek.is_batch() && !peek.is_acknowledgement());
    }

    #[test]
    fn an_acknowledgement_has_the_type_and_an_msa() {
        let is = |bytes: &[u8]| peek(bytes).unwrap().is_acknowledgement();
        assert!(is(b"MSH|^~\\&|||||||ACK^A01|1\rMSA|AA|7\r"));
        assert!(is(b"MSH|^~\\&|||||||ACK|1\nMSA|AA|7"));
        assert!(!is(b"MSH|^~\\&|||||||ACK|1\rPID|MSA|\r"));
        assert!(!is(b"MSH|^~\\&|||||||RSP^K22|1\rMSA|AA|7\r"));
    }

    #[test]
    fn the_charset_is_found_behind_a_name_written_in_it() {
        let bytes = b"MSH|^~\\&|\x83\x7C\x83\x7C|B|C|D|2024||ADT^A01|1|P|2.5||||||Shift_JIS\r";
        let peek = peek(bytes).unwrap();
        assert_eq!(peek.charset(), Charset::ShiftJis);
        assert_eq!(peek.control_id(bytes), b"1");
    }

    #[test]
    fn what_is_no_message_is_named() {
        assert_eq!(
            peek(b"GET / HTTP/1.1\r\n").unwrap_err().text,
            "this is HTTP, not an HL7 v2 message"
        );
        assert_eq!(peek(b"MSH").unwrap_err().text, "the header segment has no fields");
        assert_eq!(peek(b"PID|1").unwrap_err().code, 100);
        assert!(is_batch(b"FHS|^~\\&|") && is_batch(b"BHS|^~\\&|") && !is_batch(b"MSH|^~\\&|"));
    }
}
