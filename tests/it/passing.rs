//! Everything that others have ever sent passes through byte for byte, and what breaks the standard gets the right answer.

use crate::parts::files;
use hilum_tests::corpus::{Sample, samples};
use hilum_tests::engine::Engine;
use hilum_tests::message;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{ANSWER, Answer, Connection};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

/// What the rules of the protocol say about a frame's content, read as plainly as possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// AA, and delivered as it came.
    Passes,
    /// An acknowledgement: recorded, matched, never answered.
    Acknowledgement,
    /// AE: HL7 whose delimiters cannot be told apart, or without a control id.
    Error,
    /// AR: a batch, or not HL7 with delimiters at all.
    Refused,
}

impl Fate {
    fn of(bytes: &[u8]) -> Fate {
        let content = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
        if content.starts_with(b"FHS") || content.starts_with(b"BHS") {
            return Fate::Refused;
        }
        if !content.starts_with(b"MSH") || content.len() < 5 {
            return Fate::Refused;
        }
        let header = content.split(|b| *b == b'\r' || *b == b'\n').next().unwrap();
        if message::field(header, "MSH", 10).is_empty()
            || !tells_apart(&message::field(header, "MSH", 2))
        {
            return Fate::Error;
        }
        let kind = message::field(header, "MSH", 9);
        let separator = content.get(4).copied().filter(|b| *b != content[3]).unwrap_or(b'^');
        let code = kind.split(|b| *b == separator).next().unwrap_or_default();
        let answers = content
            .split(|b| *b == b'\r' || *b == b'\n')
            .any(|line| line.starts_with(b"MSA") && line.get(3) == Some(&content[3]));
        if code == b"ACK" && answers { Fate::Acknowledgement } else { Fate::Passes }
    }

    fn code(self) -> &'static str {
        match self {
            Fate::Passes => "AA",
            Fate::Acknowledgement => "nothing",
            Fate::Error => "AE",
            Fate::Refused => "AR",
        }
    }
}

/// Whether encoding characters are there, differ from each other, and cannot be taken for text.
fn tells_apart(encoding: &[u8]) -> bool {
    let repeated = encoding.iter().enumerate().any(|(n, byte)| encoding[..n].contains(byte));
    !encoding.is_empty() && !repeated && !encoding.iter().any(u8::is_ascii_alphanumeric)
}

fn serve() -> (Site, SocketAddr, Engine) {
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("all", "", &files("paper", ""));
    let engine = site.serve();
    (site, feed, engine)
}

/// Whether the bytes can be the content of one block at all.
fn fits_a_frame(bytes: &[u8]) -> bool {
    let restarts = bytes
        .windows(4)
        .any(|w| w[0] == 0x0b && [b"MSH", b"FHS", b"BHS"].contains(&&[w[1], w[2], w[3]]));
    !bytes.is_empty() && !restarts && !bytes.windows(2).any(|w| w == [0x1c, 0x0d])
}

/// Sends each sample; what goes unanswered is followed by a message that is answered, so that nothing has to be waited for.
fn send(feed: SocketAddr, samples: &[Sample]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut connection = Connection::to(feed);
    for (n, sample) in samples.iter().enumerate() {
        let fate = Fate::of(&sample.bytes);
        connection.send(&sample.bytes).expect("the connection stays");
        if fate == Fate::Acknowledgement {
            let id = format!("PROBE{n}");
            connection.send(&message::adt(&id, "P1")).expect("the connection stays");
            let answer = connection.receive(ANSWER);
            if !answer.accepts(&id) {
                wrong.push(format!(
                    "{}: an acknowledgement was answered: {}",
                    sample.name,
                    answer.code()
                ));
                connection = Connection::to(feed);
            }
            continue;
        }
        let answer = connection.receive(ANSWER);
        let Answer::Ack(bytes) = &answer else {
            wrong.push(format!("{}: {}, expected {}", sample.name, answer.code(), fate.code()));
            connection = Connection::to(feed);
            continue;
        };
        if answer.code() != fate.code() {
            wrong.push(format!(
                "{}: {}, expected {}: {}",
                sample.name,
                answer.code(),
                fate.code(),
                String::from_utf8_lossy(bytes)
            ));
        }
        if fate == Fate::Passes
            && message::field(bytes, "MSA", 2) != message::field(&sample.bytes, "MSH", 10)
        {
            wrong.push(format!("{}: MSA-2 is not the control id as it was sent", sample.name));
        }
    }
    wrong
}

