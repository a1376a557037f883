use crate::home::{Home, Told, name, owned, put, receipt, routed, send, settle};
use crate::on_both;
use store::{
    DeliveryId, DestinationId, Disposition, Lease, MessageId, Origin, Receipt, Scope, Settled,
    Store, StoreError,
};

on_both!(
    a_delivery_ends_and_is_a_message_there,
    what_is_handed_over_again_is_there_once,
    what_either_channel_has_lost_is_left_as_it_was,
    channels_that_are_joined_under_load_keep_their_numbers,
);

/// What another channel gets of a delivery, to be sent on to its destinations.
fn handed(
    (store, to): (&Store, &Lease),
    (message, delivery): (MessageId, DeliveryId),
    destinations: &[DestinationId],
) -> Receipt {
    let id = MessageId::of_hop(delivery);
    Receipt {
        id,
        origin: Origin::Channel,
        parent: Some(message),
        trace: message,
        dedupe: false,
        decision: Some(routed(store, to, destinations).0),
        ..receipt("HOP")
    }
}

async fn a_delivery_ends_and_is_a_message_there(home: Home) {
    let store = home.open().await;
    let (from, lab, _) = owned(&store).await;
    let to = store.own(&name("other"), &[name("ward")]).await.unwrap();
    let ward = to.destination(&name("ward")).unwrap();
    let (message, deliveries) = send(&store, &from, "C1", &[lab]).await;
    let told = Told::default();
    let taken = handed((&store, &to), (message, deliveries[0]), &[ward]);
    let end = settle(message, deliveries[0], Settled::Delivered);
    store.hop((&from, &to), end, taken, told.callback()).await.unwrap();
    assert_eq!(told.seqs(), [1]);

    let first = store.message(&Scope::All, message).await.unwrap().unwrap();
    assert_eq!(first.summary.disposition, Disposition::Delivered);
    assert_eq!((first.children.len(), first.children[0].channel.as_str()), (1, "other"));
    let second = store.message(&Scope::All, first.children[0].id).await.unwrap().unwrap();
    assert_eq!(second.summary.id, MessageId::of_hop(deliveries[0]));
    assert_eq!((second.summary.parent, second.summary.trace), (Some(message), message));
    let queued = store.queued(&to, ward, None, 10).await.unwrap();
    assert_eq!((queued.len(), queued[0].trace, queued[0].seq), (1, message, 1));
    let narrow = store.message(&Scope::Channels([from.name().clone()].into()), message).await;
    assert!(
        narrow.unwrap().unwrap().children.is_empty(),
        "what lies outside the scope is not there"
    );
    store.close().await.unwrap();
}

async fn what_is_handed_over_again_is_there_once(home: Home) {
    let store = home.open().await;
    let (from, lab, _) = owned(&store).await;
    let to = store.own(&name("other"), &[name("ward")]).await.unwrap();
    let ward = to.destination(&name("ward")).unwrap();
    let (message, deliveries) = send(&store, &from, "C1", &[lab]).await;
    let told = Told::default();
    let end = settle(message, deliveries[0], Settled::Delivered);
    let hops = [0, 1, 2].map(|_| {
        let taken = handed((&store, &to), (message, deliveries[0]), &[ward]);
        store.hop((&from, &to), end.clone(), taken, told.callback())
    });
    for hop in hops {
        hop.await.unwrap();
    }
    // Beside others of its group, and with another try.
    let later = settle(message, deliveries[0], Settled::Delivered);
    let taken = handed((&store, &to), (message, deliveries[0]), &[ward]);
    let beside = put(&store, &to, receipt("C2"));
    let (again, beside) =
        tokio::join!(store.hop((&from, &to), later, taken, told.callback()), beside);
    assert!(again.is_ok() && beside.is_ok());
    assert_eq!(told.seqs(), [1], "nobody is told of what is not there");
    assert_eq!(store.queued(&to, ward, None, 10).await.unwrap().len(), 1);
    store.close().await.unwrap();
}

async fn what_either_channel_has_lost_is_left_as_it_was(home: Home) {
    let store = home.open().await;
    let (from, lab, _) = owned(&store).await;
    let old = store.own(&name("other"), &[name("ward")]).await.unwrap();
    let ward = old.destination(&name("ward")).unwrap();
    let to = store.own(&name("other"), &[name("ward")]).await.unwrap();
    let (message, deliveries) = send(&store, &from, "C1", &[lab]).await;
    let told = Told::default();
    let end = settle(message, deliveries[0], Settled::Delivered);
    let taken = handed((&store, &old), (message, deliveries[0]), &[ward]);
    let fenced = store.hop((&from, &old), end.clone(), taken, told.callback()).await;
    assert_eq!(fenced, Err(StoreError::Fenced));
    assert_eq!(store.queued(&from, lab, None, 10).await.unwrap().len(), 1, "still to be delivered");
    assert!(store.queued(&to, ward, None, 10).await.unwrap().is_empty() && told.seqs().is_empty());
    let taken = handed((&store, &to), (message, deliveries[0]), &[ward]);
    store.hop((&from, &to), end, taken, told.callback()).await.unwrap();
    store.close().await.unwrap();
}

/// Every channel hands messages to the last one while that takes in its own: writers are joined under way.
async fn channels_that_are_joined_under_load_keep_their_numbers(home: Home) {
    let store = home.open().await;
    let to = store.own(&name("last"), &[name("ward")]).await.unwrap();
    let ward = to.destination(&name("ward")).unwrap();
    let told = Told::default();
    let mut working = Vec::new();
    for n in 0..9 {
        let from = store.own(&name(&format!("c{n}")), &[name("hop"), name("lab")]).await.unwrap();
        let (store, to, told) = (store.clone(), to.clone(), told.clone());
        working.push(tokio::spawn(async move {
            let both = [name("hop"), name("lab")].map(|d| from.destination(&d).unwrap());
            for i in 0..20 {
                let (message, deliveries) = send(&store, &from, &format!("C{n}-{i}"), &both).await;
                let taken = handed((&store, &to), (message, deliveries[0]), &[ward]);
                let end = settle(message, deliveries[0], Settled::Delivered);
                let hop = store.hop((&from, &to), end, taken, told.callback());
                // The other delivery of the message ends at the same time.
                let lab = store.settle(&from, settle(message, deliveries[1], Settled::Delivered));
                let own = receipt(&format!("O{n}-{i}"));
                let own = store.receive(&to, own, told.callback());
                let (hop, lab, own) = tokio::join!(hop, lab, own);
                assert!(hop.is_ok() && lab.is_ok() && own.is_ok(), "{hop:?} {lab:?} {own:?}");
                let ended = store.message(&Scope::All, message).await.unwrap().unwrap();
                assert_eq!(ended.summary.disposition, Disposition::Delivered);
            }
        }));
    }
    for one in working {
        one.await.unwrap();
    }
    assert_eq!(told.seqs(), (1..=360).collect::<Vec<_>>(), "told in order, each number once");
    assert_eq!(store.queued(&to, ward, None, 1_000).await.unwrap().len(), 180);
    store.close().await.unwrap();
}
