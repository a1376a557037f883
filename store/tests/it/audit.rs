use crate::home::{Home, name, now_us, owned, send};
use crate::on_both;
use crate::people::{act, records};
use crate::raw::Raw;
use store::{ActOutcome, AuditFault, Scope, Store, StoreError, Target};

on_both!(
    an_untouched_log_verifies,
    a_changed_byte_is_found,
    a_changed_column_is_found,
    a_deleted_record_is_found,
    swapped_records_are_found,
    a_cut_end_is_found,
    a_forged_record_is_found,
    nobody_changes_or_deletes_a_record,
    every_byte_of_a_seal_counts,
    a_day_has_a_key_of_its_own,
    a_lost_key_is_said,
    a_key_that_no_record_names_seals_nothing,
);

/// A log with the record of the new store and six more.
async fn written(home: &Home) -> Store {
    let store = home.open().await;
    owned(&store).await;
    for _ in 0..3 {
        let (adt, lab) = (name("adt"), name("lab"));
        store.hold(&Scope::All, &act("connection.control"), &adt, &lab).await.unwrap();
        store.resume(&Scope::All, &act("connection.control"), &adt, &lab).await.unwrap();
    }
    assert_eq!(records(home).await, 7);
    store
}

async fn unlock(home: &Home) {
    let sql = if home.is_postgres() {
        "drop trigger audit_log_no_change on audit_log; drop trigger audit_head_no_delete on audit_head; drop trigger audit_log_no_delete on audit_log"
    } else {
        "drop trigger audit_log_no_update; drop trigger audit_log_no_delete; drop trigger audit_head_no_delete"
    };
    home.tamper(sql).await;
}

/// Changes the log with its triggers gone, and gives what the walk then finds.
async fn fault_after(home: &Home, sql: &str) -> Option<AuditFault> {
    let store = written(home).await;
    assert_eq!(store.verify_audit().await.unwrap().fault, None);
    unlock(home).await;
    home.tamper(sql).await;
    let report = store.verify_audit().await.unwrap();
    store.close().await.unwrap();
    report.fault
}

async fn an_untouched_log_verifies(home: Home) {
    let store = written(&home).await;
    let report = store.verify_audit().await.unwrap();
    assert_eq!((report.checked, report.fault), (7, None));
    let nobody = "select count(*) from audit_log where actor_id is null or actor_id = ''";
    assert_eq!(home.number(nobody).await, 0);
    let mut raw = Raw::of(&home).await;
    for record in raw.blobs("select rec from audit_log").await {
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert!(!record["actor"]["id"].as_str().unwrap().is_empty());
    }
    raw.close().await;
    store.close().await.unwrap();
    let store = home.open().await;
    assert_eq!(store.verify_audit().await.unwrap().checked, 7, "the chain goes on over a restart");
    store.close().await.unwrap();
}

/// Every byte of every column of a record is changed in turn: each change is found, and the record is named.
async fn a_changed_byte_is_found(home: Home) {
    let store = written(&home).await;
    unlock(&home).await;
    let mut raw = Raw::of(&home).await;
    // One letter of a name: the record still is canonical JSON.
    let record = raw.blobs("select rec from audit_log where seq = 3").await.remove(0);
    let at = record.windows(5).position(|window| window == b"\"Ada\"").unwrap();
    let mut forged = record.clone();
    forged[at + 1] = b'I';
    raw.put("update audit_log set rec = $1 where seq = 3", forged).await;
    let fault = store.verify_audit().await.unwrap().fault;
    assert_eq!(fault, Some(AuditFault::Modified { seq: 3 }));
    raw.put("update audit_log set rec = $1 where seq = 3", record).await;
    for (column, kind) in
        [("rec", "modified"), ("leaf", "modified"), ("chain", "column"), ("seal", "unsealed")]
    {
        let kept =
            raw.blobs(&format!("select {column} from audit_log where seq = 3")).await.remove(0);
        let put = format!("update audit_log set {column} = $1 where seq = 3");
        for n in 0..kept.len() {
            let mut forged = kept.clone();
            forged[n] ^= 1;
            raw.put(&put, forged).await;
            let report = store.verify_audit().await.unwrap();
            let found = report.fault.as_ref().map(AuditFault::parts);
            assert_eq!((report.checked, found), (3, Some((3, kind))), "byte {n} of {column}");
        }
        raw.put(&put, kept).await;
    }
    assert_eq!(store.verify_audit().await.unwrap().fault, None);
    raw.close().await;
    store.close().await.unwrap();
}

