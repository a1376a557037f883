use crate::home::{Home, body, name, owned, put, receipt, send, settle};
use crate::people::{act, recorded, records};
use crate::{on_both, raw};
use store::{DeliveryState, Disposition, Letter, NewRevision, Scope, Settled, Store, StoreError};

on_both!(
    a_destination_is_held_and_resumed,
    single_deliveries_are_held_and_released,
    discarding_ends_what_is_open_or_dead,
    only_one_of_two_discards_counts,
    a_settle_after_a_discard_changes_nothing,
    applied_revisions_are_kept,
    a_first_revision_that_fails_leaves_no_channel,
    a_retired_channel_has_no_revision_until_it_is_applied_again,
    extending_keeps_the_lease_and_strands_what_is_removed,
    a_record_alone_is_written,
);

pub async fn state(home: &Home, delivery: store::DeliveryId) -> i64 {
    home.number(&format!("select state from deliveries where id = {}", raw::id(home, delivery)))
        .await
}

pub async fn disposition(store: &Store, message: store::MessageId) -> Disposition {
    store.message(&Scope::All, message).await.unwrap().unwrap().summary.disposition
}

async fn held_us(store: &Store, destination: &str) -> Option<i64> {
    let status = store.status(&Scope::All, 0).await.unwrap();
    let found = status[0].destinations.iter().find(|d| d.destination == name(destination));
    found.unwrap().held_us
}

async fn a_destination_is_held_and_resumed(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (_, deliveries) = send(&store, &lease, "C1", &[lab]).await;
    let (adt, to_lab) = (name("adt"), name("lab"));
    let before = records(&home).await;
    let hold = act("connection.control");
    store.hold(&Scope::All, &hold, &adt, &to_lab).await.unwrap();
    recorded(&home, before, "connection.control", ("destination", Some("lab"))).await;
    assert_eq!(held_us(&store, "lab").await, Some(hold.now_us));
    assert_eq!(held_us(&store, "ward").await, None);
    assert_eq!(state(&home, deliveries[0]).await, 10, "its deliveries stay queued");
    store.hold(&Scope::All, &act("connection.control"), &adt, &to_lab).await.unwrap();
    assert_eq!(held_us(&store, "lab").await, Some(hold.now_us), "held since the first time");
    recorded(&home, before + 1, "connection.control", ("destination", Some("lab"))).await;
    store.resume(&Scope::All, &act("connection.control"), &adt, &to_lab).await.unwrap();
    recorded(&home, before + 2, "connection.control", ("destination", Some("lab"))).await;
    assert_eq!(held_us(&store, "lab").await, None);
    let nowhere = store.hold(&Scope::All, &act("connection.control"), &adt, &name("nowhere")).await;
    assert_eq!(nowhere, Err(StoreError::NotFound("destination")));
    assert_eq!(records(&home).await, before + 3, "what was not done is not recorded as done");
    store.close().await.unwrap();
}

async fn single_deliveries_are_held_and_released(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (message, open) = send(&store, &lease, "C1", &[lab, ward]).await;
    store.settle(&lease, settle(message, open[1], Settled::Delivered)).await.unwrap();
    let before = records(&home).await;
    let moved = store
        .hold_deliveries(&Scope::All, &act("connection.control"), &open, "uncertain")
        .await
        .unwrap();
    assert_eq!((moved.done, moved.refused), (vec![open[0]], vec![open[1]]));
    let id = open[0].to_string();
    recorded(&home, before, "connection.control", ("delivery", Some(&id))).await;
    let queued = store.queued(&lease, lab, None, 10).await.unwrap();
    assert_eq!(queued[0].state, DeliveryState::Held);
    let detail = store.message(&Scope::All, message).await.unwrap().unwrap();
    assert_eq!(detail.deliveries[0].reason.as_ref().unwrap().code, "uncertain");
    let moved = store.release(&Scope::All, &act("connection.control"), &open).await.unwrap();
    assert_eq!((moved.done, moved.refused), (vec![open[0]], vec![open[1]]));
    recorded(&home, before + 1, "connection.control", ("delivery", Some(&id))).await;
    let queued = store.queued(&lease, lab, None, 10).await.unwrap();
    assert_eq!((queued[0].state, queued[0].seq), (DeliveryState::Queued, 1));
    let wait = Settled::Waiting { until_us: i64::MAX };
    store.settle(&lease, settle(message, open[0], wait)).await.unwrap();
    store.release(&Scope::All, &act("connection.control"), &open[..1]).await.unwrap();
    assert_eq!(state(&home, open[0]).await, 10, "what waits for its time is tried at once");
    store.close().await.unwrap();
}

