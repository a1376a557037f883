use crate::acts::disposition;
use crate::home::{Home, Told, body, decision, owned, put, receipt, routed, send, settle};
use crate::on_both;
use crate::people::{act, act_of, recorded, records};
use bytes::Bytes;
use store::{
    BodyOf, DeliveryBody, DeliveryId, Disposition, Lease, MessageId, NewDelivery, Origin,
    RawReplay, Reason, Scope, SentReplay, Settled, Store, StoreError,
};

on_both!(
    a_delivery_is_replayed_as_it_was_sent,
    a_message_is_replayed_with_what_the_program_makes_of_it,
    chosen_destinations_lose_only_their_own_dead_letters,
    a_message_that_failed_is_replayed_and_off_the_list,
    a_token_makes_one_replay_of_many_requests,
    what_is_under_way_is_not_replayed,
);

/// A message with bytes of its own for the lab, in two lanes, and given up there.
async fn dead_in_two_lanes(store: &Store, lease: &Lease) -> (MessageId, DeliveryId) {
    let lab = lease.destination(&crate::home::name("lab")).unwrap();
    let delivery = DeliveryId::new();
    let keys = vec![store.lane_key(lease, lab, b"p1"), store.lane_key(lease, lab, b"p2")];
    let made = NewDelivery {
        id: delivery,
        destination: lab,
        part: 3,
        body: DeliveryBody::Own(Bytes::from_static(b"made for the lab")),
        keys,
        dead: None,
    };
    let mut receipt = receipt("C1");
    receipt.decision = Some(decision(Disposition::Received, vec![made]));
    let message = receipt.id;
    put(store, lease, receipt).await.unwrap();
    kill(store, lease, message, delivery).await;
    (message, delivery)
}

async fn kill(store: &Store, lease: &Lease, message: MessageId, delivery: DeliveryId) {
    store.settle(lease, settle(message, delivery, Settled::Dead { code: "AR" })).await.unwrap();
}

async fn dead(store: &Store) -> i64 {
    store.dead_letters(&Scope::All).await.unwrap().iter().map(|group| group.count).sum()
}

async fn a_delivery_is_replayed_as_it_was_sent(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (old, of) = dead_in_two_lanes(&store, &lease).await;
    assert_eq!(dead(&store).await, 1);
    let (id, told, before) = (MessageId::new(), Told::default(), records(&home).await);
    let other = store.lane_key(&lease, ward, b"");
    let to = vec![(DeliveryId::new(), lab, vec![]), (DeliveryId::new(), ward, vec![other])];
    let replay = SentReplay { id, of, to, token: None, step: None };
    let replayed = store
        .replay_as_sent(&Scope::All, &act("message.replay"), &lease, replay, told.callback())
        .await
        .unwrap();
    assert_eq!((replayed.message, replayed.seq, replayed.repeated), (id, 2, false));
    assert_eq!(told.seqs(), [2]);
    recorded(&home, before, "message.replay", ("delivery", Some(&of.to_string()))).await;
    let queued = store.queued(&lease, lab, None, 10).await.unwrap();
    assert_eq!(queued.len(), 1);
    assert_eq!((queued[0].message, queued[0].seq, queued[0].part), (id, 2, 3));
    assert_eq!(queued[0].body, &b"made for the lab"[..]);
    let lanes = [store.lane_key(&lease, lab, b"p1"), store.lane_key(&lease, lab, b"p2")];
    assert_eq!(queued[0].keys, lanes, "the lanes of the old delivery");
    assert_eq!(store.queued(&lease, ward, None, 10).await.unwrap()[0].keys, [other]);
    assert_eq!(dead(&store).await, 0);
    let old = store.message(&Scope::All, old).await.unwrap().unwrap();
    assert_eq!(old.deliveries[0].superseded_by, Some(id));
    assert_eq!(old.summary.disposition, Disposition::Failed, "the old message stays what it was");
    assert_eq!(old.children[0].id, id);
    let new = store.message(&Scope::All, id).await.unwrap().unwrap().summary;
    assert_eq!((new.origin, new.parent), (Origin::Replay, Some(old.summary.id)));
    assert_eq!(new.control_id.unwrap().expose_phi(), "C1");
    let counted = home.number("select sum(n) from counters where what = 11").await;
    assert_eq!(counted, 1, "counted as a replay");
    store.close().await.unwrap();
}

