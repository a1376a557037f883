//! The store key is changed and copied, and no message is lost or blinded.

use std::path::PathBuf;
use std::time::Duration;

use age::secrecy::ExposeSecret;
use config::KeySource;
use store::{
    BodyOf, EscrowError, MessageId, OpenError, Opened, Options, Recipients, RotateError, Scope,
    Settled, Store, read_archive, read_escrow,
};

use crate::home::{DAY_US, Home, body, now_us, owned, put, receipt, send, settle};
use crate::on_both;
use crate::people::{act, last, records};
use crate::raw::{Raw, contents, id};

on_both!(
    the_key_is_changed_while_messages_flow,
    a_change_that_was_cut_off_goes_on_with_both_keys_and_not_without,
    a_change_that_has_only_been_written_down_goes_on,
    what_cannot_be_changed_is_refused,
    a_copy_is_for_those_who_keep_it,
    what_is_in_clear_is_found,
);

fn next(home: &Home) -> KeySource {
    KeySource::File(home.folder.path().join("other/store-2.key"))
}

async fn try_open(
    home: &Home,
    (key, next): (&KeySource, Option<&KeySource>),
) -> Result<Opened, OpenError> {
    let data = home.data();
    let options = Options {
        url: &home.url,
        key,
        next_key: next,
        data_dir: &data,
        anchor: None,
        node: "test",
        version: "0.0.0",
    };
    Store::open(options, now_us()).await
}

