//! The characters that structure one message, as its own header declares them.

use crate::{charset::Charset, walk::Walk};

/// One delimiter: up to four bytes of the message's charset, or nothing when the header does not declare it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Delimiter {
    bytes: [u8; 4],
    len: u8,
}

impl Delimiter {
    pub(crate) const NONE: Delimiter = Delimiter { bytes: [0; 4], len: 0 };

    pub(crate) const fn byte(byte: u8) -> Delimiter {
        Delimiter { bytes: [byte, 0, 0, 0], len: 1 }
    }

    pub(crate) fn new(bytes: &[u8]) -> Delimiter {
        let mut delimiter = Delimiter::NONE;
        if bytes.len() <= 4 {
            for (to, from) in delimiter.bytes.iter_mut().zip(bytes) {
                *to = *from;
            }
            delimiter.len = bytes.len() as u8;
        }
        delimiter
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.len == 0
    }

    /// The one byte of a delimiter of one byte, which is the case that is worth being quick for.
    #[inline]
    pub(crate) fn single(&self) -> Option<u8> {
        if self.len == 1 { Some(self.bytes[0]) } else { None }
    }

    /// Whether text around it would be taken for it, or it for text: such a character cannot structure a message.
    fn is_unusable(&self) -> bool {
        self.single().is_some_and(|byte| {
            byte <= b' ' || byte == 0x7F || byte == b'"' || byte.is_ascii_alphanumeric()
        })
    }
}

/// What is wrong with the delimiters that a header declares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DelimiterFault {
    /// MSH-2 is empty: fields can be told apart and nothing below them.
    Missing,
    /// One character stands for two things.
    Repeated,
    /// A letter, a digit, a quote, a space or a control character.
    Unusable,
}

/// The delimiters of one message; a missing one is an empty slice.
///
/// A character that repeats an earlier one is no delimiter of its own: the order field, component, repetition,
/// escape, subcomponent, truncation decides. So what is written with them can always be read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delimiters {
    pub(crate) field: Delimiter,
    pub(crate) component: Delimiter,
    pub(crate) repetition: Delimiter,
    pub(crate) escape: Delimiter,
    pub(crate) subcomponent: Delimiter,
    pub(crate) truncation: Delimiter,
    fault: Option<DelimiterFault>,
}

impl Default for Delimiters {
    fn default() -> Delimiters {
        Delimiters::STANDARD
    }
}

impl Delimiters {
    /// `|^~\&`, what nearly everybody sends.
    pub const STANDARD: Delimiters = Delimiters {
        field: Delimiter::byte(b'|'),
        component: Delimiter::byte(b'^'),
        repetition: Delimiter::byte(b'~'),
        escape: Delimiter::byte(b'\\'),
        subcomponent: Delimiter::byte(b'&'),
        truncation: Delimiter::NONE,
        fault: None,
    };

    /// Reads the field separator and the text of MSH-2; `charset` says how many bytes a character has.
    pub fn new(field: &[u8], encoding: &[u8], charset: Charset) -> Delimiters {
        if field == b"|" && encoding == b"^~\\&" {
            return Delimiters::STANDARD;
        }
        let mut seen = [Delimiter::NONE; 6];
        seen[0] = Delimiter::new(field);
        let mut fault = encoding.is_empty().then_some(DelimiterFault::Missing);
        let mut rest = encoding;
        for place in 1..6 {
            let (character, after) = rest.split_at(character_len(rest, charset));
            rest = after;
            let delimiter = Delimiter::new(character);
            if delimiter.is_none() {
                break;
            }
            if seen[..place].contains(&delimiter) {
                fault = fault.or(Some(DelimiterFault::Repeated));
            } else {
                seen[place] = delimiter;
            }
        }
        if seen.iter().any(Delimiter::is_unusable) {
            fault = Some(DelimiterFault::Unusable);
        }
        let [field, component, repetition, escape, subcomponent, truncation] = seen;
        Delimiters { field, component, repetition, escape, subcomponent, truncation, fault }
    }

