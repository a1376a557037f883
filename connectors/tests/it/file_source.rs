//! Files that are taken whole, once and in order, and nothing else that lies in their folder.

use std::fs;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use connectors::file::{FolderSource, Order, Pattern, Place, SourceSettings, SourceStats};
use connectors::{Answer, Flow, Resources};
use tempfile::TempDir;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::intakes::{Handed, Manual, message};

const PATIENCE: Duration = Duration::from_secs(30);

/// A folder and the source that reads it.
struct Ward {
    root: TempDir,
    settings: SourceSettings,
}

struct Reader {
    handed: mpsc::UnboundedReceiver<Handed>,
    flow: watch::Sender<Flow>,
    stats: Arc<SourceStats>,
    done: JoinHandle<()>,
}

impl Ward {
    fn new() -> Ward {
        let root = TempDir::new().unwrap();
        let folder = root.path().join("in");
        fs::create_dir(&folder).unwrap();
        let settings = SourceSettings {
            every: Duration::from_millis(50),
            stable: Duration::ZERO,
            ..SourceSettings::new(&folder)
        };
        Ward { root, settings }
    }

    fn folder(&self) -> &Path {
        &self.settings.folder.path
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        // As a careful writer does it: under another name first.
        let hidden = self.folder().join(".upload");
        fs::write(&hidden, bytes).unwrap();
        let path = self.folder().join(name);
        fs::rename(hidden, &path).unwrap();
        path
    }

    async fn read(&self) -> Reader {
        let source =
            FolderSource::open(self.settings.clone(), &Resources::default()).await.unwrap();
        let (intake, handed) = Manual::new();
        let (flow, changes) = watch::channel(Flow::Read);
        let stats = source.stats();
        Reader { handed, flow, stats, done: tokio::spawn(source.run(intake, changes)) }
    }

