//! Backups as an operator makes them, and the runbook by which a site comes back.

use crate::parts::{files, long, on_both_stores, to};
use age::secrecy::ExposeSecret;
use hilum_tests::feed::Feed;
use hilum_tests::message;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{verbs, wait};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

on_both_stores!(
    a_lost_site_comes_back_by_the_runbook,
    a_backup_under_load_has_all_that_was_accepted_before,
    a_killed_engine_leaves_no_half_a_backup,
);

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Says where backups go; gives the key that opens them.
fn with_backups(site: &Site) -> PathBuf {
    let key = age::x25519::Identity::generate();
    let file = site.path("keeper.key");
    fs::write(&file, key.to_string().expose_secret()).unwrap();
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    let to = key.to_public();
    let backup = format!("[backup]\nrecipients = [\"{to}\"]\nfolder = \"backups\"\n");
    site.write("server.toml", &format!("{server}{backup}"));
    file
}

fn backups(site: &Site) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(site.path("backups")) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The steps of "When a site is lost" in docs/operations.md.
fn a_lost_site_comes_back_by_the_runbook(store: Store) {
    let site = Site::new(store);
    let key = with_backups(&site);
    let lab = Receiver::down();
    let feed = site.feed("adt", "", &(to("lab", &lab, "") + &files("paper", "")));
    let engine = site.serve();
    let mut sender = Connection::to(feed);
    for n in 0..20 {
        sender.accepted(&message::adt(&format!("B{n}"), "P1"));
    }
    site.wait_status("the paper is written", |status| {
        status.channel("adt").destination("paper").delivered == 20
    });
    let made = site.verb(&["backup", "create", "-m", "before the move"]);
    assert_eq!(made.code, Some(0), "{made:?}");
    let all = backups(&site);
    assert!(all.len() == 1 && made.stdout.contains(&shown(&all[0])), "{made:?} {all:?}");
    let backup = shown(&all[0]);
    let log = site.verb(&["audit", "list", "--action", "backup.created"]).stdout;
    assert!(log.contains("before the move"), "{log}");
    for n in 20..25 {
        sender.accepted(&message::adt(&format!("B{n}"), "P1"));
    }
    engine.stop();

    let key = shown(&key);
    let verified = verbs::local(&["backup", "verify", &backup, "--identity", &key]);
    assert!(verified.code == Some(0) && verified.stdout.contains("20 messages"), "{verified:?}");
    let folder = shown(site.folder());
    let drill = ["backup", "verify", &backup, "--identity", &key, "--site", &folder];
    let tried = verbs::local(&drill);
    assert!(tried.code == Some(0) && tried.stdout.contains("put back and opened in"), "{tried:?}");
    assert!(tried.stdout.contains("its audit log is whole"), "{tried:?}");
    let stranger = site.path("stranger.key");
    fs::write(&stranger, age::x25519::Identity::generate().to_string().expose_secret()).unwrap();
    let closed = verbs::local(&["backup", "verify", &backup, "--identity", &shown(&stranger)]);
    assert_eq!(closed.code, Some(2), "{closed:?}");

    // Another machine: nothing but the backup, the key that opens it, and the copy of the store key.
    let again = Site::new(store);
    let fresh = again.path("site");
    let extracted = ["backup", "extract", &backup, "--identity", &key, "--to", &shown(&fresh)];
    assert_eq!(verbs::local(&extracted).code, Some(0));
    let moved = fs::read_to_string(again.path("server.toml")).unwrap();
    let channel = fs::read_to_string(fresh.join("channels/adt.toml")).unwrap();
    assert!(fresh.join("server.toml").exists());
    again.channel("adt", &channel);
    again.write("server.toml", &moved);
    let restore = ["restore", &backup, "--identity", &key, "--site", &shown(again.folder())];
    let keyless = verbs::local(&restore);
    assert!(keyless.code == Some(78) && keyless.stderr.contains("store key"), "{keyless:?}");
    let keys = again.path("data/keys");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&keys).unwrap();
    fs::copy(site.data().join("keys/store.key"), keys.join("store.key")).unwrap();
    fs::set_permissions(keys.join("store.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let restored = verbs::local(&restore);
    assert!(restored.code == Some(0) && restored.stderr.contains("20 deliveries"), "{restored:?}");
    assert_eq!(verbs::local(&restore).code, Some(78), "never over a store");

    let engine = again.serve();
    let status = again.status();
    let lane = status.channel("adt").destination("lab").clone();
    assert_eq!((status.channel("adt").received, lane.held), (20, 20), "{status:#?}");
    assert_eq!(again.verb(&["audit", "verify"]).code, Some(0));
    let log = again.verb(&["audit", "list"]).stdout;
    assert!(log.contains("store.restored"), "{log}");
    Connection::to(feed).accepted(&message::adt("B99", "P1"));
    engine.stop();
}

fn a_backup_under_load_has_all_that_was_accepted_before(store: Store) {
    let site = Site::new(store);
    let key = shown(&with_backups(&site));
    let mut lab = Receiver::down();
    let feed =
        Feed::new(site.feed("adt", "", &to("lab", &lab, "")), if long() { 500 } else { 100 });
    let engine = site.serve();
    let before = std::thread::scope(|scope| {
        scope.spawn(|| feed.run());
        let before = wait::until("messages flow", || {
            Some(feed.accepted()).filter(|accepted| accepted.len() >= 100)
        });
        let made = site.verb(&["backup", "create", "-m", "while they come"]);
        assert_eq!(made.code, Some(0), "{made:?}");
        let meanwhile = feed.accepted().len();
        wait::until("they go on", || (feed.accepted().len() > meanwhile + 20).then_some(()));
        assert!(meanwhile > before.len(), "nothing came while the backup was made");
        feed.stop();
        before
    });
    engine.stop();

    let backup = shown(&backups(&site)[0]);
    let folder = shown(site.folder());
    let drill = ["backup", "verify", &backup, "--identity", &key, "--site", &folder];
    let tried = verbs::local(&drill);
    assert!(tried.code == Some(0) && tried.stdout.contains("its audit log is whole"), "{tried:?}");

    let again = Site::new(store);
    again.feed("adt", "", &to("lab", &lab, ""));
    let keys = again.path("data/keys");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&keys).unwrap();
    fs::copy(site.data().join("keys/store.key"), keys.join("store.key")).unwrap();
    let folder = shown(again.folder());
    let restored = verbs::local(&["restore", &backup, "--identity", &key, "--site", &folder]);
    assert_eq!(restored.code, Some(0), "{restored:?}");
    let engine = again.serve();
    lab.up();
    // Whether the lab had them is not known, so none goes out by itself.
    let released = again.verb(&["retry", "adt/lab", "-m", "the lab had none of them"]);
    assert_eq!(released.code, Some(0), "{released:?}");
    wait::until("all that was accepted before the backup arrives", || {
        let arrived: BTreeSet<String> = lab.control_ids().into_iter().collect();
        before.iter().all(|id| arrived.contains(id)).then_some(())
    });
    engine.stop();
}

fn a_killed_engine_leaves_no_half_a_backup(store: Store) {
    let site = Site::new(store);
    with_backups(&site);
    let feed = site.feed("adt", "", &files("paper", ""));
    let engine = site.serve();
    let mut sender = Connection::to(feed);
    for n in 0..200 {
        sender.accepted(&message::adt(&format!("K{n}"), "P1"));
    }
    std::thread::scope(|scope| {
        scope.spawn(|| site.verb(&["backup", "create"]));
        wait::until("it has begun", || fs::read_dir(site.path("backups")).ok()?.next().map(drop));
        engine.kill();
    });
    let whole = |path: &PathBuf| !shown(path).ends_with(".part");
    let left: Vec<PathBuf> = backups(&site).into_iter().filter(whole).collect();
    let engine = site.serve();
    assert_eq!(site.verb(&["backup", "create"]).code, Some(0));
    let all = backups(&site);
    assert!(all.iter().all(whole), "half a backup is removed by the next: {all:?}");
    assert_eq!(all.len(), left.len() + 1);
    engine.stop();
}
