//! Jobs: many dead letters sent again one after the other, in order, once each, over kills and restarts.

use crate::parts::{on_both_stores, to};
use hilum_tests::admin::{Admin, claim};
use hilum_tests::engine::Engine;
use hilum_tests::message;
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wait;
use hilum_tests::wire::Connection;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;

on_both_stores!(
    a_bulk_replay_keeps_the_order_and_says_what_became_of_each,
    a_kill_in_the_middle_of_a_job_repeats_and_loses_nothing,
    a_pause_outlasts_a_restart_and_a_cancel_ends_it,
);

/// A site with so many dead letters at `lab`, and a receiver that takes everything from now on.
struct Dead {
    site: Site,
    engine: Engine,
    receiver: Receiver,
    feed: SocketAddr,
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("J{n:03}")).collect()
}

fn dead(store: Store, count: usize) -> Dead {
    let receiver = Receiver::with(|_, _| Behaviour::Say("AE"));
    let site = Site::new(store);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    let mut sender = Connection::to(feed);
    for (n, id) in ids(count).iter().enumerate() {
        sender.accepted(&message::adt(id, &format!("P{}", n % 3)));
    }
    let status = site.wait_final("adt", count as u64);
    assert_eq!(status.channel("adt").destination("lab").dead, count as u64, "{status:#?}");
    receiver.follow(|_, _| Behaviour::Say("AA"));
    Dead { site, engine, receiver, feed }
}

const GROUP: [&str; 6] = ["--channel", "adt", "--destination", "lab", "-m", "mended"];

impl Dead {
    fn begin(&self, rate: &str, more: &[&str]) -> String {
        let verb = [&["replay"], &GROUP[..], &["--job", "--rate", rate], more].concat();
        self.site.json(&verb)["id"].as_str().unwrap().to_owned()
    }

    fn show(&self, id: &str) -> Value {
        self.site.json(&["job", "show", id])
    }
}

/// Control ids in the order of their first arrival behind the first so many arrivals.
fn firsts(receiver: &Receiver, skip: usize) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let all = receiver.control_ids().into_iter().skip(skip);
    all.filter(|id| seen.insert(id.clone())).collect()
}

fn a_bulk_replay_keeps_the_order_and_says_what_became_of_each(store: Store) {
    let dead = dead(store, 30);
    let preview = [&["replay"], &GROUP[..], &["--preview"]].concat();
    let preview = dead.site.json(&preview);
    assert_eq!((&preview["count"], &preview["in_order"]), (&json!(30), &json!(true)), "{preview}");
    assert_eq!(preview["destinations"], json!([{ "name": "lab", "count": 30 }]));
    let sentence = preview["sentence"].as_str().unwrap();
    assert!(sentence.starts_with("30 deliveries to `lab`, oldest "), "{sentence}");
    assert!(sentence.ends_with(", in order, 5 a second"), "{sentence}");
    let raw = [&["replay"], &GROUP[..], &["--preview", "--raw"]].concat();
    let raw = dead.site.json(&raw);
    assert_eq!((&raw["looked"], &raw["differ"]), (&json!(30), &json!(0)), "{raw}");

    let group = &dead.site.json(&["dead"])["groups"][0];
    let word = group["error"].as_str().unwrap();
    assert_eq!(group["sentence"], "the receiver refuses what is in the message");
    let verb =
        ["dead", "--channel", "adt", "--destination", "lab", "--error", word, "--limit", "20"];
    let page = dead.site.json(&verb);
    let next = page["next"].as_str().unwrap();
    let rest = dead.site.json(&[&verb[..], &["--after", next]].concat());
    let listed = [&page, &rest].into_iter().flat_map(|page| page["letters"].as_array().unwrap());
    let listed: Vec<&str> = listed.map(|one| one["control_id"].as_str().unwrap()).collect();
    assert_eq!((listed, &rest["next"]), (ids(30).iter().map(|id| &**id).collect(), &Value::Null));

    let id = dead.begin("1000", &["--token", "once"]);
    assert_eq!(dead.begin("1000", &["--token", "once"]), id, "a double click is one job");
    assert_eq!(dead.site.verb(&["job", "wait", &id]).code, Some(0));
    dead.receiver.wait_count(60);
    assert_eq!(dead.receiver.control_ids()[30..], ids(30), "in receipt order");
    dead.site.wait_final("adt", 60);
    let job = dead.show(&id);
    assert_eq!(
        (&job["done"], &job["refused"], &job["state"]),
        (&json!(30), &json!(0), &json!("done"))
    );
    let outcomes = job["outcomes"].as_array().unwrap();
    assert_eq!(outcomes.len(), 30);
    assert!(outcomes.iter().all(|one| one["disposition"] == "delivered"), "{job}");
    assert_eq!(dead.site.json(&["dead"])["total"], 0);
    assert_eq!(dead.site.json(&["job", "list"])["jobs"].as_array().unwrap().len(), 1);
    dead.engine.stop();
}

