//! The store key as those who keep it meet it: looked at, copied, and changed while messages flow and the engine is killed.

use crate::parts::{long, on_both_stores, to};
use age::secrecy::ExposeSecret;
use hilum_tests::engine::Engine;
use hilum_tests::feed::Feed;
use hilum_tests::receiver::Receiver;
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::Connection;
use hilum_tests::{message, verbs, wait};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

on_both_stores!(
    the_key_is_changed_under_load_and_kills,
    the_key_is_copied_for_those_who_keep_it,
    what_a_data_key_has_sealed_is_sealed_anew,
);

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Says who keeps the keys, and where the next one is; gives the private key of who keeps them.
fn with_keeper(site: &Site, next: &str) -> (PathBuf, String) {
    let key = age::x25519::Identity::generate();
    let file = site.path("keeper.key");
    fs::write(&file, key.to_string().expose_secret()).unwrap();
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    let public = key.to_public().to_string();
    let backup = format!("[backup]\nrecipients = [\"{public}\"]\nfolder = \"backups\"\n");
    site.write("server.toml", &format!("{}\n{backup}", with_next(&server, next)));
    (file, public)
}

fn with_next(server: &str, next: &str) -> String {
    server.replace("[store]\n", &format!("[store]\nnext_key = \"file:{next}\"\n"))
}

fn standing(site: &Site) -> serde_json::Value {
    let status = site.verb(&["keys", "status", "--format", "json"]);
    serde_json::from_str(&status.stdout).unwrap_or_default()
}

/// Files with both keys.
fn copies(site: &Site) -> usize {
    fs::read_dir(site.path("backups")).map_or(0, Iterator::count)
}

/// Asks for the change, and kills the engine so long after it has begun: both keys are kept first.
fn ask_and_kill(site: &Site, engine: Engine, after: Duration) {
    let (kept, asked) = (copies(site), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            site.verb(&["keys", "rotate", "--execute", "-m", "yearly"]);
            asked.store(true, Ordering::Relaxed);
        });
        wait::until("it has begun, or is over", || {
            (copies(site) > kept || asked.load(Ordering::Relaxed)).then_some(())
        });
        let begun = Instant::now();
        while begun.elapsed() < after {
            std::hint::spin_loop();
        }
        engine.kill();
        asking.join().unwrap();
    });
}

fn the_key_is_changed_under_load_and_kills(store: Store) {
    let (kills, rate) = if long() { (20, 500) } else { (4, 100) };
    let site = Site::new(store);
    with_keeper(&site, "data/keys/store-2.key");
    let mut lab = Receiver::down();
    let feed = Feed::new(site.feed("adt", "", &to("lab", &lab, "")), rate);
    let engine = site.serve();
    let before = standing(&site)["kek"].clone();
    let planned = site.verb(&["keys", "rotate"]);
    assert!(planned.code == Some(0) && planned.stdout.contains("made there"), "{planned:?}");
    assert_eq!(site.verb(&["keys", "rotate", "--execute"]).code, Some(64), "without a reason");
    assert!(!site.path("data/keys/store-2.key").exists(), "a dry run makes nothing");

    let engine = std::thread::scope(|scope| {
        scope.spawn(|| feed.run());
        let mut engine = engine;
        for kill in 0..kills {
            let (until_now, more) = (feed.accepted().len(), rate as usize / 4);
            wait::until("messages flow", || {
                (feed.accepted().len() >= until_now + more).then_some(())
            });
            ask_and_kill(&site, engine, Duration::from_millis(4) * kill);
            engine = site.serve();
        }
        // What was begun goes on by itself; what was not is asked for again.
        wait::until("the key is changed", || {
            let now = standing(&site);
            if now["kek"] == before && now["next"].is_null() {
                site.verb(&["keys", "rotate", "--execute", "-m", "yearly, again"]);
            }
            (now["kek"] != before && now["next"].is_null()).then_some(())
        });
        feed.stop();
        engine
    });
    let accepted = feed.accepted();
    assert!(accepted.len() > 10, "messages flowed meanwhile: {}", accepted.len());
    let rows = site.verb(&["keys", "status", "--rows"]);
    assert!(rows.code == Some(0), "nothing is in clear: {rows:?}");
    assert!(!rows.stdout.contains(before.as_str().unwrap()), "{rows:?}");
    assert!(copies(&site) >= 1, "both keys were kept first");
    engine.stop();

    // The file is told, and the old key is not needed any more.
    let server = fs::read_to_string(site.path("server.toml")).unwrap();
    site.write("server.toml", &server.replace("next_key = ", "key = "));
    fs::remove_file(site.path("data/keys/store.key")).unwrap();
    let engine = site.serve();
    lab.up();
    // What came without an answer before a kill arrives as well, so nothing can be counted.
    wait::until("all that was accepted arrives", || {
        let arrived: BTreeSet<String> = lab.control_ids().into_iter().collect();
        accepted.iter().all(|id| arrived.contains(id)).then_some(())
    });
    let whole = site.verb(&["audit", "verify"]);
    assert_eq!(whole.code, Some(0), "{whole:?}");
    engine.stop();
    site.write(
        "server.toml",
        &server.replace("next_key = ", "key = ").replace("store-2", "store-3"),
    );
    let refused = Engine::start(verbs::hilum(), &site).err().expect("refused");
    assert_eq!(refused.status.code(), Some(78), "{refused}");
}

