//! Retention of the audit log: a store of years ago, and an engine of today.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use age::x25519::Identity;
use config::{KeySource, StoreUrl};
use engine::{Books, Clock, Engine, RetentionError, StartOptions, site};
use store::{AUDIT_ARCHIVED, Act, ActOutcome, Actor, ActorKind, Store, Target};

const DAY_US: i64 = 86_400 * 1_000_000;

/// A site with an archive, or without one.
fn make_site(folder: &Path, archive: bool) {
    let key = Identity::generate().to_public();
    let archive = match archive {
        true => format!("[audit]\narchive = {{ recipients = [\"{key}\"] }}\n"),
        false => String::new(),
    };
    fs::create_dir_all(folder.join("channels")).unwrap();
    fs::write(folder.join("server.toml"), archive).unwrap();
    fs::DirBuilder::new().mode(0o700).create(folder.join("data")).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
}

fn act(action: &'static str, now_us: i64) -> Act {
    let actor = Actor::new(ActorKind::User, "user:ada");
    Act { actor, action, purpose: None, approval: None, request: None, now_us }
}

/// Records as they were written so many days ago, with a checkpoint behind them.
async fn write(folder: &Path, days: i64, records: usize) {
    let data = folder.join("data");
    let (url, key) =
        (StoreUrl::Sqlite(data.join("hilum.db")), KeySource::File(data.join("keys/store.key")));
    let options = store::Options {
        url: &url,
        key: &key,
        next_key: None,
        data_dir: &data,
        anchor: None,
        node: "then",
        version: "0.0.0",
    };
    let then_us = Clock.now_us() - days * DAY_US;
    let store = Store::open(options, then_us).await.unwrap().store;
    store.keep_audit(then_us).await.unwrap();
    for n in 0..records {
        let target = Target { kind: "audit-log", id: None, channel: None };
        let act = act("audit.read", then_us + n as i64);
        store.record(&act, target, ActOutcome::Success, None).await.unwrap();
    }
    store.checkpoint_audit(then_us + records as i64).await.unwrap();
    store.close().await.unwrap();
}

async fn start(folder: &Path) -> Engine {
    let (site, diagnostics) = site::check(folder, None);
    let site = site.unwrap_or_else(|| panic!("{}", diagnostics.render(false)));
    let books = async |_: &Store| {
        Ok(Books { peers: Arc::new(net::Nobody), programs: Arc::new(net::Nobody) })
    };
    Engine::start(site, StartOptions::default(), books).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn months_that_are_over_leave_the_log_each_into_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    make_site(folder.path(), true);
    for (days, records) in [(3_000, 10), (2_900, 10), (100, 200)] {
        write(folder.path(), days, records).await;
    }
    let engine = start(folder.path()).await;
    let due = engine.audit_due().await.unwrap();
    assert_eq!((due.years, due.needs_a_person), (7, false), "{due:?}");
    let over = due.due.unwrap();
    assert!(over.first == 0 && (20..30).contains(&over.next), "{over:?}");
    let now_us = Clock.now_us();
    let archived = engine.archive_audit(&act(AUDIT_ARCHIVED, now_us), false).await.unwrap();
    assert_eq!(archived.len(), 2, "two months: {archived:?}");
    assert_eq!(archived[0].segment.next, archived[1].segment.first);
    assert_eq!(archived[1].segment.next, over.next);
    for one in &archived {
        let name = one.file.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("audit-20") && name.ends_with(".jsonl.zst.age"), "{name}");
        assert!(one.file.exists());
    }
    engine.store().keep_audit(now_us).await.unwrap();
    let report = engine.store().verify_audit().await.unwrap();
    assert!(report.is_whole() && report.first == over.next, "{report:?}");
    assert_eq!(engine.audit_due().await.unwrap().due, None);
    let again = engine.archive_audit(&act(AUDIT_ARCHIVED, now_us), false).await.unwrap();
    assert_eq!(again, []);
    engine.stop().await;
}

/// I-08: a clock that is years ahead takes nothing out; a person does.
#[tokio::test(flavor = "multi_thread")]
async fn most_of_the_log_never_goes_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    make_site(folder.path(), true);
    write(folder.path(), 3_000, 50).await;
    let engine = start(folder.path()).await;
    assert!(engine.audit_due().await.unwrap().needs_a_person);
    let act = act(AUDIT_ARCHIVED, Clock.now_us());
    let refused = engine.archive_audit(&act, false).await;
    assert!(matches!(refused, Err(RetentionError::TooMany)), "{refused:?}");
    assert_eq!(engine.archive_audit(&act, true).await.unwrap().len(), 1);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_archive_everything_stays() {
    let folder = tempfile::tempdir().unwrap();
    make_site(folder.path(), false);
    write(folder.path(), 3_000, 5).await;
    let engine = start(folder.path()).await;
    let records = engine.audit_due().await.unwrap().records;
    let act = act(AUDIT_ARCHIVED, Clock.now_us());
    let refused = engine.archive_audit(&act, true).await;
    assert!(matches!(refused, Err(RetentionError::NoArchive)), "{refused:?}");
    assert_eq!(engine.audit_due().await.unwrap().records, records);
    engine.stop().await;
}
