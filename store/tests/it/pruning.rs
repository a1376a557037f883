use crate::home::{DAY_US, HOUR_US, Home, now_us, owned, put, receipt};
use crate::on_both;
use store::{Lease, MessageId, Received, Store};

on_both!(old_tokens_are_pruned_and_those_of_the_window_stay);

/// An arrival whose id was made at the time of its arrival, as in life.
async fn arrive(store: &Store, lease: &Lease, control_id: &str, received_us: i64) -> Received {
    let mut arrival = receipt(control_id);
    let mut id = *arrival.id.as_bytes();
    id[..6].copy_from_slice(&(received_us / 1_000).to_be_bytes()[2..]);
    arrival.id = MessageId::from_bytes(id);
    (arrival.trace, arrival.received_us) = (arrival.id, received_us);
    put(store, lease, arrival).await.unwrap()
}

async fn old_tokens_are_pruned_and_those_of_the_window_stay(home: Home) {
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    let now = now_us();
    let kept = now - 7 * DAY_US + HOUR_US;
    for n in 0..20 {
        arrive(&store, &lease, &format!("OLD-{n}"), now - 9 * DAY_US).await;
        arrive(&store, &lease, &format!("KEPT-{n}"), kept).await;
    }
    // Two stretches are paid for: one is the whole table, so is the next.
    for n in 0..1_100 {
        arrive(&store, &lease, &format!("NEW-{n}"), now).await;
    }
    assert_eq!(home.number("select count(*) from dups").await, 1_120, "the old ones are gone");
    for n in 0..20 {
        let again = arrive(&store, &lease, &format!("KEPT-{n}"), now).await;
        assert!(matches!(again, Received::Duplicate { .. }), "within the window: {again:?}");
        let again = arrive(&store, &lease, &format!("OLD-{n}"), now).await;
        assert!(matches!(again, Received::New { same_id_other_body: false, .. }), "{again:?}");
    }
    for n in 0..1_100 {
        let again = arrive(&store, &lease, &format!("NEW-{n}"), now).await;
        assert!(matches!(again, Received::Duplicate { .. }), "{again:?}");
    }
    store.close().await.unwrap();
}
