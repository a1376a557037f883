//! Mail about alerts: encrypted or not at all, told when the server is back, and without a value of a message.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

use crate::parts::on_both_stores;
use hilum_tests::certificates::{Authority, GOOD};
use hilum_tests::http::{Receiver as Hook, ok};
use hilum_tests::mail::MailServer;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{message, ports, wait};
use serde_json::{Value, json};

on_both_stores!(
    a_receiver_that_is_unplugged_is_told_of_and_what_is_planned_is_not,
    what_is_done_with_an_alert_is_kept,
);

const PASSWORD: &str = "a password for mail";
const KEY: &str = "a key of more than sixteen bytes";

fn append(site: &Site, text: &str) {
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &format!("{server}\n{text}"));
}

fn secret(site: &Site, name: &str, value: &str) {
    let secrets = site.data().join("secrets");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&secrets).unwrap();
    fs::write(secrets.join(name), value).unwrap();
    fs::set_permissions(secrets.join(name), fs::Permissions::from_mode(0o600)).unwrap();
}

fn sink(name: &str, at: SocketAddr, security: &str, (ca, to): (&str, &str)) -> String {
    format!(
        "[[alerts.sink]]\ntype = \"email\"\nname = \"{name}\"\naddress = \"{at}\"\nsecurity = \"{security}\"\n\
         tls = {{ ca = \"certs/{ca}.pem\", server_name = \"localhost\" }}\nsender = \"hilum@a.example\"\nrecipients = [{to}]\n\
         user = \"hilum\"\npassword = {{ secret = \"mail-password\" }}\nseverity = \"high\"\n"
    )
}

const BOTH: &str = "\"ada@a.example\", \"gone@a.example\"";

#[test]
fn mail_goes_encrypted_or_not_at_all() {
    let site = Site::new(Store::Sqlite);
    let authority = Authority::new(&site.path("certs"), "ca");
    Authority::new(&site.path("certs"), "other");
    let own = authority.issue("mail", &GOOD);
    secret(&site, "mail-password", PASSWORD);
    let [tls, starttls, plain] = [ports::free(), ports::free(), ports::free()];
    let servers = [(tls, "tls"), (starttls, "starttls"), (plain, "plain")]
        .map(|(at, mode)| MailServer::listen(at, mode, &own, "gone@a.example"));
    let gone = "\"gone@a.example\"";
    append(&site, &sink("tls", tls, "tls", ("ca", BOTH)));
    append(&site, &sink("starttls", starttls, "starttls", ("ca", BOTH)));
    append(&site, &sink("plain", plain, "starttls", ("ca", BOTH)));
    append(&site, &sink("strange", tls, "tls", ("other", BOTH)));
    append(&site, &sink("strange-later", starttls, "starttls", ("other", BOTH)));
    append(&site, &sink("nobody", tls, "tls", ("ca", gone)));
    let engine = site.serve();
    for name in ["tls", "starttls"] {
        let told = site.verb(&["alert", "test", name]);
        assert_eq!(told.code, Some(0), "{told:?}");
    }
    for (server, user) in servers.iter().zip([["hilum", PASSWORD], ["hilum", PASSWORD]]) {
        let mail = server.wait("alert.test");
        assert_eq!((&mail["user"], &mail["encrypted"]), (&json!(user), &json!(true)));
        assert_eq!(
            (&mail["from"], &mail["to"]),
            (&json!("hilum@a.example"), &json!(["ada@a.example"]))
        );
        assert!(mail["text"].as_str().unwrap().contains("Subject: [hilum "), "{mail}");
    }
    for (name, problem) in [
        ("plain", "does not offer STARTTLS"),
        ("strange", "no TLS with"),
        ("strange-later", "no TLS with"),
        ("nobody", "550 5.1.1 no such user"),
    ] {
        let told = site.verb(&["alert", "test", name]);
        assert_eq!(told.code, Some(1), "{name}: {told:?}");
        assert!(told.stderr.contains(problem), "{name}: {told:?}");
    }
    assert_eq!(site.verb(&["alert", "test", "unknown"]).code, Some(1));
    assert!(servers[2].mails().is_empty());
    let clear = servers.iter().flat_map(MailServer::in_clear);
    assert!(clear.into_iter().all(|line| line == "STARTTLS" || line.starts_with("EHLO ")));
    engine.stop();
}

/// A site that sends to a receiver and tells by mail and by webhook.
fn told(
    store: Store,
    receiver: SocketAddr,
    mail: SocketAddr,
    hook: SocketAddr,
) -> (Site, SocketAddr) {
    let site = Site::new(store);
    secret(&site, "mail-password", PASSWORD);
    secret(&site, "hook-key", KEY);
    let lab =
        format!("[[destination]]\nname = \"lab\"\ntype = \"mllp\"\naddress = \"{receiver}\"\n");
    let feed = site.feed("adt", "", &lab);
    append(&site, "[alerts]\ndown = \"10s\"\n");
    append(&site, &sink("mail", mail, "starttls", ("ca", "\"ada@a.example\"")));
    let hook = format!(
        "[[alerts.sink]]\ntype = \"webhook\"\nname = \"hook\"\nurl = \"http://{hook}/\"\nsecret = {{ secret = \"hook-key\" }}\n"
    );
    append(&site, &hook);
    (site, feed)
}

