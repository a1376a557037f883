//! Who may connect over mutual TLS, and as whom: the internal authority, the registry of peers, and OpenSSL at the other end.

use crate::parts::{on_both_stores, to};
use hilum_tests::engine::Engine;
use hilum_tests::message;
use hilum_tests::openssl::{Identity, Openssl, TlsSender, verifies};
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::{ports, wait};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

on_both_stores!(
    a_revoked_peer_loses_its_connections_and_gets_no_other,
    a_peer_that_speaks_as_another_is_refused,
    keys_and_roots_overlap_when_they_are_replaced
);

/// A site whose channel `adt` takes messages of peers only.
struct Ward {
    site: Site,
    engine: Engine,
    feed: SocketAddr,
    receiver: Receiver,
}

const NOW: (&str, &str) = ("20260101000000Z", "20990101000000Z");

impl Ward {
    fn open(store: Store, source: &str) -> Ward {
        let (site, receiver, feed) = (Site::new(store), Receiver::accepting(), ports::free());
        let engine = site.serve();
        let ward = Ward { site, engine, feed, receiver };
        ward.done(&["ca", "init"]);
        let certs = ward.site.path("certs");
        ward.done(&[
            "ca",
            "issue",
            "hilum",
            "--server",
            "--san",
            "localhost",
            "--out",
            certs.to_str().unwrap(),
        ]);
        ward.site.channel(
            "adt",
            &format!(
                "[source]\ntype = \"mllp\"\nlisten = \"{feed}\"\n{source}\n\
                 tls = {{ cert = \"certs/cert.pem\", key = \"certs/key.pem\", client = \"peers\" }}\n{}",
                to("lab", &ward.receiver, "")
            ),
        );
        ward.done(&["apply", "-m", "mutual TLS"]);
        ward
    }

    /// Runs a verb that must succeed.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.site.verb(arguments);
        assert_eq!(output.code, Some(0), "hilum {arguments:?}: {output:?}");
        output.stdout
    }

    /// The engine's authority.
    fn authority(&self) -> PathBuf {
        self.site.data().join("ca/ca.pem")
    }

    /// A certificate of the internal authority for a client.
    fn issue(&self, name: &str, folder: &str) -> Identity {
        let folder = self.site.path(folder);
        self.done(&["ca", "issue", name, "--client", "--out", folder.to_str().unwrap()]);
        Identity::in_folder(&folder)
    }

    /// A peer with a certificate of the internal authority.
    fn peer(&self, name: &str, more: &[&str]) -> Identity {
        let identity = self.issue(name, name);
        let mut add = vec!["peer", "add", name, "--issued", "--channel", "adt"];
        add.extend(more);
        self.done(&add);
        identity
    }

    fn connect(&self, identity: Option<&Identity>) -> TlsSender {
        TlsSender::connect(self.feed, &self.site.path("certs/ca.pem"), identity)
    }

    /// The code of the answer to one message on a connection of its own; nothing when there is none.
    fn answer(&self, identity: Option<&Identity>, id: &str) -> Option<String> {
        let answer = self.connect(identity).exchange(&message::adt(id, "P1"))?;
        Some(message::text(&answer, "MSA", 1))
    }

    fn shown(&self, peer: &str) -> Value {
        self.site.json(&["peer", "show", peer])
    }

    fn warnings(&self) -> String {
        self.site.json(&["status"])["warnings"].to_string()
    }
}

