use crate::failure::Fault;
use crate::place::{Cursor, Place};
use crate::trace::{Operand, Seen};
use hl7::{Charset, Message, Path};
use std::borrow::Cow;

/// The HL7 null on the wire.
const NULL: &[u8] = b"\"\"";

/// A message as conditions and templates see it: with the loops around them, and someone who may want to know what they looked at.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'r> {
    pub(crate) message: &'r Message,
    pub(crate) cursors: &'r [Cursor],
    /// Which part of a split this is, from 1.
    pub(crate) part: u32,
    pub(crate) seen: Option<&'r Seen>,
}

/// One value as it was sent.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'r> {
    message: &'r Message,
    raw: Option<&'r [u8]>,
}

impl<'r> Scene<'r> {
    pub(crate) fn path<'p>(&self, place: &'p Place) -> Cow<'p, Path> {
        place.now(self.message, self.cursors)
    }

    /// The value as text; absent is empty.
    pub(crate) fn text(&self, path: &Path) -> Result<Cow<'r, str>, Fault> {
        text(self.message, path)
    }

    /// The value as it was sent.
    pub(crate) fn sent(&self, path: &Path) -> Sent<'r> {
        Sent { message: self.message, raw: self.message.raw(path) }
    }

    /// Remembers what a condition looked at, when someone wants to know.
    pub(crate) fn note(&self, path: &Path) {
        if let Some(seen) = self.seen {
            seen.borrow_mut().push(Operand::of(self.message, path));
        }
    }
}

/// The value at a path as text; what the charset does not have fails the step that has to read it, never the message.
pub(crate) fn text<'m>(message: &'m Message, path: &Path) -> Result<Cow<'m, str>, Fault> {
    message.text(path).map_err(|error| {
        Fault::new("R0101", format!("{path} holds bytes that are not {}", error.charset))
    })
}

/// The text of a value; none for the HL7 null, which is no text.
pub(crate) fn value<'m>(message: &'m Message, path: &Path) -> Result<Option<Cow<'m, str>>, Fault> {
    match message.raw(path) {
        None => Ok(Some(Cow::Borrowed(""))),
        Some(raw) if raw == NULL => Ok(None),
        // Most values are codes and numbers, which need neither decoding nor unescaping.
        Some(raw) if is_plain(raw) && message.charset() != Charset::Iso2022Jp => {
            Ok(Some(String::from_utf8_lossy(raw)))
        }
        Some(_) => text(message, path).map(Some),
    }
}

/// No byte of it can be a delimiter, an escape, or a quote of the HL7 null.
pub(crate) fn is_plain(raw: &[u8]) -> bool {
    raw.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ')
}

/// Is this the HL7 null?
pub(crate) fn is_null(raw: &[u8]) -> bool {
    raw == NULL
}

impl Sent<'_> {
    pub(crate) fn is_null(&self) -> bool {
        self.raw == Some(NULL)
    }

    /// Whether the value is this text, if its bytes alone can tell: no escape sequence in it, and a charset that has ASCII as its lower half.
    pub(crate) fn is_text(&self, text: &str) -> Option<bool> {
        let Some(raw) = self.raw else { return Some(text.is_empty()) };
        if raw == NULL {
            return Some(false);
        }
        let charset = self.message.charset();
        let comparable =
            charset == Charset::Utf8 || (text.is_ascii() && charset != Charset::Iso2022Jp);
        let escaped = match self.message.delimiters().escape() {
            [] => false,
            [escape] => raw.contains(escape),
            _ => return None,
        };
        (comparable && !escaped).then(|| raw == text.as_bytes())
    }
}
