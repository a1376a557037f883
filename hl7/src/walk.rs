//! Finding delimiters without ever finding one inside a character of several bytes.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memmem};

use crate::{
    charset::Charset,
    delimiters::{Delimiter, Delimiters},
};

/// How to walk over the bytes of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Walk {
    /// No byte of a longer character can be taken for a delimiter: search the bytes.
    Plain,
    /// Go character by character.
    Stepped(Charset),
    /// ISO 2022: escape sequences switch between one and two bytes a character.
    Shifted,
}

impl Walk {
    /// The walk for a text of this charset; plain whenever the text gives no reason for another.
    pub(crate) fn of(charset: Charset, delimiters: &Delimiters, bytes: &[u8]) -> Walk {
        match charset {
            Charset::Iso2022Jp if memchr(0x1B, bytes).is_some() => Walk::Shifted,
            Charset::ShiftJis | Charset::Gb18030 | Charset::Big5 if !bytes.is_ascii() => {
                Walk::Stepped(charset)
            }
            Charset::Utf8 | Charset::EucJp | Charset::EucKr
                if delimiters.has_lone_high_byte() && !bytes.is_ascii() =>
            {
                Walk::Stepped(charset)
            }
            _ => Walk::Plain,
        }
    }

    /// Where `delimiter` comes first in `hay`.
    #[inline]
    pub(crate) fn find(self, hay: &[u8], delimiter: &Delimiter) -> Option<usize> {
        match (self, delimiter.single()) {
            (_, None) if delimiter.is_none() => None,
            (Walk::Plain, Some(byte)) => memchr(byte, hay),
            (Walk::Plain, None) => memmem::find(hay, delimiter.as_bytes()),
            (Walk::Stepped(_) | Walk::Shifted, _) => {
                Steps::new(self, hay).find(|at| hay[*at..].starts_with(delimiter.as_bytes()))
            }
        }
    }

    /// Where the `n`-th `delimiter` (from 1) is in `hay`.
    #[inline]
    pub(crate) fn nth(self, hay: &[u8], delimiter: &Delimiter, n: usize) -> Option<usize> {
        if let (Walk::Plain, Some(byte)) = (self, delimiter.single()) {
            return nth_byte(hay, byte, n);
        }
        let mut from = 0;
        for _ in 1..n {
            from += self.find(&hay[from..], delimiter)? + delimiter.len();
        }
        self.find(&hay[from..], delimiter).map(|at| from + at)
    }

