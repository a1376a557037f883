//! Acknowledgements in two steps, both ways; the policies of the ordinary ones; MLLP release 2.

use crate::parts::{on_both_stores, steps, to};
use hilum_tests::message;
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{ANSWER, Answer, Connection};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

on_both_stores!(
    what_became_of_a_message_is_told_later_by_a_message_of_its_own,
    an_owed_acknowledgement_survives_a_kill,
    an_application_acknowledgement_waits_for_the_deliveries,
    a_committed_message_ends_with_its_application_acknowledgement,
    a_committed_message_is_remembered_over_a_kill,
    the_same_id_with_another_body_can_be_refused,
    a_sender_that_waits_for_delivery_hears_of_it_whatever_the_lane_had_to_do_first
);

const BOTH: &str = "ack_mode = \"msh\"\napplication_ack = \"acks\"";

/// A message whose sender says what it wants (MSH-15, MSH-16).
fn asking(id: &str, patient: &str, accept: &str, application: &str) -> Vec<u8> {
    let text = String::from_utf8(message::adt(id, patient)).unwrap();
    text.replacen("|P|2.5.1", &format!("|P|2.5.1|||{accept}|{application}"), 1).into_bytes()
}

/// A destination of acknowledgements, which nobody acknowledges.
fn acks(receiver: &Receiver) -> String {
    to("acks", receiver, "wait_for = \"nothing\"")
}