async fn a_message_is_replayed_with_what_the_program_makes_of_it(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (old, deliveries) = send(&store, &lease, "C1", &[lab]).await;
    store.settle(&lease, settle(old, deliveries[0], Settled::Delivered)).await.unwrap();
    let (id, told, before) = (MessageId::new(), Told::default(), records(&home).await);
    let (decided, made) = routed(&store, &lease, &[lab]);
    let replay = RawReplay {
        id,
        of: old,
        decision: Some(decided),
        destinations: vec![],
        token: None,
        step: None,
    };
    let replayed = store
        .replay_raw(&Scope::All, &act("message.replay"), &lease, replay, told.callback())
        .await
        .unwrap();
    assert_eq!((replayed.seq, told.seqs()), (2, vec![2]));
    recorded(&home, before, "message.replay", ("message", Some(&old.to_string()))).await;
    let queued = store.queued(&lease, lab, None, 10).await.unwrap();
    assert_eq!((queued[0].id, queued[0].body.clone()), (made[0], body("C1")));
    store.settle(&lease, settle(id, made[0], Settled::Delivered)).await.unwrap();
    assert_eq!(disposition(&store, id).await, Disposition::Delivered);
    assert_eq!(
        store.body(&Scope::All, BodyOf::Message(id)).await.unwrap().expose_phi(),
        &body("C1")
    );

    let (third, told) = (MessageId::new(), Told::default());
    let replay = RawReplay {
        id: third,
        of: id,
        decision: None,
        destinations: vec![],
        token: None,
        step: None,
    };
    store
        .replay_raw(&Scope::All, &act("message.replay"), &lease, replay, told.callback())
        .await
        .unwrap();
    let undecided = store.undecided(&lease, 10).await.unwrap();
    assert_eq!((undecided[0].id, undecided[0].seq), (third, 3));
    assert_eq!(undecided[0].body, body("C1"), "the bytes of the first message");
    assert_eq!((undecided[0].parent, undecided[0].trace), (Some(id), old));
    assert_eq!(home.number("select count(*) from bodies").await, 1);
    store.close().await.unwrap();
}

async fn chosen_destinations_lose_only_their_own_dead_letters(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (old, deliveries) = send(&store, &lease, "C1", &[lab, ward]).await;
    for delivery in &deliveries {
        kill(&store, &lease, old, *delivery).await;
    }
    let id = MessageId::new();
    let decision = Some(routed(&store, &lease, &[lab]).0);
    let replay =
        RawReplay { id, of: old, decision, destinations: vec![lab], token: None, step: None };
    store
        .replay_raw(&Scope::All, &act("message.replay"), &lease, replay, Box::new(|_| {}))
        .await
        .unwrap();
    let detail = store.message(&Scope::All, old).await.unwrap().unwrap();
    assert_eq!(detail.deliveries[0].superseded_by, Some(id));
    assert_eq!(detail.deliveries[1].superseded_by, None);
    let groups = store.dead_letters(&Scope::All).await.unwrap();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].key.destination, Some(crate::home::name("ward")));
    store.close().await.unwrap();
}

async fn a_message_that_failed_is_replayed_and_off_the_list(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let mut failed = receipt("C1");
    let mut decided = decision(Disposition::Failed, vec![]);
    decided.reason = Some(Reason { code: "R0110".to_owned(), step: Some(2) });
    failed.decision = Some(decided);
    let old = failed.id;
    put(&store, &lease, failed).await.unwrap();
    assert_eq!(dead(&store).await, 1);
    let id = MessageId::new();
    let decision = Some(routed(&store, &lease, &[lab]).0);
    let replay = RawReplay { id, of: old, decision, destinations: vec![], token: None, step: None };
    store
        .replay_raw(&Scope::All, &act("message.replay"), &lease, replay, Box::new(|_| {}))
        .await
        .unwrap();
    assert_eq!(dead(&store).await, 0);
    let old = store.message(&Scope::All, old).await.unwrap().unwrap();
    assert_eq!(old.summary.superseded_by, Some(id));
    store.close().await.unwrap();
}

async fn a_token_makes_one_replay_of_many_requests(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (_, of) = dead_in_two_lanes(&store, &lease).await;
    let ask = async |who: &str, token: &str| {
        let to = vec![(DeliveryId::new(), lab, vec![])];
        let replay =
            SentReplay { id: MessageId::new(), of, to, token: Some(token.to_owned()), step: None };
        let act = act_of(who, "message.replay");
        store.replay_as_sent(&Scope::All, &act, &lease, replay, Box::new(|_| {})).await.unwrap()
    };
    let before = records(&home).await;
    let first = ask("user:ada", "t1").await;
    let again = ask("user:ada", "t1").await;
    assert_eq!((again.message, again.seq), (first.message, first.seq));
    assert!(!first.repeated && again.repeated);
    assert_eq!(home.number("select count(*) from messages").await, 2);
    assert_eq!(records(&home).await, before + 1);
    assert!(!ask("user:ada", "t2").await.repeated, "another token is another replay");
    assert!(!ask("user:bob", "t1").await.repeated, "and so is another person's");
    store.close().await.unwrap();
}

async fn what_is_under_way_is_not_replayed(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (message, deliveries) = send(&store, &lease, "C1", &[lab]).await;
    let before = records(&home).await;
    let to = vec![(DeliveryId::new(), lab, vec![])];
    let sent = SentReplay { id: MessageId::new(), of: deliveries[0], to, token: None, step: None };
    let (one, told) = (act("message.replay"), Told::default());
    let refused = store.replay_as_sent(&Scope::All, &one, &lease, sent, told.callback()).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    let raw = RawReplay {
        id: MessageId::new(),
        of: message,
        decision: None,
        destinations: vec![],
        token: None,
        step: None,
    };
    let refused = store.replay_raw(&Scope::All, &one, &lease, raw, told.callback()).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
    assert_eq!((records(&home).await, told.seqs().len()), (before, 0));
    assert_eq!(home.number("select count(*) from messages").await, 1);
    store.close().await.unwrap();
}
