//! What charsets are called in MSH-18, in settings and to people.

use encoding_rs::Encoding;

use super::Charset;

impl Charset {
    /// Reads MSH-18, all its repetitions as sent; `None` when it is empty or names nothing that is known.
    ///
    /// A first repetition that is empty or ASCII, followed by a Japanese set, is ISO 2022: ASCII with escapes to it.
    pub fn from_msh18(text: &str) -> Option<Charset> {
        let mut first = None;
        for name in text.split('~') {
            let name = name.trim();
            if name.is_empty() {
                continue;
            }
            let charset = Charset::from_name(name);
            if charset == Some(Charset::Iso2022Jp) {
                return charset;
            }
            if first.is_none() {
                first = Some(charset);
            }
        }
        first.flatten()
    }

    /// Reads one name: of table 0211, or any label that browsers know.
    pub fn from_name(name: &str) -> Option<Charset> {
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        if let Some((_, charset)) = TABLE_0211.iter().find(|(known, _)| *known == plain) {
            return Some(*charset);
        }
        let encoding = Encoding::for_label(name.trim().as_bytes())?;
        Charset::ALL.iter().copied().find(|charset| charset.encoding() == Some(encoding))
    }

    /// What HL7 table 0211 calls it, where it has it; else its usual name.
    pub fn msh18(self) -> &'static str {
        match self {
            Charset::Ascii => "ASCII",
            Charset::Utf8 => "UNICODE UTF-8",
            Charset::Latin1 => "8859/1",
            Charset::Iso8859_2 => "8859/2",
            Charset::Iso8859_3 => "8859/3",
            Charset::Iso8859_4 => "8859/4",
            Charset::Iso8859_5 => "8859/5",
            Charset::Iso8859_6 => "8859/6",
            Charset::Iso8859_7 => "8859/7",
            Charset::Iso8859_8 => "8859/8",
            Charset::Iso8859_9 => "8859/9",
            Charset::Iso8859_15 => "8859/15",
            Charset::Iso2022Jp => "~ISO IR87",
            Charset::Gb18030 => "GB 18030-2000",
            Charset::Big5 => "BIG-5",
            Charset::EucKr => "KS X 1001",
            Charset::Iso8859_10
            | Charset::Iso8859_11
            | Charset::Iso8859_13
            | Charset::Iso8859_14
            | Charset::Iso8859_16
            | Charset::Windows1250
            | Charset::Windows1251
            | Charset::Windows1252
            | Charset::ShiftJis
            | Charset::EucJp => self.name(),
        }
    }

    /// Its usual name, as people and settings write it.
    pub fn name(self) -> &'static str {
        match self {
            Charset::Ascii => "ASCII",
            Charset::Utf8 => "UTF-8",
            Charset::Latin1 => "ISO-8859-1",
            Charset::Iso8859_2 => "ISO-8859-2",
            Charset::Iso8859_3 => "ISO-8859-3",
            Charset::Iso8859_4 => "ISO-8859-4",
            Charset::Iso8859_5 => "ISO-8859-5",
            Charset::Iso8859_6 => "ISO-8859-6",
            Charset::Iso8859_7 => "ISO-8859-7",
            Charset::Iso8859_8 => "ISO-8859-8",
            Charset::Iso8859_9 => "ISO-8859-9",
            Charset::Iso8859_10 => "ISO-8859-10",
            Charset::Iso8859_11 => "ISO-8859-11",
            Charset::Iso8859_13 => "ISO-8859-13",
            Charset::Iso8859_14 => "ISO-8859-14",
            Charset::Iso8859_15 => "ISO-8859-15",
            Charset::Iso8859_16 => "ISO-8859-16",
            Charset::Windows1250 => "windows-1250",
            Charset::Windows1251 => "windows-1251",
            Charset::Windows1252 => "windows-1252",
            Charset::Iso2022Jp => "ISO-2022-JP",
            Charset::ShiftJis => "Shift_JIS",
            Charset::EucJp => "EUC-JP",
            Charset::Gb18030 => "GB18030",
            Charset::Big5 => "Big5",
            Charset::EucKr => "EUC-KR",
        }
    }

    /// All of them, in the order of the reference page.
    pub const ALL: &'static [Charset] = &[
        Charset::Ascii,
        Charset::Utf8,
        Charset::Latin1,
        Charset::Iso8859_2,
        Charset::Iso8859_3,
        Charset::Iso8859_4,
        Charset::Iso8859_5,
        Charset::Iso8859_6,
        Charset::Iso8859_7,
        Charset::Iso8859_8,
        Charset::Iso8859_9,
        Charset::Iso8859_10,
        Charset::Iso8859_11,
        Charset::Iso8859_13,
        Charset::Iso8859_14,
        Charset::Iso8859_15,
        Charset::Iso8859_16,
        Charset::Windows1250,
        Charset::Windows1251,
        Charset::Windows1252,
        Charset::Iso2022Jp,
        Charset::ShiftJis,
        Charset::EucJp,
        Charset::Gb18030,
        Charset::Big5,
        Charset::EucKr,
    ];
}

