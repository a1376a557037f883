//! Files that grow and batches that are collected: whole after any crash, and never outside their folder.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use connectors::file::{BatchLimits, Mode, NameTemplate, Settings, Writer};
use connectors::{Outcome, Outgoing};
use hl7::batch::{Holding, count};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::intakes::message;

const PATIENCE: Duration = Duration::from_secs(30);

fn settings(folder: &Path, name: &str, mode: Mode) -> Settings {
    Settings {
        folder: folder.to_owned(),
        makes_folder: false,
        name: NameTemplate::parse(name).unwrap(),
        mode,
    }
}

fn batches(messages_max: usize, age_max: Duration, bytes_max: u64) -> Mode {
    Mode::Batch(BatchLimits { messages_max, age_max, bytes_max })
}

const LATER: Duration = Duration::from_secs(3600);

async fn deliver(writer: &mut Writer, body: &[u8], delivery: &str) -> (&'static str, &'static str) {
    let body = Bytes::copy_from_slice(body);
    let out = Outgoing {
        body: &body,
        message_id: "m1",
        delivery_id: delivery,
        part: 2,
        attempt: 1,
        received_us: 1_795_307_425_000_123,
    };
    match writer.deliver(&out).await {
        Outcome::Accepted(evidence) => ("accepted", evidence.code),
        Outcome::Committed(evidence) => ("committed", evidence.code),
        Outcome::Later(evidence) => ("later", evidence.code),
        Outcome::Never(evidence) => ("never", evidence.code),
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn seen(folder: &Path) -> Vec<String> {
    names(folder).into_iter().filter(|name| !name.starts_with('.')).collect()
}

#[tokio::test]
async fn messages_are_appended_one_after_the_other() {
    let folder = TempDir::new().unwrap();
    let mut writer = Writer::new(settings(folder.path(), "r-{date}.hl7", Mode::Append));
    for (n, body) in [&b"MSH|1\rPID|1\r"[..], b"MSH|2", b"MSH|3\n"].into_iter().enumerate() {
        assert_eq!(deliver(&mut writer, body, &n.to_string()).await, ("accepted", "written"));
    }
    let file = folder.path().join("r-20261122.hl7");
    assert_eq!(fs::read(&file).unwrap(), b"MSH|1\rPID|1\rMSH|2\rMSH|3\n");
    assert_eq!(seen(folder.path()), ["r-20261122.hl7"]);
}

#[tokio::test]
async fn a_torn_end_is_cut_off_and_only_that() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path(), "all.hl7", Mode::Append);
    let file = folder.path().join("all.hl7");
    assert_eq!(deliver(&mut Writer::new(settings.clone()), b"MSH|1\r", "1").await.0, "accepted");
    // A crash in the middle of the second message, at every place in it.
    for torn in 1..b"MSH|2\rPID|2\r".len() {
        let mut bytes = fs::read(&file).unwrap();
        let whole = bytes.len();
        bytes.extend_from_slice(&b"MSH|2\rPID|2\r"[..torn]);
        fs::write(&file, &bytes).unwrap();
        let mut writer = Writer::new(settings.clone());
        assert_eq!(deliver(&mut writer, b"MSH|2\rPID|2\r", "2").await, ("accepted", "written"));
        let now = fs::read(&file).unwrap();
        assert_eq!(now, [&bytes[..whole], b"MSH|2\rPID|2\r"].concat(), "torn after {torn}");
    }
}

#[tokio::test]
async fn a_file_of_somebody_else_is_gone_on_with_and_not_cut() {
    let folder = TempDir::new().unwrap();
    let mut writer = Writer::new(settings(folder.path(), "all.hl7", Mode::Append));
    let file = folder.path().join("all.hl7");
    deliver(&mut writer, b"MSH|1\r", "1").await;
    // The reader takes the file away, and puts a longer one of its own there.
    fs::rename(&file, folder.path().join("taken.hl7")).unwrap();
    fs::write(&file, "MSH|theirs, and longer than ours was").unwrap();
    deliver(&mut writer, b"MSH|2\r", "2").await;
    assert_eq!(fs::read(&file).unwrap(), b"MSH|theirs, and longer than ours was\rMSH|2\r");
    // Taken away again: a new one begins.
    fs::remove_file(&file).unwrap();
    deliver(&mut writer, b"MSH|3\r", "3").await;
    assert_eq!(fs::read(&file).unwrap(), b"MSH|3\r");
    assert_eq!(fs::read(folder.path().join("taken.hl7")).unwrap(), b"MSH|1\r");
}

