//! Values in every charset, and delimiters beside characters that hold their bytes.

use hl7::{Charset, Message, ParseOptions, Path};

use crate::corpus;

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// Characters whose encoded bytes include those of delimiters, where the charset has such.
const SAMPLES: &[(Charset, &str)] = &[
    (Charset::Utf8, "M\u{FC}ller \u{65E5}\u{672C} \u{1F600}"),
    (Charset::Latin1, "M\u{FC}ller \u{80}"),
    (Charset::Iso8859_2, "\u{141}\u{F3}d\u{17A}"),
    (Charset::Iso8859_3, "\u{126}al"),
    (Charset::Iso8859_4, "\u{100}bols"),
    (Charset::Iso8859_5, "\u{418}\u{432}\u{430}\u{43D}"),
    (Charset::Iso8859_6, "\u{645}\u{62D}\u{645}\u{62F}"),
    (Charset::Iso8859_7, "\u{391}\u{3B8}\u{3AE}\u{3BD}\u{3B1}"),
    (Charset::Iso8859_8, "\u{5D0}\u{5D1}"),
    (Charset::Iso8859_9, "\u{130}\u{131}\u{15F}\u{11F}"),
    (Charset::Iso8859_10, "\u{110}or"),
    (Charset::Iso8859_11, "\u{E01}\u{E32}"),
    (Charset::Iso8859_13, "\u{160}\u{17D}"),
    (Charset::Iso8859_14, "\u{1E56}\u{175}"),
    (Charset::Iso8859_15, "\u{20AC}\u{153}"),
    (Charset::Iso8859_16, "\u{218}\u{21A}"),
    (Charset::Windows1250, "\u{15B}\u{20AC}"),
    (Charset::Windows1251, "\u{416}\u{2116}"),
    (Charset::Windows1252, "\u{20AC}\u{152}"),
    (Charset::Iso2022Jp, "\u{5C71}\u{7530}\u{3000}\u{592A}\u{90CE} Taro"),
    (Charset::ShiftJis, "\u{8868}\u{80FD}\u{30BD}\u{30DD}\u{30FC}\u{FF71}"),
    (Charset::EucJp, "\u{8868}\u{80FD}\u{FF71}"),
    (Charset::Gb18030, "\u{4E02}\u{4E96}\u{1F600}\u{20AC}\u{9999}"),
    (Charset::Big5, "\u{529F}\u{8A31}\u{84CB}\u{9910}"),
    (Charset::EucKr, "\u{D55C}\u{AE00} \u{B620}"),
];

#[test]
fn set_then_get_in_every_charset() {
    for (charset, sample) in SAMPLES {
        let header = format!("MSH|^~\\&|A||||20240229||ADT^A01|1|P|2.5||||||{}\r", charset.msh18());
        let start = [header.as_bytes(), b"PID|1|before|^x|after\r"].concat();
        let mut message = Message::parse(start, &ParseOptions::default());
        assert_eq!(message.charset(), *charset);
        for value in
            [sample.to_string(), format!("{sample}|{sample}\\{sample}^"), format!("\\{sample}~&")]
        {
            message.set(&path("PID-3.1.2"), &value).unwrap();
            message.set(&path("PID-3[2]"), &value).unwrap();
            let afresh = Message::parse(message.as_bytes(), &ParseOptions::default());
            for message in [&message, &afresh] {
                assert_eq!(message.text(&path("PID-3.1.2")).unwrap(), value, "{charset}");
                assert_eq!(message.text(&path("PID-3[2]")).unwrap(), value, "{charset}");
                assert_eq!(message.text(&path("PID-3.2")).unwrap(), "x", "{charset}");
                assert_eq!(message.text(&path("PID-2")).unwrap(), "before", "{charset}");
                assert_eq!(message.text(&path("PID-4")).unwrap(), "after", "{charset}");
                assert_eq!(message.segments().count(), 2, "{charset}");
            }
        }
    }
    let covered = SAMPLES.len() + 1;
    assert_eq!(covered, Charset::ALL.len(), "every charset but ASCII has a sample");
}