fn a_kill_in_the_middle_of_a_job_repeats_and_loses_nothing(store: Store) {
    const COUNT: usize = 60;
    let mut dead = dead(store, COUNT);
    let id = dead.begin("60", &[]);
    for kills in 1..=3 {
        dead.receiver.wait_count(COUNT + 8 * kills);
        dead.engine.kill();
        dead.receiver.wait_quiet();
        dead.engine = dead.site.serve();
    }
    assert_eq!(dead.site.verb(&["job", "wait", &id]).code, Some(0));
    let status = dead.site.wait_final("adt", 2 * COUNT as u64);
    assert_eq!(status.channel("adt").destination("lab").dead, 0, "{status:#?}");
    let job = dead.show(&id);
    let outcomes = job["outcomes"].as_array().unwrap();
    let made: BTreeSet<&str> = outcomes.iter().filter_map(|one| one["message"].as_str()).collect();
    assert_eq!((made.len(), &job["done"]), (COUNT, &json!(COUNT)), "each item once: {job}");
    assert_eq!(firsts(&dead.receiver, COUNT), ids(COUNT), "in order");
    dead.engine.stop();
}

fn a_pause_outlasts_a_restart_and_a_cancel_ends_it(store: Store) {
    const COUNT: usize = 12;
    let mut dead = dead(store, COUNT);
    let id = dead.begin("4", &[]);
    dead.receiver.wait_count(COUNT + 2);
    assert_eq!(dead.site.verb(&["job", "pause", &id, "-m", "wait"]).code, Some(0));
    let paused = dead.show(&id);
    assert_eq!(paused["state"], "paused");
    dead.engine.stop();
    dead.engine = dead.site.serve();
    let again = dead.show(&id);
    assert_eq!((&again["state"], &again["done"]), (&json!("paused"), &paused["done"]));
    assert_eq!(dead.site.verb(&["job", "resume", &id]).code, Some(0));
    dead.receiver.wait_count(COUNT + 5);
    assert_eq!(dead.site.verb(&["job", "cancel", &id]).code, Some(0));
    let ended = dead.show(&id);
    let done = ended["done"].as_u64().unwrap();
    assert!(ended["state"] == "cancelled" && (5..COUNT as u64).contains(&done), "{ended}");
    let status = dead.site.wait_final("adt", COUNT as u64 + done);
    assert_eq!(status.channel("adt").destination("lab").dead, COUNT as u64 - done, "{status:#?}");
    assert_eq!(dead.site.verb(&["job", "resume", &id]).code, Some(1), "what has ended has ended");
    // What is left is ended as a job too.
    let verb = [&["discard"], &GROUP[..], &["--job"]].concat();
    let rest = dead.site.json(&verb)["id"].as_str().unwrap().to_owned();
    assert_eq!(dead.site.verb(&["job", "wait", &rest]).code, Some(0));
    assert_eq!(dead.site.json(&["dead"])["total"], 0);
    dead.engine.stop();
}