#[tokio::test]
async fn several_lanes_append_to_one_file_without_mixing() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path(), "all.hl7", Mode::Append);
    let lanes = (0..4).map(|lane| {
        let settings = settings.clone();
        tokio::spawn(async move {
            let mut writer = Writer::new(settings);
            for n in 0..25 {
                let body = message(&format!("{lane}-{n}"));
                assert_eq!(deliver(&mut writer, &body, "d").await, ("accepted", "written"));
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.unwrap();
    }
    let bytes = fs::read(folder.path().join("all.hl7")).unwrap();
    assert_eq!(count(&bytes).unwrap().messages, 100);
    assert_eq!(bytes.len(), 40 * message("0-1").len() + 60 * message("0-10").len());
}

#[tokio::test]
async fn a_batch_appears_when_it_is_full_and_counts_right() {
    let folder = TempDir::new().unwrap();
    let mode = batches(3, LATER, 1 << 20);
    let mut writer = Writer::new(settings(folder.path(), "{delivery}.hl7", mode));
    for n in 1..=2 {
        let body = message(&n.to_string());
        assert_eq!(deliver(&mut writer, &body, &format!("d{n}")).await, ("accepted", "written"));
        assert!(seen(folder.path()).is_empty(), "nothing is seen before it is whole");
    }
    assert_eq!(deliver(&mut writer, &message("2"), "d2").await, ("accepted", "written-before"));
    deliver(&mut writer, &message("3"), "d3").await;
    assert_eq!(seen(folder.path()), ["d1.hl7"]);
    let bytes = fs::read(folder.path().join("d1.hl7")).unwrap();
    assert_eq!(count(&bytes), Ok(Holding { messages: 3, batches: 1, is_batch: true }));
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("FHS|^~\\&|EHR|HOSP|LAB|MAIN|20"), "{text}");
    assert!(text.ends_with("\rBTS|3\rFTS|1\r"), "{text}");
    let ids: Vec<usize> = ["|1|P", "|2|P", "|3|P"].map(|id| text.find(id).unwrap()).to_vec();
    assert!(ids.is_sorted(), "in the order they came");
}

#[tokio::test]
async fn a_batch_is_closed_by_size_by_age_and_in_the_end() {
    let folder = TempDir::new().unwrap();
    let by_size = settings(folder.path(), "{delivery}", batches(100, LATER, 150));
    let mut writer = Writer::new(by_size);
    deliver(&mut writer, &message("1"), "s1").await;
    deliver(&mut writer, &message("2"), "s2").await;
    assert_eq!(seen(folder.path()), ["s1"]);

    let by_age =
        settings(folder.path(), "{delivery}", batches(100, Duration::from_millis(100), 1 << 20));
    let mut aging = Writer::new(by_age);
    deliver(&mut aging, &message("3"), "t1").await;
    wait_seen(folder.path(), &["s1", "t1"]).await;

    deliver(&mut writer, &message("4"), "u1").await;
    drop(aging);
    drop(writer);
    wait_seen(folder.path(), &["s1", "t1", "u1"]).await;
    wait_all(folder.path(), &["s1", "t1", "u1"]).await;
}

async fn wait_seen(folder: &Path, expected: &[&str]) {
    let waiting = async {
        while seen(folder) != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:?}", names(folder)));
}

async fn wait_all(folder: &Path, expected: &[&str]) {
    let waiting = async {
        while names(folder) != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{:?}", names(folder)));
}

/// A folder as a crash leaves it at some step of closing a batch of two.
async fn crashed(step: &str) -> (TempDir, Settings) {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path(), "{delivery}.hl7", batches(100, LATER, 1 << 20));
    let open = folder.path().join(".hilum-batch");
    let closing = folder.path().join(".hilum-batch-closing");
    {
        let mut writer = Writer::new(settings.clone());
        deliver(&mut writer, &message("1"), "d1").await;
        deliver(&mut writer, &message("2"), "d2").await;
        // Nobody may close it in the end: as after a kill, the folder goes before the writer does.
        fs::rename(&open, folder.path().join(".kept")).unwrap();
        drop(writer);
        tokio::time::sleep(Duration::from_millis(50)).await;
        fs::rename(folder.path().join(".kept"), &open).unwrap();
    }
    match step {
        "open" => {}
        "torn piece" => fs::write(open.join(".d3.tmp"), "MSH|ha").unwrap(),
        "renamed" => fs::rename(&open, &closing).unwrap(),
        "half written" => {
            fs::rename(&open, &closing).unwrap();
            fs::write(folder.path().join(".hilum-batch.tmp"), "FHS|^~").unwrap();
        }
        "published" => {
            let whole = whole_batch(&settings, &open).await;
            fs::rename(&open, &closing).unwrap();
            fs::write(folder.path().join("d1.hl7"), whole).unwrap();
        }
        "half removed" => {
            let whole = whole_batch(&settings, &open).await;
            fs::create_dir(&closing).unwrap();
            fs::remove_dir_all(&open).unwrap();
            fs::write(folder.path().join("d1.hl7"), whole).unwrap();
        }
        other => panic!("{other}"),
    }
    (folder, settings)
}

/// The batch that the collected messages become, made elsewhere.
async fn whole_batch(settings: &Settings, open: &Path) -> Vec<u8> {
    let elsewhere = TempDir::new().unwrap();
    let copy = elsewhere.path().join(".hilum-batch");
    fs::create_dir(&copy).unwrap();
    for name in names(open) {
        fs::copy(open.join(&name), copy.join(&name)).unwrap();
    }
    let settings = Settings { folder: elsewhere.path().to_owned(), ..settings.clone() };
    drop(Writer::new(settings));
    wait_all(elsewhere.path(), &["d1.hl7"]).await;
    fs::read(elsewhere.path().join("d1.hl7")).unwrap()
}

#[tokio::test]
async fn a_crash_at_any_step_of_closing_publishes_a_batch_once() {
    for step in ["open", "torn piece", "renamed", "half written", "published", "half removed"] {
        let (folder, settings) = crashed(step).await;
        let mut writer = Writer::new(settings);
        deliver(&mut writer, &message("3"), "d3").await;
        drop(writer);
        let closed_before = !matches!(step, "open" | "torn piece");
        let expected: &[&str] = if closed_before { &["d1.hl7", "d3.hl7"] } else { &["d1.hl7"] };
        wait_all(folder.path(), expected).await;
        let held: Vec<u64> = expected
            .iter()
            .map(|name| count(&fs::read(folder.path().join(name)).unwrap()).unwrap().messages)
            .collect();
        assert_eq!(held, if closed_before { vec![2, 1] } else { vec![3] }, "{step}");
    }
}

#[tokio::test]
async fn a_taken_name_gets_a_number() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("all.hl7"), "theirs").unwrap();
    symlink("/etc/passwd", folder.path().join("all-2.hl7")).unwrap();
    let mut writer = Writer::new(settings(folder.path(), "all.hl7", batches(1, LATER, 1 << 20)));
    deliver(&mut writer, &message("1"), "d1").await;
    deliver(&mut writer, &message("2"), "d2").await;
    assert_eq!(seen(folder.path()), ["all-2.hl7", "all-3.hl7", "all-4.hl7", "all.hl7"]);
    assert_eq!(fs::read(folder.path().join("all.hl7")).unwrap(), b"theirs");
}

