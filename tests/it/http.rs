//! HL7 over HTTP, in and out: what senders and receivers may rely on, and what a bad one cannot do.

use crate::parts::{on_both_stores, to};
use hilum_tests::faults::Disk;
use hilum_tests::http::{Behaviour, Client, Receiver, Told, ok, post};
use hilum_tests::postgres::{Cluster, query};
use hilum_tests::receiver;
use hilum_tests::s_client::answer;
use hilum_tests::site::{Site, Store};
use hilum_tests::{message, ports, wait};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const MIB: u64 = 1024 * 1024;

/// Writes a channel with an http source under `/adt`, and gives its address.
fn source(site: &Site, more: &str, rest: &str) -> SocketAddr {
    let address = ports::free();
    site.channel(
        "adt",
        &format!(
            "[source]\ntype = \"http\"\nlisten = \"{address}\"\npath = \"/adt\"\n{more}\n{rest}"
        ),
    );
    address
}

/// A destination that posts to a receiver, impatiently.
fn over_http(name: &str, receiver: &Receiver, more: &str) -> String {
    format!(
        "[[destination]]\nname = \"{name}\"\ntype = \"http\"\nurl = \"http://{}/in\"\ntimeout = \"3s\"\n\
         retry = {{ first = \"20ms\", max = \"200ms\" }}\n{more}\n",
        receiver.address()
    )
}

fn secret(site: &Site, name: &str, value: &str) {
    let path = site.data().join("secrets").join(name);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path.parent().unwrap()).unwrap();
    std::fs::write(&path, value).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn ask(feed: SocketAddr, request: &[u8]) -> Option<Told> {
    Client::to(feed).ask(request)
}

/// Whether a message is accepted; what is not must say that it may be sent again.
fn accepted(feed: SocketAddr, id: &str) -> bool {
    match ask(feed, &post("/adt", "", &message::adt(id, "P1"))) {
        Some(answer) if answer.status() == 200 => {
            assert_eq!(message::text(&answer.body, "MSA", 1), "AA");
            assert_eq!(message::text(&answer.body, "MSA", 2), id);
            true
        }
        Some(answer) => {
            assert_eq!(answer.status(), 503, "{answer:?}");
            assert!(answer.field("Retry-After").is_some(), "{answer:?}");
            false
        }
        None => false,
    }
}

fn until_accepted(feed: SocketAddr, id: &str) {
    wait::until(&format!("`{id}` is accepted"), || accepted(feed, id).then_some(()));
}

on_both_stores!(a_message_comes_in_and_goes_out_over_http);

fn a_message_comes_in_and_goes_out_over_http(store: Store) {
    let out = Receiver::with(|_, _| ok());
    let site = Site::new(store);
    secret(&site, "key", "s3cret-of-the-receiver\n");
    let headers = "headers = { Authorization = { secret = \"key\", prefix = \"Bearer \" }, X-Site = \"north\" }\nidempotency_key = \"{MSH-4}/{MSH-10}\"";
    let feed = source(&site, "", &over_http("lab", &out, headers));
    let engine = site.serve();
    let mut client = Client::to(feed);
    let body = message::adt("H1", "P1");
    for _ in 0..2 {
        let answer = client.ask(&post("/adt", "", &body)).unwrap();
        assert_eq!(answer.status(), 200, "{answer:?}");
        assert_eq!(answer.field("Content-Type"), Some("application/hl7-v2"));
        assert_eq!(message::text(&answer.body, "MSA", 1), "AA");
    }
    let status = site.wait_status("the resend is counted", |s| s.channel("adt").duplicates == 1);
    assert_eq!(status.channel("adt").received, 1);
    site.wait_final("adt", 1);
    let [request] = out.requests().try_into().unwrap();
    assert_eq!((request.line.as_str(), &request.body), ("POST /in HTTP/1.1", &body));
    assert_eq!(request.field("Host"), Some(out.address().to_string().as_str()));
    assert_eq!(request.field("Content-Type"), Some("application/hl7-v2"));
    assert_eq!(request.field("Authorization"), Some("Bearer s3cret-of-the-receiver"));
    assert_eq!(request.field("X-Site"), Some("north"));
    assert_eq!(request.field("Idempotency-Key"), Some("NORTH/H1"));
    let shown = site.verb(&["message", "H1"]);
    assert!(shown.stdout.contains("200"), "the status is the attempt's code: {shown:?}");
    let ended = engine.stop();
    assert!(!ended.said.contains("s3cret"), "{ended}");
}

