//! What is over leaves the store, and nothing else does.

use std::time::Duration;

use config::StoreUrl;
use store::{
    Act, BodyOf, DeliveryId, Letter, MessageId, Periods, Purged, Scope, SentReplay, Settled,
    Standstill, Store, StoreError,
};

use crate::home::{DAY_US, HOUR_US, Home, name, now_us, owned, put, receipt, routed, send, settle};
use crate::on_both;
use crate::people::{act, last, recorded, records};
use crate::raw::{Raw, id};

on_both!(
    bodies_that_are_over_leave_and_nothing_else,
    what_left_cannot_be_read_from_any_file,
    the_key_of_a_day_goes_with_the_last_that_it_opens,
    nothing_leaves_while_a_hold_is_in_force,
    rows_leave_after_their_digests_and_the_log_stays_whole,
    the_bytes_of_a_replay_stay_as_long_as_the_replay,
    what_is_solved_stays_for_a_time_of_its_own,
    a_purge_that_was_cut_off_is_taken_up_again,
    the_oldest_leave_when_there_are_too_many,
    periods_are_changed_with_a_record,
    what_came_while_a_clock_was_wrong_stays_readable,
);

const PERIODS: Periods = Periods {
    bodies_us: 90 * DAY_US,
    dead_us: 90 * DAY_US,
    messages_us: 400 * DAY_US,
    bodies_max: None,
};

/// An act in so many days.
fn in_days(days: i64) -> Act {
    Act { now_us: now_us() + days * DAY_US, ..act("retention.purge") }
}

async fn with_periods(store: &Store, periods: Periods) {
    store.set_periods(&act("retention.set"), &name("adt"), periods).await.unwrap();
}

async fn purge(store: &Store, days: i64) -> Purged {
    store.purge(&in_days(days), &name("adt")).await.unwrap()
}

async fn delivered(store: &Store, control_id: &str) -> (MessageId, DeliveryId) {
    let (lease, lab, _) = owned(store).await;
    let (message, open) = send(store, &lease, control_id, &[lab]).await;
    store.settle(&lease, settle(message, open[0], Settled::Delivered)).await.unwrap();
    (message, open[0])
}

async fn dead(store: &Store, control_id: &str) -> (MessageId, DeliveryId) {
    let (lease, lab, _) = owned(store).await;
    let (message, open) = send(store, &lease, control_id, &[lab]).await;
    let end = Settled::Dead { code: "AR" };
    store.settle(&lease, settle(message, open[0], end)).await.unwrap();
    (message, open[0])
}

