//! What a sender over HTTP may rely on, and what it cannot do to others. Where a test waits for minutes, time is paused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connectors::batch::Batches;
use connectors::http::{Listener, ListenerSettings, ListenerStats, Refusal};
use connectors::mllp::{Receiver, Replies};
use connectors::{Answer, BrokenFrame, Flow, Intake, Resources};
use hl7::AckCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::intakes::{Manual, answered, message};

const SOON: Duration = Duration::from_secs(10);

struct Running {
    address: SocketAddr,
    flow: watch::Sender<Flow>,
    stats: Arc<ListenerStats>,
    done: JoinHandle<()>,
}

fn settings() -> ListenerSettings {
    let defaults = ListenerSettings::new("127.0.0.1:0".parse().unwrap());
    ListenerSettings { path: "/adt".to_owned(), ..defaults }
}

async fn run(settings: ListenerSettings, intake: Arc<dyn Intake>) -> Running {
    run_sharing(settings, intake, &Resources::default()).await
}

async fn run_sharing(
    settings: ListenerSettings,
    intake: Arc<dyn Intake>,
    resources: &Resources,
) -> Running {
    let listener =
        Listener::bind(settings, &config::Name::new("adt").unwrap(), resources).await.unwrap();
    let (address, stats) = (listener.address(), listener.stats());
    let (flow, changes) = watch::channel(Flow::Read);
    let done = tokio::spawn(listener.run(intake, changes));
    Running { address, flow, stats, done }
}

/// A source that answers every message with this code.
async fn answering(code: AckCode) -> Running {
    let (receiver, mut received) =
        Receiver::new(Replies { code: Some(code), ..Replies::default() });
    tokio::spawn(async move { while received.recv().await.is_some() {} });
    run(settings(), Arc::new(receiver)).await
}

async fn connect(running: &Running) -> TcpStream {
    TcpStream::connect(running.address).await.unwrap()
}

fn post(more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /adt HTTP/1.1\r\nHost: x\r\nContent-Type: application/hl7-v2\r\nContent-Length: {}\r\n{more}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// An answer as it came.
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

/// The next answer; none when the other side closes instead.
async fn reply(stream: &mut TcpStream) -> Option<Reply> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(bytes).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(Reply { status, head, body })
}

async fn ask(running: &Running, request: &[u8]) -> Reply {
    let mut stream = connect(running).await;
    // A request that is refused early may not be taken whole.
    let _ = stream.write_all(request).await;
    timeout(SOON, reply(&mut stream)).await.unwrap().expect("an answer")
}

/// Reads until the other side closes, and gives how long that took.
async fn closed(stream: &mut TcpStream) -> Duration {
    let started = Instant::now();
    let mut scrap = [0; 1024];
    while !matches!(stream.read(&mut scrap).await, Ok(0) | Err(_)) {}
    started.elapsed()
}

#[tokio::test]
async fn each_message_is_answered_over_the_same_connection() {
    let running = answering(AckCode::AA).await;
    let mut stream = connect(&running).await;
    for id in ["1", "2", "3"] {
        stream.write_all(&post("", &message(id))).await.unwrap();
        let reply = reply(&mut stream).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.head);
        assert!(reply.head.contains("\r\nContent-Type: application/hl7-v2\r\n"), "{}", reply.head);
        assert!(reply.head.contains("\r\nDate: ") && reply.head.contains(" GMT\r\n"));
        assert_eq!(answered(&reply.body), ("AA".to_owned(), id.to_owned()));
    }
    let counts = running.stats.counts();
    assert_eq!((counts.messages, counts.accepted, counts.requests_refused), (3, 1, 0));
}

#[tokio::test]
async fn the_status_says_what_the_acknowledgement_says() {
    for (code, status) in [(AckCode::AA, 200), (AckCode::AE, 422), (AckCode::AR, 409)] {
        let running = answering(code).await;
        let mut stream = connect(&running).await;
        for id in ["1", "2"] {
            stream.write_all(&post("", &message(id))).await.unwrap();
            let reply = reply(&mut stream).await.unwrap();
            assert_eq!(reply.status, status, "an acknowledgement keeps the connection");
            assert_eq!(answered(&reply.body), (code.as_str().to_owned(), id.to_owned()));
        }
        let reply = ask(&running, &post("", b"<!DOCTYPE html>")).await;
        assert_eq!(reply.status, if code == AckCode::AA { 200 } else { 400 });
    }
}

