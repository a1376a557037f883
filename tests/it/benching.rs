//! The test bench: a text of a channel tried out on a message, tests that are kept, and files that are written over the admin API.

use std::fs;

use serde_json::{Value, json};

use crate::api::{setup_token, started};
use crate::parts::{files, on_both_stores};
use hilum_tests::admin::{Admin, PASSWORD, claim, code};
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;

on_both_stores!(
    a_text_is_tried_out_and_nothing_happens,
    files_are_written_where_the_site_allows_it
);

fn adt(id: &str) -> String {
    format!("MSH|^~\\&|EPIC|MAIN|||20260101||ADT^A01|{id}|P|2.5.1\rPID|1||8001||DOE^JANE|||F\r")
}

/// Lets a site write its files.
fn allow(site: &Site) {
    let text = fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &text.replace("[api]\n", "[api]\nedits = \"files\"\n"));
    assert!(fs::read_to_string(site.path("server.toml")).unwrap().contains("edits"), "{text}");
}

fn bench(admin: &Admin, text: Option<&str>, message: &Value) -> Value {
    admin.post("/api/v1/bench/run", json!({ "channel": "adt", "text": text, "message": message }))
}

/// Somebody who may read messages and channels, with a second factor.
fn reader(site: &Site, nobody: &Admin) -> Admin {
    let roles = ["--role", "message-steward", "--role", "release-manager"];
    let made = site.verb_reading(&[&["user", "add", "olga"][..], &roles].concat(), PASSWORD);
    assert_eq!(made.code, Some(0), "{made:?}");
    let begun = nobody.signed_in("olga", PASSWORD, None);
    let begun_with = begun.post("/api/v1/me/second-factor/begin", json!({}));
    let own = begun_with["secret"].as_str().unwrap();
    begun.post("/api/v1/me/second-factor/confirm", json!({ "code": code(own, 0) }));
    nobody.signed_in("olga", PASSWORD, Some(&code(own, 1)))
}

fn a_text_is_tried_out_and_nothing_happens(store: Store) {
    let site = Site::new(store);
    let feed = site.feed("adt", "", &files("paper", "steps = [{ set = 'PID-8', to = 'M' }]"));
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    let given = json!({ "text": adt("T1").replace('\r', "\n") });
    let done = bench(&owner, None, &given);
    let run = &done["run"];
    assert_eq!((&run["disposition"], &run["ack"]), (&json!("routed"), &json!("AA")), "{done}");
    let output = &run["outputs"][0];
    assert_eq!(output["differences"][0]["path"], "PID-8");
    assert!(output["text"].as_str().unwrap().contains("|M\r"), "{output}");
    assert_eq!(run["steps"][0]["changes"][0]["after"], "M");
    // Another text, with a filter that stops it, and one with an error.
    let file = fs::read_to_string(site.path("channels/adt.toml")).unwrap();
    let filtered = format!("{file}\n[transform]\nsteps = [{{ keep = 'PID-8 = \"X\"' }}]\n");
    let run = bench(&owner, Some(&filtered), &given)["run"].clone();
    assert_eq!((&run["disposition"], &run["step"]), (&json!("filtered"), &json!(1)), "{run}");
    assert_eq!(run["steps"][0]["operands"][0], json!({ "path": "PID-8", "value": "F" }));
    let done = bench(&owner, Some(&file.replace("set =", "sett =")), &given);
    let problem = &done["diagnostics"][0];
    assert!(
        done["run"].is_null() && problem["line"].is_i64() && problem["code"].is_string(),
        "{done}"
    );
    // A message of the store is looked at, and that is recorded; nothing else is in the store.
    Connection::to(feed).accepted(adt("S1").as_bytes());
    let found = owner.post("/api/v1/messages/find", json!({ "id": "S1" }));
    let stored = json!({ "id": found["id"] });
    let asked = json!({ "channel": "adt", "message": stored });
    let refused = owner.ask("POST", "/api/v1/bench/run", Some(&asked));
    assert_eq!((refused.status, refused.code()), (403, "denied"), "the owner reads no messages");
    let done = bench(&reader(&site, &nobody), None, &stored);
    assert_eq!(done["run"]["disposition"], "routed");
    assert!(site.audit_text().contains("message.body.read"));
    assert_eq!(site.json(&["messages"])["messages"].as_array().unwrap().len(), 1);
    // Files are not written unless the site says so.
    let texts = owner.post("/api/v1/channels/file", json!({ "channel": "adt" }));
    assert_eq!((&texts["edits"], &texts["differs"]), (&json!(false), &json!(false)), "{texts}");
    for (path, body) in [
        (
            "/api/v1/channels/edit",
            json!({ "channel": "adt", "text": file, "expected_hash": texts["hash"], "reason": "x" }),
        ),
        (
            "/api/v1/bench/save",
            json!({ "channel": "adt", "name": "one", "message": given, "reason": "x" }),
        ),
    ] {
        let refused = owner.ask("POST", path, Some(&body));
        assert_eq!((refused.status, refused.code()), (409, "edits"), "{path}");
    }
    engine.stop();
}

