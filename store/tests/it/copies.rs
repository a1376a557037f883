//! Copies of whole stores: everything is there, whichever database it was and is in.

use store::{CopyError, OpenError, Scope, Settled, Store, copy_store};

use crate::home::{Home, now_us, owned, send, settle};
use crate::people::act;

/// A store with something in most tables.
async fn filled(home: &Home) -> Store {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (message, open) = send(&store, &lease, "C1", &[lab, ward]).await;
    store.settle(&lease, settle(message, open[0], Settled::Delivered)).await.unwrap();
    send(&store, &lease, "C2", &[lab]).await;
    store.digest_ledger(now_us() + 120_000_000).await.unwrap();
    store.keep_audit(now_us()).await.unwrap();
    store
}

/// The same keys and anchors for the copy, as when a site moves.
fn move_keys(from: &Home, to: &Home) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(to.data()).unwrap();
    for folder in ["keys", "anchors"] {
        copy_folder(&from.data().join(folder), &to.data().join(folder));
    }
    std::fs::set_permissions(to.data(), std::fs::Permissions::from_mode(0o700)).unwrap();
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    let done = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(done.success());
}

async fn moves(from: Home, to: Home) {
    let store = filled(&from).await;
    let sent = messages(&store).await;
    let locked = copy_store(&from.url, &to.url, |_, _| {}).await;
    assert!(matches!(locked, Err(CopyError::Open(OpenError::Locked(_)))), "{locked:?}");
    store.close().await.unwrap();
    drop(store);
    move_keys(&from, &to);
    let mut told = (0, 0);
    let copied = loop {
        match copy_store(&from.url, &to.url, |done, total| told = (done, total)).await {
            // The last task of the store lets go of its lock in a moment.
            Err(CopyError::Open(OpenError::Locked(_))) => tokio::task::yield_now().await,
            copied => break copied.unwrap(),
        }
    };
    assert!(told.0 == told.1 && told.0 > 20, "{told:?}");
    let rows = |table: &str| copied.iter().find(|one| one.table == table).unwrap().tally.rows;
    assert_eq!((rows("messages"), rows("attempts"), rows("channels")), (2, 1, 1));
    let again = copy_store(&from.url, &to.url, |_, _| {}).await;
    assert!(matches!(again, Err(CopyError::NotEmpty)), "{again:?}");

    let store = to.open().await;
    assert_eq!(messages(&store).await, sent, "bodies open, and everything is as it was");
    let report = store.verify_audit().await.unwrap();
    assert!(report.fault.is_none() && report.history.unwrap().messages == 2, "{report:?}");
    // It goes on: numbers are behind those that were copied.
    let (lease, lab, _) = owned(&store).await;
    let (message, _) = send(&store, &lease, "C3", &[lab]).await;
    let detail = store.message(&Scope::All, message).await.unwrap().unwrap();
    assert_eq!(detail.summary.seq, 3);
    store.own(&crate::home::name("other"), &[crate::home::name("lab")]).await.unwrap();
    store.record(&act("audit.read"), target(), store::ActOutcome::Success, None).await.unwrap();
    store.close().await.unwrap();
}

fn target() -> store::Target {
    store::Target { kind: "audit-log", id: None, channel: None }
}

async fn messages(store: &Store) -> Vec<(String, String)> {
    let page = store::Page { after: None, limit: 10 };
    let found = store.messages(&Scope::All, &store::MessageFilter::default(), page).await.unwrap();
    found
        .rows
        .iter()
        .map(|row| (row.id.to_string(), format!("{} {:?}", row.seq, row.disposition)))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_sqlite_to_postgres() {
    moves(Home::sqlite(), Home::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_postgres_to_sqlite() {
    moves(Home::postgres().await, Home::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_one_database_to_another_of_its_kind() {
    moves(Home::sqlite(), Home::sqlite()).await;
    moves(Home::postgres().await, Home::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_copied_from_nothing() {
    let (from, to) = (Home::sqlite(), Home::sqlite());
    std::fs::create_dir_all(to.data()).unwrap();
    let nothing = copy_store(&from.url, &to.url, |_, _| {}).await;
    assert!(matches!(nothing, Err(CopyError::Nothing(_))), "{nothing:?}");
    assert!(!to.data().join("hilum.db").exists());
}
