//! Backups: what was there comes back, on whichever database, and nothing else is taken for one.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use config::{KeySource, StoreUrl};
use store::{
    AuditFault, BackupError, Recipients, RestoreError, RestoreTo, Scope, Settled, Store,
    UnreadableBackup, check_backup, drill, extract_backup, read_archive, restore,
};

use crate::home::{Home, now_us, owned, send, settle};
use crate::on_both;
use crate::people::{act, last, records};

on_both!(
    what_was_there_comes_back,
    a_changed_backup_is_none,
    a_backup_that_fails_leaves_nothing,
    another_key_restores_nothing,
);

/// Who can read backups, and where they go.
struct Keeper {
    key: Identity,
    file: PathBuf,
    folder: PathBuf,
}

impl Keeper {
    fn new(home: &Home) -> Keeper {
        use age::secrecy::ExposeSecret;
        let (key, file) = (Identity::generate(), home.folder.path().join("keeper.key"));
        fs::write(&file, key.to_string().expose_secret()).unwrap();
        Keeper { key, file, folder: home.folder.path().join("backups") }
    }

    async fn back_up(&self, store: &Store, home: &Home) -> Result<PathBuf, BackupError> {
        let file = self.folder.join(format!("{}.age", now_us()));
        let recipients = Recipients::parse(&[self.key.to_public().to_string()]).unwrap();
        let day_key = "keys/audit/epoch.key";
        let files = vec![
            ("site/server.toml".to_owned(), b"environment = \"test\"".to_vec()),
            ("site/channels/adt.toml".to_owned(), b"[source]".to_vec()),
            (format!("data/{day_key}"), fs::read(home.data().join(day_key)).unwrap()),
        ];
        let act = act("backup.created");
        let made = store.back_up(&act, &home.url, (file.clone(), &recipients), files).await?;
        assert_eq!(made.file, file);
        Ok(file)
    }

    fn open(&self, file: &Path) -> impl std::io::BufRead + use<> {
        read_archive(file, &self.file).unwrap()
    }
}

/// A store with two messages, one of them delivered to one of two.
async fn filled(home: &Home) -> Store {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (message, open) = send(&store, &lease, "C1", &[lab, ward]).await;
    store.settle(&lease, settle(message, open[0], Settled::Delivered)).await.unwrap();
    send(&store, &lease, "C2", &[lab]).await;
    store
}

/// An empty place of the other kind, with the key of a home.
struct Place {
    home: Home,
    key: KeySource,
}

impl Place {
    async fn other(than: &Home) -> Place {
        let home = if than.is_postgres() { Home::sqlite() } else { Home::postgres().await };
        fs::create_dir_all(home.data()).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(home.data(), fs::Permissions::from_mode(0o700)).unwrap();
        Place { home, key: KeySource::File(than.key_file()) }
    }

    async fn restore(&self, backup: impl std::io::BufRead) -> Result<u64, RestoreError> {
        let data = self.home.data();
        restore(backup, &to(&self.home.url, &self.key, &data), |_| {}).await.map(|done| done.held)
    }

    /// The store, with the key of the one that it is a copy of.
    async fn open(&self) -> Store {
        let data = self.home.data();
        let options = store::Options {
            url: &self.home.url,
            key: &self.key,
            next_key: None,
            data_dir: &data,
            anchor: None,
            node: "test",
            version: "0.0.0",
        };
        Store::open(options, now_us()).await.unwrap().store
    }
}

fn to<'a>(url: &'a StoreUrl, key: &'a KeySource, data_dir: &'a Path) -> RestoreTo<'a> {
    RestoreTo {
        url,
        key,
        data_dir,
        anchor: None,
        node: "test",
        version: "0.0.0",
        now_us: now_us(),
        actor: "os:0",
    }
}

async fn what_was_there_comes_back(home: Home) {
    let store = filled(&home).await;
    let keeper = Keeper::new(&home);
    let before = records(&home).await;
    let file = keeper.back_up(&store, &home).await.unwrap();
    let record = last(&home).await;
    assert_eq!((&record["action"], records(&home).await), (&"backup.created".into(), before + 1));
    // What happens afterwards is no part of it.
    let (lease, lab, _) = owned(&store).await;
    send(&store, &lease, "C3", &[lab]).await;
    store.close().await.unwrap();

    let summary = check_backup(keeper.open(&file), |_| {}).unwrap();
    assert_eq!(summary.audit, before, "{summary:?}");
    assert!(summary.tables.contains(&("messages".to_owned(), 2)) && summary.files.len() == 3);
    let mut raw = Vec::new();
    fs::File::open(&file).unwrap().read_to_end(&mut raw).unwrap();
    assert!(!raw.windows(6).any(|six| six == b"CANARY" || six == b"audit."), "sealed");

    let place = Place::other(&home).await;
    assert_eq!(place.restore(keeper.open(&file)).await.unwrap(), 2, "open deliveries are held");
    let store = place.open().await;
    let page = store::Page { after: None, limit: 10 };
    let found = store.messages(&Scope::All, &store::MessageFilter::default(), page).await.unwrap();
    assert_eq!(found.rows.len(), 2);
    for row in &found.rows {
        store.body(&Scope::All, store::BodyOf::Message(row.id)).await.unwrap();
        let detail = store.message(&Scope::All, row.id).await.unwrap().unwrap();
        for delivery in detail.deliveries {
            let held = delivery.reason.is_some_and(|reason| reason.code == "restored");
            assert_eq!(held, delivery.state != store::DeliveryState::Delivered);
        }
    }
    let report = store.verify_audit().await.unwrap();
    assert_eq!(report.fault, None, "{report:?}");
    assert_eq!(last(&place.home).await["action"], "store.restored");
    store.close().await.unwrap();
    drop(store);
    let again = place.restore(keeper.open(&file)).await;
    assert!(again.is_err(), "never over a store");

    // The same as a trial, in a folder of its own.
    let folder = home.folder.path().join("drill");
    let url = StoreUrl::Sqlite(folder.join("hilum.db"));
    fs::create_dir_all(&folder).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    let tried = drill(keeper.open(&file), &to(&url, &place.key, &folder), |_| {}).await.unwrap();
    assert!(tried.audit.fault.is_none() && tried.bodies == 2, "{tried:?}");

    // The site's files, over nothing that is there.
    let site = home.folder.path().join("site");
    let out = extract_backup(keeper.open(&file), &site).unwrap();
    assert_eq!(out.0, [site.join("server.toml"), site.join("channels/adt.toml")]);
    assert!(extract_backup(keeper.open(&file), &site).is_err());
}

