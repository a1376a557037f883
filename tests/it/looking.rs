//! One search by words, and the page of a message, as people use them.

use std::fs;

use serde_json::{Value, json};

use crate::parts::{files, on_both_stores, to};
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wait;
use hilum_tests::wire::Connection;

on_both_stores!(messages_are_found_by_words, a_message_is_looked_at);

fn adt(id: &str, event: &str, mrn: &str) -> Vec<u8> {
    format!(
        "MSH|^~\\&|EPIC|MAIN|||20260101||ADT^{event}|{id}|P|2.5.1\rPID|1||{mrn}^^^H^MR~X{mrn}^^^B^PI||DOE^JANE|||F\r"
    )
    .into_bytes()
}

/// The control ids of what a search finds, and the answer.
fn found(site: &Site, words: &[&str]) -> (Vec<String>, Value) {
    let all = [&["messages"], words].concat();
    let page = site.json(&all);
    let rows = page["messages"].as_array().unwrap();
    let id = |row: &Value| row["control_id"].as_str().unwrap_or_default().to_owned();
    (rows.iter().map(id).collect(), page)
}

fn messages_are_found_by_words(store: Store) {
    let site = Site::new(store);
    let refusing = Receiver::with(|arrival, _| match arrival.control_id.as_str() {
        "M2" => Behaviour::Say("AE"),
        _ => Behaviour::Say("AA"),
    });
    let when = "when = 'MSH-9.2 = \"A01\"'";
    let feed =
        site.feed("adt", "", &format!("{}{}", to("lab", &refusing, when), files("paper", "")));
    let engine = site.serve();
    let mut sender = Connection::to(feed);
    for (id, event, mrn) in
        [("M1", "A01", "WOMBAT1"), ("M2", "A01", "WOMBAT1"), ("M3", "A08", "WOMBAT2")]
    {
        sender.accepted(&adt(id, event, mrn));
    }
    site.wait_final("adt", 3);
    wait::until("they are in the index", || {
        (found(&site, &["mrn:WOMBAT1"]).0.len() == 2).then_some(())
    });
    for (words, expected) in [
        (&["type:ADT"][..], &["M3", "M2", "M1"][..]),
        (&["type:ADT^A08"], &["M3"]),
        (&["state:dead"], &["M2"]),
        (&["state:dead mrn:wombat1"], &["M2"]),
        (&["mrn:WOMBAT2 state:dead"], &[]),
        (&["destination:lab"], &["M2", "M1"]),
        (&["state:partly_delivered", "--channel", "adt"], &["M2"]),
        (&["from:EPIC/MAIN", "type:ADT^A01", "since:1h"], &["M2", "M1"]),
        (&["M3"], &["M3"]),
        (&["id:M3"], &["M3"]),
        (&["WOMBAT2"], &["M3"]),
        (&["until:2020-01-01"], &[]),
        (&["ack:AA origin:peer", "--limit", "1"], &["M3"]),
    ] {
        assert_eq!(found(&site, words).0, expected, "{words:?}");
    }
    let (_, page) = found(&site, &["WOMBAT2"]);
    assert_eq!((&page["tried"], &page["window"]["since_us"]), (&json!("mrn"), &Value::Null));
    let (_, page) = found(&site, &["mrn:WOMBAT1", "state:dead"]);
    assert_eq!(page["understood"][0], json!({ "word": "mrn", "value": null, "masked": true }));
    assert_eq!(page["understood"][1], json!({ "word": "state", "value": "dead", "masked": false }));
    let (_, page) = found(&site, &["ack:AA", "--limit", "2"]);
    assert!(page["more"] == true && page["window"]["since_us"].is_i64(), "{page}");
    let wrong = site.verb(&["messages", "chanel:adt"]);
    assert!(
        wrong.code == Some(1) && wrong.stderr.contains("did you mean `channel:`?"),
        "{wrong:?}"
    );
    let every = site.verb(&["messages", "ack:AA", "--limit", "1", "--all"]).stdout;
    assert_eq!(every.matches("EPIC/MAIN").count(), 3, "{every}");

    searches_are_kept(&site);
    let log = site.audit_text();
    assert!(log.contains("view.add") && log.contains("message.search"), "{log}");
    assert!(!log.to_lowercase().contains("wombat"));
    assert!(!engine.said().to_lowercase().contains("wombat"));
    engine.stop();
}