fn the_key_is_copied_for_those_who_keep_it(store: Store) {
    let site = Site::new(store);
    let (identity, public) = with_keeper(&site, "data/keys/store-2.key");
    let engine = site.serve();
    let status = site.verb(&["keys", "status"]);
    assert!(status.stdout.contains("nobody keeps a copy"), "{status:?}");
    let (file, identity) = (shown(&site.path("store.age")), shown(&identity));
    let copy = ["keys", "escrow", "--to", &public, "--output", &file, "-m", "for the safe"];
    let copied = site.verb(&copy);
    assert!(
        copied.code == Some(0) && copied.stdout.contains(standing(&site)["kek"].as_str().unwrap()),
        "{copied:?}"
    );
    assert_eq!(site.verb(&copy).code, Some(78), "nothing is written over");
    let verify = ["keys", "escrow", "--verify", &file, "--identity", &identity];
    let verified = site.verb(&verify);
    assert!(verified.code == Some(0) && verified.stdout.contains("in force"), "{verified:?}");
    assert!(site.verb(&["keys", "status"]).stdout.contains("and opened at"));
    let stranger = site.path("stranger.key");
    let key = age::x25519::Identity::generate();
    fs::write(&stranger, key.to_string().expose_secret()).unwrap();
    let closed = ["keys", "escrow", "--verify", &file, "--identity", &shown(&stranger)];
    assert_eq!(site.verb(&closed).code, Some(2));
    let nobody =
        ["keys", "escrow", "--to", "age1x", "--output", &shown(&site.path("x")), "-m", "x"];
    assert_eq!(site.verb(&nobody).code, Some(1));
    let log = site.verb(&["audit", "list", "--action", "key.escrowed"]).stdout;
    assert!(log.contains("for the safe"), "{log}");
    engine.stop();
}

fn what_a_data_key_has_sealed_is_sealed_anew(store: Store) {
    let site = Site::new(store);
    let lab = Receiver::accepting();
    let feed = site.feed("adt", "", &to("lab", &lab, ""));
    let engine = site.serve();
    let mut sender = Connection::to(feed);
    for n in 0..20 {
        sender.accepted(&message::adt(&format!("A{n}"), "P1"));
    }
    site.wait_status("they are delivered", |status| {
        status.channel("adt").destination("lab").delivered == 20
    });
    let keys = site.verb(&["keys", "list", "adt", "--format", "json"]).stdout;
    let keys: serde_json::Value = serde_json::from_str(&keys).unwrap();
    let all = keys["keys"].as_array().unwrap();
    let old = all.iter().find(|one| one["purpose"] == "message").unwrap()["key"].as_str().unwrap();
    let plan = site.verb(&["keys", "reencrypt", old]);
    assert!(plan.code == Some(0) && plan.stdout.contains("bodies.blob"), "{plan:?}");
    let done = site.verb(&["keys", "reencrypt", old, "--execute", "-m", "it was in a dump"]);
    assert!(done.code == Some(0) && done.stdout.contains("is destroyed"), "{done:?}");
    assert_ne!(site.verb(&["keys", "reencrypt", old]).code, Some(0), "it is destroyed");
    sender.accepted(&message::adt("AFTER", "P1"));
    let body = site.verb(&["message", "A7", "--body"]);
    assert!(body.code == Some(0) && body.stdout.contains("A7"), "{body:?}");
    assert_eq!(site.verb(&["audit", "verify"]).code, Some(0));
    engine.stop();
}
