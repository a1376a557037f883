//! Messages are found by the numbers in them, and the numbers stand nowhere.

use phi::Phi;
use store::{Lease, MessageId, Periods, Scope, SearchField, Store, Unindexed, Values};

use crate::home::{DAY_US, HOUR_US, Home, name, now_us, owned, put, receipt, send, settle};
use crate::on_both;
use crate::people::act;
use crate::raw::Raw;

on_both!(
    a_number_is_found_in_the_channels_of_a_scope,
    the_index_goes_on_where_it_was,
    what_a_message_is_found_by_leaves_with_it,
);

/// As an engine does it: the number of a patient is what stands behind `CANARY^`.
fn values(message: Unindexed, mrn: &str) -> Values {
    let Unindexed { seq, received_us, .. } = message;
    Values { seq, received_us, values: vec![(SearchField::Mrn, Phi::new(mrn.to_owned()))] }
}

/// Takes up what is not in the index; messages have the numbers `mrns`, in turn.
async fn index(store: &Store, lease: &Lease, mrns: &[&str]) -> usize {
    let next = store.unindexed(lease).await.unwrap();
    assert!(next.iter().all(|message| message.body.is_some()));
    let count = next.len();
    let found =
        next.into_iter().zip(mrns.iter().cycle()).map(|(message, mrn)| values(message, mrn));
    store.index(lease, found.collect()).await.unwrap();
    count
}

async fn found(store: &Store, scope: &Scope, value: &str) -> Vec<MessageId> {
    let times = (0, now_us() + DAY_US);
    let found = store.find(scope, (SearchField::Mrn, value), times, 100).await.unwrap();
    found.rows.iter().map(|row| row.id).collect()
}

async fn a_number_is_found_in_the_channels_of_a_scope(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let other = store.own(&name("oru"), &[]).await.unwrap();
    let mut sent = Vec::new();
    for n in 0..6 {
        sent.push(send(&store, &lease, &format!("C{n}"), &[lab]).await.0);
    }
    let elsewhere = receipt("E1");
    let there = elsewhere.id;
    put(&store, &other, elsewhere).await.unwrap();
    assert_eq!(index(&store, &lease, &["MRN-1", "mrn-2 "]).await, 6);
    assert_eq!(index(&store, &other, &["MRN-1"]).await, 1);
    let adt = Scope::Channels([name("adt")].into());
    assert_eq!(found(&store, &adt, "mrn-1").await, [sent[4], sent[2], sent[0]]);
    assert_eq!(found(&store, &adt, " MRN-2").await, [sent[5], sent[3], sent[1]]);
    assert_eq!(found(&store, &Scope::All, "MRN-1").await, [there, sent[4], sent[2], sent[0]]);
    assert_eq!(found(&store, &Scope::Channels([].into()), "MRN-1").await, []);
    assert_eq!(found(&store, &adt, "MRN-3").await, []);
    // Another kind of number is another number.
    let times = (0, now_us() + DAY_US);
    let visit = store.find(&adt, (SearchField::Visit, "MRN-1"), times, 100).await.unwrap();
    assert!(visit.rows.is_empty() && visit.behind == 0);
    let one = store.find(&adt, (SearchField::Mrn, "MRN-1"), times, 1).await.unwrap();
    assert!(one.more && one.rows[0].id == sent[4]);
    let past = (0, now_us() - DAY_US);
    let none = store.find(&adt, (SearchField::Mrn, "MRN-1"), past, 100).await.unwrap();
    assert!(none.rows.is_empty());
    let mut raw = Raw::of(&home).await;
    let tokens = raw.blobs("select token from search_tokens").await;
    raw.close().await;
    assert!(tokens.iter().all(|token| token.len() == 16 && !token.windows(3).any(|w| w == b"MRN")));
    store.close().await.unwrap();
}

async fn the_index_goes_on_where_it_was(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    for n in 0..250 {
        send(&store, &lease, &format!("C{n}"), &[lab]).await;
    }
    assert_eq!(index(&store, &lease, &["A"]).await, 200, "a slice");
    let behind = store.find(&Scope::All, (SearchField::Mrn, "A"), (0, now_us()), 1).await.unwrap();
    assert_eq!(behind.behind, 50);
    store.close().await.unwrap();
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    assert_eq!(index(&store, &lease, &["A"]).await, 50);
    assert_eq!(index(&store, &lease, &["A"]).await, 0);
    let times = (0, now_us() + DAY_US);
    let all = store.find(&Scope::All, (SearchField::Mrn, "A"), times, 1_000).await.unwrap();
    assert_eq!((all.rows.len(), all.behind), (250, 0));
    store.close().await.unwrap();
}

async fn what_a_message_is_found_by_leaves_with_it(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    for n in 0..10 {
        let (message, open) = send(&store, &lease, &format!("C{n}"), &[lab]).await;
        store.settle(&lease, settle(message, open[0], store::Settled::Delivered)).await.unwrap();
    }
    index(&store, &lease, &["A", "B"]).await;
    let periods = Periods {
        bodies_us: 10 * DAY_US,
        dead_us: 10 * DAY_US,
        messages_us: 20 * DAY_US,
        bodies_max: None,
    };
    store.set_periods(&act("retention.set"), &name("adt"), periods).await.unwrap();
    while store.digest_ledger(now_us() + HOUR_US).await.unwrap() {}
    let purge = async |days| {
        let order = store::Act { now_us: now_us() + days * DAY_US, ..act("retention.purge") };
        store.purge(&order, &name("adt")).await.unwrap()
    };
    assert_eq!(purge(15).await.bodies, 10);
    assert_eq!(found(&store, &Scope::All, "A").await.len(), 5, "the messages are still there");
    assert_eq!(purge(25).await.messages, 10);
    assert_eq!(home.number("select count(*) from search_tokens").await, 0);
    assert_eq!(found(&store, &Scope::All, "A").await, []);
    store.close().await.unwrap();
}
