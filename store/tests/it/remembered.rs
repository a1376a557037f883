//! What the writer remembers of open messages must never be wrong: whatever happens between two settles of a message, it ends once, and
//! as its deliveries did.

use crate::acts::disposition;
use crate::home::{Home, owned, receipt, routed, send, settle};
use crate::on_both;
use crate::people::act;
use store::{Disposition, Letter, Scope, Settled};

on_both!(
    a_message_ends_as_its_deliveries_did_across_a_restart,
    a_message_ends_as_its_deliveries_did_across_a_crash,
    a_discard_between_two_settles_counts,
    a_hold_and_a_release_between_two_settles_change_nothing,
    a_message_that_another_lease_goes_on_with_ends,
    settles_of_many_messages_at_once_end_each,
    a_replay_ends_by_itself,
);

async fn ended(home: &Home, what: i64) -> i64 {
    home.number(&format!("select coalesce(sum(n), 0) from counters where what = {what}")).await
}

async fn a_message_ends_as_its_deliveries_did_across_a_restart(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (message, open) = send(&store, &lease, "C1", &[lab, ward]).await;
    store.settle(&lease, settle(message, open[0], Settled::Delivered)).await.unwrap();
    store.close().await.unwrap();
    drop((store, lease));
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    store.settle(&lease, settle(message, open[1], Settled::Dead { code: "AR" })).await.unwrap();
    assert_eq!(disposition(&store, message).await, Disposition::PartlyDelivered);
    assert_eq!((ended(&home, 21).await, ended(&home, 42).await, ended(&home, 43).await), (1, 1, 1));
    store.close().await.unwrap();
}

async fn a_message_ends_as_its_deliveries_did_across_a_crash(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let mut settles = Vec::new();
    for n in 0..100 {
        let (message, open) = send(&store, &lease, &format!("C{n}"), &[lab, ward]).await;
        settles.extend(open.into_iter().map(|open| settle(message, open, Settled::Delivered)));
    }
    // Some of these are on disk, some are not, and nobody hears which.
    let tickets: Vec<_> =
        settles.iter().map(|settle| store.settle(&lease, settle.clone())).collect();
    drop((tickets, store, lease));
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    let tickets: Vec<_> =
        settles.iter().map(|settle| store.settle(&lease, settle.clone())).collect();
    for ticket in tickets {
        ticket.hurry();
        ticket.await.unwrap();
    }
    assert_eq!(home.number("select count(*) from messages where disposition = 20").await, 100);
    assert_eq!((ended(&home, 20).await, ended(&home, 42).await), (100, 200), "each counted once");
    assert_eq!(home.number("select count(*) from attempts").await, 200);
    store.close().await.unwrap();
}

async fn a_discard_between_two_settles_counts(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (message, open) = send(&store, &lease, "C1", &[lab, ward, lab]).await;
    store.settle(&lease, settle(message, open[0], Settled::Delivered)).await.unwrap();
    let letters = [Letter::Delivery(open[1])];
    store.discard(&Scope::All, &act("message.discard"), &letters).await.unwrap();
    assert_eq!(disposition(&store, message).await, Disposition::Received);
    store.settle(&lease, settle(message, open[2], Settled::Delivered)).await.unwrap();
    assert_eq!(disposition(&store, message).await, Disposition::PartlyDelivered);
    assert_eq!((ended(&home, 21).await, ended(&home, 20).await), (1, 0));
    let (message, open) = send(&store, &lease, "C2", &[lab, ward]).await;
    store.settle(&lease, settle(message, open[0], Settled::Delivered)).await.unwrap();
    let letters = [Letter::Delivery(open[1])];
    store.discard(&Scope::All, &act("message.discard"), &letters).await.unwrap();
    assert_eq!(disposition(&store, message).await, Disposition::PartlyDelivered);
    store.settle(&lease, settle(message, open[1], Settled::Delivered)).await.unwrap();
    assert_eq!((ended(&home, 21).await, ended(&home, 42).await), (2, 3), "the late one is no news");
    store.close().await.unwrap();
}