/// A search is kept, and holds no number when others see it.
fn searches_are_kept(site: &Site) {
    assert_eq!(site.verb(&["views", "add", "the dead", "state:dead", "--shared"]).code, Some(0));
    let refused = site.verb(&["views", "add", "one", "mrn:WOMBAT1", "--shared"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("no number"), "{refused:?}");
    assert_eq!(site.verb(&["views", "add", "mine", "mrn:WOMBAT1 state:dead"]).code, Some(0));
    assert_eq!(found(site, &["--view", "mine"]).0, ["M2"]);
    assert_eq!(found(site, &["type:ADT^A08", "--view", "the dead"]).0, [""; 0]);
    let views = site.json(&["views", "list"]);
    let id = views["views"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(site.verb(&["views", "set", &id, "dead", "state:dead since:3d"]).code, Some(0));
    assert_eq!(site.verb(&["views", "remove", &id]).code, Some(0));
    assert_eq!(site.json(&["views", "list"])["views"].as_array().unwrap().len(), 1);

    let scan = site.json(&["scan", "jane", "--query", "channel:adt since:1h", "-m", "whose"]);
    assert_eq!((&scan["looked"], &scan["of"]), (&json!(3), &json!(3)), "{scan}");
}

fn a_message_is_looked_at(store: Store) {
    let site = Site::new(store);
    let refusing = Receiver::with(|_, _| Behaviour::Say("AE"));
    let lab = to(
        "lab",
        &refusing,
        "steps = [{ set = 'PID-8', to = 'M' }, { set = 'PID-3[1].1', to = '7' }]",
    );
    let feed = site.feed("adt", "", &format!("{lab}{}", files("paper", "")));
    let engine = site.serve();
    let mut sender = Connection::to(feed);
    for id in ["M1", "M2", "M3"] {
        sender.accepted(&adt(id, "A01", "WOMBAT1"));
    }
    site.wait_final("adt", 3);
    let message = |more: &[&str]| site.json(&[&["message", "M2"], more].concat());
    let detail = message(&[]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let near = |at: &Value| text(&site.json(&["message", &text(at)])["control_id"]);
    assert_eq!(
        (near(&detail["previous"]), near(&detail["next"])),
        ("M1".to_owned(), "M3".to_owned())
    );
    let told: Vec<String> =
        detail["timeline"].as_array().unwrap().iter().map(|event| text(&event["what"])).collect();
    for what in ["received", "acknowledged", "routed", "attempt", "dead", "delivered", "ended"] {
        assert!(told.iter().any(|one| one == what), "{what}: {told:?}");
    }
    let dead =
        detail["deliveries"].as_array().unwrap().iter().find(|one| one["state"] == "dead").unwrap();
    assert!(text(&dead["why"]).contains("answered `AE`"), "{dead}");
    let id = text(&dead["id"]);
    let again = text(&dead["reproduce"]);
    assert!(
        again.contains("--sent lab") && again.contains(&refusing.address().to_string()),
        "{again}"
    );
    told_by_fields_lines_and_differences(&site);

    let response = message(&["--response", &format!("{id}:1")]);
    assert!(text(&response["text"]).contains("MSA|AE|M2"), "{response}");
    let file = site.path("sent.hl7");
    let to = file.to_str().unwrap();
    assert_eq!(site.verb(&["message", "M2", "--sent", "lab", "--to", to]).code, Some(0));
    assert!(String::from_utf8(fs::read(&file).unwrap()).unwrap().contains("PID|1||7^^^H^MR"));

    let looks = message(&[])["looks"].as_array().unwrap().clone();
    assert!(
        looks.len() >= 6 && looks.iter().all(|look| text(&look["action"]) == "message.body.read")
    );
    for verb in ["--timeline", "--looks", "--fields", "--raw"] {
        assert_eq!(site.verb(&["message", "M2", verb]).code, Some(0), "{verb}");
    }
    assert!(!site.audit_text().contains("WOMBAT"));

    // A replay is of the same line.
    assert_eq!(site.verb(&["replay", &id, "-m", "again"]).code, Some(0));
    let line = message(&[])["line"].as_array().unwrap().clone();
    assert_eq!((line.len(), &line[1]["origin"]), (2, &json!("replay")));
    engine.stop();
}

/// The same message in other shapes than as it came.
fn told_by_fields_lines_and_differences(site: &Site) {
    let message = |more: &[&str]| site.json(&[&["message", "M2"], more].concat());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fields = message(&["--fields"]);
    let pid =
        fields["segments"].as_array().unwrap().iter().find(|one| one["name"] == "PID").unwrap();
    let sex = pid["fields"].as_array().unwrap().iter().find(|one| one["path"] == "PID-8").unwrap();
    assert_eq!((&sex["value"], &sex["table_meaning"]), (&json!("F"), &json!("Female")));
    let raw = message(&["--raw"]);
    assert!(raw["lines"][1]["spans"].to_string().contains("Patient Identifier List › ID Number"));
    let changed = message(&["--diff", "lab"]);
    let told: Vec<(String, String)> = changed["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["path"]), text(&one["kind"])))
        .collect();
    let changed = |path: &str| (path.to_owned(), "changed".to_owned());
    assert_eq!(told, [changed("PID-3[1].1"), changed("PID-8")]);
    let other = message(&["--diff", "M3"]);
    assert_eq!(other["differences"].as_array().unwrap().len(), 1, "{other}");
}
