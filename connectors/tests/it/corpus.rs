//! Captures from the field.

use std::path::PathBuf;

use connectors::BrokenFrame;
use connectors::mllp::{Event, Framing};

use crate::framing::{Decoded, decode};

fn capture(name: &str) -> Option<Vec<u8>> {
    std::fs::read(folder("mllp").join(name)).ok()
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus").join(name)
}

/// What a stream holds, as words: `frame`, `heartbeat`, `frame-cut` ...
fn words(decoded: &Decoded) -> Vec<&'static str> {
    let word = |event: &Event| match event {
        Event::Frame(_) => "frame",
        Event::Heartbeat => "heartbeat",
        Event::Fragment(_, why) => why.code(),
        Event::Lost(_) => "lost",
    };
    decoded.events.iter().map(word).collect()
}

#[test]
fn captures_hold_what_their_names_say() {
    let strict = Framing::default();
    let tolerant = Framing {
        tolerate_missing_start: true,
        tolerate_missing_cr: true,
        tolerate_lf_end: true,
        ..strict
    };
    let cases: [(&str, &[&str], &[&str], u64); 12] = [
        ("ack_a01_cosyte-mllp_r1-ack-aa-frame.hl7", &["frame"], &["frame"], 0),
        ("adt_a01_cosyte-hl7_mllp-framing-stripped.hl7", &["frame"], &["frame"], 0),
        ("adt_a01_usnistgov-iheos-toolki_v2feedmessagewithwrapper.hl7", &["frame"], &["frame"], 3),
        ("adt_a08_cosyte-hl7_mllp-3frames.hl7", &["frame"; 3], &["frame"; 3], 0),
        ("adt_a08_cosyte-hl7_mllp-crlf-after-fs.hl7", &["frame"; 2], &["frame"; 2], 2),
        (
            "adt_a08_cosyte-hl7_mllp-fs-only.hl7",
            &["frame-restarted", "frame-cut"],
            &["frame", "frame"],
            0,
        ),
        ("adt_a08_cosyte-hl7_mllp-no-end.hl7", &["frame", "frame-cut"], &["frame", "frame-cut"], 0),
        ("adt_a08_cosyte-hl7_mllp-no-vt.hl7", &["frame-no-start", "frame"], &["frame", "frame"], 0),
        ("adt_a08_cosyte-hl7_mllp-noise-between.hl7", &["frame"; 2], &["frame"; 2], 10),
        (
            "adt_a08_cosyte-hl7_mllp-restart.hl7",
            &["frame-restarted", "frame"],
            &["frame-restarted", "frame"],
            0,
        ),
        ("oru_r01_cosyte-mllp_r1-oru-r01-frame.hl7", &["frame"], &["frame"], 0),
        (
            "rde_o11_cosyte-hl7_mllp-empty-frames.hl7",
            &["heartbeat", "heartbeat", "frame"],
            &["heartbeat", "heartbeat", "frame"],
            0,
        ),
    ];
    for (name, when_strict, when_tolerant, junk_bytes) in cases {
        let Some(bytes) = capture(name) else { continue };
        let decoded = decode(strict, [&bytes[..]]);
        assert_eq!(
            (words(&decoded).as_slice(), decoded.junk_bytes),
            (when_strict, junk_bytes),
            "{name}"
        );
        assert_eq!(words(&decode(tolerant, [&bytes[..]])), when_tolerant, "{name}, tolerant");
    }
}

#[test]
fn every_capture_holds_the_same_cut_at_every_byte() {
    for name in std::fs::read_dir(folder("mllp")).into_iter().flatten() {
        let bytes = std::fs::read(name.unwrap().path()).unwrap();
        let whole = decode(Framing::default(), [&bytes[..]]);
        for at in 0..=bytes.len() {
            assert_eq!(decode(Framing::default(), [&bytes[..at], &bytes[at..]]), whole);
        }
        for size in [1, 2, 3, 5, 64] {
            assert_eq!(decode(Framing::default(), bytes.chunks(size)), whole);
        }
    }
}

#[test]
fn every_message_of_the_corpus_passes_through_a_frame_untouched() {
    let framing = Framing::default();
    for kind in std::fs::read_dir(folder("")).into_iter().flatten() {
        let kind = kind.unwrap().path();
        if !kind.is_dir() || kind.ends_with("mllp") || kind.ends_with("vectors") {
            continue;
        }
        for file in std::fs::read_dir(kind).unwrap() {
            let path = file.unwrap().path();
            let body = std::fs::read(&path).unwrap();
            if path.extension().is_some_and(|ending| ending != "hl7")
                || connectors::mllp::ends_a_frame(&body)
            {
                continue;
            }
            let bytes = [b"\x0B", &body[..], b"\x1C\r"].concat();
            let events = decode(framing, [&bytes[..]]).events;
            // A body that itself holds a start byte before a header is what a sender that starts over looks like.
            let starts_over = events
                .iter()
                .any(|event| matches!(event, Event::Fragment(_, BrokenFrame::Restarted)));
            assert!(
                starts_over
                    || matches!(&events[..], [Event::Frame(got)] if got == &body[..])
                    || body.trim_ascii().is_empty(),
                "{path:?}"
            );
        }
    }
}
