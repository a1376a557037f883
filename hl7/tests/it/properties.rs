//! What holds for every message, path and value.

use hl7::batch::PartKind;
use hl7::{
    Charset, EditError, Message, NodeLevel, ParseOptions, Path, Repetition, peek, read_reply,
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

/// Bytes that are anything, or that are made of what messages are made of.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(
        &[
            "MSH|^~\\&|",
            "MSH",
            "FHS|",
            "PID|",
            "OBX|1|",
            "|",
            "||",
            "^",
            "~",
            "&",
            "\\",
            "#",
            "\r",
            "\n",
            "\r\n",
            "\r\r",
            "\"\"",
            "\\X0D\\",
            "\\F\\",
            "\\H\\",
            "\\",
            "A",
            "\u{65E5}",
            "\u{FC}",
            " ",
            "\u{feff}",
            "\u{0b}",
            "\u{1c}",
            "\u{1b}$B",
            "\u{1b}(B",
            "8859/1",
            "~ISO IR87",
            "||||||||||||||||",
            "ACK",
            "MSA|AA|1",
        ][..],
    );
    prop_oneof![
        vec(any::<u8>(), 0..200),
        vec(piece.clone(), 0..60).prop_map(|pieces| pieces.concat().into_bytes()),
        (vec(piece, 0..40), vec(any::<u8>(), 0..40)).prop_map(|(pieces, noise)| {
            [b"MSH|^~\\&|".to_vec(), pieces.concat().into_bytes(), noise].concat()
        }),
    ]
}

/// Values with everything in them that could break out of a field.
fn value() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        select(
            &[
                "|",
                "^",
                "~",
                "&",
                "\\",
                "#",
                "*",
                "\r",
                "\n",
                "\u{0b}",
                "\u{1c}",
                "\r\nMSH|^~\\&|",
                "\\F\\",
                "\\X0D\\",
                "\\.br\\",
                "\\H\\",
                "\\Zab\\",
                "\\E",
                "F\\",
                "\"\"",
                "a",
                " ",
                "\u{E9}",
                "\u{8868}",
                "\u{30BD}",
                "\u{1F600}",
                "\u{1b}",
                "\0"
            ][..]
        )
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn charset() -> impl Strategy<Value = Charset> {
    select(Charset::ALL)
}

fn encoding() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "^~\\&",
            "^~\\&#",
            "^~\\",
            "$%!@",
            "^~\\\\&",
            "^\u{2DC}\\&",
            "&&&&",
            "^",
            "",
            "0123",
            "^~A&",
            ".-+_",
            ".~\\&",
        ][..],
    )
}

fn path() -> impl Strategy<Value = String> {
    let part = |max: u16| prop_oneof![3 => Just(None), 2 => (1..=max).prop_map(Some)];
    let segment = select(&["MSH", "PID", "OBX", "OBX[2]", "OBX[*]", "ZZZ"][..]);
    let repetition = prop_oneof![
        4 => Just(String::new()),
        2 => (1..5_u16).prop_map(|n| format!("[{n}]")),
        1 => Just("[*]".to_owned()),
        1 => Just("[.1 = \"r\"]".to_owned()),
    ];
    (segment, 1..12_u16, repetition, part(4), part(3)).prop_map(
        |(segment, field, repetition, component, subcomponent)| {
            let mut text = format!("{segment}-{field}{repetition}");
            if let Some(component) = component {
                text.push_str(&format!(".{component}"));
                text.extend(subcomponent.map(|n| format!(".{n}")));
            }
            text
        },
    )
}

/// The leaves of a message that a change of `range` does not reach, by what they hold.
fn others(message: &Message, changed: &[std::ops::Range<usize>]) -> Vec<(String, Vec<u8>)> {
    message
        .outline()
        .filter(|node| {
            !node.has_parts && node.level != NodeLevel::Segment && !node.value.is_empty()
        })
        .filter(|node| {
            changed
                .iter()
                .all(|range| node.range.end <= range.start || node.range.start >= range.end)
        })
        .map(|node| {
            // The way from the segment down to the leaf, which padding and promotion do not change.
            let path = node.path.map(|path| {
                let repetition = match path.repetition {
                    Repetition::Nth(n) => n,
                    _ => 1,
                };
                let (component, subcomponent) =
                    (path.component.unwrap_or(1), path.subcomponent.unwrap_or(1));
                format!(
                    "{}{:?}-{:?}[{repetition}].{component}.{subcomponent}",
                    path.segment, path.occurrence, path.field
                )
            });
            (path.unwrap_or_default(), node.value.to_vec())
        })
        .collect()
}

