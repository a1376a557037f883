//! Files of several messages that nobody here wrote.

use std::collections::BTreeMap;
use std::fs;

use hl7::batch::{BatchFault, PartKind, count, parts};

use crate::corpus;

#[test]
fn the_parts_of_every_file_are_the_file() {
    for (name, bytes) in corpus::files() {
        let rebuilt: Vec<u8> = parts(&bytes).flat_map(|part| bytes[part.range].to_vec()).collect();
        assert!(rebuilt == bytes, "{name}: the parts do not add up to the file");
    }
}

#[test]
fn the_batches_of_others_hold_the_messages_that_they_hold() {
    let Some(root) = corpus::root() else { return };
    let index = fs::read_to_string(root.join("INDEX.tsv")).unwrap();
    let header: Vec<&str> = index.lines().next().unwrap().split('\t').collect();
    let column = header.iter().position(|name| *name == "messages").unwrap();
    let listed: BTreeMap<&str, u64> = index
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            (fields[0], fields[column].parse().unwrap_or(0))
        })
        .collect();
    let mut seen = 0;
    for (name, bytes) in corpus::files().into_iter().filter(|(name, _)| name.starts_with("batch/"))
    {
        match count(&bytes) {
            Ok(holding) => {
                assert_eq!(holding.messages, listed[name.as_str()], "{name}");
                assert_eq!(
                    holding.is_batch,
                    bytes.starts_with(b"FHS") || bytes.starts_with(b"BHS")
                );
            }
            Err(fault) => panic!("{name}: {fault}"),
        }
        seen += 1;
    }
    assert_eq!(seen, 20);
}

#[test]
fn a_batch_of_others_that_lost_a_message_is_seen() {
    for (name, bytes) in corpus::files() {
        let found: Vec<_> = parts(&bytes).collect();
        let has_trailer = found.iter().any(|part| part.kind == PartKind::BatchTrailer);
        let Some(lost) = found.iter().find(|part| part.kind == PartKind::Message) else { continue };
        if !has_trailer || !name.starts_with("batch/") {
            continue;
        }
        let short = [&bytes[..lost.range.start], &bytes[lost.range.end..]].concat();
        assert!(matches!(count(&short), Err(BatchFault::Messages { .. })), "{name}");
    }
}
