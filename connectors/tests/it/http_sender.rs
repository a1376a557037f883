//! What a receiver over HTTP may do, and what the destination makes of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connectors::http::{Judging, Sender, SenderSettings, Url};
use connectors::mllp::Actions;
use connectors::{DESTINATIONS, DestinationSettings, Evidence, Outcome, Outgoing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::intakes::{message, target};

/// A request as it came: its connection, its head, its body.
struct Request {
    connection: usize,
    head: String,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// What a server does with its connection after a request.
#[derive(Clone)]
enum Does {
    Say(Vec<u8>),
    /// Says this and closes.
    Close(Vec<u8>),
    /// Says this over and over.
    Endlessly(Vec<u8>),
    /// Says this, a byte a second.
    Trickle(Vec<u8>),
}

fn said(status: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

struct Server {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
}

impl Server {
    async fn run(script: impl Fn(usize) -> Does + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sent, requests) = mpsc::unbounded_channel();
        let (script, number) = (Arc::new(script), Arc::new(std::sync::atomic::AtomicUsize::new(0)));
        tokio::spawn(async move {
            let mut connection = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let (script, number, sent) =
                    (Arc::clone(&script), Arc::clone(&number), sent.clone());
                tokio::spawn(
                    async move { serve(stream, connection, &*script, &number, sent).await },
                );
                connection += 1;
            }
        });
        Server { address, requests }
    }

    fn settings(&self) -> SenderSettings {
        let url = Url::parse(&format!("http://{}/hl7?x=1", self.address)).unwrap();
        let defaults = SenderSettings::new(url, target(self.address));
        SenderSettings { timeout: Duration::from_secs(5), ..defaults }
    }

    fn sender(&self) -> Sender {
        Sender::new(self.settings())
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    script: &(impl Fn(usize) -> Does + Send + Sync),
    number: &std::sync::atomic::AtomicUsize,
    sent: mpsc::UnboundedSender<Request>,
) -> Option<()> {
    loop {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            bytes.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(bytes).unwrap();
        let mut request = Request { connection, head, body: Vec::new() };
        let length = request.header("content-length").map_or(0, |text| text.parse().unwrap());
        request.body = vec![0; length];
        stream.read_exact(&mut request.body).await.ok()?;
        let does = script(number.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        sent.send(request).ok();
        match does {
            Does::Say(bytes) => stream.write_all(&bytes).await.ok()?,
            Does::Close(bytes) => {
                stream.write_all(&bytes).await.ok()?;
                return None;
            }
            Does::Endlessly(bytes) => loop {
                stream.write_all(&bytes).await.ok()?;
            },
            Does::Trickle(bytes) => {
                for byte in bytes.into_iter().cycle() {
                    stream.write_all(&[byte]).await.ok()?;
                    sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

async fn deliver(sender: &mut Sender, body: &Bytes) -> Outcome {
    let out =
        Outgoing { body, message_id: "m1", delivery_id: "d1", part: 1, attempt: 1, received_us: 0 };
    sender.deliver(&out).await
}

/// What an outcome means, its code, and whether it counts as answered.
fn told(outcome: &Outcome) -> (&'static str, &'static str, bool) {
    let Evidence { code, answered, .. } = outcome.evidence();
    let kind = match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Committed(_) => "committed",
        Outcome::Later(_) => "later",
        Outcome::Never(_) => "never",
    };
    (kind, code, *answered)
}

fn response(outcome: Outcome) -> String {
    let response = outcome.into_evidence().response.map(phi::Phi::into_phi).unwrap_or_default();
    String::from_utf8_lossy(&response).into_owned()
}

#[tokio::test]
async fn a_message_is_one_request_and_its_answer_is_kept() {
    let mut server = Server::run(|_| Does::Say(said("201 Created", b"thank you"))).await;
    let mut sender = server.sender();
    for _ in 0..3 {
        let outcome = deliver(&mut sender, &message("1")).await;
        assert_eq!(told(&outcome), ("accepted", "201", true));
        let peer = outcome.evidence().peer.clone();
        assert_eq!(peer, format!("http://{}/hl7", server.address), "without the query");
        assert_eq!(response(outcome), "thank you");
        let request = server.requests.recv().await.unwrap();
        assert!(request.head.starts_with("POST /hl7?x=1 HTTP/1.1\r\n"), "{}", request.head);
        assert_eq!(request.header("host"), Some(server.address.to_string().as_str()));
        assert_eq!(request.header("content-type"), Some("application/hl7-v2"));
        assert_eq!((request.body.as_slice(), request.connection), (&message("1")[..], 0));
    }
}

#[tokio::test]
async fn each_status_means_what_the_settings_say() {
    let statuses = [
        "200 OK",
        "204 No Content",
        "302 Found",
        "400 Bad",
        "404 x",
        "408 x",
        "429 x",
        "500 x",
        "503 x",
    ];
    let server = Server::run(move |n| {
        let body: &[u8] = if statuses[n].starts_with("204") { b"" } else { b"body" };
        let answer = said(statuses[n], body);
        let location = b"\r\nLocation: http://169.254.169.254/latest/\r\n\r\n";
        let text = String::from_utf8(answer).unwrap();
        Does::Say(text.replacen("\r\n\r\n", std::str::from_utf8(location).unwrap(), 1).into_bytes())
    })
    .await;
    let mut sender = server.sender();
    let mut outcomes = Vec::new();
    for _ in statuses {
        outcomes.push(told(&deliver(&mut sender, &message("1")).await));
    }
    assert_eq!(
        outcomes,
        [
            ("accepted", "200", true),
            ("accepted", "204", true),
            ("never", "302", true),
            ("never", "400", true),
            ("never", "404", true),
            ("later", "408", true),
            ("later", "429", false),
            ("later", "500", true),
            ("later", "503", false),
        ]
    );
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_never_given_up() {
    let server = Server::run(|_| Does::Say(said("200 OK", b""))).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let target = target(free);
    let mut sender = Sender::new(SenderSettings { target, ..server.settings() });
    assert_eq!(told(&deliver(&mut sender, &message("1")).await), ("later", "unreachable", false));
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_noticed() {
    let mut server = Server::run(|_| Does::Close(said("200 OK", b"ok"))).await;
    let mut sender = server.sender();
    for connection in 0..3 {
        assert_eq!(told(&deliver(&mut sender, &message("1")).await), ("accepted", "200", true));
        assert_eq!(server.requests.recv().await.unwrap().connection, connection);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_not_the_next_ones() {
    for apart in [true, false] {
        let mut server = Server::run(move |n| {
            let twice = [said("200 OK", b"mine"), said("200 OK", b"nobody's")].concat();
            Does::Say(if n == 0 { twice } else { said("500 x", b"real") })
        })
        .await;
        let mut sender = server.sender();
        assert_eq!(response(deliver(&mut sender, &message("1")).await), "mine");
        if apart {
            sleep(Duration::from_millis(50)).await;
        }
        let outcome = deliver(&mut sender, &message("2")).await;
        assert_eq!(told(&outcome), ("later", "500", true), "{apart}");
        assert_eq!(server.requests.recv().await.unwrap().connection, 0);
        assert_eq!(server.requests.recv().await.unwrap().connection, 1, "on a new connection");
    }
}

#[tokio::test]
async fn what_is_no_whole_answer_is_sent_again_and_counted() {
    let bomb = (0..5_000).map(|n| format!("A{n}: b\r\n")).collect::<String>();
    for (does, code) in [
        (Does::Close(Vec::new()), "closed"),
        (Does::Close(b"HTTP/1.1 200 OK\r\nContent-Le".to_vec()), "closed"),
        (Does::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec()), "closed"),
        (Does::Close(b"\x15\x03\x03\x00\x02\x02\x28".to_vec()), "garbage"),
        (Does::Say(b"\x0BMSH|^~\\&|\x1C\r".to_vec()), "garbage"),
        (Does::Say(format!("HTTP/1.1 200 OK\r\n{bomb}\r\n").into_bytes()), "garbage"),
        (Does::Endlessly(b"HTTP/1.1 200 OK\r\nA: ".to_vec()), "garbage"),
    ] {
        let server = Server::run(move |_| does.clone()).await;
        let mut sender = server.sender();
        let outcome = deliver(&mut sender, &message("1")).await;
        assert_eq!(told(&outcome), ("later", code, true));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_too_long_is_broken_off() {
    for does in [
        Does::Say(Vec::new()),
        Does::Trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_vec()),
        Does::Say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec()),
    ] {
        let mut server = Server::run(move |_| does.clone()).await;
        let mut sender = server.sender();
        let started = Instant::now();
        assert_eq!(told(&deliver(&mut sender, &message("1")).await), ("later", "timeout", true));
        assert!((4..=6).contains(&started.elapsed().as_secs()));
        deliver(&mut sender, &message("1")).await;
        let connections = [server.requests.recv().await, server.requests.recv().await];
        let connections = connections.map(|request| request.unwrap().connection);
        assert_eq!(connections, [0, 1], "a late answer has nowhere to come to");
    }
}

#[tokio::test]
async fn of_an_answer_without_end_ten_mebibytes_are_kept() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n".to_vec();
    let server =
        Server::run(move |_| Does::Endlessly([head.clone(), vec![b'x'; 1 << 20]].concat())).await;
    let outcome = deliver(&mut server.sender(), &message("1")).await;
    assert_eq!(told(&outcome), ("accepted", "200", true));
    let evidence = outcome.into_evidence();
    assert!(evidence.text.unwrap().expose_phi().contains("10 MiB"));
    assert_eq!(evidence.response.unwrap().expose_phi().len(), 10 << 20);
}

#[tokio::test]
async fn an_acknowledgement_in_the_body_may_decide() {
    let ack = |code: &str, id: &str| {
        format!("MSH|^~\\&|LAB|MAIN|||||ACK|9|P|2.5.1\rMSA|{code}|{id}|said so\r").into_bytes()
    };
    let answers = [
        ("200 OK", ack("AA", "1"), ("accepted", "AA", true)),
        ("200 OK", ack("AE", "1"), ("never", "AE", true)),
        ("200 OK", ack("AR", "1"), ("later", "AR", true)),
        ("200 OK", ack("AA", "2"), ("later", "wrong-id", true)),
        ("200 OK", b"<html>".to_vec(), ("later", "garbage", true)),
        ("422 x", ack("AE", "1"), ("never", "AE", true)),
        ("409 x", ack("AR", "1"), ("later", "AR", true)),
        ("500 x", ack("AA", "1"), ("later", "500", true)),
        ("503 x", b"come back".to_vec(), ("later", "503", false)),
        ("404 x", b"".to_vec(), ("never", "404", true)),
    ];
    let said_all: Vec<_> = answers.iter().map(|(status, body, _)| said(status, body)).collect();
    let server = Server::run(move |n| Does::Say(said_all[n].clone())).await;
    let judging = Judging::Acknowledgement(Actions::default());
    let mut sender = Sender::new(SenderSettings { judging, ..server.settings() });
    for (status, body, expected) in &answers {
        let outcome = deliver(&mut sender, &message("1")).await;
        assert_eq!(told(&outcome), *expected, "{status} {}", String::from_utf8_lossy(body));
    }
}

#[tokio::test]
async fn what_is_unknown_is_not_repeated_where_that_is_wanted() {
    let mut diags = config::Diagnostics::default();
    let server = Server::run(|_| Does::Close(Vec::new())).await;
    let text =
        format!("type = 'http'\nurl = 'http://{}/'\nretry_on = ['connect', 503]", server.address);
    let table = config::parse_toml(&mut diags, "d.toml", text).unwrap();
    let scope = config::Scope::none();
    let read = config::Section::tagged(&table, "type", DESTINATIONS, &[], &scope, &mut diags);
    let (kind, section) = read.unwrap();
    let settings = DestinationSettings::read(kind, &section, &mut diags).unwrap();
    let DestinationSettings::Http(settings) = settings else { panic!("not http") };
    let outcome = deliver(&mut Sender::new(*settings), &message("1")).await;
    assert_eq!(told(&outcome), ("never", "closed", true));
}