#[tokio::test]
async fn chunks_and_every_declared_type_are_taken() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let answer = |text: &'static str| Answer::Reply(Bytes::from_static(text.as_bytes()));
    for kind in [
        "application/hl7-v2",
        "Application/HL7-V2; charset=utf-8",
        "x-application/hl7-v2+er7;charset=windows-1252",
        "text/plain",
    ] {
        let mut stream = connect(&running).await;
        let head = format!(
            "\r\nPOST http://here/adt?x=1 HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(b"4\r\nMSH|\r\n3;x=y\r\n^~\\\r\n").await.unwrap();
        sleep(Duration::from_millis(20)).await;
        stream.write_all(b"0\r\nTrailer: x\r\n\r\n").await.unwrap();
        let (body, waiting) = handed.recv().await.unwrap().frame();
        assert_eq!(body, "MSH|^~\\");
        waiting.send(answer("ok")).unwrap();
        assert_eq!(reply(&mut stream).await.unwrap().body, b"ok", "{kind}");
    }
}

/// Requests that break the grammar, or are not for this source.
fn wrong_heads() -> Vec<(Vec<u8>, Refusal)> {
    let many = "A: b\r\n".repeat(100);
    let long = format!("A: {}\r\n", "a".repeat(17 << 10));
    let plain = String::from_utf8(post("", b"MSH|")).unwrap();
    let with = |from: &str, to: &str| plain.replacen(from, to, 1).into_bytes();
    vec![
        (post("Transfer-Encoding: chunked\r\n", b"MSH|"), Refusal::AmbiguousLength),
        (post("Content-Length: 4\r\n", b"MSH|"), Refusal::AmbiguousLength),
        (post("A: b\r\n folded\r\n", b"MSH|"), Refusal::Malformed),
        (post("A: b\n", b"MSH|"), Refusal::Malformed),
        (with("\r\n", "\n"), Refusal::Malformed),
        (post("A: b\0c\r\n", b"MSH|"), Refusal::Malformed),
        (post("A: b\rc\r\n", b"MSH|"), Refusal::Malformed),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03\r\n".to_vec(), Refusal::Malformed),
        (b"\x0BMSH|^~\\&|A\r\x1C\r".to_vec(), Refusal::Malformed),
        (post(&many, b"MSH|"), Refusal::TooManyFields),
        (post(&long, b"MSH|"), Refusal::HeadTooLong),
        (with("Host: x\r\n", ""), Refusal::Host),
        (post("Host: y\r\n", b"MSH|"), Refusal::Host),
        (with("HTTP/1.1", "HTTP/1.0"), Refusal::Version),
        (with("HTTP/1.1", "HTTP/2.0"), Refusal::Version),
        (with("/adt", "/ADT"), Refusal::Path),
        (with("/adt", "//adt"), Refusal::Path),
        (with("/adt", "/adt/"), Refusal::Path),
        (with("/adt", "/adt;x"), Refusal::Path),
        (with("/adt", "/./adt"), Refusal::Path),
        (with("/adt", "/%61dt"), Refusal::Path),
        (with("/adt", "/x/%2e%2e/adt"), Refusal::Path),
        (with("POST", "GET"), Refusal::Method),
        (with("POST", "TRACE"), Refusal::Method),
        (with("POST", "CONNECT"), Refusal::Method),
        (with("POST", "WONDER"), Refusal::Method),
        (with("POST", "post"), Refusal::Method),
        (
            with("POST /adt HTTP/1.1\r\n", "GET /adt HTTP/1.1\r\nX-HTTP-Method-Override: POST\r\n"),
            Refusal::Method,
        ),
        (post("Origin: http://evil.test\r\n", b"MSH|"), Refusal::WebPage),
        (post("Sec-Fetch-Site: cross-site\r\n", b"MSH|"), Refusal::WebPage),
    ]
}