    /// The first place where `test` finds something, and what it found.
    pub(crate) fn first_that<T>(
        self,
        hay: &[u8],
        test: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<(usize, T)> {
        match self {
            Walk::Plain => (0..hay.len()).find_map(|at| test(&hay[at..]).map(|found| (at, found))),
            Walk::Stepped(_) | Walk::Shifted => {
                Steps::new(self, hay).find_map(|at| test(&hay[at..]).map(|found| (at, found)))
            }
        }
    }

    /// How many times `delimiter` is in `hay`.
    pub(crate) fn count(self, hay: &[u8], delimiter: &Delimiter) -> usize {
        if let (Walk::Plain, Some(byte)) = (self, delimiter.single()) {
            return memchr_iter(byte, hay).count();
        }
        let mut from = 0;
        let mut count = 0;
        while let Some(at) = self.find(&hay[from..], delimiter) {
            from += at + delimiter.len();
            count += 1;
        }
        count
    }

    /// The `n`-th part (from 1) of `bytes[within]` between delimiters; the whole is part 1 when there is none.
    #[inline]
    pub(crate) fn part(
        self,
        bytes: &[u8],
        within: Range<usize>,
        delimiter: &Delimiter,
        n: usize,
    ) -> Option<Range<usize>> {
        let hay = &bytes[within.clone()];
        let start = match n {
            0 => return None,
            1 => 0,
            _ => self.nth(hay, delimiter, n - 1)? + delimiter.len(),
        };
        let end = self.find(&hay[start..], delimiter).map_or(hay.len(), |at| start + at);
        Some(within.start + start..within.start + end)
    }

    /// Every part of `bytes[within]`, in order.
    pub(crate) fn parts<'a>(
        self,
        bytes: &'a [u8],
        within: Range<usize>,
        delimiter: &'a Delimiter,
    ) -> impl Iterator<Item = Range<usize>> + 'a {
        let end = within.end;
        let mut next = Some(within.start);
        std::iter::from_fn(move || {
            let start = next?;
            match self.find(&bytes[start..end], delimiter) {
                Some(at) => {
                    next = Some(start + at + delimiter.len());
                    Some(start..start + at)
                }
                None => {
                    next = None;
                    Some(start..end)
                }
            }
        })
    }

    /// Whether a text leaves off between characters, so that what is written after it is read as itself.
    pub(crate) fn ends_clean(charset: Charset, bytes: &[u8]) -> bool {
        match charset {
            Charset::Iso2022Jp => {
                let mut steps = Steps::new(Walk::Shifted, bytes);
                while steps.next().is_some() {}
                steps.shift == Shift::Single
            }
            Charset::ShiftJis | Charset::Gb18030 | Charset::Big5 => {
                let mut last = None;
                for at in Steps::new(Walk::Stepped(charset), bytes) {
                    last = Some(at);
                }
                let Some(last) = last else { return true };
                // A lone byte above 127 at the end may be the first half of a character.
                let half = bytes.len() - last == 1 && bytes[last] >= 0x80;
                let half_of_four =
                    charset == Charset::Gb18030 && ends_in_half_of_four(&bytes[last..], bytes);
                !half && !half_of_four
            }
            _ => true,
        }
    }

    /// How many bytes the character at the start of `bytes` has: 1 for what is none.
    pub(crate) fn character_len(charset: Charset, bytes: &[u8]) -> usize {
        let Some(&first) = bytes.first() else { return 1 };
        if first < 0x80 {
            return 1;
        }
        let second = bytes.get(1).copied().unwrap_or(0);
        match charset {
            Charset::Utf8 => utf8_len(bytes),
            Charset::ShiftJis => match (first, second) {
                (0x81..=0x9F | 0xE0..=0xFC, 0x40..=0x7E | 0x80..=0xFC) => 2,
                _ => 1,
            },
            Charset::Big5 => match (first, second) {
                (0x81..=0xFE, 0x40..=0x7E | 0xA1..=0xFE) => 2,
                _ => 1,
            },
            Charset::Gb18030 => match (first, second) {
                (0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE) => 2,
                (0x81..=0xFE, 0x30..=0x39) => match (bytes.get(2), bytes.get(3)) {
                    (Some(0x81..=0xFE), Some(0x30..=0x39)) => 4,
                    _ => 1,
                },
                _ => 1,
            },
            Charset::EucKr => match (first, second) {
                (0x81..=0xFE, 0x41..=0x5A | 0x61..=0x7A | 0x81..=0xFE) => 2,
                _ => 1,
            },
            Charset::EucJp => match (first, second) {
                (0x8F, 0xA1..=0xFE) if bytes.get(2).is_some_and(|third| *third >= 0xA1) => 3,
                (0x8E | 0xA1..=0xFE, 0xA1..=0xFE) => 2,
                _ => 1,
            },
            _ => 1,
        }
    }
}

/// Where `byte` is for the `n`-th time. Separators stand close together, so counting blocks is quicker than a search
/// for each of them.
#[inline]
fn nth_byte(hay: &[u8], byte: u8, n: usize) -> Option<usize> {
    const BLOCK: usize = 32;
    if n <= 2 {
        return memchr_iter(byte, hay).nth(n.checked_sub(1)?);
    }
    let mut left = n;
    let mut from = 0;
    for block in hay.chunks(BLOCK) {
        let count = usize::from(block.iter().map(|at| u8::from(*at == byte)).sum::<u8>());
        if count >= left {
            for (at, found) in block.iter().enumerate() {
                left -= usize::from(*found == byte);
                if left == 0 {
                    return Some(from + at);
                }
            }
        }
        left -= count;
        from += block.len();
    }
    None
}

