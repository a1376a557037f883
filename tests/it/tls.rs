//! Encrypted connections, tried with a TLS client that is none of ours.

use crate::parts::{files, to};
use hilum_tests::certificates::{Authority, GOOD, Issued, Leaf, self_signed};
use hilum_tests::message;
use hilum_tests::receiver::Receiver;
use hilum_tests::s_client::{Secured, hello, typing};
use hilum_tests::site::{Site, Store};
use hilum_tests::verbs;
use hilum_tests::wire::Connection;
use rcgen::ExtendedKeyUsagePurpose;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const FOR_SERVERS: &[ExtendedKeyUsagePurpose] = &[ExtendedKeyUsagePurpose::ServerAuth];
const FOR_CLIENTS: &[ExtendedKeyUsagePurpose] = &[ExtendedKeyUsagePurpose::ClientAuth];

/// A site with an authority and a listener's certificate.
struct Ground {
    site: Site,
    authority: Authority,
}

impl Ground {
    fn new() -> Ground {
        let site = Site::new(Store::Sqlite);
        let authority = Authority::new(&site.path("certs"), "ca");
        authority.issue("adt", &GOOD);
        Ground { site, authority }
    }

    /// A channel that takes messages in through TLS, and keeps them.
    fn feed(&self, name: &str, more: &str) -> SocketAddr {
        let tls = format!("tls = {{ cert = \"certs/adt.pem\", key = \"certs/adt.key\"{more} }}");
        self.site.feed(name, &tls, &files(name, ""))
    }

    fn ca(&self) -> String {
        shown(&self.authority.file())
    }

    /// Sends one message with our own client and these arguments; whether it was accepted.
    fn send(&self, address: SocketAddr, id: &str, more: &[&str]) -> verbs::Output {
        let file = self.site.path(&format!("{id}.hl7"));
        std::fs::write(&file, message::adt(id, "P1")).unwrap();
        let (address, file, ca) = (address.to_string(), shown(&file), self.ca());
        let mut arguments = vec!["send", &address, &file, "--timeout", "20", "--tls", "--ca", &ca];
        arguments.extend(more);
        verbs::local(&arguments)
    }

    fn refusals(&self, channel: &str) -> serde_json::Map<String, serde_json::Value> {
        let status = self.site.json(&["status"]);
        let channels = status["channels"].as_array().unwrap();
        let found = channels.iter().find(|one| one["name"] == channel).unwrap();
        found["refusals"].as_object().unwrap().clone()
    }
}

