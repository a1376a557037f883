//! The audit log and the engine's own at a collector elsewhere: all of it, in order, whatever breaks, and never in clear.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::parts::{files, on_both_stores};
use hilum_tests::certificates::{Authority, GOOD, Issued};
use hilum_tests::collector::{Collector, Entry};
use hilum_tests::site::{Site, Store};
use hilum_tests::{ports, wait};

on_both_stores!(nothing_is_missing_after_breaks_at_both_ends);

struct Scene {
    site: Site,
    at: SocketAddr,
    own: Issued,
    authority: Authority,
}

impl Scene {
    fn new(store: Store) -> Scene {
        let site = Site::new(store);
        let authority = Authority::new(&site.path("certs"), "ca");
        let own = authority.issue("collector", &GOOD);
        authority.issue("hilum", &GOOD);
        site.channel(
            "adt",
            &format!(
                "[source]\ntype = \"mllp\"\nlisten = \"{}\"\n{}",
                ports::free(),
                files("out", "")
            ),
        );
        let scene = Scene { site, at: ports::free(), own, authority };
        scene.says("ca", "");
        scene
    }

    /// Names the collector, trusting this authority.
    fn says(&self, authority: &str, more: &str) {
        let server = fs::read_to_string(self.site.path("server.toml")).unwrap();
        let server = server.split("[syslog]").next().unwrap();
        self.site.write(
            "server.toml",
            &format!(
                "{server}\n[syslog]\naddress = \"{}\"\ntls = {{ ca = \"certs/{authority}.pem\", server_name = \"localhost\", \
                 cert = \"certs/hilum.pem\", key = \"certs/hilum.key\" }}\n{more}\n",
                self.at
            ),
        );
    }

    fn listen(&self) -> Collector {
        Collector::listen(self.at, &self.own, &self.authority.file())
    }

    /// Something that the audit log records.
    fn act(&self, times: usize) {
        for _ in 0..times {
            let done = self.site.verb(&["hold", "adt/out", "-m", "maintenance"]);
            let undone = self.site.verb(&["resume", "adt/out", "-m", "maintenance"]);
            assert_eq!((done.code, undone.code), (Some(0), Some(0)));
        }
    }

    fn records(&self) -> i64 {
        let newest = self.site.json(&["audit", "list", "--limit", "1"]);
        let newest: serde_json::Value = newest["records"][0].clone();
        newest["seq"].as_i64().unwrap() + 1
    }
}

/// The numbers of the records among some entries.
fn numbers(entries: &[Entry]) -> Vec<i64> {
    let records = entries.iter().filter(|entry| entry.priority / 8 == 10);
    records.map(|entry| entry.place().parse().unwrap()).collect()
}

fn nothing_is_missing_after_breaks_at_both_ends(store: Store) {
    let scene = Scene::new(store);
    let collector = scene.listen();
    let engine = scene.site.serve();
    scene.act(1);
    let first = collector.wait("the first records", |entries| {
        entries.iter().any(|entry| entry.id.starts_with("destination.resum"))
    });
    let seen = numbers(&first);
    assert_eq!(seen, (0..seen.len() as i64).collect::<Vec<i64>>(), "from the first record on");
    for entry in first.iter().filter(|entry| entry.priority / 8 == 10) {
        let record: serde_json::Value = serde_json::from_str(&entry.text).unwrap();
        assert_eq!(record["seq"].as_i64().unwrap().to_string(), entry.place());
        assert_eq!(
            (record["ts"].as_str(), record["action"].as_str()),
            (Some(&*entry.time), Some(&*entry.id))
        );
        assert_eq!(entry.priority, 85, "{entry:?}");
    }
    let log = first.iter().find(|entry| entry.priority / 8 == 3);
    let log = log.expect("the engine's own log comes too");
    assert!(log.priority == 8 * 3 + 4 && log.text.contains("\"level\":\"WARN\""), "{log:?}");

    // The collector dies with what it was sent and had not read.
    collector.stops_reading();
    let before = collector.unread();
    scene.act(2);
    wait::until("it was sent more", || (collector.unread() > before).then_some(()));
    drop(collector);

    // It stays away, and the engine is killed before it comes back.
    scene.act(3);
    scene
        .site
        .wait_status("the break is seen", |status| status.warnings().contains("syslog collector"));
    engine.kill();
    let engine = scene.site.serve();
    scene.act(1);
    // Looking at the log is a record too.
    let records = scene.records();
    let collector = scene.listen();
    let later = collector.wait("what came meanwhile", |entries| {
        let numbers = numbers(entries);
        let more = entries.iter().any(|entry| entry.id == "syslog.away");
        numbers.last().is_some_and(|last| *last >= records - 1) && more
    });
    let later = numbers(&later);
    let begun = *later.first().unwrap();
    assert!(begun <= seen.len() as i64, "{begun} does not follow {}", seen.len());
    assert_eq!(
        later,
        (begun..begun + later.len() as i64).collect::<Vec<i64>>(),
        "in order and without a gap"
    );
    scene.site.wait_status("it is back", |status| !status.warnings().contains("syslog collector"));
    engine.stop();
}

/// An end that shows the wrong certificate gets nothing, and one without encryption even less.
#[test]
fn an_end_that_cannot_prove_who_it_is_gets_nothing() {
    let scene = Scene::new(Store::Sqlite);
    Authority::new(&scene.site.path("certs"), "other");
    scene.says("other", "");
    let collector = scene.listen();
    let engine = scene.site.serve();
    let warned = scene.site.wait_status("the collector is refused", |status| {
        status.warnings().contains("no TLS with")
    });
    assert!(warned.warnings().contains("records of the audit log"));
    assert_eq!(collector.bytes(), b"");
    drop(collector);

    // Whoever answers in clear at the same place is told nothing but the greeting of TLS.
    let listener = TcpListener::bind(scene.at).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut greeting = [0; 5];
    stream.read_exact(&mut greeting).unwrap();
    assert_eq!(greeting[..2], [0x16, 0x03], "a handshake record");
    drop((stream, listener));
    assert!(!engine.said().contains("syslog.back"));
    engine.stop();
}

/// What is not asked for is not sent, and what was there before counts.
#[test]
fn the_streams_are_chosen() {
    let scene = Scene::new(Store::Sqlite);
    scene.says("ca", "send = [\"log\"]\nlevel = \"info\"");
    let collector = scene.listen();
    let engine = scene.site.serve();
    scene.act(1);
    let entries = collector.wait("the log", |entries| !entries.is_empty());
    assert!(entries.iter().all(|entry| entry.priority / 8 == 3), "{entries:?}");
    engine.stop();

    // Whoever asks for the audit log later gets all of it.
    scene.says("ca", "send = [\"audit\"]");
    let engine = scene.site.serve();
    let records = scene.records();
    let before = collector.entries().len();
    let entries = collector.wait("all records", |entries| numbers(entries).len() as i64 >= records);
    assert_eq!(numbers(&entries)[..records as usize], (0..records).collect::<Vec<i64>>());
    let own = entries[before..].iter().filter(|entry| entry.priority / 8 == 3).count();
    assert_eq!(own, 0, "the log is not asked for any more");
    engine.stop();
}