#[tokio::test]
async fn a_folder_or_file_that_is_swapped_for_a_link_is_not_written_through() {
    for mode in [Mode::Append, batches(1, LATER, 1 << 20)] {
        let root = TempDir::new().unwrap();
        let (folder, outside): (PathBuf, PathBuf) =
            (root.path().join("out"), root.path().join("outside"));
        fs::create_dir(&folder).unwrap();
        fs::create_dir(&outside).unwrap();
        let mut writer = Writer::new(settings(&folder, "all.hl7", mode));
        deliver(&mut writer, &message("1"), "d1").await;
        fs::rename(&folder, root.path().join("moved")).unwrap();
        symlink(&outside, &folder).unwrap();
        assert_eq!(deliver(&mut writer, &message("2"), "d2").await, ("later", "no-folder"));
        assert!(names(&outside).is_empty());
    }
    let root = TempDir::new().unwrap();
    let target = root.path().join("target");
    fs::write(&target, "theirs").unwrap();
    for swap in ["link", "hard link", "pipe", "folder"] {
        let folder = root.path().join(swap.replace(' ', "-"));
        fs::create_dir(&folder).unwrap();
        let file = folder.join("all.hl7");
        match swap {
            "link" => symlink(&target, &file).unwrap(),
            "hard link" => fs::hard_link(&target, &file).unwrap(),
            "pipe" => {
                let kind = rustix::fs::FileType::Fifo;
                rustix::fs::mknodat(rustix::fs::CWD, &file, kind, 0o600.into(), 0).unwrap();
            }
            _ => fs::create_dir(&file).unwrap(),
        }
        let mut writer = Writer::new(settings(&folder, "all.hl7", Mode::Append));
        let outcome = timeout(PATIENCE, deliver(&mut writer, &message("1"), "d1")).await.unwrap();
        assert_eq!(outcome, ("never", "name-taken"), "{swap}");
    }
    assert_eq!(fs::read(&target).unwrap(), b"theirs");
}

#[tokio::test]
async fn hostile_values_name_no_file_outside_in_any_mode() {
    for mode in [Mode::Append, batches(1, LATER, 1 << 20)] {
        let root = TempDir::new().unwrap();
        let folder = root.path().join("out");
        fs::create_dir(&folder).unwrap();
        for (n, id) in ["../x", "/etc/x", "CON", ".hidden", "-rf", ".."].into_iter().enumerate() {
            let mut writer = Writer::new(settings(&folder, "{MSH-10}", mode));
            let body = format!("MSH|^~\\&|A|B|C|D|1||ADT^A01|{id}|P|2.5\r");
            let outcome = deliver(&mut writer, body.as_bytes(), &n.to_string()).await;
            assert_eq!(outcome, ("accepted", "written"), "{id}");
        }
        assert_eq!(names(root.path()), ["out"]);
        assert_eq!(seen(&folder).len(), 6, "{:?}", names(&folder));
    }
}
