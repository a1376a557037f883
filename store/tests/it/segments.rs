//! Retention of the audit log: the oldest records leave it, and what stays is as provable as before.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use store::{
    ActOutcome, ArchiveError, AuditArchived, AuditFault, AuditFilter, AuditSegment, BundleProof,
    Recipients, Store, Target, bundle_head, bundle_part, read_archive, verify_bundle,
};

use crate::home::{DAY_US, Home, now_us};
use crate::on_both;
use crate::people::{act, last, records};
use crate::raw::Raw;

on_both!(
    what_is_taken_out_verifies_alone_and_so_does_the_rest,
    a_log_that_was_cut_without_a_record_is_found_out,
    what_stays_cannot_be_deleted,
    nothing_leaves_when_the_file_fails_or_the_records_are_not_whole,
    a_month_is_taken_out_after_another,
    a_clock_that_was_wrong_for_a_while_takes_nothing_out,
);

/// Who can read the files.
struct Reader {
    key: Identity,
    file: PathBuf,
}

impl Reader {
    fn new(home: &Home) -> Reader {
        use age::secrecy::ExposeSecret;
        let (key, file) = (Identity::generate(), home.folder.path().join("reader.key"));
        fs::write(&file, key.to_string().expose_secret()).unwrap();
        Reader { key, file }
    }

    fn recipients(&self) -> Recipients {
        Recipients::parse(&[self.key.to_public().to_string()]).unwrap()
    }

    /// Takes out what was written before a time.
    async fn take(
        &self,
        store: &Store,
        until_us: i64,
        to: &Path,
    ) -> Result<AuditArchived, ArchiveError> {
        let segment = store.audit_segment(until_us).await.unwrap().expect("something is over");
        let (act, to) = (act("audit.segment_archived"), (to.to_owned(), &self.recipients()));
        store.archive_audit(&act, &segment, to).await
    }
}

async fn write(store: &Store, records: usize) {
    for _ in 0..records {
        let target = Target { kind: "audit-log", id: None, channel: None };
        store.record(&act("audit.read"), target, ActOutcome::Success, None).await.unwrap();
    }
}

/// Records with a checkpoint behind them; gives a time after them.
async fn month(store: &Store, records: usize) -> i64 {
    write(store, records).await;
    store.checkpoint_audit(now_us()).await.unwrap();
    now_us()
}

async fn sound(store: &Store) -> (i64, i64) {
    store.keep_audit(now_us()).await.unwrap();
    let report = store.verify_audit().await.unwrap();
    assert!(report.is_whole(), "{report:?}");
    (report.first, report.checked)
}

/// The keys as somebody noted them.
async fn keyring(store: &Store) -> Option<Vec<String>> {
    Some(store.audit_keys().await.unwrap().into_iter().map(|key| key.public).collect())
}