/// Opens, waiting for the last task of a store that was dropped to let go of its lock.
async fn opened(home: &Home, keys: (&KeySource, Option<&KeySource>)) -> Opened {
    loop {
        match try_open(home, keys).await {
            Ok(opened) => return opened,
            Err(OpenError::Locked(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

struct Keeper {
    recipients: Recipients,
    identity: PathBuf,
}

fn keeper(home: &Home) -> Keeper {
    let key = age::x25519::Identity::generate();
    let identity = home.folder.path().join("keeper.key");
    std::fs::write(&identity, key.to_string().expose_secret()).unwrap();
    let recipients = Recipients::parse(&[key.to_public().to_string()]).unwrap();
    Keeper { recipients, identity }
}

fn copy(home: &Home, name: &str) -> PathBuf {
    home.folder.path().join("copies").join(name)
}

async fn kek(store: &Store) -> String {
    store.key_standing().await.unwrap().kek
}

/// How many data keys are wrapped by another store key than the one in force.
async fn left(store: &Store) -> i64 {
    let standing = store.key_standing().await.unwrap();
    standing.keys.iter().filter(|one| one.kek != standing.kek).map(|one| one.live).sum()
}

async fn reads(store: &Store, message: MessageId, control_id: &str) {
    let bytes = store.body(&Scope::All, BodyOf::Message(message)).await.unwrap();
    assert_eq!(*bytes.expose_phi(), body(control_id));
    let detail = store.message(&Scope::All, message).await.unwrap().unwrap();
    assert_eq!(detail.summary.control_id.unwrap().expose_phi(), control_id);
}

async fn the_key_is_changed_while_messages_flow(home: Home) {
    let (key, next) = (KeySource::File(home.key_file()), next(&home));
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let mut sent = vec![send(&store, &lease, "BEFORE", &[lab]).await];
    let before = kek(&store).await;
    let plan = store.plan_rotation(&next).await.unwrap();
    assert_eq!((&plan.from, &plan.to), (&before, &None));
    assert!(plan.keys >= 9, "those of the store, of bodies and of control ids: {plan:?}");
    let keeper = keeper(&home);
    let file = copy(&home, "keys.zst.age");
    let rotating = {
        let (store, next, file) = (store.clone(), next.clone(), file.clone());
        let recipients = keeper.recipients.clone();
        tokio::spawn(async move {
            store.rotate_key(&act("key.rotate"), &next, (file, &recipients)).await
        })
    };
    let mut n = 0;
    while n < 20 || !rotating.is_finished() {
        sent.push(send(&store, &lease, &format!("C{n}"), &[lab]).await);
        n += 1;
    }
    let rotated = rotating.await.unwrap().unwrap();
    assert_eq!((&rotated.from, &rotated.to), (&before, &kek(&store).await));
    assert!(rotated.keys >= plan.keys && rotated.backup == Some(file.clone()));
    assert_eq!(left(&store).await, 0);
    let said = last(&home).await;
    assert_eq!(
        (&said["action"], &said["after"]["to"]),
        (&"key.rotated".into(), &rotated.to.clone().into())
    );
    let mut text = String::new();
    let mut opened_copy = read_archive(&file, &keeper.identity).unwrap();
    std::io::Read::read_to_string(&mut opened_copy, &mut text).unwrap();
    let new = std::fs::read_to_string(home.folder.path().join("other/store-2.key")).unwrap();
    assert!(text.contains(&before) && text.contains(new.trim()), "both keys are in it");
    for (n, (message, open)) in sent.iter().enumerate() {
        let control_id = if n == 0 { "BEFORE".to_owned() } else { format!("C{}", n - 1) };
        reads(&store, *message, &control_id).await;
        store.settle(&lease, settle(*message, open[0], Settled::Delivered)).await.unwrap();
    }
    store.close().await.unwrap();

    // The old key alone opens nothing; with the new one it does not matter who is named first.
    let seen = contents(&home).await;
    let refused = try_open(&home, (&key, None)).await.err().unwrap();
    assert!(matches!(refused, OpenError::KeyWrong { .. }), "{refused}");
    assert!(contents(&home).await == seen, "nothing was touched");
    let both = opened(&home, (&key, Some(&next))).await;
    assert!(both.key_moved);
    reads(&both.store, sent[0].0, "BEFORE").await;
    both.store.close().await.unwrap();
    let new_alone = opened(&home, (&next, None)).await;
    assert!(!new_alone.key_moved);
    assert!(new_alone.store.verify_audit().await.unwrap().is_whole());
    reads(&new_alone.store, sent[1].0, "C0").await;
    new_alone.store.close().await.unwrap();
}

async fn a_change_that_was_cut_off_goes_on_with_both_keys_and_not_without(home: Home) {
    let (key, next) = (KeySource::File(home.key_file()), next(&home));
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (message, _) = send(&store, &lease, "C1", &[lab]).await;
    // Each day has keys of its own: there are several transactions of them.
    for day in 1..=600 {
        let mut old = receipt(&format!("D{day}"));
        old.received_us -= day * DAY_US;
        put(&store, &lease, old).await.unwrap();
    }
    let before = kek(&store).await;
    let keeper = keeper(&home);
    let order = act("key.rotate");
    let mut cut = Box::pin(store.rotate_key(
        &order,
        &next,
        (copy(&home, "keys.zst.age"), &keeper.recipients),
    ));
    // Some keys are wrapped by the new one already, and others are not.
    loop {
        let step = tokio::time::timeout(Duration::from_millis(1), &mut cut).await;
        assert!(step.is_err(), "it was not cut off");
        let standing = store.key_standing().await.unwrap();
        let of = |old: bool| standing.keys.iter().any(|one| (one.kek == before) == old);
        if standing.next.is_some() && of(true) && of(false) {
            break;
        }
    }
    drop(cut);
    let (during, _) = send(&store, &lease, "C2", &[lab]).await;
    assert_eq!(kek(&store).await, before);
    let again = store.plan_rotation(&next).await;
    assert!(matches!(again, Err(RotateError::UnderWay)));
    drop((store, lease));
    // Until the end one of the two is not enough.
    opened(&home, (&key, Some(&next))).await.store.close().await.unwrap();
    let seen = contents(&home).await;
    let without = try_open(&home, (&key, None)).await.err().unwrap();
    assert!(matches!(without, OpenError::KeyMissing { .. }), "{without}");
    let without = try_open(&home, (&next, None)).await.err().unwrap();
    assert!(matches!(without, OpenError::KeyWrong { .. }), "{without}");
    assert!(contents(&home).await == seen, "nothing was touched");
    let store = opened(&home, (&key, Some(&next))).await.store;
    reads(&store, message, "C1").await;
    reads(&store, during, "C2").await;
    let rotated = store.resume_rotation(&act("key.rotated"), &next).await.unwrap().unwrap();
    assert_eq!((rotated.from, rotated.backup), (before, None));
    assert_eq!(left(&store).await, 0);
    assert!(store.resume_rotation(&act("key.rotated"), &next).await.unwrap().is_none());
    store.close().await.unwrap();
    let store = opened(&home, (&next, None)).await.store;
    reads(&store, message, "C1").await;
    reads(&store, during, "C2").await;
    store.close().await.unwrap();
}

async fn a_change_that_has_only_been_written_down_goes_on(home: Home) {
    let (key, next) = (KeySource::File(home.key_file()), next(&home));
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (message, _) = send(&store, &lease, "C1", &[lab]).await;
    store.close().await.unwrap();
    // The new key is there, and nothing but its id in the store.
    let other = Home::sqlite();
    other.open().await.close().await.unwrap();
    std::fs::create_dir(home.folder.path().join("other")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(home.folder.path().join("other"), mode).unwrap();
    std::fs::copy(other.key_file(), home.folder.path().join("other/store-2.key")).unwrap();
    let mut raw = Raw::of(&other).await;
    let new = raw.blobs("select value from meta where name = 'kek_id'").await.remove(0);
    raw.close().await;
    let mut raw = Raw::of(&home).await;
    raw.put("insert into meta (name, value) values ('kek_next', $1)", new).await;
    raw.close().await;
    let store = opened(&home, (&key, Some(&next))).await.store;
    let (lease, lab, _) = owned(&store).await;
    let (during, _) = send(&store, &lease, "C2", &[lab]).await;
    let rotated = store.resume_rotation(&act("key.rotated"), &next).await.unwrap().unwrap();
    assert!(rotated.keys >= 9);
    reads(&store, message, "C1").await;
    reads(&store, during, "C2").await;
    assert_eq!(left(&store).await, 0);
    store.close().await.unwrap();
}

async fn what_cannot_be_changed_is_refused(home: Home) {
    let key = KeySource::File(home.key_file());
    let store = home.open().await;
    let keeper = keeper(&home);
    let before = (kek(&store).await, records(&home).await);
    let order = act("key.rotate");
    let to = |name: &str| (copy(&home, name), &keeper.recipients);
    let same = store.rotate_key(&order, &key, to("a")).await;
    assert!(matches!(same, Err(RotateError::Same)));
    let nowhere = KeySource::Environment("HILUM_STORE_TEST_NO_SUCH_KEY".to_owned());
    let nothing = store.rotate_key(&order, &nowhere, to("b")).await;
    assert!(matches!(nothing, Err(RotateError::Key(_))));
    // Without a copy for those who keep it, nothing.
    std::fs::write(home.folder.path().join("copies"), "a file, no folder").unwrap();
    let unkept = store.rotate_key(&order, &next(&home), to("c")).await;
    assert!(matches!(unkept, Err(RotateError::Backup { .. })));
    assert_eq!((kek(&store).await, records(&home).await), before);
    assert_eq!(store.key_standing().await.unwrap().next, None);
    store.close().await.unwrap();
}

async fn a_copy_is_for_those_who_keep_it(home: Home) {
    let store = home.open().await;
    let keeper = keeper(&home);
    assert_eq!(store.key_standing().await.unwrap().escrowed, None);
    let copied = store.escrow_key(&act("key.escrow"), &keeper.recipients).await.unwrap();
    assert_eq!(copied.kek, kek(&store).await);
    let said = last(&home).await;
    assert_eq!(
        (&said["action"], &said["after"]["sha256"]),
        (&"key.escrowed".into(), &copied.sha256.clone().into())
    );
    assert!(!said.to_string().contains(std::fs::read_to_string(home.key_file()).unwrap().trim()));
    let file = home.folder.path().join("copy.age");
    std::fs::write(&file, &copied.bytes).unwrap();
    assert_eq!(read_escrow(&file, &keeper.identity).unwrap(), copied.kek);
    let elsewhere = Home::sqlite();
    let stranger = self::keeper(&elsewhere).identity;
    assert!(read_escrow(&file, &stranger).is_err());
    let standing = store.key_standing().await.unwrap();
    assert_eq!(standing.escrowed.unwrap().0, copied.kek);
    assert_eq!(standing.escrow_verified_us, None);
    let other = store.escrow_verified(&act("key.escrow_verified"), "0123456789abcdef").await;
    assert!(matches!(other, Err(EscrowError::Other { .. })));
    store.escrow_verified(&act("key.escrow_verified"), &copied.kek).await.unwrap();
    assert!(store.key_standing().await.unwrap().escrow_verified_us.is_some());
    store.close().await.unwrap();
}

async fn what_is_in_clear_is_found(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let mut sent = Vec::new();
    for n in 0..5 {
        let (message, open) = send(&store, &lease, &format!("C{n}"), &[lab]).await;
        store.settle(&lease, settle(message, open[0], Settled::Delivered)).await.unwrap();
        sent.push(message);
    }
    let of = |columns: &[store::SealedColumn], name: &str| {
        let found = columns.iter().find(|one| one.column == name).copied();
        found.map(|one| (one.values, one.sealed))
    };
    let columns = store.count_sealed(|_| {}).await.unwrap();
    for name in ["bodies.blob", "messages.control_id", "attempts.response"] {
        assert_eq!(of(&columns, name), Some((5, 5)), "{name}");
    }
    let mut raw = Raw::of(&home).await;
    let clear = b"MSH|^~\\&|in clear".to_vec();
    raw.put(&format!("update bodies set blob = $1 where id = {}", id(&home, sent[2])), clear).await;
    raw.close().await;
    let columns = store.count_sealed(|_| {}).await.unwrap();
    assert_eq!(of(&columns, "bodies.blob"), Some((5, 4)));
    store.close().await.unwrap();
}
