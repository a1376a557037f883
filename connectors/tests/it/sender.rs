//! What a sender makes of receivers that are down, slow, confused or late.

use std::time::Duration;

use bytes::Bytes;
use connectors::mllp::{Action, Actions, Replies, Sender, SenderSettings};
use connectors::{Evidence, Outcome, Outgoing};
use hl7::AckCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::intakes::{answering, message, settings};

/// What the lane has to know of an outcome.
#[derive(Debug, PartialEq)]
enum Told {
    Accepted(&'static str),
    Committed(&'static str),
    /// With whether the try counts.
    Later(&'static str, bool),
    Never(&'static str),
}

fn told(outcome: &Outcome) -> Told {
    match outcome {
        Outcome::Accepted(evidence) => Told::Accepted(evidence.code),
        Outcome::Committed(evidence) => Told::Committed(evidence.code),
        Outcome::Later(evidence) => Told::Later(evidence.code, evidence.answered),
        Outcome::Never(evidence) => Told::Never(evidence.code),
    }
}

fn text(outcome: &Outcome) -> String {
    let evidence: &Evidence = outcome.evidence();
    evidence.text.as_ref().map(|text| text.expose_phi().clone()).unwrap_or_default()
}

async fn deliver(sender: &mut Sender, body: &Bytes) -> Outcome {
    let out =
        Outgoing { body, message_id: "m", delivery_id: "d", part: 1, attempt: 1, received_us: 0 };
    timeout(Duration::from_secs(20), sender.deliver(&out))
        .await
        .expect("a sender never waits for ever")
}

fn to(address: std::net::SocketAddr) -> SenderSettings {
    let mut settings = SenderSettings::new(crate::intakes::target(address));
    settings.timeout = Duration::from_millis(400);
    settings
}

/// A receiver that the test plays itself.
async fn receiver() -> (TcpListener, Sender) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sender = Sender::new(to(listener.local_addr().unwrap()));
    (listener, sender)
}

async fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\x1C\r") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    bytes
}

fn ack(code: &str, id: &str) -> Vec<u8> {
    format!("\x0BMSH|^~\\&|L|M|E|H|20260101||ACK^A01^ACK|77|P|2.5.1\rMSA|{code}|{id}|text of {code}\r\x1C\r").into_bytes()
}

/// Delivers one message to a receiver that answers it with these bytes.
async fn answered_with(answer: &[u8]) -> Outcome {
    let (listener, mut sender) = receiver().await;
    let answer = answer.to_vec();
    let other = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let got = read_frame(&mut stream).await;
        stream.write_all(&answer).await.unwrap();
        sleep(Duration::from_secs(1)).await;
        got
    });
    let outcome = deliver(&mut sender, &message("42")).await;
    other.abort();
    outcome
}

#[tokio::test]
async fn each_answer_means_what_the_action_table_says() {
    let cases = [
        (ack("AA", "42"), Told::Accepted("AA")),
        (ack("CA", "42"), Told::Accepted("CA")),
        (ack("AE", "42"), Told::Never("AE")),
        (ack("CE", "42"), Told::Never("CE")),
        (ack("AR", "42"), Told::Later("AR", true)),
        (ack("CR", "42"), Told::Later("CR", true)),
        (ack("", "42"), Told::Later("blank", true)),
        (ack("XX", "42"), Told::Later("blank", true)),
        (ack("AA", "41"), Told::Later("wrong-id", true)),
        (ack("AA", ""), Told::Later("wrong-id", true)),
        (ack("AE", "41"), Told::Later("wrong-id", true)),
        (ack("AE", ""), Told::Never("AE")),
        (
            b"\x0BMSH|^~\\&|L|M|E|H|20260101||ADT^A01|77|P|2.5\rPID|1\r\x1C\r".to_vec(),
            Told::Later("blank", true),
        ),
        (b"\x0Bwhat is this\x1C\r".to_vec(), Told::Later("garbage", true)),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), Told::Later("timeout", true)),
        (b"\x0B\x15\x1C\r".to_vec(), Told::Later("NAK", true)),
        ([b"\x0B\x06\x1C\r\x0B\x1C\r".to_vec(), ack("AA", "42")].concat(), Told::Accepted("AA")),
        (
            b"\x0BMSH|^~\\&|L|M|E|H|20260101||RSP^K22|77|P|2.5\rMSA|AA|42\rQAK|1|OK\r\x1C\r"
                .to_vec(),
            Told::Accepted("AA"),
        ),
    ];
    for (answer, expected) in cases {
        let outcome = answered_with(&answer).await;
        assert_eq!(told(&outcome), expected, "{}", answer.escape_ascii());
    }
}

#[tokio::test]
async fn the_evidence_holds_what_came_back() {
    let outcome = answered_with(&ack("AE", "42")).await;
    let evidence = outcome.evidence();
    assert!(evidence.peer.starts_with("127.0.0.1:"));
    assert_eq!(
        evidence.response.as_ref().unwrap().expose_phi().as_ref(),
        &ack("AE", "42")[1..ack("AE", "42").len() - 2]
    );
    assert_eq!(text(&outcome), "text of AE");
}

