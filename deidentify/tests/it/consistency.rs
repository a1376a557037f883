//! One person stays one person, in all messages under one key.

use deidentify::{Rules, TextRule, copy_file};

use crate::{at, copier, copier_under, copy, fixture};

fn days(date: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| date[range].parse::<i16>().unwrap();
    let day = jiff::civil::date(number(0..4), number(4..6) as i8, number(6..8) as i8);
    i64::from(day.since(jiff::civil::date(1900, 1, 1)).unwrap().get_days())
}

#[test]
fn the_same_number_and_name_become_the_same_everywhere() {
    let copier = copier(TextRule::Replace, Rules::default());
    let (adt, oru, siu) = (fixture("adt.hl7"), fixture("oru.hl7"), fixture("siu.hl7"));
    let [new_adt, new_oru, new_siu] = [&adt, &oru, &siu].map(|bytes| copy(&copier, bytes));
    for (path, other, there) in [
        ("PID-3.1", &new_oru, "PID-3.1"),
        ("PID-3.1", &new_siu, "PID-3.1"),
        ("PID-5.1", &new_oru, "PID-5.1"),
        ("PID-5.1", &new_siu, "QRD-8.2"),
        ("PID-5.1", &new_adt, "NK1-2.1"),
        ("PID-3.1", &new_siu, "QRD-8.1"),
    ] {
        assert_eq!(at(&new_adt, path), at(other, there), "{path} and {there}");
    }
    assert_eq!(at(&new_oru, "ORC-2.1"), at(&new_oru, "OBR-2.1"));
    assert_eq!(at(&new_oru, "MSH-10"), at(&new_siu, "MSA-2"), "an acknowledgement still matches");
    assert_eq!(new_adt, copy(&copier, &adt), "twice the same");
    let other = copier_under(b"another key that is none", TextRule::Replace, Rules::default());
    let other = copy(&other, &adt);
    for path in ["PID-3.1", "PID-5.1", "MSH-10", "PV1-44", "PID-13.1"] {
        assert_ne!(at(&new_adt, path), at(&other, path), "{path}");
    }
}

#[test]
fn dates_of_a_patient_keep_their_distances() {
    let copier = copier(TextRule::Replace, Rules::default());
    let (adt, oru) = (fixture("adt.hl7"), fixture("oru.hl7"));
    let (new_adt, new_oru) = (copy(&copier, &adt), copy(&copier, &oru));
    let moved =
        |bytes: &[u8], new: &[u8], path: &str| days(&at(bytes, path)) - days(&at(new, path));
    let by = moved(&adt, &new_adt, "PV1-44");
    assert!((1..=365).contains(&by), "{by}");
    for path in [
        "MSH-7", "EVN-2", "PV1-45", "DG1-5", "PR1-5", "IN1-12", "IN1-13", "NK1-16", "PID-29",
        "AL1-6",
    ] {
        assert_eq!(moved(&adt, &new_adt, path), by, "{path}");
    }
    for path in ["MSH-7", "OBR-7", "OBX-14", "ORC-9", "OBR-32.2", "SPM-17"] {
        assert_eq!(moved(&oru, &new_oru, path), by, "{path}");
    }
    assert!(at(&new_oru, "MSH-7").ends_with("120000-0500"), "time of day and zone stay");
    let other = String::from_utf8(adt.clone()).unwrap().replace("98700004", "98700999");
    let new_other = copy(&copier, other.as_bytes());
    assert_ne!(moved(other.as_bytes(), &new_other, "PV1-44"), by, "another patient");
}

#[test]
fn two_patients_in_one_message_move_apart() {
    let swap = b"MSH|^~\\&|A|B|||20240301||ADT^A17|1|P|2.5\rPID|1||700001^^^N^MR\rPV1|1|I||||||||||||||||||||||||||||||||||||||||||20240210\r\
                 PID|2||700002^^^N^MR\rPV1|1|I||||||||||||||||||||||||||||||||||||||||||20240210\r";
    let new = copy(&copier(TextRule::Replace, Rules::default()), swap);
    assert_ne!(at(&new, "PV1-44"), at(&new, "PV1[2]-44"));
}

#[test]
fn charsets_and_escapes_survive() {
    let copier = copier(TextRule::Replace, Rules::default());
    let latin = b"MSH|^~\\&|A|B|||20240301||ADT^A01|1|P|2.5||||||8859/1\rPID|1||7||M\xFCller^J\xF6rg\rDG1|1||J18^L\xF6ffel \\T\\ Co^I10\r";
    let new = copy(&copier, latin);
    assert!(
        new.windows(17).any(|bytes| bytes == b"^L\xF6ffel \\T\\ Co^I1"),
        "kept bytes stay as they were"
    );
    assert!(!new.contains(&0xFC) && at(&new, "PID-5.1") != "Müller");
    let japanese = b"MSH|^~\\&|A|B|||20240301||ADT^A01|1|P|2.5||||||ISO IR87\rPID|1||7||\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B\r";
    assert!(!copy(&copier, japanese).contains(&0x1B));
    let own = b"MSH#!@$%#A#B###20240301##ADT!A01#1#P#2.5\rPID#1##778899!!!N!MR##DOE!JANE\rNTE#1##for Jane Doe\r";
    let new = copy(&copier, own);
    assert!(new.starts_with(b"MSH#!@$%#A#B###") && !new.windows(6).any(|bytes| bytes == b"778899"));
    assert_eq!(at(&new, "NTE-3"), "text removed");
    let null = b"MSH|^~\\&|A|B|||20240301||ADT^A01|1|P|2.5\rPID|1||7||\"\"^\"\"||\"\"\r";
    assert_eq!(at(&copy(&copier, null), "PID-7"), "\"\"");
}

#[test]
fn batches_keep_their_headers_and_counts() {
    let batch = b"FHS|^~\\&|A|B|||20240301||Smith.hl7|for Smith\rBHS|^~\\&|A|B|||20240301\rMSH|^~\\&|A|B|||20240301||ADT^A01|71|P|2.5\r\
                  PID|1||778899||SMITH\rMSH|^~\\&|A|B|||20240301||ADT^A01|72|P|2.5\rPID|1||778899||SMITH\rBTS|2|Smith\rFTS|1|Smith\r";
    let file = copy_file(&copier(TextRule::Replace, Rules::default()), batch);
    assert_eq!((file.copied, file.refused.len(), file.left_out), (2, 0, 0));
    let text = String::from_utf8(file.bytes).unwrap();
    assert!(!text.to_lowercase().contains("smith") && !text.contains("778899"), "{text}");
    assert!(text.ends_with("BTS|2\rFTS|1\r"), "{text}");
    let noise =
        b"Patient Smith\rMSH|^~\\&|A|B|||20240301||ADT^A01|71|P|2.5\rPID|1||778899||SMITH\r";
    let file = copy_file(&copier(TextRule::Replace, Rules::default()), noise);
    assert_eq!((file.copied, file.left_out), (1, 1));
    assert!(!String::from_utf8(file.bytes).unwrap().contains("Smith"));
}
