//! MLLP release 2 on the wire: the commit first, then the answer, from both sides.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use config::Name;
use connectors::mllp::{
    Action, ApplicationAcks, ListenerSettings, Release, Replies, Sender, SenderSettings, WaitFor,
};
use connectors::{Answer, Outcome, Outgoing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::intakes::{Manual, answering, client, message, run, settings, target};

const ACK: &[u8] = b"\x0B\x06\x1C\r";
const NAK: &[u8] = b"\x0B\x15\x1C\r";
const SOON: Duration = Duration::from_secs(10);

fn two() -> ListenerSettings {
    ListenerSettings { release: Release::Two, ..settings() }
}

fn framed(body: &[u8]) -> Vec<u8> {
    [b"\x0B", body, b"\x1C\r"].concat()
}

async fn read_block(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\x1C\r") {
        bytes.push(timeout(SOON, stream.read_u8()).await.expect("a block in time").unwrap());
    }
    bytes
}

#[tokio::test]
async fn a_message_is_committed_before_it_is_answered() {
    let (running, _received) = answering(two(), Replies::default()).await;
    let mut peer = TcpStream::connect(running.address).await.unwrap();
    for id in ["1", "2"] {
        peer.write_all(&framed(&message(id))).await.unwrap();
        assert_eq!(read_block(&mut peer).await, ACK);
        let answer = read_block(&mut peer).await;
        assert!(String::from_utf8_lossy(&answer).contains(&format!("MSA|AA|{id}")));
        // The peer commits the answer in turn: no message, and nothing is said to it.
        peer.write_all(ACK).await.unwrap();
    }
    assert_eq!(running.stats.counts().frames, 2);
}

#[tokio::test]
async fn what_is_not_answered_is_committed_all_the_same() {
    let (intake, mut handed) = Manual::new();
    let running = run(two(), intake).await;
    let mut peer = TcpStream::connect(running.address).await.unwrap();
    peer.write_all(&[framed(&message("1")), framed(&message("2"))].concat()).await.unwrap();
    for _ in 0..2 {
        handed.recv().await.unwrap().frame().1.send(Answer::Silent).unwrap();
        assert_eq!(read_block(&mut peer).await, ACK);
    }
}

#[tokio::test]
async fn what_could_not_be_stored_is_not_committed() {
    let (intake, mut handed) = Manual::new();
    let running = run(two(), intake).await;
    let mut peer = TcpStream::connect(running.address).await.unwrap();
    peer.write_all(&framed(&message("1"))).await.unwrap();
    handed.recv().await.unwrap().frame().1.send(Answer::Close).unwrap();
    assert_eq!(read_block(&mut peer).await, NAK);
    assert_eq!(timeout(SOON, peer.read(&mut [0; 8])).await.unwrap().unwrap(), 0, "and closed");
}

#[tokio::test]
async fn commits_do_not_count_as_frames_read_ahead() {
    let (intake, mut handed) = Manual::new();
    let running = run(ListenerSettings { read_ahead_max: 2, ..two() }, intake).await;
    let mut client = client(running.address).await;
    client.send_all((0..4).map(|n| message(&n.to_string()))).await.unwrap();
    let first = handed.recv().await.unwrap().frame().1;
    let _second = handed.recv().await.unwrap();
    sleep(Duration::from_millis(50)).await;
    assert!(handed.try_recv().is_err(), "two are read ahead, not one and not three");
    first.send(Answer::Silent).unwrap();
    handed.recv().await.unwrap();
}

fn sender(address: SocketAddr, wait_for: WaitFor) -> Sender {
    let timeout = Duration::from_millis(400);
    let settings = SenderSettings::new(target(address));
    Sender::new(SenderSettings { timeout, release: Release::Two, wait_for, ..settings })
}

async fn deliver(sender: &mut Sender, body: &Bytes) -> Outcome {
    let out =
        Outgoing { body, message_id: "m", delivery_id: "d", part: 1, attempt: 1, received_us: 0 };
    timeout(SOON, sender.deliver(&out)).await.expect("a sender never waits for ever")
}

