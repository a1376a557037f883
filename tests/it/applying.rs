//! Changes while it runs: only what the difference names is touched.

use crate::parts::{files, on_both_stores, steps, to};
use hilum_tests::message;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{Answer, Connection};
use hilum_tests::{ports, wait};
use std::time::Duration;

on_both_stores!(an_applied_change_leaves_the_sources_sockets_alone, hold_and_resume_keep_the_order);

fn channel(feed: std::net::SocketAddr, rest: &str) -> String {
    format!("[source]\ntype = \"mllp\"\nlisten = \"{feed}\"\n{rest}")
}

fn an_applied_change_leaves_the_sources_sockets_alone(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let feed = site.feed(
        "adt",
        "",
        &(steps("  { set = 'MSH-5', to = \"OLD\" },") + &to("lab", &receiver, "")),
    );
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.accepted(&message::adt("A1", "P1"));
    receiver.wait_count(1);

    // A new program on the same connection; a second channel beside it.
    site.channel(
        "adt",
        &channel(feed, &(steps("  { set = 'MSH-5', to = \"NEW\" },") + &to("lab", &receiver, ""))),
    );
    let second = site.feed("second", "", &to("other", &receiver, ""));
    let applied = site.verb(&["apply", "-m", "a new receiver name"]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    connection.accepted(&message::adt("A2", "P1"));
    let arrivals = receiver.wait_count(2);
    let names: Vec<String> = arrivals.iter().map(|a| message::text(&a.bytes, "MSH", 5)).collect();
    assert_eq!(names, ["OLD", "NEW"]);
    assert_eq!(receiver.connections(), 1, "the destination's connection stays too");
    Connection::to(second).accepted(&message::adt("B1", "P1"));

    // A change of the source itself moves its listener and nothing else.
    let moved = ports::free();
    site.channel("second", &channel(moved, &to("other", &receiver, "")));
    assert_eq!(site.verb(&["apply", "-m", "moved"]).code, Some(0));
    Connection::to(moved).accepted(&message::adt("B2", "P1"));
    wait::until("nobody listens at the old address", || {
        Connection::open(second).is_err().then_some(())
    });
    connection.accepted(&message::adt("A3", "P1"));
    site.wait_final("adt", 3);
    site.wait_final("second", 2);
    engine.stop();
}

#[test]
fn a_broken_file_changes_nothing_now_or_at_the_next_start() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let good = std::fs::read_to_string(site.path("channels/adt.toml")).unwrap();
    let engine = site.serve();
    site.channel(
        "adt",
        &(good.clone()
            + "\n[transform]\nsteps = [{ maps = 'PV1-2' }, { keep = 'PID.3 exists' }]\n"),
    );
    let applied = site.verb(&["apply", "-m", "broken"]);
    assert_eq!(applied.code, Some(1), "{applied:?}");
    let said = applied.stdout + &applied.stderr;
    assert!(said.contains("C0101") && said.contains("C0202"), "all errors at once: {said}");
    Connection::to(feed).accepted(&message::adt("A1", "P1"));
    receiver.wait_count(1);
    engine.stop();

    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("A2", "P1"));
    receiver.wait_count(2);
    let ended = engine.stop();
    assert!(ended.said.contains("adt"), "it says which files differ: {ended}");
}

#[test]
fn an_address_that_is_taken_refuses_the_whole_change() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = site.feed(
        "adt",
        "",
        &(steps("  { set = 'MSH-5', to = \"OLD\" },") + &to("lab", &receiver, "")),
    );
    let engine = site.serve();
    site.channel(
        "adt",
        &channel(feed, &(steps("  { set = 'MSH-5', to = \"NEW\" },") + &to("lab", &receiver, ""))),
    );
    site.channel("taken", &channel(receiver.address(), &files("paper", "")));
    let applied = site.verb(&["apply", "-m", "impossible"]);
    assert_eq!(applied.code, Some(1), "{applied:?}");
    Connection::to(feed).accepted(&message::adt("A1", "P1"));
    let arrivals = receiver.wait_count(1);
    assert_eq!(
        message::text(&arrivals[0].bytes, "MSH", 5),
        "OLD",
        "one part refused, nothing applied"
    );
    assert_eq!(site.status().names(), ["adt"]);
    engine.stop();
}

#[test]
fn a_removed_destination_keeps_what_it_owes() {
    let down = Receiver::down();
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &(to("gone", &down, "") + &to("lab", &receiver, "")));
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("A1", "P1"));
    receiver.wait_count(1);
    site.channel("adt", &channel(feed, &to("lab", &receiver, "")));
    assert_eq!(site.verb(&["apply", "-m", "gone"]).code, Some(0));
    Connection::to(feed).accepted(&message::adt("A2", "P1"));
    receiver.wait_count(2);
    let held = site.wait_status("its delivery is held", |s| {
        let gone = s.channel("adt").destinations.get("gone");
        gone.is_some_and(|gone| gone.held == 1) && s.channel("adt").disposition("delivered") == 1
    });
    assert_eq!(held.channel("adt").open(), 1, "not final, and not forgotten: {held:#?}");
    engine.stop();
}

