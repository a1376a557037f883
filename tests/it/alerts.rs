//! What somebody should look at: found in what happens, told to those who are to know, and looked after by people.

use crate::api::{setup_token, started};
use crate::parts::{files, on_both_stores};
use hilum_tests::admin::{Admin, PASSWORD, claim};
use hilum_tests::certificates::Authority;
use hilum_tests::http::{Behaviour, Receiver, Told, ok};
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{message, wait};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

on_both_stores!(
    wrong_logins_are_told_of_and_looked_after,
    what_people_do_is_looked_at,
    a_scoped_person_sees_the_alerts_of_their_channels,
);

const KEY: &str = "a key of more than sixteen bytes";

fn add(owner: &Admin, name: &str, grants: Value) {
    owner
        .post("/api/v1/users/add", json!({ "name": name, "password": PASSWORD, "grants": grants }));
}

fn append(site: &Site, text: &str) {
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &format!("{server}\n{text}"));
}

/// The alerts of a kind, in any state.
fn alerts(site: &Site, kind: &str) -> Vec<Value> {
    let all = site.json(&["alert", "list", "--state", "all", "--limit", "1000"]);
    let all = all["alerts"].as_array().unwrap().iter();
    all.filter(|alert| alert["kind"] == kind).cloned().collect()
}

fn wait_alert(site: &Site, kind: &str, there: impl Fn(&Value) -> bool) -> Value {
    wait::until(kind, || alerts(site, kind).into_iter().find(|alert| there(alert)))
}

/// A file sink and a webhook.
fn sinks(site: &Site, receiver: &Receiver) {
    let secrets = site.data().join("secrets");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&secrets).unwrap();
    fs::write(secrets.join("webhook-key"), KEY).unwrap();
    fs::set_permissions(secrets.join("webhook-key"), fs::Permissions::from_mode(0o600)).unwrap();
    let url = format!("http://{}/alerts?for=hilum", receiver.address());
    append(
        site,
        &format!(
            "[[alerts.sink]]\ntype = \"file\"\nname = \"siem\"\npath = \"data/alerts.ndjson\"\n\
             [[alerts.sink]]\ntype = \"webhook\"\nname = \"pager\"\nurl = \"{url}\"\nsecret = {{ secret = \"webhook-key\" }}\n"
        ),
    );
}

/// HMAC-SHA-256 as OpenSSL computes it.
fn signature(told: &Told) -> String {
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", KEY])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut signed = format!("{}.", told.field("x-hilum-timestamp").unwrap()).into_bytes();
    signed.extend(&told.body);
    openssl.stdin.take().unwrap().write_all(&signed).unwrap();
    let said = String::from_utf8(openssl.wait_with_output().unwrap().stdout).unwrap();
    format!("sha256={}", said.trim().rsplit(' ').next().unwrap())
}

