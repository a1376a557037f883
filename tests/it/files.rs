//! Files in and files out: nothing lost, nothing out of order, nothing touched outside the folder.

use crate::parts::{files, long, on_both_stores, to};
use hilum_tests::engine::Engine;
use hilum_tests::faults::Injection;
use hilum_tests::postgres::Cluster;
use hilum_tests::receiver::{Behaviour, Receiver};
use hilum_tests::site::{Site, Store};
use hilum_tests::wire::{ANSWER, Connection};
use hilum_tests::{message, wait};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

on_both_stores!(
    a_file_is_read_again_after_a_kill_and_nothing_arrives_twice_by_it,
    a_kill_between_the_commit_and_the_end_of_a_file_doubles_nothing,
    a_file_with_a_wrong_count_is_rejected_whole,
    a_batch_over_mllp_is_answered_by_a_batch,
);

/// A channel that takes files from `in`, at once.
fn folder(site: &Site, more: &str, rest: &str) -> PathBuf {
    let source = "[source]\ntype = \"file\"\nfolder = \"in\"\nevery = \"100ms\"\nstable = \"0s\"\n";
    site.channel("orders", &format!("{source}{more}\n{rest}"));
    let folder = site.path("in");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Puts a whole file into a folder in one step.
fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let hidden = folder.join(format!(".{name}.part"));
    fs::write(&hidden, bytes).unwrap();
    fs::rename(hidden, folder.join(name)).unwrap();
}

fn row(ids: impl IntoIterator<Item = String>) -> Vec<u8> {
    ids.into_iter().flat_map(|id| message::adt(&id, "P1")).collect()
}

fn batch(ids: &[&str], said: usize) -> Vec<u8> {
    let around = "|^~\\&|PAS|NORTH|LAB|MAIN|20261121||||B7\r";
    let trailer = format!("BTS|{said}\r");
    let row = row(ids.iter().map(|id| (*id).to_owned()));
    [format!("BHS{around}").as_bytes(), &row, trailer.as_bytes()].concat()
}

