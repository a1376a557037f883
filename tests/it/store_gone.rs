//! PostgreSQL that goes away and comes back: no acknowledgement meanwhile, no restart needed, nothing doubled.

use crate::parts::to;
use hilum_tests::postgres::{Cluster, query};
use hilum_tests::receiver::Receiver;
use hilum_tests::site::Site;
use hilum_tests::wire::{Answer, Connection};
use hilum_tests::{message, wait};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

fn accepted(feed: SocketAddr, id: &str) -> bool {
    let Ok(mut connection) = Connection::open(feed) else { return false };
    let answer = match connection.send(&message::adt(id, "P1")) {
        Ok(()) => connection.receive(Duration::from_secs(45)),
        Err(_) => Answer::Closed,
    };
    assert!(
        !matches!(answer, Answer::Ack(_)) || answer.accepts(id),
        "accepted, or no answer at all: {answer:?}"
    );
    answer.accepts(id)
}

fn until_accepted(feed: SocketAddr, id: &str) {
    wait::until(&format!("`{id}` is accepted"), || accepted(feed, id).then_some(()));
}

fn check(site: &Site, receiver: &Receiver, sent: usize) {
    let status = site.wait_final("adt", sent as u64);
    assert_eq!(status.channel("adt").disposition("delivered"), sent as u64, "{status:#?}");
    let arrived: BTreeSet<String> = receiver.control_ids().into_iter().collect();
    assert_eq!(arrived.len(), sent, "every message has arrived");
}

#[test]
fn a_stopped_server_is_waited_for() {
    let cluster = Cluster::start();
    let receiver = Receiver::accepting();
    let site = Site::on(&cluster.url());
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let mut engine = site.serve();
    until_accepted(feed, "BEFORE");
    receiver.wait_count(1);

    cluster.stop();
    assert!(!accepted(feed, "MEANWHILE"), "nothing can be kept while the store is gone");
    assert!(engine.runs(), "a store that is gone is no reason to end");
    cluster.begin();
    until_accepted(feed, "MEANWHILE");
    until_accepted(feed, "AFTER");
    check(&site, &receiver, 3);
    assert_eq!(
        query(&cluster.url(), "select count(*) from messages").trim(),
        "3",
        "nothing is stored twice"
    );
    engine.stop();
}

#[test]
fn cut_connections_are_made_again() {
    let cluster = Cluster::start();
    let receiver = Receiver::accepting();
    let site = Site::on(&cluster.url());
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();

    let done = std::sync::atomic::AtomicBool::new(false);
    let sent = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..3)
            .map(|sender| {
                let done = &done;
                scope.spawn(move || {
                    let mut sent = 0;
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        until_accepted(feed, &format!("C{sender}-{sent}"));
                        sent += 1;
                    }
                    sent
                })
            })
            .collect();
        for round in 1..=10 {
            receiver.wait_count(round * 3);
            cluster.cut_connections();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        senders.into_iter().map(|sender| sender.join().unwrap()).sum::<usize>()
    });
    check(&site, &receiver, sent);
    assert_eq!(
        query(&cluster.url(), "select count(*) from messages").trim(),
        sent.to_string(),
        "nothing is stored twice"
    );
    engine.stop();
}
