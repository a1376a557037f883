//! The outside world behaves as the other tests assume, so that their failures are the product's.

use hilum_tests::faults::Disk;
use hilum_tests::message;
use hilum_tests::postgres::{Cluster, Database, query};
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::wire::{Answer, Connection};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);
const NOT_NOW: Duration = Duration::from_millis(100);

#[test]
fn a_receiver_follows_its_script() {
    let receiver = Receiver::with(|arrival, _| match arrival.control_id.as_str() {
        "NAK" => Behaviour::Say("AE"),
        "NOISE" => Behaviour::Write(b"noise".to_vec()),
        "GATE" => Behaviour::WhenOpen,
        "HALF" => Behaviour::CloseInside,
        _ => Behaviour::Say("AA"),
    });
    let mut connection = Connection::to(receiver.address());
    connection.accepted(&message::adt("GOOD", "P1"));
    assert_eq!(connection.exchange(&message::adt("NAK", "P1")).code(), "AE");
    connection.send(&message::adt("NOISE", "P1")).unwrap();
    assert_eq!(connection.receive(NOT_NOW), Answer::Nothing);
    connection.send(&message::adt("GATE", "P1")).unwrap();
    assert_eq!(connection.receive(NOT_NOW), Answer::Nothing);
    receiver.open_gate();
    assert!(connection.receive(SOON).accepts("GATE"));
    connection.send(&message::adt("HALF", "P1")).unwrap();
    assert!(connection.closes(SOON));
    receiver.wait_quiet();
    assert_eq!(receiver.control_ids(), ["GOOD", "NAK", "NOISE", "GATE", "HALF"]);
}

#[test]
fn a_receiver_goes_down_and_comes_back_at_the_same_address() {
    let mut receiver = Receiver::accepting();
    let mut connection = Connection::to(receiver.address());
    connection.accepted(&message::adt("ONE", "P1"));
    receiver.go_down();
    assert!(connection.closes(SOON));
    assert!(Connection::open(receiver.address()).is_err());
    receiver.up();
    Connection::to(receiver.address()).accepted(&message::adt("TWO", "P1"));
    assert_eq!(receiver.count(), 2);
}

#[test]
fn a_server_of_ones_own_stops_and_starts() {
    let cluster = Cluster::start();
    assert_eq!(query(&cluster.url(), "select 1").trim(), "1");
    cluster.stop();
    cluster.begin();
    assert_eq!(query(&cluster.url(), "select 2").trim(), "2");
    assert_eq!(cluster.cut_connections(), 0);
}

#[test]
fn a_database_of_ones_own_is_there() {
    let database = Database::create();
    assert_eq!(query(&database.url(), "select 3").trim(), "3");
}

#[test]
fn a_disk_is_as_full_as_it_is_made() {
    let disk = Disk::of(8);
    let ballast = disk.leave(0);
    assert!(std::fs::write(disk.path().join("more"), vec![0; 100_000]).is_err());
    drop(ballast);
    assert!(disk.free() > 7_000_000);
}