fn utf8_len(bytes: &[u8]) -> usize {
    let len = match bytes.first() {
        Some(0xC2..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xF4) => 4,
        _ => return 1,
    };
    match bytes.get(..len) {
        Some(character) if std::str::from_utf8(character).is_ok() => len,
        _ => 1,
    }
}

/// GB 18030 has characters of four bytes whose second and fourth are digits: `81 30` at the end may be half of one.
fn ends_in_half_of_four(last: &[u8], all: &[u8]) -> bool {
    let before = all.len() - last.len();
    last.len() == 1
        && last[0].is_ascii_digit()
        && before > 0
        && all[before - 1] >= 0x81
        && Walk::character_len(Charset::Gb18030, &all[before - 1..]) == 1
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shift {
    Single,
    /// Half-width katakana in seven bits: its letters have the codes of delimiters.
    Katakana,
    Double,
}

/// The places where a delimiter may stand.
struct Steps<'a> {
    walk: Walk,
    hay: &'a [u8],
    at: usize,
    shift: Shift,
}

impl<'a> Steps<'a> {
    fn new(walk: Walk, hay: &'a [u8]) -> Steps<'a> {
        Steps { walk, hay, at: 0, shift: Shift::Single }
    }

    /// Reads the ISO 2022 sequence at the cursor, when there is one.
    fn designate(&mut self) -> bool {
        let (len, shift) = match self.hay.get(self.at..).unwrap_or_default() {
            [0x1B, b'(', b'I', ..] => (3, Shift::Katakana),
            [0x1B, b'(', _, ..] => (3, Shift::Single),
            [0x1B, b'$', b'@' | b'A' | b'B', ..] => (3, Shift::Double),
            [0x1B, b'$', b'(', _, ..] => (4, Shift::Double),
            _ => return false,
        };
        self.at += len;
        self.shift = shift;
        true
    }
}

impl Iterator for Steps<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            if self.at >= self.hay.len() {
                return None;
            }
            let at = self.at;
            match self.walk {
                Walk::Plain => self.at += 1,
                Walk::Stepped(charset) => self.at += Walk::character_len(charset, &self.hay[at..]),
                Walk::Shifted => {
                    if self.designate() {
                        continue;
                    }
                    match self.shift {
                        Shift::Single => self.at += 1,
                        Shift::Katakana => {
                            self.at += 1;
                            continue;
                        }
                        Shift::Double => {
                            self.at += 2;
                            continue;
                        }
                    }
                }
            }
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_byte_is_no_delimiter() {
        // U+8868 in Shift_JIS is 95 5C, U+80FD is 94 5C, U+529F in Big5 is A5 5C, U+4E94 in GB 18030 is CE E5.
        let backslash = Delimiter::byte(b'\\');
        let bar = Delimiter::byte(b'|');
        assert_eq!(Walk::Stepped(Charset::ShiftJis).find(b"\x95\x5C\\", &backslash), Some(2));
        assert_eq!(Walk::Stepped(Charset::ShiftJis).find(b"\x83\x7C|", &bar), Some(2));
        assert_eq!(Walk::Stepped(Charset::Big5).find(b"\xA5\x5C\\", &backslash), Some(2));
        assert_eq!(Walk::Stepped(Charset::Gb18030).find(b"\x81\x7C|", &bar), Some(2));
        assert_eq!(Walk::Shifted.find(b"\x1B$B\x7C\x7C\x1B(B|", &bar), Some(8));
        assert_eq!(Walk::Shifted.find(b"\x1B(I^^\x1B(J^", &Delimiter::byte(b'^')), Some(8));
    }

    #[test]
    fn half_a_character_does_not_end_clean() {
        assert!(!Walk::ends_clean(Charset::ShiftJis, b"a\x83"));
        assert!(Walk::ends_clean(Charset::ShiftJis, b"a\x83\x7C"));
        assert!(!Walk::ends_clean(Charset::Iso2022Jp, b"\x1B$B\x7C\x7C"));
        assert!(!Walk::ends_clean(Charset::Gb18030, b"\x81\x30"));
        assert!(Walk::ends_clean(Charset::Latin1, b"\xE9"));
    }
}