fn told(receiver: &Receiver) -> Vec<(String, String)> {
    let all = receiver.arrivals();
    all.iter()
        .map(|a| (message::text(&a.bytes, "MSA", 1), message::text(&a.bytes, "MSA", 2)))
        .collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

fn what_became_of_a_message_is_told_later_by_a_message_of_its_own(store: Store) {
    let (lab, back) = (Receiver::accepting(), Receiver::with(|_, _| Behaviour::Silent));
    let site = Site::new(store);
    let program = steps("  { require = 'PID-3.1 != \"BAD\"', error = \"no such patient\" },");
    let rest = program + &to("lab", &lab, "") + &acks(&back);
    let feed = site.feed("adt", &format!("{BOTH}\nack = \"on-accept\""), &rest);
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    for (id, patient, wishes, now) in [
        ("E1", "P1", ("AL", "AL"), "CA"),
        ("E2", "BAD", ("AL", "AL"), "CA"),
        ("E3", "P1", ("AL", "ER"), "CA"),
        ("E4", "BAD", ("SU", "ER"), "CA"),
        ("E5", "P1", ("AL", "NE"), "CA"),
        ("E6", "P1", ("", ""), "AA"),
        ("E7", "P1", ("NE", "AL"), "AA"),
    ] {
        let answer = connection.exchange(&asking(id, patient, wishes.0, wishes.1));
        assert_eq!(answer.code(), now, "{id}: {answer:?}");
    }
    // Neither is answered now; the second one is told the bad end later.
    for (id, wishes) in [("E8", ("NE", "NE")), ("E9", ("ER", "AL"))] {
        connection.send(&asking(id, "P1", wishes.0, wishes.1)).unwrap();
    }
    // A resend is committed again, and nothing is told twice.
    assert_eq!(connection.exchange(&asking("E1", "P1", "AL", "AL")).code(), "CA");
    let status = site.wait_final("adt", 9 + 4);
    assert_eq!(told(&back), pairs(&[("AA", "E1"), ("AE", "E2"), ("AE", "E4"), ("AA", "E9")]));
    assert_eq!(status.channel("adt").disposition("failed"), 2, "{status:?}");
    assert_eq!(lab.count(), 7, "acknowledgements go to their own destination, and only they do");
    let ack = site.json(&["message", "E1"])["children"][0].clone();
    assert_eq!(
        (&ack["origin"], &ack["disposition"]),
        (&"acknowledgement".into(), &"delivered".into())
    );
    engine.stop();
}

fn an_owed_acknowledgement_survives_a_kill(store: Store) {
    let lab = Receiver::accepting();
    let mut back = Receiver::down();
    let site = Site::new(store);
    let feed = site.feed("adt", BOTH, &(to("lab", &lab, "") + &acks(&back)));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    let ids: Vec<String> = (0..20).map(|n| format!("K{n}")).collect();
    for id in &ids {
        assert_eq!(connection.exchange(&asking(id, "P1", "AL", "AL")).code(), "CA");
    }
    engine.kill();
    back.up();
    let engine = site.serve();
    site.wait_final("adt", 40);
    back.wait_count(20);
    let got: Vec<String> = told(&back).into_iter().map(|(_, id)| id).collect();
    assert_eq!(got, ids, "each once and in order");
    engine.stop();
}

fn an_application_acknowledgement_waits_for_the_deliveries(store: Store) {
    let lab = Receiver::with(|arrival, _| match arrival.control_id.as_str() {
        "D2" => Behaviour::Say("AE"),
        _ => Behaviour::WhenOpen,
    });
    let back = Receiver::accepting();
    let site = Site::new(store);
    let source = format!("{BOTH}\nack = \"on-delivery\"\nack_destinations = [\"lab\"]");
    let feed = site.feed("adt", &source, &(to("lab", &lab, "order = \"none\"") + &acks(&back)));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    for id in ["D1", "D2"] {
        assert_eq!(connection.exchange(&asking(id, "P1", "AL", "AL")).code(), "CA");
    }
    back.wait_count(1);
    assert_eq!(told(&back), pairs(&[("AE", "D2")]), "the other one is not delivered yet");
    lab.open_gate();
    back.wait_count(2);
    assert_eq!(told(&back), pairs(&[("AE", "D2"), ("AA", "D1")]));
    engine.stop();
}

/// A site that sends to `lab` and gets its application acknowledgements by `lab-acks`: the listeners of both.
fn two_steps(site: &Site, lab: &Receiver, more: &str) -> (SocketAddr, SocketAddr) {
    let wait = format!("wait_for = \"application\"\napplication_acks = \"lab-acks\"\n{more}");
    let feed = site.feed("adt", "", &to("lab", lab, &wait));
    (feed, site.feed("lab-acks", "", ""))
}

/// The receiver's later word.
fn says(address: SocketAddr, code: &str, id: &str) {
    let mut connection = Connection::to(address);
    connection.send(&message::ack(code, id)).unwrap();
    connection.finish_sending();
    assert_eq!(connection.receive(ANSWER), Answer::Closed, "an acknowledgement is not answered");
}

fn a_committed_message_ends_with_its_application_acknowledgement(store: Store) {
    let lab = Receiver::with(|_, _| Behaviour::Say("CA"));
    let site = Site::new(store);
    let (feed, by) = two_steps(&site, &lab, "application_timeout = \"3s\"");
    // One that is faster than the commit of our own settle.
    lab.follow(move |arrival, _| {
        if arrival.control_id == "F1" {
            says(by, "AA", "F1");
        }
        Behaviour::Say(if arrival.control_id == "F5" { "AA" } else { "CA" })
    });
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    for id in ["F1", "F2", "F3", "F4", "F5"] {
        connection.accepted(&message::adt(id, "P1"));
    }
    // The lane does not wait: all have gone before the second is acknowledged.
    lab.wait_count(5);
    says(by, "AE", "F3");
    says(by, "AA", "F2");
    says(by, "AA", "F-unknown");
    let status = site.wait_final("adt", 5);
    let adt = status.channel("adt");
    assert_eq!((adt.disposition("delivered"), adt.disposition("failed")), (3, 2), "{status:?}");
    let acks = status.channel("lab-acks");
    assert_eq!((acks.received, acks.disposition("filtered")), (4, 4), "{status:?}");
    for (id, state, reason) in [
        ("F1", "delivered", None),
        ("F2", "delivered", None),
        ("F3", "dead", Some("AE")),
        ("F4", "dead", Some("no-application-ack")),
    ] {
        let message = site.json(&["message", id]);
        let delivery = &message["deliveries"][0];
        assert_eq!(
            (delivery["state"].as_str(), delivery["reason"].as_str()),
            (Some(state), reason),
            "{id}: {message:#}"
        );
        if id == "F4" {
            continue;
        }
        let ack = site.json(&["message", delivery["ack"].as_str().expect("its acknowledgement")]);
        assert_eq!((&ack["channel"], &ack["acknowledges"]), (&"lab-acks".into(), &message["id"]));
    }
    engine.stop();
}

fn a_committed_message_is_remembered_over_a_kill(store: Store) {
    let lab = Receiver::with(|_, _| Behaviour::Say("CA"));
    let site = Site::new(store);
    let on = "application_timeout = \"4s\"\non = { no_application_ack = \"retry\" }";
    let (feed, by) = two_steps(&site, &lab, on);
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.accepted(&message::adt("R1", "P1"));
    connection.accepted(&message::adt("R2", "P1"));
    site.wait_status("both are committed", |s| s.channel("adt").destination("lab").waiting == 2);
    engine.kill();
    let engine = site.serve();
    says(by, "AA", "R1");
    site.wait_status("one has ended", |s| s.channel("adt").destination("lab").waiting == 1);
    // The other one is sent again when its time is over, and its acknowledgement counts then.
    lab.wait_count(3);
    assert_eq!(lab.control_ids(), ["R1", "R2", "R2"]);
    says(by, "AA", "R2");
    let status = site.wait_final("adt", 2);
    assert_eq!(status.channel("adt").disposition("delivered"), 2, "{status:?}");
    engine.stop();
}

fn the_same_id_with_another_body_can_be_refused(store: Store) {
    let lab = Receiver::accepting();
    let site = Site::new(store);
    let feed = site.feed("adt", "ack_same_id = \"reject\"", &to("lab", &lab, ""));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.accepted(&message::adt("S1", "P1"));
    let refused = connection.exchange(&message::adt("S1", "P2"));
    assert_eq!(refused.code(), "AR", "{refused:?}");
    let Answer::Ack(bytes) = &refused else { panic!("{refused:?}") };
    assert!(message::text(bytes, "ERR", 3).starts_with("205^"), "{refused:?}");
    connection.accepted(&message::adt("S1", "P1"));
    let status = site.wait_final("adt", 2);
    let adt = status.channel("adt");
    assert_eq!(
        (adt.disposition("delivered"), adt.disposition("rejected"), adt.duplicates),
        (1, 1, 1)
    );
    assert_eq!(lab.count(), 1);
    engine.stop();
}

fn a_sender_that_waits_for_delivery_hears_of_it_whatever_the_lane_had_to_do_first(store: Store) {
    let lab = Receiver::with(|_, _| Behaviour::WhenOpen);
    let site = Site::new(store);
    let patient = "timeout = \"30s\"";
    let rest = to("lab", &lab, "").replace("timeout = \"2s\"", patient);
    let source = "ack = \"on-delivery\"\nack_deadline = \"60s\"\nmax_message = \"8 MiB\"";
    let feed = site.feed("adt", source, &rest);
    let engine = site.serve();
    // More than the lane holds in memory, so the last ones stay in the store until there is room.
    let senders: Vec<_> = (0..7)
        .map(|n| {
            std::thread::spawn(move || {
                let large = message::adt_with(&format!("L{n}"), "P1", &"x".repeat(3 << 20));
                Connection::to(feed).exchange(&large).code()
            })
        })
        .collect();
    site.wait_status("all are on disk", |status| status.channel("adt").received == 7);
    let begun = Instant::now();
    lab.open_gate();
    for sender in senders {
        assert_eq!(sender.join().unwrap(), "AA");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(50),
        "answered by the delivery, not by the deadline"
    );
    engine.stop();
}

#[test]
fn a_failure_is_told_by_the_policy() {
    let lab = Receiver::with(|_, _| Behaviour::Say("AE"));
    let site = Site::new(Store::Sqlite);
    let program = steps("  { require = 'PID-3.1 != \"BAD\"', error = \"no such patient\" },");
    let rest = program + &to("lab", &lab, "");
    let feeds = ["on-receipt", "on-accept", "on-delivery"]
        .map(|policy| site.feed(policy, &format!("ack = \"{policy}\""), &rest));
    let engine = site.serve();
    for (feed, expected) in feeds.into_iter().zip([["AA", "AA"], ["AE", "AA"], ["AE", "AE"]]) {
        let mut connection = Connection::to(feed);
        let codes =
            ["BAD", "P1"].map(|p| connection.exchange(&message::adt(&format!("W{p}"), p)).code());
        assert_eq!(codes, expected);
    }
    engine.stop();
}

#[test]
fn release_two_commits_before_it_answers() {
    let lab = Receiver::with(|arrival, _| {
        let answer = hilum_tests::wire::frame(&message::ack("AA", &arrival.control_id));
        match arrival.bytes.as_slice() {
            [6] => Behaviour::Silent,
            _ => Behaviour::Write([b"\x0B\x06\x1C\r".to_vec(), answer].concat()),
        }
    });
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "release = 2", &to("lab", &lab, "release = 2"));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    for id in ["M1", "M2"] {
        connection.send(&message::adt(id, "P1")).unwrap();
        assert_eq!(connection.receive(ANSWER), Answer::Ack(vec![6]), "the commit comes first");
        assert!(connection.receive(ANSWER).accepts(id));
        connection.send(&[6]).unwrap();
    }
    let status = site.wait_final("adt", 2);
    assert_eq!(
        status.channel("adt").disposition("delivered"),
        2,
        "a commit is no message: {status:?}"
    );
    let got: Vec<Vec<u8>> = lab.wait_count(4).into_iter().map(|arrival| arrival.bytes).collect();
    assert_eq!(
        (got[1].as_slice(), got[3].as_slice()),
        (&[6][..], &[6][..]),
        "answers are committed"
    );
    engine.stop();
}
