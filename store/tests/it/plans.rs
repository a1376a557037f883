//! What PostgreSQL plans once must stay right while tables grow.

use crate::home::{Home, owned, send, settle};
use store::Settled;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_go_by_key_although_they_are_planned_on_empty_tables() {
    let home = Home::postgres().await;
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    for n in 0..30 {
        let (message, open) = send(&store, &lease, &format!("C{n}"), &[lab, ward]).await;
        for delivery in open {
            let ticket = store.settle(&lease, settle(message, delivery, Settled::Delivered));
            ticket.hurry();
            ticket.await.unwrap();
        }
    }
    // A session reports what it has read when it ends.
    store.close().await.unwrap();
    let tables = "'messages', 'deliveries', 'bodies', 'attempts', 'dups', 'counters'";
    let walked =
        format!("select sum(seq_tup_read) from pg_stat_user_tables where relname in ({tables})");
    assert_eq!(home.number(&walked).await, 0, "rows that were walked through");
    let open =
        "select sum(idx_tup_read) from pg_stat_user_indexes where indexrelname = 'deliveries_open'";
    assert_eq!(home.number(open).await, 0, "open deliveries that were walked through");
    let found =
        format!("select sum(idx_scan) from pg_stat_user_tables where relname in ({tables})");
    assert!(home.number(&found).await > 60, "the reports have come in");
}