#[tokio::test]
async fn the_action_table_can_be_changed() {
    let actions = Actions {
        error: Action::Retry,
        reject: Action::DeadLetter,
        wrong_id: Action::Accept,
        ..Actions::default()
    };
    for (code, id, expected) in [
        ("AE", "42", Told::Later("AE", true)),
        ("AR", "42", Told::Never("AR")),
        ("AA", "9", Told::Accepted("wrong-id")),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sender =
            Sender::new(SenderSettings { actions, ..to(listener.local_addr().unwrap()) });
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_frame(&mut stream).await;
            stream.write_all(&ack(code, id)).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        });
        assert_eq!(told(&deliver(&mut sender, &message("42")).await), expected);
    }
}

#[tokio::test]
async fn messages_go_one_by_one_over_one_connection() {
    let (running, mut received) = answering(settings(), Replies::default()).await;
    let mut sender = Sender::new(to(running.address));
    for id in 0..50 {
        assert_eq!(
            told(&deliver(&mut sender, &message(&id.to_string())).await),
            Told::Accepted("AA")
        );
        received.recv().await.unwrap();
    }
    assert_eq!(running.stats.counts().accepted, 1);
}

#[tokio::test]
async fn a_negative_answer_keeps_the_connection() {
    let (running, _received) =
        answering(settings(), Replies { code: Some(AckCode::AR), ..Replies::default() }).await;
    let mut sender = Sender::new(to(running.address));
    for _ in 0..3 {
        assert_eq!(told(&deliver(&mut sender, &message("1")).await), Told::Later("AR", true));
    }
    assert_eq!(running.stats.counts().accepted, 1);
}

#[tokio::test]
async fn a_receiver_that_is_down_is_tried_later_and_the_try_does_not_count() {
    // Bound and not listening: nobody else can be given the port meanwhile.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut sender = Sender::new(to(closed.local_addr().unwrap()));
    let outcome = deliver(&mut sender, &message("1")).await;
    assert_eq!(told(&outcome), Told::Later("unreachable", false));
    assert!(text(&outcome).contains("refused"), "{}", text(&outcome));
}

#[tokio::test]
async fn an_address_elsewhere_is_not_dialled() {
    // The name leads to this machine, which is outside the networks that the destination may reach.
    let target = crate::settings::target("address = 'localhost:2575'\nto = ['192.0.2.0/24']");
    let mut sender = Sender::new(SenderSettings::new(target.unwrap()));
    assert_eq!(told(&deliver(&mut sender, &message("1")).await), Told::Later("not-allowed", false));
}

#[tokio::test]
async fn a_receiver_that_closes_without_reading_was_not_reached() {
    let (listener, mut sender) = receiver().await;
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            sleep(Duration::from_millis(100)).await;
            drop(stream);
        }
    });
    let outcome = deliver(&mut sender, &message("1")).await;
    assert_eq!(told(&outcome), Told::Later("unreachable", false), "{}", text(&outcome));
}

#[tokio::test]
async fn a_receiver_that_reads_and_closes_had_the_message() {
    let (listener, mut sender) = receiver().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_frame(&mut stream).await;
    });
    assert_eq!(told(&deliver(&mut sender, &message("1")).await), Told::Later("closed", true));
}

#[tokio::test]
async fn a_receiver_that_closes_in_the_middle_of_its_answer_is_tried_again() {
    let (listener, mut sender) = receiver().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_frame(&mut stream).await;
        stream.write_all(&ack("AA", "1")[..40]).await.unwrap();
    });
    let outcome = deliver(&mut sender, &message("1")).await;
    assert_eq!(told(&outcome), Told::Later("closed", true));
    assert_eq!(
        outcome.evidence().response.as_ref().unwrap().expose_phi().as_ref(),
        &ack("AA", "1")[1..40]
    );
}

#[tokio::test]
async fn a_late_answer_is_never_taken_for_the_next_message() {
    let (listener, mut sender) = receiver().await;
    let receiver = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        read_frame(&mut first).await;
        let late = async {
            // While the next message waits for its answer, and for the same control id: only the connection tells them apart.
            sleep(Duration::from_millis(550)).await;
            let _ = first.write_all(&ack("AA", "1")).await;
        };
        let next = async {
            let (mut second, _) = listener.accept().await.unwrap();
            read_frame(&mut second).await;
            sleep(Duration::from_millis(300)).await;
            second.write_all(&ack("AE", "1")).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        };
        tokio::join!(late, next)
    });
    assert_eq!(told(&deliver(&mut sender, &message("1")).await), Told::Later("timeout", true));
    assert_eq!(told(&deliver(&mut sender, &message("1")).await), Told::Never("AE"));
    receiver.abort();
}