async fn a_changed_backup_is_none(home: Home) {
    let store = filled(&home).await;
    let keeper = Keeper::new(&home);
    let file = keeper.back_up(&store, &home).await.unwrap();
    store.close().await.unwrap();
    let mut whole = Vec::new();
    keeper.open(&file).read_to_end(&mut whole).unwrap();
    check_backup(&whole[..], |_| {}).unwrap();
    // A part of it, at every cut near a frame and some in between.
    for cut in (0..whole.len()).step_by(97).chain(whole.len() - 200..whole.len()) {
        assert!(check_backup(&whole[..cut], |_| {}).is_err(), "cut at {cut}");
    }
    for at in (0..whole.len()).step_by(53) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let outcome = check_backup(&changed[..], |_| {});
        assert!(outcome.is_err(), "changed at {at}: {outcome:?}");
    }
    let more = [&whole[..], b"S"].concat();
    assert!(check_backup(&more[..], |_| {}).is_err(), "something behind its end");
    // The file as it lies there, too.
    let bytes = fs::read(&file).unwrap();
    for at in [bytes.len() / 2, bytes.len() - 20] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let path = home.folder.path().join("changed");
        fs::write(&path, &changed).unwrap();
        let opened = read_archive(&path, &keeper.file);
        let read =
            opened.map_err(UnreadableBackup::from).and_then(|open| check_backup(open, |_| {}));
        assert!(read.is_err(), "changed at {at}");
    }
    let place = Place::other(&home).await;
    assert!(place.restore(&whole[..whole.len() - 1]).await.is_err());
    let none = !place.home.is_postgres()
        || place
            .home
            .number("select count(*) from information_schema.tables where table_schema = 'public'")
            .await
            == 0;
    assert!(none, "nothing is left of it");
    place.restore(&whole[..]).await.unwrap();
}

async fn a_backup_that_fails_leaves_nothing(home: Home) {
    let store = filled(&home).await;
    let mut keeper = Keeper::new(&home);
    let before = records(&home).await;
    for nowhere in
        [home.key_file().join("x"), PathBuf::from("/dev/full/x"), PathBuf::from("/proc/x")]
    {
        keeper.folder = nowhere;
        let failed = keeper.back_up(&store, &home).await;
        assert!(matches!(failed, Err(BackupError::File { .. })), "{failed:?}");
    }
    assert_eq!(records(&home).await, before, "what was not made is not recorded as made");
    keeper.folder = home.folder.path().join("backups");
    keeper.back_up(&store, &home).await.unwrap();
    assert_eq!(fs::read_dir(&keeper.folder).unwrap().count(), 1);
    store.close().await.unwrap();
}

async fn another_key_restores_nothing(home: Home) {
    let store = filled(&home).await;
    let keeper = Keeper::new(&home);
    let file = keeper.back_up(&store, &home).await.unwrap();
    assert_eq!(store.verify_audit().await.unwrap().fault, None::<AuditFault>);
    store.close().await.unwrap();
    let mut place = Place::other(&home).await;
    let right = place.key.clone();
    place.key = KeySource::File(home.folder.path().join("missing.key"));
    let missing = place.restore(keeper.open(&file)).await;
    assert!(matches!(missing, Err(RestoreError::Open(store::OpenError::KeyMissing { .. }))));
    let other = home.folder.path().join("keys");
    fs::create_dir_all(&other).unwrap();
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(&other, fs::Permissions::from_mode(0o700)).unwrap();
    let wrong = other.join("wrong.key");
    fs::write(&wrong, "ab".repeat(32)).unwrap();
    fs::set_permissions(&wrong, fs::Permissions::from_mode(0o600)).unwrap();
    place.key = KeySource::File(wrong);
    let wrong = place.restore(keeper.open(&file)).await;
    assert!(matches!(wrong, Err(RestoreError::Open(store::OpenError::KeyWrong { .. }))));
    place.key = right;
    place.restore(keeper.open(&file)).await.unwrap();
}
