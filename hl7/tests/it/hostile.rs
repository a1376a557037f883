//! Messages that break the standard or mean harm: read, answered, never a panic.

use std::time::{Duration, Instant};

use hl7::{
    AckCode, AckOptions, AckRequest, DelimiterFault, LimitExceeded, Limits, Message, ParseOptions,
    Path, Problem, Severity, ack, check_limits, peek, read_reply,
};

use crate::corpus;

fn answer(bytes: &[u8]) -> Vec<u8> {
    let peeked = peek(bytes);
    let problem = |code, text| [Problem { code, text, location: None, severity: Severity::Error }];
    let problems = match &peeked {
        Ok(_) => problem(207, "refused"),
        Err(error) => problem(error.code, error.text),
    };
    ack(&AckRequest {
        received: bytes,
        peek: peeked.as_ref().ok(),
        code: AckCode::AR,
        control_id: "H0000000000000000001",
        now: "20240229235959.123+0000",
        problems: &problems,
        options: &AckOptions::default(),
    })
}

#[test]
fn every_malformed_file_gets_an_answer_that_can_be_read() {
    let mut answered = 0;
    for (name, bytes) in
        corpus::files().into_iter().filter(|(name, _)| name.starts_with("malformed/"))
    {
        let answer = answer(&bytes);
        let reply = read_reply(&answer)
            .unwrap_or_else(|| panic!("{name}: {:?}", String::from_utf8_lossy(&answer)));
        assert_eq!(reply.code, Some(AckCode::AR), "{name}");
        if let Ok(peek) = peek(&bytes)
            && peek.delimiters().fault() != Some(DelimiterFault::Unusable)
        {
            assert_eq!(reply.control_id, peek.control_id(&bytes), "{name}");
        }
        answered += 1;
    }
    assert!(answered > 40 || corpus::root().is_none());
}

#[test]
fn every_file_of_the_corpus_gets_an_answer_in_one_piece() {
    for (name, bytes) in corpus::files() {
        let answer = answer(&bytes);
        let message = Message::parse(answer.clone(), &ParseOptions::default());
        let names: Vec<_> = message
            .segments()
            .map(|segment| String::from_utf8_lossy(segment.name).into_owned())
            .collect();
        assert!(matches!(names.join(" ").as_str(), "MSH MSA" | "MSH MSA ERR"), "{name}: {names:?}");
        assert!(
            !answer.contains(&0x0B) && !answer.windows(2).any(|pair| pair == [0x1C, 0x0D]),
            "{name}"
        );
    }
}

#[test]
fn exotic_delimiters_are_told() {
    let fault = |bytes: &[u8]| peek(bytes).unwrap().delimiters().fault();
    assert_eq!(fault(b"MSH|^~\\&|A\r"), None);
    assert_eq!(fault(b"MSH|^~\\&#|A\r"), None);
    assert_eq!(fault(b"MSH|^~|A\r"), None);
    assert_eq!(fault(b"MSH||A\r"), Some(DelimiterFault::Missing));
    assert_eq!(fault(b"MSH|^~\\\\&|A\r"), Some(DelimiterFault::Repeated));
    assert_eq!(fault(b"MSH|&&&&|A\r"), Some(DelimiterFault::Repeated));
    assert_eq!(fault(b"MSH|0000|A\r"), Some(DelimiterFault::Unusable));
    assert_eq!(fault(b"MSH|^\x01\\&|A\r"), Some(DelimiterFault::Unusable));
    assert_eq!(fault(b"MSHA^~\\&A\r"), Some(DelimiterFault::Unusable));
}

#[test]
fn a_hex_escape_stays_data() {
    let bytes = b"MSH|^~\\&|A\rNTE|1|\\X0D\\MSH|^~\\X26\\\r";
    let mut message = Message::parse(&bytes[..], &ParseOptions::default());
    let path = Path::parse("NTE-2").unwrap();
    assert_eq!(message.segments().count(), 2);
    assert_eq!(message.text(&path).unwrap(), "\rMSH");
    let text = message.text(&path).unwrap().into_owned();
    message.set(&path, &format!("{text}|PID|x")).unwrap();
    assert_eq!(message.segments().count(), 2);
    assert_eq!(message.raw(&path), Some(&b"\\X0D\\MSH\\F\\PID\\F\\x"[..]));
}

#[test]
fn a_hundred_thousand_repetitions_are_refused_and_do_no_harm() {
    let mut bytes = b"MSH|^~\\&|A\rPID|1||".to_vec();
    bytes.extend(b"1^2&3~".repeat(100_000));
    let peek = peek(&bytes).unwrap();
    let check =
        |bytes: &[u8]| check_limits(bytes, peek.delimiters(), peek.charset(), &Limits::default());
    assert_eq!(check(&bytes), Err(LimitExceeded::Repetitions { limit: 10_000 }));
    let lines = b"NTE|1\r".repeat(20_001);
    assert_eq!(check(&lines), Err(LimitExceeded::Segments { limit: 20_000 }));
    assert_eq!(check(&lines[6..]), Ok(()));

    // Without the check a message costs its bytes and no tree.
    let start = Instant::now();
    let mut message = Message::parse(bytes, &ParseOptions::default());
    message.set(&Path::parse("PID-3[*].2.2").unwrap(), "a|b").unwrap();
    assert_eq!(message.raw_all(&Path::parse("PID-3[*].2.2").unwrap()).len(), 100_001);
    message.set(&Path::parse("PID-3[9999].1").unwrap(), "x").unwrap();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn deep_parts_are_only_bytes() {
    let mut bytes = b"MSH|^~\\&|A\rOBX|1||".to_vec();
    bytes.extend(b"^&".repeat(2_000_000));
    let message = Message::parse(bytes, &ParseOptions::default());
    let start = Instant::now();
    assert_eq!(message.raw(&Path::parse("OBX-3.999.999").unwrap()), None);
    assert!(message.is_empty(&Path::parse("OBX-3").unwrap()));
    assert!(start.elapsed() < Duration::from_millis(500));
}
