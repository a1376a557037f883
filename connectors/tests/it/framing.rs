//! What is a frame, a fragment and junk, however the bytes are cut into reads.

use bytes::{BufMut, Bytes};
use connectors::BrokenFrame::{self, Cut, NoStart, Restarted, TooLong};
use connectors::mllp::{Decoder, Event, Framing, Lost};
use proptest::prelude::*;

/// All that a stream turns out to hold.
#[derive(Debug, PartialEq)]
pub struct Decoded {
    pub events: Vec<Event>,
    pub junk_bytes: u64,
    pub junk_tail: Vec<u8>,
}

/// Decodes reads up to the close of the connection.
pub fn decode<'a>(framing: Framing, reads: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = Decoder::new(framing);
    let mut events = Vec::new();
    for read in reads {
        decoder.space().put_slice(read);
        events.extend(std::iter::from_fn(|| decoder.next_event()));
    }
    events.extend(decoder.end());
    Decoded { events, junk_bytes: decoder.junk_bytes(), junk_tail: decoder.junk_tail().to_vec() }
}

fn frame(body: &'static str) -> Event {
    Event::Frame(Bytes::from_static(body.as_bytes()))
}

fn fragment(body: &'static str, why: BrokenFrame) -> Event {
    Event::Fragment(Bytes::from_static(body.as_bytes()), why)
}

fn check(framing: Framing, bytes: &[u8], events: &[Event], junk_bytes: u64) {
    let decoded = decode(framing, [bytes]);
    assert_eq!(
        (&decoded.events[..], decoded.junk_bytes),
        (events, junk_bytes),
        "{:?}",
        bytes.escape_ascii().to_string()
    );
}

const STRICT: Framing = Framing {
    frame_bytes_max: 64,
    tolerate_missing_start: false,
    tolerate_missing_cr: false,
    tolerate_lf_end: false,
};

#[test]
fn frames_one_after_another_are_frames() {
    check(STRICT, b"\x0BMSH|a\x1C\r\x0BMSH|b\x1C\r", &[frame("MSH|a"), frame("MSH|b")], 0);
}

#[test]
fn junk_between_frames_is_skipped_and_counted() {
    let bytes = b"\r\n\0 PING\r\n\x0BMSH|a\x1C\r\r\n\xFF\xFD\x18\x0BMSH|b\x1C\r\0\0";
    check(STRICT, bytes, &[frame("MSH|a"), frame("MSH|b")], 17);
    assert_eq!(decode(STRICT, [&bytes[..]]).junk_tail, b"\r\n\0 PING\r\n\r\n\xFF\xFD\x18\0\0");
}

#[test]
fn a_start_byte_inside_a_frame_is_a_new_frame_only_before_a_header() {
    for header in ["MSH|x", "FHS|x", "BHS|x", "\u{FEFF}MSH|x"] {
        let bytes = format!("\x0BMSH|a\x0B{header}\x1C\r");
        let whole = Event::Frame(Bytes::from(header.to_owned()));
        check(STRICT, bytes.as_bytes(), &[fragment("MSH|a", Restarted), whole], 0);
    }
    check(STRICT, b"\x0BMSH|a\x0BPID|b\x0B\x1C\r", &[frame("MSH|a\x0BPID|b\x0B")], 0);
    check(STRICT, b"\x0BMSH|a\x0BMS\x1C\r", &[frame("MSH|a\x0BMS")], 0);
}

#[test]
fn two_start_bytes_make_no_fragment_of_nothing() {
    check(STRICT, b"\x0B\x0BMSH|a\x1C\r", &[frame("MSH|a")], 1);
}

#[test]
fn an_end_byte_without_carriage_return_is_data() {
    check(STRICT, b"\x0BMSH|a\x1Cb\x1C\x1C\r", &[frame("MSH|a\x1Cb\x1C")], 0);
    check(STRICT, b"\x0BMSH|a\x1C\n\x1C\r", &[frame("MSH|a\x1C\n")], 0);
    check(
        STRICT,
        b"\x0BMSH|a\x1C\x0BMSH|b\x1C\r",
        &[fragment("MSH|a\x1C", Restarted), frame("MSH|b")],
        0,
    );
}

