//! Receivers that misbehave: only their own lane waits, nothing is credited that was not said, nothing is lost.

use crate::parts::{on_both_stores, to};
use hilum_tests::message;
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{Connection, frame};
use std::net::SocketAddr;

const COUNT: usize = 12;

fn ids() -> Vec<String> {
    (0..COUNT).map(|n| format!("R{n:02}")).collect()
}

fn send_all(feed: SocketAddr) {
    let mut connection = Connection::to(feed);
    for id in ids() {
        connection.accepted(&message::adt(&id, "P1"));
    }
}

/// Order without the repetitions that a failed attempt causes.
fn firsts(receiver: &Receiver) -> Vec<String> {
    let mut ids = receiver.control_ids();
    ids.dedup();
    ids
}

/// Misbehaves with the first message's first attempts, then answers.
fn at_first(attempts: usize, behaviour: Behaviour) -> Receiver {
    Receiver::with(
        move |_, before| if before < attempts { behaviour.clone() } else { Behaviour::Say("AA") },
    )
}

on_both_stores!(each_misbehaviour_delays_only_its_own_lane);

fn each_misbehaviour_delays_only_its_own_lane(store: Store) {
    let garbage = Behaviour::Write(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let wrong_id = Behaviour::Write(frame(&message::ack("AA", "SOMEBODY-ELSE")));
    let blank = Behaviour::Write(frame(
        b"MSH|^~\\&|LAB|MAIN|PAS|NORTH|20261121||ACK|9|P|2.5.1\rMSA||R00\r",
    ));
    let mut bad = vec![
        ("rejects", at_first(3, Behaviour::Say("AR"))),
        ("garbage", at_first(1, garbage)),
        ("wrong-id", at_first(1, wrong_id)),
        ("blank", at_first(1, blank)),
        ("silent", at_first(1, Behaviour::Silent)),
        ("late", at_first(1, Behaviour::Late)),
        ("closes", at_first(2, Behaviour::Close)),
        ("half", at_first(2, Behaviour::CloseInside)),
        ("down", Receiver::down()),
    ];
    let good = Receiver::accepting();
    let slow = Receiver::with(|_, _| Behaviour::WhenOpen);
    let site = Site::new(store);
    let mut destinations = to("good", &good, "")
        + &to("slow", &slow, "timeout = \"10m\"").replacen("timeout = \"2s\"\n", "", 1);
    for (name, receiver) in &bad {
        destinations += &to(name, receiver, "");
    }
    let feed = site.feed("adt", "", &destinations);
    let engine = site.serve();
    send_all(feed);

    // The good one has everything while the slow one still thinks about its first and the down one is down.
    good.wait_count(COUNT);
    assert_eq!(good.control_ids(), ids());
    let status = site.wait_status("the good destination is done", |s| {
        s.channel("adt").destination("good").delivered == COUNT as u64
    });
    assert_eq!(status.channel("adt").destination("slow").delivered, 0);
    assert_eq!(status.channel("adt").destination("down").delivered, 0);
    assert_eq!(status.channel("adt").disposition("received"), COUNT as u64);

    slow.open_gate();
    bad.last_mut().unwrap().1.up();
    let status = site.wait_final("adt", COUNT as u64);
    assert_eq!(status.channel("adt").disposition("delivered"), COUNT as u64, "{status:#?}");
    assert_eq!(slow.control_ids(), ids());
    for (name, receiver) in &bad {
        assert_eq!(firsts(receiver), ids(), "{name}: everything, in order");
    }
    engine.stop();
}

#[test]
fn a_late_answer_is_not_credited_to_the_next_message() {
    // The first attempt is answered only after the engine has given up on that connection.
    let receiver = at_first(1, Behaviour::Late);
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    send_all(feed);
    site.wait_final("adt", COUNT as u64);
    let arrivals = receiver.arrivals();
    assert_eq!(arrivals.len(), COUNT + 1, "the first one twice: {:?}", receiver.control_ids());
    assert_eq!(arrivals[0].control_id, arrivals[1].control_id);
    assert_ne!(arrivals[0].connection, arrivals[1].connection, "a timeout drops the connection");
    engine.stop();
}

#[test]
fn a_receiver_keeps_its_connection() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    send_all(feed);
    site.wait_final("adt", COUNT as u64);
    assert_eq!(receiver.connections(), 1);
    engine.stop();
}

on_both_stores!(an_error_in_content_is_a_dead_letter_and_the_lane_goes_on);

fn an_error_in_content_is_a_dead_letter_and_the_lane_goes_on(store: Store) {
    let receiver = Receiver::with(|arrival, _| {
        Behaviour::Say(if arrival.control_id == "R03" { "AE" } else { "AA" })
    });
    let site = Site::new(store);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    send_all(feed);
    let status = site.wait_final("adt", COUNT as u64);
    assert_eq!(status.channel("adt").destination("lab").dead, 1, "{status:#?}");
    assert_eq!(status.channel("adt").disposition("failed"), 1, "{status:#?}");
    assert_eq!(receiver.control_ids(), ids(), "once each, AE is not repeated");

    // The dead letter is seen, and replayed when the receiver has been mended.
    let dead = site.verb(&["dead"]);
    assert!(dead.stdout.contains("lab"), "{dead:?}");
    receiver.follow(|_, _| Behaviour::Say("AA"));
    let replay = site.verb(&["replay", "--channel", "adt", "--destination", "lab", "-m", "mended"]);
    assert_eq!(replay.code, Some(0), "{replay:?}");
    receiver.wait_count(COUNT + 1);
    assert_eq!(receiver.control_ids().last().map(String::as_str), Some("R03"));
    let status = site.wait_final("adt", COUNT as u64 + 1);
    assert_eq!(status.channel("adt").destination("lab").delivered, COUNT as u64, "{status:#?}");
    engine.stop();
}

#[test]
fn a_rejection_is_tried_ten_times_and_then_given_up() {
    let receiver = Receiver::with(|arrival, _| {
        Behaviour::Say(if arrival.control_id == "R00" { "AR" } else { "AA" })
    });
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    send_all(feed);
    let status = site.wait_final("adt", COUNT as u64);
    assert_eq!(status.channel("adt").destination("lab").dead, 1, "{status:#?}");
    let tries = receiver.control_ids().iter().filter(|id| *id == "R00").count();
    assert_eq!(tries, 10, "the default number of attempts");
    assert_eq!(firsts(&receiver), ids());
    engine.stop();
}

#[test]
fn a_receiver_that_went_away_between_messages_is_noticed_before_sending() {
    let mut receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.accepted(&message::adt("A0", "P1"));
    receiver.wait_count(1);
    site.wait_final("adt", 1);
    receiver.go_down();
    receiver.up();
    connection.accepted(&message::adt("A1", "P1"));
    receiver.wait_count(2);
    let message = site.wait_final("adt", 2);
    assert_eq!(message.channel("adt").disposition("delivered"), 2);
    assert_eq!(receiver.control_ids(), ["A0", "A1"]);
    engine.stop();
}
