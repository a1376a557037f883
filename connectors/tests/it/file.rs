//! Files that are whole or not there, under names that stay in their folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use connectors::file::{Mode, NameTemplate, Settings, Writer};
use connectors::{Outcome, Outgoing};
use tempfile::TempDir;

fn settings(folder: &Path, name: &str) -> Settings {
    Settings {
        folder: folder.to_owned(),
        makes_folder: false,
        name: NameTemplate::parse(name).unwrap(),
        mode: Mode::File,
    }
}

async fn deliver(settings: &Settings, body: &'static str, delivery: &str) -> Outcome {
    let body = Bytes::from_static(body.as_bytes());
    let out = Outgoing {
        body: &body,
        message_id: "m1",
        delivery_id: delivery,
        part: 1,
        attempt: 1,
        received_us: 1_795_307_425_000_123,
    };
    Writer::new(settings.clone()).deliver(&out).await
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn code(outcome: &Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Accepted(evidence) => ("accepted", evidence.code),
        Outcome::Later(evidence) => ("later", evidence.code),
        Outcome::Committed(evidence) => ("committed", evidence.code),
        Outcome::Never(evidence) => ("never", evidence.code),
    }
}

#[tokio::test]
async fn a_message_becomes_one_file_with_its_bytes() {
    let folder = TempDir::new().unwrap();
    let outcome = deliver(&settings(folder.path(), "{received}-{id}.hl7"), "MSH|a\r", "d1").await;
    assert_eq!(code(&outcome), ("accepted", "written"));
    let name = "20261122T003025.000123Z-m1.hl7";
    assert_eq!(names(folder.path()), [name]);
    assert_eq!(fs::read(folder.path().join(name)).unwrap(), b"MSH|a\r");
    assert_eq!(outcome.evidence().text.as_ref().unwrap().expose_phi(), name);
    let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode & 0o137, 0, "nobody else reads it, and nobody runs it: {mode:o}");
}

#[tokio::test]
async fn a_repeat_with_the_same_bytes_is_delivered_and_adds_nothing() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path(), "{id}.hl7");
    deliver(&settings, "MSH|a\r", "d1").await;
    assert_eq!(code(&deliver(&settings, "MSH|a\r", "d2").await), ("accepted", "written-before"));
    assert_eq!(names(folder.path()), ["m1.hl7"]);
}

#[tokio::test]
async fn a_file_is_never_replaced() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path(), "{id}.hl7");
    for other in ["MSH|b\r", "MSH|longer\r", ""] {
        fs::write(folder.path().join("m1.hl7"), other).unwrap();
        assert_eq!(code(&deliver(&settings, "MSH|a\r", "d1").await), ("never", "name-taken"));
        assert_eq!(fs::read(folder.path().join("m1.hl7")).unwrap(), other.as_bytes());
        assert_eq!(names(folder.path()), ["m1.hl7"], "nothing temporary is left");
    }
}

#[tokio::test]
async fn what_is_not_a_plain_file_is_not_followed() {
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path(), "{id}.hl7");
    let (target, place) = (folder.path().join("target"), folder.path().join("m1.hl7"));
    fs::write(&target, "MSH|a\r").unwrap();
    symlink(&target, &place).unwrap();
    assert_eq!(code(&deliver(&settings, "MSH|a\r", "d1").await), ("never", "name-taken"));
    fs::remove_file(&place).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &place, rustix::fs::FileType::Fifo, 0o600.into(), 0)
        .unwrap();
    assert_eq!(
        code(&deliver(&settings, "MSH|a\r", "d1").await),
        ("never", "name-taken"),
        "a pipe does not hang it"
    );
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    assert_eq!(code(&deliver(&settings, "MSH|a\r", "d1").await), ("never", "name-taken"));
}

#[tokio::test]
async fn a_missing_folder_is_waited_for_unless_it_is_ours_to_make() {
    let root = TempDir::new().unwrap();
    let folder: PathBuf = root.path().join("out/lab");
    let elsewhere = settings(&folder, "{id}.hl7");
    let outcome = deliver(&elsewhere, "MSH|a\r", "d1").await;
    assert_eq!(code(&outcome), ("later", "no-folder"));
    assert!(!outcome.evidence().answered, "it is never given up");
    assert!(!folder.exists());
    let ours = Settings { makes_folder: true, ..elsewhere };
    assert_eq!(code(&deliver(&ours, "MSH|a\r", "d1").await), ("accepted", "written"));
    assert_eq!(names(&folder), ["m1.hl7"]);
}