#[test]
fn what_is_wrong_with_a_request_is_told_and_does_nothing() {
    let lab = receiver::Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = source(&site, "", &to("lab", &lab, ""));
    let engine = site.serve();
    let body = message::adt("BAD", "P1");
    let good = String::from_utf8(post("/adt", "", &body)).unwrap();
    let with = |from: &str, to: &str| good.replacen(from, to, 1).into_bytes();
    let fields = |fields: &str| post("/adt", fields, &body);
    let cases = [
        (400, fields("Transfer-Encoding: chunked\r\n")),
        (400, fields(&format!("Content-Length: {}\r\n", body.len()))),
        (400, fields("A: b\r\n folded\r\n")),
        (400, fields("A: b\n")),
        (400, fields("A: b\0\r\n")),
        (431, fields(&"A: b\r\n".repeat(100))),
        (431, fields(&format!("A: {}\r\n", "a".repeat(17 << 10)))),
        (505, with("HTTP/1.1", "HTTP/1.0")),
        (404, with("/adt", "/")),
        (404, with("/adt", "//adt")),
        (404, with("/adt", "/%2e%2e/adt")),
        (404, with("/adt", "/adt.")),
        (405, with("POST", "TRACE")),
        (405, with("POST", "GET")),
        (403, fields("Origin: http://evil.test\r\n")),
        (415, fields("Content-Encoding: gzip\r\n")),
        (415, with("application/hl7-v2", "application/xml")),
        (413, with(&format!("Content-Length: {}", body.len()), "Content-Length: 16777217")),
        (411, with(&format!("Content-Length: {}\r\n", body.len()), "")),
    ];
    let count = cases.len();
    for (status, request) in cases {
        let shown = String::from_utf8_lossy(&request[..80]).into_owned();
        let mut client = Client::to(feed);
        let answer = client.ask(&request).unwrap_or_else(|| panic!("no answer: {shown}"));
        assert_eq!(answer.status(), status, "{shown}: {answer:?}");
        assert_eq!(answer.field("Connection"), Some("close"), "{answer:?}");
        let text = String::from_utf8(answer.body).unwrap();
        assert_eq!(text.lines().count(), 1, "one sentence: {text:?}");
        assert!(!text.contains(".rs") && !text.contains("adt"), "no internals: {text:?}");
        assert!(client.closes(SOON).is_some(), "{shown}");
    }
    // What is not HL7 is recorded and answered in HL7's own way.
    let answer =
        ask(feed, &post("/adt", "", b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"))
            .unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(message::text(&answer.body, "MSA", 1), "AR");
    // Broken HL7 is the content's fault.
    let broken = String::from_utf8(message::adt("", "P1")).unwrap();
    let answer = ask(feed, &post("/adt", "", broken.as_bytes())).unwrap();
    assert_eq!((answer.status(), message::text(&answer.body, "MSA", 1).as_str()), (422, "AE"));
    assert!(accepted(feed, "GOOD"), "others are served");
    let status = site.wait_final("adt", 3);
    assert_eq!(status.channel("adt").disposition("rejected"), 2, "{status:#?}");
    assert_eq!(lab.control_ids(), ["GOOD"]);
    let status = site.json(&["status"]);
    let refused = status["channels"][0]["refused_connections"].as_u64().unwrap();
    assert_eq!(refused, count as u64, "each refusal is counted: {status:#}");
    engine.stop();
}

#[test]
fn a_token_is_asked_for_before_a_byte_of_the_body() {
    let lab = receiver::Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    secret(&site, "adt-token", "first-token");
    let feed = source(&site, "token = { secret = \"adt-token\" }", &to("lab", &lab, ""));
    let engine = site.serve();
    let body = message::adt("T1", "P1");
    let bearer = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for fields in ["", "Authorization: Basic Zmlyc3QtdG9rZW4=\r\n", &bearer("wrong"), &bearer("")] {
        // The head alone: nothing of the ten mebibytes is waited for.
        let head = String::from_utf8(post("/adt?token=first-token", fields, &[])).unwrap();
        let head = head.replace("Content-Length: 0", "Content-Length: 10485760");
        let answer = ask(feed, head.as_bytes()).unwrap();
        assert_eq!(answer.status(), 401, "{fields:?}");
        assert_eq!(answer.field("WWW-Authenticate"), Some("Bearer"));
    }
    let status = |token: &str| ask(feed, &post("/adt", &bearer(token), &body)).unwrap().status();
    assert_eq!(status("first-token"), 200);
    secret(&site, "adt-token", "second-token\n");
    assert_eq!((status("first-token"), status("second-token")), (401, 200), "renewed, no restart");
    std::fs::remove_file(site.data().join("secrets/adt-token")).unwrap();
    assert_eq!(status("second-token"), 503, "nobody is let in unseen");
    let ended = engine.stop();
    assert!(!ended.said.contains("-token="), "{ended}");
    for token in ["first-token", "second-token"] {
        assert!(!ended.said.contains(token), "{ended}");
    }
}

#[test]
fn slow_senders_are_closed_and_others_are_served() {
    let lab = receiver::Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = source(&site, "", &to("lab", &lab, ""));
    let engine = site.serve();
    let (mut head, mut body) = (Client::to(feed), Client::to(feed));
    head.write(b"POST /adt HTTP/1.1\r\nHost: hilum\r\n").unwrap();
    let request = post("/adt", "", &message::adt("SLOW", "P1"));
    body.write(&request[..request.len() - 100]).unwrap();
    assert!(accepted(feed, "MEANWHILE"));
    let answer = body.answer(SOON).unwrap();
    assert_eq!(answer.status(), 408, "a body without progress");
    let answer = head.answer(SOON).unwrap();
    assert_eq!(answer.status(), 408, "a head that never ends");
    assert!(head.closes(SOON).is_some() && body.closes(SOON).is_some());
    let status = site.wait_final("adt", 2);
    assert_eq!(
        status.channel("adt").disposition("rejected"),
        1,
        "the cut body is kept: {status:#?}"
    );
    engine.stop();
}

#[test]
fn a_thousand_pipelined_requests_are_each_answered() {
    let lab = receiver::Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = source(&site, "", &to("lab", &lab, ""));
    let engine = site.serve();
    let mut client = Client::to(feed);
    let requests: Vec<u8> =
        (0..1_000).flat_map(|n| post("/adt", "", &message::adt(&format!("P{n}"), "P1"))).collect();
    std::thread::scope(|scope| {
        let mut writer = Client::to(feed);
        std::mem::swap(&mut writer, &mut client);
        scope.spawn(move || {
            writer.write(&requests).unwrap();
            for n in 0..1_000 {
                let answer = writer.answer(Duration::from_secs(60)).unwrap();
                assert_eq!(message::text(&answer.body, "MSA", 2), format!("P{n}"));
            }
        });
    });
    let status = site.wait_final("adt", 1_000);
    assert_eq!(status.channel("adt").disposition("delivered"), 1_000);
    engine.stop();
}

#[test]
fn while_the_store_is_gone_senders_are_told_to_come_back() {
    let cluster = Cluster::start();
    let lab = receiver::Receiver::accepting();
    let site = Site::on(&cluster.url());
    let feed = source(&site, "", &to("lab", &lab, ""));
    let engine = site.serve();
    until_accepted(feed, "BEFORE");
    cluster.stop();
    let answer = ask(feed, &post("/adt", "", &message::adt("MEANWHILE", "P1"))).expect("an answer");
    assert_eq!(answer.status(), 503, "{answer:?}");
    assert!(answer.field("Retry-After").is_some(), "{answer:?}");
    cluster.begin();
    until_accepted(feed, "MEANWHILE");
    let status = site.wait_final("adt", 2);
    assert_eq!(status.channel("adt").disposition("delivered"), 2, "{status:#?}");
    assert_eq!(query(&cluster.url(), "select count(*) from messages").trim(), "2");
    engine.stop();
}

#[test]
fn on_a_full_disk_nothing_is_accepted_and_room_is_enough_to_go_on() {
    let disk = Disk::of(640);
    let lab = receiver::Receiver::accepting();
    let mut site = Site::new(Store::Sqlite);
    site.keep_data_in(&disk.path().join("data"));
    let feed = source(&site, "", &to("lab", &lab, ""));
    let mut engine = site.serve();
    until_accepted(feed, "BEFORE");
    let ballast = disk.leave(100 * MIB);
    let mut sent = 1;
    let refused = (0..5_000)
        .map(|n| format!("FULL-{n}"))
        .find(|id| {
            let mut client = Client::to(feed);
            client.write(&post("/adt", "", &message::adt(id, "P1"))).unwrap();
            match client.answer(Duration::from_secs(3)) {
                Some(answer) if answer.status() == 200 => {
                    sent += 1;
                    false
                }
                Some(answer) => {
                    assert_eq!(
                        answer.status(),
                        503,
                        "no room is not the sender's fault: {answer:?}"
                    );
                    true
                }
                None => true,
            }
        })
        .expect("5,000 messages were accepted on a full disk");
    assert!(engine.runs());
    drop(ballast);
    until_accepted(feed, &refused);
    let status = site.wait_final("adt", sent + 1);
    assert_eq!(status.channel("adt").disposition("delivered"), sent + 1, "{status:#?}");
    engine.stop();
}

on_both_stores!(what_was_answered_200_survives_a_kill_and_keeps_its_key);

fn what_was_answered_200_survives_a_kill_and_keeps_its_key(store: Store) {
    // Every message is refused a few times first, and the engine is killed in between.
    let out = Receiver::with(|_, before| match before {
        0..6 => Behaviour::Say("500 Oops", "", Vec::new()),
        6 => Behaviour::Close,
        7 => Behaviour::Silent,
        _ => ok(),
    });
    let site = Site::new(store);
    let key = "idempotency_key = \"{MSH-10}/{delivery}\"\norder_by = 'PID-3.1'\nparallel = 1";
    let feed = source(&site, "", &over_http("lab", &out, key));
    let engine = site.serve();
    let ids: Vec<String> = (0..5).map(|n| format!("K{n}")).collect();
    for id in &ids {
        assert!(accepted(feed, id));
    }
    out.wait_count(2);
    engine.kill();
    let engine = site.serve();
    site.wait_final("adt", 5);
    let requests = out.requests();
    assert!(requests.len() >= 13, "{}", requests.len());
    for id in &ids {
        let of_this = requests.iter().filter(|request| message::control_id(&request.body) == *id);
        let mut keys: Vec<&str> =
            of_this.map(|request| request.field("Idempotency-Key").unwrap()).collect();
        keys.dedup();
        assert_eq!(keys.len(), 1, "one key for every try of `{id}`: {keys:?}");
        assert!(keys[0].starts_with(&format!("{id}/")), "{keys:?}");
    }
    engine.stop();
}

#[test]
fn a_redirect_is_a_dead_letter_and_leads_nowhere() {
    let elsewhere = Receiver::with(|_, _| ok());
    let location: &'static str = Box::leak(
        format!("Location: http://{}/latest/meta-data/\r\n", elsewhere.address()).into_boxed_str(),
    );
    let out = Receiver::with(move |_, _| Behaviour::Say("302 Found", location, Vec::new()));
    let site = Site::new(Store::Sqlite);
    let feed = source(&site, "", &over_http("lab", &out, ""));
    let engine = site.serve();
    assert!(accepted(feed, "R1"));
    let status = site.wait_final("adt", 1);
    assert_eq!(status.channel("adt").destination("lab").dead, 1, "{status:#?}");
    assert_eq!((out.requests().len(), elsewhere.connections()), (1, 0));
    let dead = site.verb(&["dead"]);
    assert!(dead.stdout.contains("302"), "{dead:?}");
    engine.stop();
}

#[test]
fn answers_without_end_are_bounded_and_delay_only_their_own_lane() {
    let huge =
        [b"HTTP/1.1 500 Oops\r\nContent-Length: 10737418240\r\n\r\n".to_vec(), vec![b'x'; 1 << 20]];
    let bomb =
        [b"HTTP/1.1 200 OK\r\n".to_vec(), b"A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n".to_vec()];
    let endless = |[head, rest]: [Vec<u8>; 2]| {
        Receiver::with(move |_, before| match before {
            0..2 => Behaviour::Endlessly(head.clone(), rest.clone()),
            _ => ok(),
        })
    };
    let (huge, bomb) = (endless(huge), endless(bomb));
    let silent = Receiver::with(|_, before| if before < 1 { Behaviour::Silent } else { ok() });
    let good = Receiver::with(|_, _| ok());
    let site = Site::new(Store::Sqlite);
    let lanes = [("huge", &huge), ("bomb", &bomb), ("silent", &silent), ("good", &good)];
    let lanes: String = lanes.iter().map(|(name, out)| over_http(name, out, "")).collect();
    let feed = source(&site, "", &lanes);
    let engine = site.serve();
    let before = engine.memory();
    for n in 0..3 {
        assert!(accepted(feed, &format!("E{n}")));
    }
    good.wait_count(3);
    let status = site.wait_final("adt", 3);
    assert_eq!(status.channel("adt").disposition("delivered"), 3, "{status:#?}");
    assert_eq!((huge.requests().len(), bomb.requests().len()), (5, 5));
    let grown = engine.memory().saturating_sub(before);
    assert!(grown < 128 * MIB, "memory grew by {} MiB", grown / MIB);
    engine.stop();
}

#[test]
fn what_a_receiver_asks_for_is_checked_before_anything_runs() {
    let site = Site::new(Store::Sqlite);
    let cases = [
        ("url = \"http://{PID-3.1}/in\"", "C0108"),
        ("url = \"http://127.0.0.1/in/{MSH-10}\"", "C0108"),
        ("url = \"ftp://127.0.0.1/in\"", "C0108"),
        ("url = \"http://user:pass@127.0.0.1/in\"", "C0108"),
        ("url = \"http://10.0.0.1/in\"", "C0411"),
        ("url = \"http://127.0.0.1/in\"\nheaders = { Authorization = \"Bearer abc\" }", "C0410"),
        ("url = \"http://127.0.0.1/in\"\nheaders = { X-Api-Key = \"abc\" }", "C0410"),
        ("url = \"http://127.0.0.1/in\"\nheaders = { Host = \"evil\" }", "C0440"),
        ("url = \"http://127.0.0.1/in\"\nheaders = { A = \"b\\r\\nC: d\" }", "C0440"),
        ("url = \"http://127.0.0.1/in\"\nheaders = { A = { secret = \"missing\" } }", "C0206"),
        ("url = \"http://127.0.0.1/in\"\naccept = [409]\nretry_on = [409]", "C0107"),
        ("url = \"http://127.0.0.1/in\"\nidempotency_key = \"{what}\"", "C0311"),
        ("url = \"http://127.0.0.1/in\"\non = { error = \"retry\" }", "C0320"),
    ];
    for (settings, code) in cases {
        source(
            &site,
            "",
            &format!("[[destination]]\nname = \"lab\"\ntype = \"http\"\n{settings}\n"),
        );
        let check = hilum_tests::verbs::local(&["check", &site.folder().to_string_lossy()]);
        assert_ne!(check.code, Some(0), "{settings}: {check:?}");
        let said = format!("{}{}", check.stdout, check.stderr);
        assert!(said.contains(code), "{settings}: {said}");
        assert!(!said.contains("abc"), "a secret is not shown: {said}");
    }
}

#[test]
fn over_tls_a_sender_shows_a_certificate_and_a_token() {
    let lab = receiver::Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/mllp-to-https/prepare");
    let client = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=pas -keyout pas.key -out pas.csr && \
                  printf 'extendedKeyUsage=clientAuth\\nbasicConstraints=CA:FALSE\\n' > pas.ext && \
                  openssl x509 -req -in pas.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile pas.ext -out pas.pem";
    let made = Command::new("sh").arg(script).args([site.folder(), site.data()]).status().unwrap();
    assert!(made.success());
    let certs = site.path("certs");
    let made = Command::new("sh").args(["-c", client]).current_dir(&certs).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let tls = "tls = { cert = \"certs/receiver.pem\", key = \"certs/receiver.key\", client = \"ca\", ca = \"certs/ca.pem\" }\n\
               token = { secret = \"results-token\" }";
    let feed = source(&site, tls, &to("lab", &lab, ""));
    let engine = site.serve();
    let token = std::fs::read_to_string(site.data().join("secrets/results-token")).unwrap();
    let request = |fields: &str| {
        post("/adt", &format!("Connection: close\r\n{fields}"), &message::adt("TLS", "P1"))
    };
    let bearer = request(&format!("Authorization: Bearer {}\r\n", token.trim()));
    let own = ["-cert", "pas.pem", "-key", "pas.key"];
    assert_eq!(answer(&certs, feed, &[], &bearer), "", "no certificate, no answer");
    let foreign = ["-cert", "receiver.pem", "-key", "receiver.key"];
    assert_eq!(answer(&certs, feed, &foreign, &bearer), "", "not a client's certificate");
    let h2 = [&own[..], &["-alpn", "h2"]].concat();
    assert_eq!(answer(&certs, feed, &h2, &bearer), "", "HTTP/1.1 alone is spoken");
    assert!(ask(feed, &bearer).is_none(), "nothing is answered in clear");
    let said = answer(&certs, feed, &own, &request(""));
    assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
    let said = answer(&certs, feed, &[&own[..], &["-alpn", "http/1.1"]].concat(), &bearer);
    assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("MSA|AA|TLS"), "{said}");
    site.wait_final("adt", 1);
    assert_eq!(lab.control_ids(), ["TLS"]);
    engine.stop();
}