async fn a_changed_column_is_found(home: Home) {
    let store = written(&home).await;
    unlock(&home).await;
    for change in [
        "ts_us = ts_us + 1",
        "actor_id = 'user:eve'",
        "action = 'nothing'",
        "channel_id = null",
        "target_id = 'ward'",
        "outcome = 'denied'",
        "action = 'connection.contro1'",
    ] {
        let mut raw = Raw::of(&home).await;
        let kept = "create table kept as select * from audit_log where seq = 4";
        assert!(raw.allows(kept).await);
        assert!(raw.allows(&format!("update audit_log set {change} where seq = 4")).await);
        let fault = store.verify_audit().await.unwrap().fault;
        assert_eq!(fault, Some(AuditFault::Column { seq: 4 }), "{change}");
        assert!(raw.allows("delete from audit_log where seq = 4").await);
        assert!(raw.allows("insert into audit_log select * from kept").await);
        assert!(raw.allows("drop table kept").await);
        raw.close().await;
        assert_eq!(store.verify_audit().await.unwrap().fault, None);
    }
    store.close().await.unwrap();
}

async fn a_deleted_record_is_found(home: Home) {
    let fault = fault_after(&home, "delete from audit_log where seq = 3").await;
    assert_eq!(fault, Some(AuditFault::Deleted { seq: 3 }));
}

async fn swapped_records_are_found(home: Home) {
    let swap =
        "update audit_log set seq = 1003 where seq = 3; update audit_log set seq = 3 where seq = 4;
        update audit_log set seq = 4 where seq = 1003";
    let fault = fault_after(&home, swap).await;
    assert_eq!(fault, Some(AuditFault::Reordered { seq: 3 }));
}

async fn a_cut_end_is_found(home: Home) {
    let fault = fault_after(&home, "delete from audit_log where seq >= 5").await;
    assert_eq!(fault, Some(AuditFault::Truncated { seq: 5 }));
}

async fn a_forged_record_is_found(home: Home) {
    // A record that is whole by itself, but is not what followed.
    let forge = "insert into audit_log (seq, ts_us, actor_id, action, outcome, rec, leaf, chain)
        select 7, ts_us, actor_id, action, outcome, rec, leaf, chain from audit_log where seq = 6;
        update audit_head set next_seq = 8";
    let fault = fault_after(&home, forge).await;
    assert_eq!(fault, Some(AuditFault::Reordered { seq: 7 }));
}

async fn nobody_changes_or_deletes_a_record(home: Home) {
    let store = written(&home).await;
    let mut raw = Raw::of(&home).await;
    for sql in [
        "update audit_log set outcome = 'denied'",
        "update audit_log set actor_id = 'user:eve' where seq = 3",
        "delete from audit_log",
        "delete from audit_log where seq = 6",
        "delete from audit_head",
    ] {
        assert!(!raw.allows(sql).await, "{sql}");
    }
    if home.is_postgres() {
        for sql in ["truncate audit_log", "truncate audit_head"] {
            assert!(!raw.allows(sql).await, "{sql}");
        }
        let rights =
            "select coalesce(relacl::text, '')::bytea from pg_class where relname = 'audit_log'";
        let rights = String::from_utf8(raw.blobs(rights).await.remove(0)).unwrap();
        // Of the letters for rights, w is UPDATE, d is DELETE and D is TRUNCATE.
        let owner = rights.split('=').nth(1).unwrap().split('/').next().unwrap();
        assert!(!owner.contains(['w', 'd', 'D']) && owner.contains('a'), "{rights}");
    }
    raw.close().await;
    let report = store.verify_audit().await.unwrap();
    assert_eq!((report.checked, report.fault), (7, None));
    store.close().await.unwrap();
}

async fn every_byte_of_a_seal_counts(home: Home) {
    let store = written(&home).await;
    unlock(&home).await;
    let mut raw = Raw::of(&home).await;
    let seal = raw.blobs("select seal from audit_log where seq = 3").await.remove(0);
    assert_eq!(seal.len(), 64);
    let mut forged: Vec<Vec<u8>> = (0..seal.len())
        .map(|at| {
            let mut forged = seal.clone();
            forged[at] ^= 1;
            forged
        })
        .collect();
    forged.push(Vec::new());
    forged.push(raw.blobs("select seal from audit_log where seq = 4").await.remove(0));
    for seal in forged {
        raw.put("update audit_log set seal = $1 where seq = 3", seal).await;
        let fault = store.verify_audit().await.unwrap().fault;
        assert_eq!(fault, Some(AuditFault::Unsealed { seq: 3 }));
    }
    raw.put("update audit_log set seal = $1 where seq = 3", seal).await;
    assert_eq!(store.verify_audit().await.unwrap().fault, None);
    for (change, back) in [("seal = null", None), ("epoch = 2", Some("epoch = 1"))] {
        assert!(raw.allows(&format!("update audit_log set {change} where seq = 5")).await);
        let fault = store.verify_audit().await.unwrap().fault;
        assert_eq!(fault, Some(AuditFault::Unsealed { seq: 5 }), "{change}");
        if let Some(back) = back {
            assert!(raw.allows(&format!("update audit_log set {back} where seq = 5")).await);
        }
    }
    raw.close().await;
    store.close().await.unwrap();
}

