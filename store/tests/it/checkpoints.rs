//! Checkpoints and the anchor: what is found out although the database agrees with itself.

use std::path::PathBuf;

use crate::home::{DAY_US, Home, now_us};
use crate::on_both;
use crate::people::{act, last, records};
use crate::raw::Raw;
use store::{ActOutcome, AuditFault, AuditReport, Store, Target};

on_both!(
    a_checkpoint_is_signed_and_anchored,
    a_thousand_records_have_a_checkpoint_of_their_own,
    a_store_of_yesterday_is_found_out,
    an_anchor_that_was_taken_away_is_recorded,
    a_log_that_was_written_anew_is_found_out,
    a_changed_anchor_leaves_a_doubt,
    an_interrupted_anchor_is_mended,
    a_changed_checkpoint_is_found,
    a_check_of_the_tail_sees_what_was_added,
    a_day_that_ends_between_two_checks_is_no_fault,
    a_half_written_note_is_cut_off_before_the_next,
    the_tree_of_an_older_log_is_made,
);

const MINUTE_US: i64 = 60_000_000;

fn anchor(home: &Home) -> PathBuf {
    home.data().join("anchors/checkpoints.log")
}

async fn write(store: &Store, records: usize) {
    for _ in 0..records {
        let target = Target { kind: "audit-log", id: None, channel: None };
        store.record(&act("audit.read"), target, ActOutcome::Success, None).await.unwrap();
    }
}

async fn unlock(home: &Home) {
    let sql = if home.is_postgres() {
        "drop trigger audit_log_no_change on audit_log; drop trigger audit_head_no_delete on audit_head;
         drop trigger audit_checkpoints_no_change on audit_checkpoints;
         drop trigger audit_log_no_delete on audit_log; drop trigger audit_checkpoints_no_delete on audit_checkpoints"
    } else {
        "drop trigger audit_log_no_update; drop trigger audit_log_no_delete; drop trigger audit_head_no_delete;
         drop trigger audit_checkpoints_no_update; drop trigger audit_checkpoints_no_delete"
    };
    home.tamper(sql).await;
}

/// What the store was at one size, so that it can be made to be that again.
struct Yesterday {
    size: i64,
    chain: Vec<u8>,
    tree: Vec<u8>,
}

impl Yesterday {
    async fn of(home: &Home) -> Yesterday {
        let mut raw = Raw::of(home).await;
        let chain = raw.blobs("select chain from audit_head").await.remove(0);
        let tree = raw.blobs("select tree from audit_head").await.remove(0);
        raw.close().await;
        Yesterday { size: records(home).await, chain, tree }
    }

    /// Everything of the log is in the database, so a copy of it replaces all: nothing in it contradicts anything.
    async fn comes_back(self, home: &Home) {
        let Yesterday { size, chain, tree } = self;
        unlock(home).await;
        home.tamper(&format!("delete from audit_log where seq >= {size}; delete from audit_checkpoints where size > {size}; update audit_head set next_seq = {size}")).await;
        let mut raw = Raw::of(home).await;
        raw.put("update audit_head set chain = $1", chain).await;
        raw.put("update audit_head set tree = $1", tree).await;
        raw.close().await;
    }
}

fn sound(report: &AuditReport) {
    assert!(report.is_whole(), "{report:?}");
}