/// A program posts with a token of its own, which is good for its channels and its networks, until it is taken back.
#[test]
fn a_program_posts_with_a_token_of_its_own() {
    let site = Site::new(Store::Sqlite);
    let lab = receiver::Receiver::accepting();
    let feed = source(&site, "programs = true", &to("lab", &lab, ""));
    let engine = site.serve();
    let add = |arguments: &[&str]| {
        let made = site.verb(&[&["token", "add"][..], arguments].concat());
        assert_eq!(made.code, Some(0), "{made:?}");
        made.stdout.trim().to_owned()
    };
    let sent = |token: &str, id: &str| {
        let fields = format!("Authorization: Bearer {token}\r\n");
        ask(feed, &post("/adt", &fields, &message::adt(id, "P1"))).unwrap().status()
    };
    let role = "service-integration";
    let bot = add(&["bot", "--role", &format!("{role}:adt")]);
    assert_eq!(sent(&bot, "T1"), 200);
    let of_another_channel = add(&["other", "--role", &format!("{role}:lab")]);
    assert_eq!(sent(&of_another_channel, "T2"), 401);
    let that_only_looks = add(&["monitor", "--role", "viewer"]);
    assert_eq!(sent(&that_only_looks, "T3"), 401);
    let from_elsewhere = add(&["far", "--role", role, "--from", "192.0.2.0/24"]);
    assert_eq!(sent(&from_elsewhere, "T4"), 401);
    assert_eq!(sent(&format!("{bot}x"), "T5"), 401);
    assert_eq!(ask(feed, &post("/adt", "", &message::adt("T6", "P1"))).unwrap().status(), 401);

    // What came in says who sent it; a token that is taken back ends with the next request.
    let status = site.wait_final("adt", 1);
    assert_eq!(status.channel("adt").received, 1);
    let message = site.json(&["message", "T1"]);
    assert!(message.to_string().contains("service:bot"), "{message}");
    let mut kept = Client::to(feed);
    let fields = format!("Authorization: Bearer {bot}\r\n");
    let again = |id: &str| post("/adt", &fields, &message::adt(id, "P1"));
    assert_eq!(kept.ask(&again("T7")).unwrap().status(), 200);
    assert_eq!(site.verb(&["token", "revoke", "bot"]).code, Some(0));
    assert_eq!(kept.ask(&again("T8")).unwrap().status(), 401, "on the open connection too");
    let refused = site.verb(&["audit", "list", "--action", "token.refused"]).stdout;
    assert!(
        refused.contains("channel") && refused.contains("network") && refused.contains("revoked"),
        "{refused}"
    );
    // The role is not for people.
    let person = site
        .verb_reading(&["user", "add", "eve", "--role", role], "correct horse battery staple\n");
    assert_ne!(person.code, Some(0), "{person:?}");
    engine.stop();

    // Nor do tokens cross a network in clear.
    let open = "listen = \"0.0.0.0:8080\"\npath = \"/adt\"\nprograms = true\n\
                plaintext = { reason = \"old\", until = 2099-01-01, from = [\"10.0.0.0/8\"] }";
    site.channel("adt", &format!("[source]\ntype = \"http\"\n{open}\n{}", to("lab", &lab, "")));
    let check = hilum_tests::verbs::local(&["check", &site.folder().to_string_lossy()]);
    assert!(format!("{}{}", check.stdout, check.stderr).contains("C0441"), "{check:?}");
}