/// Names that a reader of the folder sees, in order.
fn seen(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn wait_seen(folder: &Path, expected: &[&str]) {
    wait::until(&format!("{} holds {expected:?}", folder.display()), || {
        (seen(folder) == expected).then_some(())
    });
}

fn a_file_is_read_again_after_a_kill_and_nothing_arrives_twice_by_it(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let folder = folder(&site, "", &to("lab", &receiver, ""));
    let ids = |file: usize| (0..200).map(move |n| format!("F{file}-{n:03}"));
    for file in 0..3 {
        put(&folder, &format!("{file}.hl7"), &row(ids(file)));
    }
    for life in 1..=4 {
        receiver.set_life(life);
        let engine = site.serve();
        receiver.wait_count(receiver.count() + 15);
        engine.kill();
        receiver.wait_quiet();
    }
    receiver.set_life(5);
    let engine = site.serve();
    wait_seen(&folder.join("done"), &["0.hl7", "1.hl7", "2.hl7"]);
    let status = site.wait_final("orders", 600);
    assert_eq!(status.channel("orders").disposition("delivered"), 600, "{status:#?}");
    // What arrives more than once was in doubt in its lane: each life goes on in order, a little before where the last one ended.
    let all: Vec<String> = (0..3).flat_map(ids).collect();
    let (mut reached, mut last) = (0, None);
    for arrival in receiver.arrivals() {
        let at = all.iter().position(|id| *id == arrival.control_id).unwrap();
        match last {
            Some((life, before)) if life == arrival.life => assert_eq!(at, before + 1),
            _ => assert!(at <= reached && reached - at <= 32, "{at} after {reached}"),
        }
        reached = reached.max(at + 1);
        last = Some((arrival.life, at));
    }
    assert_eq!(reached, all.len());
    engine.stop();
}

fn a_kill_between_the_commit_and_the_end_of_a_file_doubles_nothing(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let folder = folder(&site, "after = \"delete\"", &to("lab", &receiver, ""));
    let engine = site.serve();
    // Only the end of a file removes a name.
    let injection = Injection::into(&engine, "unlinkat:signal=SIGKILL:when=1");
    put(&folder, "a.hl7", &row((0..5).map(|n| format!("C{n}"))));
    engine.ended(wait::PATIENCE);
    drop(injection);
    assert!(folder.join(".hilum/a.hl7").exists(), "it was still claimed");
    let engine = site.serve();
    wait::until("the file is gone", || (!folder.join(".hilum/a.hl7").exists()).then_some(()));
    let status = site.wait_final("orders", 5);
    assert_eq!(status.channel("orders").duplicates, 5, "each was recognised: {status:#?}");
    let distinct: BTreeSet<String> = receiver.control_ids().into_iter().collect();
    assert_eq!(distinct.len(), 5);
    engine.stop();
}

fn a_file_with_a_wrong_count_is_rejected_whole(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let folder = folder(&site, "", &to("lab", &receiver, ""));
    let engine = site.serve();
    put(&folder, "a.hl7", &batch(&["W1", "W2"], 3));
    put(&folder, "b.hl7", &batch(&["R1", "R2"], 2));
    wait_seen(&folder.join("errors"), &["a.hl7", "a.hl7.why"]);
    let status = site.wait_final("orders", 3);
    let counts = ["rejected", "delivered"].map(|d| status.channel("orders").disposition(d));
    assert_eq!(counts, [1, 2], "{status:#?}");
    assert_eq!(receiver.control_ids(), ["R1", "R2"], "nothing of the other was routed");
    let why = fs::read_to_string(folder.join("errors/a.hl7.why")).unwrap();
    assert!(why.starts_with("code: batch-count\ntime: ") && why.contains("BTS-1 says 3"), "{why}");
    assert!(!why.contains("EXAMPLE"), "no value of a message: {why}");
    let shown = site.verb(&["message", "R2"]);
    assert!(shown.stdout.contains("b.hl7") && shown.stdout.contains("B7 2/2"), "{shown:?}");
    let rejected = site.verb(&["messages", "--state", "rejected"]);
    assert!(rejected.stdout.contains("batch-count"), "{rejected:?}");
    engine.stop();
}

fn a_batch_over_mllp_is_answered_by_a_batch(store: Store) {
    let receiver = Receiver::accepting();
    let site = Site::new(store);
    let feed = site.feed("adt", "batch = \"each\"", &to("lab", &receiver, ""));
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    let lines = |answer: &[u8], name: &str| {
        let text = String::from_utf8_lossy(answer).into_owned();
        text.split('\r')
            .filter(|line| line.starts_with(name))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    connection.send(&batch(&["B1", "B2", "B3"], 3)).unwrap();
    connection.send(&message::adt("AFTER", "P1")).unwrap();
    let hilum_tests::wire::Answer::Ack(reply) = connection.receive(ANSWER) else {
        panic!("no answer")
    };
    assert_eq!(lines(&reply, "MSA"), ["MSA|AA|B1", "MSA|AA|B2", "MSA|AA|B3"]);
    assert_eq!(lines(&reply, "BTS"), ["BTS|3"]);
    assert!(connection.receive(ANSWER).accepts("AFTER"));
    let refused = connection.exchange(&batch(&["N1", "N2"], 1));
    assert_eq!(refused.code(), "AE", "{refused:?}");
    let status = site.wait_final("adt", 5);
    assert_eq!(status.channel("adt").disposition("rejected"), 1);
    assert_eq!(receiver.control_ids(), ["B1", "B2", "B3", "AFTER"]);
    assert!(site.verb(&["message", "B2"]).stdout.contains("B7 2/3"));
    engine.stop();
}

#[test]
fn files_and_their_messages_arrive_in_order() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let folder = folder(&site, "", &to("lab", &receiver, ""));
    let expected: Vec<String> =
        (0..20).flat_map(|file| (0..3).map(move |n| format!("O{file:02}-{n}"))).collect();
    for file in (0..20).rev() {
        put(&folder, &format!("{file:02}.hl7"), &row((0..3).map(|n| format!("O{file:02}-{n}"))));
    }
    let engine = site.serve();
    site.wait_final("orders", 60);
    assert_eq!(receiver.control_ids(), expected);
    engine.stop();
}

#[test]
fn what_is_no_regular_file_is_left_alone_and_hangs_nothing() {
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let folder = folder(&site, "pattern = \"*\"", &to("lab", &receiver, ""));
    let outside = site.path("outside.hl7");
    fs::write(&outside, message::adt("SECRET", "P1")).unwrap();
    symlink(&outside, folder.join("a-link.hl7")).unwrap();
    symlink("/dev/zero", folder.join("b-endless.hl7")).unwrap();
    fs::hard_link(&outside, folder.join("c-hard.hl7")).unwrap();
    let pipe = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, folder.join("d-pipe.hl7"), pipe, 0o600.into(), 0).unwrap();
    fs::create_dir(folder.join("e-folder.hl7")).unwrap();
    put(&folder, "f-archive.zip", b"PK\x03\x04\x14\x00 not for us");
    let engine = site.serve();
    put(&folder, "g.hl7", &message::adt("GOOD", "P1"));
    receiver.wait_count(1);
    wait_seen(&folder.join("errors"), &["f-archive.zip", "f-archive.zip.why"]);
    let why = fs::read_to_string(folder.join("errors/f-archive.zip.why")).unwrap();
    assert!(why.contains("unreadable") && why.contains("ZIP"), "{why}");
    let status = site.wait_final("orders", 2);
    assert_eq!(status.channel("orders").disposition("rejected"), 1, "the archive: {status:#?}");
    assert_eq!(receiver.control_ids(), ["GOOD"]);
    let left: Vec<String> = seen(&folder).into_iter().filter(|name| name.contains('-')).collect();
    assert_eq!(left.len(), 5, "{left:?}");
    let ended = engine.stop();
    for name in &left {
        assert_eq!(
            ended.said.matches(name.as_str()).count(),
            1,
            "told once: {name}\n{}",
            ended.said
        );
    }
}

