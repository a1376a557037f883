//! Who is let in and may stay, what is never resumed, and what waits on a kept connection.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::Name;
use net::{
    Acceptor, Attendance, Authorities, Dialer, Gate, Knock, PeerBook, PeerIdentity, PeerRefusal,
    Refusal, Stream, Target,
};
use rustls::HandshakeKind;
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::issued::Issued;
use crate::settings::{entrance, target};

const SOON: Duration = Duration::from_secs(10);

/// A registry of one peer, who is let in as long as nobody has revoked it.
#[derive(Debug)]
struct Book {
    authorities: Authorities,
    revoked: AtomicBool,
    changes: watch::Sender<u64>,
    turned_away: Mutex<Vec<&'static str>>,
}

impl Book {
    fn of(issued: &Issued) -> Arc<Book> {
        let roots = vec![issued.certificate("ca.pem")];
        Arc::new(Book {
            authorities: Authorities { roots, revocations: Vec::new(), unlisted: true },
            revoked: AtomicBool::new(false),
            changes: watch::Sender::new(0),
            turned_away: Mutex::default(),
        })
    }

    fn revoke(&self) {
        self.revoked.store(true, Ordering::SeqCst);
        self.changes.send_modify(|version| *version += 1);
    }
}

impl PeerBook for Book {
    fn authorities(&self) -> Authorities {
        self.authorities.clone()
    }

    fn admit(&self, knock: &Knock<'_>) -> Result<Arc<PeerIdentity>, PeerRefusal> {
        assert_eq!(knock.channel.as_str(), "adt");
        match self.revoked.load(Ordering::SeqCst) {
            true => Err(PeerRefusal::Revoked),
            false => Ok(Arc::new(PeerIdentity {
                name: Name::new("lab").unwrap(),
                applications: Vec::new(),
                facilities: Vec::new(),
            })),
        }
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn turned_away(&self, _: &Name, _: IpAddr, why: &'static str) {
        self.turned_away.lock().unwrap().push(why);
    }
}

fn acceptor(issued: &Issued, more: &str, book: Arc<Book>, attendance: Attendance) -> Acceptor {
    let (cert, key) = (issued.quoted("own.pem"), issued.quoted("own.key"));
    let text = format!("listen = '127.0.0.1:0'\ntls = {{ cert = {cert}, key = {key}{more} }}");
    let entrance = entrance(&text).unwrap();
    Acceptor::bind(entrance, &Name::new("adt").unwrap(), &Gate::default(), (book, attendance))
        .unwrap()
}

fn to(issued: &Issued, address: SocketAddr, more: &str) -> Target {
    let ca = issued.quoted("ca.pem");
    target(&format!("address = 'localhost:{}'\ntls = {{ ca = {ca}{more} }}", address.port()))
        .unwrap()
}

#[tokio::test]
async fn a_peer_is_let_in_by_name_and_its_connection_ends_when_it_is_revoked() {
    let issued = Issued::new();
    let (book, attendance) = (Book::of(&issued), Attendance::default());
    let mut acceptor =
        acceptor(&issued, ", client = 'peers'", Arc::clone(&book), attendance.clone());
    let address = acceptor.address();
    let own = format!(", cert = {}, key = {}", issued.quoted("own.pem"), issued.quoted("own.key"));
    let target = to(&issued, address, &own);
    let dialer = Dialer::default();
    let (dialled, mut admitted) = tokio::join!(dialer.connect(&target), acceptor.accept());
    let _dialled = dialled.unwrap();
    assert_eq!(admitted.standing.identity().unwrap().name.as_str(), "lab");
    assert_eq!(attendance.present().len(), 1);
    let quiet = timeout(Duration::from_millis(100), admitted.standing.changed()).await;
    assert!(quiet.is_err(), "nothing has changed");
    book.revoke();
    let lost = timeout(Duration::from_secs(1), admitted.standing.changed()).await.unwrap();
    assert_eq!(lost, Err(Refusal::Peer(PeerRefusal::Revoked)));
    drop(admitted);
    assert!(attendance.present().is_empty());
    let stats = acceptor.stats();
    tokio::spawn(async move { acceptor.accept().await.stream.peer() });
    // A client of TLS 1.3 learns that it is refused after its own part is done.
    let refused = async {
        let mut stream = dialer.connect(&target).await.map_err(|_| ())?;
        stream.read_u8().await.map_err(|_| ())
    };
    assert!(timeout(SOON, refused).await.unwrap().is_err());
    assert_eq!(stats.refusals(), [("peer-revoked", 1)]);
    assert_eq!(*book.turned_away.lock().unwrap(), ["peer-revoked", "peer-revoked"]);
}

#[tokio::test]
async fn a_session_is_never_resumed_whatever_the_client_has_kept() {
    let issued = Issued::new();
    for (versions, profile) in [(&[&TLS13][..], "modern"), (&[&TLS12], "compat")] {
        let more = format!(", client = 'peers', profile = '{profile}'");
        let book = Book::of(&issued);
        let mut acceptor = acceptor(&issued, &more, Arc::clone(&book), Attendance::default());
        let address = acceptor.address();
        let client = issued.ordinary_client(versions);
        for _ in 0..2 {
            let connector = TlsConnector::from(Arc::clone(&client));
            let tcp = TcpStream::connect(address).await.unwrap();
            let name = ServerName::try_from("localhost").unwrap();
            let (dialled, mut admitted) =
                tokio::join!(connector.connect(name, tcp), acceptor.accept());
            let mut dialled = dialled.unwrap();
            // Whatever the server would give it to keep comes before this byte.
            admitted.stream.write_all(b"x").await.unwrap();
            admitted.stream.flush().await.unwrap();
            assert_eq!(timeout(SOON, dialled.read_u8()).await.unwrap().unwrap(), b'x');
            assert_eq!(
                dialled.get_ref().1.handshake_kind(),
                Some(HandshakeKind::Full),
                "{profile}"
            );
        }
    }
}

/// Passes what a server says on to its client, after the first `held` only half of it.
async fn relay(server: SocketAddr, half: watch::Receiver<bool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(server).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let mut chunk = [0; 65_536];
        while let Ok(read @ 1..) = from_server.read(&mut chunk).await {
            let passed = if *half.borrow() { read / 2 } else { read };
            to_client.write_all(&chunk[..passed]).await.unwrap();
        }
    });
    address
}