    /// What lies in a folder below the root, hidden files too.
    fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.path().join(folder)) else { return Vec::new() };
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    async fn wait_names(&self, folder: &str, expected: &[&str]) {
        let waiting = async {
            while self.names(folder) != expected {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        if timeout(PATIENCE, waiting).await.is_err() {
            panic!("{folder} has {:?}, expected {expected:?}", self.names(folder));
        }
    }

    fn why(&self, name: &str) -> String {
        fs::read_to_string(self.folder().join("errors").join(format!("{name}.why"))).unwrap()
    }
}

impl Reader {
    async fn next(&mut self) -> Handed {
        timeout(PATIENCE, self.handed.recv()).await.expect("something is handed on").unwrap()
    }

    /// The next message, answered by this code.
    async fn answer(&mut self, code: &str) -> Bytes {
        let (body, answer) = self.next().await.frame();
        answer.send(ack(code, &id(&body))).unwrap();
        body
    }

    async fn accept(&mut self, ids: &[&str]) {
        for expected in ids {
            assert_eq!(id(&self.answer("AA").await), *expected);
        }
    }

    async fn close(self) {
        self.flow.send_replace(Flow::Close);
        timeout(PATIENCE, self.done).await.expect("it ends").unwrap();
    }
}

fn id(body: &[u8]) -> String {
    hl7::peek(body)
        .map(|peek| String::from_utf8_lossy(peek.control_id(body)).into_owned())
        .unwrap_or_default()
}

fn ack(code: &str, id: &str) -> Answer {
    Answer::Reply(Bytes::from(format!("MSH|^~\\&|LAB|||||ACK|R{id}|P|2.5.1\rMSA|{code}|{id}\r")))
}

fn row(ids: &[&str]) -> Vec<u8> {
    ids.iter().flat_map(|id| message(id).to_vec()).collect()
}

fn batch(ids: &[&str], said: usize) -> Vec<u8> {
    let around = "|^~\\&|EHR|HOSP|LAB|MAIN|20260101||||B7\r";
    let trailer = format!("BTS|{said}\r");
    [format!("BHS{around}").into_bytes(), row(ids), trailer.into_bytes()].concat()
}

#[tokio::test]
async fn messages_are_taken_in_order_and_files_moved_when_all_are_on_disk() {
    let ward = Ward::new();
    ward.put("b.hl7", row(&["2", "3"]));
    ward.put("c.hl7", batch(&["4", "5"], 2));
    ward.put("a.hl7", message("1"));
    ward.put("notes.txt", "not for us");
    let mut reader = ward.read().await;
    reader.accept(&["1", "2"]).await;
    let (body, answer) = reader.next().await.frame();
    assert_eq!(body, message("3"));
    assert_eq!(ward.names("in/.hilum"), ["b.hl7"], "claimed until the last answer");
    assert!(reader.handed.try_recv().is_err(), "nothing overtakes it");
    answer.send(ack("AA", "3")).unwrap();
    reader.accept(&["4", "5"]).await;
    ward.wait_names("in/done", &["a.hl7", "b.hl7", "c.hl7"]).await;
    assert_eq!(ward.names("in"), [".hilum", "done", "errors", "notes.txt"]);
    assert_eq!(reader.stats.counts().done, 3);
    ward.put("d.hl7", message("6"));
    reader.accept(&["6"]).await;
    ward.wait_names("in/done", &["a.hl7", "b.hl7", "c.hl7", "d.hl7"]).await;
    reader.close().await;
}

#[tokio::test]
async fn a_message_says_which_file_and_batch_it_is_from() {
    let ward = Ward::new();
    ward.put("a.hl7", batch(&["1", "2"], 2));
    let source = FolderSource::open(ward.settings.clone(), &Resources::default()).await.unwrap();
    let (intake, mut places) = crate::intakes::Places::new();
    let (flow, changes) = watch::channel(Flow::Read);
    let done = tokio::spawn(source.run(intake, changes));
    for number in [1, 2] {
        let place = timeout(PATIENCE, places.recv()).await.unwrap().unwrap();
        assert_eq!(place, ("a.hl7".to_owned(), Some(format!("B7 {number}/2"))));
    }
    flow.send_replace(Flow::Close);
    done.await.unwrap();
}

#[tokio::test]
async fn a_wrong_count_refuses_the_file_before_anything_is_routed() {
    let ward = Ward::new();
    let bytes = batch(&["1", "2"], 3);
    ward.put("a.hl7", &bytes);
    let mut reader = ward.read().await;
    match reader.next().await {
        Handed::Refused(body, why, answer) => {
            assert_eq!((body, why), (bytes.into(), "batch-count"));
            answer.send(ack("AE", "B7")).unwrap();
        }
        other => panic!("{:?}", other.frame()),
    }
    ward.wait_names("in/errors", &["a.hl7", "a.hl7.why"]).await;
    let why = ward.why("a.hl7");
    let lines: Vec<&str> = why.lines().collect();
    assert_eq!(lines[0], "code: batch-count");
    assert!(lines[1].starts_with("time: 20"), "{why}");
    assert_eq!(lines[2], "BTS-1 says 3 messages and the batch holds 2");
    reader.close().await;
}

#[tokio::test]
async fn what_is_no_message_goes_to_the_errors_with_a_reason() {
    let ward = Ward::new();
    ward.put("a.hl7", b"PK\x03\x04 zipped \r\n");
    ward.put("b.hl7", "");
    ward.put("c.hl7", [&message("3")[..], b"BTS|1\rleft over"].concat());
    let mut reader = ward.read().await;
    let (body, answer) = reader.next().await.frame();
    assert!(body.starts_with(b"PK"));
    answer.send(ack("AR", "")).unwrap();
    match reader.next().await {
        Handed::Refused(_, "batch-foreign", answer) => answer.send(ack("AE", "3")).unwrap(),
        other => panic!("{:?}", other.frame()),
    }
    let all = ["a.hl7", "a.hl7.why", "b.hl7", "b.hl7.why", "c.hl7", "c.hl7.why"];
    ward.wait_names("in/errors", &all).await;
    assert!(ward.why("a.hl7").contains("code: unreadable\n"), "{}", ward.why("a.hl7"));
    assert!(ward.why("a.hl7").contains("ZIP"), "{}", ward.why("a.hl7"));
    assert!(ward.why("b.hl7").contains("code: empty\n"));
    assert!(ward.why("c.hl7").contains("code: batch-foreign\n"));
    assert_eq!(reader.stats.counts().failed, 3);
    reader.close().await;
}

#[tokio::test]
async fn a_message_that_is_not_accepted_sends_its_file_to_the_errors_and_holds_up_nobody() {
    let ward = Ward::new();
    ward.put("a.hl7", row(&["1", "2", "3"]));
    ward.put("b.hl7", message("4"));
    let mut reader = ward.read().await;
    for (expected, code) in [("1", "AA"), ("2", "AE"), ("3", "AR"), ("4", "AA")] {
        assert_eq!(id(&reader.answer(code).await), expected);
    }
    ward.wait_names("in/done", &["b.hl7"]).await;
    let why = ward.why("a.hl7");
    assert!(
        why.ends_with("\n2 of 3 messages were not accepted, the first of them number 2 (AE)\n"),
        "{why}"
    );
    assert!(!why.contains("4711"), "no value of a message");
    reader.close().await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_handed_on_again_and_nothing_passes_it() {
    let ward = Ward::new();
    ward.put("a.hl7", row(&["1", "2"]));
    ward.put("b.hl7", message("3"));
    let mut reader = ward.read().await;
    for refused in [Answer::Close, Answer::Unstored(Bytes::new())] {
        let (body, answer) = reader.next().await.frame();
        assert_eq!(id(&body), "1");
        answer.send(refused).unwrap();
    }
    assert_eq!(ward.names("in/.hilum"), ["a.hl7"], "it stays claimed");
    reader.accept(&["1", "2", "3"]).await;
    ward.wait_names("in/done", &["a.hl7", "b.hl7"]).await;
    reader.close().await;
}

#[tokio::test]
async fn a_paused_source_takes_nothing() {
    let ward = Ward::new();
    let mut reader = ward.read().await;
    reader.flow.send_replace(Flow::Pause);
    ward.put("a.hl7", message("1"));
    assert!(timeout(Duration::from_millis(300), reader.handed.recv()).await.is_err());
    reader.flow.send_replace(Flow::Read);
    reader.accept(&["1"]).await;
    reader.close().await;
}

#[tokio::test]
async fn a_file_that_was_not_ended_is_taken_first_by_the_next_life() {
    let ward = Ward::new();
    ward.put("m.hl7", row(&["1", "2"]));
    let mut reader = ward.read().await;
    reader.accept(&["1"]).await;
    drop(reader.next().await);
    reader.done.abort();
    let _ = reader.done.await;
    ward.put("a.hl7", message("0"));
    let mut reader = ward.read().await;
    reader.accept(&["1", "2", "0"]).await;
    ward.wait_names("in/done", &["a.hl7", "m.hl7"]).await;
    reader.close().await;
}

#[tokio::test]
async fn a_source_that_closes_ends_the_file_in_hand_and_takes_no_other() {
    let ward = Ward::new();
    ward.put("a.hl7", row(&["1", "2"]));
    ward.put("b.hl7", message("3"));
    let mut reader = ward.read().await;
    let (_, answer) = reader.next().await.frame();
    reader.flow.send_replace(Flow::Close);
    answer.send(ack("AA", "1")).unwrap();
    reader.accept(&["2"]).await;
    timeout(PATIENCE, reader.done).await.unwrap().unwrap();
    assert_eq!(ward.names("in/done"), ["a.hl7"]);
    assert!(ward.names("in").contains(&"b.hl7".to_owned()));
}

#[tokio::test]
async fn only_regular_files_with_one_name_are_taken() {
    let mut ward = Ward::new();
    ward.settings.pattern = Pattern::new("*");
    let outside = ward.root.path().join("outside.hl7");
    fs::write(&outside, message("secret")).unwrap();
    symlink(&outside, ward.folder().join("a-link")).unwrap();
    symlink("/dev/zero", ward.folder().join("b-endless")).unwrap();
    fs::hard_link(&outside, ward.folder().join("c-hard")).unwrap();
    for (name, kind) in [
        ("d-pipe", rustix::fs::FileType::Fifo),
        ("e-device", rustix::fs::FileType::CharacterDevice),
    ] {
        let device = rustix::fs::makedev(1, 5);
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            ward.folder().join(name),
            kind,
            0o600.into(),
            device,
        );
        assert!(made.is_ok() || name == "e-device", "only a device needs root");
    }
    fs::create_dir(ward.folder().join("f-folder")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(ward.folder().join("g-socket")).unwrap();
    ward.put("z", message("1"));
    let mut reader = ward.read().await;
    reader.accept(&["1"]).await;
    ward.wait_names("in/done", &["z"]).await;
    ward.put("zz", message("2"));
    reader.accept(&["2"]).await;
    ward.wait_names("in/done", &["z", "zz"]).await;
    let left = ward.names("in").iter().filter(|name| name.contains('-')).count() as u64;
    assert!(left >= 6, "{:?}", ward.names("in"));
    assert_eq!(reader.stats.counts().skipped, left, "each is counted once");
    assert!(reader.handed.try_recv().is_err());
    reader.close().await;
}

#[tokio::test]
async fn a_file_that_still_grows_is_left_alone() {
    let mut ward = Ward::new();
    ward.settings.stable = Duration::from_millis(400);
    let whole = row(&["1", "2"]);
    let file = fs::File::create(ward.folder().join("a.hl7")).unwrap();
    let mut reader = ward.read().await;
    let started = std::time::Instant::now();
    for (at, byte) in whole.iter().enumerate() {
        file.write_all_at(&[*byte], at as u64).unwrap();
        if at.is_multiple_of(20) {
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }
    let written = started.elapsed();
    reader.accept(&["1", "2"]).await;
    assert!(started.elapsed() >= written + Duration::from_millis(350), "it waited for the writer");
    reader.close().await;
}

#[tokio::test]
async fn a_large_file_is_refused_unread() {
    let mut ward = Ward::new();
    ward.settings.file_bytes_max = 1024;
    ward.put("a.hl7", vec![b'x'; 1025]);
    ward.put("b.hl7", message("1"));
    let mut reader = ward.read().await;
    reader.accept(&["1"]).await;
    ward.wait_names("in/errors", &["a.hl7", "a.hl7.why"]).await;
    assert!(ward.why("a.hl7").contains("code: too-large\n"));
    reader.close().await;
}

#[tokio::test]
async fn files_come_by_time_where_that_is_wanted() {
    let mut ward = Ward::new();
    ward.settings.order = Order::Time;
    let now = SystemTime::now();
    for (name, age, id) in [("a.hl7", 10, "3"), ("b.hl7", 30, "1"), ("c.hl7", 20, "2")] {
        let path = ward.put(name, message(id));
        let file = fs::File::options().write(true).open(path).unwrap();
        file.set_modified(now - Duration::from_secs(age)).unwrap();
    }
    let mut reader = ward.read().await;
    reader.accept(&["1", "2", "3"]).await;
    reader.close().await;
}

#[tokio::test]
async fn a_file_may_be_deleted_and_a_taken_name_is_kept_apart() {
    let mut ward = Ward::new();
    ward.put("a.hl7", message("1"));
    let mut reader = ward.read().await;
    reader.accept(&["1"]).await;
    ward.wait_names("in/done", &["a.hl7"]).await;
    ward.put("a.hl7", message("2"));
    reader.accept(&["2"]).await;
    reader.close().await;
    let done = ward.names("in/done");
    assert!(done.len() == 2 && done.iter().all(|name| name.ends_with(".hl7")), "{done:?}");
    assert_eq!(fs::read(ward.folder().join("done/a.hl7")).unwrap(), message("1"));

    ward.settings.done = None;
    ward.put("a.hl7", message("3"));
    let mut reader = ward.read().await;
    reader.accept(&["3"]).await;
    reader.close().await;
    assert_eq!((ward.names("in/done").len(), ward.names("in/.hilum").len()), (2, 0));
}

#[tokio::test]
async fn acknowledgements_may_be_written_beside() {
    let mut ward = Ward::new();
    ward.settings.acks = Some(Place { path: ward.root.path().join("acks"), is_made: true });
    ward.put("a.hl7", batch(&["1", "2"], 2));
    ward.put("b.hl7", message("3"));
    let mut reader = ward.read().await;
    reader.accept(&["1"]).await;
    reader.answer("AE").await;
    reader.accept(&["3"]).await;
    ward.wait_names("acks", &["a.hl7.ack", "b.hl7.ack"]).await;
    let acks = fs::read_to_string(ward.root.path().join("acks/a.hl7.ack")).unwrap();
    let lines: Vec<&str> = acks.split('\r').collect();
    assert!(
        lines[0].starts_with("BHS|^~\\&|LAB|MAIN|EHR|HOSP|") && lines[0].ends_with("|B7"),
        "{acks}"
    );
    assert_eq!((lines[2], lines[4], lines[5]), ("MSA|AA|1", "MSA|AE|2", "BTS|2"));
    reader.close().await;
}

#[tokio::test]
async fn a_folder_must_be_there_unless_it_is_ours_and_may_go_and_come_back() {
    let mut ward = Ward::new();
    let missing = ward.root.path().join("data/in");
    ward.settings = SourceSettings {
        every: Duration::from_millis(50),
        stable: Duration::ZERO,
        ..SourceSettings::new(&missing)
    };
    let refused =
        FolderSource::open(ward.settings.clone(), &Resources::default()).await.err().unwrap();
    assert!(refused.to_string().contains("data/in"), "{refused}");
    ward.settings.folder.is_made = true;
    let mut reader = ward.read().await;
    ward.put("a.hl7", message("1"));
    reader.accept(&["1"]).await;
    ward.wait_names("data/in/done", &["a.hl7"]).await;

    let away = ward.root.path().join("away");
    fs::rename(&missing, &away).unwrap();
    fs::create_dir(&missing).unwrap();
    ward.put("b.hl7", message("2"));
    reader.accept(&["2"]).await;
    ward.wait_names("data/in/done", &["b.hl7"]).await;
    reader.close().await;

    // A folder that is not ours is waited for.
    ward.settings.folder.is_made = false;
    let mut reader = ward.read().await;
    fs::remove_dir_all(&missing).unwrap();
    assert!(timeout(Duration::from_millis(300), reader.handed.recv()).await.is_err());
    assert!(!missing.exists(), "it is not made");
    fs::create_dir(&missing).unwrap();
    ward.put("c.hl7", message("3"));
    reader.accept(&["3"]).await;
    reader.close().await;
}

#[tokio::test]
async fn a_folder_for_what_is_done_may_go_and_nothing_is_read_twice_for_it() {
    let ward = Ward::new();
    ward.put("a.hl7", row(&["1", "2"]));
    let mut reader = ward.read().await;
    reader.accept(&["1"]).await;
    let (_, answer) = reader.next().await.frame();
    fs::remove_dir(ward.folder().join("done")).unwrap();
    answer.send(ack("AA", "2")).unwrap();
    ward.wait_names("in/done", &["a.hl7"]).await;
    assert!(reader.handed.try_recv().is_err());
    reader.close().await;
}

#[tokio::test]
async fn a_folder_is_read_by_one_source_at_a_time() {
    let ward = Ward::new();
    let mut first = ward.read().await;
    ward.put("a.hl7", message("1"));
    first.accept(&["1"]).await;
    let mut second = ward.read().await;
    ward.put("b.hl7", message("2"));
    first.accept(&["2"]).await;
    assert!(second.handed.try_recv().is_err());
    first.close().await;
    ward.put("c.hl7", message("3"));
    second.accept(&["3"]).await;
    second.close().await;
}

#[tokio::test]
async fn thousands_of_files_are_taken_in_order() {
    let ward = Ward::new();
    for n in 0..3_000 {
        fs::write(ward.folder().join(format!("{n:05}.hl7")), message(&n.to_string())).unwrap();
    }
    let mut reader = ward.read().await;
    for n in 0..3_000 {
        assert_eq!(id(&reader.answer("AA").await), n.to_string());
    }
    reader.close().await;
    assert_eq!(ward.names("in/done").len(), 3_000);
}
