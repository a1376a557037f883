//! Messages without encryption: inside this machine, or with a written reason and an end.

use crate::parts::files;
use hilum_tests::faults::many_connections;
use hilum_tests::message;
use hilum_tests::ports;
use hilum_tests::site::{Site, Store};
use hilum_tests::verbs;
use hilum_tests::wire::{Answer, Connection};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// An address of this machine that others would use. Nothing is sent: the system is asked how it would send.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("198.51.100.1:9").expect("this machine has an address in a network");
    socket.local_addr().unwrap().ip()
}

/// Replaces the listener's address of a channel; gives the new one.
fn listen_outside(site: &Site, channel: &str, source: &str) -> SocketAddr {
    let address = SocketAddr::new(own_address(), ports::free().port());
    site.channel(
        channel,
        &format!(
            "[source]\ntype = \"mllp\"\nlisten = \"{address}\"\n{source}\n{}",
            files(channel, "")
        ),
    );
    address
}

fn check(site: &Site) -> verbs::Output {
    verbs::local(&["check", site.folder().to_str().unwrap()])
}

fn acknowledged(until: &str, from: &str) -> String {
    format!(
        "plaintext = {{ reason = \"analyser without TLS\", until = {until}, from = [\"{from}\"] }}"
    )
}

#[test]
fn a_listener_that_others_reach_is_refused_without_a_reason_or_after_its_end() {
    let site = Site::new(Store::Sqlite);
    for (source, code) in [
        (String::new(), "C0411"),
        (acknowledged("2021-06-30", "10.1.0.0/16"), "C0421"),
        (acknowledged("2099-06-30", "0.0.0.0/0"), "C0422"),
        ("plaintext = { reason = \"none\" }".to_owned(), "C0103"),
    ] {
        listen_outside(&site, "adt", &source);
        let checked = check(&site);
        assert!(checked.code == Some(1) && checked.stdout.contains(code), "{source}: {checked:?}");
        let ended = site.try_serve().err().expect("it does not start");
        assert_eq!(ended.status.code(), Some(78), "{ended}");
    }
}

#[test]
fn with_a_reason_only_the_named_networks_are_let_in_and_the_status_says_so() {
    let site = Site::new(Store::Sqlite);
    let own = own_address();
    let open = listen_outside(&site, "open", &acknowledged("2099-06-30", &own.to_string()));
    let closed = listen_outside(&site, "closed", &acknowledged("2099-06-30", "10.255.255.0/24"));
    let engine = site.serve();
    Connection::to(open).accepted(&message::adt("PLAIN", "P1"));
    assert_eq!(Connection::to(closed).exchange(&message::adt("CLOSED", "P1")), Answer::Closed);
    let status = site.verb(&["status"]).stdout;
    let warning = "warning: channel `open` takes messages without encryption until 2099-06-30: analyser without TLS";
    assert!(status.contains(warning), "{status}");
    assert_eq!(site.json(&["status"])["channels"][0]["refusals"]["network"], 1);
    engine.stop();
}

#[test]
fn a_source_outside_the_allowed_networks_is_closed_before_a_byte_is_read() {
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "allow = [\"127.0.0.2\"]", &files("adt", ""));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    assert!(connection.closes(std::time::Duration::from_secs(10)));
    assert_eq!(site.json(&["status"])["channels"][0]["refusals"]["network"], 1);
    engine.stop();
}

#[test]
fn the_33rd_connection_of_an_address_is_refused_and_a_flood_harms_nobody_else() {
    many_connections();
    let site = Site::new(Store::Sqlite);
    let own = own_address();
    let outside = listen_outside(&site, "outside", &acknowledged("2099-06-30", &own.to_string()));
    let inside = site.feed("inside", "", &files("inside", ""));
    let engine = site.serve();
    let mut peer = Connection::to(inside);
    peer.accepted(&message::adt("FIRST", "P1"));
    let mut held: Vec<Connection> = (0..32).map(|_| Connection::to(outside)).collect();
    for (n, connection) in held.iter_mut().enumerate() {
        connection.accepted(&message::adt(&format!("H{n}"), "P1"));
    }
    assert_eq!(Connection::to(outside).exchange(&message::adt("33", "P1")), Answer::Closed);
    // Thousands that connect and say nothing: the caps hold, whoever is in stays in, and others get in.
    let flood: Vec<Option<Connection>> =
        (0..5_000).map(|_| Connection::open(outside).ok()).collect();
    peer.accepted(&message::adt("DURING", "P1"));
    Connection::to(inside).accepted(&message::adt("OTHER", "P1"));
    held[0].accepted(&message::adt("STILL", "P1"));
    drop(flood);
    let refused = site.json(&["status"]);
    let channels = refused["channels"].as_array().unwrap();
    let outside = channels.iter().find(|one| one["name"] == "outside").unwrap();
    assert!(outside["refusals"]["address-full"].as_u64().unwrap() > 4_000, "{outside}");
    engine.stop();
}