fn shown(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A hello of an old version, as a client that knows nothing newer sends it; and whether anything but an alert came back.
fn is_answered(address: SocketAddr, version: [u8; 2], cipher: [u8; 2]) -> bool {
    let random = [7; 32];
    let body = [&version[..], &random, &[0, 0, 2], &cipher, &[1, 0]].concat();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let handshake = [&[1, 0][..], &length, &body].concat();
    let length = u16::try_from(handshake.len()).unwrap().to_be_bytes();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(&[&[22][..], &version, &length, &handshake].concat()).unwrap();
    let mut answer = Vec::new();
    // A reset is a refusal too.
    let _ = stream.read_to_end(&mut answer);
    answer.first().is_some_and(|kind| *kind != 21)
}

#[test]
fn what_is_agreed_on_is_what_the_profile_says_and_nothing_older() {
    let ground = Ground::new();
    let modern = ground.feed("modern", "");
    let compat = ground.feed("compat", ", profile = \"compat\"");
    let quantum = ground.feed("quantum", ", profile = \"pq-only\"");
    let engine = ground.site.serve();
    let ca = ground.ca();
    let with = |address, more: &[&str]| {
        let mut arguments = vec!["-CAfile", ca.as_str(), "-verify_return_error"];
        arguments.extend(more);
        hello(address, &arguments)
    };
    let agreed = with(modern, &[]);
    assert!(agreed.stdout.contains("New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384"), "{agreed:?}");
    assert!(agreed.stdout.contains("Server Temp Key: X25519"), "{agreed:?}");
    let agreed = with(modern, &["-groups", "P-256"]);
    assert!(agreed.stdout.contains("New, TLSv1.3"), "{agreed:?}");
    let agreed = with(compat, &["-tls1_2"]);
    assert!(agreed.stdout.contains("New, TLSv1.2, Cipher is ECDHE-ECDSA-AES256-GCM"), "{agreed:?}");
    let agreed = with(compat, &["-tls1_3"]);
    assert!(agreed.stdout.contains("New, TLSv1.3"), "{agreed:?}");
    for (address, arguments) in [
        (modern, &["-tls1_2"][..]),
        (modern, &["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"]),
        (modern, &["-groups", "P-521"]),
        (compat, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]),
        (compat, &["-tls1", "-cipher", "ALL:@SECLEVEL=0"]),
        (compat, &["-tls1_2", "-cipher", "AES256-GCM-SHA384"]),
        (compat, &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384"]),
        (compat, &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA"]),
        (compat, &["-tls1_2", "-cipher", "eNULL:@SECLEVEL=0"]),
        (compat, &["-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"]),
        (quantum, &[]),
        (quantum, &["-tls1_2"]),
    ] {
        let refused = with(address, arguments);
        assert!(
            refused.code != Some(0) && refused.stdout.contains("Cipher is (NONE)"),
            "{arguments:?}: {refused:?}"
        );
    }
    for address in [modern, compat, quantum] {
        for version in [[3, 0], [3, 1], [3, 2]] {
            assert!(
                !is_answered(address, version, [0, 0x35]),
                "{address} answers version {version:?}"
            );
            assert!(
                !is_answered(address, version, [0xc0, 0x0a]),
                "{address} answers version {version:?}"
            );
        }
    }
    // Our own end has the hybrid group, which is all that the strictest profile takes.
    assert_eq!(ground.send(quantum, "Q1", &["--profile", "pq-only"]).code, Some(0));
    assert_eq!(ground.send(quantum, "Q2", &[]).code, Some(0));
    assert!(
        ground.refusals("quantum").contains_key("incompatible"),
        "{:?}",
        ground.refusals("quantum")
    );
    engine.stop();
}

#[test]
fn nothing_is_renegotiated_compressed_resumed_or_sent_early() {
    let ground = Ground::new();
    let modern = ground.feed("modern", "");
    let compat = ground.feed("compat", ", profile = \"compat\"");
    let engine = ground.site.serve();
    let ca = ground.ca();
    // A client that asks for new keys waits for them in vain; each handshake verifies the chain once more.
    let again = typing(compat, &["-CAfile", &ca, "-tls1_2"], "R\n", Duration::from_secs(5));
    assert!(again.contains("RENEGOTIATING"), "{again}");
    assert_eq!(again.matches("depth=0").count(), 1, "{again}");
    for (address, version) in [(compat, "-tls1_2"), (compat, "-tls1_3"), (modern, "-tls1_3")] {
        let saved = shown(&ground.site.path("session"));
        let first = hello(address, &["-CAfile", &ca, version, "-sess_out", &saved]);
        assert!(first.stdout.contains("Compression: NONE"), "{first:?}");
        assert!(!first.stdout.contains("TLS session ticket:"), "{first:?}");
        if Path::new(&saved).exists() {
            let early = shown(&ground.site.path("early"));
            std::fs::write(&early, b"MSH|early").unwrap();
            let mut arguments = vec!["-CAfile", ca.as_str(), version, "-sess_in", &saved];
            if version == "-tls1_3" {
                arguments.extend(["-early_data", &early]);
            }
            let second = hello(address, &arguments);
            assert!(!second.stdout.contains("Reused"), "{second:?}");
            assert!(!second.stdout.contains("Early data was accepted"), "{second:?}");
            std::fs::remove_file(saved).unwrap();
        }
    }
    engine.stop();
}

#[test]
fn only_a_certificate_of_the_named_authority_that_holds_today_is_let_in() {
    let ground = Ground::new();
    let folder = ground.site.path("certs");
    let other = Authority::new(&folder, "other");
    let good = ground.authority.issue("good", &GOOD);
    let revoked = ground.authority.issue("revoked", &GOOD);
    ground.authority.revoke(&[&revoked], 2090);
    let mutual = ", client = \"ca\", ca = \"certs/ca.pem\", crl = \"certs/ca.crl\"";
    let feed = ground.feed("adt", mutual);
    let engine = ground.site.serve();
    let as_client = |id: &str, issued: &Issued| {
        let (cert, key) = (shown(&issued.cert), shown(&issued.key));
        ground.send(feed, id, &["--cert", &cert, "--key", &key])
    };
    assert_eq!(as_client("GOOD", &good).code, Some(0));
    let bad = [
        (other.issue("other", &GOOD), "certificate-authority"),
        (self_signed(&folder, "self"), "certificate-authority"),
        (
            ground.authority.issue("old", &Leaf { years: (2020, 2021), ..GOOD }),
            "certificate-expired",
        ),
        (
            ground.authority.issue("new", &Leaf { years: (2080, 2081), ..GOOD }),
            "certificate-not-valid-yet",
        ),
        (
            ground.authority.issue("server", &Leaf { usage: FOR_SERVERS, ..GOOD }),
            "certificate-purpose",
        ),
        (revoked, "certificate-revoked"),
    ];
    for (number, (issued, reason)) in bad.iter().enumerate() {
        let before = ground.refusals("adt").get(*reason).and_then(|n| n.as_u64()).unwrap_or(0);
        let refused = as_client(&format!("BAD{number}"), issued);
        assert_ne!(refused.code, Some(0), "{reason}: {refused:?}");
        let after = ground.refusals("adt").get(*reason).and_then(|n| n.as_u64()).unwrap_or(0);
        assert_eq!(after, before + 1, "{reason}: {:?}", ground.refusals("adt"));
    }
    assert_ne!(ground.send(feed, "NONE", &[]).code, Some(0), "without a certificate");
    assert!(ground.refusals("adt").contains_key("no-certificate"));
    assert_eq!(ground.site.status().channel("adt").received, 1, "GOOD, and none of the others");
    // A list that has expired says nothing about anybody, so nobody is let in.
    ground.authority.revoke(&[], 2021);
    hilum_tests::wait::until("the expired list is in force", || {
        (as_client("STALE", &good).code != Some(0)).then_some(())
    });
    assert!(ground.refusals("adt").contains_key("revocation-list"), "{:?}", ground.refusals("adt"));
    let status = ground.site.verb(&["status"]).stdout;
    assert!(
        status.contains("revocation list") && status.contains("expired on 2021-01-01"),
        "{status}"
    );
    ground.authority.revoke(&[], 2090);
    hilum_tests::wait::until("a new list lets the good one in again", || {
        (as_client("AGAIN", &good).code == Some(0)).then_some(())
    });
    engine.stop();
}

#[test]
fn a_revoked_client_loses_its_connection_and_its_saved_session() {
    let ground = Ground::new();
    let client = ground.authority.issue("client", &Leaf { usage: FOR_CLIENTS, ..GOOD });
    ground.authority.revoke(&[], 2090);
    let mutual =
        ", profile = \"compat\", client = \"ca\", ca = \"certs/ca.pem\", crl = \"certs/ca.crl\"";
    let feed = ground.feed("adt", mutual);
    let engine = ground.site.serve();
    let (ca, cert, key) = (ground.ca(), shown(&client.cert), shown(&client.key));
    let own = ["-CAfile", &ca, "-cert", &cert, "-key", &key];
    let sessions = ["-tls1_2", "-tls1_3"].map(|version| {
        let saved = shown(&ground.site.path(&format!("session{version}")));
        let first = hello(feed, &[&own[..], &[version, "-sess_out", &saved]].concat());
        assert_eq!(first.code, Some(0), "{first:?}");
        (version, saved)
    });
    let mut live = Secured::open(feed, &own);
    assert!(live.exchange(&message::adt("BEFORE", "P1")).accepts("BEFORE"));
    ground.authority.revoke(&[&client], 2090);
    assert!(live.closes(Duration::from_secs(10)), "the connection of a revoked client is closed");
    assert_eq!(live.unread(), b"");
    for (version, saved) in sessions {
        let mut arguments = [&own[..], &[version]].concat();
        if Path::new(&saved).exists() {
            arguments.extend(["-sess_in", &saved]);
        }
        // In TLS 1.3 a client learns of its refusal after its own part is done, so it is asked for an answer.
        let mut again = Secured::open(feed, &arguments);
        assert!(again.closes(Duration::from_secs(20)), "{version} is let in again");
    }
    assert_eq!(ground.site.status().channel("adt").received, 1);
    assert!(ground.refusals("adt").contains_key("certificate-revoked"));
    engine.stop();
}

#[test]
fn certificates_are_renewed_under_load_and_nothing_is_lost() {
    let ground = Ground::new();
    let feed = ground.feed("adt", "");
    let engine = ground.site.serve();
    let file = ground.site.path("one.hl7");
    std::fs::write(&file, message::adt("ONE", "P1")).unwrap();
    let serial = |address| {
        let shown = hello(address, &["-CAfile", &ground.ca()]);
        let pem = shown.stdout.split("-----BEGIN CERTIFICATE-----").nth(1).map(str::to_owned);
        pem.and_then(|rest| rest.split("-----END").next().map(str::to_owned))
            .expect("a certificate")
    };
    let before = serial(feed);
    let (address, one, ca) = (feed.to_string(), shown(&file), ground.ca());
    let sending = std::thread::spawn(move || {
        verbs::local(&[
            "send",
            &address,
            &one,
            "--tls",
            "--ca",
            &ca,
            "--count",
            "3000",
            "--rate",
            "500",
            "--connections",
            "5",
            "--quiet",
            "--format",
            "json",
        ])
    });
    let mut renewed = 0;
    while !sending.is_finished() {
        ground.authority.issue("adt", &GOOD);
        renewed += 1;
        // Somebody always connects with whatever is in force, while others go on.
        assert_eq!(ground.send(feed, &format!("NEW{renewed}"), &[]).code, Some(0));
    }
    let sent = sending.join().unwrap();
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let report: serde_json::Value = serde_json::from_str(&sent.stdout).unwrap();
    assert_eq!(report["accepted"], 3000, "{report}");
    hilum_tests::wait::until("the last certificate is shown", || {
        (serial(feed) != before).then_some(())
    });
    // A new certificate with the old key is no pair: the old pair stays, and the status says so.
    let stray = ground.authority.issue("stray", &GOOD);
    std::fs::copy(&stray.cert, ground.site.path("certs/adt.pem")).unwrap();
    ground.site.wait_status("the status tells", |status| {
        format!("{status:?}").contains("the key does not belong")
    });
    assert_eq!(ground.send(feed, "STILL", &[]).code, Some(0));
    assert_eq!(ground.site.status().channel("adt").received, 3000 + renewed + 1);
    engine.stop();
}

/// A destination that encrypts.
fn encrypted(name: &str, address: SocketAddr, ca: &str, more: &str) -> String {
    format!(
        "[[destination]]\nname = \"{name}\"\ntype = \"mllp\"\naddress = \"{address}\"\ntimeout = \"5s\"\n\
         tls = {{ ca = \"{ca}\"{more} }}\nretry = {{ first = \"20ms\", max = \"200ms\" }}\n"
    )
}

#[test]
fn a_receiver_that_answers_in_plain_text_gets_no_byte_of_a_message() {
    let ground = Ground::new();
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = plain.local_addr().unwrap();
    let stripping = std::thread::spawn(move || {
        let mut seen = Vec::new();
        for stream in plain.incoming().take(3) {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).unwrap_or(0);
            seen.extend_from_slice(&chunk[..read]);
            // What a box that has taken the encryption away would let through.
            let _ = stream.write_all(b"\x0bMSH|^~\\&|LAB||||||ACK|1|P|2.5\rMSA|AA|M1\r\x1c\r");
            while let Ok(1..) =
                stream.read(&mut chunk).inspect(|n| seen.extend_from_slice(&chunk[..*n]))
            {
            }
        }
        seen
    });
    let feed = ground.site.feed("adt", "", &encrypted("lab", address, "certs/ca.pem", ""));
    let engine = ground.site.serve();
    let test = ground.site.verb(&["test-connection", "adt", "lab"]);
    assert!(test.code == Some(1) && test.stdout.contains("does not speak TLS"), "{test:?}");
    Connection::to(feed).accepted(&message::adt("M1", "P1"));
    let seen = stripping.join().unwrap();
    assert!(seen.starts_with(&[22, 3]) && !seen.windows(4).any(|four| four == b"MSH|"), "{seen:?}");
    let status =
        ground.site.wait_status("the message waits", |status| status.channel("adt").open() == 1);
    assert_eq!(status.channel("adt").destinations["lab"].delivered, 0);
    // The right receiver, at the same address, gets it.
    let mut listen = verbs::hilum();
    let (cert, key) = (ground.site.path("certs/adt.pem"), ground.site.path("certs/adt.key"));
    listen.args([
        "listen",
        &address.to_string(),
        "--count",
        "1",
        "--tls",
        "--cert",
        &shown(&cert),
        "--key",
        &shown(&key),
    ]);
    let received = verbs::run(listen);
    assert!(received.stdout.contains("M1"), "{received:?}");
    ground.site.wait_final("adt", 1);
    engine.stop();
}

#[test]
fn a_receiver_is_trusted_by_its_authority_its_name_and_its_key_as_configured() {
    let ground = Ground::new();
    let other = Authority::new(&ground.site.path("certs"), "other");
    let receiver = Receiver::down();
    let address = receiver.address();
    let pinned = |pin: &str| {
        format!(
            "[[destination]]\nname = \"NAME\"\ntype = \"mllp\"\naddress = \"{address}\"\ntls = {{ pin = [\"sha256:{pin}\"] }}\n"
        )
    };
    let rest = [
        encrypted("good", address, "certs/ca.pem", ""),
        encrypted("other", address, "certs/other.pem", ""),
        encrypted("name", address, "certs/ca.pem", ", server_name = \"lab.example\""),
        pinned(&"00".repeat(32)).replace("NAME", "pinned"),
        encrypted(
            "both",
            address,
            "certs/ca.pem",
            &format!(", pin = [\"sha256:{}\"]", "00".repeat(32)),
        ),
    ];
    drop(other);
    ground.site.feed("adt", "", &rest.join("\n"));
    let engine = ground.site.serve();
    let (cert, key) = (ground.site.path("certs/adt.pem"), ground.site.path("certs/adt.key"));
    let mut listen = verbs::hilum();
    listen.args(["listen", &address.to_string(), "--tls"]);
    listen.args(["--cert", &shown(&cert), "--key", &shown(&key)]);
    let mut listening = listen.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let message = ground.site.path("harmless.hl7");
    std::fs::write(&message, message::adt("TRY", "P1")).unwrap();
    let good = hilum_tests::wait::until("the receiver is there", || {
        let tried =
            ground.site.verb(&["test-connection", "adt", "good", "--message", &shown(&message)]);
        (tried.code == Some(0)).then_some(tried)
    });
    for words in [
        "TLSv1_3, X25519MLKEM768, TLS13_AES_256_GCM_SHA384",
        "until 2090-01-01",
        "accepted: AA",
        "MSA|AA|TRY",
    ] {
        assert!(good.stdout.contains(words), "{words}: {}", good.stdout);
    }
    for (destination, words) in [
        // It has the same name as the right one, so only its key tells.
        ("other", "BadSignature"),
        ("name", "lab.example"),
        ("pinned", "none of those pinned"),
        ("both", "none of those pinned"),
    ] {
        let tried = ground.site.verb(&["test-connection", "adt", destination]);
        assert!(tried.code == Some(1) && tried.stdout.contains(words), "{destination}: {tried:?}");
    }
    // The key that the trial has shown is the one to pin.
    let pin = good.stdout.split("sha256:").nth(1).unwrap().get(..64).unwrap();
    ground.site.feed("adt", "", &pinned(pin).replace("NAME", "pinned"));
    assert_eq!(ground.site.verb(&["apply", "-m", "pin the key"]).code, Some(0));
    let tried = ground.site.verb(&["test-connection", "adt", "pinned"]);
    assert!(tried.code == Some(0) && tried.stdout.contains("its name is not checked"), "{tried:?}");
    listening.kill().unwrap();
    listening.wait().unwrap();
    engine.stop();
}

#[test]
fn a_handshake_that_never_ends_is_ended_and_delays_nobody() {
    let ground = Ground::new();
    let feed = ground.feed("adt", "");
    let engine = ground.site.serve();
    let began = Instant::now();
    let mut silent: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(feed).unwrap()).collect();
    for stream in &mut silent {
        stream.write_all(&[22, 3, 1, 2, 0, 1]).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    }
    assert_eq!(ground.send(feed, "OTHER", &[]).code, Some(0));
    assert!(began.elapsed() < Duration::from_secs(9), "others waited {:?}", began.elapsed());
    for stream in &mut silent {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(
        began.elapsed() > Duration::from_secs(9) && began.elapsed() < Duration::from_secs(25),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(ground.refusals("adt")["handshake-timeout"], 20);
    engine.stop();
}

#[test]
fn a_delivery_goes_encrypted_from_end_to_end() {
    let ground = Ground::new();
    let receiver = Receiver::accepting();
    let inner = ground.site.feed(
        "inner",
        "tls = { cert = \"certs/adt.pem\", key = \"certs/adt.key\" }",
        &to("lab", &receiver, ""),
    );
    let outer = ground.site.feed("outer", "", &encrypted("inner", inner, "certs/ca.pem", ""));
    let engine = ground.site.serve();
    let mut connection = Connection::to(outer);
    for n in 0..50 {
        connection.accepted(&message::adt(&format!("E{n}"), "P1"));
    }
    ground.site.wait_final("outer", 50);
    ground.site.wait_final("inner", 50);
    assert_eq!(receiver.arrivals().len(), 50);
    let status = ground.site.json(&["status"]);
    let subjects: Vec<&str> = status["certificates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert!(subjects.contains(&"certificate") && subjects.contains(&"authority"), "{subjects:?}");
    engine.stop();
}

/// The channels on the page about connections are sound, on a machine that has their files.
#[test]
fn the_page_about_connections_is_sound() {
    let page = include_str!("../../docs/transport.md");
    let ground = Ground::new();
    ground.authority.revoke(&[], 2090);
    let blocks: Vec<&str> =
        page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 4);
    for (number, block) in blocks.iter().enumerate() {
        let whole = match block.starts_with("[source]") {
            true => format!("{block}\n{}", files("out", "")),
            false => format!("[source]\ntype = \"mllp\"\nlisten = \"127.0.0.1:2590\"\n\n{block}"),
        };
        ground.site.channel(&format!("page{number}"), &whole);
    }
    let checked = verbs::local(&["check", &shown(ground.site.folder())]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
}
