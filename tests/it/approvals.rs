//! A second person, and an envelope for when there is nobody, at the running product.

use hilum_tests::admin::{Admin, PASSWORD, claim, code};
use hilum_tests::message;
use hilum_tests::site::{Site, Store};
use hilum_tests::wait;
use hilum_tests::wire::Connection;
use serde_json::{Value, json};
use std::fs;

use crate::parts::{files, on_both_stores};

on_both_stores!(
    what_is_grave_needs_a_second_person,
    a_new_script_needs_a_second_person,
    an_envelope_opens_the_engine_and_everybody_hears_of_it,
    many_messages_are_not_sent_again_by_the_way,
);

fn always(site: &Site) {
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &server.replace("[api]\n", "[api]\napprovals = \"always\"\n"));
}

/// Somebody with a second factor, made by the operator of the machine.
fn with_factor(site: &Site, nobody: &Admin, name: &str, role: &str) -> Admin {
    let made = site.verb_reading(&["user", "add", name, "--role", role], PASSWORD);
    assert_eq!(made.code, Some(0), "{made:?}");
    let begun = nobody.signed_in(name, PASSWORD, None);
    let secret = begun.post("/api/v1/me/second-factor/begin", json!({}))["secret"].clone();
    let secret = secret.as_str().unwrap().to_owned();
    let codes = begun.post("/api/v1/me/second-factor/confirm", json!({ "code": code(&secret, 0) }));
    let recovery = codes["recovery_codes"][0].as_str().unwrap().to_owned();
    nobody.signed_in(name, PASSWORD, Some(&recovery))
}

fn what_is_grave_needs_a_second_person(store: Store) {
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    always(&site);
    let engine = site.serve();
    let nobody = Admin::at(site.api());
    let token = fs::read_to_string(site.data().join("setup-token")).unwrap();
    let (owner, _) = claim(&nobody, token.trim());
    let petra = with_factor(&site, &nobody, "petra", "privacy-officer");
    let olaf =
        json!({ "name": "olaf", "password": PASSWORD, "grants": [{ "role": "system-owner" }] });
    let asked = owner.ask("POST", "/api/v1/users/add", Some(&olaf));
    assert_eq!((asked.status, asked.code()), (409, "approval_needed"), "{asked:?}");
    let all = petra.get("/api/v1/approvals");
    let id = all["approvals"][0]["id"].as_str().unwrap().to_owned();
    assert!(asked.body["detail"].as_str().unwrap().contains(&id));
    assert_eq!(all["approvals"][0]["summary"], "let `olaf` be system-owner");
    let own = owner.ask("POST", "/api/v1/approvals/approve", Some(&json!({ "id": id })));
    assert_eq!(own.status, 409, "one's own request: {own:?}");
    petra.post("/api/v1/approvals/approve", json!({ "id": id, "reason": "agreed on the phone" }));
    let mut olaf = olaf;
    olaf["approval"] = json!(id);
    owner.post("/api/v1/users/add", olaf.clone());
    olaf["name"] = json!("olaf2");
    let again = owner.ask("POST", "/api/v1/users/add", Some(&olaf));
    assert_eq!(again.status, 409, "{again:?}");
    let record =
        &site.json(&["audit", "list", "--action", "user.add", "--limit", "1"])["records"][0];
    assert_eq!((&record["approval"], &record["after"]["name"]), (&json!(id), &json!("olaf")));
    let shown = site.verb(&["approval", "list"]);
    assert!(shown.stdout.contains("done") && shown.stdout.contains("owner"), "{shown:?}");
    engine.stop();
}

fn a_new_script_needs_a_second_person(store: Store) {
    let site = Site::new(store);
    let rest = files("archive", "");
    let feed = site.feed("adt", "", &rest);
    always(&site);
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &format!("{server}\n[apply]\nscripts = \"agreed\"\n"));
    let engine = site.serve();
    let nobody = Admin::at(site.api());
    let token = fs::read_to_string(site.data().join("setup-token")).unwrap();
    let (owner, _) = claim(&nobody, token.trim());
    let petra = with_factor(&site, &nobody, "petra", "system-owner");
    let scripted = "[transform]\nsteps = [{ script = \"adt/a.js\" }]\n";
    site.channel(
        "adt",
        &format!("[source]\ntype = \"mllp\"\nlisten = \"{feed}\"\n{scripted}{rest}"),
    );
    let script = |site: &Site, value: &str| {
        let text = format!("export default function (msg) {{ msg.set('MSH-8', '{value}'); }}");
        site.write("channels/adt/a.js", &text);
    };
    script(&site, "one");
    let mut apply = json!({ "reason": "a script" });
    let asked = owner.ask("POST", "/api/v1/apply", Some(&apply));
    assert_eq!((asked.status, asked.code()), (409, "approval_needed"), "{asked:?}");
    let all = petra.get("/api/v1/approvals");
    let id = all["approvals"][0]["id"].as_str().unwrap().to_owned();
    assert!(
        all["approvals"][0]["summary"].as_str().unwrap().contains("run the scripts `adt/a.js` ("),
        "{all}"
    );
    petra.post("/api/v1/approvals/approve", json!({ "id": id, "reason": "I have read it" }));
    // What was agreed to is this text and no other.
    apply["approval"] = json!(id);
    script(&site, "two");
    let other = owner.ask("POST", "/api/v1/apply", Some(&apply));
    assert_eq!(other.status, 409, "{other:?}");
    script(&site, "one");
    owner.post("/api/v1/apply", apply);
    // Without another script nobody else is asked.
    let more = format!(
        "description = \"x\"\n[source]\ntype = \"mllp\"\nlisten = \"{feed}\"\n{scripted}{rest}"
    );
    site.channel("adt", &more);
    owner.post("/api/v1/apply", json!({ "reason": "words" }));
    engine.stop();
}

