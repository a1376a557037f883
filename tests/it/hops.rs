//! Messages that one channel hands to another: in order, exactly once, in one trace.

use crate::kills::{Load, check_lanes};
use crate::parts::{files, long, on_both_stores, steps, to};
use hilum_tests::engine::Engine;
use hilum_tests::random::Random;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{message, verbs};
use serde_json::Value;
use std::time::Duration;

on_both_stores!(
    a_message_is_handed_over_in_one_trace,
    what_was_received_stays_in_order_over_two_hops,
    nothing_is_lost_or_handed_over_twice_by_kill
);

/// A destination that hands messages to a channel.
fn hop(channel: &str, more: &str) -> String {
    format!(
        "[[destination]]\nname = \"to-{channel}\"\ntype = \"channel\"\nchannel = \"{channel}\"\n\
         retry = {{ first = \"20ms\", max = \"200ms\" }}\n{more}\n"
    )
}

/// A channel that listens nowhere.
fn inside(rest: &str) -> String {
    format!("[source]\ntype = \"channel\"\n{rest}")
}

fn origins(site: &Site, channel: &str) -> Value {
    let status = site.json(&["status"]);
    let found = status["channels"].as_array().unwrap().iter().find(|c| c["name"] == channel);
    found.unwrap_or_else(|| panic!("no {channel}: {status}"))["origins"].clone()
}

fn a_message_is_handed_over_in_one_trace(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let feed = site.feed("ehr", "", &(hop("lab", "") + &files("archive", "")));
    let keep = steps("  { keep = 'PID-3.1 != \"P9\"' },\n  { set = 'MSH-5', to = \"INSIDE\" },");
    site.channel("lab", &inside(&(keep + &to("receiver", &receiver, ""))));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.accepted(&message::adt("H1", "P1"));
    connection.accepted(&message::adt("H2", "P9"));
    // A hop is no resend: the same message again by another way is another message there.
    site.wait_final("ehr", 2);
    let status = site.wait_final("lab", 2);
    assert_eq!(status.channel("ehr").disposition("delivered"), 2, "{status:?}");
    let lab = status.channel("lab");
    assert_eq!((lab.disposition("delivered"), lab.disposition("filtered")), (1, 1), "{status:?}");
    assert_eq!(origins(&site, "lab")["channel"], 2);
    assert_eq!(origins(&site, "ehr")["channel"], 0);
    assert_eq!(message::text(&receiver.wait_count(1)[0].bytes, "MSH", 5), "INSIDE");

    // Both ways: from the first to the second, and back.
    let list = site.json(&["messages", "--channel", "lab"]);
    let rows = list["messages"].as_array().unwrap();
    let row = rows.iter().find(|row| row["control_id"] == "H1").expect("H1 in `lab`");
    let second = site.json(&["message", row["id"].as_str().unwrap()]);
    let first = site.json(&["message", second["parent"].as_str().unwrap()]);
    assert_eq!((&first["channel"], &first["control_id"]), (&"ehr".into(), &"H1".into()));
    assert_eq!(second["trace"], first["id"]);
    assert_eq!((&second["origin"], &second["peer"]), (&"channel".into(), &"channel ehr".into()));
    let child = &first["children"][0];
    assert_eq!((&child["id"], &child["channel"]), (&second["id"], &"lab".into()));
    let shown = site.verb(&["message", first["id"].as_str().unwrap()]).stdout;
    for word in ["handed on as", "to-lab: attempt 1 at channel lab: handed-on"] {
        assert!(shown.contains(word), "`{word}` in {shown}");
    }
    let shown = site.verb(&["message", second["id"].as_str().unwrap()]).stdout;
    assert!(shown.contains("handed on from"), "{shown}");
    engine.stop();
}

fn what_was_received_stays_in_order_over_two_hops(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let feed = site.feed("one", "", &hop("two", ""));
    site.channel("two", &inside(&hop("three", "order_by = 'PID-3.1'")));
    site.channel("three", &inside(&to("receiver", &receiver, "")));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    let ids: Vec<String> = (0..120).map(|n| format!("O{n}")).collect();
    for (n, id) in ids.iter().enumerate() {
        connection.accepted(&message::adt(id, &format!("P{}", n % 3)));
    }
    site.wait_final("three", 120);
    for patient in 0..3 {
        let got: Vec<String> = receiver
            .arrivals()
            .iter()
            .filter(|a| message::text(&a.bytes, "PID", 3).starts_with(&format!("P{patient}^")))
            .map(|a| a.control_id.clone())
            .collect();
        let sent: Vec<String> = ids
            .iter()
            .enumerate()
            .filter(|(n, _)| n % 3 == patient)
            .map(|(_, id)| id.clone())
            .collect();
        assert_eq!(got, sent);
    }
    engine.stop();
}

