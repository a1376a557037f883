//! A disk without space: nothing is acknowledged that is not kept, nothing crashes, and space is enough to go on.

use crate::parts::{files, to};
use age::secrecy::ExposeSecret;
use hilum_tests::faults::Disk;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{Answer, Connection};
use hilum_tests::{message, wait};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// Sends one message until it is accepted, on new connections where needed.
fn send_until_accepted(feed: SocketAddr, id: &str) {
    wait::until(&format!("`{id}` is accepted"), || {
        let mut connection = Connection::open(feed).ok()?;
        connection.send(&message::adt(id, "P1")).ok()?;
        connection.receive(Duration::from_secs(5)).accepts(id).then_some(())
    });
}

/// Sends until a message is not accepted; gives those that were, and the one that was not.
fn send_until_refused(feed: SocketAddr, prefix: &str) -> (BTreeSet<String>, String) {
    let mut accepted = BTreeSet::new();
    let mut connection = Connection::to(feed);
    for n in 0..5_000 {
        let id = format!("{prefix}-{n}");
        let answer = match connection.send(&message::adt(&id, "P1")) {
            Ok(()) => connection.receive(Duration::from_secs(3)),
            Err(_) => Answer::Closed,
        };
        if !answer.accepts(&id) {
            assert!(
                !matches!(answer, Answer::Ack(_)),
                "no room is not the sender's fault: {answer:?}"
            );
            return (accepted, id);
        }
        accepted.insert(id);
    }
    panic!("5,000 messages were accepted on a full disk");
}

fn a_full_disk_pauses_and_recovers(free: u64) {
    let disk = Disk::of(640);
    let mut receiver = Receiver::accepting();
    let mut site = Site::new(Store::Sqlite);
    let data = disk.path().join("data");
    site.keep_data_in(&data);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let mut engine = site.serve();
    send_until_accepted(feed, "BEFORE");

    let ballast = disk.leave(free);
    let (mut sent, refused) = send_until_refused(feed, "FULL");
    assert!(engine.runs(), "a full disk is no reason to end");
    drop(ballast);
    send_until_accepted(feed, &refused);
    sent.insert(refused);
    sent.insert("BEFORE".to_owned());
    send_until_accepted(feed, "AFTER");
    sent.insert("AFTER".to_owned());

    let status = site.wait_final("adt", sent.len() as u64);
    assert_eq!(status.channel("adt").disposition("delivered"), sent.len() as u64);
    let arrived: BTreeSet<String> = receiver.control_ids().into_iter().collect();
    assert_eq!(arrived, sent);
    engine.stop();
    receiver.go_down();
}

#[test]
fn below_the_reserve_it_stops_reading() {
    a_full_disk_pauses_and_recovers(100 * MIB);
}

#[test]
fn without_any_space_it_stops_reading() {
    a_full_disk_pauses_and_recovers(0);
}

#[test]
fn a_full_disk_below_a_file_destination_delays_only_that_destination() {
    let disk = Disk::of(4);
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let out = disk.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let folder = format!("folder = \"{}\"", out.display());
    let file = files("paper", "retry = { first = \"20ms\", max = \"200ms\" }")
        .replace("folder = \"data/out/paper\"", &folder);
    let feed = site.feed("adt", "", &(file + &to("lab", &receiver, "")));
    let engine = site.serve();

    let ballast = disk.leave(0);
    let mut connection = Connection::to(feed);
    let ids: Vec<String> = (0..10).map(|n| format!("F{n}")).collect();
    for id in &ids {
        connection.accepted(&message::adt_with(id, "P1", &"X".repeat(5_000)));
    }
    receiver.wait_count(ids.len());
    let status = site.status();
    assert!(
        status.channel("adt").destination("paper").delivered < 10,
        "there was no room: {status:#?}"
    );
    assert_eq!(status.channel("adt").destination("paper").dead, 0, "{status:#?}");
    drop(ballast);
    let status = site.wait_final("adt", 10);
    assert_eq!(status.channel("adt").destination("paper").delivered, 10);
    let written = std::fs::read_dir(&out)
        .unwrap()
        .flatten()
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    assert_eq!(written.count(), 10);
    engine.stop();
}

#[test]
fn a_full_disk_below_the_backups_makes_none_and_keeps_the_old_ones() {
    let disk = Disk::of(8);
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let key = age::x25519::Identity::generate();
    let identity = site.path("keeper.key");
    std::fs::write(&identity, key.to_string().expose_secret()).unwrap();
    let server = std::fs::read_to_string(site.path("server.toml")).unwrap();
    let (public, folder) = (key.to_public(), disk.path().join("backups"));
    let backup =
        format!("[backup]\nrecipients = [\"{public}\"]\nfolder = \"{}\"\n", folder.display());
    site.write("server.toml", &format!("{server}{backup}"));
    let mut engine = site.serve();
    // Sealed bodies do not get smaller.
    let mut connection = Connection::to(feed);
    for n in 0..40 {
        connection.accepted(&message::adt_with(&format!("B{n}"), "P1", &noise(20_000)));
    }
    let made = site.verb(&["backup", "create", "-m", "first"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let names = || {
        let all = std::fs::read_dir(&folder).unwrap();
        all.map(|entry| entry.unwrap().path().display().to_string()).collect::<BTreeSet<String>>()
    };
    let old = names();

    let ballast = disk.leave(100_000);
    let failed = site.verb(&["backup", "create", "-m", "second"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.stderr.contains("space"), "it says why: {failed:?}");
    assert_eq!(names(), old, "the old one stays, and no part of a new one");
    let identity = identity.display().to_string();
    let first = old.first().unwrap();
    let whole = hilum_tests::verbs::local(&["backup", "verify", first, "--identity", &identity]);
    assert_eq!(whole.code, Some(0), "{whole:?}");
    connection.accepted(&message::adt("DURING", "P1"));
    assert!(engine.runs());
    drop(ballast);
    let again = site.verb(&["backup", "create", "-m", "third"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    engine.stop();
}

/// Text that no compression makes much smaller.
fn noise(length: usize) -> String {
    let mut random = hilum_tests::random::Random::seeded();
    (0..length).map(|_| char::from(b'A' + random.below(26) as u8)).collect()
}