#[test]
fn an_end_byte_alone_ends_a_frame_where_that_is_tolerated() {
    let tolerant = Framing { tolerate_missing_cr: true, ..STRICT };
    check(tolerant, b"\x0BMSH|a\x1C\x0BMSH|b\x1C", &[frame("MSH|a"), frame("MSH|b")], 0);
    check(tolerant, b"\x0BMSH|a\x1Cb\x1C\r", &[frame("MSH|a\x1Cb")], 0);
    let mut decoder = Decoder::new(tolerant);
    decoder.space().put_slice(b"\x0BMSH|a\x1C");
    assert_eq!(decoder.next_event(), None);
    assert!(decoder.awaits_cr());
    assert_eq!(decoder.silence(), Some(frame("MSH|a")));
    decoder.space().put_slice(b"\r\x0BMSH|b\x1C\r");
    assert_eq!(decoder.next_event(), Some(frame("MSH|b")), "the late carriage return is swallowed");
}

#[test]
fn silence_ends_nothing_in_a_strict_stream() {
    let mut decoder = Decoder::new(STRICT);
    decoder.space().put_slice(b"\x0BMSH|a\x1C");
    assert_eq!((decoder.next_event(), decoder.awaits_cr(), decoder.silence()), (None, false, None));
}

#[test]
fn a_line_feed_after_the_end_byte_ends_a_frame_where_that_is_tolerated() {
    let tolerant = Framing { tolerate_lf_end: true, ..STRICT };
    check(tolerant, b"\x0BMSH|a\x1C\n\x0BMSH|b\x1C\r\n", &[frame("MSH|a"), frame("MSH|b")], 1);
}

#[test]
fn a_message_without_start_byte_is_kept_and_a_frame_only_where_that_is_tolerated() {
    let bytes = b"MSH|a\x1C\r\r\nMSH|b\r\x0BMSH|c\x1C\r";
    check(
        STRICT,
        bytes,
        &[fragment("MSH|a", NoStart), fragment("MSH|b\r", Restarted), frame("MSH|c")],
        2,
    );
    let tolerant = Framing { tolerate_missing_start: true, ..STRICT };
    check(tolerant, b"MSH|a\x1C\r\x0BMSH|c\x1C\r", &[frame("MSH|a"), frame("MSH|c")], 0);
}

#[test]
fn an_empty_frame_is_a_heartbeat() {
    check(
        STRICT,
        b"\x0B\x1C\r\x0B\r\x1C\r\x0BMSH|a\x1C\r",
        &[Event::Heartbeat, Event::Heartbeat, frame("MSH|a")],
        0,
    );
}

#[test]
fn a_close_inside_a_frame_leaves_a_fragment() {
    check(STRICT, b"\x0BMSH|a", &[fragment("MSH|a", Cut)], 0);
    check(STRICT, b"\x0BMSH|a\x1C", &[fragment("MSH|a\x1C", Cut)], 0);
    check(STRICT, b"\x0BMSH|a\x0BMS", &[fragment("MSH|a\x0BMS", Cut)], 0);
    check(STRICT, b"\x0B", &[], 1);
    check(STRICT, b"MS", &[], 2);
}

#[test]
fn a_frame_may_be_as_long_as_the_limit_and_no_longer() {
    let body = |len: usize| {
        [b"\x0BMSH|".as_slice(), &vec![b'x'; len - 4], b"\x1C\r\x0BMSH|z\x1C\r"].concat()
    };
    assert_eq!(decode(STRICT, [&body(64)[..]]).events.len(), 2);
    let decoded = decode(STRICT, [&body(65)[..]]);
    let kept = Bytes::copy_from_slice(&body(65)[1..65]);
    assert_eq!(
        decoded.events,
        [Event::Fragment(kept, TooLong), Event::Lost(Lost::TooLong)],
        "nothing comes after it"
    );
}

