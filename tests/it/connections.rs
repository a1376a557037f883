//! Many connections, slow ones, endless ones: the limits hold and the others are served.

use crate::parts::{files, long};
use hilum_tests::engine::Engine;
use hilum_tests::faults::many_connections;
use hilum_tests::message;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{Answer, Connection};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const MIB: usize = 1024 * 1024;

fn serve(source: &str) -> (Site, SocketAddr, Engine) {
    many_connections();
    let site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", source, &files("paper", ""));
    let engine = site.serve();
    (site, feed, engine)
}

/// Others are served while something is wrong on one connection.
fn others_are_served(feed: SocketAddr, prefix: &str) {
    let mut connection = Connection::to(feed);
    for n in 0..20 {
        let began = Instant::now();
        connection.accepted(&message::adt(&format!("{prefix}-{n}"), "P1"));
        assert!(began.elapsed() < Duration::from_secs(5), "an answer took {:?}", began.elapsed());
    }
}

#[test]
fn of_300_connections_256_are_served_and_the_rest_refused() {
    let (site, feed, engine) = serve("");
    let mut connections: Vec<Connection> = (0..300).map(|_| Connection::to(feed)).collect();
    connections[0].write(&[0x0b, b'M']).expect("the first one is served"); // and then says nothing more
    let (mut served, mut refused) = (0, 0);
    for (n, connection) in connections.iter_mut().enumerate().skip(1) {
        let id = format!("N{n}");
        match connection.exchange(&message::adt(&id, "P1")) {
            answer if answer.accepts(&id) => served += 1,
            Answer::Closed => refused += 1,
            other => panic!("connection {n}: {other:?}"),
        }
    }
    assert_eq!((served, refused), (255, 44), "with the slow one 256 are served");
    // A place that becomes free is taken by the next one.
    drop(connections.pop());
    connections.truncate(200);
    hilum_tests::wait::until("a place becomes free", || {
        Connection::to(feed).exchange(&message::adt("AGAIN", "P1")).accepts("AGAIN").then_some(())
    });
    site.wait_final("adt", 256);
    engine.stop();
}

#[test]
fn a_connection_that_trickles_is_closed_and_delays_nobody() {
    let (site, feed, engine) = serve("");
    let began = Instant::now();
    let mut trickle = Connection::to(feed);
    trickle.write(&[0x0b, b'M']).unwrap();
    let closed = loop {
        others_are_served(feed, &format!("T{}", began.elapsed().as_secs()));
        if trickle.closes(Duration::from_secs(10)) {
            break began.elapsed();
        }
        if trickle.write(b"S").is_err() {
            break began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "a byte every ten seconds for a minute");
    };
    assert!(closed < Duration::from_secs(45), "closed after {closed:?}");
    let status =
        site.wait_status("the fragment is kept", |s| s.channel("adt").disposition("rejected") == 1);
    assert_eq!(status.channel("adt").disposition("rejected"), 1);
    engine.stop();
}

#[test]
fn a_frame_that_never_ends_is_cut_at_the_limit() {
    let (site, feed, engine) = serve("");
    let before = engine.memory();
    let mut endless = Connection::to(feed);
    let start = message::adt("ENDLESS", "P1");
    endless.write(&[&[0x0b], &start[..]].concat()).unwrap();
    let chunk = vec![b'A'; MIB];
    let mut written = 0;
    while endless.write(&chunk).is_ok() {
        written += 1;
        assert!(written < 200, "200 MiB were taken of a frame that may have 16");
    }
    let used = engine.memory().saturating_sub(before);
    assert!(used < 200 * MIB as u64, "{} MiB of memory for one connection", used / MIB as u64);
    others_are_served(feed, "OTHER");
    site.wait_status("the frame has a disposition", |s| s.channel("adt").received >= 21);
    engine.stop();
}

