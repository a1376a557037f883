//! A data key that somebody may have is left, and nothing that it has sealed is.

use bytes::Bytes;
use phi::Phi;
use store::{
    BodyOf, DeadOnArrival, DeliveryBody, DeliveryId, MessageId, NewDelivery, Reason, Scope, Settle,
    Settled, Store, StoreError,
};

use crate::home::{Home, body, now_us, owned, put, receipt, routed, send, settle};
use crate::on_both;
use crate::people::{act, last};
use crate::raw::Raw;

on_both!(
    what_a_key_has_sealed_is_sealed_with_another,
    a_reseal_that_was_cut_off_goes_on_by_itself,
    only_a_key_of_a_channel_is_left,
);

/// More than one transaction takes.
const MESSAGES: usize = 150;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn blobs(home: &Home, sql: &str) -> Vec<Vec<u8>> {
    let mut raw = Raw::of(home).await;
    let found = raw.blobs(sql).await;
    raw.close().await;
    found
}

/// The keys that have sealed bodies, hexadecimal.
async fn body_keys(home: &Home) -> Vec<String> {
    let found = blobs(home, "select distinct substr(blob, 4, 8) from bodies").await;
    found.iter().map(|key| hex(key)).collect()
}

/// Messages with everything that a channel can seal: bodies, own bodies, errors of all kinds, responses.
async fn filled(store: &Store) -> Vec<(MessageId, DeliveryId, DeliveryId)> {
    let (lease, lab, ward) = owned(store).await;
    let mut all = Vec::new();
    for n in 0..MESSAGES {
        let mut receipt = receipt(&format!("C{n}"));
        let (mut decision, open) = routed(store, &lease, &[lab]);
        decision.error = Some(Phi::new("of the message".to_owned()));
        let own = DeliveryId::new();
        decision.deliveries.push(NewDelivery {
            id: own,
            destination: ward,
            part: 1,
            body: DeliveryBody::Own(Bytes::from_static(b"PID|1||OWN\r")),
            keys: vec![],
            dead: Some(DeadOnArrival {
                reason: Reason { code: "step".to_owned(), step: Some(1) },
                error: Some(Phi::new("of the delivery".to_owned())),
                signature: None,
            }),
        });
        receipt.decision = Some(decision);
        let id = receipt.id;
        put(store, &lease, receipt).await.unwrap();
        let mut end: Settle = settle(id, open[0], Settled::Delivered);
        end.attempt.error = Some(Phi::new("of the try".to_owned()));
        store.settle(&lease, end).await.unwrap();
        all.push((id, open[0], own));
    }
    all
}

async fn all_open(store: &Store, all: &[(MessageId, DeliveryId, DeliveryId)]) {
    for (n, (message, _, own)) in all.iter().enumerate() {
        let found = store.body(&Scope::All, BodyOf::Message(*message)).await.unwrap();
        assert_eq!(found.into_phi(), body(&format!("C{n}")));
        let found = store.body(&Scope::All, BodyOf::Delivery(*own)).await.unwrap();
        assert_eq!(found.into_phi(), Bytes::from_static(b"PID|1||OWN\r"));
    }
    let counted = store.count_sealed(|_| {}).await.unwrap();
    assert!(counted.iter().all(|column| column.values == column.sealed), "{counted:?}");
    for (message, ..) in all.iter().step_by(29) {
        let detail = store.message(&Scope::All, *message).await.unwrap().unwrap();
        assert!(detail.summary.control_id.is_some());
        assert!(detail.error.is_ok_and(|text| text.is_some()));
        for delivery in detail.deliveries {
            assert!(delivery.error.is_ok());
            assert!(delivery.attempts.iter().all(|one| one.error.is_ok() && one.has_response));
        }
    }
}

async fn finish(store: &Store) {
    while store.reseal(now_us()).await.unwrap().is_some() {}
}

async fn what_a_key_has_sealed_is_sealed_with_another(home: Home) {
    let store = home.open().await;
    let all = filled(&store).await;
    let [old] = &body_keys(&home).await[..] else { panic!("one key a day") };
    let plan = store.plan_reseal(old).await.unwrap();
    assert_eq!((plan.purpose, plan.channel.as_str()), ("message", "adt"));
    let planned: i64 = plan.values.iter().map(|(_, count)| count).sum();
    assert_eq!(planned, 6 * MESSAGES as i64, "{plan:?}");

    let begun = store.begin_reseal(&act("key.reencrypt"), old).await.unwrap();
    assert_eq!(last(&home).await["action"], "key.reencrypt");
    assert!(store.begin_reseal(&act("key.reencrypt"), old).await.is_err(), "once at a time");
    // What comes meanwhile is sealed with the new key.
    let (lease, lab, _) = owned(&store).await;
    send(&store, &lease, "MEANWHILE", &[lab]).await;
    finish(&store).await;
    let done = store.reseals().await.unwrap().remove(0);
    assert_eq!((done.id, done.resealed), (begun.id, planned));
    assert!(done.ended_us.is_some());
    let record = last(&home).await;
    assert_eq!(record["action"], "key.reencrypted");
    assert_eq!(
        (&record["after"]["values"], &record["after"]["unreadable"]),
        (&planned.into(), &0.into())
    );
    assert_eq!(body_keys(&home).await, std::slice::from_ref(&done.new_key));
    all_open(&store, &all).await;
    let row =
        blobs(&home, "select wrapped from data_keys where destroyed_us < 9223372036854775807")
            .await;
    assert_eq!(row, [vec![0; 60]], "the old key is written over");
    assert!(store.plan_reseal(old).await.is_err(), "it is destroyed");
    assert!(store.verify_audit().await.unwrap().fault.is_none());
    store.close().await.unwrap();
    drop((store, lease));
    let store = home.open().await;
    all_open(&store, &all).await;
    store.close().await.unwrap();
}

async fn a_reseal_that_was_cut_off_goes_on_by_itself(home: Home) {
    let store = home.open().await;
    let all = filled(&store).await;
    let old = body_keys(&home).await.remove(0);
    store.begin_reseal(&act("key.reencrypt"), &old).await.unwrap();
    drop(store);
    let store = home.open().await;
    assert!(store.reseal(now_us()).await.unwrap().is_some());
    let half = store.reseals().await.unwrap().remove(0);
    assert!(half.seq > 0 && half.seq < half.last_seq && half.ended_us.is_none(), "{half:?}");
    assert_eq!(body_keys(&home).await.len(), 2);
    all_open(&store, &all).await;
    drop(store);
    let store = home.open().await;
    finish(&store).await;
    assert_eq!(body_keys(&home).await.len(), 1);
    all_open(&store, &all).await;
    store.close().await.unwrap();
}

async fn only_a_key_of_a_channel_is_left(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    send(&store, &lease, "C1", &[lab]).await;
    for key in blobs(&home, "select id from data_keys where channel = 0").await {
        let refused = store.begin_reseal(&act("key.reencrypt"), &hex(&key)).await;
        let refused = refused.expect_err("refused");
        assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
    }
    for odd in ["", "xyz", "0011223344556677"] {
        let refused = store.plan_reseal(odd).await.expect_err("refused");
        assert!(matches!(refused, StoreError::NotFound(_)), "{refused}");
    }
    store.close().await.unwrap();
}