/// Requests whose body is not taken.
fn wrong_bodies() -> Vec<(Vec<u8>, Refusal)> {
    let plain = String::from_utf8(post("", b"MSH|")).unwrap();
    let with = |from: &str, to: &str| plain.replacen(from, to, 1).into_bytes();
    vec![
        (with("application/hl7-v2", "application/x-www-form-urlencoded"), Refusal::ContentType),
        (with("application/hl7-v2", "application/json"), Refusal::ContentType),
        (with("Content-Type: application/hl7-v2\r\n", ""), Refusal::ContentType),
        (post("Content-Encoding: gzip\r\n", b"MSH|"), Refusal::Encoded),
        (
            post("Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", b"MSH|"),
            Refusal::Encoded,
        ),
        (with("Content-Length: 4", "Transfer-Encoding: gzip, chunked"), Refusal::TransferCoding),
        (post("Expect: wonders\r\n", b"MSH|"), Refusal::Expectation),
        (with("Content-Length: 4\r\n", ""), Refusal::NoLength),
        (post("", b""), Refusal::Empty),
        (with("Content-Length: 4", "Content-Length: 16777217"), Refusal::TooLong),
        (
            with("Content-Length: 4\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1000001\r\n"),
            Refusal::TooLong,
        ),
        (
            with("Content-Length: 4\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nx\r\n"),
            Refusal::Chunk,
        ),
        (
            with("Content-Length: 4\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            Refusal::Empty,
        ),
    ]
}

#[tokio::test]
async fn what_is_refused_is_told_in_one_sentence_counted_and_closed() {
    let running = answering(AckCode::AA).await;
    for (request, refusal) in wrong_heads().into_iter().chain(wrong_bodies()) {
        let shown = String::from_utf8_lossy(&request[..request.len().min(120)]).into_owned();
        let before = running.stats.refused(refusal);
        let mut stream = connect(&running).await;
        let _ = stream.write_all(&request).await;
        let reply = timeout(SOON, reply(&mut stream)).await.unwrap().expect(&shown);
        assert_eq!(reply.status, refusal.status(), "{shown:?}: {}", reply.head);
        assert_eq!(reply.body, format!("{}\n", refusal.sentence()).as_bytes(), "{shown:?}");
        assert!(reply.head.contains("\r\nConnection: close\r\n"), "{shown:?}: {}", reply.head);
        drop(stream);
        assert_eq!(running.stats.refused(refusal), before + 1, "{shown:?}");
    }
    assert_eq!(running.stats.counts().messages, 0, "none of it went any further");
}

#[tokio::test]
async fn nothing_behind_a_refused_head_is_taken_for_a_request() {
    let running = answering(AckCode::AA).await;
    let smuggled = post("", &message("smuggled"));
    let mut stream = connect(&running).await;
    let first = post("Transfer-Encoding: chunked\r\n", b"0\r\n\r\n");
    stream.write_all(&[first, smuggled].concat()).await.unwrap();
    assert_eq!(reply(&mut stream).await.unwrap().status, 400);
    assert!(reply(&mut stream).await.is_none(), "one answer, then the end");
    assert_eq!(running.stats.counts().messages, 0);
}

#[tokio::test]
async fn a_sender_that_asks_first_is_told_to_go_on_only_when_it_may() {
    let running = answering(AckCode::AA).await;
    let whole = post("Expect: 100-continue\r\n", &message("1"));
    let head = whole.len() - message("1").len();
    let mut stream = connect(&running).await;
    stream.write_all(&whole[..head]).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&whole[head..]).await.unwrap();
    assert_eq!(reply(&mut stream).await.unwrap().status, 200);
    let foreign = String::from_utf8(whole[..head].to_vec()).unwrap().replace("/adt", "/other");
    assert_eq!(ask(&running, foreign.as_bytes()).await.status, 404, "without the body");
}

#[tokio::test]
async fn a_message_that_cannot_be_stored_is_answered_with_503_and_when_to_come_back() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut stream = connect(&running).await;
    stream.write_all(&post("", &message("1"))).await.unwrap();
    handed.recv().await.unwrap().frame().1.send(Answer::Close).unwrap();
    let reply = reply(&mut stream).await.unwrap();
    assert_eq!(reply.status, 503);
    assert!(reply.head.contains("\r\nRetry-After: 5\r\n"), "{}", reply.head);
    let mut stream = connect(&running).await;
    stream.write_all(&post("", &message("2"))).await.unwrap();
    handed.recv().await.unwrap().frame().1.send(Answer::Silent).unwrap();
    assert_eq!(self::reply(&mut stream).await.unwrap().status, 204, "stored, and nothing to say");
}

