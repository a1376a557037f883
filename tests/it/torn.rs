//! What a power failure leaves behind: copies of the data folder at random moments, with the end of the log torn off.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use hilum_tests::engine::Engine;
use hilum_tests::random::Random;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{message, wait};
use rustix::process::Signal;

use crate::parts::{long, to};

/// A copy of the data folder, and what had been acknowledged when it was made.
struct Copy {
    folder: PathBuf,
    acknowledged: BTreeSet<String>,
}

impl Copy {
    /// Stops the engine for a moment, so that the copy is one moment's.
    fn of(site: &Site, engine: &Engine, acknowledged: &Mutex<BTreeSet<String>>, to: &Path) -> Copy {
        // What was acknowledged before is in the copy, whatever comes in between.
        let acknowledged = acknowledged.lock().unwrap().clone();
        engine.signal(Signal::STOP);
        copy(site.data(), to);
        engine.signal(Signal::CONT);
        Copy { folder: to.to_owned(), acknowledged }
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap_or_default()
    }
}

/// Every file below a folder; sockets are left out.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            // Such a file may be there for a moment only.
            let _gone = fs::copy(entry.path(), target);
        }
    }
}

/// Between the two copies only the log has grown: no page was written into the database, and the log was not begun anew.
fn only_grown(before: &Copy, after: &Copy) -> Option<(u64, u64)> {
    let (old, new) = (before.read("hilum.db-wal"), after.read("hilum.db-wal"));
    let header = 32;
    let same = before.read("hilum.db") == after.read("hilum.db")
        && old.len() > header
        && new.len() > old.len()
        && new[..old.len()] == old[..];
    same.then_some((old.len() as u64, new.len() as u64))
}

#[test]
fn copies_of_random_moments_open_with_everything_that_was_acknowledged() {
    let wanted = if long() { 40 } else { 6 };
    let mut receiver = Receiver::accepting();
    let mut site = Site::new(Store::Sqlite);
    let feed = site.feed("adt", "", &to("lab", &receiver, "order_by = 'PID-3.1'"));
    let folder = tempfile::tempdir().unwrap();
    let engine = site.serve();
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(BTreeSet::new()));
    let mut random = Random::seeded();
    let mut torn: Vec<Copy> = Vec::new();
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let (stop, acknowledged) = (&stop, &acknowledged);
            scope.spawn(move || {
                let mut connection = Connection::to(feed);
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let id = format!("T{sender}-{n}");
                    connection.accepted(&message::adt(&id, &format!("P{}", n % 7)));
                    acknowledged.lock().unwrap().insert(id);
                }
            });
        }
        for n in 0..400 {
            if torn.len() == wanted {
                break;
            }
            let count = acknowledged.lock().unwrap().len();
            let before =
                Copy::of(&site, &engine, &acknowledged, &folder.path().join(format!("b{n}")));
            let more = 1 + random.below(20);
            wait::until("more is acknowledged", || {
                (acknowledged.lock().unwrap().len() >= count + more).then_some(())
            });
            let after =
                Copy::of(&site, &engine, &acknowledged, &folder.path().join(format!("a{n}")));
            if let Some((from, to)) = only_grown(&before, &after) {
                // A disk that had synced the first copy may hold any part of what came after it, and rubbish behind.
                let grown = usize::try_from(to - from).unwrap();
                let cut = from + random.below(grown + 1) as u64;
                let log = after.folder.join("hilum.db-wal");
                let file = fs::OpenOptions::new().write(true).open(&log).unwrap();
                file.set_len(cut).unwrap();
                if random.below(2) == 0 {
                    file.set_len(to).unwrap();
                }
                torn.push(Copy { folder: after.folder, acknowledged: before.acknowledged });
            }
            fs::remove_dir_all(before.folder).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert_eq!(torn.len(), wanted, "so many copies between two checkpoints were found");
    engine.stop();
    receiver.go_down();

    torn.iter().for_each(|copy| opens(&mut site, feed, copy));
}

/// The engine starts on it, knows everything that was acknowledged, and its audit log is whole.
fn opens(site: &mut Site, feed: SocketAddr, copy: &Copy) {
    site.keep_data_in(&copy.folder);
    let engine = site.serve();
    let status = site.status();
    let adt = status.channel("adt");
    assert!(adt.received >= copy.acknowledged.len() as u64, "{status:#?}");
    assert_eq!(site.verb(&["audit", "verify"]).code, Some(0));
    // Each of them is known: sent again it is a duplicate and not a message.
    let mut connection = Connection::to(feed);
    let known: Vec<&String> = copy.acknowledged.iter().collect();
    for id in known.iter().rev().take(60) {
        connection.accepted(&message::adt(id, &patient(id)));
    }
    let again = site.status().channel("adt").clone();
    assert_eq!(again.received, adt.received, "nothing that was acknowledged is new to it");
    assert_eq!(again.duplicates, adt.duplicates + known.len().min(60) as u64);
    engine.kill();
}

/// The patient of a message that was sent.
fn patient(id: &str) -> String {
    let n: u64 = id.rsplit('-').next().unwrap().parse().unwrap();
    format!("P{}", n % 7)
}