    /// MSH-1.
    pub fn field(&self) -> &[u8] {
        self.field.as_bytes()
    }

    /// First character of MSH-2.
    pub fn component(&self) -> &[u8] {
        self.component.as_bytes()
    }

    /// Second character of MSH-2.
    pub fn repetition(&self) -> &[u8] {
        self.repetition.as_bytes()
    }

    /// Third character of MSH-2.
    pub fn escape(&self) -> &[u8] {
        self.escape.as_bytes()
    }

    /// Fourth character of MSH-2.
    pub fn subcomponent(&self) -> &[u8] {
        self.subcomponent.as_bytes()
    }

    /// Fifth character of MSH-2 (HL7 2.7): marks a cut value, is kept and never split on.
    pub fn truncation(&self) -> &[u8] {
        self.truncation.as_bytes()
    }

    /// Why a listener may want to refuse a message with these, when there is a reason.
    pub fn fault(&self) -> Option<DelimiterFault> {
        self.fault
    }

    /// Whether an escape sequence can be written: its letters and digits must not be delimiters themselves.
    pub(crate) fn can_escape(&self) -> bool {
        !self.escape.is_none() && self.fault != Some(DelimiterFault::Unusable)
    }

    /// Whether a byte above 127 stands alone as a delimiter, which could then be a part of another character.
    pub(crate) fn has_lone_high_byte(&self) -> bool {
        self.all().iter().any(|delimiter| delimiter.single().is_some_and(|byte| byte >= 0x80))
    }

    pub(crate) fn all(&self) -> [Delimiter; 6] {
        [
            self.field,
            self.component,
            self.repetition,
            self.escape,
            self.subcomponent,
            self.truncation,
        ]
    }
}

/// How many bytes the first character of MSH-1 or MSH-2 has.
///
/// UTF-8 is tried even when the header says a single-byte charset: a whole UTF-8 character among the delimiters is
/// no accident, and reading it as two would shift every one that follows.
pub(crate) fn character_len(bytes: &[u8], charset: Charset) -> usize {
    match bytes.first() {
        None => 0,
        Some(first) if first.is_ascii() => 1,
        Some(_) => match Walk::character_len(charset, bytes) {
            1 => Walk::character_len(Charset::Utf8, bytes),
            more => more,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(encoding: &[u8]) -> Delimiters {
        Delimiters::new(b"|", encoding, Charset::Utf8)
    }

    #[test]
    fn a_short_msh_2_leaves_delimiters_out() {
        let delimiters = read(b"^~");
        assert_eq!((delimiters.component(), delimiters.repetition()), (&b"^"[..], &b"~"[..]));
        assert!(delimiters.escape().is_empty() && delimiters.subcomponent().is_empty());
        assert_eq!(delimiters.fault(), None);
        assert_eq!(read(b"").fault(), Some(DelimiterFault::Missing));
    }

    #[test]
    fn a_character_of_several_bytes_is_one_delimiter() {
        let delimiters = read("^\u{2DC}\\&#".as_bytes());
        assert_eq!(delimiters.repetition(), "\u{2DC}".as_bytes());
        assert_eq!((delimiters.escape(), delimiters.truncation()), (&b"\\"[..], &b"#"[..]));
        assert_eq!(Delimiters::new(b"|", b"^\xFD\\&", Charset::Latin1).repetition(), b"\xFD");
        let mislabelled = Delimiters::new(b"|", "^\u{2DC}\\&".as_bytes(), Charset::Latin1);
        assert_eq!(mislabelled.repetition(), "\u{2DC}".as_bytes());
    }

    #[test]
    fn a_repeated_character_is_a_delimiter_only_once() {
        let delimiters = read(b"^~\\\\&");
        assert_eq!((delimiters.escape(), delimiters.subcomponent()), (&b"\\"[..], &b""[..]));
        assert_eq!(delimiters.fault(), Some(DelimiterFault::Repeated));
        assert_eq!(read(b"^0\\&").fault(), Some(DelimiterFault::Unusable));
    }
}
