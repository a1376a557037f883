//! Order and its keys, and answers that wait for a destination.

use crate::parts::{on_both_stores, to};
use hilum_tests::engine::Engine;
use hilum_tests::faults::injected;
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{ANSWER, Connection};
use hilum_tests::{message, verbs};
use std::time::Duration;

on_both_stores!(a_merge_waits_for_both_patients_and_nobody_else_does);

/// A merge of patient `from` into patient `into`.
fn merge(id: &str, into: &str, from: &str) -> Vec<u8> {
    let mut bytes = message::adt(id, into);
    bytes.extend_from_slice(format!("MRG|{from}^^^NORTH^MR\r").as_bytes());
    bytes
}

fn a_merge_waits_for_both_patients_and_nobody_else_does(store: Store) {
    // The first message of patient A is answered only when the gate opens.
    let receiver = Receiver::with(|arrival, _| {
        if arrival.control_id == "A1" { Behaviour::WhenOpen } else { Behaviour::Say("AA") }
    });
    let site = Site::new(store);
    let lane = to("lab", &receiver, "order_by = ['PID-3.1', 'MRG-1.1']\nparallel = 4")
        .replace("2s", "60s");
    let feed = site.feed("adt", "", &lane);
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    let messages = [
        message::adt("A1", "A"),
        merge("MERGE", "A", "B"),
        message::adt("B1", "B"),
        message::adt("C1", "C"),
        message::adt("C2", "C"),
    ];
    for bytes in &messages {
        connection.accepted(bytes);
    }
    site.wait_status("patient C does not wait", |s| {
        s.channel("adt").destination("lab").delivered == 2
    });
    let mut before = receiver.control_ids();
    before.sort();
    assert_eq!(before, ["A1", "C1", "C2"], "neither the merge nor patient B overtakes");
    receiver.open_gate();
    site.wait_final("adt", 5);
    let ids = receiver.control_ids();
    let place = |id: &str| ids.iter().position(|other| other == id).unwrap();
    assert!(place("A1") < place("MERGE") && place("MERGE") < place("B1"), "{ids:?}");
    engine.stop();
}

/// What is committed while a destination still reads what the store has must be taken once, by one of the two ways.
#[test]
fn what_comes_while_the_lanes_begin_is_delivered_once() {
    let receivers: Vec<Receiver> = (0..12).map(|_| Receiver::accepting()).collect();
    let site = Site::new(Store::Sqlite);
    let lanes: String =
        receivers.iter().enumerate().map(|(n, r)| to(&format!("d{n}"), r, "")).collect();
    let feed = site.feed("adt", "", &lanes);
    let mut ids = Vec::new();
    for start in 0..6 {
        // Locks of the store take long: a commit can be read for a while before it is handed over.
        let slow = injected("fcntl:delay_exit=15000", &verbs::binary());
        let engine = Engine::start(verbs::clean(slow), &site).expect("it starts");
        let mut connection = Connection::to(feed);
        for n in 0..4 {
            let id = format!("S{start}-{n}");
            connection.accepted(&message::adt(&id, "P1"));
            ids.push(id);
        }
        site.wait_final("adt", ids.len() as u64);
        engine.stop();
    }
    for receiver in &receivers {
        assert_eq!(receiver.control_ids(), ids);
    }
}

#[test]
fn without_order_several_are_under_way_at_once() {
    let receiver = Receiver::with(|_, _| Behaviour::WhenOpen);
    let site = Site::new(Store::Sqlite);
    let lane = to("lab", &receiver, "order = \"none\"\nparallel = 3").replace("2s", "60s");
    let feed = site.feed("adt", "", &lane);
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    for n in 0..6 {
        connection.accepted(&message::adt(&format!("U{n}"), "P1"));
    }
    receiver.wait_count(3);
    assert_eq!(receiver.connections(), 3, "three connections, each with one message");
    receiver.open_gate();
    site.wait_final("adt", 6);
    engine.stop();
}

#[test]
fn an_answer_may_wait_for_a_delivery() {
    let receiver = Receiver::with(|arrival, _| match arrival.control_id.as_str() {
        "BAD" => Behaviour::Say("AE"),
        _ => Behaviour::WhenOpen,
    });
    let site = Site::new(Store::Sqlite);
    let source = "ack = \"on-delivery\"\nack_destinations = [\"lab\"]\nack_deadline = \"30s\"";
    let feed =
        site.feed("adt", source, &to("lab", &receiver, "order = \"none\"").replace("2s", "60s"));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.send(&message::adt("GOOD", "P1")).unwrap();
    receiver.wait_count(1);
    assert_eq!(
        connection.receive(Duration::from_millis(300)).code(),
        "nothing",
        "not before it is delivered"
    );
    receiver.open_gate();
    assert!(connection.receive(ANSWER).accepts("GOOD"));
    assert_eq!(connection.exchange(&message::adt("BAD", "P1")).code(), "AE");
    engine.stop();
}
