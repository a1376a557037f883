use crate::home::{DAY_US, Home, Told, body, decision, owned, put, receipt, routed, send};
use crate::on_both;
use bytes::Bytes;
use store::{Disposition, Received, StoreError};

on_both!(
    receipts_are_numbered_in_the_order_of_calls,
    a_repeat_is_answered_from_what_is_stored,
    repeats_in_one_group_are_found,
    a_repeat_that_comes_with_its_original_is_found,
    the_same_id_with_another_body_is_new,
    a_repeat_after_the_window_is_new,
    without_dedupe_nothing_is_looked_up,
    an_older_lease_is_fenced,
    what_is_undecided_is_read_back_and_decided,
    messages_survive_a_crash,
);

async fn receipts_are_numbered_in_the_order_of_calls(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let told = Told::default();
    let waiting: Vec<_> = (0..100)
        .map(|n| {
            let mut receipt = receipt(&format!("C{n}"));
            receipt.decision = Some(routed(&store, &lease, &[lab]).0);
            store.receive(&lease, receipt, told.callback())
        })
        .collect();
    let mut seqs = Vec::new();
    for future in waiting {
        match future.await.unwrap() {
            Received::New { seq, same_id_other_body: false } => seqs.push(seq),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seqs, (1..=100).collect::<Vec<_>>());
    assert_eq!(told.seqs(), seqs);
    let queued = store.queued(&lease, lab, None, 1_000).await.unwrap();
    assert_eq!(queued.iter().map(|delivery| delivery.seq).collect::<Vec<_>>(), seqs);
    assert_eq!(queued[41].body, body("C41"));
    let after = store.queued(&lease, lab, Some((97, 1)), 1_000).await.unwrap();
    assert_eq!(after.iter().map(|delivery| delivery.seq).collect::<Vec<_>>(), [98, 99, 100]);
    store.close().await.unwrap();
}

async fn a_repeat_is_answered_from_what_is_stored(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (first, _) = send(&store, &lease, "C1", &[lab]).await;
    let told = Told::default();
    let mut again = receipt("C1");
    again.ack_code = "AE";
    let received = store.receive(&lease, again, told.callback()).await.unwrap();
    let expected = Received::Duplicate {
        of: first,
        ack_code: "AA".to_owned(),
        disposition: Disposition::Received,
    };
    assert_eq!(received, expected);
    assert!(told.seqs().is_empty());
    assert_eq!(home.number("select count(*) from messages").await, 1);
    assert_eq!(home.number("select n from counters where what = 14").await, 1);
    assert_eq!(home.number("select n from counters where what = 10").await, 1);
    assert!(matches!(put(&store, &lease, receipt("C2")).await, Ok(Received::New { seq: 2, .. })));
    store.close().await.unwrap();
}

async fn repeats_in_one_group_are_found(home: Home) {
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    send(&store, &lease, "OLD", &[]).await;
    let ids = ["A", "B", "A", "OLD", "C", "B", "A"];
    let told = Told::default();
    let waiting: Vec<_> =
        ids.iter().map(|id| store.receive(&lease, receipt(id), told.callback())).collect();
    let mut new = Vec::new();
    for (id, future) in ids.iter().zip(waiting) {
        match future.await.unwrap() {
            Received::New { seq, .. } => new.push((*id, seq)),
            Received::Duplicate { .. } => {}
        }
    }
    assert_eq!(new, [("A", 2), ("B", 3), ("C", 4)]);
    assert_eq!(told.seqs(), [2, 3, 4]);
    assert_eq!(home.number("select sum(n) from counters where what = 14").await, 4);
    store.close().await.unwrap();
}

/// Whether or not the two of them are written in one group: none of them is stored before.
async fn a_repeat_that_comes_with_its_original_is_found(home: Home) {
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    for round in 0..30 {
        let id = format!("R{round}");
        let told = Told::default();
        let both = [&id, &id].map(|id| store.receive(&lease, receipt(id), told.callback()));
        let [one, other] = both;
        assert!(matches!(one.await.unwrap(), Received::New { .. }), "{id}");
        assert!(matches!(other.await.unwrap(), Received::Duplicate { .. }), "{id}");
        assert_eq!(told.seqs().len(), 1);
    }
    assert_eq!(home.number("select count(*) from messages").await, 30);
    store.close().await.unwrap();
}

async fn the_same_id_with_another_body_is_new(home: Home) {
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    send(&store, &lease, "C1", &[]).await;
    let mut other = receipt("C1");
    other.body = Bytes::from_static(b"MSH|^~\\&|HIS|WARD|||2026||ADT^A08|C1|P|2.5\r");
    let again = other.body.clone();
    assert_eq!(
        put(&store, &lease, other).await,
        Ok(Received::New { seq: 2, same_id_other_body: true })
    );
    // The latest body is the one that a repeat is compared with.
    let mut repeat = receipt("C1");
    repeat.body = again;
    assert!(matches!(put(&store, &lease, repeat).await, Ok(Received::Duplicate { .. })));
    assert_eq!(home.number("select sum(n) from counters where what = 15").await, 1);
    store.close().await.unwrap();
}

async fn a_repeat_after_the_window_is_new(home: Home) {
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    send(&store, &lease, "C1", &[]).await;
    let mut late = receipt("C1");
    late.received_us += 8 * DAY_US;
    assert_eq!(
        put(&store, &lease, late).await,
        Ok(Received::New { seq: 2, same_id_other_body: false })
    );
    store.close().await.unwrap();
}

async fn without_dedupe_nothing_is_looked_up(home: Home) {
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    for seq in 1..=2 {
        let mut receipt = receipt("C1");
        receipt.dedupe = false;
        assert_eq!(
            put(&store, &lease, receipt).await,
            Ok(Received::New { seq, same_id_other_body: false })
        );
    }
    store.close().await.unwrap();
}

async fn an_older_lease_is_fenced(home: Home) {
    let store = home.open().await;
    let (old, lab, _) = owned(&store).await;
    let (message, deliveries) = send(&store, &old, "C1", &[lab]).await;
    let (new, _, _) = owned(&store).await;
    assert_eq!(put(&store, &old, receipt("C2")).await, Err(StoreError::Fenced));
    let settle = crate::home::settle(message, deliveries[0], store::Settled::Delivered);
    assert_eq!(store.settle(&old, settle.clone()).await, Err(StoreError::Fenced));
    assert_eq!(store.settle(&new, settle).await, Ok(()));
    assert!(put(&store, &new, receipt("C2")).await.is_ok());
    store.close().await.unwrap();
}

async fn what_is_undecided_is_read_back_and_decided(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let mut first = receipt("C1");
    first.tries = 1;
    let id = first.id;
    put(&store, &lease, first).await.unwrap();
    store.begin_try(&lease, id).await.unwrap();
    drop(store);
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    let undecided = store.undecided(&lease, 10).await.unwrap();
    assert_eq!(undecided.len(), 1);
    assert_eq!((undecided[0].id, undecided[0].tries, undecided[0].seq), (id, 2, 1));
    assert_eq!(undecided[0].header.control_id, "C1");
    assert_eq!(undecided[0].body, body("C1"));
    let told = Told::default();
    let (routes, _) = routed(&store, &lease, &[lab]);
    assert_eq!(store.decide(&lease, id, routes, told.callback()).await, Ok(1));
    assert_eq!(told.seqs(), [1]);
    assert!(store.undecided(&lease, 10).await.unwrap().is_empty());
    assert_eq!(store.queued(&lease, lab, None, 10).await.unwrap()[0].seq, 1);
    let twice =
        store.decide(&lease, id, decision(Disposition::Filtered, vec![]), told.callback()).await;
    assert!(matches!(twice, Err(StoreError::Refused(_))), "{twice:?}");
    store.close().await.unwrap();
}

async fn messages_survive_a_crash(home: Home) {
    let opened = home.try_open().await.unwrap();
    assert!(opened.created && opened.clean && opened.key_made.is_some() && opened.key_beside_data);
    let store = opened.store;
    let (lease, lab, _) = owned(&store).await;
    send(&store, &lease, "C1", &[lab]).await;
    drop((store, lease));
    let opened = home.opened().await;
    assert!(!opened.created && !opened.clean && opened.key_made.is_none());
    let store = opened.store;
    let (lease, lab, _) = owned(&store).await;
    assert!(matches!(put(&store, &lease, receipt("C1")).await, Ok(Received::Duplicate { .. })));
    assert!(matches!(put(&store, &lease, receipt("C2")).await, Ok(Received::New { seq: 2, .. })));
    assert_eq!(store.queued(&lease, lab, None, 10).await.unwrap().len(), 1);
    store.close().await.unwrap();
    assert!(home.try_open().await.unwrap().clean);
}