async fn a_hold_and_a_release_between_two_settles_change_nothing(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (message, open) = send(&store, &lease, "C1", &[lab, ward]).await;
    store.settle(&lease, settle(message, open[0], Settled::Delivered)).await.unwrap();
    let hold = act("connection.control");
    store.hold_deliveries(&Scope::All, &hold, &open[1..], "uncertain").await.unwrap();
    let wait = Settled::Waiting { until_us: 5 };
    store.settle(&lease, settle(message, open[1], wait)).await.unwrap();
    assert_eq!(crate::acts::state(&home, open[1]).await, 12, "it stays held");
    store.release(&Scope::All, &act("connection.control"), &open[1..]).await.unwrap();
    store.settle(&lease, settle(message, open[1], Settled::Delivered)).await.unwrap();
    assert_eq!(disposition(&store, message).await, Disposition::Delivered);
    assert_eq!((ended(&home, 20).await, ended(&home, 33).await), (1, 1));
    store.close().await.unwrap();
}

async fn a_message_that_another_lease_goes_on_with_ends(home: Home) {
    let store = home.open().await;
    let (old, lab, ward) = owned(&store).await;
    let (message, open) = send(&store, &old, "C1", &[lab, ward]).await;
    store.settle(&old, settle(message, open[0], Settled::Delivered)).await.unwrap();
    let (new, _, _) = owned(&store).await;
    let late = settle(message, open[1], Settled::Delivered);
    assert!(store.settle(&old, late.clone()).await.is_err());
    store.settle(&new, late).await.unwrap();
    assert_eq!(disposition(&store, message).await, Disposition::Delivered);
    store.close().await.unwrap();
}

async fn settles_of_many_messages_at_once_end_each(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    // Two messages of each group are repeats, so that groups are written twice.
    let mut waiting = Vec::new();
    for n in 0..200 {
        let mut arrival = receipt(&format!("C{}", n % 190));
        let (decision, open) = routed(&store, &lease, &[lab, ward]);
        arrival.decision = Some(decision);
        waiting.push((arrival.id, open, store.receive(&lease, arrival, Box::new(|_| {}))));
    }
    let (mut tickets, mut new) = (Vec::new(), 0);
    for (message, open, receiving) in waiting {
        if let store::Received::New { .. } = receiving.await.unwrap() {
            new += 1;
            for (delivery, to) in
                open.into_iter().zip([Settled::Delivered, Settled::Dead { code: "AR" }])
            {
                tickets.push(store.settle(&lease, settle(message, delivery, to)));
            }
        }
    }
    for ticket in tickets {
        ticket.hurry();
        ticket.await.unwrap();
    }
    assert_eq!((new, ended(&home, 10).await, ended(&home, 21).await), (190, 190, 190));
    assert_eq!(home.number("select count(*) from messages where disposition = 21").await, 190);
    assert_eq!((ended(&home, 42).await, ended(&home, 43).await), (190, 190));
    store.close().await.unwrap();
}

async fn a_replay_ends_by_itself(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (message, open) = send(&store, &lease, "C1", &[lab]).await;
    store.settle(&lease, settle(message, open[0], Settled::Dead { code: "AR" })).await.unwrap();
    let (id, delivery) = (store::MessageId::new(), store::DeliveryId::new());
    let replay = store::SentReplay {
        id,
        of: open[0],
        to: vec![(delivery, lab, vec![])],
        token: None,
        step: None,
    };
    let replayed = act("message.replay");
    store.replay_as_sent(&Scope::All, &replayed, &lease, replay, Box::new(|_| {})).await.unwrap();
    store.settle(&lease, settle(id, delivery, Settled::Delivered)).await.unwrap();
    assert_eq!(disposition(&store, id).await, Disposition::Delivered);
    assert_eq!(disposition(&store, message).await, Disposition::Failed);
    assert_eq!((ended(&home, 20).await, ended(&home, 25).await), (1, 1));
    store.close().await.unwrap();
}