#[test]
fn junk_without_end_loses_the_framing() {
    let junk = vec![b'x'; 64 * 1024];
    check(STRICT, &junk, &[], 64 * 1024);
    check(
        STRICT,
        &[&junk[..], b"x\x0BMSH|a\x1C\r"].concat(),
        &[Event::Lost(Lost::Junk)],
        64 * 1024,
    );
    let mut often = [&junk[..], b"\x0BMSH|a\x1C\r"].concat().repeat(3);
    often.truncate(often.len() - 1);
    assert_eq!(
        decode(STRICT, [&often[..]]).events.len(),
        3,
        "each run between frames is counted by itself"
    );
}

#[test]
fn other_protocols_are_named_at_once() {
    let cases: [(&[u8], &str); 5] = [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"),
        (b"\x16\x03\x01\x02\x00\x01", "TLS"),
        (b"<?xml version=\"1.0\"?>", "XML"),
        (b"{\"resourceType\":", "JSON"),
        (b"%PDF-1.7", "PDF"),
    ];
    for (bytes, name) in cases {
        assert_eq!(decode(STRICT, [bytes]).events, [Event::Lost(Lost::Foreign(name))]);
    }
}

/// A stream made of what matters to the framing.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => Just(b"\x0BMSH|^~\\&|body\r\x1C\r".to_vec()),
        3 => Just(b"\x0B".to_vec()),
        3 => Just(b"\x1C".to_vec()),
        2 => Just(b"\r".to_vec()),
        2 => Just(b"\n".to_vec()),
        2 => Just(b"MSH|x".to_vec()),
        1 => Just(b"FHS".to_vec()),
        1 => Just(b"\xEF\xBB\xBF".to_vec()),
        1 => Just(b"GET ".to_vec()),
        1 => Just(b"PING\0\0".to_vec()),
        3 => prop::collection::vec(any::<u8>(), 1..6),
        1 => Just(vec![b'y'; 70]),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn framing() -> impl Strategy<Value = Framing> {
    (any::<[bool; 3]>(), 8usize..200).prop_map(|([start, cr, lf], frame_bytes_max)| Framing {
        frame_bytes_max,
        tolerate_missing_start: start,
        tolerate_missing_cr: cr,
        tolerate_lf_end: lf,
    })
}

/// Cuts a stream into reads of these lengths, over and over.
fn cut<'a>(bytes: &'a [u8], lengths: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut reads = Vec::new();
    for length in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (read, after) = rest.split_at((*length).min(rest.len()));
        reads.push(read);
        rest = after;
    }
    reads
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_split_of_a_stream_holds_the_same(bytes in stream(), framing in framing(), lengths in prop::collection::vec(1usize..40, 1..8)) {
        let whole = decode(framing, [&bytes[..]]);
        prop_assert_eq!(&decode(framing, cut(&bytes, &lengths)), &whole);
        prop_assert_eq!(&decode(framing, cut(&bytes, &[1])), &whole);
    }

    #[test]
    fn no_byte_of_a_stream_is_unaccounted_for(bytes in stream(), framing in framing()) {
        let decoded = decode(framing, [&bytes[..]]);
        let lost = decoded.events.iter().any(|event| matches!(event, Event::Lost(_)));
        let bodies: usize = decoded.events.iter().map(|event| match event {
            Event::Frame(body) | Event::Fragment(body, _) => body.len(),
            Event::Heartbeat | Event::Lost(_) => 0,
        }).sum();
        let held = bodies as u64 + decoded.junk_bytes;
        // Start and end bytes and the blanks of heartbeats are what is left over.
        let spent = bytes.iter().filter(|b| b"\x0B\x1C\r\n\0 \t".contains(b)).count() as u64;
        prop_assert!(lost || held + spent >= bytes.len() as u64, "{} of {}", held, bytes.len());
        prop_assert!(held <= bytes.len() as u64);
    }

    #[test]
    fn frames_come_out_as_they_went_in(bodies in prop::collection::vec("MSH\\|[A-Za-z0-9^~\\\\&| \r\n]{0,60}", 0..8)) {
        let bytes: Vec<u8> = bodies.iter().flat_map(|body| [b"\x0B", body.as_bytes(), b"\x1C\r"].concat()).collect();
        let expected: Vec<Event> = bodies.into_iter().map(|body| Event::Frame(body.into())).collect();
        prop_assert_eq!(decode(STRICT, cut(&bytes, &[3, 1, 7])).events, expected);
    }
}