fn told(outcome: &Outcome) -> (&'static str, &'static str) {
    let class = match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Committed(_) => "committed",
        Outcome::Later(_) => "later",
        Outcome::Never(_) => "never",
    };
    (class, outcome.evidence().code)
}

fn ack(code: &str) -> Vec<u8> {
    framed(format!("MSH|^~\\&|L|M|E|H|20260101||ACK|77|P|2.5.1\rMSA|{code}|42\r").as_bytes())
}

fn application() -> WaitFor {
    WaitFor::Application(ApplicationAcks {
        channel: Name::new("acks").unwrap(),
        within: Duration::from_secs(1),
        missing: Action::DeadLetter,
    })
}

#[tokio::test]
async fn each_pair_of_commit_and_answer_has_its_meaning() {
    let cases = [
        (WaitFor::Answer, vec![ACK.to_vec(), ack("AA")], ("accepted", "AA")),
        (WaitFor::Answer, vec![ACK.to_vec(), ack("AE")], ("never", "AE")),
        (WaitFor::Answer, vec![ACK.to_vec()], ("later", "timeout")),
        (WaitFor::Answer, vec![NAK.to_vec()], ("later", "NAK")),
        (WaitFor::Answer, vec![ack("AA")], ("accepted", "AA")),
        (WaitFor::Answer, vec![], ("later", "timeout")),
        (WaitFor::Nothing, vec![ACK.to_vec()], ("accepted", "ACK")),
        (WaitFor::Nothing, vec![NAK.to_vec()], ("later", "NAK")),
        (WaitFor::Nothing, vec![], ("later", "timeout")),
        (application(), vec![ACK.to_vec(), ack("CA")], ("committed", "CA")),
        (application(), vec![ACK.to_vec(), ack("AA")], ("accepted", "AA")),
        (application(), vec![ACK.to_vec(), ack("CE")], ("never", "CE")),
    ];
    for (wait_for, blocks, expected) in cases {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sender = sender(listener.local_addr().unwrap(), wait_for.clone());
        let said = blocks.clone();
        let receiver = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_block(&mut stream).await;
            for block in said {
                stream.write_all(&block).await.unwrap();
            }
            sleep(SOON).await;
        });
        let outcome = deliver(&mut sender, &message("42")).await;
        assert_eq!(told(&outcome), expected, "{wait_for:?} {blocks:?}");
        receiver.abort();
    }
}

#[tokio::test]
async fn an_answer_is_committed_and_the_connection_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut sender = sender(listener.local_addr().unwrap(), WaitFor::Answer);
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut blocks = Vec::new();
        for _ in 0..2 {
            blocks.push(read_block(&mut stream).await);
            stream.write_all(&[ACK.to_vec(), ack("AA")].concat()).await.unwrap();
            blocks.push(read_block(&mut stream).await);
        }
        blocks
    });
    for _ in 0..2 {
        assert_eq!(told(&deliver(&mut sender, &message("42")).await), ("accepted", "AA"));
    }
    let message = framed(&message("42"));
    assert_eq!(receiver.await.unwrap(), [message.clone(), ACK.to_vec(), message, ACK.to_vec()]);
}

#[tokio::test]
async fn both_ends_of_release_two_understand_each_other() {
    let (running, _received) = answering(two(), Replies::default()).await;
    let mut sender = sender(running.address, WaitFor::Answer);
    for id in 0..20 {
        assert_eq!(
            told(&deliver(&mut sender, &message(&id.to_string())).await),
            ("accepted", "AA")
        );
    }
    assert_eq!((running.stats.counts().accepted, running.stats.counts().frames), (1, 20));
}

#[tokio::test]
async fn one_that_waits_for_nothing_in_release_one_is_done_once_it_has_written() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = SenderSettings::new(target(listener.local_addr().unwrap()));
    let settings = SenderSettings { wait_for: WaitFor::Nothing, ..settings };
    let mut sender = Sender::new(settings);
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        [read_block(&mut stream).await, read_block(&mut stream).await]
    });
    for id in ["1", "2"] {
        assert_eq!(told(&deliver(&mut sender, &message(id)).await), ("accepted", "sent"));
    }
    assert_eq!(receiver.await.unwrap(), ["1", "2"].map(|id| framed(&message(id))));
}
