//! Control of queues and sources, and edited copies.

use crate::parts::{on_both_stores, to};
use hilum_tests::feed::Feed;
use hilum_tests::message;
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wait;
use hilum_tests::wire::Connection;
use serde_json::json;
use std::collections::BTreeSet;

on_both_stores!(
    skipping_the_head_lets_its_lane_go_on_in_order,
    a_source_that_is_stopped_under_load_loses_nothing_and_stays_so,
    what_waits_is_ended_when_it_is_what_was_looked_at,
    an_edited_copy_goes_its_way_and_the_original_stays,
);

fn skipping_the_head_lets_its_lane_go_on_in_order(store: Store) {
    let receiver = Receiver::with(|arrival, _| {
        Behaviour::Say(if arrival.control_id == "S01" { "AR" } else { "AA" })
    });
    let site = Site::new(store);
    let lab = to("lab", &receiver, "").replace(
        "retry = { first = \"20ms\", max = \"200ms\" }",
        "order_by = \"PID-3.1\"\nretry = { first = \"20ms\", max = \"200ms\", attempts = 1000000 }",
    );
    assert!(lab.contains("attempts"), "{lab}");
    let feed = site.feed("adt", "", &lab);
    let engine = site.serve();
    let nothing = site.verb(&["skip", "adt/lab", "-m", "impatient"]);
    assert_eq!(nothing.code, Some(1), "nothing is blocked: {nothing:?}");
    let mut sender = Connection::to(feed);
    for n in 0..12 {
        // The blocked lane is that of the patient of S01; the others go on.
        let patient = if n % 2 == 1 { "BLOCKED" } else { "FREE" };
        sender.accepted(&message::adt(&format!("S{n:02}"), patient));
    }
    let queue = wait::until("the head waits", || {
        let queue = site.json(&["queue", "adt/lab"]);
        let head = &queue["heads"][0];
        let waits = head["state"] == "waiting" && head["lane_length"] == 6;
        (waits && queue["count"] == 6).then_some(queue)
    });
    assert_eq!(queue["blocked"], 1, "{queue}");
    assert_eq!(queue["heads"][0]["code"], "AR");
    assert!(!queue.to_string().contains("BLOCKED"), "the value of a lane is not shown: {queue}");
    let head = queue["heads"][0]["delivery"].as_str().unwrap();
    let newest = site.json(&["messages", "--id", "S03"])["messages"][0]["id"].clone();
    let other = site.json(&["message", newest.as_str().unwrap()])["deliveries"][0]["id"].clone();
    let other = other.as_str().unwrap();
    let moved = site.verb(&["skip", "adt/lab", "--delivery", other, "-m", "wrong one"]);
    assert_eq!(moved.code, Some(1), "only a head is skipped: {moved:?}");
    // It may be on its way at the moment of the request; then it is asked again.
    wait::until("the head is skipped", || {
        let done = site.verb(&["skip", "adt/lab", "--delivery", head, "-m", "a broken one"]);
        (done.code == Some(0)).then_some(())
    });
    site.wait_final("adt", 12);
    let lane: Vec<String> = receiver
        .control_ids()
        .into_iter()
        .filter(|id| ["S03", "S05", "S07", "S09", "S11"].contains(&&**id))
        .collect();
    assert_eq!(
        lane,
        ["S03", "S05", "S07", "S09", "S11"],
        "in order behind the one that was skipped"
    );
    let groups = site.json(&["dead"]);
    let group = &groups["groups"][0];
    assert_eq!((&groups["total"], &group["code"]), (&json!(1), &json!("skipped")), "{groups}");
    assert!(group["sentence"].as_str().unwrap().contains("a person"), "{group}");
    engine.stop();
}