async fn has_body(store: &Store, message: MessageId) -> bool {
    match store.body(&Scope::All, BodyOf::Message(message)).await {
        Ok(_) => true,
        Err(StoreError::NotFound(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn bodies_that_are_over_leave_and_nothing_else(home: Home) {
    let store = home.open().await;
    let mut over = Vec::new();
    for n in 0..3 {
        over.push(delivered(&store, &format!("C{n}")).await);
    }
    let (given_up, _) = dead(&store, "DEAD").await;
    let (lease, lab, _) = owned(&store).await;
    let (open, _) = send(&store, &lease, "OPEN", &[lab]).await;
    assert_eq!(purge(&store, 91).await.standstill, Some(Standstill::NoPeriods));
    with_periods(&store, PERIODS).await;
    assert_eq!(purge(&store, 89).await, Purged::default(), "not yet");
    let due = store.due(&name("adt"), PERIODS, in_days(91).now_us).await.unwrap();
    assert_eq!((due.bodies, due.with_bodies, due.kept, due.messages), (3, 5, 0, 0));
    let counted = home.number("select sum(n) from counters").await;
    let before = records(&home).await;

    let purged = purge(&store, 91).await;
    assert_eq!((purged.bodies, purged.messages, purged.keys), (3, 0, 0));
    assert_eq!(records(&home).await, before + 2, "its begin and its end");
    assert_eq!(home.number("select sum(n) from counters").await, counted, "figures stay");
    for (message, delivery) in &over {
        assert!(!has_body(&store, *message).await);
        let detail = store.message(&Scope::All, *message).await.unwrap().unwrap();
        assert!(detail.summary.control_id.is_some(), "what stays is readable");
        assert!(!detail.deliveries[0].attempts[0].has_response);
        let again = SentReplay {
            id: MessageId::new(),
            of: *delivery,
            to: vec![(DeliveryId::new(), lab, vec![])],
            token: None,
            step: None,
        };
        let again = store
            .replay_as_sent(&Scope::All, &act("message.replay"), &lease, again, Box::new(|_| {}))
            .await;
        assert!(matches!(again, Err(StoreError::Refused(_))), "there is nothing to replay");
    }
    assert!(has_body(&store, given_up).await && has_body(&store, open).await);
    assert_eq!(store.queued(&lease, lab, None, 10).await.unwrap().len(), 1);
    assert_eq!(store.dead_letters(&Scope::All).await.unwrap()[0].count, 1);
    let due = store.due(&name("adt"), PERIODS, in_days(91).now_us).await.unwrap();
    assert_eq!((due.bodies, due.with_bodies, due.kept), (0, 2, 2));
    assert_eq!(purge(&store, 92).await, Purged::default(), "nothing twice");
    // A body that is missing before its time is no body that is over.
    home.tamper(&format!("delete from bodies where id = {}", id(&home, open))).await;
    let missing = store.body(&Scope::All, BodyOf::Message(open)).await;
    assert!(matches!(missing.err(), Some(StoreError::Unreadable(_))));
    store.close().await.unwrap();
}

async fn what_left_cannot_be_read_from_any_file(home: Home) {
    let store = home.open().await;
    for n in 0..300 {
        delivered(&store, &format!("C{n}")).await;
    }
    with_periods(&store, PERIODS).await;
    let mut raw = Raw::of(&home).await;
    let mut sealed = raw.blobs("select blob from bodies").await;
    sealed.extend(raw.blobs("select response from attempts where response is not null").await);
    let keys = raw.blobs("select wrapped from data_keys where purpose = 10").await;
    raw.close().await;
    assert_eq!((sealed.len(), keys.len()), (600, 1));
    let before = store.size().await.unwrap();
    let purged = purge(&store, 95).await;
    assert_eq!((purged.bodies, purged.keys), (300, 1));
    store.give_back(&home.url).await.unwrap();
    assert_eq!(home.number("select count(*) from bodies").await, 0);
    assert_eq!(home.number("select count(*) from attempts where response is not null").await, 0);
    let StoreUrl::Sqlite(file) = &home.url else { return store.close().await.unwrap() };
    let after = store.size().await.unwrap();
    assert!(after.bytes < before.bytes && after.free == 0, "{before:?} {after:?}");
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let length = |path: &std::ffi::OsStr| std::fs::metadata(path).map_or(0, |file| file.len());
    assert_eq!(length(&log), 0, "the log was emptied");
    assert_eq!(length(file.as_os_str()), u64::try_from(after.bytes).unwrap());
    let bytes = std::fs::read(file).unwrap();
    let holds = |end: &[u8]| bytes.windows(end.len()).any(|window| window == end);
    assert!(!holds(&keys[0]) && !holds(&keys[0][12..44]), "the key is nowhere");
    // Where the database once moved rows to another page, unused parts of the old one may hold pieces: sealed with a key that is gone.
    // The end of a blob is its tag, which no other has.
    let pieces = sealed.iter().filter(|blob| holds(&blob[blob.len() - 24..])).count();
    assert!(pieces < sealed.len() / 10, "{pieces} of {}", sealed.len());
    store.close().await.unwrap();
}

async fn the_key_of_a_day_goes_with_the_last_that_it_opens(home: Home) {
    const DESTROYED: &str =
        "select count(*) from data_keys where destroyed_us < 9223372036854775807";
    let store = home.open().await;
    let (old, _) = delivered(&store, "C1").await;
    let (given_up, letter) = dead(&store, "DEAD").await;
    with_periods(&store, PERIODS).await;
    assert_eq!(purge(&store, 95).await.keys, 0, "it opens a dead letter");
    let kept = has_body(&store, given_up).await;
    assert!(kept);
    let discard = Act { now_us: now_us(), ..act("message.discard") };
    store.discard(&Scope::All, &discard, &[Letter::Delivery(letter)]).await.unwrap();
    let purged = purge(&store, 95).await;
    assert_eq!((purged.bodies, purged.keys), (1, 1));
    assert_eq!(last(&home).await["after"]["keys"], 1);
    assert_eq!(home.number(DESTROYED).await, 1);
    let mut raw = Raw::of(&home).await;
    let wrapped =
        raw.blobs("select wrapped from data_keys where destroyed_us < 9223372036854775807").await;
    raw.close().await;
    assert_eq!(wrapped, [vec![0; 60]]);
    // The control id has a key of its own, for as long as the row stays.
    store.close().await.unwrap();
    let store = home.open().await;
    let detail = store.message(&Scope::All, old).await.unwrap().unwrap();
    assert_eq!(detail.summary.control_id.unwrap().expose_phi(), "C1");
    // What comes now is sealed with a key that is there.
    let (new, _) = delivered(&store, "C2").await;
    assert!(has_body(&store, new).await);
    store.close().await.unwrap();
}

async fn nothing_leaves_while_a_hold_is_in_force(home: Home) {
    let store = home.open().await;
    let (message, _) = delivered(&store, "C1").await;
    with_periods(&store, PERIODS).await;
    for channel in [None, Some(name("adt"))] {
        let held = act("retention.hold");
        let hold = store.place_hold(&held, channel.as_ref(), "case 17").await.unwrap();
        let said = last(&home).await;
        assert_eq!(said["action"], "retention.hold");
        assert_eq!(said["target"]["id"], hold.to_string());
        assert_eq!(said["after"]["reason"], "case 17");
        assert_eq!(purge(&store, 91).await.standstill, Some(Standstill::LegalHold));
        assert!(has_body(&store, message).await);
        store.lift_hold(&act("retention.lift"), hold).await.unwrap();
        let again = store.lift_hold(&act("retention.lift"), hold).await;
        assert!(matches!(again, Err(StoreError::Refused(_))));
    }
    let holds = store.legal_holds().await.unwrap();
    assert_eq!(holds.len(), 2);
    assert!(holds.iter().all(|hold| hold.reason == "case 17" && hold.lifted.is_some()));
    assert_eq!(purge(&store, 91).await.bodies, 1);
    store.close().await.unwrap();
}

async fn rows_leave_after_their_digests_and_the_log_stays_whole(home: Home) {
    let store = home.open().await;
    for n in 0..5 {
        delivered(&store, &format!("C{n}")).await;
    }
    let (given_up, _) = dead(&store, "DEAD").await;
    with_periods(&store, PERIODS).await;
    let purged = purge(&store, 401).await;
    assert_eq!((purged.bodies, purged.messages), (5, 0), "the log has no digest of them");
    while store.digest_ledger(now_us() + HOUR_US).await.unwrap() {}
    let due = store.due(&name("adt"), PERIODS, in_days(401).now_us).await.unwrap();
    assert_eq!((due.messages, due.all), (5, 6));
    let purged = purge(&store, 401).await;
    assert_eq!((purged.messages, purged.keys), (5, 0));
    for table in ["messages", "deliveries", "attempts"] {
        assert_eq!(home.number(&format!("select count(*) from {table}")).await, 1, "{table}");
    }
    assert!(has_body(&store, given_up).await);
    let report = store.verify_audit().await.unwrap();
    assert!(report.is_whole(), "{report:?}");
    // Numbers go on, in this life and the next.
    store.close().await.unwrap();
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (letter, _) = (given_up, ());
    store
        .discard(
            &Scope::All,
            &act("message.discard"),
            &[Letter::Delivery(delivery_of(&store, letter).await)],
        )
        .await
        .unwrap();
    let purged = purge(&store, 401).await;
    assert_eq!((purged.bodies, purged.messages), (1, 1), "its row was waited for no longer");
    assert_eq!(home.number("select count(*) from messages").await, 0);
    store.close().await.unwrap();
    let store = home.open().await;
    let (next, _) = send(&store, &owned(&store).await.0, "C9", &[lab]).await;
    let next = store.message(&Scope::All, next).await.unwrap().unwrap();
    assert_eq!(next.summary.seq, 7, "no number is given twice");
    drop(lease);
    // What leaves without a record is still found out.
    while store.digest_ledger(now_us() + HOUR_US).await.unwrap() {}
    assert!(store.verify_audit().await.unwrap().is_whole());
    home.tamper("delete from messages where seq = 7").await;
    assert!(!store.verify_audit().await.unwrap().is_whole());
    store.close().await.unwrap();
}

async fn delivery_of(store: &Store, message: MessageId) -> DeliveryId {
    store.message(&Scope::All, message).await.unwrap().unwrap().deliveries[0].id
}

async fn the_bytes_of_a_replay_stay_as_long_as_the_replay(home: Home) {
    let store = home.open().await;
    let (old, of) = delivered(&store, "C1").await;
    with_periods(&store, PERIODS).await;
    let (lease, lab, _) = owned(&store).await;
    let id = MessageId::new();
    let to = vec![(DeliveryId::new(), lab, vec![])];
    let delivery = to[0].0;
    let replay = SentReplay { id, of, to, token: None, step: None };
    store
        .replay_as_sent(&Scope::All, &act("message.replay"), &lease, replay, Box::new(|_| {}))
        .await
        .unwrap();
    assert_eq!(purge(&store, 91).await.bodies, 0, "the replay is open and needs them");
    assert_eq!(store.queued(&lease, lab, None, 10).await.unwrap().len(), 1);
    store.settle(&lease, settle(id, delivery, Settled::Delivered)).await.unwrap();
    assert!(has_body(&store, old).await && has_body(&store, id).await);
    // The time of what was replayed counts from the replay, whose id has the time of the wall.
    assert_eq!(purge(&store, 300).await.bodies, 2, "both at once");
    assert!(!has_body(&store, old).await && !has_body(&store, id).await);
    assert_eq!(home.number("select count(*) from bodies").await, 0);
    store.close().await.unwrap();
}

async fn what_is_solved_stays_for_a_time_of_its_own(home: Home) {
    let store = home.open().await;
    let (message, letter) = dead(&store, "DEAD").await;
    let short = Periods { bodies_us: 2 * DAY_US, dead_us: 30 * DAY_US, ..PERIODS };
    with_periods(&store, short).await;
    assert_eq!(purge(&store, 200).await.bodies, 0, "nobody has looked at it");
    let discard = Act { now_us: now_us() + 200 * DAY_US, ..act("message.discard") };
    store.discard(&Scope::All, &discard, &[Letter::Delivery(letter)]).await.unwrap();
    assert_eq!(purge(&store, 229).await.bodies, 0);
    assert!(has_body(&store, message).await);
    assert_eq!(purge(&store, 231).await.bodies, 1);
    store.close().await.unwrap();
}

async fn a_purge_that_was_cut_off_is_taken_up_again(home: Home) {
    const ALL: i64 = 700;
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    for n in 0..ALL {
        let (message, open) = send(&store, &lease, &format!("C{n}"), &[lab]).await;
        store.settle(&lease, settle(message, open[0], Settled::Delivered)).await.unwrap();
    }
    with_periods(&store, PERIODS).await;
    let order = in_days(91);
    let adt = name("adt");
    let mut cut = Box::pin(store.purge(&order, &adt));
    // The first transaction is on disk, and there are more to come.
    loop {
        let step = tokio::time::timeout(Duration::from_millis(1), &mut cut).await;
        assert!(step.is_err(), "it was not cut off");
        if home.number("select coalesce(max(bodies_gone), 0) from retention").await > 0 {
            break;
        }
    }
    drop(cut);
    drop(store);
    let store = home.opened().await.store;
    let gone = store.retained().await.unwrap()[0].bodies_gone;
    assert!(gone > 0 && gone < ALL, "{gone}");
    assert_eq!(home.number("select count(*) from bodies").await, ALL - gone);
    let rest = store.purge(&in_days(91), &name("adt")).await.unwrap();
    assert_eq!(rest.bodies, ALL - gone);
    assert_eq!(store.retained().await.unwrap()[0].bodies_gone, ALL);
    assert_eq!(last(&home).await["after"]["bodies_gone"], ALL);
    assert_eq!(home.number("select count(*) from bodies").await, 0);
    store.close().await.unwrap();
}

async fn the_oldest_leave_when_there_are_too_many(home: Home) {
    let store = home.open().await;
    let mut sent = Vec::new();
    for n in 0..10 {
        sent.push(delivered(&store, &format!("C{n}")).await.0);
    }
    let (given_up, _) = dead(&store, "DEAD").await;
    let each = home.number("select max(bytes) from messages").await;
    let capped = Periods { bodies_max: Some(each * 4), ..PERIODS };
    with_periods(&store, capped).await;
    let due = store.due(&name("adt"), capped, in_days(1).now_us).await.unwrap();
    let purged = purge(&store, 1).await;
    assert_eq!(purged.bodies, due.bodies);
    assert!((6..=8).contains(&purged.bodies), "{purged:?}");
    assert!(!has_body(&store, sent[0]).await && has_body(&store, sent[9]).await);
    assert!(has_body(&store, given_up).await);
    assert_eq!(purge(&store, 1).await, Purged::default());
    store.close().await.unwrap();
}

async fn what_came_while_a_clock_was_wrong_stays_readable(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (usual, _) = send(&store, &lease, "BEFORE", &[lab]).await;
    // For a moment it was half a year earlier.
    let mut early = receipt("EARLY");
    early.received_us -= 180 * DAY_US;
    let (decision, open) = routed(&store, &lease, &[lab]);
    early.decision = Some(decision);
    let id = early.id;
    put(&store, &lease, early).await.unwrap();
    let (late, _) = delivered(&store, "AFTER").await;
    with_periods(&store, PERIODS).await;
    assert_eq!(purge(&store, 1).await.keys, 0, "the key of that day opens what is there");
    for message in [usual, id, late] {
        assert!(has_body(&store, message).await);
    }
    assert_eq!(store.queued(&lease, lab, None, 10).await.unwrap().len(), 2);
    let (lease, _, _) = owned(&store).await;
    store.settle(&lease, settle(id, open[0], Settled::Delivered)).await.unwrap();
    let purged = purge(&store, 95).await;
    assert_eq!((purged.bodies, purged.keys), (2, 1), "its key with it; the other opens what waits");
    assert!(has_body(&store, usual).await);
    store.close().await.unwrap();
}

async fn periods_are_changed_with_a_record(home: Home) {
    let store = home.open().await;
    delivered(&store, "C1").await;
    assert_eq!(store.retained().await.unwrap()[0].periods, None);
    let before = records(&home).await;
    with_periods(&store, PERIODS).await;
    recorded(&home, before, "retention.set", ("retention", None)).await;
    assert_eq!(last(&home).await["before"], serde_json::Value::Null);
    let longer = Periods { bodies_us: 91 * DAY_US, ..PERIODS };
    with_periods(&store, longer).await;
    let said = last(&home).await;
    assert_eq!(said["before"]["bodies_us"], PERIODS.bodies_us);
    assert_eq!(said["after"]["bodies_us"], longer.bodies_us);
    assert_eq!(store.retained().await.unwrap()[0].periods, Some(longer));
    for (one, other, shorter) in [
        (PERIODS, PERIODS, false),
        (PERIODS, longer, true),
        (longer, PERIODS, false),
        (Periods { bodies_max: Some(1), ..longer }, longer, true),
        (longer, Periods { bodies_max: Some(1), ..longer }, false),
        (Periods { dead_us: 1, ..PERIODS }, PERIODS, true),
        (Periods { messages_us: 1, ..PERIODS }, PERIODS, true),
    ] {
        assert_eq!(one.is_shorter_than(&other), shorter, "{one:?} {other:?}");
    }
    store.close().await.unwrap();
}
