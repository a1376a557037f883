//! Acknowledgements, case by case: `tests/acks/*.txt` holds what was received, what is said, and the answer.
//!
//! `UPDATE=1` writes the answers anew. A `\r` in the files is a line end, other bytes are as they are sent.

use std::{fs, path::Path};

use hl7::{AckCode, AckOptions, AckRequest, Location, Problem, Severity, ack, peek, read_reply};

const NOW: &str = "20240229235959.123+0100";
const CONTROL_ID: &str = "H0000000000000000001";

/// One file: `key: value` lines, then `---`, then the answer.
struct Case {
    received: Vec<u8>,
    code: AckCode,
    problems: Vec<(u16, String, Option<String>, Severity)>,
    options: AckOptions,
}

fn read(text: &str) -> Case {
    let mut case = Case {
        received: Vec::new(),
        code: AckCode::AA,
        problems: Vec::new(),
        options: AckOptions::default(),
    };
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (key, value) = line.split_once(": ").unwrap_or((line, ""));
        match key {
            "received" => {
                case.received.extend_from_slice(value.as_bytes());
                case.received.push(b'\r');
            }
            "latin1" => {
                case.received.extend(value.chars().map(|letter| letter as u8).chain([b'\r']))
            }
            "code" => case.code = AckCode::from_bytes(value.as_bytes()).unwrap(),
            "error" | "warning" => {
                let (code, rest) = value.split_once(' ').unwrap();
                let (place, text) =
                    match rest.strip_prefix('@').and_then(|rest| rest.split_once(' ')) {
                        Some((place, text)) => (Some(place.to_owned()), text),
                        None => (None, rest),
                    };
                let severity = if key == "error" { Severity::Error } else { Severity::Warning };
                case.problems.push((code.parse().unwrap(), text.to_owned(), place, severity));
            }
            "plain_type" => case.options.plain_type = true,
            "whole_seconds" => case.options.whole_seconds = true,
            "no_text" => case.options.text = false,
            "version" => case.options.version = value.to_owned(),
            other => panic!("no such key: {other}"),
        }
    }
    case
}

fn answer(case: &Case) -> Vec<u8> {
    let places: Vec<Option<hl7::Path>> = case
        .problems
        .iter()
        .map(|(_, _, place, _)| place.as_ref().map(|place| hl7::Path::parse(place).unwrap()))
        .collect();
    let problems: Vec<Problem<'_>> = case
        .problems
        .iter()
        .zip(&places)
        .map(|((code, text, _, severity), place)| Problem {
            code: *code,
            text,
            location: place.as_ref().map(|path| Location {
                segment: path.segment.as_str(),
                occurrence: match path.occurrence {
                    hl7::Occurrence::Nth(n) => n,
                    _ => 1,
                },
                field: path.field,
                repetition: match path.repetition {
                    hl7::Repetition::Nth(n) => Some(n),
                    _ => None,
                },
                component: path.component,
                subcomponent: path.subcomponent,
            }),
            severity: *severity,
        })
        .collect();
    ack(&AckRequest {
        received: &case.received,
        peek: peek(&case.received).ok().as_ref(),
        code: case.code,
        control_id: CONTROL_ID,
        now: NOW,
        problems: &problems,
        options: &case.options,
    })
}

#[test]
fn answers_are_as_recorded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/acks");
    let mut cases: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 10);
    for file in cases {
        let text = fs::read_to_string(&file).unwrap();
        let (input, expected) = text.split_once("---\n").unwrap_or((&text, ""));
        let case = read(input);
        let answer = answer(&case);
        let reply =
            read_reply(&answer).unwrap_or_else(|| panic!("{}: not readable", file.display()));
        assert_eq!(reply.code, Some(case.code), "{}", file.display());
        if let Ok(peek) = peek(&case.received) {
            assert_eq!(
                reply.control_id,
                peek.control_id(&case.received),
                "{}: MSA-2",
                file.display()
            );
        }
        // Latin-1 answers are shown as the characters they stand for.
        let shown = String::from_utf8(answer.clone())
            .unwrap_or_else(|_| answer.iter().map(|byte| char::from(*byte)).collect());
        let shown = shown.replace('\r', "\n");
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&file, format!("{input}---\n{shown}")).unwrap();
            continue;
        }
        assert_eq!(shown, expected, "{}", file.display());
    }
}

#[test]
fn every_code_is_said_in_every_version() {
    for version in
        ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8.2", "", "9.z"]
    {
        for code in [AckCode::AA, AckCode::AE, AckCode::AR, AckCode::CA, AckCode::CE, AckCode::CR] {
            for problem in [false, true] {
                let received =
                    format!("MSH|^~\\&|A|B|C|D|2024||ADT^A01^ADT_A01|id 1|T|{version}\r")
                        .into_bytes();
                let problems = match problem {
                    true => vec![(
                        101,
                        "required field missing".to_owned(),
                        Some("PID[2]-3".to_owned()),
                        Severity::Error,
                    )],
                    false => vec![],
                };
                let case = Case { received, code, problems, options: AckOptions::default() };
                let reply = read_reply(&answer(&case)).unwrap();
                assert_eq!(
                    (reply.code, reply.control_id.as_slice()),
                    (Some(code), &b"id 1"[..]),
                    "{version}"
                );
                if problem {
                    assert_eq!(
                        (reply.error_code.as_slice(), reply.text.as_slice()),
                        (&b"101"[..], &b"required field missing"[..]),
                        "{version}"
                    );
                }
            }
        }
    }
}