#[test]
fn every_character_of_the_dangerous_charsets_keeps_to_its_field() {
    for charset in
        [Charset::ShiftJis, Charset::Gb18030, Charset::Big5, Charset::Iso2022Jp, Charset::EucKr]
    {
        let mut tried = 0;
        for character in
            ('\u{A1}'..='\u{FFEF}').step_by(3).filter(|character| !character.is_control())
        {
            let text = character.to_string();
            let Ok(bytes) = charset.encode(&text) else { continue };
            let start = [b"MSH|^~\\&|\rPID|", &bytes[..], b"|2"].concat();
            let mut message = Message::parse(start, &ParseOptions::default());
            message.set_charset(charset);
            assert_eq!(
                message.text(&path("PID-1")).unwrap(),
                text,
                "{charset} U+{:04X}",
                character as u32
            );
            assert_eq!(
                message.text(&path("PID-2")).unwrap(),
                "2",
                "{charset} U+{:04X}",
                character as u32
            );
            tried += 1;
        }
        assert!(tried > 1_500, "{charset}: {tried}");
    }
}

#[test]
fn a_lone_lead_byte_swallows_no_separator_that_is_written_after_it() {
    let mut message = Message::parse(&b"MSH|^~\\&|\rPID|1|2"[..], &ParseOptions::default());
    message.set_charset(Charset::ShiftJis);
    assert!(message.set_raw(&path("PID-1"), b"\x83").is_err());
    assert!(message.set_raw(&path("PID-1"), b"\x83\x7C").is_ok());
    assert_eq!(message.text(&path("PID-2")).unwrap(), "2");
}

#[test]
fn a_separator_above_ascii_is_not_found_inside_a_character() {
    // A6 alone is a separator here, and the second byte of U+00E6.
    let mut message =
        Message::parse(&b"MSH\xA6^~\\&\xA6A\rPID\xA61\xA62"[..], &ParseOptions::default());
    message.set(&path("PID-1"), "C\u{E6}sar").unwrap();
    assert_eq!(message.raw(&path("PID-1")), Some("C\u{E6}sar".as_bytes()));
    let afresh = Message::parse(message.as_bytes(), &ParseOptions::default());
    for message in [&message, &afresh] {
        assert_eq!(message.text(&path("PID-1")).unwrap(), "C\u{E6}sar");
        assert_eq!(message.text(&path("PID-2")).unwrap(), "2");
    }
}

#[test]
fn japanese_files_of_the_corpus_are_read() {
    let mut read = 0;
    for (name, bytes) in corpus::files() {
        let message = Message::parse(bytes, &ParseOptions::default());
        if message.charset() != Charset::Iso2022Jp || name.starts_with("derived/") {
            continue;
        }
        let family =
            message.text(&path("PID-5[1].1")).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!family.is_empty(), "{name}");
        for node in message.outline().filter(|node| !node.has_parts && node.range.len() < 1_000) {
            if let Some(path) = &node.path {
                message.text(path).unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
        read += 1;
    }
    assert!(read > 8 || corpus::root().is_none(), "{read}");
}

#[test]
fn transcoded_files_say_the_same() {
    let Some(root) = corpus::root() else { return };
    for (original, other, charset) in [
        (
            "charset/omi_z23_nhohq-ssmix2datate_9999013-20111220-omg-12-2011122016.hl7",
            "derived/omi_z23_nhohq-ssmix2datate_eucjp-9999013-20111220-omg.hl7",
            Charset::EucJp,
        ),
        (
            "charset/omi_z23_nhohq-ssmix2datate_9999013-20111220-omg-12-2011122016.hl7",
            "derived/omi_z23_nhohq-ssmix2datate_sjis-1-9999013-20111220-omg.hl7",
            Charset::ShiftJis,
        ),
        (
            "charset/adt_a01_cosyte-hl7_utf8-name.hl7",
            "derived/adt_a01_cosyte-hl7_gb18030-utf8-name.hl7",
            Charset::Gb18030,
        ),
    ] {
        let read = |name: &str| {
            Message::parse(std::fs::read(root.join(name)).unwrap(), &ParseOptions::default())
        };
        let (original, mut other) = (read(original), read(other));
        other.set_charset(charset);
        let mut compared = 0;
        for node in original.outline().filter(|node| !node.has_parts) {
            let Some(path) = node.path.filter(|path| path.field.is_some()) else { continue };
            assert_eq!(
                original.text(&path).unwrap(),
                other.text(&path).unwrap(),
                "{charset} {path}"
            );
            compared += 1;
        }
        assert!(compared > 10, "{charset}: {compared}");
    }
}
