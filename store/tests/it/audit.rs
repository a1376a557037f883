use crate::home::{Home, name, owned};
use crate::on_both;
use crate::people::{act, records};
use crate::raw::Raw;
use store::{AuditFault, Scope, Store};

on_both!(
    an_untouched_log_verifies,
    a_changed_byte_is_found,
    a_changed_column_is_found,
    a_deleted_record_is_found,
    swapped_records_are_found,
    a_cut_end_is_found,
    a_forged_record_is_found,
    nobody_changes_or_deletes_a_record,
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
        "drop trigger audit_log_no_change on audit_log; drop trigger audit_head_no_delete on audit_head"
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

async fn a_changed_byte_is_found(home: Home) {
    let store = written(&home).await;
    unlock(&home).await;
    let mut raw = Raw::of(&home).await;
    let record = raw.blobs("select rec from audit_log where seq = 3").await.remove(0);
    // One letter of a name: the record still is canonical JSON.
    let at = record.windows(5).position(|window| window == b"\"Ada\"").unwrap();
    let mut forged = record.clone();
    forged[at + 1] = b'I';
    raw.put("update audit_log set rec = $1 where seq = 3", forged).await;
    let fault = store.verify_audit().await.unwrap().fault;
    assert_eq!(fault, Some(AuditFault::Modified { seq: 3 }));
    for n in (0..record.len()).step_by(7) {
        let mut forged = record.clone();
        forged[n] ^= 1;
        raw.put("update audit_log set rec = $1 where seq = 3", forged).await;
        let report = store.verify_audit().await.unwrap();
        assert_eq!(report.checked, 3, "byte {n}");
        let found = matches!(
            report.fault,
            Some(AuditFault::Modified { seq: 3 } | AuditFault::Unchained { seq: 3 })
        );
        assert!(found, "byte {n}: {:?}", report.fault);
    }
    raw.put("update audit_log set rec = $1 where seq = 3", record).await;
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
    assert_eq!(fault, Some(AuditFault::Unchained { seq: 3 }));
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
    assert_eq!(fault, Some(AuditFault::Unchained { seq: 7 }));
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