async fn discarding_ends_what_is_open_or_dead(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (message, deliveries) = send(&store, &lease, "C1", &[lab, ward]).await;
    store.settle(&lease, settle(message, deliveries[0], Settled::Delivered)).await.unwrap();
    let letters: Vec<_> = deliveries.iter().map(|id| Letter::Delivery(*id)).collect();
    let before = records(&home).await;
    let discarded = store.discard(&Scope::All, &act("message.discard"), &letters).await.unwrap();
    assert_eq!((discarded.done, discarded.refused), (vec![letters[1]], vec![letters[0]]));
    let id = deliveries[1].to_string();
    recorded(&home, before, "message.discard", ("letter", Some(&id))).await;
    assert_eq!(disposition(&store, message).await, Disposition::PartlyDelivered);

    let (dead, deliveries) = send(&store, &lease, "C2", &[lab]).await;
    store.settle(&lease, settle(dead, deliveries[0], Settled::Dead { code: "AR" })).await.unwrap();
    assert_eq!(disposition(&store, dead).await, Disposition::Failed);
    let letter = [Letter::Delivery(deliveries[0])];
    store.discard(&Scope::All, &act("message.discard"), &letter).await.unwrap();
    assert_eq!(disposition(&store, dead).await, Disposition::Discarded);
    let again = store.discard(&Scope::All, &act("message.discard"), &letter).await.unwrap();
    assert_eq!((again.done.len(), again.refused.as_slice()), (0, &letter[..]));

    let mut failed = receipt("C3");
    let mut decision = crate::home::decision(Disposition::Failed, vec![]);
    decision.reason = Some(store::Reason { code: "R0110".to_owned(), step: Some(2) });
    failed.decision = Some(decision);
    let id = failed.id;
    put(&store, &lease, failed).await.unwrap();
    let letter = [Letter::Message(id)];
    let done = store.discard(&Scope::All, &act("message.discard"), &letter).await.unwrap();
    assert_eq!(done.done, letter);
    assert_eq!(disposition(&store, id).await, Disposition::Discarded);
    assert!(store.dead_letters(&Scope::All).await.unwrap().is_empty());

    let sum = |what| format!("select coalesce(sum(n), 0) from counters where what = {what}");
    assert_eq!(home.number(&sum(44)).await, 2, "deliveries discarded");
    assert_eq!(home.number(&sum(43)).await, 0, "none is dead any more");
    assert_eq!(home.number(&sum(25)).await, 0, "no message is failed any more");
    assert_eq!(home.number(&sum(26)).await, 2, "two messages are discarded");
    store.close().await.unwrap();
}

async fn only_one_of_two_discards_counts(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (_, deliveries) = send(&store, &lease, "C1", &[lab]).await;
    let letter = [Letter::Delivery(deliveries[0])];
    let (one, two) = (act("message.discard"), act("message.discard"));
    let (one, two) = tokio::join!(
        store.discard(&Scope::All, &one, &letter),
        store.discard(&Scope::All, &two, &letter)
    );
    assert_eq!(one.unwrap().done.len() + two.unwrap().done.len(), 1);
    assert_eq!(home.number("select sum(n) from counters where what = 44").await, 1);
    store.close().await.unwrap();
}

async fn a_settle_after_a_discard_changes_nothing(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (message, deliveries) = send(&store, &lease, "C1", &[lab]).await;
    let letter = [Letter::Delivery(deliveries[0])];
    store.discard(&Scope::All, &act("message.discard"), &letter).await.unwrap();
    store.settle(&lease, settle(message, deliveries[0], Settled::Delivered)).await.unwrap();
    assert_eq!(state(&home, deliveries[0]).await, 22);
    assert_eq!(disposition(&store, message).await, Disposition::Discarded);
    store.close().await.unwrap();
}

fn revision(text: &str) -> NewRevision {
    NewRevision {
        text: text.to_owned(),
        files: vec![("sex".to_owned(), "from,to\n1,M\n".to_owned())],
    }
}

async fn applied_revisions_are_kept(home: Home) {
    let store = home.open().await;
    let adt = name("adt");
    let before = records(&home).await;
    let first =
        store.apply(&Scope::All, &act("channel.apply"), &adt, revision("one")).await.unwrap();
    recorded(&home, before, "channel.apply", ("channel", Some("adt"))).await;
    let second =
        store.apply(&Scope::All, &act("channel.apply"), &adt, revision("two")).await.unwrap();
    recorded(&home, before + 1, "channel.apply", ("channel", Some("adt"))).await;
    assert!(second > first);
    let all = store.revisions(&Scope::All, &adt, None, 10).await.unwrap();
    assert_eq!(all.iter().map(|r| r.id).collect::<Vec<_>>(), [second, first]);
    assert_eq!(all[0].hash, revision("two").hash());
    assert_ne!(all[0].hash, all[1].hash);
    assert_eq!(all[0].author, "user:ada");
    assert_eq!(all[0].reason.as_deref(), Some("the ward asked"));
    assert_eq!(all[0].engine_version, "0.0.0");
    let older = store.revisions(&Scope::All, &adt, Some(second), 10).await.unwrap();
    assert_eq!(older.iter().map(|r| r.id).collect::<Vec<_>>(), [first]);
    let applied = store.applied(&adt).await.unwrap().unwrap();
    assert_eq!((applied.summary.id, applied.text.as_str()), (second, "two"));
    assert_eq!(applied.files, "{\"sex\":\"from,to\\n1,M\\n\"}");
    let old = store.revision(&Scope::All, first).await.unwrap().unwrap();
    assert_eq!(old.text, "one");
    assert_eq!(store.status(&Scope::All, 0).await.unwrap()[0].revision, Some(second));
    store.close().await.unwrap();
}

