//! Changing messages.

use hl7::{EditError, Message, ParseOptions, Path, Place};

const START: &str = "MSH|^~\\&|A\rPID|1||100^^^H^MR~200^^^S^SS||DOE^JOHN\rOBX|1|a\rOBX|2|b";

fn message(text: &str) -> Message {
    Message::parse(text, &ParseOptions::default())
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn after(change: impl FnOnce(&mut Message)) -> String {
    changed(START, change)
}

/// Changes a message and checks that its index is what reading the result afresh would give.
fn changed(text: &str, change: impl FnOnce(&mut Message)) -> String {
    let mut message = message(text);
    change(&mut message);
    let again = Message::parse(message.as_bytes(), &ParseOptions::default());
    let index = |message: &Message| {
        message.segments().map(|segment| (segment.start, segment.bytes.len())).collect::<Vec<_>>()
    };
    assert_eq!(index(&message), index(&again));
    String::from_utf8(message.into_bytes()).unwrap()
}

#[test]
fn set_writes_one_value_and_pads() {
    for (place, value, expected) in [
        ("PID-1", "9", START.replace("PID|1|", "PID|9|")),
        ("PID-3", "X", START.replace("100^^^H^MR~", "X~")),
        ("PID-3[2].1", "X", START.replace("~200^", "~X^")),
        ("PID-3[4].2", "X", START.replace("^SS|", "^SS~~^X|")),
        ("PID-3.4.2", "X", START.replace("H^MR", "H&X^MR")),
        ("PID-5.1.3", "X", START.replace("DOE^", "DOE&&X^")),
        ("PID-2.2", "X", START.replace("PID|1||", "PID|1|^X|")),
        ("PID-8.2.2", "X", START.replace("JOHN\r", "JOHN|||^&X\r")),
        ("OBX[2]-4", "X", START.replace("|2|b", "|2|b||X")),
        ("MSH-5", "X", START.replace("&|A\r", "&|A||X\r")),
        ("OBX[*]-2", "X", START.replace("|1|a", "|1|X").replace("|2|b", "|2|X")),
        ("PID-3[*].5", "X", START.replace("^MR", "^X").replace("^SS", "^X")),
        ("PID-3[.5 = \"SS\"].1", "X", START.replace("200", "X")),
        ("PID-2[*]", "X", START.replace("PID|1||", "PID|1|X|")),
        ("PID-9", "", START.to_owned()),
        ("PID-5.2", "", START.replace("^JOHN", "^")),
        (
            "PID-5.2",
            "a|b^c~d&e\\f\rMSH|g\n",
            START.replace("JOHN", "a\\F\\b\\S\\c\\R\\d\\T\\e\\E\\f\\X0D\\MSH\\F\\g\\X0A\\"),
        ),
    ] {
        let found = after(|message| message.set(&path(place), value).unwrap());
        assert_eq!(found, expected, "{place}");
    }
}

#[test]
fn what_cannot_be_written_leaves_the_message_as_it_was() {
    let refused = |text: &str, place: &str, value: &str| {
        let mut message = message(text);
        let error = message.set(&path(place), value).unwrap_err();
        assert_eq!(message.as_bytes(), text.as_bytes());
        error
    };
    assert_eq!(refused(START, "NTE-3", "x"), EditError::NoSegment { segment: "NTE".into() });
    assert_eq!(refused(START, "OBX[3]-3", "x"), EditError::NoSegment { segment: "OBX[3]".into() });
    assert!(matches!(refused(START, "PID-3[.5 = \"XX\"].1", "x"), EditError::NoMatch { .. }));
    assert!(matches!(refused(START, "PID", "x"), EditError::NotAValue { .. }));
    assert_eq!(refused(START, "MSH-1", "x"), EditError::Header);
    assert_eq!(refused(START, "MSH-2", "x"), EditError::Header);
    assert!(matches!(refused("MSH|^|A\rPID|1", "PID-1.1.2", "x"), EditError::NoDelimiter { .. }));
    assert_eq!(refused("MSH|^|A\rPID|1", "PID-1", "a^b"), EditError::NoEscape);
    let latin = "MSH|^~\\&|||||||||||||||||8859/1\rPID|1";
    let latin = latin.replacen("|||||||||||||||||", "||||||||||||||||", 1);
    assert!(matches!(refused(&latin, "PID-1", "\u{5C71}"), EditError::Unmappable { .. }));
}

#[test]
fn raw_values_keep_their_structure_and_no_more() {
    let set = |place: &str, raw: &str| {
        let mut message = message(START);
        message
            .set_raw(&path(place), raw.as_bytes())
            .map(|()| String::from_utf8(message.into_bytes()).unwrap())
    };
    assert_eq!(set("PID-5", "A&B^C\\T\\"), Ok(START.replace("DOE^JOHN", "A&B^C\\T\\")));
    assert_eq!(set("PID-5.1", "A&B"), Ok(START.replace("DOE", "A&B")));
    assert_eq!(set("PID-3[*]", "1~2~3"), Ok(START.replace("100^^^H^MR~200^^^S^SS", "1~2~3")));
    assert_eq!(set("PID-9[*]", "1~2"), Ok(START.replace("JOHN", "JOHN||||1~2")));
    for (place, raw) in [
        ("PID-5", "a|b"),
        ("PID-5", "a\rb"),
        ("PID-5", "a\nb"),
        ("PID-5", "a\u{1c}"),
        ("PID-5", "a~b"),
        ("PID-3[*].1", "a~b"),
        ("PID-5.1", "a^b"),
        ("PID-5.1.1", "a&b"),
    ] {
        assert_eq!(set(place, raw), Err(EditError::Structure), "{place} {raw:?}");
    }
}

#[test]
fn null_and_clear() {
    assert_eq!(
        after(|message| message.set_null(&path("PID-3")).unwrap()),
        START.replace("100^^^H^MR~", "\"\"~")
    );
    for (place, cleared, expected) in [
        ("PID-3", 1, START.replace("100^^^H^MR~", "~")),
        ("PID-3[*]", 1, START.replace("100^^^H^MR~200^^^S^SS", "")),
        ("PID-3[*].5", 2, START.replace("^MR", "^").replace("^SS", "^")),
        ("PID-3[.5 = \"SS\"].1", 1, START.replace("200", "")),
        ("OBX[*]-2", 2, START.replace("|a", "|").replace("|b", "|")),
        ("PID-2", 0, START.to_owned()),
        ("PID-40", 0, START.to_owned()),
        ("ZZZ-1", 0, START.to_owned()),
        ("MSH-2", 0, START.to_owned()),
        ("OBX", 0, START.to_owned()),
    ] {
        assert_eq!(
            after(|message| assert_eq!(message.clear(&path(place)), cleared, "{place}")),
            expected,
            "{place}"
        );
    }
}

#[test]
fn delete_takes_segments_and_repetitions_out() {
    for (place, deleted, expected) in [
        ("OBX", 2, START.replace("OBX|1|a\rOBX|2|b", "")),
        ("OBX[1]", 1, START.replace("OBX|1|a\r", "")),
        ("OBX[2]", 1, START.replace("OBX|2|b", "")),
        ("OBX[3]", 0, START.to_owned()),
        ("PID", 1, START.replace("PID|1||100^^^H^MR~200^^^S^SS||DOE^JOHN\r", "")),
        ("MSH", 0, START.to_owned()),
        ("PID-3", 1, START.replace("100^^^H^MR~", "")),
        ("PID-3[2]", 1, START.replace("~200^^^S^SS", "")),
        ("PID-3[*]", 2, START.replace("100^^^H^MR~200^^^S^SS", "")),
        ("PID-3[.5 = \"SS\"]", 1, START.replace("~200^^^S^SS", "")),
        ("PID-3[3]", 0, START.to_owned()),
        ("PID-5.2", 1, START.replace("JOHN", "")),
    ] {
        assert_eq!(
            after(|message| assert_eq!(message.delete(&path(place)), deleted, "{place}")),
            expected,
            "{place}"
        );
    }
}

#[test]
fn a_new_segment_takes_its_neighbours_terminator() {
    let insert = |text: &str, place: Place<'_>, occurrence: usize| {
        changed(text, |message| assert_eq!(message.insert("OBX", place), Ok(occurrence)))
    };
    let (pid, obx, obx_2, all) = (path("PID"), path("OBX"), path("OBX[2]"), path("OBX[*]"));
    assert_eq!(insert(START, Place::After(&pid), 1), START.replace("JOHN\r", "JOHN\rOBX\r"));
    assert_eq!(insert(START, Place::Before(&obx_2), 2), START.replace("|a\r", "|a\rOBX\r"));
    assert_eq!(insert(START, Place::After(&obx), 2), START.replace("|a\r", "|a\rOBX\r"));
    assert_eq!(insert(START, Place::After(&all), 3), format!("{START}\rOBX"));
    assert_eq!(insert(START, Place::End, 3), format!("{START}\rOBX"));
    assert_eq!(
        insert("MSH|^~\\&|\r\nPID|1\r\n\r\n", Place::End, 1),
        "MSH|^~\\&|\r\nPID|1\r\nOBX\r\n\r\n"
    );
    assert_eq!(
        insert("MSH|^~\\&|\nPID|1\r\n", Place::After(&path("MSH")), 1),
        "MSH|^~\\&|\nOBX\nPID|1\r\n"
    );
    assert_eq!(insert("MSH|^~\\&|", Place::End, 1), "MSH|^~\\&|\rOBX");
    assert_eq!(insert("", Place::End, 1), "OBX\r");

    let mut message = message(START);
    assert_eq!(message.insert("OBX", Place::Before(&path("MSH"))), Err(EditError::Header));
    assert!(matches!(
        message.insert("OBX", Place::After(&path("ZZZ"))),
        Err(EditError::NoSegment { .. })
    ));
    for name in ["MSH", "BHS", "obx", "OB", "OBX|", "O\rX"] {
        assert!(matches!(message.insert(name, Place::End), Err(EditError::Name { .. })), "{name}");
    }
    assert_eq!(message.as_bytes(), START.as_bytes());
}

#[test]
fn extract_copies_segments_with_their_bytes() {
    let message = Message::parse(
        "\u{feff}MSH|^~\\&|A\r\nOBR|1\r\nOBX|1\rOBR|2\r\nOBX|2",
        &ParseOptions::default(),
    );
    let part = message.extract(&[0, 3, 4]);
    assert_eq!(part.as_bytes(), "\u{feff}MSH|^~\\&|A\r\nOBR|2\r\nOBX|2".as_bytes());
    assert_eq!(part.text(&path("OBX-1")).unwrap(), "2");
    assert_eq!(
        message.extract(&[0, 4, 2]).as_bytes(),
        "\u{feff}MSH|^~\\&|A\r\nOBX|2\r\nOBX|1\r".as_bytes()
    );
    assert_eq!(message.extract(&[99]).as_bytes(), b"");
}
