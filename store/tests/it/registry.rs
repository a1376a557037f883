//! Peers, authorities and certificates: what is known stays known, and every change is recorded.

use crate::home::{Home, name, now_us};
use crate::on_both;
use crate::people::{act, last, records};
use crate::raw::Raw;
use phi::Secret;
use store::{
    AuthorityId, AuthorityKind, NewAuthority, NewIssued, NewPeer, NewPeerKey, PeerRights,
    PeerState, Revocation, RevocationList, Store, StoreError,
};

on_both!(
    a_peer_is_added_changed_and_revoked_for_ever,
    a_key_and_a_name_belong_to_one_peer_for_ever,
    a_rotated_peer_has_two_keys_and_never_three,
    nothing_of_the_registry_is_deleted,
    a_root_is_replaced_and_its_key_stays_sealed,
    certificates_are_revoked_with_their_list,
);

fn key(byte: u8) -> NewPeerKey {
    NewPeerKey { spki: [byte; 32], certificate: Some(vec![0x30, byte]) }
}

fn rights() -> PeerRights {
    PeerRights {
        channels: Some(vec![name("adt")]),
        applications: vec!["HIS".to_owned()],
        facilities: Vec::new(),
        sources: vec!["10.1.0.0/16".to_owned()],
    }
}

async fn add(store: &Store, peer: &str, byte: u8) -> Result<(), StoreError> {
    let new =
        NewPeer { name: name(peer), state: PeerState::Pending, rights: rights(), key: key(byte) };
    store.add_peer(&act("peer.add"), new).await
}

/// Exactly one record more, of this act on this thing.
async fn recorded(
    home: &Home,
    before: i64,
    action: &str,
    target: (&str, &str),
) -> serde_json::Value {
    assert_eq!(records(home).await, before + 1, "{action} leaves one record");
    let record = last(home).await;
    assert_eq!((&record["action"], &record["outcome"]), (&action.into(), &"success".into()));
    assert_eq!(
        (&record["target"]["type"], &record["target"]["id"]),
        (&target.0.into(), &target.1.into())
    );
    record
}

async fn a_peer_is_added_changed_and_revoked_for_ever(home: Home) {
    let store = home.open().await;
    let before = records(&home).await;
    add(&store, "his", 1).await.unwrap();
    let record = recorded(&home, before, "peer.add", ("peer", "his")).await;
    assert!(record["before"].is_null());
    assert_eq!(record["after"]["channels"], serde_json::json!(["adt"]));
    assert_eq!(record["after"]["keys"][0]["spki"], "01".repeat(32));
    let his = name("his");
    store.activate_peer(&act("peer.activate"), &his).await.unwrap();
    let record = recorded(&home, before + 1, "peer.activate", ("peer", "his")).await;
    assert_eq!(
        (&record["before"]["state"], &record["after"]["state"]),
        (&"pending".into(), &"active".into())
    );
    let wider = PeerRights { channels: None, facilities: vec!["WARD".to_owned()], ..rights() };
    store.set_peer_rights(&act("peer.set"), &his, wider.clone()).await.unwrap();
    let record = recorded(&home, before + 2, "peer.set", ("peer", "his")).await;
    assert_eq!(record["before"]["facilities"], serde_json::json!([]));
    assert_eq!(record["after"]["facilities"], serde_json::json!(["WARD"]));
    assert!(record["after"]["channels"].is_null(), "every channel");
    store.revoke_peer(&act("peer.revoke"), &his).await.unwrap();
    recorded(&home, before + 3, "peer.revoke", ("peer", "his")).await;
    let found = store.peers().await.unwrap().remove(0);
    assert_eq!((found.state, found.rights), (PeerState::Revoked, wider));
    assert_eq!((found.created_by.as_str(), found.keys.len()), ("user:ada", 1));
    let refused = [
        store.activate_peer(&act("peer.activate"), &his).await,
        store.set_peer_rights(&act("peer.set"), &his, rights()).await,
        store.rotate_peer(&act("peer.rotate"), &his, key(2), now_us()).await,
        store.revoke_peer(&act("peer.revoke"), &his).await,
    ];
    assert!(refused.iter().all(|done| matches!(done, Err(StoreError::Refused(_)))), "{refused:?}");
    assert_eq!(records(&home).await, before + 4, "what was not done is not recorded as done");
    let nobody = store.revoke_peer(&act("peer.revoke"), &name("nobody")).await;
    assert_eq!(nobody, Err(StoreError::NotFound("peer")));
    store.close().await.unwrap();
}