const BODY: &str = "PID|1||r^b&c~x^y||DOE^JOHN\rOBX|1|r~q|a\\F\\b\rOBX|2|r&s^t||\"\"\rNTE|1|x";

/// The body in the given delimiters; where one is not declared, its usual character is left in as text.
fn message(encoding: &str, charset: Charset) -> Message {
    let mut declared = encoding.chars();
    let delimiters: Vec<(char, char)> =
        "^~\\&".chars().map(|usual| (usual, declared.next().unwrap_or(usual))).collect();
    let translate = |letter: char| {
        delimiters.iter().find(|(usual, _)| *usual == letter).map_or(letter, |(_, own)| *own)
    };
    let body: String = BODY.chars().map(translate).collect();
    let mut message =
        Message::parse(format!("MSH|{encoding}|A|B\r{body}"), &ParseOptions::default());
    message.set_charset(charset);
    message
}

/// `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let cases =
        std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_500);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn parsing_keeps_every_byte(bytes in bytes(), lf_ends_segments in any::<bool>()) {
        let message = Message::parse(bytes.clone(), &ParseOptions { lf_ends_segments });
        let mut rebuilt = Vec::new();
        for segment in message.segments() {
            if rebuilt.is_empty() {
                rebuilt.extend_from_slice(&bytes[..segment.start]);
            }
            rebuilt.extend_from_slice(segment.bytes);
            rebuilt.extend_from_slice(segment.terminator);
        }
        prop_assert!(rebuilt == bytes || message.segments().next().is_none());
        prop_assert_eq!(message.as_bytes(), &bytes[..]);
        prop_assert_eq!(message.into_bytes(), bytes);
    }

    #[test]
    fn the_parts_of_a_batch_are_its_bytes(bytes in bytes(), pieces in vec(select(&["MSH|^~\\&|1\r", "MSH", "BHS|", "BTS|1", "FTS", "FHS$", "\r", "\n", "\r\n", "\u{feff}", " ", "\u{1c}", "x"][..]), 0..24)) {
        for bytes in [bytes, pieces.concat().into_bytes()] {
            let mut end = 0;
            for part in hl7::batch::parts(&bytes) {
                prop_assert_eq!(part.range.start, end);
                prop_assert!(part.range.end > end);
                end = part.range.end;
                let inside = &bytes[part.range];
                match part.kind {
                    PartKind::Message => {
                        let again: Vec<_> = hl7::batch::parts(inside).collect();
                        prop_assert_eq!(again.len(), 1, "a message alone is one message: {:?}", inside);
                        let at = inside.windows(3).position(|name| name == b"MSH").unwrap();
                        prop_assert!(inside[..at].iter().all(|byte| b"\xEF\xBB\xBF \t\x0B\x0C".contains(byte)), "{:?}", inside);
                    }
                    PartKind::Blank => prop_assert!(peek(inside).is_err()),
                    PartKind::FileHeader | PartKind::BatchHeader | PartKind::BatchTrailer | PartKind::FileTrailer | PartKind::Foreign => {}
                }
            }
            prop_assert_eq!(end, bytes.len());
            let _ = hl7::batch::count(&bytes);
        }
    }

    #[test]
    fn nothing_panics(bytes in bytes(), path in path(), value in value(), charset in charset()) {
        let _ = peek(&bytes).map(|peek| (1..30).map(|n| peek.field(&bytes, n).len()).sum::<usize>());
        let _ = read_reply(&bytes);
        let mut message = Message::parse(bytes, &ParseOptions::default());
        message.set_charset(charset);
        let path = Path::parse(&path).unwrap();
        let _ = (message.text(&path), message.text_all(&path), message.exists(&path), message.is_null(&path));
        let _ = (message.repetitions(&path), message.lone_line_feeds(), message.outline().count());
        let before = message.as_bytes().to_vec();
        if message.set(&path, &value).is_err() {
            prop_assert_eq!(message.as_bytes(), &before[..]);
        }
        let _ = message.set_raw(&path, value.as_bytes());
        message.clear(&path);
        message.delete(&path);
        let _ = message.insert("ZZZ", hl7::Place::End);
        message.extract(&[0, 2, 1]);
    }

    #[test]
    fn path_text_never_panics(text in "\\PC{0,20}|[A-Z0-9\\[\\]\\-.*=\" ]{0,24}") {
        match Path::parse(&text) {
            Ok(path) => prop_assert_eq!(Path::parse(&path.to_string()).unwrap(), path),
            Err(error) => prop_assert!(text.get(error.range.clone()).is_some(), "{error:?}"),
        }
        let _ = Path::parse_prefix(&text);
    }

    #[test]
    fn what_is_set_is_read(path in path(), value in value(), charset in charset(), encoding in encoding()) {
        let path = Path::parse(&path).unwrap();
        let mut message = message(encoding, charset);
        let segments: Vec<Vec<u8>> = message.segments().map(|segment| segment.name.to_vec()).collect();
        match message.set(&path, &value) {
            Ok(()) => {
                let afresh = Message::parse(message.as_bytes(), &ParseOptions::default());
                let names: Vec<Vec<u8>> = afresh.segments().map(|segment| segment.name.to_vec()).collect();
                prop_assert_eq!(names, segments, "no segment is made or lost");
                let chosen_by_itself = matches!(path.repetition, Repetition::Where { component, .. } if path.component.is_none_or(|n| n == component));
                if !chosen_by_itself {
                    for text in message.text_all(&path).unwrap() {
                        prop_assert_eq!(&text, &value);
                    }
                    if !value.is_empty() && path.occurrence != hl7::Occurrence::All {
                        prop_assert_eq!(message.text(&path).unwrap(), value);
                    }
                }
            }
            Err(EditError::Unmappable { .. }) => prop_assert!(charset.encode(&value).is_err()),
            Err(EditError::NoEscape) => prop_assert!(message.delimiters().escape().is_empty() || message.delimiters().fault().is_some()),
            Err(EditError::NoDelimiter { .. }) => prop_assert!(encoding.chars().count() < 4 || message.delimiters().fault().is_some()),
            Err(EditError::NoSegment { .. } | EditError::NoMatch { .. } | EditError::Header) => {}
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    #[test]
    fn a_set_touches_no_other_leaf(path in path(), value in value()) {
        let path = Path::parse(&path).unwrap();
        let mut message = message("^~\\&", Charset::Utf8);
        let places: Vec<_> = message.raw_all(&path).iter().map(|raw| {
            let start = raw.as_ptr() as usize - message.as_bytes().as_ptr() as usize;
            start..start + raw.len()
        }).collect();
        let before = others(&message, &places);
        if message.set(&path, &value).is_err() {
            return Ok(());
        }
        let now = others(&message, &[]);
        for leaf in before {
            prop_assert!(now.contains(&leaf), "{leaf:?} is gone after {path} = {value:?}");
        }
        prop_assert_eq!(message.segments().count(), 5);
    }

    #[test]
    fn raw_values_never_make_structure(path in path(), raw in bytes(), charset in charset()) {
        let path = Path::parse(&path).unwrap();
        let mut message = message("^~\\&", charset);
        let fields = |message: &Message| {
            message.segments().map(|segment| segment.bytes.iter().filter(|byte| **byte == b'|').count()).collect::<Vec<_>>()
        };
        let count = message.segments().count();
        let before = fields(&message);
        if message.set_raw(&path, &raw).is_ok() {
            let afresh = Message::parse(message.as_bytes(), &ParseOptions::default());
            prop_assert_eq!(afresh.segments().count(), count);
            if path.field <= Some(3) && raw.is_ascii() && !raw.contains(&0x1B) {
                let after = fields(&afresh);
                prop_assert!(before.iter().zip(&after).all(|(before, after)| after - before < 4));
            }
        }
    }

    #[test]
    fn edits_keep_the_index_right(edits in vec((path(), value(), any::<Index>()), 1..8), terminator in select(&["\r", "\n", "\r\n"][..])) {
        let text = ["MSH|^~\\&|A|B", BODY].join("\r").replace('\r', terminator);
        let mut message = Message::parse(text, &ParseOptions::default());
        for (path, value, kind) in edits {
            let path = Path::parse(&path).unwrap();
            match kind.index(5) {
                0 => { let _ = message.insert("OBX", hl7::Place::After(&Path::of_segment(path.segment))); }
                1 => { message.delete(&path); }
                2 => { message.clear(&path); }
                _ => { let _ = message.set(&path, &value); }
            }
            let afresh = Message::parse(message.as_bytes(), &ParseOptions::default());
            let index = |message: &Message| message.segments().map(|segment| (segment.start, segment.bytes.to_vec(), segment.terminator.to_vec(), segment.occurrence)).collect::<Vec<_>>();
            prop_assert_eq!(index(&message), index(&afresh));
        }
    }
}