fn an_envelope_opens_the_engine_and_everybody_hears_of_it(store: Store) {
    let site = Site::new(store);
    site.feed("adt", "", &files("archive", ""));
    let engine = site.serve();
    let nobody = Admin::at(site.api());
    let petra = with_factor(&site, &nobody, "petra", "privacy-officer");
    let sealed = site.verb(&["breakglass", "seal"]);
    let words: Vec<&str> = sealed.stdout.lines().collect();
    assert_eq!((sealed.code, words.len()), (Some(0), 2), "{sealed:?}");
    let open = |words: &str| {
        let request = json!({ "passphrase": words, "name": "Ada", "reason": "nobody else can be reached tonight", "ticket": "T-7" });
        nobody.ask("POST", "/api/v1/break-glass", Some(&request))
    };
    let wrong = open("these are not the words");
    assert_eq!((wrong.status, wrong.code()), (401, "invalid_credentials"));
    let opened = open(words[0]);
    assert_eq!(opened.status, 200, "{opened:?}");
    let ada = nobody.with(opened.body["token"].as_str().unwrap());
    let status = site.verb(&["status"]).stdout;
    assert!(status.contains("EMERGENCY: Ada has opened an envelope"), "{status}");
    ada.post(
        "/api/v1/users/add",
        json!({ "name": "vera", "password": PASSWORD, "grants": [{ "role": "viewer" }] }),
    );
    assert_eq!(
        ada.ask("POST", "/api/v1/break-glass/seal", Some(&json!({ "count": 1 }))).status,
        403
    );
    assert_eq!(open(words[0]).status, 401, "an envelope is opened once");
    assert_eq!(open(words[1]).status, 409, "one at a time");
    let log = site.json(&["breakglass", "list"]);
    let id = log["emergencies"][0]["id"].as_str().unwrap().to_owned();
    let report: Value = site.json(&["breakglass", "report", &id]);
    let done: Vec<&str> = report["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["action"].as_str().unwrap())
        .collect();
    assert!(done.contains(&"user.add") && done.contains(&"breakglass.opened"), "{done:?}");
    for record in report["records"].as_array().unwrap() {
        assert_eq!(record["break_glass"], json!(id));
    }
    let alert = |state: &str| {
        let all = site.json(&["alert", "list", "--state", state]);
        all["alerts"].as_array().unwrap().iter().any(|one| one["kind"] == "breakglass.used")
    };
    wait::until("the alert", || alert("open").then_some(()));
    let all = ada.get("/api/v1/security/alerts?state=open");
    let own = all["alerts"].as_array().unwrap().iter().find(|one| one["kind"] == "breakglass.used");
    let own = json!({ "id": own.unwrap()["id"], "reason": "nothing to see here" });
    let own = ada.ask("POST", "/api/v1/security/alerts/resolve", Some(&own));
    assert_eq!(own.status, 409, "nobody ends the alert about themselves: {own:?}");
    ada.post("/api/v1/auth/logout", json!({}));
    assert_eq!(ada.ask("GET", "/api/v1/status", None).status, 401);
    let review = json!({ "id": id, "reason": "only vera was added, as asked" });
    petra.post("/api/v1/break-glass/review", review);
    wait::until("the end of the alert", || alert("resolved").then_some(()));
    let said = engine.stop().said;
    for secret in words {
        assert!(!said.contains(secret) && !site.audit_text().contains(secret));
    }
}

/// More than a hundred need a fresh sign-in, which no program has.
fn many_messages_are_not_sent_again_by_the_way(store: Store) {
    let site = Site::new(store);
    let adt = site.feed("adt", "", &files("archive", ""));
    let engine = site.serve();
    let mut sender = Connection::to(adt);
    for n in 0..101 {
        sender.accepted(&message::adt(&format!("M{n}"), "P1"));
    }
    site.wait_final("adt", 101);
    let made = site.verb(&["token", "add", "bot", "--role", "operator", "--from", "127.0.0.0/8"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let bot = Admin::at(site.api()).with(made.stdout.trim());
    let mut ids = Vec::new();
    let page = site.json(&["messages", "--limit", "200"]);
    for one in page["messages"].as_array().unwrap() {
        ids.push(one["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 101);
    let replay = |ids: &[String]| {
        let request = json!({ "ids": ids, "mode": "raw", "reason": "trying" });
        bot.ask("POST", "/api/v1/replay", Some(&request))
    };
    let many = replay(&ids);
    assert_eq!((many.status, many.code()), (403, "step_up_needed"), "{many:?}");
    assert_eq!(replay(&ids[..100]).status, 200);
    engine.stop();
}