async fn what_is_taken_out_verifies_alone_and_so_does_the_rest(home: Home) {
    let store = home.open().await;
    let reader = Reader::new(&home);
    let file = home.folder.path().join("archive/audit-2026-08.jsonl.zst.age");
    assert_eq!(store.audit_segment(i64::MAX).await.unwrap(), None, "there is no checkpoint yet");
    let until_us = month(&store, 4).await;
    write(&store, 3).await;
    assert_eq!(store.audit_age().await.unwrap().unwrap().records, 8);
    let taken = reader.take(&store, until_us, &file).await.unwrap();
    assert_eq!(taken.segment, AuditSegment { first: 0, next: 5 });

    // The log goes on where the file ends, and says so.
    let record = last(&home).await;
    assert_eq!(record["action"], "audit.segment_archived");
    assert_eq!(record["after"]["next"], 5);
    assert_eq!(record["after"]["sha256"], *taken.sha256);
    assert_eq!(records(&home).await, 4);
    // The anchor is begun late, which is a record too.
    assert_eq!(sound(&store).await, (5, 5));
    assert_eq!(store.audit_age().await.unwrap().unwrap().records, 5);
    let page = store.audit_records(&AuditFilter::default(), None, 100).await.unwrap();
    assert_eq!(page.last().unwrap().seq, 5);

    // The file is whole by itself, for its readers alone.
    let proof = BundleProof { keyring: keyring(&store).await, anchors: Vec::new() };
    let report = verify_bundle(read_archive(&file, &reader.file).unwrap(), &proof, |_| {}).unwrap();
    assert!(report.is_whole() && (report.first, report.checked) == (0, 5), "{report:?}");
    let strangers = BundleProof { keyring: Some(vec!["00".repeat(32)]), anchors: Vec::new() };
    let report =
        verify_bundle(read_archive(&file, &reader.file).unwrap(), &strangers, |_| {}).unwrap();
    assert!(report.fault.is_some(), "sealed by other keys");
    let mut text = Vec::new();
    BufReader::new(fs::File::open(&file).unwrap()).read_to_end(&mut text).unwrap();
    assert!(!text.windows(10).any(|part| part == b"audit.read"), "sealed");

    // A bundle of what stays says where it begins, and verifies too; a life later as well.
    store.close().await.unwrap();
    let store = home.open().await;
    let edge = store.begin_audit_export(&act("audit.export")).await.unwrap();
    let part = store.audit_part(&AuditFilter::default(), (-1, edge.size), 1_000).await.unwrap();
    let bundle = bundle_head(&edge) + &bundle_part(&part);
    let report = verify_bundle(bundle.as_bytes(), &proof, |_| {}).unwrap();
    assert!(report.is_whole() && report.first == 5, "{report:?}");
    let forged = bundle.replacen("\"first\":5", "\"first\":4", 1);
    let report = verify_bundle(forged.as_bytes(), &proof, |_| {});
    assert!(report.is_err() || report.is_ok_and(|report| report.fault.is_some()));
    sound(&store).await;
    store.close().await.unwrap();
}

/// Whoever deletes the beginning of the log with the engine's own words, but not through it.
async fn a_log_that_was_cut_without_a_record_is_found_out(home: Home) {
    let store = home.open().await;
    month(&store, 4).await;
    write(&store, 3).await;
    let mut raw = Raw::of(&home).await;
    let chain = raw.blobs("select chain from audit_log where seq = 4").await.remove(0);
    let leaves = raw.blobs("select leaf from audit_log where seq < 5 order by seq").await;
    let tree = [peak(&leaves[..4]), leaves[4].clone()].concat();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let bytes = |text: &[u8]| match home.is_postgres() {
        true => format!("'\\x{}'", hex(text)),
        false => format!("x'{}'", hex(text)),
    };
    let insert = format!(
        "insert into audit_segments (next_seq, first_seq, chain, tree, note, file, sha256, archived_us)
         select 5, 0, {}, {}, note, 'none', {}, 0 from audit_checkpoints where size = 5",
        bytes(&chain),
        bytes(&tree),
        bytes(&[7; 32]),
    );
    assert_eq!(home.tamper(&insert).await, 1);
    let cut = if home.is_postgres() {
        "select audit_take_out(5)"
    } else {
        "delete from audit_log where seq < 5"
    };
    home.tamper(cut).await;
    assert_eq!(records(&home).await, 3, "the guard lets it");
    raw.close().await;
    let report = store.verify_audit().await.unwrap();
    assert_eq!(report.fault, Some(AuditFault::Deleted { seq: 0 }), "{report:?}");
    store.close().await.unwrap();
}

/// The root of four leaves (RFC 6962 2.1).
fn peak(leaves: &[Vec<u8>]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let node = |left: &[u8], right: &[u8]| {
        Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().to_vec()
    };
    node(&node(&leaves[0], &leaves[1]), &node(&leaves[2], &leaves[3]))
}

async fn what_stays_cannot_be_deleted(home: Home) {
    let store = home.open().await;
    let reader = Reader::new(&home);
    let until_us = month(&store, 4).await;
    month(&store, 2).await;
    reader.take(&store, until_us, &home.folder.path().join("one")).await.unwrap();
    let mut raw = Raw::of(&home).await;
    for sql in [
        "delete from audit_log where seq = 6",
        "update audit_log set actor_id = 'x' where seq = 6",
        "delete from audit_checkpoints where size = 7",
        "update audit_segments set next_seq = 100",
        "delete from audit_segments",
    ] {
        assert!(!raw.allows(sql).await, "{sql}");
    }
    raw.close().await;
    sound(&store).await;
    store.close().await.unwrap();
}