async fn a_checkpoint_is_signed_and_anchored(home: Home) {
    let store = home.open().await;
    write(&store, 4).await;
    let now = now_us();
    store.keep_audit(now).await.unwrap();
    let note = std::fs::read_to_string(anchor(&home)).unwrap();
    let lines: Vec<&str> = note.lines().collect();
    assert!(lines[0].starts_with("log/") && lines[1] == "5" && lines[3].is_empty(), "{note}");
    assert!(lines[4].starts_with("\u{2014} log/"), "{note}");
    write(&store, 1).await;
    store.keep_audit(now + 1).await.unwrap();
    assert_eq!(std::fs::read_to_string(anchor(&home)).unwrap(), note, "not every moment");
    store.keep_audit(now + MINUTE_US).await.unwrap();
    store.keep_audit(now + 3 * MINUTE_US).await.unwrap();
    let report = store.verify_audit().await.unwrap();
    sound(&report);
    assert_eq!(
        (report.checked, report.size, report.checkpoints),
        (6, 6, 2),
        "none when nothing is new"
    );
    assert_eq!((report.anchors[0].checkpoints, report.anchors[0].size), (2, 6));
    // The end of the store is anchored too.
    write(&store, 1).await;
    store.close().await.unwrap();
    let notes = std::fs::read_to_string(anchor(&home)).unwrap();
    assert!(notes.starts_with(&note) && notes.lines().count() == 15, "{notes}");
    let store = home.open().await;
    sound(&store.verify_audit().await.unwrap());
    store.close().await.unwrap();
}

async fn a_thousand_records_have_a_checkpoint_of_their_own(home: Home) {
    let store = home.open().await;
    write(&store, 2_003).await;
    assert_eq!(home.number("select count(*) from audit_checkpoints").await, 2);
    let report = store.verify_audit().await.unwrap();
    assert_eq!(report.checkpoints, 2);
    let [doubt] = &report.doubts[..] else { panic!("{report:?}") };
    assert!(doubt.contains("is missing"), "not anchored yet: {doubt}");
    store.keep_audit(now_us()).await.unwrap();
    let report = store.verify_audit().await.unwrap();
    sound(&report);
    assert_eq!(report.anchors[0].checkpoints, report.checkpoints);
    store.close().await.unwrap();
}

async fn a_store_of_yesterday_is_found_out(home: Home) {
    let store = home.open().await;
    write(&store, 4).await;
    store.keep_audit(now_us()).await.unwrap();
    let yesterday = Yesterday::of(&home).await;
    write(&store, 4).await;
    store.keep_audit(now_us() + 2 * MINUTE_US).await.unwrap();
    sound(&store.verify_audit().await.unwrap());
    yesterday.comes_back(&home).await;
    let fault = store.verify_audit().await.unwrap().fault;
    assert_eq!(fault, Some(AuditFault::Truncated { seq: 5 }));
    // Whoever takes the anchor away too leaves a doubt.
    let kept = anchor(&home).with_extension("kept");
    std::fs::rename(anchor(&home), &kept).unwrap();
    let report = store.verify_audit().await.unwrap();
    assert!(report.fault.is_none() && !report.is_whole(), "{report:?}");
    std::fs::rename(&kept, anchor(&home)).unwrap();
    store.close().await.unwrap();
    // The next start says so by itself.
    let store = home.open().await;
    store.keep_audit(now_us()).await.unwrap();
    let record = last(&home).await;
    assert_eq!(record["action"], "audit.rolled_back");
    assert_eq!(record["after"]["anchored"], 9, "{record}");
    store.keep_audit(now_us()).await.unwrap();
    assert_eq!(last(&home).await["seq"], record["seq"], "once");
    store.close().await.unwrap();
}

async fn an_anchor_that_was_taken_away_is_recorded(home: Home) {
    let store = home.open().await;
    store.keep_audit(now_us()).await.unwrap();
    assert_eq!(last(&home).await["action"], "store.created", "a new store begins its anchor");
    store.close().await.unwrap();
    std::fs::remove_file(anchor(&home)).unwrap();
    let store = home.open().await;
    store.keep_audit(now_us()).await.unwrap();
    let record = last(&home).await;
    assert_eq!(record["action"], "audit.anchor_begun");
    sound(&store.verify_audit().await.unwrap());
    store.close().await.unwrap();
}