#[tokio::test]
async fn an_answer_nobody_asked_for_is_never_taken_for_the_next_message() {
    let (listener, mut sender) = receiver().await;
    let receiver = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        read_frame(&mut first).await;
        // One answer too many, in step with the first and, later, by itself.
        first.write_all(&[ack("AA", "1"), ack("AA", "2")].concat()).await.unwrap();
        for _ in 0..2 {
            let (mut next, _) = listener.accept().await.unwrap();
            read_frame(&mut next).await;
            next.write_all(&ack("AE", "2")).await.unwrap();
            sleep(Duration::from_millis(100)).await;
            next.write_all(&ack("AA", "2")).await.unwrap();
        }
        sleep(Duration::from_secs(1)).await;
    });
    assert_eq!(told(&deliver(&mut sender, &message("1")).await), Told::Accepted("AA"));
    assert_eq!(told(&deliver(&mut sender, &message("2")).await), Told::Never("AE"));
    sleep(Duration::from_millis(200)).await;
    assert_eq!(
        told(&deliver(&mut sender, &message("2")).await),
        Told::Never("AE"),
        "the stray AA was not taken"
    );
    receiver.abort();
}

#[tokio::test]
async fn a_receiver_that_was_restarted_between_two_messages_costs_no_try() {
    let (listener, mut sender) = receiver().await;
    let receiver = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_frame(&mut stream).await;
            stream.write_all(&[ack("AA", "1"), b"\n\x0B\x1C\r".to_vec()].concat()).await.unwrap();
        }
        listener
    });
    for _ in 0..2 {
        assert_eq!(told(&deliver(&mut sender, &message("1")).await), Told::Accepted("AA"));
        sleep(Duration::from_millis(50)).await;
    }
    receiver.await.unwrap();
}

#[tokio::test]
async fn line_ends_and_heartbeats_between_answers_keep_the_connection() {
    let (listener, mut sender) = receiver().await;
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..3 {
            read_frame(&mut stream).await;
            stream
                .write_all(&[ack("AA", "1"), b"\n\x0B\x1C\r\r\n".to_vec()].concat())
                .await
                .unwrap();
        }
        sleep(Duration::from_secs(1)).await;
    });
    for _ in 0..3 {
        assert_eq!(told(&deliver(&mut sender, &message("1")).await), Told::Accepted("AA"));
        sleep(Duration::from_millis(20)).await;
    }
    receiver.abort();
}

#[tokio::test]
async fn a_delivery_that_is_broken_off_takes_its_connection_along() {
    let (listener, mut sender) = receiver().await;
    let receiver = tokio::spawn(async move {
        let (mut first, _) = listener.accept().await.unwrap();
        read_frame(&mut first).await;
        sleep(Duration::from_millis(100)).await;
        let _ = first.write_all(&ack("AA", "1")).await;
        let (mut second, _) = listener.accept().await.unwrap();
        read_frame(&mut second).await;
        second.write_all(&ack("AR", "1")).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    });
    let body = message("1");
    let out = Outgoing {
        body: &body,
        message_id: "m",
        delivery_id: "d",
        part: 1,
        attempt: 1,
        received_us: 0,
    };
    assert!(timeout(Duration::from_millis(50), sender.deliver(&out)).await.is_err());
    sleep(Duration::from_millis(100)).await;
    assert_eq!(told(&deliver(&mut sender, &body).await), Told::Later("AR", true));
    receiver.abort();
}

#[tokio::test]
async fn a_body_that_would_end_its_own_frame_is_not_sent() {
    let (_listener, mut sender) = receiver().await;
    let body = Bytes::from_static(b"MSH|^~\\&|A\rOBX|1|ED|\x1C\r|x\r");
    assert_eq!(told(&deliver(&mut sender, &body).await), Told::Never("unframeable"));
}

#[tokio::test]
async fn a_receiver_that_does_not_read_is_given_its_time_and_no_more() {
    let (listener, mut sender) = receiver().await;
    let body = Bytes::from(
        [b"MSH|^~\\&|A|B|C|D|1||ADT^A01|1|P|2.5\r", &vec![b'x'; 12 << 20][..]].concat(),
    );
    let outcome = deliver(&mut sender, &body).await;
    assert_eq!(told(&outcome), Told::Later("timeout", true));
    drop(listener);
}

#[tokio::test]
async fn a_large_message_is_sent_whole() {
    let (running, mut received) = answering(settings(), Replies::default()).await;
    let mut sender =
        Sender::new(SenderSettings { timeout: Duration::from_secs(10), ..to(running.address) });
    let body = Bytes::from([&message("big")[..], b"OBX|1|TX|", &vec![b'x'; 9 << 20][..]].concat());
    assert_eq!(told(&deliver(&mut sender, &body).await), Told::Accepted("AA"));
    let Some(connectors::mllp::Received::Frame { body: got, .. }) = received.recv().await else {
        panic!("no frame")
    };
    assert!(got == body);
}