/// A job of many needs the number that was looked at and a fresh sign-in; it is seen only by those who reach its channels.
#[test]
fn a_job_is_for_whoever_may_and_has_looked() {
    let dead = dead(Store::Sqlite, 101);
    let token = |name: &str, more: &[&str]| {
        let verb = [&["token", "add", name, "--from", "127.0.0.0/8"], more].concat();
        let made = dead.site.verb(&verb);
        assert_eq!(made.code, Some(0), "{made:?}");
        Admin::at(dead.site.api()).with(made.stdout.trim())
    };
    let bot = token("bot", &["--role", "operator"]);
    let ask = |count: Option<u64>| {
        let request =
            json!({ "channel": "adt", "destination": "lab", "reason": "mended", "count": count });
        bot.ask("POST", "/api/v1/jobs/replay", Some(&request))
    };
    assert_eq!((ask(None).status, ask(None).code()), (409, "count"));
    assert_eq!(ask(Some(100)).code(), "count", "what was looked at is not there any more");
    assert_eq!((ask(Some(101)).status, ask(Some(101)).code()), (403, "step_up_needed"));
    let preview = json!({ "channel": "adt", "destination": "lab" });
    let preview = bot.post("/api/v1/replay/preview", preview);
    assert_eq!(
        (&preview["needs_fresh"], &preview["needs_approval"]),
        (&json!(true), &json!(false))
    );
    let too_fast = json!({ "channel": "adt", "reason": "x", "rate_per_second": 1001 });
    assert_eq!(bot.ask("POST", "/api/v1/jobs/replay", Some(&too_fast)).status, 422);

    let id = dead.begin("5", &["--count", "101"]);
    let viewer = token("viewer", &["--role", "viewer"]);
    assert_eq!(viewer.post("/api/v1/jobs/find", json!({ "id": id }))["total"], 101);
    let pause = viewer.ask("POST", "/api/v1/jobs/pause", Some(&json!({ "id": id })));
    assert_eq!((pause.status, pause.code()), (403, "denied"));
    bot.post("/api/v1/jobs/cancel", json!({ "id": id, "reason": "enough" }));
    let mut sender = Connection::to(dead.feed);
    sender.accepted(&message::adt("LATER", "P1"));
    wait::until("what came meanwhile arrives", || {
        dead.receiver.control_ids().contains(&"LATER".to_owned()).then_some(())
    });
    dead.engine.stop();
}

/// More than a thousand need somebody else who agrees, once, to just this.
#[test]
fn a_job_of_very_many_needs_a_second_person() {
    const COUNT: usize = 1_001;
    let site = Site::new(Store::Sqlite);
    let receiver = Receiver::with(|_, _| Behaviour::Say("AE"));
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let server = std::fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &server.replace("[api]\n", "[api]\napprovals = \"always\"\n"));
    let engine = site.serve();
    let mut sender = Connection::to(feed);
    for id in ids(COUNT) {
        sender.accepted(&message::adt(&id, "P1"));
    }
    site.wait_final("adt", COUNT as u64);
    let nobody = Admin::at(site.api());
    let token = std::fs::read_to_string(site.data().join("setup-token")).unwrap();
    let (owner, _) = claim(&nobody, token.trim());
    let ask = |approval: Option<&str>, rate: u32| {
        let request = json!({
            "channel": "adt", "destination": "lab", "reason": "mended", "count": COUNT, "token": "t",
            "rate_per_second": rate, "approval": approval,
        });
        owner.ask("POST", "/api/v1/jobs/replay", Some(&request))
    };
    let preview = json!({ "channel": "adt", "destination": "lab" });
    let preview = owner.post("/api/v1/replay/preview", preview);
    assert_eq!(
        (&preview["needs_fresh"], &preview["needs_approval"]),
        (&json!(false), &json!(true))
    );
    let asked = ask(None, 1);
    assert_eq!((asked.status, asked.code()), (409, "approval_needed"), "{asked:?}");
    let all = site.json(&["approval", "list"]);
    let id = all["approvals"][0]["id"].as_str().unwrap();
    assert_eq!(site.verb(&["approval", "approve", id, "-m", "agreed"]).code, Some(0));
    let begun = ask(Some(id), 1);
    assert_eq!(begun.status, 200, "{begun:?}");
    let again = ask(None, 1);
    assert_eq!((&again.body["id"], &again.body["repeated"]), (&begun.body["id"], &json!(true)));
    let cancel = json!({ "id": begun.body["id"], "reason": "enough" });
    assert_eq!(owner.post("/api/v1/jobs/cancel", cancel)["total"], COUNT);
    engine.stop();
}
