//! Streams that are cut, noisy or not HL7 at all.

use crate::parts::{files, long};
use hilum_tests::corpus::samples;
use hilum_tests::engine::Engine;
use hilum_tests::message;
use hilum_tests::random::Random;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{ANSWER, Answer, Connection, frame};
use std::net::SocketAddr;
use std::time::Duration;

fn serve() -> (Site, SocketAddr, Engine) {
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("all", "", &files("paper", ""));
    let engine = site.serve();
    (site, feed, engine)
}

fn short(id: &str) -> Vec<u8> {
    format!("MSH|^~\\&|A|B|||20261121||ADT^A01|{id}|P|2.5\rPID|1||P1\r").into_bytes()
}

#[test]
fn a_stream_cut_at_any_byte_gives_the_same_messages() {
    let (site, feed, engine) = serve();
    let length = frame(&short("C000-1")).len() + frame(&short("C000-2")).len();
    let mut connection = Connection::to(feed);
    for cut in 0..=length {
        let ids = [format!("C{cut:03}-1"), format!("C{cut:03}-2")];
        let stream = [frame(&short(&ids[0])), frame(&short(&ids[1]))].concat();
        connection.write(&stream[..cut]).unwrap();
        connection.write(&stream[cut..]).unwrap();
        for id in &ids {
            let answer = connection.receive(ANSWER);
            assert!(answer.accepts(id), "cut at {cut}: {answer:?}");
        }
    }
    let status = site.wait_final("all", 2 * (length as u64 + 1));
    assert_eq!(status.channel("all").disposition("rejected"), 0);
    engine.stop();
}

#[test]
fn a_connection_that_ends_at_any_byte_loses_only_what_was_not_whole() {
    let (site, feed, engine) = serve();
    let length = frame(&short("E000")).len();
    for cut in 1..length {
        let stream = frame(&short(&format!("E{cut:03}")));
        let mut connection = Connection::to(feed);
        connection.write(&stream[..cut]).unwrap();
        connection.finish_sending();
        // Only the CR behind the end byte may be missing from a message that counts.
        let answer = connection.receive(ANSWER);
        let whole = cut == length - 1 && answer.accepts(&format!("E{cut:03}"));
        assert!(whole || answer == Answer::Closed, "cut at {cut}: {answer:?}");
    }
    Connection::to(feed).accepted(&short("AFTER"));
    let status = site.wait_status("everything is final", |s| {
        s.channel("all").open() == 0 && s.channel("all").disposition("delivered") >= 1
    });
    assert!(
        status.channel("all").disposition("rejected") >= length as u64 - 5,
        "fragments are kept: {status:#?}"
    );
    engine.stop();
}