#[test]
fn an_output_folder_that_becomes_a_link_is_not_written_through() {
    let site = Site::new(Store::Sqlite);
    let modes = [
        ("single", ""),
        ("growing", "mode = \"append\""),
        ("batches", "mode = \"batch\"\nmessages = 1"),
    ];
    let quick = "retry = { first = \"20ms\", max = \"100ms\" }";
    let rest: String =
        modes.iter().map(|(name, more)| files(name, &format!("{more}\n{quick}"))).collect();
    let feed = site.feed("adt", "", &rest);
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.accepted(&message::adt("L1", "P1"));
    site.wait_final("adt", 1);
    let out = site.data().join("out");
    let outside = site.path("outside");
    fs::create_dir(&outside).unwrap();
    for (name, _) in modes {
        fs::rename(out.join(name), out.join(format!("{name}-away"))).unwrap();
        symlink(&outside, out.join(name)).unwrap();
    }
    connection.accepted(&message::adt("L2", "P1"));
    site.wait_status("every destination has tried in vain", |status| {
        modes.iter().all(|(name, _)| {
            let destination = status.channel("adt").destination(name);
            destination.delivered == 1 && destination.waiting == 1
        })
    });
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "nothing was written through a link");
    for (name, _) in modes {
        fs::remove_file(out.join(name)).unwrap();
        fs::rename(out.join(format!("{name}-away")), out.join(name)).unwrap();
    }
    let status = site.wait_final("adt", 2);
    assert_eq!(status.channel("adt").disposition("delivered"), 2, "{status:#?}");
    engine.stop();
}

#[test]
fn no_mode_counts_a_message_as_delivered_before_it_is_synced() {
    // The store is elsewhere, so every sync of this process is one of a destination.
    let site = Site::new(Store::Postgres);
    let quick = "retry = { first = \"20ms\", max = \"100ms\" }";
    let modes = [
        ("single", ""),
        ("growing", "mode = \"append\""),
        ("batches", "mode = \"batch\"\nmessages = 1"),
    ];
    let rest: String =
        modes.iter().map(|(name, more)| files(name, &format!("{more}\n{quick}"))).collect();
    let feed = site.feed("adt", "", &rest);
    let engine = site.serve();
    let mut connection = Connection::to(feed);
    connection.accepted(&message::adt("S1", "P1"));
    site.wait_final("adt", 1);
    let injection = Injection::into(&engine, "fsync,fdatasync:error=EIO:when=1+");
    connection.accepted(&message::adt("S2", "P1"));
    site.wait_status("every destination has tried in vain", |status| {
        modes.iter().all(|(name, _)| status.channel("adt").destination(name).waiting == 1)
    });
    let status = site.status();
    assert!(modes.iter().all(|(name, _)| status.channel("adt").destination(name).delivered == 1));
    drop(injection);
    let status = site.wait_final("adt", 2);
    assert_eq!(status.channel("adt").disposition("delivered"), 2, "{status:#?}");
    let out = site.data().join("out");
    assert_eq!((seen(&out.join("single")).len(), seen(&out.join("batches")).len()), (2, 2));
    let grown = seen(&out.join("growing"));
    let bytes = fs::read(out.join("growing").join(&grown[0])).unwrap();
    let whole = [message::adt("S1", "P1"), message::adt("S2", "P1")].concat();
    assert_eq!(
        bytes,
        whole,
        "what could not be synced is there once: {}",
        String::from_utf8_lossy(&bytes)
    );
    engine.stop();
}