async fn a_first_revision_that_fails_leaves_no_channel(home: Home) {
    let store = home.open().await;
    let mut raw = crate::raw::Raw::of(&home).await;
    assert!(raw.allows("alter table revisions rename to elsewhere").await);
    let revision = NewRevision { text: "[source]".to_owned(), files: Vec::new() };
    store.apply(&Scope::All, &act("channel.apply"), &name("new"), revision).await.unwrap_err();
    assert_eq!(home.number("select count(*) from channels").await, 0, "the next start makes it");
    store.close().await.ok();
}

async fn a_retired_channel_has_no_revision_until_it_is_applied_again(home: Home) {
    let store = home.open().await;
    let adt = name("adt");
    let gone = store.retire(&Scope::All, &act("channel.apply"), &adt).await;
    assert_eq!(gone, Err(StoreError::NotFound("channel")));
    store.apply(&Scope::All, &act("channel.apply"), &adt, revision("one")).await.unwrap();
    let before = records(&home).await;
    store.retire(&Scope::All, &act("channel.remove"), &adt).await.unwrap();
    recorded(&home, before, "channel.remove", ("channel", Some("adt"))).await;
    assert!(store.applied(&adt).await.unwrap().is_none());
    assert_eq!(store.revisions(&Scope::All, &adt, None, 10).await.unwrap().len(), 1);
    store.apply(&Scope::All, &act("channel.apply"), &adt, revision("one")).await.unwrap();
    assert_eq!(store.applied(&adt).await.unwrap().unwrap().text, "one");
    store.close().await.unwrap();
}

async fn extending_keeps_the_lease_and_strands_what_is_removed(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (message, deliveries) = send(&store, &lease, "C1", &[lab, ward]).await;
    let wider = store.extend(&lease, &[name("lab"), name("icu")]).await.unwrap();
    assert_eq!(wider.destination(&name("lab")), Some(lab));
    assert_eq!(wider.destination(&name("ward")), None);
    let icu = wider.destination(&name("icu")).unwrap();
    send(&store, &lease, "C2", &[lab]).await;
    send(&store, &wider, "C3", &[icu]).await;
    assert_eq!(state(&home, deliveries[0]).await, 10);
    let stranded = &store.message(&Scope::All, message).await.unwrap().unwrap().deliveries[1];
    assert_eq!(stranded.state, DeliveryState::Held);
    assert_eq!(stranded.reason.as_ref().unwrap().code, "destination-removed");
    let status = store.status(&Scope::All, 0).await.unwrap();
    let ward_row = status[0].destinations.iter().find(|d| d.id == ward).unwrap();
    assert!(ward_row.removed_us.is_some() && ward_row.held == 1);
    let back = store.extend(&wider, &[name("lab"), name("ward")]).await.unwrap();
    assert_eq!(back.destination(&name("ward")), Some(ward), "a name keeps its row");
    let queued = store.queued(&back, ward, None, 10).await.unwrap();
    assert_eq!(queued[0].state, DeliveryState::Held, "a person decides on what was stranded");
    assert_eq!(queued[0].body, body("C1"));
    store.close().await.unwrap();
}

async fn a_record_alone_is_written(home: Home) {
    let store = home.open().await;
    let before = records(&home).await;
    let target = store::Target {
        kind: "message",
        id: Some("m1".to_owned()),
        channel: Some("adt".to_owned()),
    };
    let read = act("message.body");
    store.record(&read, target.clone(), store::ActOutcome::Success, None).await.unwrap();
    recorded(&home, before, "message.body", ("message", Some("m1"))).await;
    let code = Some("no-permission".to_owned());
    store.record(&read, target, store::ActOutcome::Denied, code).await.unwrap();
    let record = crate::people::last(&home).await;
    assert_eq!((&record["outcome"], &record["code"]), (&"denied".into(), &"no-permission".into()));
    store.close().await.unwrap();
}
