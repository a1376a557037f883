//! Whatever comes in: the copy has the shape of the original, or there is none.

use deidentify::{Rules, TextRule};
use hl7::{Message, ParseOptions};
use proptest::prelude::*;

use crate::copier;

fn shape(bytes: &[u8]) -> Vec<(Vec<u8>, usize)> {
    let message = Message::parse(bytes, &ParseOptions::default());
    let fields =
        |segment: &hl7::Segment<'_>| segment.bytes.iter().filter(|byte| **byte == b'|').count();
    message.segments().map(|segment| (segment.terminator.to_vec(), fields(&segment))).collect()
}

fn segment() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("PID"),
        Just("NK1"),
        Just("PV1"),
        Just("OBX"),
        Just("NTE"),
        Just("IN1"),
        Just("MRG"),
        Just("ZQQ"),
        Just("XYZ"),
        Just("pid"),
        Just("OBR"),
        Just("QPD"),
        Just("SCH"),
        Just("STF"),
    ];
    let value = prop_oneof![
        "[A-Za-z0-9 .,'/()@:-]{0,14}",
        "[0-9]{0,16}",
        "19[0-9]{6}",
        "\\\\(F|T|X0D|\\.br|H|Zx)\\\\",
        "\"\"",
        "(TX|ST|NM|CE|ED|RP|XPN|DT)",
        "\\PC{0,6}",
    ];
    let field = proptest::collection::vec(value, 1..5).prop_map(|values| values.join("^"));
    let field =
        proptest::collection::vec(field, 1..3).prop_map(|repetitions| repetitions.join("~"));
    (name, proptest::collection::vec(field, 0..14))
        .prop_map(|(name, fields)| format!("{name}|{}", fields.join("|")))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_shape_stays_and_the_same_comes_out_twice(segments in proptest::collection::vec(segment(), 0..8), scrub in any::<bool>()) {
        let bytes = format!("MSH|^~\\&|A|B|||20240301||ADT^A01|1|P|2.5\r{}\r", segments.join("\r"));
        let rule = if scrub { TextRule::Scrub } else { TextRule::Replace };
        let copier = copier(rule, Rules::default());
        let first = copier.copy(bytes.as_bytes());
        prop_assert_eq!(&first, &copier.copy(bytes.as_bytes()));
        if let Ok((copy, _)) = first {
            prop_assert_eq!(shape(bytes.as_bytes()), shape(&copy));
        }
    }

    #[test]
    fn no_bytes_are_too_odd(tail in proptest::collection::vec(any::<u8>(), 0..200), encoding in proptest::collection::vec(any::<u8>(), 0..6)) {
        let bytes = [b"MSH|".as_slice(), &encoding, b"|A|B\r", &tail].concat();
        let _ = copier(TextRule::Scrub, Rules::default()).copy(&bytes);
        let _ = deidentify::copy_file(&copier(TextRule::Replace, Rules::default()), &tail);
    }
}
