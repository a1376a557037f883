//! The character sets that messages are written in.
//!
//! The wire bytes are never re-coded: a charset is used when a value is read as text and when one is written.

mod names;
mod single;

use std::borrow::Cow;

use encoding_rs::Encoding;

/// A character set of HL7 table 0211, or one that is met in spite of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Charset {
    Ascii,
    Utf8,
    /// ISO 8859-1 as it is written: 80-9F are the C1 controls, not the letters of windows-1252.
    Latin1,
    Iso8859_2,
    Iso8859_3,
    Iso8859_4,
    Iso8859_5,
    Iso8859_6,
    Iso8859_7,
    Iso8859_8,
    Iso8859_9,
    Iso8859_10,
    Iso8859_11,
    Iso8859_13,
    Iso8859_14,
    Iso8859_15,
    Iso8859_16,
    Windows1250,
    Windows1251,
    Windows1252,
    Iso2022Jp,
    ShiftJis,
    EucJp,
    Gb18030,
    Big5,
    EucKr,
}

/// Bytes that the charset has no character for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the bytes are not {charset}")]
pub struct DecodeError {
    /// The charset they were read with.
    pub charset: Charset,
}

/// A character that the charset does not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{charset} has no character for a part of the value")]
pub struct EncodeError {
    /// The charset that was written to.
    pub charset: Charset,
}

impl std::fmt::Display for Charset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Charset {
    /// Reads text; ASCII and UTF-8 are borrowed.
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
        if self == Charset::Utf8 {
            return std::str::from_utf8(bytes)
                .map(Cow::Borrowed)
                .map_err(|_| DecodeError { charset: self });
        }
        if self != Charset::Iso2022Jp && bytes.is_ascii() {
            // Every charset but ISO 2022 has ASCII as its lower half.
            return std::str::from_utf8(bytes)
                .map(Cow::Borrowed)
                .map_err(|_| DecodeError { charset: self });
        }
        let text = match self {
            Charset::Ascii | Charset::Utf8 => None,
            Charset::Latin1 | Charset::Iso8859_9 | Charset::Iso8859_11 => {
                single::decode(self, bytes).map(Cow::Owned)
            }
            Charset::Iso2022Jp => decode_iso_2022(bytes),
            _ => self.encoding().and_then(|encoding| decode_whole(encoding, bytes)),
        };
        text.ok_or(DecodeError { charset: self })
    }

    /// Reads text with U+FFFD for what the charset does not have: for showing to people, never for delivery.
    pub fn decode_lossy(self, bytes: &[u8]) -> Cow<'_, str> {
        match self.decode(bytes) {
            Ok(text) => text,
            Err(_) => match self.encoding() {
                Some(encoding) => encoding.decode_without_bom_handling(bytes).0,
                None => String::from_utf8_lossy(bytes),
            },
        }
    }

    /// Writes text; never writes a substitute for a character that the charset does not have.
    pub fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, EncodeError> {
        // An escape character in a value would switch an ISO 2022 message to two bytes a character.
        let shifts = self == Charset::Iso2022Jp
            && text.bytes().any(|byte| matches!(byte, 0x0E | 0x0F | 0x1B));
        if (text.is_ascii() && !shifts) || self == Charset::Utf8 {
            return Ok(Cow::Borrowed(text.as_bytes()));
        }
        let bytes = match self {
            Charset::Ascii => None,
            Charset::Latin1 | Charset::Iso8859_9 | Charset::Iso8859_11 => {
                single::encode(self, text)
            }
            _ => self.encoding().and_then(|encoding| encode_whole(encoding, text)),
        };
        // Some tables map two codes to one character; what is written must read back as what was meant.
        match bytes {
            Some(bytes) if self.decode(&bytes).as_deref() == Ok(text) => Ok(Cow::Owned(bytes)),
            _ => Err(EncodeError { charset: self }),
        }
    }

    fn encoding(self) -> Option<&'static Encoding> {
        Some(match self {
            Charset::Ascii
            | Charset::Utf8
            | Charset::Latin1
            | Charset::Iso8859_9
            | Charset::Iso8859_11 => return None,
            Charset::Iso8859_2 => encoding_rs::ISO_8859_2,
            Charset::Iso8859_3 => encoding_rs::ISO_8859_3,
            Charset::Iso8859_4 => encoding_rs::ISO_8859_4,
            Charset::Iso8859_5 => encoding_rs::ISO_8859_5,
            Charset::Iso8859_6 => encoding_rs::ISO_8859_6,
            Charset::Iso8859_7 => encoding_rs::ISO_8859_7,
            Charset::Iso8859_8 => encoding_rs::ISO_8859_8,
            Charset::Iso8859_10 => encoding_rs::ISO_8859_10,
            Charset::Iso8859_13 => encoding_rs::ISO_8859_13,
            Charset::Iso8859_14 => encoding_rs::ISO_8859_14,
            Charset::Iso8859_15 => encoding_rs::ISO_8859_15,
            Charset::Iso8859_16 => encoding_rs::ISO_8859_16,
            Charset::Windows1250 => encoding_rs::WINDOWS_1250,
            Charset::Windows1251 => encoding_rs::WINDOWS_1251,
            Charset::Windows1252 => encoding_rs::WINDOWS_1252,
            Charset::Iso2022Jp => encoding_rs::ISO_2022_JP,
            Charset::ShiftJis => encoding_rs::SHIFT_JIS,
            Charset::EucJp => encoding_rs::EUC_JP,
            Charset::Gb18030 => encoding_rs::GB18030,
            Charset::Big5 => encoding_rs::BIG5,
            Charset::EucKr => encoding_rs::EUC_KR,
        })
    }
}

