//! Messages that nobody here wrote.

use std::fs;
use std::path::PathBuf;

use deidentify::{FileCopy, Refused, Rules, TextRule, copy_file};
use hl7::batch::PartKind;
use hl7::{Message, ParseOptions, Path};

fn root() -> Option<PathBuf> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    if !root.is_dir() {
        eprintln!("{} is not there: nothing to run over", root.display());
        return None;
    }
    Some(root)
}

/// Every message file, with its path below the corpus.
pub fn files() -> Vec<(String, Vec<u8>)> {
    let Some(root) = root() else { return Vec::new() };
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "hl7") {
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_message_is_copied_or_refused_with_a_reason() {
    for text in [TextRule::Replace, TextRule::Scrub] {
        let copier = crate::copier(text, Rules::default());
        let (mut copied, mut leaks) = (0, 0);
        for (name, bytes) in files() {
            let copy: FileCopy = copy_file(&copier, &bytes);
            copied += copy.copied;
            for refusal in &copy.refused {
                assert!(!refusal.reason.to_string().is_empty());
                assert_ne!(refusal.reason, Refused::Structure, "{name} {}", refusal.number);
                leaks += usize::from(matches!(refusal.reason, Refused::Leak(_)));
            }
        }
        // Invented messages repeat one value in many fields, so that more of them are refused than real ones would be.
        assert!(copied > 5 * leaks || root().is_none(), "{text:?}: {copied} copied, {leaks} leaks");
    }
}

/// A second look that knows nothing of the first one: the patient's numbers, as they are written.
#[test]
fn no_number_of_a_patient_is_in_a_copy() {
    let paths = [
        "PID-2.1",
        "PID-3[*].1",
        "PID-4.1",
        "PID-13[*].1",
        "PID-18.1",
        "PID-19",
        "PID-20.1",
        "PV1-19.1",
    ]
    .map(|path| Path::parse(path).unwrap());
    let copier = crate::copier(TextRule::Replace, Rules::default());
    let mut searched = 0;
    for (name, bytes) in files() {
        for part in hl7::batch::parts(&bytes).filter(|part| part.kind == PartKind::Message) {
            let original = &bytes[part.range];
            let Ok((copy, _)) = copier.copy(original) else { continue };
            let message = Message::parse(original, &ParseOptions::default());
            for value in paths.iter().flat_map(|path| message.raw_all(path)) {
                let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
                if digits < 7 {
                    continue;
                }
                searched += 1;
                let found = copy.windows(value.len()).any(|window| window == value);
                assert!(!found, "{name}: a number of {} bytes is still there", value.len());
            }
        }
    }
    assert!(searched > 300 || root().is_none(), "{searched}");
}

#[test]
fn copies_parse_as_their_originals_do() {
    let copier = crate::copier(TextRule::Replace, Rules::default());
    for (name, bytes) in files() {
        for part in hl7::batch::parts(&bytes).filter(|part| part.kind == PartKind::Message) {
            let original = &bytes[part.range];
            let Ok((copy, _)) = copier.copy(original) else { continue };
            let names = |bytes: &[u8]| {
                let message = Message::parse(bytes, &ParseOptions::default());
                let of_path = |segment: hl7::Segment<'_>| {
                    std::str::from_utf8(segment.name)
                        .ok()
                        .and_then(hl7::SegmentName::new)
                        .filter(|_| segment.bytes.len() > 3)
                };
                message.segments().map(of_path).collect::<Vec<_>>()
            };
            assert_eq!(names(original), names(&copy), "{name}");
            assert!(hl7::peek(&copy).is_ok(), "{name}");
        }
    }
}
