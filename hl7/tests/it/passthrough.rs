//! What is not touched stays as it was, byte for byte.

use hl7::{Message, ParseOptions, Path};

use crate::corpus;

#[test]
fn every_file_passes_through_byte_identical() {
    for (name, bytes) in corpus::files() {
        for lf_ends_segments in [false, true] {
            let message = Message::parse(bytes.clone(), &ParseOptions { lf_ends_segments });
            let mut rebuilt = Vec::new();
            for segment in message.segments() {
                if segment.index == 0 {
                    rebuilt.extend_from_slice(&bytes[..segment.start]);
                }
                rebuilt.extend_from_slice(segment.bytes);
                rebuilt.extend_from_slice(segment.terminator);
            }
            assert!(rebuilt == bytes, "{name}: the segments do not add up to the file");
            assert!(message.into_bytes() == bytes, "{name}");
        }
    }
}

#[test]
fn every_part_of_every_file_is_where_its_path_says() {
    for (name, bytes) in corpus::files() {
        let message = Message::parse(bytes, &ParseOptions::default());
        if message.as_bytes().len() > 100_000 {
            continue;
        }
        for node in message.outline() {
            let Some(path) = &node.path else { continue };
            if path.repetition == hl7::Repetition::All {
                continue;
            }
            assert_eq!(message.range(path), Some(node.range), "{name} {path}");
            let again = Path::parse(&path.to_string()).unwrap();
            assert_eq!(&again, path, "{name}");
        }
    }
}

#[test]
fn writing_back_what_was_read_changes_nothing_but_its_own_spelling() {
    let mut written = 0;
    for (name, bytes) in corpus::files() {
        let message = Message::parse(bytes, &ParseOptions::default());
        if message.as_bytes().len() > 20_000 || message.delimiters().fault().is_some() {
            continue;
        }
        let leaves: Vec<_> = message.outline().filter(|node| !node.has_parts).collect();
        for node in leaves.into_iter().step_by(7) {
            let Some(path) = node.path.filter(|path| path.field.is_some()) else { continue };
            let (Ok(text), true) = (message.text(&path), path.field > Some(2)) else { continue };
            let mut copy = message.clone();
            copy.set(&path, &text).unwrap_or_else(|error| panic!("{name} {path}: {error}"));
            assert_eq!(copy.text(&path).unwrap(), text, "{name} {path}");
            let grown = copy.as_bytes().len() as isize - message.as_bytes().len() as isize;
            let end = (node.range.end as isize + grown) as usize;
            assert!(
                copy.as_bytes()[..node.range.start] == message.as_bytes()[..node.range.start],
                "{name} {path}"
            );
            assert!(
                copy.as_bytes()[end..] == message.as_bytes()[node.range.end..],
                "{name} {path}"
            );
            written += 1;
        }
    }
    assert!(written > 5_000 || corpus::root().is_none(), "only {written} values were written");
}