fn decode_whole(encoding: &'static Encoding, bytes: &[u8]) -> Option<Cow<'static, str>> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(Cow::Owned(text.into_owned()))
}

fn encode_whole(encoding: &'static Encoding, text: &str) -> Option<Vec<u8>> {
    let (bytes, _, unmappable) = encoding.encode(text);
    (!unmappable).then(|| bytes.into_owned())
}

/// ISO 2022 with JIS X 0208 as the web knows it, and with JIS X 0212 (`ESC $ ( D`), which the web has dropped and
/// Japanese hospitals have not: its characters are the three-byte ones of EUC-JP.
fn decode_iso_2022(bytes: &[u8]) -> Option<Cow<'_, str>> {
    const SUPPLEMENT: &[u8] = b"\x1B$(D";
    if bytes.is_ascii() && !bytes.contains(&0x1B) {
        return std::str::from_utf8(bytes).ok().map(Cow::Borrowed);
    }
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memmem::find(rest, SUPPLEMENT) {
        text.push_str(&decode_whole(encoding_rs::ISO_2022_JP, &rest[..at])?);
        rest = &rest[at + SUPPLEMENT.len()..];
        let end = memchr::memchr(0x1B, rest).unwrap_or(rest.len());
        let euc: Vec<u8> = rest[..end]
            .chunks(2)
            .flat_map(|pair| [0x8F].into_iter().chain(pair.iter().map(|byte| byte | 0x80)))
            .collect();
        text.push_str(&decode_whole(encoding_rs::EUC_JP, &euc)?);
        rest = &rest[end..];
    }
    text.push_str(&decode_whole(encoding_rs::ISO_2022_JP, rest)?);
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_1_keeps_the_controls_that_windows_1252_has_letters_for() {
        assert_eq!(Charset::Latin1.decode(b"\x80\xE9"), Ok("\u{80}\u{E9}".into()));
        assert_eq!(Charset::Windows1252.decode(b"\x80\xE9"), Ok("\u{20AC}\u{E9}".into()));
        assert!(Charset::Latin1.encode("\u{20AC}").is_err());
        assert_eq!(Charset::Iso8859_15.encode("\u{20AC}").as_deref(), Ok(&b"\xA4"[..]));
        assert_eq!(Charset::Iso8859_9.encode("\u{131}").as_deref(), Ok(&b"\xFD"[..]));
    }

    #[test]
    fn what_a_charset_does_not_have_is_an_error() {
        assert!(Charset::Ascii.decode(b"\xE9").is_err());
        assert!(Charset::Utf8.decode(b"\xE9|").is_err());
        assert!(Charset::ShiftJis.encode("\u{1F600}").is_err());
        assert!(Charset::Iso2022Jp.encode("\u{1B}$B").is_err());
        assert!(Charset::Ascii.encode("\u{E9}").is_err());
    }

    #[test]
    fn japanese_in_its_four_forms() {
        let name = "\u{5C71}\u{7530}";
        for charset in [Charset::Iso2022Jp, Charset::ShiftJis, Charset::EucJp, Charset::Utf8] {
            let bytes = charset.encode(name).unwrap();
            assert_eq!(charset.decode(&bytes).unwrap(), name, "{charset}");
        }
        assert_eq!(Charset::Iso2022Jp.encode(name).as_deref(), Ok(&b"\x1B$B;3ED\x1B(B"[..]));
        assert_eq!(Charset::Iso2022Jp.decode(b"a\x1B$(D\x30\x21\x1B(Bb").unwrap(), "a\u{4E02}b");
    }
}