/// Bytes on the wire, and the answers that are right.
type Case = (&'static str, Vec<u8>, &'static [&'static str]);

fn odd_frames() -> Vec<Case> {
    let fine = |id: &str| frame(&short(id));
    vec![
        ("end byte inside data", frame(&[short("O1"), b"NTE|1||a\x1cb\r".to_vec()].concat()), &["AA"]),
        ("start byte twice", [vec![0x0b], fine("O2")].concat(), &["AA"]),
        ("start byte as data", frame(&[short("O3"), b"NTE|1||a\x0bb\r".to_vec()].concat()), &["AA"]),
        ("a frame that starts again", [b"\x0bMSH|^~\\&|A|B|||2026".to_vec(), fine("O4")].concat(), &["AA"]),
        ("noise before", [b"\r\n\0  telnet?\r\n".to_vec(), fine("O5")].concat(), &["AA"]),
        ("heartbeats before", [b"\x0b\x1c\r\x0b \r\x1c\r".to_vec(), fine("O6")].concat(), &["AA"]),
        ("NUL inside", frame(&[short("O7"), b"NTE|1||a\0b\r".to_vec()].concat()), &["AA"]),
        ("no charset at all", frame(&[short("O8"), b"NTE|1||\xff\xfe\x80\r".to_vec()].concat()), &["AA"]),
        ("own delimiters", frame(b"MSH$%*!@$A$B$$$2026$$ADT%A01$O9$P$2.5\r"), &["AA"]),
        ("truncation character", frame(b"MSH|^~\\&#|A|B|||2026||ADT^A01|O10|P|2.7\r"), &["AA"]),
        ("one name for all delimiters", frame(b"MSH||||||A|B|||2026||ADT|O11|P|2.5\r"), &["AA", "AE", "AR"]),
        ("nothing but MSH", frame(b"MSH"), &["AE", "AR"]),
        ("MSH cut off", frame(b"MSH|^~\\&|A|B\r"), &["AE", "AR"]),
        ("no control id", frame(b"MSH|^~\\&|A|B|||2026||ADT^A01||P|2.5\r"), &["AE"]),
        ("a batch", frame(b"FHS|^~\\&|A\rBHS|^~\\&|A\rMSH|^~\\&|A|B|||2026||ADT^A01|O12|P|2.5\rBTS|1\rFTS|1\r"), &["AR"]),
        ("XML", frame(b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>"), &["AE", "AR"]),
        ("JSON", frame(b"{\"resourceType\":\"Patient\"}"), &["AE", "AR"]),
        ("PDF", frame(b"%PDF-1.7\r\n%\xe2\xe3\xcf\xd3\r\n"), &["AE", "AR"]),
    ]
}

#[test]
fn odd_frames_get_a_typed_answer_and_leave_the_connection_well() {
    let (site, feed, engine) = serve();
    let cases = odd_frames();
    for (n, (name, bytes, codes)) in cases.iter().enumerate() {
        let mut connection = Connection::to(feed);
        connection.write(bytes).unwrap();
        let answer = connection.receive(ANSWER);
        assert!(codes.contains(&answer.code().as_str()), "{name}: {answer:?}");
        let id = format!("AFTER{n}");
        let after = connection.exchange(&short(&id));
        assert!(after.accepts(&id), "after {name}: {after:?}");
    }
    let refused = cases.iter().filter(|(_, _, codes)| !codes.contains(&"AA")).count() as u64;
    let status = site.wait_status("everything is final", |s| s.channel("all").open() == 0);
    assert!(status.channel("all").disposition("rejected") >= refused, "{status:#?}");
    engine.stop();
}

#[test]
fn other_protocols_on_the_port_are_closed_or_ignored() {
    let (_site, feed, engine) = serve();
    let tls_hello = [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[0x5a; 500]].concat();
    let others: [&[u8]; 3] =
        [&tls_hello, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"SSH-2.0-OpenSSH_9.9\r\n"];
    for bytes in others {
        let mut connection = Connection::to(feed);
        connection.write(bytes).unwrap();
        connection.finish_sending();
        assert!(connection.closes(Duration::from_secs(20)), "{:?}", String::from_utf8_lossy(bytes));
    }
    // Noise without an end is closed at 64 KiB.
    let mut noise = Connection::to(feed);
    let mut written = 0;
    while noise.write(&[b'n'; 4096]).is_ok() {
        written += 4096;
        assert!(written < 16 * 1024 * 1024, "16 MiB of noise were taken");
    }
    Connection::to(feed).accepted(&short("AFTER"));
    engine.stop();
}

#[test]
fn more_segments_or_repetitions_than_anyone_sends_are_bounded() {
    let (site, feed, engine) = serve();
    let head = |id: &str| format!("MSH|^~\\&|A|B|||20261121||ADT^A01|{id}|P|2.5\r");
    let segments = head("SEG") + &"NTE|1||a\r".repeat(100_000);
    let repetitions = head("REP") + "PID|1||" + &"a~".repeat(100_000) + "\r";
    let deep = head("DEEP") + "PID|1||" + &"a&b^".repeat(50_000) + "\r";
    for bytes in [segments, repetitions, deep] {
        let answer = Connection::to(feed).exchange(bytes.as_bytes());
        assert!(["AA", "AE", "AR"].contains(&answer.code().as_str()), "a typed answer: {answer:?}");
    }
    let status = site.wait_status("everything is final", |s| s.channel("all").open() == 0);
    assert_eq!(status.channel("all").received, 3);
    engine.stop();
}

#[test]
fn mutated_messages_never_bring_it_down() {
    let mut random = Random::seeded();
    let mut seeds: Vec<Vec<u8>> = samples("adt")
        .into_iter()
        .chain(samples("oru"))
        .map(|s| s.bytes)
        .filter(|b| b.len() < 20_000)
        .collect();
    seeds.extend([message::adt("SEED1", "P1"), short("SEED2")]);
    let site = Site::new(Store::Sqlite);
    let steps = "[transform]\nsteps = [\n  { trim = 'PID-5.1' },\n  { copy = 'PID-3[.5 = \"MR\"].1', to = 'PID-2' },\n  \
                 { set = 'PID-6.2', to = \"{MSH-10}/{PV1-3.1}\" },\n  { upper = 'PID-8' },\n  \
                 { replace = 'PID-13', regex = '[^0-9+]', to = \"\" },\n  { each = 'OBX', do = [{ default = 'OBX-11', to = \"F\" }] },\n]\n";
    let feed = site.feed("all", "", &(steps.to_owned() + &files("paper", "")));
    let mut engine = site.serve();
    let mut connection = Connection::to(feed);
    for round in 0..if long() { 100_000 } else { 1_500 } {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        for _ in 0..1 + random.below(8) {
            mutate(&mut bytes, &mut random);
        }
        // What remains must be one frame; the codec has its own tests.
        bytes.retain(|b| *b != 0x0b && *b != 0x1c);
        if connection.send(&bytes).is_err()
            || connection.send(&short(&format!("F{round}"))).is_err()
        {
            assert!(engine.runs(), "round {round}");
            connection = Connection::to(feed);
            continue;
        }
        let sentinel = format!("F{round}");
        while !connection.receive(ANSWER).accepts(&sentinel) {
            assert!(engine.runs(), "round {round}: {:?}", String::from_utf8_lossy(&bytes));
        }
    }
    let status = site.wait_status("everything is final", |s| s.channel("all").open() == 0);
    assert_eq!(
        status.channel("all").dispositions.values().sum::<u64>(),
        status.channel("all").received
    );
    engine.stop();
}

fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    const ODD: &[u8] = b"|^~\\&#\r\n\"\0\xff\x80\xef\xbb\xbf MSHPID0129";
    if bytes.is_empty() {
        return;
    }
    let at = random.below(bytes.len());
    match random.below(5) {
        0 => bytes[at] = ODD[random.below(ODD.len())],
        1 => bytes.insert(at, ODD[random.below(ODD.len())]),
        2 => drop(bytes.remove(at)),
        3 => bytes.truncate(at),
        _ => {
            let end = (at + random.below(200)).min(bytes.len());
            let part = bytes[at..end].to_vec();
            let to = random.below(bytes.len());
            bytes.splice(to..to, part);
        }
    }
}