fn files_are_written_where_the_site_allows_it(store: Store) {
    let site = Site::new(store);
    site.feed("adt", "", &files("paper", ""));
    allow(&site);
    let (engine, nobody) = started(&site);
    let (owner, _) = claim(&nobody, &setup_token(&site));
    let texts = owner.post("/api/v1/channels/file", json!({ "channel": "adt" }));
    let (text, hash) = (texts["file"].as_str().unwrap(), &texts["hash"]);
    let edit = |text: &str, hash: &Value| {
        let body =
            json!({ "channel": "adt", "text": text, "expected_hash": hash, "reason": "later" });
        owner.ask("POST", "/api/v1/channels/edit", Some(&body))
    };
    let other = format!("# changed over the API\n{text}");
    let broken = edit(&format!("{text}\nodd ="), hash);
    assert_eq!((broken.status, broken.code()), (409, "broken"), "{broken:?}");
    let edited = edit(&other, hash);
    assert_eq!(edited.status, 200, "{edited:?}");
    assert_eq!(fs::read_to_string(site.path("channels/adt.toml")).unwrap(), other);
    let overtaken = edit(text, hash);
    assert_eq!(
        (overtaken.status, overtaken.code()),
        (409, "overtaken"),
        "somebody has written since"
    );
    let texts = owner.post("/api/v1/channels/file", json!({ "channel": "adt" }));
    assert_eq!(
        (&texts["differs"], &texts["hash"]),
        (&json!(true), &edited.body["hash"]),
        "{texts}"
    );
    // A new channel has no text before; a name that leads elsewhere is none.
    let new = json!({ "channel": "another", "text": "x = ", "reason": "x" });
    assert_eq!(owner.ask("POST", "/api/v1/channels/edit", Some(&new)).code(), "broken");
    let odd = json!({ "channel": "../server", "text": other, "reason": "x" });
    assert_eq!(owner.ask("POST", "/api/v1/channels/edit", Some(&odd)).status, 404);

    let test = json!({ "channel": "adt", "name": "admission", "message": { "text": adt("T1") }, "reason": "keep" });
    let saved = owner.post("/api/v1/bench/save", test.clone());
    assert_eq!(saved["folder"], "channels/adt/tests/admission");
    let kept = fs::read_to_string(site.path("channels/adt/tests/admission/in.hl7")).unwrap();
    assert!(kept.starts_with("MSH|") && !kept.contains("DOE") && !kept.contains("8001"), "{kept}");
    assert_eq!(owner.ask("POST", "/api/v1/bench/save", Some(&test)).status, 409, "it is there");
    let log = site.audit_text();
    for act in ["channel.edit", "channel.test.add"] {
        assert!(log.contains(act), "{act}");
    }
    engine.stop();
    let tested = hilum_tests::verbs::local(&["test", site.folder().to_str().unwrap()]);
    assert_eq!(tested.code, Some(0), "{tested:?}");
}