fn find(site: &Site, kind: &str, state: &str) -> Option<Value> {
    let all = site.json(&["alert", "list", "--state", "all", "--limit", "1000"]);
    let mut all = all["alerts"].as_array().unwrap().iter();
    all.find(|alert| alert["kind"] == kind && alert["state"] == state).cloned()
}

fn a_receiver_that_is_unplugged_is_told_of_and_what_is_planned_is_not(store: Store) {
    let (mut receiver, hook) = (Receiver::down(), Hook::with(|_, _| ok()));
    let at = ports::free();
    let (site, feed) = told(store, receiver.address(), at, hook.address());
    let own = Authority::new(&site.path("certs"), "ca").issue("mail", &GOOD);
    let engine = site.serve();
    let down = "destination.down";
    let planned = ["alert", "maintenance", "add", "--minutes", "60", "--channel", "adt"];
    let planned = site.json(&[&planned[..], &["--rule", down, "-m", "moved"]].concat());
    Connection::to(feed).accepted(&message::adt("M1", "CANARY77"));
    let alert = wait::until("the alert is written down", || find(&site, down, "open"));
    let events = |event: &str| {
        let bodies = hook.requests().into_iter().map(|told| told.body);
        let all = bodies.filter_map(|body| serde_json::from_slice::<Value>(&body).ok());
        all.filter(|told| told["id"] == alert["id"] && told["event"] == event).count()
    };
    assert_eq!(events("raised"), 0, "it is planned");
    let windows = site.json(&["alert", "maintenance", "list"]);
    assert_eq!(
        (&windows["windows"][0]["id"], &windows["windows"][0]["rules"]),
        (&planned["id"], &json!([down]))
    );
    let id = planned["id"].as_str().unwrap();
    assert_eq!(site.verb(&["alert", "maintenance", "end", id, "-m", "done"]).code, Some(0));
    wait::until("what is left is told", || (events("raised") == 1).then_some(()));
    // The server of mail was away all the time, and kept nobody waiting.
    let server = MailServer::listen(at, "starttls", &own, "");
    let raised = server.wait("raised: destination.down");
    assert_eq!(raised["to"], json!(["ada@a.example"]));
    receiver.up();
    let over = wait::until("it is over", || find(&site, down, "resolved"));
    assert_eq!((&over["id"], &over["resolved_by"]), (&alert["id"], &json!("engine")));
    wait::until("the hook knows", || (events("resolved") == 1).then_some(()));
    server.wait("resolved: destination.down");
    let hooked = hook.requests().into_iter().flat_map(|told| told.body).collect();
    let texts: Vec<Value> = server.mails().iter().map(|mail| mail["text"].clone()).collect();
    let all = format!("{texts:?} {}", String::from_utf8(hooked).unwrap());
    assert!(!all.contains("CANARY77") && !all.contains(PASSWORD) && !all.contains(KEY));
    engine.stop();
}

fn what_is_done_with_an_alert_is_kept(store: Store) {
    let receiver = Receiver::down();
    let (site, feed) = told(store, receiver.address(), ports::free(), ports::free());
    Authority::new(&site.path("certs"), "ca");
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("M1", "P1"));
    let alert = wait::until("the alert", || find(&site, "destination.down", "open"));
    let id = alert["id"].as_str().unwrap();
    let done = |more: &[&str]| site.verb(&[&["alert"], more, &["-m", "why"]].concat()).code;
    assert_eq!(done(&["snooze", id, "--minutes", "60"]), Some(0));
    assert_eq!(done(&["snooze", id, "--minutes", "0"]), Some(1));
    assert_eq!(done(&["snooze", id, "--until", "2001-01-01T00:00:00Z"]), Some(1));
    assert_eq!(done(&["assign", id, "--to", "nobody-of-this-name"]), Some(1));
    assert_eq!(
        site.verb_reading(
            &["user", "add", "bob", "--role", "operator"],
            hilum_tests::admin::PASSWORD
        )
        .code,
        Some(0)
    );
    assert_eq!(done(&["assign", id, "--to", "bob"]), Some(0));
    assert_eq!(done(&["ack", id]), Some(0));
    let alert = wait::until("the alert", || find(&site, "destination.down", "acknowledged"));
    assert_eq!((&alert["id"], &alert["assigned_to"]), (&json!(id), &json!("bob")));
    assert!(alert["snoozed_until_us"].as_i64() > alert["acknowledged_us"].as_i64());
    for action in ["alert.snooze", "alert.assign"] {
        let found = site.json(&["audit", "list", "--action", action]);
        let record = &found["records"].as_array().unwrap()[0];
        assert_eq!((&record["purpose"], &record["target"]["id"]), (&json!("why"), &json!(id)));
    }
    let rules = site.json(&["alert", "rules"]);
    let rules = rules["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["kind"] == "destination.down").unwrap();
    assert_eq!((&rule["set"], &rule["limit"]), (&json!("down"), &json!("10s")));
    let odd = ["alert", "maintenance", "add", "--minutes", "5", "--rule", "no.rule", "-m", "x"];
    assert_eq!(site.verb(&odd).code, Some(1));
    engine.stop();
}
