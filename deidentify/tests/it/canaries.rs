//! All eighteen identifiers, in every place that people put them: none is in a copy.

use deidentify::{Rules, TextRule};
use hl7::{Message, ParseOptions};

use crate::{at, copier, copy, fixture, rules};

const FIXTURES: [&str; 3] = ["adt.hl7", "oru.hl7", "siu.hl7"];

/// What identifies somebody in the fixtures, as pieces that nothing else holds: words with a `Qu` of their own, numbers
/// with `987` and streets, towns and firms.
fn canaries(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| word.len() >= 3);
    let mut found: Vec<String> = words
        .filter(|word| {
            let lower = word.to_lowercase();
            let name = lower.starts_with("qu") && lower != "qualifier";
            let number =
                word.contains("987") && word.bytes().filter(u8::is_ascii_digit).count() >= 7;
            let more = [
                "tabitha",
                "tabby",
                "percival",
                "rosalind",
                "larkspur",
                "oaklandshire",
                "isolde",
                "lysander",
                "beekeeper",
                "foundry",
                "mavis",
                "anselm",
                "alberich",
                "bastian",
                "delphine",
                "rosamund",
                "19340615",
            ];
            name || number || more.contains(&lower.as_str())
        })
        .map(str::to_lowercase)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Everything with its separators taken out as well, so that no other notation hides a number.
fn forms(copy: &[u8]) -> [String; 2] {
    let text = String::from_utf8_lossy(copy).to_lowercase();
    let digits = text
        .chars()
        .filter(|letter| !matches!(letter, '-' | '(' | ')' | ' ' | '/' | '.'))
        .collect();
    [text, digits]
}

#[test]
fn none_of_them_is_in_a_copy() {
    for rule in [TextRule::Replace, TextRule::Scrub] {
        for name in FIXTURES {
            let original = fixture(name);
            let wanted = canaries(&String::from_utf8_lossy(&original));
            assert!(wanted.len() > 30, "{name}: {wanted:?}");
            let copy = copy(&copier(rule, Rules::default()), &original);
            let [text, digits] = forms(&copy);
            let left: Vec<&String> = wanted
                .iter()
                .filter(|canary| text.contains(canary.as_str()) || digits.contains(canary.as_str()))
                .collect();
            // A sister's, a friend's: what stands in no field is known to nobody, and scrubbing says so.
            let scrubbed = rule == TextRule::Scrub;
            let left: Vec<&&String> = left
                .iter()
                .filter(|word| !(scrubbed && UNKNOWABLE.contains(&word.as_str())))
                .collect();
            assert!(left.is_empty(), "{name} {rule:?}: {left:?}\n{}", text.replace('\r', "\n"));
            for number in
                ["9870000", "9871000", "9872000", "555987", "987000005", "06151934", "061534"]
            {
                assert!(
                    !digits.contains(number),
                    "{name}: {number}\n{}",
                    digits.replace('\r', "\n")
                );
            }
        }
    }
}

/// Names in the fixtures' texts that are in no field.
const UNKNOWABLE: &[&str] =
    &["percival", "quillfeather", "beekeeper", "tabitha", "quigg", "quimbley", "larkspur"];

#[test]
fn the_message_around_them_stays() {
    for name in FIXTURES {
        let original = fixture(name);
        let copy = copy(&copier(TextRule::Replace, Rules::default()), &original);
        let shape = |bytes: &[u8]| {
            let message = Message::parse(bytes, &ParseOptions::default());
            let separators = |segment: &hl7::Segment<'_>| {
                let only: Vec<u8> =
                    segment.bytes.iter().copied().filter(|byte| b"|^~&".contains(byte)).collect();
                (
                    segment
                        .name
                        .get(..3)
                        .map(<[u8]>::to_vec)
                        .filter(|_| segment.bytes.contains(&b'|')),
                    only,
                )
            };
            message.segments().map(|segment| separators(&segment)).collect::<Vec<_>>()
        };
        assert_eq!(shape(&original), shape(&copy), "{name}");
        for path in ["MSH-3", "MSH-4", "MSH-9", "MSH-11", "MSH-12"] {
            assert_eq!(at(&original, path), at(&copy, path), "{name}");
        }
    }
}

