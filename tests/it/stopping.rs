//! Ends and starts on purpose: SIGTERM under load, a second engine, a key that is not right.

use crate::parts::{on_both_stores, to};
use hilum_tests::message;
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{ANSWER, Connection};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

on_both_stores!(
    a_stop_under_load_loses_nothing,
    what_a_stopped_engine_still_owes_is_delivered_by_the_next
);

/// Sends until the connection ends; gives the control ids that were accepted.
fn send_until_closed(feed: SocketAddr, sender: usize) -> BTreeSet<String> {
    let mut accepted = BTreeSet::new();
    let mut connection = Connection::to(feed);
    for n in 0.. {
        let id = format!("T{sender}-{n}");
        if !connection.exchange(&message::adt(&id, &format!("P{sender}"))).accepts(&id) {
            break;
        }
        accepted.insert(id);
    }
    accepted
}

fn a_stop_under_load_loses_nothing(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let feed = site.feed("adt", "", &to("lab", &receiver, "order_by = 'PID-3.1'"));
    let engine = site.serve();
    let senders: Vec<_> =
        (0..6).map(|sender| std::thread::spawn(move || send_until_closed(feed, sender))).collect();
    receiver.wait_count(100);
    let ended = engine.stop();
    let accepted: BTreeSet<String> =
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect();
    assert!(accepted.len() >= 100, "{ended}");

    // With a receiver that takes everything there is nothing left after the drain.
    let arrived = receiver.control_ids();
    let distinct: BTreeSet<String> = arrived.iter().cloned().collect();
    assert_eq!(arrived.len(), distinct.len(), "a graceful stop repeats nothing");
    assert!(
        accepted.is_subset(&distinct),
        "accepted but not delivered: {:?}",
        accepted.difference(&distinct)
    );
    let engine = site.serve();
    let status = site.wait_final("adt", distinct.len() as u64);
    assert_eq!(status.channel("adt").disposition("delivered"), distinct.len() as u64);
    assert_eq!(receiver.count(), distinct.len(), "the next start repeats nothing");
    engine.stop();
}

fn what_a_stopped_engine_still_owes_is_delivered_by_the_next(store: Store) {
    let mut receiver = Receiver::down();
    let site = Site::new(store);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    let ids: Vec<String> = (0..20).map(|n| format!("O{n:02}")).collect();
    for id in &ids {
        connection.accepted(&message::adt(id, "P1"));
    }
    engine.stop();
    receiver.up();
    let engine = site.serve();
    receiver.wait_count(ids.len());
    assert_eq!(receiver.control_ids(), ids);
    let status = site.wait_final("adt", 20);
    assert_eq!(status.channel("adt").disposition("delivered"), 20);
    let said = engine.said();
    assert!(said.contains("\"deliveries\":20"), "a line says what is resumed: {said}");
    engine.stop();
}

#[test]
fn a_stop_finishes_and_answers_what_is_in_hand() {
    let receiver = Receiver::with(|_, _| Behaviour::WhenOpen);
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, "").replace("2s", "60s"));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.accepted(&message::adt("HAND-1", "P1"));
    receiver.wait_count(1);
    connection.send(&message::adt("HAND-2", "P1")).unwrap();
    engine.signal(Signal::TERM);
    let answer = connection.receive(ANSWER);
    assert!(
        answer.accepts("HAND-2") || answer.code() == "closed",
        "answered or closed, never refused: {answer:?}"
    );
    assert!(connection.closes(Duration::from_secs(20)));
    receiver.open_gate();
    let ended = engine.ended(Duration::from_secs(40));
    assert_eq!(ended.status.code(), Some(0), "{ended}");
    let expected = 1 + u64::from(answer.accepts("HAND-2"));
    let engine = site.serve();
    site.wait_final("adt", expected);
    assert_eq!(receiver.count() as u64, expected, "delivered by the drain or after it, once");
    engine.stop();
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let receiver = Receiver::with(|_, _| Behaviour::Silent);
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, "").replace("2s", "10m"));
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("SILENT", "P1"));
    receiver.wait_count(1);
    engine.stop(); // fails after 45 s, the drain has 30
    receiver.follow(|_, _| Behaviour::Say("AA"));
    let engine = site.serve();
    site.wait_final("adt", 1);
    assert_eq!(receiver.control_ids(), ["SILENT", "SILENT"], "in doubt, so sent again");
    engine.stop();
}

#[test]
fn a_second_engine_on_the_same_data_is_refused() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let mut engine = site.serve();
    let second = site.try_serve().err().expect("the second one is refused");
    assert_eq!(second.status.code(), Some(78), "{second}");
    assert!(engine.runs());
    Connection::to(feed).accepted(&message::adt("FIRST", "P1"));
    site.wait_final("adt", 1);
    engine.stop();
}

#[test]
fn a_port_that_is_taken_is_named_and_refused() {
    let taken = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let text = format!(
        "[source]\ntype = \"mllp\"\nlisten = \"{}\"\n{}",
        taken.address(),
        to("lab", &taken, "")
    );
    site.channel("adt", &text);
    let ended = site.try_serve().err().expect("nobody can listen there");
    assert!(ended.status.code().is_some_and(|code| code != 0), "{ended}");
    assert!(ended.said.contains(&taken.address().to_string()), "it names the address: {ended}");
}

#[test]
fn a_key_that_is_not_right_is_refused_and_nothing_is_touched() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("KEPT", "P1"));
    site.wait_final("adt", 1);
    engine.stop();

    let key = site.data().join("keys/store.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let right = fs::read(&key).unwrap();
    let before = fs::read(site.data().join("hilum.db")).unwrap();
    let refused = |why: &str| {
        let ended = site.try_serve().err().unwrap_or_else(|| panic!("{why}: it started"));
        assert_eq!(ended.status.code(), Some(78), "{why}: {ended}");
        assert!(
            ended.said.to_lowercase().contains("key"),
            "{why}: the sentence names the key: {ended}"
        );
        assert_eq!(
            fs::read(site.data().join("hilum.db")).unwrap(),
            before,
            "{why}: the store is touched"
        );
    };
    fs::set_permissions(&key, Permissions::from_mode(0o640)).unwrap();
    refused("readable by the group");
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, &right[..right.len() / 2]).unwrap();
    refused("truncated");
    let wrong: Vec<u8> = right
        .iter()
        .map(|b| if b.is_ascii_hexdigit() { if *b == b'0' { b'1' } else { b'0' } } else { *b ^ 1 })
        .collect();
    fs::write(&key, wrong).unwrap();
    refused("another key");
    fs::remove_file(&key).unwrap();
    refused("missing");
    assert!(!key.exists(), "no new key is made for a store that has data");

    fs::write(&key, right).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let engine = site.serve();
    assert_eq!(site.status().channel("adt").received, 1);
    engine.stop();
}