async fn a_key_and_a_name_belong_to_one_peer_for_ever(home: Home) {
    let store = home.open().await;
    add(&store, "his", 1).await.unwrap();
    assert!(
        matches!(add(&store, "lab", 1).await, Err(StoreError::Refused(_))),
        "the key of another"
    );
    assert!(
        matches!(add(&store, "his", 2).await, Err(StoreError::Refused(_))),
        "the name of another"
    );
    add(&store, "lab", 2).await.unwrap();
    let taken = store.rotate_peer(&act("peer.rotate"), &name("lab"), key(1), now_us()).await;
    assert!(matches!(taken, Err(StoreError::Refused(_))));
    store.revoke_peer(&act("peer.revoke"), &name("his")).await.unwrap();
    assert!(
        matches!(add(&store, "pacs", 1).await, Err(StoreError::Refused(_))),
        "also of a revoked one"
    );
    let keys: Vec<usize> =
        store.peers().await.unwrap().iter().map(|peer| peer.keys.len()).collect();
    assert_eq!(keys, [1, 1], "a refused act leaves nothing behind");
    store.close().await.unwrap();
}

async fn a_rotated_peer_has_two_keys_and_never_three(home: Home) {
    let store = home.open().await;
    let (his, overlap) = (name("his"), now_us() + crate::home::DAY_US);
    add(&store, "his", 1).await.unwrap();
    let before = records(&home).await;
    store.rotate_peer(&act("peer.rotate"), &his, key(2), overlap).await.unwrap();
    recorded(&home, before, "peer.rotate", ("peer", "his")).await;
    let in_force = async |at_us: i64| -> Vec<u8> {
        let keys = store.peers().await.unwrap().remove(0).keys;
        keys.iter().filter(|key| key.is_in_force(at_us)).map(|key| key.spki[0]).collect()
    };
    assert_eq!(in_force(now_us()).await, [1, 2]);
    assert_eq!(in_force(overlap).await, [2], "the overlap ends");
    store.rotate_peer(&act("peer.rotate"), &his, key(3), overlap).await.unwrap();
    assert_eq!(in_force(now_us()).await, [2, 3], "what was ending ends now");
    store.close().await.unwrap();
}

async fn nothing_of_the_registry_is_deleted(home: Home) {
    let store = home.open().await;
    let id = root(&store, "ca-1", 1, None).await.unwrap();
    add(&store, "his", 1).await.unwrap();
    let new = NewIssued {
        serial: [7; 16],
        authority: id,
        name: name("his"),
        certificate: vec![1],
        spki: [9; 32],
        until_us: now_us(),
    };
    store.add_issued(&act("ca.issue"), new).await.unwrap();
    let revocation =
        Revocation { name: name("his"), serials: vec![[7; 16]], lists: vec![(id, list(2))] };
    store.revoke_issued(&act("ca.revoke"), revocation).await.unwrap();
    store.revoke_peer(&act("peer.revoke"), &name("his")).await.unwrap();
    let mut raw = Raw::of(&home).await;
    for sql in [
        "delete from peers",
        "delete from peer_keys",
        "delete from authorities",
        "delete from certificates",
        "update peers set state = 11",
        "update peer_keys set peer = 'lab'",
        "update certificates set revoked_us = null",
    ] {
        assert!(!raw.allows(sql).await, "{sql}");
    }
    if home.is_postgres() {
        for table in ["peers cascade", "peer_keys", "authorities cascade", "certificates"] {
            assert!(!raw.allows(&format!("truncate {table}")).await, "{table}");
        }
    }
    raw.close().await;
    store.close().await.unwrap();
}

fn list(number: i64) -> RevocationList {
    RevocationList { der: vec![number as u8], number, until_us: now_us() }
}

const CANARY: &[u8] = b"CANARY-private-key-of-a-root";

async fn root(
    store: &Store,
    as_name: &str,
    byte: u8,
    replaces: Option<(AuthorityId, i64)>,
) -> Result<AuthorityId, StoreError> {
    let id = AuthorityId::new();
    let new = NewAuthority {
        id,
        name: name(as_name),
        kind: AuthorityKind::Own,
        certificate: vec![0x30, byte],
        spki: [byte; 32],
        private_key: Some(Secret::new(CANARY.to_vec())),
        crl_path: None,
        crl: Some(list(1)),
        replaces,
    };
    store.add_authority(&act("ca.init"), new).await.map(|()| id)
}