#[tokio::test]
async fn a_folder_replaced_by_a_link_is_refused() {
    let root = TempDir::new().unwrap();
    let (real, link) = (root.path().join("real"), root.path().join("out"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    assert_eq!(
        code(&deliver(&settings(&link, "{id}.hl7"), "MSH|a\r", "d1").await),
        ("later", "no-folder")
    );
    assert!(names(&real).is_empty());
}

#[tokio::test]
async fn what_a_crash_left_is_cleaned_up_by_the_next_try() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(".d1.tmp"), "MSH|ha").unwrap();
    let settings = settings(folder.path(), "{id}.hl7");
    assert_eq!(code(&deliver(&settings, "MSH|a\r", "d1").await), ("accepted", "written"));
    assert_eq!(names(folder.path()), ["m1.hl7"]);
}

#[tokio::test]
async fn a_try_that_still_runs_is_not_mixed_up_with_the_next() {
    let folder = TempDir::new().unwrap();
    let busy = fs::File::create(folder.path().join(".d1.tmp")).unwrap();
    rustix::fs::flock(&busy, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let settings = settings(folder.path(), "{id}.hl7");
    assert_eq!(code(&deliver(&settings, "MSH|a\r", "d1").await).0, "later");
    assert_eq!(names(folder.path()), [".d1.tmp"], "it is left alone");
    drop(busy);
    assert_eq!(code(&deliver(&settings, "MSH|a\r", "d1").await), ("accepted", "written"));
}

#[tokio::test]
async fn a_full_disk_is_waited_for() {
    // The one device that is always full; it stands in for the folder's file system by a limit on file size.
    let folder = TempDir::new().unwrap();
    let settings = settings(folder.path(), "{id}.hl7");
    let program = std::env::current_exe().unwrap();
    if std::env::var_os("CONNECTORS_TEST_FULL").is_some() {
        let folder = PathBuf::from(std::env::var_os("CONNECTORS_TEST_FULL").unwrap());
        let settings = Settings { folder, ..settings };
        let body = Bytes::from(vec![b'x'; 1 << 20]);
        let out = Outgoing {
            body: &body,
            message_id: "m1",
            delivery_id: "d1",
            part: 1,
            attempt: 1,
            received_us: 0,
        };
        let outcome = Writer::new(settings).deliver(&out).await;
        assert_eq!(code(&outcome).0, "later");
        assert!(!outcome.evidence().answered);
        return;
    }
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 64 && exec \"$0\" --exact file::a_full_disk_is_waited_for",
        ])
        .arg(program)
        .env("CONNECTORS_TEST_FULL", folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(names(folder.path()).is_empty(), "nothing half-written is left");
}

#[tokio::test]
async fn hostile_names_stay_inside_the_folder() {
    let root = TempDir::new().unwrap();
    let folder = root.path().join("out");
    fs::create_dir(&folder).unwrap();
    let hostile =
        ["../x", "/etc/x", "a\u{0}b", "CON", ".hidden", "-rf", "a\u{202E}b", "..", "x/../../y"];
    for (n, id) in hostile.iter().enumerate() {
        let body = Bytes::from(format!("MSH|^~\\&|A|B|C|D|1||ADT^A01|{id}|P|2.5\r"));
        let out = Outgoing {
            body: &body,
            message_id: "m",
            delivery_id: &n.to_string(),
            part: 1,
            attempt: 1,
            received_us: 0,
        };
        let outcome = Writer::new(settings(&folder, "{MSH-10}")).deliver(&out).await;
        assert_eq!(code(&outcome), ("accepted", "written"), "{id:?}");
    }
    assert_eq!(names(root.path()), ["out"]);
    let written = names(&folder);
    assert_eq!(written.len(), hostile.len(), "{written:?}");
    assert!(
        written.iter().all(|name| name.len() <= 128 && !name.starts_with(['.', '-'])),
        "{written:?}"
    );
}