#[tokio::test]
async fn ten_thousand_requests_at_once_are_answered_one_after_the_other() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut stream = connect(&running).await;
    let (mut reading, mut writing) = stream.split();
    let request = post("", b"MSH|");
    let written = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let sent = Arc::clone(&written);
    let write = async {
        for _ in 0..10_000 {
            writing.write_all(&request).await.unwrap();
            sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    };
    let answer = async {
        let first = handed.recv().await.unwrap().frame().1;
        sleep(Duration::from_millis(50)).await;
        assert!(handed.try_recv().is_err(), "the second waits for the answer to the first");
        first.send(Answer::Silent).unwrap();
        for _ in 1..10_000 {
            handed.recv().await.unwrap().frame().1.send(Answer::Silent).unwrap();
        }
    };
    let read = async {
        let mut bytes = 0;
        let mut scrap = [0; 4096];
        let length = 10_000 * (b"HTTP/1.1 204 No Content\r\nDate: Thu, 26 Nov 2026 00:00:00 GMT\r\nCache-Control: no-store\r\n\r\n".len());
        while bytes < length {
            bytes += reading.read(&mut scrap).await.unwrap();
        }
        assert_eq!(bytes, length);
    };
    timeout(Duration::from_secs(60), async { tokio::join!(write, answer, read) }).await.unwrap();
    assert_eq!(running.stats.counts().messages, 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_ends_is_closed_after_ten_seconds() {
    let running = answering(AckCode::AA).await;
    for head in ["POST /adt HTTP/1.1\r\nHost: x\r\n", "P"] {
        let mut stream = connect(&running).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let started = Instant::now();
        // One more field every second changes nothing.
        let trickle = async {
            for n in 0..60 {
                sleep(Duration::from_secs(1)).await;
                if head.len() > 1
                    && stream.write_all(format!("A{n}: b\r\n").as_bytes()).await.is_err()
                {
                    break;
                }
                if running.stats.counts().connections == 0 {
                    break;
                }
            }
        };
        trickle.await;
        let took = started.elapsed();
        assert!((10..=13).contains(&took.as_secs()), "{head:?}: {took:?}");
    }
    assert_eq!(running.stats.refused(Refusal::HeadTooSlow), 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_closed_after_a_minute() {
    let running = answering(AckCode::AA).await;
    let mut fresh = connect(&running).await;
    let waited = closed(&mut fresh).await;
    assert!((59..=62).contains(&waited.as_secs()), "{waited:?}");
    let mut used = connect(&running).await;
    used.write_all(&post("", &message("1"))).await.unwrap();
    reply(&mut used).await.unwrap();
    let waited = closed(&mut used).await;
    assert!((59..=62).contains(&waited.as_secs()), "{waited:?}");
    assert_eq!(running.stats.counts().requests_refused, 0, "nobody did anything wrong");
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_closed_and_what_came_of_it_kept() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let head = "POST /adt HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n";
    for (first, seconds) in [(1, 5..=7), (10 << 10, 10..=12), (100 << 10, 29..=32)] {
        let mut stream = connect(&running).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'M'; first]).await.unwrap();
        let started = Instant::now();
        let reply = reply(&mut stream).await.unwrap();
        assert_eq!(reply.status, 408, "after {first} bytes");
        let took = started.elapsed().as_secs();
        assert!(seconds.contains(&took), "{first} bytes, then nothing: {took} s");
        let (bytes, why) = handed.recv().await.unwrap().fragment();
        assert_eq!((bytes.len(), why), (first, BrokenFrame::TooSlow));
    }
}

#[tokio::test]
async fn a_body_that_is_cut_is_kept_and_not_taken_for_a_message() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut stream = connect(&running).await;
    let whole = post("", &message("1"));
    stream.write_all(&whole[..whole.len() - 3]).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(reply(&mut stream).await.unwrap().status, 400);
    let (bytes, why) = handed.recv().await.unwrap().fragment();
    assert_eq!((bytes.len(), why), (message("1").len() - 3, BrokenFrame::Cut));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_does_not_read_its_answer_is_dropped() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut stream = connect(&running).await;
    stream.write_all(&post("", &message("1"))).await.unwrap();
    let endless = Answer::Reply(Bytes::from(vec![b'x'; 64 << 20]));
    handed.recv().await.unwrap().frame().1.send(endless).unwrap();
    sleep(Duration::from_secs(29)).await;
    assert_eq!(running.stats.counts().connections, 1);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(running.stats.counts().connections, 0);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_known_in_time_is_a_503() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut stream = connect(&running).await;
    let started = Instant::now();
    stream.write_all(&post("", &message("1"))).await.unwrap();
    let _never = handed.recv().await.unwrap().frame().1;
    assert_eq!(reply(&mut stream).await.unwrap().status, 503);
    assert!((30..=31).contains(&started.elapsed().as_secs()));
    assert_eq!(running.stats.refused(Refusal::Late), 1);
}

#[tokio::test(start_paused = true)]
async fn a_paused_source_neither_reads_nor_accepts_but_answers() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut first = connect(&running).await;
    first.write_all(&post("", &message("1"))).await.unwrap();
    let (_, answer) = handed.recv().await.unwrap().frame();
    running.flow.send(Flow::Pause).unwrap();
    sleep(Duration::from_millis(20)).await;
    first.write_all(&post("", &message("2"))).await.unwrap();
    let mut second = connect(&running).await;
    second.write_all(&post("", &message("3"))).await.unwrap();
    answer.send(Answer::Silent).unwrap();
    assert_eq!(reply(&mut first).await.unwrap().status, 204);
    // Longer than any time limit: the wait is ours, not the sender's.
    sleep(Duration::from_secs(600)).await;
    assert!(handed.try_recv().is_err(), "nothing is read");
    assert_eq!(running.stats.counts().accepted, 1, "nobody is let in");
    running.flow.send(Flow::Read).unwrap();
    for _ in 0..2 {
        handed.recv().await.unwrap().frame().1.send(Answer::Silent).unwrap();
    }
    for stream in [&mut first, &mut second] {
        assert_eq!(reply(stream).await.unwrap().status, 204);
    }
}