#[test]
fn what_a_channel_works_with_stays() {
    let copier = copier(TextRule::Replace, Rules::default());
    let (adt, oru) = (fixture("adt.hl7"), fixture("oru.hl7"));
    let (new_adt, new_oru) = (copy(&copier, &adt), copy(&copier, &oru));
    for path in [
        "PID-3.4",
        "PID-3.5",
        "PID-3[2].5",
        "PID-8",
        "PID-10",
        "PID-11.4",
        "PID-11.6",
        "PID-5.4",
        "PID-5.5",
        "PID-13.2",
        "PV1-2",
        "PV1-3.1",
        "DG1-3",
        "AL1-3",
        "IN1-2",
        "IN1-3",
        "PV1-20.1",
    ] {
        assert_eq!(at(&adt, path), at(&new_adt, path), "{path}");
        assert!(!at(&adt, path).is_empty(), "{path}");
    }
    for path in [
        "OBR-4",
        "OBX-3",
        "OBX-5",
        "OBX-6",
        "OBX-7",
        "OBX[2]-5",
        "OBX[6]-5.1",
        "OBX[6]-5.2",
        "ORC-1",
        "SPM-4",
    ] {
        assert_eq!(at(&oru, path), at(&new_oru, path), "{path}");
    }
    assert_eq!(at(&new_adt, "PID-11.5"), "48300-0000");
    assert_eq!(at(&new_adt, "PID-12"), "");
    assert_eq!(at(&new_adt, "NTE-3"), "text removed\\.br\\text removed");
    assert_eq!(at(&new_oru, "OBX[13]-5"), "90", "an age over 89");
    assert!(at(&new_adt, "PID-7").as_str() >= "19351121", "a birth date over 90 years ago");
    assert_eq!(at(&new_adt, "ZPI-2"), "");
    assert_eq!(at(&new_oru, "OBX[8]-5.3"), "pdf");
    assert!(at(&new_oru, "OBX[8]-5.5").starts_with("JVBERi0x"), "a PDF in Base64");
    assert!(at(&new_oru, "MSH-24").starts_with("192.0.2."));
}

#[test]
fn places_and_numbers_in_other_places_are_known() {
    let bytes = b"MSH|^~\\&|A|B|||20240301||ORU^R01|1|P|2.5\rPID|1||7788991\rOBX|1|CWE|INV155^City^L||1350851^Abernathy^USGSGNIS||||||F\r\
                  OBX|2|ST|45401-7^Postal code^LN||48334||||||F\rOBX|3|CE|X^y^L||48^Texas^FIPS5_2||||||F\rSCH|10345^10345\r";
    let new = copy(&copier(TextRule::Replace, Rules::default()), bytes);
    let text = String::from_utf8(new.clone()).unwrap();
    for gone in ["1350851", "Abernathy", "48334", "10345"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert_eq!(at(&new, "OBX[2]-5"), "48300");
    assert_eq!(at(&new, "OBX[3]-5.2"), "Texas");
    assert_eq!(at(&new, "SCH-1.1"), at(&new, "SCH-1.2"));
}

#[test]
fn rules_decide_over_the_table() {
    let rules = rules(&[
        ("ZPI-3.1", "replace"),
        ("ZPI-2", "name"),
        ("ZPI-4", "date"),
        ("ZPI-1", "keep"),
        ("PID-11.3", "clear"),
        ("NTE-3", "scrub"),
        ("PID-8", "clear"),
    ]);
    let adt = fixture("adt.hl7");
    let new = copy(&copier(TextRule::Replace, rules), &adt);
    assert_eq!(at(&new, "ZPI-1"), "1");
    assert_eq!(at(&new, "ZPI-2").to_uppercase(), at(&new, "PID-5.1"), "the same name as in PID");
    assert_eq!(at(&new, "ZPI-3.1").len(), 8);
    assert_eq!(at(&new, "ZPI-4"), at(&new, "DG1-5"), "the same day as in DG1");
    assert_eq!(at(&new, "PID-11.3") + &at(&new, "PID-8"), "");
    assert_eq!(
        at(&new, "NTE-3"),
        "(removed) (removed) phoned (removed) on (removed)\\.br\\her number is (removed)"
    );
}
