use std::collections::HashMap;

use crate::home::{Home, owned, put, receipt, routed, send};
use crate::on_both;
use crate::raw::contents;
use store::{OpenError, Received, Scope, StoreError};

on_both!(
    what_was_acknowledged_outlives_a_store_that_is_dropped,
    a_newer_schema_is_refused_and_not_touched,
    a_message_is_kept_with_the_batch_that_it_came_in,
    a_second_engine_is_refused,
    a_closed_store_refuses,
);

async fn what_was_acknowledged_outlives_a_store_that_is_dropped(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let waiting: Vec<_> = (0..300)
        .map(|n| {
            let mut receipt = receipt(&format!("C{n}"));
            receipt.decision = Some(routed(&store, &lease, &[lab, ward]).0);
            (receipt.id, tokio::spawn(store.receive(&lease, receipt, Box::new(|_| {}))))
        })
        .collect();
    drop((store, lease));
    let mut acknowledged = HashMap::new();
    for (id, answer) in waiting {
        match answer.await.unwrap() {
            Ok(Received::New { seq, .. }) => drop(acknowledged.insert(id, seq)),
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert_eq!(error, StoreError::Closed),
        }
    }
    assert!(!acknowledged.is_empty());
    let opened = home.opened().await;
    assert!(!opened.clean && !opened.created);
    let store = opened.store;
    let (lease, lab, ward) = owned(&store).await;
    for destination in [lab, ward] {
        let queued = store.queued(&lease, destination, None, 1_000).await.unwrap();
        let found: HashMap<_, _> = queued.iter().map(|d| (d.message, d.seq)).collect();
        assert_eq!(found.len(), queued.len(), "each once");
        for (message, seq) in &acknowledged {
            assert_eq!(found.get(message), Some(seq));
        }
    }
    store.close().await.unwrap();
    drop((store, lease));
    let opened = home.opened().await;
    assert!(opened.clean, "closed this time");
    opened.store.close().await.unwrap();
}

async fn a_newer_schema_is_refused_and_not_touched(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    send(&store, &lease, "C1", &[lab]).await;
    store.close().await.unwrap();
    drop((store, lease));
    home.tamper("insert into schema_version (version, applied_us) values (999, 1)").await;
    let before = contents(&home).await;
    let Err(error) = home.try_open().await else { panic!("opened") };
    assert!(matches!(error, OpenError::Newer { found: 999, .. }), "{error}");
    assert_eq!(error.exit_code(), 78);
    assert!(contents(&home).await == before, "the database was changed");
    home.tamper("delete from schema_version where version = 999").await;
    home.opened().await.store.close().await.unwrap();
}

async fn a_message_is_kept_with_the_batch_that_it_came_in(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (alone, _) = send(&store, &lease, "C1", &[lab]).await;
    let mut new = receipt("C2");
    new.batch = Some("BATCH7 3/10".to_owned());
    let id = new.id;
    assert!(matches!(put(&store, &lease, new).await, Ok(Received::New { seq: 2, .. })));
    for (id, batch) in [(alone, None), (id, Some("BATCH7 3/10"))] {
        let detail = store.message(&Scope::All, id).await.unwrap().unwrap();
        assert_eq!(detail.batch.as_deref(), batch);
    }
    store.close().await.unwrap();
}

async fn a_second_engine_is_refused(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let Err(error) = home.try_open().await else { panic!("opened") };
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    assert_eq!(error.exit_code(), 78);
    send(&store, &lease, "C1", &[lab]).await;
    store.close().await.unwrap();
    drop((store, lease));
    let opened = home.opened().await;
    assert!(opened.clean, "the one that was refused left no trace");
    opened.store.close().await.unwrap();
}

async fn a_closed_store_refuses(home: Home) {
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    store.close().await.unwrap();
    let refused = store.receive(&lease, receipt("C1"), Box::new(|_| {})).await;
    assert_eq!(refused, Err(StoreError::Closed));
}
