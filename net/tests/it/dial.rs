//! What the dialer connects to, and what it refuses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use net::{DialError, Dialer, Resolve, Resolved, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A receiver by its settings, or by its address alone.
fn target(text: &str) -> Target {
    let text = if text.contains('=') { text.to_owned() } else { format!("address = '{text}'") };
    crate::settings::target(&text).unwrap()
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

/// A name server that leads elsewhere than the configuration means.
#[derive(Debug)]
struct Leading(Vec<SocketAddr>);

impl Resolve for Leading {
    fn resolve<'a>(&'a self, _: &'a str, _: u16) -> Resolved<'a> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

/// What comes of dialling a host whose name leads to these addresses.
async fn led_to(text: &str, addresses: &[&str]) -> Result<(), DialError> {
    let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
    let dialer = Dialer::new(Duration::from_millis(200)).resolving_by(Arc::new(Leading(addresses)));
    dialer.connect(&target(text)).await.map(drop)
}

#[tokio::test]
async fn a_name_that_leads_where_it_must_not_is_refused_before_anything_is_sent() {
    let trap = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = trap.local_addr().unwrap().to_string();
    let plain = "plaintext = { reason = 'test', until = 2999-12-31 }";
    let lab = &format!("address = 'lab:2575'\n{plain}");
    let inside = "address = 'localhost:2575'";
    let narrow = &format!("{lab}\nto = ['192.0.2.0/24']");
    for (target, addresses) in [
        (lab.as_str(), vec![at.as_str()]),
        (lab, vec!["192.0.2.1:2575", &at]),
        (lab, vec![&at, "192.0.2.1:2575"]),
        (lab, vec!["[::1]:2575"]),
        (lab, vec!["[::ffff:127.0.0.1]:2575"]),
        (lab, vec!["169.254.169.254:80"]),
        (lab, vec!["[64:ff9b::a9fe:a9fe]:80"]),
        (inside, vec!["192.0.2.1:2575"]),
        (narrow, vec!["192.0.3.1:2575"]),
        (narrow, vec!["192.0.2.1:2575", "192.0.3.1:2575"]),
    ] {
        let error = led_to(target, &addresses).await.unwrap_err();
        assert!(matches!(error, DialError::NotAllowed { .. }), "{target} {addresses:?}: {error}");
    }
    let nobody = tokio::time::timeout(Duration::from_millis(100), trap.accept()).await;
    assert!(nobody.is_err(), "the trap was connected to");
    // What the rules allow is tried: this network has no machines, so nobody answers.
    let error = led_to(narrow, &["192.0.2.1:2575"]).await.unwrap_err();
    assert!(!matches!(error, DialError::NotAllowed { .. }), "{error}");
}

#[tokio::test]
async fn a_closed_port_is_a_refusal() {
    // Bound and not listening: nobody else can be given the port meanwhile.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = closed.local_addr().unwrap();
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
