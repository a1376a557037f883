//! Whatever a value holds, it stays a value: F-05 and F-06 of the security cases.

use crate::site::{Shelf, channel, steps};
use channel::{Channel, Unlimited, Verdict};
use hl7::Message;
use proptest::prelude::*;

const RECEIVED: &[u8] =
    b"MSH|^~\\&|A|B|C|D|20260131||ADT^A01|1|P|2.5\rPID|1||7^^^H^MR||DOE^JOHN\rPV1|1|IN\r";

fn made(channel: &Channel, received: &[u8]) -> Option<Message> {
    match channel.program().run(channel.message(received.to_vec()), &Unlimited).verdict {
        Verdict::Route(outputs) => Some(channel.message(outputs[0].bytes(received).to_vec())),
        _ => None,
    }
}

/// Segments, fields of PID, repetitions and components of PID-5: what a value must not change.
fn shape(message: &Message) -> (usize, usize, usize) {
    let segments = message.segments().filter(|segment| !segment.bytes.is_empty()).count();
    let pid = message.segments().find(|segment| segment.name == b"PID").unwrap();
    let fields = pid.bytes.iter().filter(|byte| **byte == b'|').count();
    (segments, fields, message.repetitions(&"PID-5".parse().unwrap()))
}

fn literal(text: &str) -> String {
    let escaped = text.chars().map(|character| format!("\\U{:08X}", u32::from(character)));
    format!("\"{}\"", escaped.collect::<String>())
}

#[test]
fn an_escaped_line_end_makes_no_segment() {
    let received = b"MSH|^~\\&|A|B|C|D|20260131||ADT^A01|1|P|2.5\rPID|1||7||x\\X0D\\MSH\\F\\y\\X0B\\\\X1C\\z\r";
    for step in [
        "{ set = 'PID-6', to = \"{PID-5}\" }",
        "{ copy = 'PID-5', to = 'PID-6' }",
        "{ upper = 'PID-5' }",
        "{ replace = 'PID-5', text = \"y\", to = \"q\" }",
        "{ default = 'PID-6', to = \"{PID-5}\" }",
        "{ insert = 'ZZZ', fields = [\"{PID-5}\"] }",
    ] {
        let message = made(&steps(step), received).unwrap();
        let names: Vec<_> = message.segments().map(|segment| segment.name.to_vec()).collect();
        let expected: &[&[u8]] =
            if step.contains("insert") { &[b"MSH", b"PID", b"ZZZ"] } else { &[b"MSH", b"PID"] };
        assert_eq!(names, expected, "{step}");
        assert!(!message.as_bytes().iter().any(|byte| matches!(byte, 0x0B | 0x1C)), "{step}");
    }
}

#[test]
fn a_code_table_cannot_add_a_segment() {
    let tables = Shelf::default().with("evil", "from,to,note\nIN,\"I\rZZZ|1^2~3&4\\\",\n");
    let text = "[source]\n[transform]\nsteps = [{ map = 'PV1-2', with = \"evil\" }]\n[[destination]]\nname = \"out\"\n";
    let message = made(&channel(text, &tables), RECEIVED).unwrap();
    assert_eq!(message.count("ZZZ"), 0);
    assert_eq!(message.text(&"PV1-2".parse().unwrap()).unwrap(), "I\rZZZ|1^2~3&4\\");
}

proptest! {
    #[test]
    fn a_value_that_is_set_is_one_value(value in "(\\PC|[\\r\\n|^~&\\\\\\x0b\\x1c]){0,20}") {
        let channel = steps(&format!("{{ set = 'PID-5.1', to = {} }}", literal(&value.replace('{', "{{").replace('}', "}}"))));
        let before = shape(&channel.message(RECEIVED.to_vec()));
        let message = made(&channel, RECEIVED).unwrap();
        prop_assert_eq!(shape(&message), before);
        prop_assert_eq!(message.text(&"PID-5.2".parse().unwrap()).unwrap(), "JOHN");
        if message.text(&"PID-5.1".parse().unwrap()).unwrap() != value {
            // Reading undoes every sequence that it knows, so only a value that holds one reads differently.
            prop_assert!(value.contains('\\'), "{value:?}");
        }
    }

    #[test]
    fn a_replacement_is_data(value in "(\\PC|[\\r\\n|^~&\\\\]){0,12}") {
        let channel = steps(&format!("{{ replace = 'PID-5', text = \"O\", to = {} }}", literal(&value)));
        let before = shape(&channel.message(RECEIVED.to_vec()));
        prop_assert_eq!(shape(&made(&channel, RECEIVED).unwrap()), before);
    }

    #[test]
    fn a_value_taken_by_a_template_is_data(value in "(\\PC|[\\r\\n|^~&\\\\]){0,12}") {
        let channel = steps("{ set = 'PID-6', to = \"<{PID-5.1}>\" }");
        let mut received = channel.message(RECEIVED.to_vec());
        received.set(&"PID-5.1".parse().unwrap(), &value).unwrap();
        let read = received.text(&"PID-5.1".parse().unwrap()).unwrap().into_owned();
        let null = received.is_null(&"PID-5.1".parse().unwrap());
        let bytes = received.into_bytes();
        let message = made(&channel, &bytes).unwrap();
        prop_assert_eq!(message.count("PV1"), 1);
        let expected = if null { "<>".to_owned() } else { format!("<{read}>") };
        let got = message.text(&"PID-6".parse().unwrap()).unwrap().into_owned();
        prop_assert!(got == expected || read.contains('\\'), "{got:?} {expected:?}");
    }
}