/// The load of the kill tests over a hop: what the second channel has is exactly what was acknowledged.
fn nothing_is_lost_or_handed_over_twice_by_kill(store: Store) {
    let rounds = if long() { 100 } else { 15 };
    let mut random = Random::seeded();
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let feed = site.feed("ehr", "", &hop("lab", ""));
    site.channel("lab", &inside(&to("receiver", &receiver, "")));
    let load = Load::begin(feed);
    for life in 1..=rounds {
        receiver.set_life(life);
        let engine = site.serve();
        load.engine_is_up(life);
        load.wait_acknowledged(1 + random.below(40));
        std::thread::park_timeout(Duration::from_micros(random.draw() % 20_000));
        engine.kill();
        receiver.wait_quiet();
    }
    let last = rounds + 1;
    receiver.set_life(last);
    let engine: Engine = site.serve();
    load.engine_is_up(last);
    let sent = load.finish();
    let total = sent.iter().sum::<usize>() as u64;
    site.wait_final("ehr", total);
    let status = site.wait_final("lab", total);
    assert_eq!(status.channel("lab").disposition("delivered"), total, "{status:#?}");
    assert_eq!(origins(&site, "lab")["channel"], total);
    engine.stop();
    check_lanes(
        &receiver.arrivals(),
        |client, n| (client.to_string(), n),
        |client, _| sent[client],
    );
}

#[test]
fn circles_and_ways_to_nowhere_are_refused() {
    let archive = files("archive", "");
    for (channels, code, said) in [
        (vec![("a", hop("a", ""))], "C0221", "a -> a"),
        (vec![("a", hop("b", "")), ("b", hop("a", ""))], "C0221", "a -> b -> a"),
        (
            vec![("a", hop("b", "")), ("b", hop("c", "")), ("c", hop("a", "") + &archive)],
            "C0221",
            "c -> a -> b -> c",
        ),
        (
            vec![("feed", hop("archiv", "")), ("archive", archive.clone())],
            "C0220",
            "did you mean `archive`",
        ),
        (
            vec![
                ("feed", hop("broken", "")),
                ("broken", "[[destination]]\nname = \"x\"\n".to_owned()),
            ],
            "C0220",
            "channel `broken` has errors",
        ),
        (
            vec![("feed", hop("lab", "when = 'PV1-2 = \"I\"'")), ("lab", archive.clone())],
            "ok",
            "ok: 2 channels",
        ),
    ] {
        let site = Site::new(Store::Sqlite);
        for (name, rest) in &channels {
            site.channel(name, &inside(rest));
        }
        let check = verbs::local(&["check", &site.folder().to_string_lossy()]);
        let output = format!("{}{}", check.stdout, check.stderr);
        assert_eq!(check.code, Some(if code == "ok" { 0 } else { 1 }), "{channels:?}\n{output}");
        assert!(output.contains(code) && output.contains(said), "{channels:?}\n{output}");
    }
}

#[test]
fn a_channel_that_others_hand_messages_to_cannot_be_taken_away() {
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("ehr", "", &hop("lab", ""));
    site.channel("lab", &inside(&files("out", "")));
    let engine = site.serve();
    let lab = site.path("channels/lab.toml");
    let kept = std::fs::read_to_string(&lab).unwrap();
    std::fs::remove_file(&lab).unwrap();
    let refused = site.verb(&["apply", "-m", "no laboratory"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(format!("{refused:?}").contains("C0220"), "{refused:?}");

    // The file of the other one does not hand anything on any more, but it is not applied along.
    let running = std::fs::read_to_string(site.path("channels/ehr.toml")).unwrap();
    site.channel("ehr", &running.replace(&hop("lab", ""), &files("out", "")));
    let alone = site.verb(&["apply", "lab", "-m", "no laboratory"]);
    assert!(format!("{alone:?}").contains("which would not be there"), "{alone:?}");
    Connection::to(feed).accepted(&message::adt("T1", "P1"));
    site.wait_final("ehr", 1);
    assert_eq!(site.wait_final("lab", 1).channel("lab").disposition("delivered"), 1);

    let together = site.verb(&["apply", "-m", "neither"]);
    assert_eq!(together.code, Some(0), "{together:?}");
    std::fs::write(&lab, kept).unwrap();
    engine.stop();
}