/// What the file destination has written, counted by content.
fn written(site: &Site) -> BTreeMap<Vec<u8>, usize> {
    let mut found = BTreeMap::new();
    // Where there is no corpus nothing was sent, and the folder is made with the first file.
    for entry in fs::read_dir(site.path("data/out/paper")).into_iter().flatten() {
        *found.entry(fs::read(entry.unwrap().path()).unwrap()).or_default() += 1;
    }
    found
}

fn passes_through(part: &str) {
    let samples: Vec<Sample> =
        samples(part).into_iter().filter(|s| fits_a_frame(&s.bytes)).collect();
    let (site, feed, engine) = serve();
    let wrong = send(feed, &samples);
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), samples.len(), wrong.join("\n"));

    let count = |fate| samples.iter().filter(|s| Fate::of(&s.bytes) == fate).count() as u64;
    let (acknowledgements, refused) =
        (count(Fate::Acknowledgement), count(Fate::Error) + count(Fate::Refused));
    let status = site.wait_status("everything is final", |s| s.channel("all").open() == 0);
    let channel = status.channel("all");
    let all = samples.len() as u64 + acknowledgements; // each followed by a probe
    assert_eq!(channel.received + channel.duplicates, all, "{status:#?}");
    assert_eq!(channel.disposition("filtered"), acknowledgements, "{status:#?}");
    assert_eq!(channel.disposition("rejected"), refused, "{status:#?}");
    assert_eq!(
        channel.disposition("delivered"),
        channel.received - acknowledgements - refused,
        "{status:#?}"
    );

    let written = written(&site);
    for sample in samples.iter().filter(|s| Fate::of(&s.bytes) == Fate::Passes) {
        assert!(
            written.contains_key(&sample.bytes),
            "{} did not arrive as it was sent",
            sample.name
        );
    }
    engine.stop();
}

#[test]
fn the_whole_corpus_passes_byte_for_byte() {
    passes_through("");
}

#[test]
fn what_breaks_the_standard_gets_a_disposition_and_the_right_answer() {
    passes_through("malformed");
}

#[test]
fn every_captured_stream_leaves_the_listener_well() {
    let (site, feed, engine) = serve();
    for sample in samples("mllp") {
        let mut connection = Connection::to(feed);
        connection.write(&sample.bytes).unwrap();
        connection.finish_sending();
        assert!(
            connection.closes(Duration::from_secs(20)),
            "{}: the connection stays open",
            sample.name
        );
    }
    Connection::to(feed).accepted(&message::adt("WELL", "P1"));
    site.wait_status("everything is final", |s| s.channel("all").open() == 0);
    engine.stop();
}

#[test]
fn what_was_refused_is_kept_byte_for_byte() {
    let (site, feed, engine) = serve();
    let odd = b"MSH|^~\\&|PAS|NORTH|||20261121||ADT^A01||P|2.5.1\rPID|1||\x00\xff\x1c~~\x0b\r\nZ\r";
    assert_eq!(Connection::to(feed).exchange(odd).code(), "AE");
    let list = site.json(&["messages"]);
    let id = list
        .to_string()
        .split('"')
        .find(|part| part.len() == 36 && part.matches('-').count() == 4)
        .map(str::to_owned);
    let body = site.json(&["message", &id.expect("an id in the list"), "--body"]);
    let hex: String = odd.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(body.to_string().contains(&hex), "{body}");
    engine.stop();
}
