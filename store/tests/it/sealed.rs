use crate::home::{Home, body, name, owned, put, receipt, send, settle};
use crate::on_both;
use crate::raw::{Raw, id};
use store::{BodyOf, DeliveryState, Disposition, Lease, Scope, Settled, Store, StoreError};

on_both!(
    every_changed_byte_of_a_body_is_found_and_the_rest_goes_on,
    a_body_that_is_gone_is_found_too,
    swapped_bodies_do_not_open,
    a_seal_is_for_one_column_and_one_channel,
    an_undecided_message_that_does_not_open_is_set_aside,
);

async fn blob(home: &Home, of: store::MessageId) -> Vec<u8> {
    let mut raw = Raw::of(home).await;
    let found = raw.blobs(&format!("select blob from bodies where id = {}", id(home, of))).await;
    raw.close().await;
    found.into_iter().next().unwrap()
}

async fn set_blob(home: &Home, of: store::MessageId, bytes: Vec<u8>) {
    let mut raw = Raw::of(home).await;
    raw.put(&format!("update bodies set blob = $1 where id = {}", id(home, of)), bytes).await;
    raw.close().await;
}

async fn unreadable(store: &Store, message: store::MessageId) {
    let body = store.body(&Scope::All, BodyOf::Message(message)).await;
    assert!(matches!(body.err(), Some(StoreError::Unreadable(_))));
}

async fn is_buried(store: &Store, message: store::MessageId) {
    let detail = store.message(&Scope::All, message).await.unwrap().unwrap();
    assert_eq!(detail.deliveries[0].state, DeliveryState::Dead);
    assert_eq!(detail.deliveries[0].reason.as_ref().unwrap().code, "unreadable");
    assert_eq!(detail.summary.disposition, Disposition::Failed);
}

/// Three messages for the lab, read back.
async fn three(store: &Store, lease: &Lease) -> [store::MessageId; 3] {
    let lab = lease.destination(&name("lab")).unwrap();
    let mut sent = Vec::new();
    for control_id in ["C1", "C2", "C3"] {
        sent.push(send(store, lease, control_id, &[lab]).await.0);
    }
    sent.try_into().unwrap()
}

async fn every_changed_byte_of_a_body_is_found_and_the_rest_goes_on(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (first, _) = send(&store, &lease, "C0", &[lab]).await;
    let length = blob(&home, first).await.len();
    assert!(length > 40, "header, text and tag");
    let mut sent = Vec::new();
    for n in 0..length {
        sent.push(send(&store, &lease, &format!("C{n:03}"), &[lab]).await.0);
    }
    let mut raw = Raw::of(&home).await;
    for (n, message) in sent.iter().enumerate() {
        let at = id(&home, message);
        let mut bytes =
            raw.blobs(&format!("select blob from bodies where id = {at}")).await.remove(0);
        let n = n.min(bytes.len() - 1);
        bytes[n] ^= 1;
        raw.put(&format!("update bodies set blob = $1 where id = {at}"), bytes).await;
    }
    raw.close().await;
    let queued = store.queued(&lease, lab, None, 1_000).await.unwrap();
    assert_eq!(queued.iter().map(|d| d.message).collect::<Vec<_>>(), [first]);
    for message in &sent {
        is_buried(&store, *message).await;
        unreadable(&store, *message).await;
    }
    let groups = store.dead_letters(&Scope::All).await.unwrap();
    let all: i64 = groups.iter().map(|group| group.count).sum();
    assert_eq!((groups[0].key.code.as_str(), all), ("unreadable", i64::try_from(length).unwrap()));
    store.settle(&lease, settle(first, queued[0].id, Settled::Delivered)).await.unwrap();
    send(&store, &lease, "D1", &[lab]).await;
    assert_eq!(store.queued(&lease, lab, None, 10).await.unwrap()[0].body, body("D1"));
    store.close().await.unwrap();
}

async fn a_body_that_is_gone_is_found_too(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let [first, second, third] = three(&store, &lease).await;
    home.tamper(&format!("delete from bodies where id = {}", id(&home, second))).await;
    let queued = store.queued(&lease, lab, None, 10).await.unwrap();
    assert_eq!(queued.iter().map(|d| d.message).collect::<Vec<_>>(), [first, third]);
    is_buried(&store, second).await;
    store.close().await.unwrap();
}

async fn swapped_bodies_do_not_open(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let [first, second, third] = three(&store, &lease).await;
    let (one, two) = (blob(&home, first).await, blob(&home, second).await);
    set_blob(&home, first, two).await;
    set_blob(&home, second, one).await;
    unreadable(&store, first).await;
    unreadable(&store, second).await;
    let queued = store.queued(&lease, lab, None, 10).await.unwrap();
    assert_eq!(queued.iter().map(|d| d.message).collect::<Vec<_>>(), [third]);
    is_buried(&store, first).await;
    is_buried(&store, second).await;
    store.close().await.unwrap();
}

async fn a_seal_is_for_one_column_and_one_channel(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let oru = store.own(&name("oru"), &[name("lab")]).await.unwrap();
    let [first, second, third] = three(&store, &lease).await;
    let (other, _) = send(&store, &oru, "C9", &[oru.destination(&name("lab")).unwrap()]).await;
    home.tamper(&format!("update messages set error = control_id where id = {}", id(&home, first)))
        .await;
    let detail = store.message(&Scope::All, first).await.unwrap().unwrap();
    assert!(matches!(detail.error, Err(StoreError::Unreadable(_))), "another column");
    home.tamper(&format!("delete from bodies where id = {}", id(&home, other))).await;
    home.tamper(&format!(
        "update bodies set id = {} where id = {}",
        id(&home, other),
        id(&home, second)
    ))
    .await;
    unreadable(&store, other).await;
    let moved =
        "update messages set channel = (select id from channels where name = 'oru'), seq = 99";
    home.tamper(&format!("{moved} where id = {}", id(&home, third))).await;
    unreadable(&store, third).await;
    assert_eq!(store.queued(&lease, lab, None, 1).await.unwrap()[0].message, first);
    store.close().await.unwrap();
}

async fn an_undecided_message_that_does_not_open_is_set_aside(home: Home) {
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    let (first, second) = (receipt("C1"), receipt("C2"));
    let (damaged, whole) = (first.id, second.id);
    put(&store, &lease, first).await.unwrap();
    put(&store, &lease, second).await.unwrap();
    let mut bytes = blob(&home, damaged).await;
    *bytes.last_mut().unwrap() ^= 0x80;
    set_blob(&home, damaged, bytes).await;
    let undecided = store.undecided(&lease, 10).await.unwrap();
    assert_eq!(undecided.iter().map(|u| u.id).collect::<Vec<_>>(), [whole]);
    let detail = store.message(&Scope::All, damaged).await.unwrap().unwrap().summary;
    assert_eq!(detail.disposition, Disposition::Failed);
    assert_eq!(detail.reason.unwrap().code, "unreadable");
    let quarantined = home.number("select coalesce(sum(n), 0) from counters where what = 27").await;
    assert_eq!(quarantined, 1, "counted as set aside");
    let dead = store.dead_letters(&Scope::All).await.unwrap();
    assert_eq!(dead[0].sample, store::Letter::Message(damaged));
    store.close().await.unwrap();
}