/// Names with their letters and digits only: senders write them with every kind of space and dash.
const TABLE_0211: &[(&str, Charset)] = &[
    ("ASCII", Charset::Ascii),
    ("USASCII", Charset::Ascii),
    ("ISOIR6", Charset::Ascii),
    ("UNICODEUTF8", Charset::Utf8),
    ("UNICODE", Charset::Utf8),
    ("UTF8", Charset::Utf8),
    ("ISOIR192", Charset::Utf8),
    ("88591", Charset::Latin1),
    ("ISO88591", Charset::Latin1),
    ("LATIN1", Charset::Latin1),
    ("ISOIR100", Charset::Latin1),
    ("88592", Charset::Iso8859_2),
    ("ISO88592", Charset::Iso8859_2),
    ("ISOIR101", Charset::Iso8859_2),
    ("88593", Charset::Iso8859_3),
    ("ISO88593", Charset::Iso8859_3),
    ("ISOIR109", Charset::Iso8859_3),
    ("88594", Charset::Iso8859_4),
    ("ISO88594", Charset::Iso8859_4),
    ("ISOIR110", Charset::Iso8859_4),
    ("88595", Charset::Iso8859_5),
    ("ISO88595", Charset::Iso8859_5),
    ("ISOIR144", Charset::Iso8859_5),
    ("88596", Charset::Iso8859_6),
    ("ISO88596", Charset::Iso8859_6),
    ("ISOIR127", Charset::Iso8859_6),
    ("88597", Charset::Iso8859_7),
    ("ISO88597", Charset::Iso8859_7),
    ("ISOIR126", Charset::Iso8859_7),
    ("88598", Charset::Iso8859_8),
    ("ISO88598", Charset::Iso8859_8),
    ("ISOIR138", Charset::Iso8859_8),
    ("88599", Charset::Iso8859_9),
    ("ISO88599", Charset::Iso8859_9),
    ("ISOIR148", Charset::Iso8859_9),
    ("885910", Charset::Iso8859_10),
    ("ISO885910", Charset::Iso8859_10),
    ("885911", Charset::Iso8859_11),
    ("ISO885911", Charset::Iso8859_11),
    ("ISOIR166", Charset::Iso8859_11),
    ("885913", Charset::Iso8859_13),
    ("ISO885913", Charset::Iso8859_13),
    ("885914", Charset::Iso8859_14),
    ("ISO885914", Charset::Iso8859_14),
    ("885915", Charset::Iso8859_15),
    ("ISO885915", Charset::Iso8859_15),
    ("ISOIR203", Charset::Iso8859_15),
    ("885916", Charset::Iso8859_16),
    ("ISO885916", Charset::Iso8859_16),
    ("WINDOWS1252", Charset::Windows1252),
    ("CP1252", Charset::Windows1252),
    ("ISOIR13", Charset::ShiftJis),
    ("ISOIR14", Charset::Iso2022Jp),
    ("ISOIR87", Charset::Iso2022Jp),
    ("ISOIR159", Charset::Iso2022Jp),
    ("GB18030", Charset::Gb18030),
    ("GB180302000", Charset::Gb18030),
    ("GB2312", Charset::Gb18030),
    ("GBK", Charset::Gb18030),
    ("BIG5", Charset::Big5),
    ("KSX1001", Charset::EucKr),
    ("KSC5601", Charset::EucKr),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_senders_write_them() {
        for (text, charset) in [
            ("~ISO IR87", Charset::Iso2022Jp),
            ("~ISOIR87", Charset::Iso2022Jp),
            ("ASCII~ISO IR87~ISO IR159", Charset::Iso2022Jp),
            ("8859/1", Charset::Latin1),
            ("8859/15", Charset::Iso8859_15),
            ("UNICODE UTF-8", Charset::Utf8),
            ("UTF-8~UNICODE", Charset::Utf8),
            ("iso-8859-1", Charset::Latin1),
            ("windows-1252", Charset::Windows1252),
            ("GB 18030-2000", Charset::Gb18030),
            ("BIG-5", Charset::Big5),
            ("KS X 1001", Charset::EucKr),
            ("Shift_JIS", Charset::ShiftJis),
            ("sjis", Charset::ShiftJis),
            ("euc-jp", Charset::EucJp),
        ] {
            assert_eq!(Charset::from_msh18(text), Some(charset), "{text}");
        }
        for text in ["", "~", "PRELIM", "code1~code2", "CNS 11643-1992"] {
            assert_eq!(Charset::from_msh18(text), None, "{text}");
        }
    }

    #[test]
    fn every_name_reads_back() {
        for charset in Charset::ALL {
            assert_eq!(Charset::from_name(charset.name()), Some(*charset), "{charset}");
            assert_eq!(Charset::from_msh18(charset.msh18()), Some(*charset), "{charset}");
        }
    }
}