#[test]
fn a_growing_file_and_a_batch_are_whole_after_kills() {
    let site = Site::new(Store::Sqlite);
    let more = |mode: &str| format!("mode = \"{mode}\"\nfile_name = \"all.hl7\"");
    let rest = files("growing", &more("append"))
        + &files("batches", &format!("{}\nmessages = 7\nevery = \"200ms\"", more("batch")));
    let feed = site.feed("adt", "", &rest);
    let mut sent = Vec::new();
    for round in 0..if long() { 40 } else { 6 } {
        let engine = site.serve();
        let mut connection = Connection::to(feed);
        for n in 0..20 {
            let id = format!("K{round}-{n}");
            connection.accepted(&message::adt(&id, "P1"));
            sent.push(id);
        }
        engine.kill();
    }
    let engine = site.serve();
    site.wait_final("adt", sent.len() as u64);
    let out = site.data().join("out");
    wait::until("the last batch is closed", || {
        let names = fs::read_dir(out.join("batches")).unwrap();
        let hidden = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
        (!names.map(Result::unwrap).any(hidden)).then_some(())
    });
    engine.stop();
    whole(&fs::read(out.join("growing/all.hl7")).unwrap(), &sent);
    let mut all = Vec::new();
    for name in seen(&out.join("batches")) {
        let bytes = fs::read(out.join("batches").join(name)).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let messages = text.matches("MSH|").count();
        assert!(
            text.starts_with("FHS|") && text.ends_with(&format!("\rBTS|{messages}\rFTS|1\r")),
            "{text}"
        );
        all.push(text);
    }
    all.sort_by_key(|text| text.split('|').nth(10).unwrap_or_default().to_owned());
    whole(all.concat().as_bytes(), &sent);
}

/// Every message is there whole, at least once, in order but for repetitions of what was in doubt.
fn whole(bytes: &[u8], sent: &[String]) {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut reached = 0;
    for one in text.split("MSH|").skip(1) {
        let found = format!("MSH|{one}");
        let body = found.split("\rBTS|").next().unwrap().split("\rFHS|").next().unwrap();
        let id = message::control_id(body.as_bytes());
        let expected = String::from_utf8(message::adt(&id, "P1")).unwrap();
        assert_eq!(body.trim_end_matches('\r'), expected.trim_end_matches('\r'), "`{id}` is whole");
        let at = sent.iter().position(|sent| *sent == id).unwrap();
        assert!(at <= reached && reached - at <= 32, "`{id}` is {at}, {reached} was expected");
        reached = reached.max(at + 1);
    }
    assert_eq!(reached, sent.len(), "the end is missing");
}

#[test]
fn a_store_that_is_gone_keeps_files_waiting_in_order() {
    let cluster = Cluster::start();
    let receiver = Receiver::accepting();
    let site = Site::on(&cluster.url());
    let folder = folder(&site, "", &to("lab", &receiver, ""));
    let mut engine = site.serve();
    put(&folder, "a.hl7", &message::adt("G-0", "P1"));
    receiver.wait_count(1);
    cluster.stop();
    for n in 1..4 {
        put(&folder, &format!("{n}.hl7"), &row((0..5).map(|m| format!("G{n}-{m}"))));
    }
    wait::until("a file is claimed", || folder.join(".hilum/1.hl7").exists().then_some(()));
    assert!(engine.runs());
    cluster.begin();
    site.wait_final("orders", 16);
    let mut expected = vec!["G-0".to_owned()];
    expected.extend((1..4).flat_map(|n| (0..5).map(move |m| format!("G{n}-{m}"))));
    assert_eq!(receiver.control_ids(), expected);
    wait_seen(&folder.join("done"), &["1.hl7", "2.hl7", "3.hl7", "a.hl7"]);
    engine.stop();
}

