//! An http destination over TLS: what is agreed on, and whom it does not talk to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use config::{Diagnostics, Paths, Scope, Section, parse_toml};
use connectors::{DESTINATIONS, Destination, DestinationSettings, Outcome, Outgoing};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::intakes::message;

/// An authority and a certificate for a name.
struct Identity {
    ca: String,
    config: Arc<ServerConfig>,
}

fn identity(name: &str, alpn: &[&[u8]]) -> Identity {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let leaf = leaf.signed_by(&own, &issuer).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(own.serialize_der()).unwrap(),
        )
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    Identity { ca: ca.pem(), config: Arc::new(config) }
}

/// What a server was asked, and by which version.
type Asked = mpsc::UnboundedReceiver<(Version, String, Bytes)>;

/// A web service that answers in whatever both sides have agreed on.
async fn serve(identity: &Identity) -> (u16, Arc<AtomicUsize>, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
    let (sent, asked) = mpsc::unbounded_channel();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(answer(acceptor.clone(), tcp, sent.clone()));
        }
    });
    (port, connections, asked)
}

async fn answer(
    acceptor: TlsAcceptor,
    tcp: TcpStream,
    sent: mpsc::UnboundedSender<(Version, String, Bytes)>,
) {
    let Ok(tls) = acceptor.accept(tcp).await else { return };
    let two = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let sent = sent.clone();
        async move {
            let version = request.version();
            let uri = request.uri().to_string();
            let body = request.into_body().collect().await?.to_bytes();
            sent.send((version, uri, body)).ok();
            hyper::Result::Ok(Response::new(Full::new(Bytes::from_static(b"thank you"))))
        }
    });
    let io = TokioIo::new(tls);
    let _ = match two {
        true => {
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(io, service)
                .await
        }
        false => hyper::server::conn::http1::Builder::new().serve_connection(io, service).await,
    };
}

/// A destination that trusts this authority.
fn destination(ca: &str, port: u16) -> (tempfile::TempDir, Destination) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ca.pem"), ca).unwrap();
    let text = format!(
        "type = 'http'\nurl = 'https://localhost:{port}/results'\ntimeout = '5s'\ntls = {{ ca = 'ca.pem' }}"
    );
    let mut diags = Diagnostics::default();
    let paths = Paths::new(folder.path(), None);
    let table = parse_toml(&mut diags, "destination.toml", text).unwrap();
    let scope = Scope::none().with_paths(&paths);
    let read = Section::tagged(&table, "type", DESTINATIONS, &[], &scope, &mut diags);
    let settings =
        read.and_then(|(kind, section)| DestinationSettings::read(kind, &section, &mut diags));
    assert_eq!(diags.render(false), "");
    (folder, Destination::new(settings.unwrap()))
}

async fn deliver(destination: &mut Destination) -> Outcome {
    let body = message("1");
    let out = Outgoing {
        body: &body,
        message_id: "m1",
        delivery_id: "d1",
        part: 1,
        attempt: 1,
        received_us: 0,
    };
    destination.deliver(&out).await
}

#[tokio::test]
async fn both_sides_agree_on_a_version_and_keep_the_connection() {
    for (alpn, version) in [
        (&[b"h2".as_slice(), b"http/1.1"][..], Version::HTTP_2),
        (&[b"http/1.1"], Version::HTTP_11),
        (&[], Version::HTTP_11),
    ] {
        let identity = identity("localhost", alpn);
        let (port, connections, mut asked) = serve(&identity).await;
        let (_folder, mut destination) = destination(&identity.ca, port);
        for _ in 0..3 {
            let outcome = deliver(&mut destination).await;
            assert!(matches!(outcome, Outcome::Accepted(_)), "{}", outcome.evidence().code);
            let response = outcome.into_evidence().response.unwrap();
            assert_eq!(response.expose_phi(), "thank you");
            let (spoken, uri, body) = asked.recv().await.unwrap();
            assert_eq!((spoken, body), (version, message("1")));
            assert!(uri.ends_with("/results"), "{uri}");
        }
        assert_eq!(connections.load(Ordering::SeqCst), 1, "{version:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_to_who_cannot_prove_to_be_the_receiver() {
    let (real, other) = (identity("localhost", &[]), identity("localhost", &[]));
    let elsewhere = identity("elsewhere.example", &[]);
    for (server, ca) in [(&other, &real.ca), (&elsewhere, &elsewhere.ca)] {
        let (port, _, mut asked) = serve(server).await;
        let (_folder, mut destination) = destination(ca, port);
        let outcome = deliver(&mut destination).await;
        let evidence = outcome.evidence();
        assert!(matches!(outcome, Outcome::Later(_)) && !evidence.answered, "{}", evidence.code);
        assert!(asked.try_recv().is_err(), "not a byte of the message");
    }
}
