use crate::home::{Home, decision, name, now_us, owned, put, receipt, routed, send, settle};
use crate::on_both;
use store::{
    AckPart, DeliveryId, Disposition, Lease, MessageId, Origin, OwedBy, Receipt, Received, Scope,
    Settled, Store, StoreError, Wait,
};

on_both!(
    an_acknowledgement_finds_its_delivery_whichever_comes_first,
    an_older_acknowledgement_is_for_an_earlier_message,
    a_wait_that_is_over_is_found,
    what_is_owed_is_found_when_it_can_be_paid_and_paid_once,
    the_same_id_with_another_body_can_be_rejected,
);

/// An application acknowledgement that has come in.
async fn arrives(store: &Store, acks: &Lease, of: &str) -> MessageId {
    let mut ack = receipt(&format!("ACK-{of}"));
    (ack.dedupe, ack.ack) = (false, AckPart::For(of.as_bytes().to_vec()));
    ack.decision = Some(decision(Disposition::Filtered, Vec::new()));
    let id = ack.id;
    put(store, acks, ack).await.unwrap();
    id
}

async fn commits(
    (store, lease, acks): (&Store, &Lease, &Lease),
    (message, delivery): (MessageId, DeliveryId),
    (id, until_us): (&str, i64),
) {
    let control_id = id.as_bytes().to_vec();
    let to = Settled::Committed { until_us, acks: acks.name().clone(), control_id };
    store.settle(lease, settle(message, delivery, to)).await.unwrap();
}

async fn an_acknowledgement_finds_its_delivery_whichever_comes_first(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let acks = store.own(&name("acks"), &[]).await.unwrap();
    for (id, first) in [("A1", false), ("A2", true)] {
        let (message, deliveries) = send(&store, &lease, id, &[lab]).await;
        let delivery = deliveries[0];
        let to = Settled::Committed {
            until_us: i64::MAX,
            acks: acks.name().clone(),
            control_id: id.as_bytes().to_vec(),
        };
        // Made, and so begun, before the acknowledgement; written before or after it.
        let committed = settle(message, delivery, to);
        let ack = if first {
            let ack = arrives(&store, &acks, id).await;
            store.settle(&lease, committed).await.unwrap();
            ack
        } else {
            store.settle(&lease, committed).await.unwrap();
            assert!(store.answered(lab, 10).await.unwrap().is_empty());
            arrives(&store, &acks, id).await
        };
        assert!(store.answered(ward, 10).await.unwrap().is_empty(), "not another destination's");
        let answered = store.answered(lab, 10).await.unwrap();
        assert_eq!(answered.len(), 1);
        let found = &answered[0];
        assert_eq!((found.delivery, found.message, found.ack), (delivery, message, ack));
        assert!(found.body.is_ok());
        let queued = store.queued(&lease, lab, None, 10).await.unwrap();
        assert!(queued[0].awaits_ack, "it holds no lane");

        let mut end = settle(message, delivery, Settled::Delivered);
        end.wait = Wait::Answered(ack);
        store.settle(&lease, end).await.unwrap();
        assert!(store.answered(lab, 10).await.unwrap().is_empty());
        let message = store.message(&Scope::All, message).await.unwrap().unwrap();
        assert_eq!(message.summary.disposition, Disposition::Delivered);
        assert_eq!(message.deliveries[0].ack, Some(ack));
        let ack = store.message(&Scope::All, ack).await.unwrap().unwrap();
        assert_eq!(ack.acknowledges, Some(message.summary.id));
    }
    store.close().await.unwrap();
}

async fn an_older_acknowledgement_is_for_an_earlier_message(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let acks = store.own(&name("acks"), &[]).await.unwrap();
    let other = store.own(&name("other-acks"), &[]).await.unwrap();
    arrives(&store, &acks, "A1").await;
    let (message, deliveries) = send(&store, &lease, "A1", &[lab]).await;
    commits((&store, &lease, &acks), (message, deliveries[0]), ("A1", i64::MAX)).await;
    arrives(&store, &other, "A1").await;
    arrives(&store, &acks, "A").await;
    assert!(store.answered(lab, 10).await.unwrap().is_empty());
    arrives(&store, &acks, "A1").await;
    arrives(&store, &acks, "A1").await;
    assert_eq!(store.answered(lab, 10).await.unwrap().len(), 1, "one is enough");
    store.close().await.unwrap();
}