#[test]
fn a_full_folder_takes_bounded_memory_and_holds_up_nobody() {
    let count = if long() { 100_000 } else { 3_000 };
    let receiver = Receiver::accepting();
    let site = Site::new(Store::Sqlite);
    let folder = folder(&site, "after = \"delete\"", &files("orders", "mode = \"append\""));
    let feed = site.feed("adt", "", &to("lab", &receiver, ""));
    for n in 0..count {
        fs::write(folder.join(format!("{n:06}.hl7")), message::adt(&format!("M{n}"), "P1"))
            .unwrap();
    }
    let engine = site.serve();
    let before = engine.memory();
    let mut connection = Connection::to(feed);
    let (mut slowest, mut most, mut sent) = (Duration::ZERO, before, 0);
    loop {
        let started = Instant::now();
        connection.accepted(&message::adt(&format!("A{sent}"), "P1"));
        sent += 1;
        slowest = slowest.max(started.elapsed());
        most = most.max(engine.memory());
        if site.status().channel("orders").received == count {
            break;
        }
    }
    assert!(slowest < Duration::from_secs(5), "another channel waited {slowest:?}");
    assert!(most < before + (200 << 20), "{} MiB more", (most - before) >> 20);
    wait::until("the folder is empty", || {
        seen(&folder).iter().all(|n| !n.ends_with(".hl7")).then_some(())
    });
    engine.stop();
}

#[test]
fn a_missing_folder_is_said_at_the_start() {
    let site = Site::new(Store::Sqlite);
    let text = "[source]\ntype = \"file\"\nfolder = \"/nowhere/orders\"\n";
    site.channel("orders", &format!("{text}{}", files("out", "")));
    let Err(ended) = site.try_serve() else { panic!("it started") };
    assert_eq!(ended.status.code(), Some(78), "{ended}");
    assert!(ended.said.contains("/nowhere/orders") && ended.said.contains("orders"), "{ended}");
    assert!(ended.said.contains("make the folder"), "{ended}");
}

#[test]
fn two_channels_cannot_take_files_from_one_folder() {
    let site = Site::new(Store::Sqlite);
    folder(&site, "", &files("out", ""));
    let text = fs::read_to_string(site.path("channels/orders.toml")).unwrap();
    site.channel("results", &text);
    let check = site.verb(&["check", &site.folder().to_string_lossy()]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(check.stderr.contains("C0208") || check.stdout.contains("C0208"), "{check:?}");
}

#[test]
fn a_reload_of_another_source_takes_over_what_is_claimed() {
    let receiver = Receiver::with(|_, before| match before {
        0 => Behaviour::WhenOpen,
        _ => Behaviour::Say("AA"),
    });
    let site = Site::new(Store::Sqlite);
    let lab = to("lab", &receiver, "");
    let waits = "ack = \"on-delivery\"\nack_deadline = \"30s\"";
    let folder = folder(&site, waits, &lab);
    let engine: Engine = site.serve();
    put(&folder, "a.hl7", &row((0..3).map(|n| format!("T{n}"))));
    receiver.wait_count(1);
    // The old source has the file in hand; the new one waits for it.
    let text = fs::read_to_string(site.path("channels/orders.toml")).unwrap();
    site.channel("orders", &text.replace("every = \"100ms\"", "every = \"150ms\""));
    assert_eq!(site.verb(&["apply", "-m", "slower"]).code, Some(0));
    receiver.open_gate();
    wait_seen(&folder.join("done"), &["a.hl7"]);
    put(&folder, "b.hl7", &message::adt("T3", "P1"));
    wait_seen(&folder.join("done"), &["a.hl7", "b.hl7"]);
    site.wait_final("orders", 4);
    assert_eq!(receiver.control_ids(), ["T0", "T1", "T2", "T3"]);
    engine.stop();
}