/// Looks at what waits until it is this, for some time.
async fn waits_until(
    stream: &mut Stream,
    wanted: impl Fn(&std::io::Result<Option<usize>>) -> bool,
) {
    let looking = async {
        while !wanted(&stream.peek_waiting(&mut [0; 64])) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, looking).await.expect("it never waits like this");
}

#[tokio::test]
async fn tickets_do_not_wait_but_answers_do_whole_or_half() {
    let issued = Issued::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (half, halved) = watch::channel(false);
    let address = relay(listener.local_addr().unwrap(), halved).await;
    let acceptor = TlsAcceptor::from(issued.ordinary_server());
    let serving = async {
        let (tcp, _) = listener.accept().await.unwrap();
        acceptor.accept(tcp).await.unwrap()
    };
    let (target, dialer) = (to(&issued, address, ""), Dialer::default());
    let (server, stream) = tokio::join!(serving, dialer.connect(&target));
    let (mut server, mut stream) = (server, stream.unwrap());
    // The tickets of the server are on their way or have arrived: neither is an answer.
    for _ in 0..20 {
        assert_eq!(stream.peek_waiting(&mut [0; 64]).unwrap(), None);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.write_all(b"late").await.unwrap();
    server.flush().await.unwrap();
    waits_until(&mut stream, |waiting| matches!(waiting, Ok(Some(4)))).await;
    let mut late = [0; 4];
    stream.read_exact(&mut late).await.unwrap();
    assert_eq!((&late, stream.peek_waiting(&mut [0; 64]).unwrap()), (b"late", None));
    half.send_replace(true);
    server.write_all(b"half of this is lost").await.unwrap();
    server.flush().await.unwrap();
    waits_until(&mut stream, Result::is_err).await;
}

#[tokio::test]
async fn a_closed_session_is_seen_before_anything_is_sent() {
    let issued = Issued::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let acceptor = TlsAcceptor::from(issued.ordinary_server());
    let serving = async {
        let (tcp, _) = listener.accept().await.unwrap();
        acceptor.accept(tcp).await.unwrap()
    };
    let target = to(&issued, listener.local_addr().unwrap(), "");
    let dialer = Dialer::default();
    let (mut server, stream) = tokio::join!(serving, dialer.connect(&target));
    let mut stream = stream.unwrap();
    server.shutdown().await.unwrap();
    waits_until(&mut stream, |waiting| matches!(waiting, Ok(Some(0)))).await;
}

#[test]
fn files_that_cannot_be_used_are_named_with_their_setting() {
    let issued = Issued::new();
    let read = |cert: &str, key: &str| {
        let text = format!("listen = '127.0.0.1:0'\ntls = {{ cert = {cert}, key = {key} }}");
        entrance(&text).err().unwrap_or_default()
    };
    let (own, key, ca) =
        (issued.quoted("own.pem"), issued.quoted("own.key"), issued.quoted("ca.pem"));
    issued.put("empty.pem", "nothing\n");
    for (cert, key, code) in [
        ("'/nowhere/own.pem'", key.as_str(), "C0430"),
        (&issued.quoted("empty.pem"), &key, "C0430"),
        (&own, &own, "C0430"),
        (&ca, &key, "C0431"),
    ] {
        let error = read(cert, key);
        assert!(error.contains(code), "{cert} {key}: {error}");
    }
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(issued.file("own.key"), open).unwrap();
    assert!(read(&own, &key).contains("C0412"));
}
