//! A server that goes away in the middle of work; SQLite has none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::home::{Home, name, receipt, routed};
use crate::raw::Raw;
use store::{Lease, Received, Store, StoreError};

/// Senders at once, and messages of each.
const SENDERS: usize = 8;
const EACH: usize = 60;

/// Sends one message until the store takes it, as a peer that got no answer does. Gives how often it was refused.
async fn send_until_taken(store: &Store, lease: &Lease, control_id: &str) -> usize {
    for refused in 0.. {
        let mut receipt = receipt(control_id);
        let lab = lease.destination(&name("lab")).unwrap();
        receipt.decision = Some(routed(store, lease, &[lab]).0);
        match store.receive(lease, receipt, Box::new(|_| {})).await {
            Ok(Received::New { .. }) => return refused,
            Ok(Received::Duplicate { .. }) if refused > 0 => return refused,
            Err(StoreError::Unavailable) => tokio::time::sleep(Duration::from_millis(20)).await,
            other => panic!("{control_id}: {other:?}"),
        }
    }
    0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_end_lose_and_double_nothing() {
    let home = Home::postgres().await;
    let store = home.open().await;
    let adt = store.own(&name("adt"), &[name("lab")]).await.unwrap();
    let oru = store.own(&name("oru"), &[name("lab")]).await.unwrap();
    let (refused, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            // The channels of both writers.
            let lease = if sender % 2 == 0 { adt.clone() } else { oru.clone() };
            let (store, refused) = (store.clone(), Arc::clone(&refused));
            tokio::spawn(async move {
                for n in 0..EACH {
                    let times = send_until_taken(&store, &lease, &format!("S{sender}-{n}")).await;
                    refused.fetch_add(times, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        })
        .collect();
    let killer = tokio::spawn({
        let (url, done) = (home.url.clone(), Arc::clone(&done));
        async move { end_sessions(url, done).await }
    });
    for sender in senders {
        let sent = tokio::time::timeout(Duration::from_secs(90), sender).await;
        sent.expect("the store comes back without being opened again").unwrap();
    }
    done.store(true, Ordering::Relaxed);
    assert!(killer.await.unwrap() > 0, "sessions were ended");
    assert!(refused.load(Ordering::Relaxed) > 0, "somebody noticed");
    let total = i64::try_from(SENDERS * EACH).unwrap();
    assert_eq!(home.number("select count(*) from messages").await, total, "each once");
    assert_eq!(home.number("select count(distinct control_token) from messages").await, total);
    assert_eq!(home.number("select count(*) from deliveries").await, total);
    assert_eq!(home.number("select sum(n) from counters where what = 10").await, total);
    for lease in [&adt, &oru] {
        let lab = lease.destination(&name("lab")).unwrap();
        let queued = store.queued(lease, lab, None, 1_000).await.unwrap();
        let seqs: Vec<_> = queued.iter().map(|delivery| delivery.seq).collect();
        assert!(seqs.is_sorted_by(|one, next| one < next));
    }
    store.close().await.unwrap();
}

/// Ends every session that writes, some times, until all is sent.
async fn end_sessions(url: config::StoreUrl, done: Arc<AtomicBool>) -> usize {
    let mut raw = Raw::of_url(&url).await;
    let mut ended = 0;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        if done.load(Ordering::Relaxed) {
            break;
        }
        let end = "select convert_to(pg_terminate_backend(pid)::text, 'UTF8') from pg_stat_activity
            where datname = current_database() and application_name = 'hilum'";
        ended += raw.blobs(end).await.len();
    }
    raw.close().await;
    ended
}