fn a_revoked_peer_loses_its_connections_and_gets_no_other(store: Store) {
    let ward = Ward::open(store, "");
    let (his, lab) = (ward.peer("his", &[]), ward.peer("lab", &[]));
    let saved = ward.site.path("session");
    let session = ["-sess_out", saved.to_str().unwrap()];
    let mut live =
        TlsSender::connect_with(ward.feed, &ward.site.path("certs/ca.pem"), Some(&his), &session);
    assert!(live.exchange(&message::adt("M1", "P1")).is_some());
    let mut other = ward.connect(Some(&lab));
    assert!(other.exchange(&message::adt("M2", "P2")).is_some());
    let connections = ward.shown("his")["connections"].clone();
    assert_eq!(connections.as_array().unwrap().len(), 1, "{connections}");
    assert!(connections[0]["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    let status = ward.site.json(&["status"]);
    assert_eq!(status["peers"].as_array().unwrap().len(), 2, "{status}");

    ward.done(&["peer", "revoke", "his", "-m", "key lost"]);
    assert!(live.ends_within(Duration::from_secs(1)), "a live connection ends within a second");
    assert_eq!(ward.answer(Some(&his), "M3"), None);
    let resume = ["-sess_in", saved.to_str().unwrap()];
    if saved.exists() {
        let mut resumed = TlsSender::connect_with(
            ward.feed,
            &ward.site.path("certs/ca.pem"),
            Some(&his),
            &resume,
        );
        assert_eq!(
            resumed.exchange(&message::adt("M4", "P1")),
            None,
            "a saved session opens nothing"
        );
    }
    assert!(other.exchange(&message::adt("M5", "P2")).is_some(), "others notice nothing");
    let listed = ward.site.json(&["peer", "list"]);
    assert_eq!(listed["peers"].as_array().unwrap().len(), 2, "nobody is deleted");
    let again = ward.site.verb(&["peer", "activate", "his"]);
    assert_eq!(again.code, Some(1), "revoked is final: {again:?}");

    // Whoever has its certificate taken back loses its connections too.
    ward.done(&["ca", "revoke", "lab", "-m", "left"]);
    assert!(other.ends_within(Duration::from_secs(1)));
    assert_eq!(ward.answer(Some(&lab), "M6"), None);
    let status = ward.site.wait_final("adt", 3);
    assert_eq!((status.channel("adt").disposition("delivered"), ward.receiver.count()), (3, 3));
    let ended = ward.engine.stop();
    assert!(!ended.said.contains("EXAMPLE"), "no message in the log");
}

fn a_peer_that_speaks_as_another_is_refused(store: Store) {
    let ward = Ward::open(store, "");
    let pas = ward.peer("pas", &["--application", "PAS", "--facility", "NORTH"]);
    let lab = ward.peer("lab", &["--application", "LAB"]);
    assert_eq!(ward.answer(Some(&pas), "M1").as_deref(), Some("AA"));
    let mut sender = ward.connect(Some(&lab));
    let answer = sender.exchange(&message::adt("M2", "P1")).unwrap();
    assert_eq!(message::text(&answer, "MSA", 1), "AR");
    assert!(message::text(&answer, "ERR", 3).starts_with("207"), "{answer:?}");
    let said = String::from_utf8(answer).unwrap();
    assert!(!said.contains("LAB^") && said.contains("may not send as"), "{said}");
    let status = ward.site.wait_final("adt", 2);
    assert_eq!(status.channel("adt").disposition("rejected"), 1);
    let listed = ward.site.json(&["messages", "--state", "rejected"]);
    assert_eq!(listed["messages"][0]["reason"], "peer-mismatch", "{listed}");
    let channels = ward.site.json(&["status"])["channels"].clone();
    assert_eq!(channels[0]["peer_mismatches"], 1);
    ward.done(&["peer", "set", "lab", "--application", "LAB", "--application", "PAS"]);
    wait::until("the connection speaks by the new rule", || {
        let answer = sender.exchange(&message::adt("M3", "P1"))?;
        (message::text(&answer, "MSA", 1) == "AA").then_some(())
    });
    let alert = alert(&ward, "peer.mismatch");
    assert_eq!((&alert["severity"], &alert["object"]), (&json!("high"), &json!("adt peer:lab")));
    let ended = ward.engine.stop();
    let events: Vec<&str> =
        ended.said.lines().filter(|line| line.contains("\"code\":\"peer.mismatch\"")).collect();
    assert!(
        !events.is_empty() && events.iter().all(|line| line.contains("\"peer\":\"lab\"")),
        "{ended}"
    );
    assert!(
        events.iter().all(|line| !line.contains("PAS") && !line.contains("EXAMPLE")),
        "{ended}"
    );
}

/// The alert of a kind, which must come.
fn alert(ward: &Ward, kind: &str) -> Value {
    wait::until(kind, || {
        let all = ward.site.json(&["alert", "list"]);
        all["alerts"].as_array().unwrap().iter().find(|alert| alert["kind"] == kind).cloned()
    })
}

#[test]
fn a_mismatch_may_be_flagged_only() {
    let ward = Ward::open(Store::Sqlite, "peer_mismatch = \"flag\"");
    let lab = ward.peer("lab", &["--application", "LAB"]);
    assert_eq!(ward.answer(Some(&lab), "M1").as_deref(), Some("AA"));
    assert_eq!(ward.site.json(&["status"])["channels"][0]["peer_mismatches"], 1);
    assert_eq!(ward.site.wait_final("adt", 1).channel("adt").disposition("delivered"), 1);
    ward.engine.stop();
}

fn keys_and_roots_overlap_when_they_are_replaced(store: Store) {
    let ward = Ward::open(store, "");
    let first = ward.peer("his", &[]);
    let second = ward.issue("his", "his-2");
    assert_eq!(ward.answer(Some(&second), "M1"), None, "not before it is known");
    ward.done(&["peer", "rotate", "his", "--issued", "-m", "yearly"]);
    assert_eq!(ward.answer(Some(&first), "M2").as_deref(), Some("AA"));
    assert_eq!(ward.answer(Some(&second), "M3").as_deref(), Some("AA"));
    let long = ward.site.verb(&["peer", "rotate", "his", "--issued", "--overlap-days", "8"]);
    assert_eq!(long.code, Some(1), "{long:?}");

    let preview = ward.site.json(&["ca", "rotate"]);
    assert!(preview["new"].is_null());
    assert_eq!(preview["affected"], json!(["hilum", "his"]));
    assert_eq!(ward.done(&["ca", "inspect", "ca-1"]).matches("authority").count(), 1);
    ward.done(&["ca", "rotate", "--execute", "-m", "ten years are over"]);
    let kept = ward.site.data().join("ca/ca-1.key.sealed");
    assert_eq!(std::fs::metadata(kept).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(ward.answer(Some(&second), "M4").as_deref(), Some("AA"), "of the old root");
    let third = ward.issue("his", "his-3");
    ward.done(&["peer", "rotate", "his", "--issued", "--overlap-days", "0"]);
    assert_eq!(ward.answer(Some(&third), "M5").as_deref(), Some("AA"), "of the new root");
    assert_eq!(ward.answer(Some(&second), "M6"), None, "no overlap was asked for");
    assert!(verifies(&ward.authority(), &third.cert, "sslclient"));

    let engine = ward.engine;
    engine.stop();
    let engine = ward.site.serve();
    let mut again = TlsSender::connect(ward.feed, &ward.site.path("certs/ca.pem"), Some(&third));
    assert!(again.exchange(&message::adt("M7", "P1")).is_some(), "the registry outlives a restart");
    engine.stop();
}

#[test]
fn what_is_issued_is_private_and_what_openssl_takes() {
    let ward = Ward::open(Store::Sqlite, "");
    let his = ward.peer("his", &[]);
    let folder = his.cert.parent().unwrap().to_owned();
    for file in ["cert.pem", "key.pem", "ca.pem"] {
        let mode = std::fs::metadata(folder.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let ca = folder.join("ca.pem");
    assert!(verifies(&ca, &his.cert, "sslclient") && !verifies(&ca, &his.cert, "sslserver"));
    let server = ward.site.path("certs/cert.pem");
    assert!(verifies(&ca, &server, "sslserver") && !verifies(&ca, &server, "sslclient"));
    let out = folder.to_str().unwrap();
    let before = std::fs::read(&his.key).unwrap();
    let again = ward.site.verb(&["ca", "issue", "his", "--client", "--out", out]);
    assert_eq!(again.code, Some(78), "{again:?}");
    assert_eq!(std::fs::read(&his.key).unwrap(), before, "nothing is written over");
    ward.done(&["ca", "issue", "his", "--client", "--out", out, "--force"]);
    assert_ne!(std::fs::read(&his.key).unwrap(), before);
    let shown = ward.done(&["ca", "inspect", his.cert.to_str().unwrap()]);
    assert!(
        shown.contains("urn:hilum:peer:his")
            && shown.contains("for client")
            && shown.contains("by ca-1, not revoked"),
        "{shown}"
    );
    ward.done(&["ca", "revoke", "his", "-m", "test"]);
    let shown = ward.done(&["ca", "inspect", "his"]);
    assert_eq!(shown.matches(", revoked ").count(), 2, "{shown}");
    // The root's key is nowhere in plain, in no file of the site.
    let none = ward.site.verb(&["ca", "init"]);
    assert_eq!(none.code, Some(1), "{none:?}");
    // A key is known as one peer's for ever.
    let spki = ward.shown("his")["keys"][0]["spki"].as_str().unwrap().to_owned();
    let taken = ward.site.verb(&["peer", "add", "lab", "--spki", &spki, "--channel", "adt"]);
    assert_eq!(taken.code, Some(1), "{taken:?}");
    assert_eq!(ward.site.json(&["peer", "list"])["peers"].as_array().unwrap().len(), 1);
    ward.engine.stop();
}

#[test]
fn a_certificate_that_is_not_in_order_opens_nothing() {
    let ward = Ward::open(Store::Sqlite, "");
    let (pki, strangers) = (Openssl::authority("pki"), Openssl::authority("strangers"));
    let good = pki.issue("his", NOW, "clientAuth");
    let revoked = pki.issue("gone", NOW, "clientAuth");
    pki.revoke(&revoked);
    let list = pki.list("20260101000000Z", "20990101000000Z");
    ward.done(&[
        "ca",
        "trust",
        pki.path("ca.pem").to_str().unwrap(),
        "--name",
        "pki",
        "--crl",
        list.to_str().unwrap(),
    ]);
    let cases = [
        ("another authority", strangers.issue("his", NOW, "clientAuth")),
        ("expired", pki.issue("old", ("20200101000000Z", "20200201000000Z"), "clientAuth")),
        ("not valid yet", pki.issue("new", ("20980101000000Z", "20990101000000Z"), "clientAuth")),
        ("not for a client", pki.issue("server", NOW, "serverAuth")),
        ("signed by itself, under the name of another", pki.self_signed("his")),
        ("revoked", revoked),
    ];
    // Each key is known and active, so that it can only be the certificate that keeps it out.
    for (n, (_, identity)) in cases.iter().enumerate() {
        ward.done(&[
            "peer",
            "add",
            &format!("p{n}"),
            "--spki",
            &identity.spki(),
            "--channel",
            "adt",
        ]);
    }
    ward.done(&["peer", "add", "his", "--cert", good.cert.to_str().unwrap(), "--channel", "adt"]);
    for (n, (why, identity)) in cases.iter().enumerate() {
        assert_eq!(ward.answer(Some(identity), &format!("B{n}")), None, "{why}");
    }
    assert_eq!(ward.answer(None, "B9"), None, "no certificate");
    assert_eq!(ward.answer(Some(&good), "M1").as_deref(), Some("AA"), "one in order");
    let unknown = pki.issue("nobody", NOW, "clientAuth");
    assert_eq!(ward.answer(Some(&unknown), "B10"), None, "in order, and nobody's");
    assert_eq!(ward.site.wait_final("adt", 1).channel("adt").disposition("delivered"), 1);
    let clinic = strangers.issue("clinic", NOW, "clientAuth");
    ward.done(&[
        "peer",
        "add",
        "clinic",
        "--cert",
        clinic.cert.to_str().unwrap(),
        "--channel",
        "adt",
    ]);
    assert_eq!(ward.answer(Some(&clinic), "B12"), None, "its authority is not trusted");
    ward.done(&["ca", "trust", strangers.path("ca.pem").to_str().unwrap(), "--name", "clinic"]);
    assert_eq!(ward.answer(Some(&clinic), "M2").as_deref(), Some("AA"), "without a list");
    ward.done(&["ca", "distrust", "pki", "-m", "over"]);
    assert_eq!(ward.answer(Some(&good), "B11"), None);
    ward.engine.stop();
}

#[test]
fn a_revocation_list_that_has_expired_lets_nobody_in() {
    let ward = Ward::open(Store::Sqlite, "");
    let pki = Openssl::authority("pki");
    let his = pki.issue("his", NOW, "clientAuth");
    let list = pki.list("20260101000000Z", "20260201000000Z");
    ward.done(&[
        "ca",
        "trust",
        pki.path("ca.pem").to_str().unwrap(),
        "--name",
        "pki",
        "--crl",
        list.to_str().unwrap(),
    ]);
    ward.done(&["peer", "add", "his", "--cert", his.cert.to_str().unwrap(), "--channel", "adt"]);
    assert_eq!(ward.answer(Some(&his), "M1"), None);
    assert!(
        ward.warnings().contains("revocation list of the authority `pki`"),
        "{}",
        ward.warnings()
    );
    pki.list("20260101000000Z", "20990101000000Z");
    wait::until("the new list is read", || ward.answer(Some(&his), "M2"));
    assert!(!ward.warnings().contains("revocation list"), "{}", ward.warnings());
    pki.revoke(&his);
    pki.list("20260101000000Z", "20990101000000Z");
    wait::until("the revocation is read", || ward.answer(Some(&his), "M3").is_none().then_some(()));
    ward.engine.stop();
}

#[test]
fn a_peer_is_let_in_from_its_networks_to_its_channels_and_when_it_is_active() {
    let ward = Ward::open(Store::Sqlite, "");
    let his = ward.peer("his", &["--pending"]);
    assert_eq!(ward.answer(Some(&his), "B1"), None, "pending");
    ward.done(&["peer", "activate", "his"]);
    assert_eq!(ward.answer(Some(&his), "M1").as_deref(), Some("AA"));
    ward.done(&["peer", "set", "his", "--from", "10.1.0.0/16"]);
    assert_eq!(ward.answer(Some(&his), "B2"), None, "another network");
    ward.done(&["peer", "set", "his", "--from", "127.0.0.0/8", "--channel", "other"]);
    assert_eq!(ward.answer(Some(&his), "B3"), None, "another channel");
    ward.done(&["peer", "set", "his", "--every-channel"]);
    assert_eq!(ward.answer(Some(&his), "M2").as_deref(), Some("AA"));
    let shown = ward.done(&["peer", "show", "his"]);
    assert!(shown.contains("peer his active") && shown.contains("every channel"), "{shown}");
    ward.engine.stop();
}