#[test]
fn sixteen_mebibytes_pass_and_one_byte_more_does_not() {
    let (site, feed, engine) = serve("");
    let sized = |id: &str, size: usize| {
        let mut bytes = message::adt(id, "P1");
        let segment = b"ZZZ|".len() + 1;
        bytes.extend_from_slice(b"ZZZ|");
        bytes.resize(size - 1, b'A');
        bytes.push(b'\r');
        assert!(bytes.len() == size && size > segment);
        bytes
    };
    let whole = sized("WHOLE", 16 * MIB);
    Connection::to(feed).accepted(&whole);
    let answer = Connection::to(feed).exchange(&sized("OVER", 16 * MIB + 1));
    assert!(["AR", "AE", "closed"].contains(&answer.code().as_str()), "{answer:?}");
    others_are_served(feed, "OTHER");
    let status = site.wait_status("both have a disposition", |s| {
        s.channel("adt").received == 22 && s.channel("adt").open() == 0
    });
    assert_eq!(status.channel("adt").disposition("rejected"), 1, "{status:#?}");
    let written = std::fs::read_dir(site.path("data/out/paper")).unwrap().flatten();
    assert!(
        written.map(|file| file.path()).any(|path| std::fs::read(path).unwrap() == whole),
        "every byte of it arrives"
    );
    engine.stop();
}

#[test]
fn a_value_beyond_the_greatest_limit_cannot_even_be_asked_for() {
    let site = Site::new(Store::Sqlite);
    site.feed("adt", "max_message = \"257 MiB\"", &files("paper", ""));
    let check = hilum_tests::verbs::local(&["check", &site.folder().to_string_lossy()]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!((check.stdout + &check.stderr).contains("C0105"), "the limit is named");
    let ended = site.try_serve().err().expect("it is refused");
    assert_eq!(ended.status.code(), Some(78), "{ended}");
}

#[test]
fn many_half_frames_share_one_budget() {
    let (site, feed, engine) = serve("");
    let before = engine.memory();
    let start = message::adt("HALF", "P1");
    let chunk = vec![b'A'; MIB];
    let count = if long() { 200 } else { 30 };
    let writers: Vec<_> = (0..count)
        .map(|_| {
            let (start, chunk) = (start.clone(), chunk.clone());
            std::thread::spawn(move || {
                let mut half = Connection::open(feed).ok()?;
                half.write(&[&[0x0b], &start[..]].concat()).ok()?;
                for _ in 0..15 {
                    if half.write(&chunk).is_err() {
                        break;
                    }
                }
                Some(half)
            })
        })
        .collect();
    others_are_served(feed, "OTHER");
    let peak = engine.memory().saturating_sub(before);
    assert!(
        peak < 512 * MIB as u64,
        "{} MiB for half frames that may have 256 in all",
        peak / MIB as u64
    );
    let halves: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    others_are_served(feed, "AFTER");
    drop(halves);
    site.wait_status("the others are delivered", |s| {
        s.channel("adt").disposition("delivered") == 40
    });
    engine.stop();
}

#[test]
fn a_flood_of_connections_disturbs_nobody_who_is_there() {
    let (_site, feed, engine) = serve("");
    let mut there = Connection::to(feed);
    there.accepted(&message::adt("THERE", "P1"));
    let count = if long() { 5_000 } else { 1_000 };
    let mut flood = Vec::new();
    for n in 0..count {
        flood.extend(Connection::open(feed));
        if n % 100 == 0 {
            there.accepted(&message::adt(&format!("THERE-{n}"), "P1"));
        }
    }
    drop(flood);
    there.accepted(&message::adt("STILL", "P1"));
    engine.stop();
}

#[test]
fn pipelined_messages_are_answered_in_order() {
    let (site, feed, engine) = serve("");
    let mut connection = Connection::to(feed);
    let ids: Vec<String> = (0..500).map(|n| format!("Q{n:03}")).collect();
    let all: Vec<u8> =
        ids.iter().flat_map(|id| hilum_tests::wire::frame(&message::adt(id, "P1"))).collect();
    connection.write(&all).unwrap();
    for id in &ids {
        let answer = connection.receive(hilum_tests::wire::ANSWER);
        assert!(answer.accepts(id), "`{id}`: {answer:?}");
    }
    site.wait_final("adt", 500);
    engine.stop();
}

#[test]
fn a_peer_that_has_finished_sending_still_gets_its_answers() {
    let (_site, feed, engine) = serve("");
    let mut connection = Connection::to(feed);
    connection.send(&message::adt("LAST-1", "P1")).unwrap();
    connection.send(&message::adt("LAST-2", "P1")).unwrap();
    connection.finish_sending();
    for id in ["LAST-1", "LAST-2"] {
        let answer = connection.receive(hilum_tests::wire::ANSWER);
        assert!(answer.accepts(id), "{answer:?}");
    }
    assert!(connection.closes(Duration::from_secs(10)));
    engine.stop();
}
