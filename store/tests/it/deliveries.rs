use crate::home::{Home, owned, send, settle};
use crate::on_both;
use store::Settled;

on_both!(the_last_delivery_decides_the_message, a_settle_counts_once);

async fn disposition(home: &Home) -> i64 {
    home.number("select disposition from messages").await
}

async fn the_last_delivery_decides_the_message(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (message, deliveries) = send(&store, &lease, "C1", &[lab, ward]).await;
    store.settle(&lease, settle(message, deliveries[0], Settled::Delivered)).await.unwrap();
    assert_eq!(disposition(&home).await, 10);
    store
        .settle(&lease, settle(message, deliveries[1], Settled::Waiting { until_us: 5 }))
        .await
        .unwrap();
    assert_eq!(disposition(&home).await, 10);
    store
        .settle(&lease, settle(message, deliveries[1], Settled::Dead { code: "AR" }))
        .await
        .unwrap();
    assert_eq!(disposition(&home).await, 21);
    assert_eq!(home.number("select sum(n) from counters where what = 21").await, 1);
    assert_eq!(home.number("select sum(n) from counters where what = 32").await, 2);
    assert_eq!(home.number("select sum(n) from counters where what = 33").await, 1);
    assert_eq!(home.number("select sum(n) from counters where what = 42").await, 1);
    assert_eq!(home.number("select sum(n) from counters where what = 43").await, 1);
    assert_eq!(home.number("select count(*) from attempts").await, 3);
    store.close().await.unwrap();
}

async fn a_settle_counts_once(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (message, deliveries) = send(&store, &lease, "C1", &[lab]).await;
    let wait = settle(message, deliveries[0], Settled::Waiting { until_us: 5 });
    for _ in 0..3 {
        store.settle(&lease, wait.clone()).await.unwrap();
    }
    assert_eq!(home.number("select tries from deliveries").await, 1);
    let done = settle(message, deliveries[0], Settled::Delivered);
    for _ in 0..3 {
        store.settle(&lease, done.clone()).await.unwrap();
    }
    store
        .settle(&lease, settle(message, deliveries[0], Settled::Dead { code: "AR" }))
        .await
        .unwrap();
    assert_eq!(disposition(&home).await, 20);
    assert_eq!(home.number("select sum(n) from counters where what = 20").await, 1);
    assert_eq!(home.number("select count(*) from attempts").await, 2);
    store.close().await.unwrap();
}
