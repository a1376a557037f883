//! Escape sequences: what stands in a value for the characters that structure a message.

use std::borrow::Cow;

use crate::{
    charset::Charset,
    delimiters::{Delimiter, Delimiters},
    message::EditError,
    walk::Walk,
};

/// Characters that would end a segment or an MLLP frame.
fn is_framing(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0x0B | 0x1C)
}

/// Encodes and escapes a text, so that it can stand in any field as one value.
///
/// Formatting sequences (`\H\`, `\.br\`, ...) are kept, because reading keeps them too: a value that is read,
/// changed and written must not lose its line breaks.
pub fn escape(text: &str, delimiters: &Delimiters, charset: Charset) -> Result<Vec<u8>, EditError> {
    let mut out = Vec::with_capacity(text.len() + 8);
    escape_into(&mut out, text, delimiters, charset)?;
    Ok(out)
}

pub(crate) fn escape_into(
    out: &mut Vec<u8>,
    text: &str,
    delimiters: &Delimiters,
    charset: Charset,
) -> Result<(), EditError> {
    let bytes =
        charset.encode(text).map_err(|error| EditError::Unmappable { charset: error.charset })?;
    let walk = Walk::of(charset, delimiters, &bytes);
    let table = Table::new(delimiters);
    let mut rest: &[u8] = &bytes;
    while let Some((at, found)) = table.next(walk, rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        if found == Found::Escape
            && let Some(len) = kept_len(rest, delimiters)
        {
            out.extend_from_slice(&rest[..len]);
            rest = &rest[len..];
            continue;
        }
        if !delimiters.can_escape() {
            return Err(EditError::NoEscape);
        }
        rest = &rest[table.write(out, found, rest[0])..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Field,
    Component,
    Repetition,
    Escape,
    Subcomponent,
    Truncation,
    Framing,
}

const KINDS: [Found; 6] = [
    Found::Field,
    Found::Component,
    Found::Repetition,
    Found::Escape,
    Found::Subcomponent,
    Found::Truncation,
];

struct Table<'a> {
    delimiters: &'a Delimiters,
    all: [Delimiter; 6],
}

impl<'a> Table<'a> {
    fn new(delimiters: &'a Delimiters) -> Table<'a> {
        Table { delimiters, all: delimiters.all() }
    }

    /// The first character that has to be escaped.
    fn next(&self, walk: Walk, bytes: &[u8]) -> Option<(usize, Found)> {
        walk.first_that(bytes, |rest| self.at(rest))
    }

    #[inline]
    fn at(&self, rest: &[u8]) -> Option<Found> {
        let first = *rest.first()?;
        for (delimiter, kind) in self.all.iter().zip(KINDS) {
            if !delimiter.is_none()
                && delimiter.as_bytes()[0] == first
                && rest.starts_with(delimiter.as_bytes())
            {
                return Some(kind);
            }
        }
        is_framing(first).then_some(Found::Framing)
    }

    /// Writes the sequence for what was found and says how many bytes of the value it stands for.
    fn write(&self, out: &mut Vec<u8>, found: Found, byte: u8) -> usize {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        let escape = self.delimiters.escape.as_bytes();
        let (letter, stands_for) = match found {
            Found::Field => (b'F', self.delimiters.field.len()),
            Found::Component => (b'S', self.delimiters.component.len()),
            Found::Repetition => (b'R', self.delimiters.repetition.len()),
            Found::Escape => (b'E', self.delimiters.escape.len()),
            Found::Subcomponent => (b'T', self.delimiters.subcomponent.len()),
            Found::Truncation => (b'P', self.delimiters.truncation.len()),
            Found::Framing => (b'X', 1),
        };
        out.extend_from_slice(escape);
        out.push(letter);
        if found == Found::Framing {
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
        out.extend_from_slice(escape);
        stands_for
    }
}

/// Whether the inside of a sequence is one that reading keeps as it is: highlighting, formatting, charset switches
/// and local ones. Nothing in it can be a delimiter of the message.
fn passes_through(inside: &[u8], delimiters: &Delimiters) -> bool {
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    let known = match inside {
        b"H" | b"N" => true,
        [b'.', a, b, rest @ ..] => {
            a.is_ascii_lowercase()
                && b.is_ascii_lowercase()
                && rest.len() <= 8
                && rest
                    .iter()
                    .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b' '))
        }
        [b'C', digits @ ..] => digits.len() == 4 && hex(digits),
        [b'M', digits @ ..] => matches!(digits.len(), 4 | 6) && hex(digits),
        [b'Z', local @ ..] => {
            (1..=16).contains(&local.len()) && local.iter().all(u8::is_ascii_alphanumeric)
        }
        _ => false,
    };
    known
        && !delimiters
            .all()
            .iter()
            .any(|delimiter| delimiter.single().is_some_and(|byte| inside.contains(&byte)))
}

/// The length of a kept sequence at the start of `bytes`, with its two escape characters.
fn kept_len(bytes: &[u8], delimiters: &Delimiters) -> Option<usize> {
    const INSIDE_MAX: usize = 17;
    let escape = &delimiters.escape;
    let inside = bytes.get(escape.len()..)?;
    let near = &inside[..inside.len().min(INSIDE_MAX + escape.len())];
    let end = Walk::Plain.find(near, escape)?;
    passes_through(&near[..end], delimiters).then_some(end + 2 * escape.len())
}

/// Replaces the escape sequences that stand for bytes; every other one, and a lone escape character, stays as it is.
pub fn unescape<'a>(raw: &'a [u8], delimiters: &Delimiters, charset: Charset) -> Cow<'a, [u8]> {
    let escape = &delimiters.escape;
    if escape.single().is_some_and(|byte| memchr::memchr(byte, raw).is_none()) {
        return Cow::Borrowed(raw);
    }
    let walk = Walk::of(charset, delimiters, raw);
    let Some(first) = walk.find(raw, escape) else { return Cow::Borrowed(raw) };
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    let mut next = Some(first);
    while let Some(at) = next {
        out.extend_from_slice(&rest[..at]);
        let inside = &rest[at + escape.len()..];
        let Some(end) = walk.find(inside, escape) else {
            rest = &rest[at..];
            break;
        };
        let (inside, after) = inside.split_at(end);
        if passes_through(inside, delimiters) {
            out.extend_from_slice(&rest[at..at + end + 2 * escape.len()]);
            rest = &after[escape.len()..];
        } else if decode_sequence(&mut out, inside, delimiters) {
            rest = &after[escape.len()..];
        } else {
            // A lone escape character in free text: the one found after it may begin a real sequence.
            out.extend_from_slice(escape.as_bytes());
            out.extend_from_slice(inside);
            rest = after;
        }
        next = walk.find(rest, escape);
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

fn decode_sequence(out: &mut Vec<u8>, inside: &[u8], delimiters: &Delimiters) -> bool {
    let character = match inside {
        b"F" => delimiters.field,
        b"S" => delimiters.component,
        b"T" => delimiters.subcomponent,
        b"R" => delimiters.repetition,
        b"E" => delimiters.escape,
        b"P" => delimiters.truncation,
        [b'X', digits @ ..] => return decode_hex(out, digits),
        _ => return false,
    };
    out.extend_from_slice(character.as_bytes());
    !character.is_none()
}

fn decode_hex(out: &mut Vec<u8>, digits: &[u8]) -> bool {
    if digits.is_empty() || digits.len() % 2 == 1 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
    out.extend(digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &[u8]) -> Vec<u8> {
        unescape(raw, &Delimiters::STANDARD, Charset::Utf8).into_owned()
    }

    fn write(text: &str) -> Vec<u8> {
        escape(text, &Delimiters::STANDARD, Charset::Utf8).unwrap()
    }

    #[test]
    fn a_lone_escape_character_does_not_hide_the_sequence_after_it() {
        assert_eq!(read(b"50\\50 \\T\\ more"), b"50\\50 & more");
        assert_eq!(read(b"C:\\path\\to"), b"C:\\path\\to");
        assert_eq!(read(b"a\\F"), b"a\\F");
    }

    #[test]
    fn nothing_that_would_end_a_segment_or_a_frame_is_written_as_itself() {
        assert_eq!(write("a\rMSH|b\n\u{b}\u{1c}"), b"a\\X0D\\MSH\\F\\b\\X0A\\\\X0B\\\\X1C\\");
    }

    #[test]
    fn formatting_survives_being_read_and_written() {
        let kept = b"\\H\\bold\\N\\ \\.br\\ \\.sp+3\\ \\C2842\\ \\Zlocal\\";
        assert_eq!(read(kept), kept);
        assert_eq!(write(std::str::from_utf8(kept).unwrap()), kept);
        assert_eq!(write("\\F\\"), b"\\E\\F\\E\\");
        let dotted = Delimiters::new(b"|", b".~\\&", Charset::Utf8);
        assert_eq!(escape("\\.br\\", &dotted, Charset::Utf8).unwrap(), b"\\E\\\\S\\br\\E\\");
    }

    #[test]
    fn a_delimiter_is_found_between_characters_only() {
        let table = "\u{8868}|";
        let raw = escape(table, &Delimiters::STANDARD, Charset::ShiftJis).unwrap();
        assert_eq!(raw, b"\x95\x5C\\F\\");
        assert_eq!(unescape(&raw, &Delimiters::STANDARD, Charset::ShiftJis).as_ref(), b"\x95\x5C|");
    }

    #[test]
    fn without_an_escape_character_nothing_is_invented() {
        let short = Delimiters::new(b"|", b"^~", Charset::Utf8);
        assert!(matches!(escape("a^b", &short, Charset::Utf8), Err(EditError::NoEscape)));
        assert_eq!(escape("a&b", &short, Charset::Utf8).unwrap(), b"a&b");
    }
}