fn hold_and_resume_keep_the_order(store: Store) {
    let (receiver, other) = (Receiver::accepting(), Receiver::accepting());
    let site = Site::new(store);
    let feed = site.feed("adt", "", &(to("lab", &receiver, "") + &to("other", &other, "")));
    let engine = site.serve();
    assert_eq!(site.verb(&["hold", "adt/lab", "-m", "maintenance"]).code, Some(0));
    let mut connection = Connection::to(feed);
    let ids: Vec<String> = (0..15).map(|n| format!("H{n:02}")).collect();
    for id in &ids {
        connection.accepted(&message::adt(id, "P1"));
    }
    other.wait_count(ids.len());
    let status = site.wait_status("the deliveries count as held", |s| {
        s.channel("adt").destination("lab").held == 15
    });
    assert_eq!(receiver.count(), 0, "{status:#?}");
    engine.kill();

    // A hold outlives a crash.
    let engine = site.serve();
    assert_eq!(site.status().channel("adt").destination("lab").held, 15);
    assert_eq!(receiver.count(), 0);
    assert_eq!(site.verb(&["resume", "adt/lab", "-m", "done"]).code, Some(0));
    receiver.wait_count(ids.len());
    assert_eq!(receiver.control_ids(), ids);
    site.wait_final("adt", 15);
    engine.stop();
}

#[test]
fn a_discarded_dead_letter_is_final_and_keeps_its_reason() {
    let receiver = Receiver::with(|_, _| hilum_tests::receiver::Behaviour::Say("AE"));
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("D1", "P1"));
    site.wait_status("it is dead", |s| s.channel("adt").destination("lab").dead == 1);
    let discarded =
        site.verb(&["discard", "--channel", "adt", "--destination", "lab", "-m", "wrong patient"]);
    assert_eq!(discarded.code, Some(0), "{discarded:?}");
    let status =
        site.wait_status("it is discarded", |s| s.channel("adt").disposition("discarded") == 1);
    assert_eq!(status.channel("adt").destination("lab").dead, 0, "{status:#?}");
    engine.stop();
}

#[test]
fn a_replay_with_the_same_token_happens_once() {
    let receiver = Receiver::with(|_, before| {
        hilum_tests::receiver::Behaviour::Say(if before == 0 { "AE" } else { "AA" })
    });
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("T1", "P1"));
    site.wait_status("it is dead", |s| s.channel("adt").destination("lab").dead == 1);
    let replay =
        ["replay", "--channel", "adt", "--destination", "lab", "-m", "mended", "--token", "once"];
    for _ in 0..2 {
        let output = site.verb(&replay);
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    site.wait_final("adt", 2);
    assert_eq!(receiver.control_ids(), ["T1", "T1"], "one replay, the control id kept");
    engine.stop();
}

#[test]
fn a_table_edit_takes_effect_by_apply_and_a_raw_replay_uses_it() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    site.write("tables/class.csv", "from,to,note\nO,OUT,\n");
    let program = steps("  { map = 'PV1-2', with = \"class\", miss = \"fail\" },");
    let feed = site.feed("adt", "", &(program + &to("lab", &receiver, "")));
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("M1", "P1"));
    site.wait_status("the message failed", |s| s.channel("adt").disposition("failed") == 1);
    site.write("tables/class.csv", "from,to,note\nO,OUT,\nI,IN,\n");
    assert_eq!(site.verb(&["apply", "-m", "inpatients too"]).code, Some(0));
    let output = site.verb(&["replay", "--channel", "adt", "--raw", "-m", "table mended"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let arrived = receiver.wait_count(1);
    assert_eq!(message::text(&arrived[0].bytes, "PV1", 2), "IN");
    engine.stop();
}

#[test]
fn a_source_that_is_removed_stops_listening_and_its_messages_stay() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let other = site.feed("other", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.accepted(&message::adt("A1", "P1"));
    site.wait_final("adt", 1);
    std::fs::remove_file(site.path("channels/adt.toml")).unwrap();
    assert_eq!(site.verb(&["apply", "-m", "removed"]).code, Some(0));
    assert!(matches!(connection.receive(Duration::from_secs(20)), Answer::Closed));
    wait::until("nobody listens there", || Connection::open(feed).is_err().then_some(()));
    Connection::to(other).accepted(&message::adt("B1", "P1"));
    let list = site.verb(&["messages", "--channel", "adt"]);
    assert!(list.stdout.contains("ADT^A01"), "what was received is still seen: {list:?}");
    engine.stop();
}