async fn a_day_has_a_key_of_its_own(home: Home) {
    let store = written(&home).await;
    let (adt, lab) = (name("adt"), name("lab"));
    let first = store.verify_audit().await.unwrap().key;
    store.keep_audit(now_us()).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap().key, first, "the day is not over");
    let file = home.data().join("keys/audit/epoch.key");
    let kept = std::fs::read(&file).unwrap();
    store.keep_audit(now_us() + 86_400_000_000).await.unwrap();
    assert_ne!(std::fs::read(&file).unwrap(), kept);
    store.hold(&Scope::All, &act("connection.control"), &adt, &lab).await.unwrap();
    let report = store.verify_audit().await.unwrap();
    assert_eq!((report.checked, report.fault, report.doubts), (9, None, Vec::new()));
    assert_ne!(report.key, first);
    assert_eq!(home.number("select epoch from audit_log where seq = 7").await, 1, "the hand-over");
    assert_eq!(home.number("select epoch from audit_log where seq = 8").await, 2);
    store.close().await.unwrap();
    let store = home.open().await;
    assert_eq!(store.verify_audit().await.unwrap().fault, None);
    store.close().await.unwrap();
}

async fn a_lost_key_is_said(home: Home) {
    let store = written(&home).await;
    store.close().await.unwrap();
    std::fs::remove_dir_all(home.data().join("keys/audit")).unwrap();
    let store = home.open().await;
    let report = store.verify_audit().await.unwrap();
    assert_eq!((report.checked, report.fault), (8, None));
    let [doubt] = &report.doubts[..] else { panic!("{:?}", report.doubts) };
    assert!(doubt.starts_with("from record 7 on another key seals"), "{doubt}");
    assert_eq!(crate::people::last(&home).await["action"], "audit.key_lost");
    store.close().await.unwrap();
}

async fn a_key_that_no_record_names_seals_nothing(home: Home) {
    let store = written(&home).await;
    unlock(&home).await;
    let drop = if home.is_postgres() {
        "drop trigger audit_epochs_no_change on audit_epochs"
    } else {
        "drop trigger audit_epochs_no_update"
    };
    home.tamper(drop).await;
    let mut raw = Raw::of(&home).await;
    let public = raw.blobs("select public from audit_epochs").await.remove(0);
    let proof = raw.blobs("select proof from audit_epochs").await.remove(0);
    let whole = |fault: Option<AuditFault>| assert_eq!(fault, None);
    for (column, kept) in [("public", public), ("proof", proof)] {
        let set = format!("update audit_epochs set {column} = $1");
        raw.put(&set, vec![7; 32]).await;
        let fault = store.verify_audit().await.unwrap().fault;
        assert_eq!(fault, Some(AuditFault::Key { seq: 0 }), "{column}");
        raw.put(&set, kept).await;
        whole(store.verify_audit().await.unwrap().fault);
    }
    assert!(raw.allows("update audit_epochs set created_us = created_us + 1").await);
    let fault = store.verify_audit().await.unwrap().fault;
    assert_eq!(fault, Some(AuditFault::Key { seq: 0 }));
    assert!(raw.allows("update audit_epochs set created_us = created_us - 1").await);
    // An epoch of somebody else's, from the middle of the log on.
    let foreign =
        "insert into audit_epochs select 2, proof, 4, created_us, proof from audit_epochs";
    assert!(raw.allows(foreign).await);
    let fault = store.verify_audit().await.unwrap().fault;
    assert_eq!(fault, Some(AuditFault::Key { seq: 4 }));
    raw.close().await;
    store.close().await.unwrap();
}

/// J-23: while something else holds the end of the log, acts are refused and messages keep coming in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_on_the_log_refuses_acts_and_no_message() {
    let home = Home::postgres().await;
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let mut raw = Raw::of(&home).await;
    assert!(raw.allows("begin").await);
    assert_eq!(raw.blobs("select chain from audit_head for update").await.len(), 1);
    let target = Target { kind: "audit-log", id: None, channel: None };
    let (held, to) = (act("audit.read"), [lab]);
    let (refused, (message, _)) = tokio::join!(
        store.record(&held, target.clone(), ActOutcome::Success, None),
        send(&store, &lease, "C1", &to),
    );
    assert!(matches!(refused, Err(StoreError::Busy | StoreError::AuditUnavailable)), "{refused:?}");
    assert!(store.message(&Scope::All, message).await.unwrap().is_some());
    assert!(raw.allows("rollback").await);
    raw.close().await;
    store.record(&act("audit.read"), target, ActOutcome::Success, None).await.unwrap();
    store.close().await.unwrap();
}
