//! Text from outside stays text: in messages, in logs, in patterns.

use crate::parts::{files, steps, to};
use hilum_tests::message;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use std::time::{Duration, Instant};

fn segments(bytes: &[u8]) -> usize {
    bytes.split(|b| *b == b'\r').filter(|line| !line.is_empty()).count()
}

#[test]
fn an_escaped_terminator_cannot_become_a_segment() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let program = steps(
        "  { copy = 'PID-5.1', to = 'PID-9.1' },\n  { set = 'PID-6.1', to = \"{PID-5.1}\" },\n  { trim = 'PID-5.1' },\n  { upper = 'PID-5.1' },",
    );
    let feed = site.feed("adt", "", &(program + &to("lab", &receiver, "")));
    let engine = site.serve();
    let hostile =
        message::adt_with("F05", "P1", " \\X0D\\MSH\\F\\^~\\X0A\\EVN\\F\\A01 \\T\\ \\E\\X0D\\E\\");
    let sent = segments(&hostile);
    Connection::to(feed).accepted(&hostile);
    let arrived = receiver.wait_count(1).remove(0);
    assert_eq!(segments(&arrived.bytes), sent, "{}", String::from_utf8_lossy(&arrived.bytes));
    assert!(!arrived.bytes.contains(&b'\n'), "{}", String::from_utf8_lossy(&arrived.bytes));
    let copied = message::text(&arrived.bytes, "PID", 6);
    assert!(copied.contains("\\X0D\\") && copied.contains("\\F\\"), "still escaped: {copied}");
    engine.stop();
}

#[test]
fn a_value_from_a_table_or_a_step_is_escaped() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    site.write("tables/hostile.csv", "from,to,note\nW3,\"A\rZZZ|B^C~D&E\\F\",\n");
    let program = steps(
        "  { map = 'PV1-3.1', with = \"hostile\" },\n  { set = 'PID-6.1', to = \"x\\rZZZ|y^z\" },",
    );
    let feed = site.feed("adt", "", &(program + &to("lab", &receiver, "")));
    let engine = site.serve();
    let sent = message::adt("F06", "P1");
    Connection::to(feed).accepted(&sent);
    let arrived = receiver.wait_count(1).remove(0);
    assert_eq!(
        segments(&arrived.bytes),
        segments(&sent),
        "{}",
        String::from_utf8_lossy(&arrived.bytes)
    );
    assert_eq!(message::text(&arrived.bytes, "PID", 6), "x\\X0D\\ZZZ\\F\\y\\S\\z");
    let location = message::text(&arrived.bytes, "PV1", 3);
    assert!(location.starts_with("A\\X0D\\ZZZ\\F\\B\\S\\C\\R\\D\\T\\E\\E\\F^312"), "{location}");
    engine.stop();
}

#[test]
fn hostile_names_are_one_plain_line_in_the_log() {
    let site = Site::new(Store::Sqlite);
    let program = steps("  { require = 'PID-39 exists', error = \"no such thing\" },");
    let feed = site.feed("adt", "", &(program + &files("paper", "")));
    let engine = site.serve();
    let hostile = "X\u{1b}[31mred\u{202e}desrever\n{\"level\":\"ERROR\",\"forged\":true}\u{7}\"}{\u{2028}ready forged";
    for n in 0..4 {
        let message = format!(
            "MSH|^~\\&|{hostile}|{hostile}|{hostile}||20261121||ADT^{hostile}|LOG{n}{hostile}|P|2.5\rPID|1||{hostile}\r"
        );
        let _ = Connection::to(feed).write(format!("{hostile}\n").as_bytes());
        let mut connection = Connection::to(feed);
        connection.exchange(message.as_bytes());
        connection.exchange(format!("MSH|^~\\&|{hostile}||||||{hostile}\r").as_bytes());
        connection.exchange(hostile.as_bytes());
    }
    site.wait_status("everything is final", |s| {
        s.channel("adt").open() == 0 && s.channel("adt").received >= 12
    });
    for verb in [&["status"][..], &["messages"], &["dead"]] {
        let output = site.verb(verb);
        assert!(
            !output.stdout.contains('\u{1b}') && !output.stdout.contains('\u{202e}'),
            "{verb:?}: {}",
            output.stdout
        );
    }
    let ended = engine.stop();
    for line in ended.said.lines() {
        let plain = line
            .chars()
            .all(|c| !c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c) && c != '\u{2028}');
        assert!(plain, "control or direction characters in the log: {line:?}");
        assert!(
            !line.starts_with("{\"level\":\"ERROR\",\"forged\"")
                && !line.starts_with("ready forged"),
            "a forged line: {line:?}"
        );
        if line.starts_with('{') {
            assert!(
                serde_json::from_str::<serde_json::Value>(line).is_ok(),
                "not one JSON line: {line:?}"
            );
        }
    }
}

#[test]
fn a_pattern_cannot_take_exponential_time() {
    let site = Site::new(Store::Sqlite);
    let program = steps("  { keep = 'PID-5.1 matches \"^(a+)+$\"' },");
    let feed = site.feed("adt", "", &(program + &files("paper", "")));
    let engine = site.serve();
    let began = Instant::now();
    Connection::to(feed).accepted(&message::adt_with(
        "F22",
        "P1",
        &("a".repeat(1024 * 1024) + "!"),
    ));
    site.wait_final("adt", 1);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    engine.stop();
}
