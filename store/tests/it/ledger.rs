//! The history of messages in the audit log: what is deleted or changed afterwards is found out.

use store::{AuditFault, Settled, Store};

use crate::home::{Home, now_us, owned, send, settle};
use crate::on_both;
use crate::people::{last, records};

on_both!(
    what_came_in_and_how_it_was_delivered_is_in_the_log,
    what_is_deleted_changed_or_added_is_found_out,
    what_changes_by_right_is_no_fault,
);

const MINUTES_US: i64 = 120_000_000;

/// Two messages to two receivers, both delivered, and a third that waits.
async fn delivered(store: &Store) {
    let (lease, lab, ward) = owned(store).await;
    for id in ["C1", "C2"] {
        let (message, open) = send(store, &lease, id, &[lab, ward]).await;
        for delivery in open {
            store.settle(&lease, settle(message, delivery, Settled::Delivered)).await.unwrap();
        }
    }
    send(store, &lease, "C3", &[lab]).await;
}

async fn what_came_in_and_how_it_was_delivered_is_in_the_log(home: Home) {
    let store = home.open().await;
    delivered(&store).await;
    let later = now_us() + MINUTES_US;
    assert!(store.digest_ledger(later).await.unwrap());
    let said = last(&home).await;
    assert_eq!(
        (&said["action"], &said["target"]["type"]),
        (&"ledger.digest".into(), &"messages".into())
    );
    let adt = &said["after"]["channels"][0];
    assert_eq!(adt["channel"], "adt");
    assert_eq!((&adt["received"]["last"], &adt["received"]["count"]), (&3.into(), &3.into()));
    assert_eq!((&adt["settled"]["last"], &adt["settled"]["count"]), (&2.into(), &4.into()));
    assert!(!store.digest_ledger(later).await.unwrap(), "nothing is new");
    let report = store.verify_audit().await.unwrap();
    let history = report.history.unwrap();
    assert!(report.is_whole() && (history.messages, history.attempts) == (3, 4), "{report:?}");

    // A life later it goes on where it was, by itself, once a minute.
    store.close().await.unwrap();
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let before = records(&home).await;
    send(&store, &lease, "C4", &[lab]).await;
    store.keep_audit(later).await.unwrap();
    let said = last(&home).await;
    assert_eq!(said["after"]["channels"][0]["received"]["after"], 3);
    assert_eq!(said["after"]["channels"][0]["settled"], serde_json::Value::Null);
    send(&store, &lease, "C5", &[lab]).await;
    store.keep_audit(later + 1).await.unwrap();
    assert_eq!(records(&home).await, before + 1, "not every moment");
    assert_eq!(store.verify_audit().await.unwrap().history.unwrap().messages, 4);
    store.close().await.unwrap();
}

async fn what_is_deleted_changed_or_added_is_found_out(home: Home) {
    let store = home.open().await;
    delivered(&store).await;
    store.digest_ledger(now_us() + MINUTES_US).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap().fault, None);
    for (change, back) in [
        (
            "update messages set peer = peer || 'x' where seq = 2",
            "update messages set peer = '127.0.0.1:4711' where seq = 2",
        ),
        (
            "update messages set bytes = bytes + 1 where seq = 3",
            "update messages set bytes = bytes - 1 where seq = 3",
        ),
        ("update messages set seq = 9 where seq = 3", "update messages set seq = 3 where seq = 9"),
        (
            "update attempts set code = code || 'x'",
            "update attempts set code = substr(code, 1, length(code) - 1)",
        ),
        (
            "update attempts set started_us = started_us - 7",
            "update attempts set started_us = started_us + 7",
        ),
    ] {
        let Some(AuditFault::History { channel, .. }) = changed(&store, &home, change).await else {
            panic!("{change} was not seen")
        };
        assert_eq!(channel, "adt");
        assert_eq!(changed(&store, &home, back).await, None, "{back}");
    }
    store.close().await.unwrap();
    // What cannot be taken back, each in a life of its own.
    for delete in [
        "delete from attempts where delivery = (select delivery from attempts order by delivery limit 1)",
        "delete from messages where seq = 1",
    ] {
        let store = home.open().await;
        let seen = changed(&store, &home, delete).await;
        assert!(matches!(seen, Some(AuditFault::History { .. })), "{delete}: {seen:?}");
        store.close().await.unwrap();
    }
}

async fn changed(store: &Store, home: &Home, sql: &str) -> Option<AuditFault> {
    home.tamper(sql).await;
    store.verify_audit().await.unwrap().fault
}

async fn what_changes_by_right_is_no_fault(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (message, open) = send(&store, &lease, "C1", &[lab, ward]).await;
    store.digest_ledger(now_us() + MINUTES_US).await.unwrap();
    store.settle(&lease, settle(message, open[0], Settled::Delivered)).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap().fault, None, "it was settled");
    store.settle(&lease, settle(message, open[1], Settled::Delivered)).await.unwrap();
    store.digest_ledger(now_us()).await.unwrap();
    assert_eq!(
        last(&home).await["after"]["channels"][0]["settled"],
        serde_json::Value::Null,
        "not at rest yet"
    );
    store.digest_ledger(now_us() + MINUTES_US).await.unwrap();
    assert_eq!(last(&home).await["after"]["channels"][0]["settled"]["count"], 2);
    assert_eq!(store.verify_audit().await.unwrap().fault, None);
    store.close().await.unwrap();
}