#[tokio::test]
async fn a_closing_source_answers_what_is_in_hand_and_then_is_gone() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let [mut busy, mut idle, mut slow] =
        [connect(&running).await, connect(&running).await, connect(&running).await];
    busy.write_all(&post("", &message("1"))).await.unwrap();
    let (_, answer) = handed.recv().await.unwrap().frame();
    let half = post("", &message("2"));
    slow.write_all(&half[..half.len() - 9]).await.unwrap();
    sleep(Duration::from_millis(50)).await;
    running.flow.send(Flow::Close).unwrap();
    timeout(SOON, closed(&mut idle)).await.expect("nothing to wait for");
    slow.write_all(&half[half.len() - 9..]).await.unwrap();
    let (_, second) = timeout(SOON, handed.recv()).await.unwrap().unwrap().frame();
    answer.send(Answer::Silent).unwrap();
    second.send(Answer::Silent).unwrap();
    assert_eq!(reply(&mut busy).await.unwrap().status, 204);
    let last = reply(&mut slow).await.unwrap();
    assert_eq!(last.status, 204);
    assert!(last.head.contains("\r\nConnection: close\r\n"), "{}", last.head);
    drop((busy, slow));
    timeout(SOON, running.done).await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err(), "the port is free");
}

#[tokio::test(start_paused = true)]
async fn unfinished_bodies_share_the_memory_of_all_listeners() {
    let (intake, _handed) = Manual::new();
    let resources = Resources::new(512, 1 << 20);
    let running = run_sharing(settings(), intake, &resources).await;
    let head = "POST /adt HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2000000\r\n\r\n";
    let mut streams = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(&running).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut sent = 0;
        while sent < 900_000 {
            match timeout(Duration::from_secs(1), stream.write(&[b'M'; 65536])).await {
                Ok(Ok(n)) => sent += n,
                _ => break,
            }
        }
        streams.push(stream);
    }
    let mut statuses = Vec::new();
    for stream in &mut streams {
        statuses.push(reply(stream).await.map_or(0, |reply| reply.status));
    }
    assert!(statuses.contains(&503), "somebody had to wait for memory in vain: {statuses:?}");
    assert!(running.stats.refused(Refusal::NoMemory) >= 1);
    let mut small = connect(&running).await;
    small.write_all(&post("", b"")).await.unwrap();
    assert_eq!(reply(&mut small).await.unwrap().status, 400, "small requests never wait");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_counted() {
    let (intake, _handed) = Manual::new();
    let mut settings = settings();
    settings.entrance.connections_max = 2;
    let running = run(settings, intake).await;
    let _held = [connect(&running).await, connect(&running).await];
    let mut third = connect(&running).await;
    timeout(SOON, closed(&mut third)).await.unwrap();
    assert_eq!(running.stats.counts().refused, 1);
}

#[tokio::test]
async fn a_batch_is_taken_message_by_message_where_that_is_wanted() {
    let (receiver, mut received) = Receiver::new(Replies::default());
    tokio::spawn(async move { while received.recv().await.is_some() {} });
    let intake = Arc::new(receiver);
    let each = ListenerSettings { batches: Batches::Each, ..settings() };
    let running = run(each, intake.clone()).await;
    let messages = [message("1"), message("2")].concat();
    let around = "|^~\\&|EHR|HOSP|LAB|MAIN|20260101||||B7\r";
    let batch = |count| {
        let messages = String::from_utf8(messages.clone()).unwrap();
        format!("BHS{around}{messages}BTS|{count}\r").into_bytes()
    };
    let reply = ask(&running, &post("", &batch(2))).await;
    let text = String::from_utf8(reply.body).unwrap();
    assert_eq!((reply.status, text.matches("MSA|AA|").count()), (200, 2), "{text}");
    let single = ListenerSettings { batches: Batches::Single, ..settings() };
    let running = run(single, intake).await;
    let reply = ask(&running, &post("", &batch(2))).await;
    assert_eq!((reply.status, answered(&reply.body).0.as_str()), (200, "AA"));
}
