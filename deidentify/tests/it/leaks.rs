//! The leak check finds what a rule or a kept field would give away, and says where without saying what.

use deidentify::{Refused, Rules, TextRule, copy_file};

use crate::{copier, fixture, rules};

fn reason(rules: Rules, bytes: &[u8]) -> String {
    let refused = copier(TextRule::Replace, rules).copy(bytes).expect_err("it is refused");
    assert!(matches!(refused, Refused::Leak(_)), "{refused}");
    refused.to_string()
}

#[test]
fn a_rule_that_keeps_too_much_is_found() {
    let adt = fixture("adt.hl7");
    for (path, word, source) in [
        ("PID-9", "keep", "PID-9 still holds a value of GT1-4"),
        ("NTE-3", "keep", "NTE-3 still holds a value of PID-5"),
        ("ZPI-2", "keep", "ZPI-2 still holds a value of PID-5"),
        ("AL1-5", "keep", "AL1-5 still holds a value of PID-5.2"),
    ] {
        let said = reason(rules(&[(path, word)]), &adt);
        assert!(said.contains(source), "{path}: {said}");
        for value in ["quimbl", "tabitha", "9870"] {
            assert!(!said.to_lowercase().contains(value), "{said}");
        }
    }
}

#[test]
fn a_name_in_a_field_that_is_kept_is_found() {
    for (segment, place) in [
        ("OBR|1|||X^Smithers test^L", "OBR-4.2"),
        ("PV1|1|I|SMITHERS ROOM", "PV1-3"),
        ("OBX|1|NM|7788991^x^L||1", "OBX-3"),
        ("OBX|1|NM|1^x^L||1|mg|born 15.6.1961||||F", "none"),
        ("OBX|1|NM|1^x^L||1|mg|born 15.06.1961||||F", "OBX-7"),
        ("OBX|1|NM|1^x^L||1|mg|778-899-1||||F", "OBX-7"),
    ] {
        let bytes = format!(
            "MSH|^~\\&|A|B|||20240301||ADT^A01|1|P|2.5\rPID|1||7788991^^^N^MR||SMITHERS^JANE||19610615\r{segment}\r"
        );
        if place == "none" {
            assert!(copier(TextRule::Replace, Rules::default()).copy(bytes.as_bytes()).is_ok());
            continue;
        }
        let said = reason(Rules::default(), bytes.as_bytes());
        assert!(said.starts_with(&format!("{place} still holds a value of PID-")), "{said}");
    }
}

#[test]
fn one_that_is_refused_does_not_keep_the_others_back() {
    let bytes = b"MSH|^~\\&|A|B|||20240301||ADT^A01|1|P|2.5\rPID|1||7788991||SMITHERS\rMSH|^~\\&|A|SMITHERS|||20240301||ADT^A01|2|P|2.5\r\
                  PID|1||7788991||SMITHERS\rMSH|^~\\&|A|B|||20240301||ADT^A01|3|P|2.5\r";
    let file = copy_file(&copier(TextRule::Replace, Rules::default()), bytes);
    assert_eq!(file.copied, 2);
    let numbers: Vec<usize> = file.refused.iter().map(|refusal| refusal.number).collect();
    assert_eq!(numbers, [2]);
    assert!(!String::from_utf8(file.bytes).unwrap().contains("SMITHERS"));
}

#[test]
fn what_cannot_be_read_is_refused() {
    let copier = copier(TextRule::Replace, Rules::default());
    assert!(matches!(copier.copy(b"PID|1||Smith"), Err(Refused::Unreadable(_))));
    assert!(matches!(copier.copy(b""), Err(Refused::Unreadable(_))));
    assert!(matches!(copier.copy(b"MSH|^^~&|A\rPID|1||Smith\r"), Err(Refused::Delimiters)));
    assert!(matches!(copier.copy(b"MSHaSmith"), Err(Refused::Delimiters)));
}