fn lines(site: &Site) -> Vec<Value> {
    let text = fs::read_to_string(site.data().join("alerts.ndjson")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// P-02, P-03, P-05: one alert for many tries; a sink that is away gets it later and keeps no other waiting; also across a restart.
fn wrong_logins_are_told_of_and_looked_after(store: Store) {
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let receiver = Receiver::with(move |_, _| match is_up.load(Ordering::SeqCst) {
        true => ok(),
        false => Behaviour::Say("503 Service Unavailable", "", Vec::new()),
    });
    sinks(&site, &receiver);
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    add(&owner, "vera", json!([{ "role": "viewer" }]));
    for n in 0..6 {
        assert_eq!(nobody.login("vera", &format!("wrong guess number {n}"), None).status, 401);
    }
    let alert = wait_alert(&site, "login.failures", |alert| alert["count"] == 6);
    assert_eq!((&alert["severity"], &alert["state"]), (&json!("high"), &json!("open")));
    assert!(alert["text"].as_str().unwrap().contains("`vera`"), "{alert}");
    assert_eq!(alerts(&site, "login.failures").len(), 1);

    let raised = |line: &Value| line["kind"] == "login.failures" && line["event"] == "raised";
    wait::until("the file is told while the webhook is away", || {
        lines(&site).iter().any(raised).then_some(())
    });
    receiver.wait_count(1);
    engine.stop();

    let (engine, nobody) = started(&site);
    up.store(true, Ordering::SeqCst);
    let told = wait::until("the webhook is told when it is back", || {
        let mut requests = receiver.requests().into_iter().rev();
        requests.find(|told| raised(&serde_json::from_slice(&told.body).unwrap()))
    });
    assert!(told.line.starts_with("POST /alerts?for=hilum "), "{}", told.line);
    assert_eq!(told.field("x-hilum-signature").unwrap(), signature(&told));
    let body: Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!((&body["id"], &body["severity"]), (&alert["id"], &json!("high")));
    wait::until("nothing waits to be told", || {
        let status = site.json(&["security", "status"]);
        let sinks = status["system"]["sinks"].as_array().unwrap();
        assert_eq!(sinks.len(), 3, "{status}");
        sinks.iter().all(|sink| sink["waiting"] == 0).then_some(())
    });
    assert_eq!(lines(&site).iter().filter(|line| raised(line)).count(), 1, "told once");
    assert_eq!(alerts(&site, "login.failures").len(), 1, "a restart finds nothing again");

    let id = alert["id"].as_str().unwrap();
    looked_after(&site, id);
    wait::until("the file is told that it is over", || {
        let over = |line: &Value| line["id"] == id && line["event"] == "resolved";
        lines(&site).iter().any(over).then_some(())
    });
    drop(nobody);
    engine.stop();
    assert!(!site.audit_text().contains(KEY));
}

/// Acknowledged and resolved by the machine's operator, each with its record.
fn looked_after(site: &Site, id: &str) {
    assert_ne!(site.verb(&["alert", "acknowledge", id, "-m", " "]).code, Some(0), "no reason");
    assert_eq!(site.verb(&["alert", "acknowledge", id, "-m", "I call her"]).code, Some(0));
    assert_eq!(site.verb(&["alert", "acknowledge", id, "-m", "twice"]).code, Some(1));
    assert_eq!(site.verb(&["alert", "resolve", id, "-m", "she forgot it"]).code, Some(0));
    let alert = wait_alert(site, "login.failures", |alert| alert["id"] == id);
    assert_eq!((&alert["state"], &alert["note"]), (&json!("resolved"), &json!("she forgot it")));
    for (action, reason) in
        [("alert.acknowledge", "I call her"), ("alert.resolve", "she forgot it")]
    {
        let found = site.json(&["audit", "list", "--action", action]);
        let found = found["records"].as_array().unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((&found[0]["purpose"], &found[0]["target"]["id"]), (&json!(reason), &json!(id)));
    }
}

/// Reading too much is refused and told of; so are leaked tokens, what is denied over and over, and what is put into force.
fn what_people_do_is_looked_at(store: Store) {
    let site = Site::new(store);
    let feed = site.feed("adt", "", &files("archive", ""));
    append(&site, "[alerts]\nviews_minute = 3\nviews_day = 3\ndenied = 4\n");
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    Connection::to(feed).accepted(&message::adt("M1", "P1"));
    let roles = ["user", "add", "olga", "--role", "message-steward"];
    assert_eq!(site.verb_reading(&roles, PASSWORD).code, Some(0));
    let olga = nobody.signed_in("olga", PASSWORD, None);
    let found = olga.post("/api/v1/messages/find", json!({ "id": "M1" }));
    let look = || olga.ask("POST", "/api/v1/messages/body", Some(&json!({ "id": found["id"] })));
    for _ in 0..3 {
        assert_eq!(look().status, 200);
    }
    let refused = look();
    assert_eq!((refused.status, refused.code()), (429, "too_many"));
    assert!(refused.told.field("retry-after").is_some(), "{refused:?}");
    let alert = wait_alert(&site, "views.many", |_| true);
    assert!(alert["text"].as_str().unwrap().contains("`olga`"), "{alert}");
    // Who is meant cannot make it go away.
    let own = json!({ "id": alert["id"], "reason": "it was me" });
    let own = olga.ask("POST", "/api/v1/security/alerts/resolve", Some(&own));
    assert_eq!((own.status, own.code()), (409, "refused"));

    for _ in 0..4 {
        assert_eq!(olga.ask("GET", "/api/v1/users", None).status, 403);
    }
    wait_alert(&site, "access.denied", |alert| alert["count"] == 4);
    let made = site.verb(&["token", "add", "bot", "--role", "viewer", "--from", "192.0.2.0/24"]);
    let bot = nobody.with(made.stdout.trim());
    for _ in 0..5 {
        assert_eq!(bot.ask("GET", "/api/v1/status", None).status, 401);
    }
    let alert = wait_alert(&site, "token.misused", |_| true);
    assert!(alert["text"].as_str().unwrap().contains("(network)"), "{alert}");
    assert_eq!(alert["count"], 1, "a program that asks in a loop does not fill the log");
    assert_eq!(site.verb(&["token", "revoke", "bot", "-m", "it leaked"]).code, Some(0));
    assert_eq!(bot.ask("GET", "/api/v1/status", None).status, 401);
    wait_alert(&site, "token.misused", |alert| {
        alert["text"].as_str().unwrap().contains("(revoked)") && alert["count"] == 2
    });

    assert!(alerts(&site, "config.applied").is_empty(), "the first start is nobody's act");
    site.feed("adt", "", &files("other", ""));
    assert_eq!(site.verb(&["apply", "-m", "another folder"]).code, Some(0));
    let alert = wait_alert(&site, "config.applied", |_| true);
    assert_eq!((&alert["severity"], &alert["channel"]), (&json!("medium"), &json!("adt")));

    assert_eq!(site.verb(&["audit", "verify"]).code, Some(0));
    let status = wait::until("the verification is known", || {
        let status = owner.get("/api/v1/security/status");
        (status["system"]["audit"]["verified"] == true).then_some(status)
    });
    assert_eq!(
        status["system"]["second_factor"],
        json!({ "policy": "admins", "users": 2, "with": 1 })
    );
    assert_eq!(status["system"]["sessions"], 2);
    assert_eq!(status["limits"]["denied"], 4);
    assert!(status["alerts"]["high"]["open"].as_i64().unwrap() >= 3, "{status}");
    let shown = site.verb(&["security", "status"]).stdout;
    assert!(shown.contains("1 with a second factor") && shown.contains("verified 2"), "{shown}");
    engine.stop();
}

/// P-01: what is about a channel is for whoever reaches it, and the rest for whoever reaches every one.
fn a_scoped_person_sees_the_alerts_of_their_channels(store: Store) {
    let site = Site::new(store);
    for channel in ["adt", "secret"] {
        site.feed(channel, "", &files("archive", ""));
    }
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    for channel in ["adt", "secret"] {
        site.feed(channel, "", &files("other", ""));
    }
    assert_eq!(site.verb(&["apply", "-m", "another folder"]).code, Some(0));
    wait::until("an alert for each", || (alerts(&site, "config.applied").len() == 2).then_some(()));
    add(&owner, "olga", json!([{ "role": "operator", "channels": ["adt"] }]));
    add(&owner, "vera", json!([{ "role": "viewer" }]));
    let olga = nobody.signed_in("olga", PASSWORD, None);
    let seen = olga.get("/api/v1/security/alerts");
    let seen = seen["alerts"].as_array().unwrap();
    assert_eq!(seen.iter().map(|alert| &alert["channel"]).collect::<Vec<_>>(), ["adt"]);
    let status = olga.get("/api/v1/security/status");
    assert_eq!((&status["system"], &status["alerts"]["medium"]["open"]), (&Value::Null, &json!(1)));
    assert!(!status.to_string().contains("secret"), "{status}");
    let all = alerts(&site, "config.applied");
    let hidden = all.iter().find(|alert| alert["channel"] == "secret").unwrap();
    for id in [&hidden["id"], &json!("0197a000-0000-7000-8000-000000000000"), &json!("x")] {
        for verb in ["acknowledge", "resolve"] {
            let path = format!("/api/v1/security/alerts/{verb}");
            let answer = olga.ask("POST", &path, Some(&json!({ "id": id, "reason": "x" })));
            assert_eq!((answer.status, answer.code()), (404, "not_found"), "{id}");
        }
    }
    let own = json!({ "id": seen[0]["id"], "reason": "as planned" });
    olga.post("/api/v1/security/alerts/acknowledge", own.clone());
    let vera = nobody.signed_in("vera", PASSWORD, None);
    assert_eq!(vera.ask("POST", "/api/v1/security/alerts/resolve", Some(&own)).status, 403);
    assert_eq!(
        vera.get("/api/v1/security/alerts?state=acknowledged")["alerts"][0]["id"],
        own["id"]
    );
    let page = vera.get("/api/v1/security/alerts?limit=1");
    assert_eq!(page["alerts"].as_array().unwrap().len(), 1);
    let next = page["next"].as_str().unwrap();
    let rest = vera.get(&format!("/api/v1/security/alerts?limit=1000&before={next}"));
    assert!(!rest["alerts"].to_string().contains(page["alerts"][0]["id"].as_str().unwrap()));
    for query in
        ["state=open%20", "state=new", "before=x", "limit=-1", "unknown=1", "limit=1&limit=2"]
    {
        let answer = vera.ask("GET", &format!("/api/v1/security/alerts?{query}"), None);
        assert_eq!(answer.status, 422, "{query}: {answer:?}");
    }
    engine.stop();
}

/// A condition is an alert as long as it lasts.
#[test]
fn a_list_that_ends_is_an_alert_until_it_is_renewed() {
    let site = Site::new(Store::Sqlite);
    fs::create_dir_all(site.path("certs")).unwrap();
    let authority = Authority::new(&site.path("certs"), "ca");
    let list = authority.revoke(&[], 2090);
    let name = list.file_name().unwrap().to_str().unwrap();
    site.feed(
        "adt",
        "",
        &format!(
            "[[destination]]\nname = \"lab\"\ntype = \"mllp\"\naddress = \"127.0.0.1:1\"\n\
             tls = {{ ca = \"certs/ca.pem\", crl = \"certs/{name}\" }}\n"
        ),
    );
    let engine = site.serve();
    assert_eq!(site.json(&["security", "status"])["certificates"].as_array().unwrap().len(), 2);
    authority.revoke(&[], 2021);
    let alert = wait_alert(&site, "crl.ends", |_| true);
    assert_eq!((&alert["severity"], &alert["channel"]), (&json!("high"), &json!("adt")));
    authority.revoke(&[], 2090);
    let over = wait_alert(&site, "crl.ends", |alert| alert["state"] == "resolved");
    assert_eq!((&over["resolved_by"], &over["count"]), (&json!("engine"), &json!(1)));
    engine.stop();
}
