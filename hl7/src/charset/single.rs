//! The single-byte sets that `encoding_rs` reads as their Windows cousins.
//!
//! The web took windows-1252, -1254 and -874 for 8859-1, -9 and -11. A message that says 8859 means 8859: its
//! 80-9F are controls, and reading them as letters would not give the same bytes back.

use super::Charset;

/// Where Latin-5 differs from Latin-1.
const LATIN_5: [(u8, char); 6] = [
    (0xD0, '\u{11E}'),
    (0xDD, '\u{130}'),
    (0xDE, '\u{15E}'),
    (0xF0, '\u{11F}'),
    (0xFD, '\u{131}'),
    (0xFE, '\u{15F}'),
];

pub(super) fn decode(charset: Charset, bytes: &[u8]) -> Option<String> {
    bytes.iter().map(|byte| character(charset, *byte)).collect()
}

pub(super) fn encode(charset: Charset, text: &str) -> Option<Vec<u8>> {
    text.chars().map(|letter| (0..=u8::MAX).find(|byte| byte_is(charset, *byte, letter))).collect()
}

fn byte_is(charset: Charset, byte: u8, letter: char) -> bool {
    character(charset, byte) == Some(letter)
}

fn character(charset: Charset, byte: u8) -> Option<char> {
    match (charset, byte) {
        (_, 0..0xA0) => Some(char::from(byte)),
        (Charset::Iso8859_9, _) => {
            let changed = LATIN_5.iter().find(|(code, _)| *code == byte).map(|(_, letter)| *letter);
            Some(changed.unwrap_or(char::from(byte)))
        }
        (Charset::Iso8859_11, 0xA0) => Some('\u{A0}'),
        (Charset::Iso8859_11, 0xDB..=0xDE | 0xFC..=0xFF) => None,
        (Charset::Iso8859_11, _) => char::from_u32(0x0E00 + u32::from(byte) - 0xA0),
        _ => Some(char::from(byte)),
    }
}