fn a_source_that_is_stopped_under_load_loses_nothing_and_stays_so(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let address = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    let feed = Feed::new(address, 400);
    std::thread::scope(|scope| {
        scope.spawn(|| feed.run());
        wait::until("some are accepted", || (feed.accepted().len() > 100).then_some(()));
        let stopped = site.json(&["source", "stop", "adt", "-m", "upgrade of the sender"]);
        assert_eq!(stopped["outcome"], "stopped", "{stopped}");
        feed.stop();
    });
    assert!(Connection::open(address).is_err(), "its port refuses");
    let accepted: BTreeSet<String> = feed.accepted().into_iter().collect();
    wait::until("all that was accepted arrives", || {
        let arrived: BTreeSet<String> = receiver.control_ids().into_iter().collect();
        accepted.is_subset(&arrived).then_some(())
    });
    let is_stopped = || {
        let status = site.json(&["status"]);
        let warnings = status["warnings"].to_string();
        assert_eq!(status["channels"][0]["state"], "stopped", "{status}");
        assert_eq!(status["channels"][0]["stopped"]["reason"], "upgrade of the sender");
        assert!(warnings.contains("has stopped its source"), "{warnings}");
    };
    is_stopped();
    engine.stop();
    let engine = site.serve();
    is_stopped();
    assert!(Connection::open(address).is_err(), "also after a restart");
    let other = site.feed("adt", "", &to("lab", &receiver, ""));
    assert_eq!(site.verb(&["apply", "-m", "another port"]).code, Some(0));
    assert!(Connection::open(other).is_err(), "an apply does not start it");
    assert_eq!(site.json(&["source", "start", "adt"])["outcome"], "started");
    Connection::to(other).accepted(&message::adt("AGAIN", "P1"));
    let audit = site.audit_text();
    assert!(audit.contains("source.stop") && audit.contains("source.start"));
    engine.stop();
}

fn what_waits_is_ended_when_it_is_what_was_looked_at(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    assert_eq!(site.json(&["hold", "adt/lab", "-m", "upgrade"])["outcome"], "held");
    let mut sender = Connection::to(feed);
    for n in 0..20 {
        sender.accepted(&message::adt(&format!("W{n:02}"), "P1"));
    }
    let queue = site.json(&["queue", "adt/lab"]);
    assert_eq!((&queue["count"], &queue["held"]), (&json!(20), &json!(true)), "{queue}");
    let mark = queue["mark"].to_string();
    sender.accepted(&message::adt("LATER", "P1"));
    let at = ["discard", "--queue", "--channel", "adt", "--destination", "lab", "-m", "not wanted"];
    let wrong = site.verb(&[&at[..], &["--count", "19", "--mark", &mark]].concat());
    assert_eq!(wrong.code, Some(1), "{wrong:?}");
    assert!(wrong.stderr.contains("20 wait there by now"), "{wrong:?}");
    let done = site.json(&[&at[..], &["--count", "20", "--mark", &mark]].concat());
    assert_eq!((&done["outcome"], &done["count"]), (&json!("discarded"), &json!(20)), "{done}");
    assert_eq!(site.json(&["resume", "adt/lab", "-m", "done"])["outcome"], "resumed");
    let status = site.wait_final("adt", 21);
    assert_eq!(status.channel("adt").disposition("discarded"), 20, "{status:#?}");
    assert_eq!(receiver.control_ids(), ["LATER"], "what came after the mark goes its way");
    engine.stop();
}

fn an_edited_copy_goes_its_way_and_the_original_stays(store: Store) {
    let receiver = Receiver::with(|arrival, _| {
        Behaviour::Say(if arrival.control_id == "E1" { "AE" } else { "AA" })
    });
    let site = Site::new(store);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("E1", "P1"));
    site.wait_final("adt", 1);
    let old = site.json(&["messages"])["messages"][0]["id"].as_str().unwrap().to_owned();
    let edited = message::adt("E2", "P-EDITED");
    std::fs::write(site.path("new.hl7"), &edited).unwrap();
    std::fs::write(site.path("broken.hl7"), b"PID|1||8001").unwrap();
    let (new, broken) = (site.path("new.hl7"), site.path("broken.hl7"));
    let edit = |file: &std::path::Path| {
        let file = file.to_str().unwrap();
        site.verb(&[
            "edit",
            &old,
            "--file",
            file,
            "-m",
            "wrong patient",
            "--token",
            "t",
            "--format",
            "json",
        ])
    };
    let refused = edit(&broken);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("line 1") && refused.stderr.contains("hint: "), "{refused:?}");
    let made = edit(&new);
    assert_eq!(made.code, Some(0), "{made:?}");
    let made: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    let again: serde_json::Value = serde_json::from_str(&edit(&new).stdout).unwrap();
    assert_eq!((&again["id"], &again["repeated"]), (&made["id"], &json!(true)));
    site.wait_final("adt", 2);
    assert_eq!(receiver.control_ids(), ["E1", "E2"]);
    assert_eq!(receiver.arrivals()[1].bytes, edited, "byte for byte through the channel");
    let copy = site.json(&["message", made["id"].as_str().unwrap()]);
    assert_eq!((&copy["origin"], &copy["parent"]), (&json!("edit"), &json!(old)));
    let original = site.json(&["message", &old]);
    assert_eq!(original["disposition"], "failed", "the original stays what it is");
    assert!(!site.audit_text().contains("P-EDITED"), "recorded without the content");
    let said = engine.stop().said;
    assert!(!said.contains("P-EDITED"));
}
