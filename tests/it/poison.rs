//! A message that takes the process with it is set aside at its third time, and the others flow.

use crate::parts::{on_both_stores, to};
use hilum_tests::message;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;

on_both_stores!(a_message_that_was_running_at_three_crashes_is_quarantined);

/// Values and steps enough that the program runs for a good part of a second.
const VALUES: usize = 4_000;
const STEPS: usize = 60;

fn heavy(id: &str) -> Vec<u8> {
    let mut bytes = message::adt(id, "P1");
    for n in 0..VALUES {
        bytes
            .extend_from_slice(format!("OBX|{n}|ST|X||{}|||||F\r", "abcab ".repeat(20)).as_bytes());
    }
    bytes
}

fn a_message_that_was_running_at_three_crashes_is_quarantined(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let slow = "    { replace = 'OBX[*]-5', regex = '(a|b|c)+ (a|b)+$', to = \"$0\", when = 'PV1-1 = \"1\"' },\n".repeat(STEPS);
    let program =
        format!("[transform]\nsteps = [\n  {{ if = 'OBX exists', then = [\n{slow}  ] }},\n]\n");
    let feed = site.feed("adt", "", &(program + &to("lab", &receiver, "")));
    let poison = heavy("POISON");

    // The first crash finds it running, or not yet committed; from then on each start runs it first.
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.send(&poison).unwrap();
    site.wait_status("it is on record and undecided", |s| s.channel("adt").open() == 1);
    engine.kill();
    for _ in 0..3 {
        let engine = site.serve();
        let status = site.status();
        if status.channel("adt").open() == 0 {
            engine.stop();
            break;
        }
        engine.kill();
    }

    let engine = site.serve();
    Connection::to(feed).accepted(&message::adt("AFTER", "P2"));
    let status = site.wait_final("adt", 2);
    assert_eq!(status.channel("adt").disposition("failed"), 1, "set aside: {status:#?}");
    assert_eq!(status.channel("adt").disposition("delivered"), 1, "the others flow");
    assert_eq!(receiver.control_ids(), ["AFTER"]);
    let shown = site.verb(&["message", "POISON"]);
    assert!(shown.stdout.contains("crash"), "the reason is told: {}", shown.stdout);
    engine.stop();
}