async fn nothing_leaves_when_the_file_fails_or_the_records_are_not_whole(home: Home) {
    let store = home.open().await;
    let reader = Reader::new(&home);
    let until_us = month(&store, 4).await;
    write(&store, 3).await;
    let before = records(&home).await;
    let folder = home.folder.path().join("file");
    fs::write(&folder, "in the way").unwrap();
    let failed = reader.take(&store, until_us, &folder.join("audit")).await;
    assert!(matches!(failed, Err(ArchiveError::File { .. })), "{failed:?}");
    let failed = reader.take(&store, until_us, &folder).await;
    assert!(matches!(failed, Err(ArchiveError::File { .. })), "never over another: {failed:?}");
    let full = reader.take(&store, until_us, Path::new("/dev/full/audit")).await;
    assert!(matches!(full, Err(ArchiveError::File { .. })), "{full:?}");

    let drop = if home.is_postgres() {
        "drop trigger audit_log_no_change on audit_log"
    } else {
        "drop trigger audit_log_no_update"
    };
    home.tamper(drop).await;
    home.tamper("update audit_log set actor_id = 'user:eve' where seq = 2").await;
    let refused = reader.take(&store, until_us, &home.folder.path().join("odd")).await;
    assert!(matches!(refused, Err(ArchiveError::Fault(_))), "{refused:?}");
    assert_eq!(records(&home).await, before);
    let left: Vec<_> = fs::read_dir(home.folder.path()).unwrap().flatten().collect();
    assert!(!left.iter().any(|entry| entry.file_name().to_string_lossy().contains("odd")));
    store.close().await.unwrap();
}

async fn a_month_is_taken_out_after_another(home: Home) {
    let store = home.open().await;
    let reader = Reader::new(&home);
    let folder = home.folder.path().join("archive");
    let mut untils = Vec::new();
    for day in 1..=3 {
        let end_us = month(&store, 3).await;
        // Another key every day; the record that names it bears the time of the next.
        untils.push(end_us + (day - 1) * DAY_US + DAY_US / 2);
        store.keep_audit(now_us() + day * DAY_US).await.unwrap();
    }
    write(&store, 2).await;
    let mut firsts = Vec::new();
    for (n, until_us) in untils.into_iter().enumerate() {
        let file = folder.join(format!("{n}"));
        let taken = reader.take(&store, until_us, &file).await.unwrap();
        firsts.push(taken.segment.first);
        let proof = BundleProof {
            keyring: keyring(&store).await,
            anchors: vec![home.data().join("anchors/checkpoints.log")],
        };
        let lines = read_archive(&file, &reader.file).unwrap();
        assert!(lines.lines().count() > 3);
        let lines = read_archive(&file, &reader.file).unwrap();
        let report = verify_bundle(lines, &BundleProof { anchors: Vec::new(), ..proof }, |_| {});
        let report = report.unwrap();
        assert!(report.is_whole(), "{n}: {report:?}");
        assert_eq!(report.first, taken.segment.first);
        assert_eq!(sound(&store).await.0, taken.segment.next);
    }
    assert!(firsts.is_sorted() && firsts[2] > 0);
    store.close().await.unwrap();
    let store = home.open().await;
    sound(&store).await;
    store.close().await.unwrap();
}

/// Records of today that bear the date of long ago stay with those before them.
async fn a_clock_that_was_wrong_for_a_while_takes_nothing_out(home: Home) {
    let store = home.open().await;
    let since_us = now_us();
    month(&store, 3).await;
    let target = Target { kind: "audit-log", id: None, channel: None };
    let long_ago = store::Act { now_us: 1_000_000, ..act("audit.read") };
    store.record(&long_ago, target, ActOutcome::Success, None).await.unwrap();
    store.checkpoint_audit(1_000_001).await.unwrap();
    assert_eq!(store.audit_segment(since_us - DAY_US).await.unwrap(), None);
    store.close().await.unwrap();
}
