//! A crash between any two steps of a message's road ends as the crash table says.

use crate::parts::{on_both_stores, steps, to};
use hilum_tests::engine::Engine;
use hilum_tests::message;
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{Answer, Connection, frame};
use std::net::SocketAddr;
use std::time::Duration;

on_both_stores!(
    before_the_frame_is_whole_nothing_is_kept,
    before_the_delivery_it_is_sent_by_the_next_life,
    between_delivery_and_settle_it_is_sent_again,
    after_the_settle_it_is_not_sent_again,
    between_commit_and_answer_the_resend_is_recognised,
);

fn start(store: Store, receiver: &Receiver) -> (Site, SocketAddr, Engine) {
    let site = Site::new(store);
    let feed = site.feed("adt", "", &(steps("  { trim = 'PID-5.1' },") + &to("lab", receiver, "")));
    let engine = site.serve();
    (site, feed, engine)
}

fn before_the_frame_is_whole_nothing_is_kept(store: Store) {
    let receiver = Receiver::accepting();
    let (site, feed, engine) = start(store, &receiver);
    let bytes = frame(&message::adt("CP1", "P1"));
    let mut connection = Connection::to(feed);
    connection.write(&bytes[..bytes.len() - 2]).unwrap();
    engine.kill();
    assert_eq!(connection.receive(Duration::from_secs(10)), Answer::Closed);
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("CP1", "P1"));
    let status = site.wait_final("adt", 1);
    assert_eq!((status.channel("adt").duplicates, receiver.count()), (0, 1));
    engine.stop();
}

fn before_the_delivery_it_is_sent_by_the_next_life(store: Store) {
    let mut receiver = Receiver::down();
    let (site, feed, engine) = start(store, &receiver);
    Connection::to(feed).accepted(&message::adt("CP2", "P1"));
    engine.kill();
    receiver.up();
    let engine = site.serve();
    site.wait_final("adt", 1);
    assert_eq!(receiver.control_ids(), ["CP2"]);
    engine.stop();
}

fn between_delivery_and_settle_it_is_sent_again(store: Store) {
    // The receiver has read it and says nothing, so nothing can be settled when the crash comes.
    let receiver =
        Receiver::with(
            |_, before| if before == 0 { Behaviour::Silent } else { Behaviour::Say("AA") },
        );
    let (site, feed, engine) = start(store, &receiver);
    Connection::to(feed).accepted(&message::adt("CP3", "P1"));
    receiver.wait_count(1);
    engine.kill();
    let engine = site.serve();
    site.wait_final("adt", 1);
    let arrivals = receiver.arrivals();
    assert_eq!(receiver.control_ids(), ["CP3", "CP3"]);
    assert_eq!(arrivals[0].bytes, arrivals[1].bytes, "the same bytes, with the same control id");
    engine.stop();
}

fn after_the_settle_it_is_not_sent_again(store: Store) {
    let receiver = Receiver::accepting();
    let (site, feed, engine) = start(store, &receiver);
    Connection::to(feed).accepted(&message::adt("CP4", "P1"));
    site.wait_final("adt", 1);
    engine.kill();
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("CP5", "P1"));
    site.wait_final("adt", 2);
    assert_eq!(receiver.control_ids(), ["CP4", "CP5"]);
    engine.stop();
}

fn between_commit_and_answer_the_resend_is_recognised(store: Store) {
    // The answer is lost with the connection: the peer is gone before it can be written.
    let receiver = Receiver::accepting();
    let (site, feed, engine) = start(store, &receiver);
    let mut connection = Connection::to(feed);
    connection.send(&message::adt("CP6", "P1")).unwrap();
    receiver.wait_count(1); // committed, for it has been delivered
    drop(connection);
    engine.kill();
    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("CP6", "P1"));
    let status = site.wait_status("the resend is recognised", |s| s.channel("adt").duplicates == 1);
    assert_eq!(status.channel("adt").received, 1);
    site.wait_final("adt", 1);
    assert!(receiver.count() <= 2, "once more at most, being in doubt");
    engine.stop();
}
