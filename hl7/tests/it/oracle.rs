//! Another parser's opinion, on the messages where it is known to be sound.
//!
//! `hl7-parser` stops without an error at what it cannot read, takes MSH-2 as four characters and numbers only the
//! first MSH from its separator. So it is asked only about messages that it has read whole.

use hl7::{Message, NodeLevel, ParseOptions};
use hl7_parser::message::Message as Other;

use crate::corpus;

/// Whether the other parser has seen every segment and every byte of them.
fn has_read_whole(other: &Other<'_>, ours: &Message) -> bool {
    let mut theirs = other.segments();
    let same = ours.segments().all(|segment| {
        theirs.next().is_some_and(|other| other.raw_value().as_bytes() == segment.bytes)
    });
    same && theirs.next().is_none()
}

#[test]
fn leaves_are_where_another_parser_finds_them() {
    let (mut messages, mut leaves) = (0, 0);
    for (name, bytes) in corpus::files() {
        let Ok(text) = std::str::from_utf8(&bytes) else { continue };
        let ours = Message::parse(text, &ParseOptions::default());
        let sound = ours.delimiters().fault().is_none()
            && ours.count("MSH") == 1
            && text.starts_with("MSH|")
            && ours
                .raw(&"MSH-2".parse().unwrap())
                .is_some_and(|encoding| encoding.len() == 4 && encoding.is_ascii())
            && bytes.len() < 100_000
            && ours.charset() != hl7::Charset::Iso2022Jp;
        if !sound {
            continue;
        }
        let read = |lenient| Other::parse_with_lenient_newlines(text, lenient).ok();
        let Some(other) =
            [false, true].into_iter().filter_map(read).find(|other| has_read_whole(other, &ours))
        else {
            continue;
        };
        messages += 1;
        for node in ours.outline() {
            let Some(path) = &node.path else { continue };
            if path.repetition == hl7::Repetition::All
                || node.level == NodeLevel::Segment
                || path.field <= Some(2)
            {
                continue;
            }
            let query = path.to_string().replacen('-', ".", 1);
            let found = other.query(query.as_str()).map(|found| found.raw_value());
            assert_eq!(found.map(str::as_bytes), Some(node.value), "{name} {path}");
            leaves += 1;
        }
    }
    assert!(
        (messages > 300 && leaves > 20_000) || corpus::root().is_none(),
        "{messages} messages, {leaves} leaves"
    );
}
