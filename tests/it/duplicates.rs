//! A sender that got no answer sends again: stored once, answered as before.

use crate::parts::{on_both_stores, to};
use hilum_tests::message;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;

on_both_stores!(
    a_resend_is_answered_as_before_and_delivered_once,
    a_resend_is_recognised_after_a_crash
);

fn a_resend_is_answered_as_before_and_delivered_once(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    let first = message::adt("SAME", "P1");

    // The connection ends before the answer is read.
    let mut lost = Connection::to(feed);
    lost.send(&first).unwrap();
    receiver.wait_count(1);
    drop(lost);
    Connection::to(feed).accepted(&first);
    let status = site.wait_status("the resend is counted", |s| s.channel("adt").duplicates == 1);
    assert_eq!(status.channel("adt").received, 1);

    // Another body under the same id is another message.
    Connection::to(feed).accepted(&message::adt("SAME", "P2"));
    let status = site.wait_final("adt", 2);
    assert_eq!(status.channel("adt").duplicates, 1);
    assert_eq!(receiver.count(), 2);
    engine.stop();
}

fn a_resend_is_recognised_after_a_crash(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    let engine = site.serve();
    let bytes = message::adt("SAME", "P1");
    Connection::to(feed).accepted(&bytes);
    site.wait_final("adt", 1);
    engine.kill();
    let engine = site.serve();
    Connection::to(feed).accepted(&bytes);
    let status = site.wait_status("the resend is counted", |s| s.channel("adt").duplicates == 1);
    assert_eq!((status.channel("adt").received, receiver.count()), (1, 1));
    engine.stop();
}

#[test]
fn a_refused_message_is_judged_anew_when_it_comes_again() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let program =
        "[transform]\nsteps = [{ require = 'PID-39 exists', error = \"no such thing\" }]\n";
    let feed =
        site.feed("adt", "ack = \"on-accept\"", &(program.to_owned() + &to("lab", &receiver, "")));
    let engine = site.serve();
    let bytes = message::adt("BAD", "P1");
    let first = Connection::to(feed).exchange(&bytes);
    assert_eq!(first.code(), "AE", "{first:?}");
    assert_eq!(site.wait_final("adt", 1).channel("adt").disposition("failed"), 1);

    // It was never accepted, so what comes again under its id is no resend: the channel may have been mended.
    let mended = program.replace("PID-39", "PID-3");
    site.channel(
        "adt",
        &format!(
            "[source]\ntype = \"mllp\"\nlisten = \"{feed}\"\nack = \"on-accept\"\n{mended}{}",
            to("lab", &receiver, "")
        ),
    );
    assert_eq!(site.verb(&["apply", "-m", "mended"]).code, Some(0));
    Connection::to(feed).accepted(&bytes);
    let status = site.wait_final("adt", 2);
    assert_eq!(status.channel("adt").disposition("delivered"), 1);
    assert_eq!(receiver.control_ids(), ["BAD"]);
    engine.stop();
}