async fn a_log_that_was_written_anew_is_found_out(home: Home) {
    let store = home.open().await;
    write(&store, 4).await;
    let yesterday = Yesterday::of(&home).await;
    write(&store, 2).await;
    store.keep_audit(now_us()).await.unwrap();
    yesterday.comes_back(&home).await;
    // Other records take the place of those that were there, sealed by the key of the day.
    write(&store, 6).await;
    let fault = store.verify_audit().await.unwrap().fault;
    assert_eq!(fault, Some(AuditFault::Forked { seq: 6 }));
    store.close().await.unwrap();
}

async fn a_changed_anchor_leaves_a_doubt(home: Home) {
    let store = home.open().await;
    write(&store, 4).await;
    store.keep_audit(now_us()).await.unwrap();
    let kept = std::fs::read(anchor(&home)).unwrap();
    for n in (0..kept.len()).step_by(3) {
        let mut forged = kept.clone();
        forged[n] ^= 1;
        std::fs::write(anchor(&home), forged).unwrap();
        let report = store.verify_audit().await.unwrap();
        // A note that says it is over more records is believed as little as any other: nothing says that they exist.
        let cut = matches!(report.fault, Some(AuditFault::Truncated { .. }));
        assert!(cut || report.fault.is_none() && !report.is_whole(), "byte {n}: {report:?}");
    }
    std::fs::write(anchor(&home), kept).unwrap();
    sound(&store.verify_audit().await.unwrap());
    store.close().await.unwrap();
}

async fn an_interrupted_anchor_is_mended(home: Home) {
    let store = home.open().await;
    write(&store, 4).await;
    store.close().await.unwrap();
    let kept = std::fs::read(anchor(&home)).unwrap();
    let half = [&kept[..], &kept[..kept.len() / 2]].concat();
    std::fs::write(anchor(&home), half).unwrap();
    let store = home.open().await;
    let report = store.verify_audit().await.unwrap();
    assert!(report.fault.is_none() && !report.is_whole(), "{report:?}");
    write(&store, 1).await;
    store.keep_audit(now_us() + MINUTE_US).await.unwrap();
    let mended = std::fs::read(anchor(&home)).unwrap();
    assert!(mended.starts_with(&kept) && mended.len() > kept.len());
    let report = store.verify_audit().await.unwrap();
    sound(&report);
    assert_eq!(report.anchors[0].checkpoints, 2);
    store.close().await.unwrap();
}

async fn a_half_written_note_is_cut_off_before_the_next(home: Home) {
    let store = home.open().await;
    write(&store, 2).await;
    let now = now_us();
    store.keep_audit(now).await.unwrap();
    let kept = std::fs::read(anchor(&home)).unwrap();
    // The disk was full in the middle of a note, and the engine knows that it has failed.
    std::fs::write(anchor(&home), [&kept[..], b"log/half"].concat()).unwrap();
    let folder = anchor(&home).parent().unwrap().to_owned();
    let elsewhere = folder.with_extension("away");
    std::fs::rename(&folder, &elsewhere).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    write(&store, 2).await;
    store.keep_audit(now + 2 * MINUTE_US).await.unwrap();
    assert!(matches!(store.audit_standing().anchored, Some(Err(_))));
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&elsewhere, &folder).unwrap();
    store.keep_audit(now + 3 * MINUTE_US).await.unwrap();
    assert!(std::fs::read(anchor(&home)).unwrap().starts_with(&kept));
    let report = store.verify_audit().await.unwrap();
    sound(&report);
    assert_eq!(report.anchors[0].checkpoints, report.checkpoints);
    store.close().await.unwrap();
}

