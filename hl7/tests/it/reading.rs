//! Reading values by path.

use hl7::{Charset, Message, ParseOptions, Path};

const ADT: &[u8] = b"MSH|^~\\&|EHR|MAIN|LAB||20240229||ADT^A01^ADT_A01|7|P|2.5.1\rPID|1||100^^^H&1.2&ISO^MR~200^^^S^SS~300^^^H^MR||DOE&VAN^JOHN\\T\\JIM||\"\"|^^^|\rOBX|1|NM|A||5\rOBX|2|ST|B||x\\.br\\y\r";

fn message(bytes: &[u8]) -> Message {
    Message::parse(bytes, &ParseOptions::default())
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn paths_mean_what_the_standard_means() {
    let message = message(ADT);
    for (text, expected) in [
        ("MSH-1", "|"),
        ("MSH-2", "^~\\&"),
        ("MSH-2.1", "^~\\&"),
        ("MSH-3", "EHR"),
        ("MSH-6", ""),
        ("MSH-9", "ADT^A01^ADT_A01"),
        ("MSH-9.2", "A01"),
        ("PID-1", "1"),
        ("PID-1.1.1", "1"),
        ("PID-1.2", ""),
        ("PID-3", "100^^^H&1.2&ISO^MR"),
        ("PID-3.1", "100"),
        ("PID-3.4", "H&1.2&ISO"),
        ("PID-3.4.2", "1.2"),
        ("PID-3[2].1", "200"),
        ("PID-3[9].1", ""),
        ("PID-3[.5 = \"SS\"].1", "200"),
        ("PID-3[.5 = \"MR\"].1", "100"),
        ("PID-3[.4.1 = \"H\"].5", "MR"),
        ("PID-3[.5 = \"XX\"].1", ""),
        ("PID-5", "DOE&VAN^JOHN\\T\\JIM"),
        ("PID-5.2", "JOHN&JIM"),
        ("PID-5.2.1", "JOHN&JIM"),
        ("OBX-5", "5"),
        ("OBX[2]-5", "x\\.br\\y"),
        ("OBX[3]-5", ""),
        ("ZZZ-1", ""),
    ] {
        assert_eq!(message.text(&path(text)).unwrap(), expected, "{text}");
    }
    assert_eq!(message.raw(&path("OBX[2]")), Some(&b"OBX|2|ST|B||x\\.br\\y"[..]));
}

#[test]
fn many_values_are_read_in_order() {
    let message = message(ADT);
    let all = |text: &str| message.text_all(&path(text)).unwrap().join(" ");
    assert_eq!(all("PID-3[*].1"), "100 200 300");
    assert_eq!(all("PID-3[.5 = \"MR\"].1"), "100 300");
    assert_eq!(all("OBX[*]-1"), "1 2");
    assert_eq!(all("OBX[*]-99"), "");
    assert_eq!(all("PID-1"), "1");
    assert_eq!(message.raw_all(&path("OBX[*]")).len(), 2);
    assert_eq!((message.count("OBX"), message.count("ZZZ")), (2, 0));
    assert_eq!(message.repetitions(&path("PID-3")), 3);
    assert_eq!((message.repetitions(&path("PID-2")), message.repetitions(&path("PID-40"))), (0, 0));
    assert_eq!(message.repetitions(&path("MSH-2")), 1);
}

#[test]
fn absent_empty_and_null_are_told_apart() {
    let message = message(ADT);
    let state = |text: &str| {
        let path = path(text);
        (message.exists(&path), message.is_empty(&path), message.is_null(&path))
    };
    assert_eq!(state("PID-7"), (true, false, true), "null is something that was sent");
    assert_eq!(state("PID-2"), (false, true, false));
    assert_eq!(state("PID-40"), (false, true, false));
    assert_eq!(state("PID-8"), (false, true, false), "separators alone are nothing");
    assert_eq!(state("PID-3[.5 = \"SS\"]"), (true, false, false));
    assert_eq!(state("OBX"), (true, false, false));
    assert_eq!(state("ZZZ"), (false, true, false));
    assert_eq!(message.text(&path("PID-7")).unwrap(), "\"\"");
    assert_eq!(message.raw(&path("PID-2")), Some(&b""[..]));
    assert_eq!(message.raw(&path("PID-40")), None);
}

#[test]
fn any_delimiters_are_read() {
    let odd = message(b"MSH*!@%$*A\rPID*1!2@3$4*a%S%b%T%c%F%d\r");
    assert_eq!(odd.text(&path("PID-1[2].1.2")).unwrap(), "4");
    assert_eq!(odd.text(&path("PID-2")).unwrap(), "a!b$c*d");
    let wide = message("MSH\u{A6}^~\\&\u{A6}A\rPID\u{A6}1\u{A6}2^3\r".as_bytes());
    assert_eq!(wide.text(&path("MSH-3")).unwrap(), "A");
    assert_eq!(wide.text(&path("PID-2.2")).unwrap(), "3");
    let truncated = message(b"MSH|^~\\&#|A\rPID|long#|a\\P\\b\r");
    assert_eq!(truncated.text(&path("MSH-3")).unwrap(), "A");
    assert_eq!(truncated.text(&path("PID-1")).unwrap(), "long#");
    assert_eq!(truncated.text(&path("PID-2")).unwrap(), "a#b");
    let short = message(b"MSH|^|A\rPID|a~b^c&d\\F\\\r");
    assert_eq!(short.text(&path("PID-1.2")).unwrap(), "c&d\\F\\");
}

#[test]
fn what_stands_before_the_header_is_kept_and_skipped() {
    for start in [&b"\xEF\xBB\xBF"[..], b"\r\n  ", b"\x0B", b"\n\xEF\xBB\xBF"] {
        let bytes = [start, ADT].concat();
        let message = message(&bytes);
        assert_eq!(message.text(&path("MSH-10")).unwrap(), "7");
        assert_eq!(message.as_bytes(), bytes);
    }
    let bom = message(b"\xEF\xBB\xBFMSH|^~\\&|||||||||||||||8859/1\r");
    assert_eq!(bom.charset(), Charset::Utf8);
}

#[test]
fn bytes_that_are_no_text_fail_only_the_value_that_has_them() {
    let message = message(b"MSH|^~\\&|A\rPID|\xE9|b|\\XE9\\\r");
    let error = message.text(&path("PID-1")).unwrap_err();
    assert_eq!(error.to_string(), "PID-1 is not UTF-8");
    assert!(message.text(&path("PID-3")).is_err());
    assert_eq!(message.text(&path("PID-2")).unwrap(), "b");
    assert_eq!(message.raw(&path("PID-1")), Some(&b"\xE9"[..]));
}

#[test]
fn batch_headers_are_counted_like_msh() {
    let message = message(b"FHS|^~\\&|A|B\rBHS|^~\\&|C|D\rMSH|^~\\&|E|F\r");
    assert_eq!(message.text(&path("FHS-4")).unwrap(), "B");
    assert_eq!(message.text(&path("BHS-3")).unwrap(), "C");
    assert_eq!(message.text(&path("MSH-3")).unwrap(), "E");
}