async fn a_root_is_replaced_and_its_key_stays_sealed(home: Home) {
    let store = home.open().await;
    let before = records(&home).await;
    let first = root(&store, "ca-1", 1, None).await.unwrap();
    recorded(&home, before, "ca.init", ("authority", "ca-1")).await;
    assert!(
        matches!(root(&store, "ca-2", 2, None).await, Err(StoreError::Refused(_))),
        "one signs"
    );
    let until = now_us() + crate::home::DAY_US;
    let second = root(&store, "ca-2", 2, Some((first, until))).await.unwrap();
    let known = store.authorities().await.unwrap();
    assert_eq!(known.iter().map(|one| one.id).collect::<Vec<_>>(), [first, second]);
    assert_eq!((known[0].until_us, known[1].until_us), (Some(until), None));
    let sealed = store.sealed_authority_key(first).await.unwrap();
    assert!(!sealed.windows(6).any(|window| window == &CANARY[..6]));
    assert_eq!(store.open_authority_key(first, &sealed).await.unwrap().expose_secret(), CANARY);
    let moved = store.open_authority_key(second, &sealed).await;
    assert!(matches!(moved, Err(StoreError::Unreadable(_))), "a key is sealed for its root alone");
    let mut raw = Raw::of(&home).await;
    let stored = raw.blobs("select private_key from authorities").await;
    assert!(stored.iter().all(|blob| !blob.windows(6).any(|window| window == &CANARY[..6])));
    raw.close().await;
    store.end_authority(&act("ca.distrust"), &known[0], now_us()).await.unwrap();
    let again = store.end_authority(&act("ca.distrust"), &known[0], until).await;
    assert!(matches!(again, Err(StoreError::Refused(_))), "an end is never put off");
    store.close().await.unwrap();
    let store = home.open().await;
    let sealed = store.sealed_authority_key(second).await.unwrap();
    assert_eq!(store.open_authority_key(second, &sealed).await.unwrap().expose_secret(), CANARY);
    store.close().await.unwrap();
}

async fn certificates_are_revoked_with_their_list(home: Home) {
    let store = home.open().await;
    let id = root(&store, "ca-1", 1, None).await.unwrap();
    let new = |byte: u8| NewIssued {
        serial: [byte; 16],
        authority: id,
        name: name("his"),
        certificate: vec![byte],
        spki: [byte; 32],
        until_us: now_us(),
    };
    let before = records(&home).await;
    store.add_issued(&act("ca.issue"), new(7)).await.unwrap();
    recorded(&home, before, "ca.issue", ("certificate", "his")).await;
    assert!(matches!(
        store.add_issued(&act("ca.issue"), new(7)).await,
        Err(StoreError::Refused(_))
    ));
    store.add_issued(&act("ca.issue"), new(8)).await.unwrap();
    let revocation = |serials: &[u8], number: i64| Revocation {
        name: name("his"),
        serials: serials.iter().map(|byte| [*byte; 16]).collect(),
        lists: vec![(id, list(number))],
    };
    store.revoke_issued(&act("ca.revoke"), revocation(&[7], 2)).await.unwrap();
    let record = last(&home).await;
    assert_eq!(record["after"]["revoked"], serde_json::json!(["07".repeat(16)]));
    for (stale, why) in
        [(revocation(&[7], 3), "revoked before"), (revocation(&[8], 2), "a stale list")]
    {
        let done = store.revoke_issued(&act("ca.revoke"), stale).await;
        assert!(matches!(done, Err(StoreError::Refused(_))), "{why}");
    }
    let issued = store.issued().await.unwrap();
    let revoked: Vec<bool> = issued.iter().map(|one| one.revoked.is_some()).collect();
    assert_eq!(revoked, [true, false], "both or neither");
    let known = store.authorities().await.unwrap().remove(0);
    assert_eq!(known.crl.as_ref().unwrap().number, 2);
    store.renew_crl(&act("ca.list"), &known, list(3)).await.unwrap();
    assert!(store.renew_crl(&act("ca.list"), &known, list(3)).await.is_err());
    store.close().await.unwrap();
}

/// A store that was made before there were secrets in it: its schema is brought up to date, and its key is made then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_of_before_gets_its_key_for_secrets() {
    let home = Home::sqlite();
    home.open().await.close().await.unwrap();
    let config::StoreUrl::Sqlite(file) = &home.url else { panic!("it is SQLite") };
    let new = file.with_file_name("new.db");
    std::fs::rename(file, &new).unwrap();
    std::fs::write(file, []).unwrap();
    home.tamper(include_str!("../../../migrations/sqlite/0001_store.sql")).await;
    let copied = format!(
        "attach '{}' as new; insert into schema_version values (1, 0); insert into meta select * from new.meta;
         insert into data_keys select id, purpose, channel, day, kek_id, wrapped, commitment, created_us, null
         from new.data_keys where purpose not in (16, 17);
         insert into audit_log select seq, ts_us, actor_id, action, channel_id, target_id, outcome, rec, leaf, chain, null, null
         from new.audit_log; insert into audit_head select one, next_seq, chain from new.audit_head",
        new.display()
    );
    home.tamper(&copied).await;
    let store = home.open().await;
    let id = root(&store, "ca-1", 1, None).await.unwrap();
    let sealed = store.sealed_authority_key(id).await.unwrap();
    assert_eq!(store.open_authority_key(id, &sealed).await.unwrap().expose_secret(), CANARY);
    assert_eq!(store.verify_audit().await.unwrap().fault, None);
    store.close().await.unwrap();
}