async fn a_wait_that_is_over_is_found(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let acks = store.own(&name("acks"), &[]).await.unwrap();
    let mut all = Vec::new();
    for (id, until_us) in [("A1", 500), ("A2", 400), ("A3", 9_000)] {
        let (message, deliveries) = send(&store, &lease, id, &[lab]).await;
        commits((&store, &lease, &acks), (message, deliveries[0]), (id, until_us)).await;
        all.push((message, deliveries[0]));
    }
    assert_eq!(store.next_deadline(lab).await.unwrap(), Some(400));
    assert!(store.overdue(&lease, lab, 399, 10).await.unwrap().is_empty());
    let overdue = store.overdue(&lease, lab, 500, 10).await.unwrap();
    assert_eq!(overdue.iter().map(|d| d.id).collect::<Vec<_>>(), [all[1].1, all[0].1]);
    for ((message, delivery), to) in
        all[..2].iter().zip([Settled::Dead { code: "no" }, Settled::Waiting { until_us: 1 }])
    {
        let mut end = settle(*message, *delivery, to);
        end.wait = Wait::Unanswered;
        store.settle(&lease, end).await.unwrap();
    }
    assert!(store.overdue(&lease, lab, 500, 10).await.unwrap().is_empty());
    assert_eq!(store.next_deadline(lab).await.unwrap(), Some(9_000));
    let queued = store.queued(&lease, lab, None, 10).await.unwrap();
    let waits: Vec<bool> = queued.iter().map(|delivery| delivery.awaits_ack).collect();
    assert_eq!(waits, [false, true], "the second is to be sent again, the third waits");
    store.close().await.unwrap();
}

async fn what_is_owed_is_found_when_it_can_be_paid_and_paid_once(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let owed = |by: OwedBy| {
        let (store, lease) = (store.clone(), lease.clone());
        async move {
            let all = store.owed(&lease, &by, -1, 10).await.unwrap();
            all.into_iter().map(|owed| (owed.message, owed.undelivered)).collect::<Vec<_>>()
        }
    };
    let mut undecided = receipt("O1");
    undecided.ack = AckPart::Owed;
    put(&store, &lease, undecided).await.unwrap();
    let mut first = receipt("O2");
    first.ack = AckPart::Owed;
    let (routed, deliveries) = routed(&store, &lease, &[lab, ward]);
    first.decision = Some(routed);
    let id = first.id;
    put(&store, &lease, first).await.unwrap();
    // A resend of it is none of its own.
    let mut again = receipt("O2");
    again.ack = AckPart::Owed;
    assert!(matches!(put(&store, &lease, again).await, Ok(Received::Duplicate { .. })));

    assert_eq!(owed(OwedBy::Decision).await, [(id, 0)]);
    assert!(owed(OwedBy::Deliveries).await.is_empty());
    assert!(owed(OwedBy::DeliveriesTo(vec![ward])).await.is_empty());
    store.settle(&lease, settle(id, deliveries[1], Settled::Dead { code: "AE" })).await.unwrap();
    assert_eq!(owed(OwedBy::DeliveriesTo(vec![ward])).await, [(id, 1)]);
    assert!(owed(OwedBy::Deliveries).await.is_empty());
    store.settle(&lease, settle(id, deliveries[0], Settled::Delivered)).await.unwrap();
    assert_eq!(owed(OwedBy::Deliveries).await, [(id, 1)]);
    assert_eq!(owed(OwedBy::DeliveriesTo(vec![lab])).await, [(id, 0)]);

    let ack = |id: MessageId| Receipt {
        received_us: now_us(),
        origin: Origin::Acknowledgement,
        parent: Some(id),
        trace: id,
        dedupe: false,
        decision: Some(decision(Disposition::Unrouted, Vec::new())),
        ..receipt("ACK")
    };
    store.acknowledge(&lease, id, Some(ack(id)), Box::new(|_| {})).await.unwrap();
    let twice = store.acknowledge(&lease, id, Some(ack(id)), Box::new(|_| {})).await;
    assert!(matches!(twice, Err(StoreError::Refused(_))), "{twice:?}");
    assert!(owed(OwedBy::Decision).await.is_empty());
    let message = store.message(&Scope::All, id).await.unwrap().unwrap();
    assert_eq!(message.children.len(), 1);
    assert_eq!(message.children[0].origin, Origin::Acknowledgement);
    store.close().await.unwrap();
}

async fn the_same_id_with_another_body_can_be_rejected(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (first, _) = send(&store, &lease, "S1", &[lab]).await;
    let mut other = receipt("S1");
    other.body = bytes::Bytes::from_static(b"MSH|^~\\&|another body\r");
    (other.refuse_same_id, other.ack) = (true, AckPart::Owed);
    other.decision = Some(routed(&store, &lease, &[lab]).0);
    let id = other.id;
    let told = crate::home::Told::default();
    let received = store.receive(&lease, other, told.callback()).await;
    assert_eq!(received, Ok(Received::New { seq: 2, same_id_other_body: true }));
    assert!(told.seqs().is_empty(), "nothing of it goes anywhere");
    let message = store.message(&Scope::All, id).await.unwrap().unwrap();
    assert_eq!(message.summary.disposition, Disposition::Rejected);
    assert_eq!(message.summary.ack_code, "AR");
    assert!(message.deliveries.is_empty());
    assert!(store.owed(&lease, &OwedBy::Decision, -1, 10).await.unwrap().is_empty());
    assert_eq!(store.queued(&lease, lab, None, 10).await.unwrap().len(), 1);
    let again = put(&store, &lease, receipt("S1")).await;
    assert!(matches!(again, Ok(Received::Duplicate { of, .. }) if of == first), "{again:?}");
    store.close().await.unwrap();
}
