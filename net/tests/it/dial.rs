//! What the dialer connects to, and what it refuses.

use std::time::{Duration, Instant};

use config::Address;
use net::{DialError, Dialer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn target(text: &str) -> Address {
    Address::parse(text).unwrap()
}

#[tokio::test]
async fn a_name_of_this_machine_is_resolved_and_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut stream =
        Dialer::default().connect(&target(&format!("localhost:{port}"))).await.unwrap();
    let (mut other, _) = listener.accept().await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut got = [0; 4];
    other.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"ping");
    assert!(stream.peer().ip().is_loopback());
}

#[tokio::test]
async fn an_address_elsewhere_is_refused_before_anything_is_sent() {
    for text in [
        "192.0.2.1:2575",
        "0.0.0.0:2575",
        "[2001:db8::1]:2575",
        "[::ffff:192.0.2.1]:2575",
        "169.254.169.254:80",
    ] {
        let started = Instant::now();
        let error = Dialer::default().connect(&target(text)).await.unwrap_err();
        assert!(matches!(error, DialError::NotLoopback { .. }), "{text}: {error}");
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_closed_port_is_a_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = Dialer::default().connect(&target(&address.to_string())).await.unwrap_err();
    assert!(
        matches!(error, DialError::Refused { address: tried, .. } if tried == address),
        "{error}"
    );
}

#[tokio::test]
async fn a_target_that_does_not_answer_is_given_up_in_time() {
    // A listener whose queue is full leaves further connects without an answer.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = target(&listener.local_addr().unwrap().to_string());
    let dialer = Dialer::new(Duration::from_millis(300));
    let mut held = Vec::new();
    for _ in 0..8 {
        match dialer.connect(&address).await {
            Ok(stream) => held.push(stream),
            Err(error) => {
                assert!(matches!(error, DialError::Timeout { .. }), "{error}");
                return;
            }
        }
    }
    panic!("the queue never filled");
}

#[tokio::test]
async fn what_waits_on_a_stream_is_seen_without_being_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = target(&listener.local_addr().unwrap().to_string());
    let mut stream = Dialer::default().connect(&address).await.unwrap();
    let (mut other, _) = listener.accept().await.unwrap();
    let mut seen = [0; 8];
    assert_eq!(stream.peek_waiting(&mut seen).unwrap(), None);
    other.write_all(b"late").await.unwrap();
    assert_eq!(stream.peek_waiting(&mut seen).unwrap(), Some(4));
    assert_eq!(&seen[..4], b"late");
    let mut got = [0; 4];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"late");
    drop(other);
    assert_eq!(stream.peek_waiting(&mut seen).unwrap(), Some(0), "a close is seen at once");
}