async fn a_changed_checkpoint_is_found(home: Home) {
    let store = home.open().await;
    write(&store, 4).await;
    store.keep_audit(now_us()).await.unwrap();
    unlock(&home).await;
    let mut raw = Raw::of(&home).await;
    let columns = if home.is_postgres() { "note::bytea" } else { "cast(note as blob)" };
    let note = raw.blobs(&format!("select {columns} from audit_checkpoints")).await.remove(0);
    let note = String::from_utf8(note).unwrap();
    for change in [
        "size = 4".to_owned(),
        "size = 9".to_owned(),
        format!("note = '{}'", note.replace("\n5\n", "\n4\n")),
        format!("note = '{}'", note.replace('A', "B").replace('a', "b")),
        "note = 'nothing'".to_owned(),
    ] {
        assert!(raw.allows(&format!("update audit_checkpoints set {change}")).await, "{change}");
        let fault = store.verify_audit().await.unwrap().fault;
        let found = matches!(fault, Some(AuditFault::Forked { .. } | AuditFault::Truncated { .. }));
        assert!(found, "{change}: {fault:?}");
        assert!(
            raw.allows(&format!("update audit_checkpoints set size = 5, note = '{note}'")).await
        );
    }
    sound(&store.verify_audit().await.unwrap());
    raw.close().await;
    store.close().await.unwrap();
}

async fn a_check_of_the_tail_sees_what_was_added(home: Home) {
    let store = home.open().await;
    write(&store, 4).await;
    store.keep_audit(now_us()).await.unwrap();
    assert!(store.audit_standing().full.is_none());
    // Nothing was found whole yet, so the tail is everything.
    let report = store.check_audit(&act("audit.verify"), false).await.unwrap();
    assert_eq!((report.first, report.checked), (0, 5));
    let record = last(&home).await;
    assert_eq!(
        (&record["action"], &record["outcome"]),
        (&"audit.verify".into(), &"success".into())
    );
    assert_eq!(record["after"]["checked"], 5, "{record}");
    let report = store.check_audit(&act("audit.verify"), false).await.unwrap();
    assert_eq!((report.first, report.checked, report.size), (5, 1, 6));
    sound(&report);
    let standing = store.audit_standing();
    assert_eq!(standing.full.unwrap().outcome.unwrap().checked, 5);
    assert_eq!(standing.tail.unwrap().outcome.unwrap().checked, 1);
    assert_eq!((standing.running, standing.anchored), (None, Some(Ok(5))));
    unlock(&home).await;
    home.tamper("update audit_log set outcome = 'denied' where seq = 6").await;
    let report = store.check_audit(&act("audit.verify"), false).await.unwrap();
    assert_eq!(report.fault, Some(AuditFault::Column { seq: 6 }));
    let record = last(&home).await;
    assert_eq!((&record["outcome"], &record["code"]), (&"failure".into(), &"column".into()));
    // What is not whole is looked through from its start.
    let report = store.check_audit(&act("audit.verify"), false).await.unwrap();
    assert_eq!((report.first, report.fault), (0, Some(AuditFault::Column { seq: 6 })));
    store.close().await.unwrap();
}

async fn a_day_that_ends_between_two_checks_is_no_fault(home: Home) {
    let store = home.open().await;
    write(&store, 3).await;
    store.keep_audit(now_us()).await.unwrap();
    sound(&store.check_audit(&act("audit.verified"), true).await.unwrap());
    // The record that names the next key is the last one, and a checkpoint by that key stands behind it.
    store.keep_audit(now_us() + DAY_US).await.unwrap();
    assert_eq!(last(&home).await["action"], "audit.epoch");
    for _ in 0..3 {
        sound(&store.check_audit(&act("audit.verified"), false).await.unwrap());
    }
    store.keep_audit(now_us() + 2 * DAY_US).await.unwrap();
    sound(&store.check_audit(&act("audit.verified"), false).await.unwrap());
    sound(&store.check_audit(&act("audit.verified"), true).await.unwrap());
    store.close().await.unwrap();
}

async fn the_tree_of_an_older_log_is_made(home: Home) {
    let store = home.open().await;
    write(&store, 10).await;
    let root = store.verify_audit().await.unwrap().root;
    home.tamper("update audit_head set tree = null").await;
    store.close().await.unwrap();
    let store = home.open().await;
    write(&store, 1).await;
    store.keep_audit(now_us()).await.unwrap();
    let report = store.verify_audit().await.unwrap();
    sound(&report);
    assert!(report.root != root && report.checkpoints > 0);
    store.close().await.unwrap();
}
