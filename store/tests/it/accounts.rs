//! Accounts: guesses are counted before they are compared, codes are good once, and somebody always owns the system.

use std::collections::BTreeSet;

use crate::home::{Home, name, now_us};
use crate::on_both;
use crate::people::{act, last, records};
use crate::raw::{Raw, contents};
use phi::Secret;
use store::{
    Granted, Locking, NewSession, NewUser, Scope, SecondFactor, SignIn, Store, StoreError, UserId,
    UserState,
};

on_both!(
    of_two_first_owners_there_is_one,
    no_number_of_guesses_at_once_gets_further,
    a_step_and_a_recovery_code_are_good_once,
    a_change_ends_every_session,
    the_oldest_session_gives_way,
    the_last_owner_stays,
    secrets_are_sealed_and_users_are_kept,
);

const LOCKING: Locking = Locking { guesses: 5, for_us: 60_000_000 };

fn person(user: &str, grants: Vec<Granted>, first: bool) -> NewUser {
    NewUser {
        id: UserId::new(),
        name: name(user),
        password: Secret::new("$argon2id$CANARY".to_owned()),
        second_factor: Some((Secret::new(b"FACTOR-CANARY".to_vec()), 7)),
        recovery: vec![Secret::new("RECOVERY-CANARY".to_owned())],
        grants,
        first,
    }
}

fn owner() -> Vec<Granted> {
    vec![Granted { role: "system-owner".to_owned(), scope: Scope::All }]
}

async fn added(store: &Store, user: &str, grants: Vec<Granted>) -> UserId {
    let new = person(user, grants, false);
    let id = new.id;
    store.add_user(&act("user.add"), new).await.unwrap();
    id
}

async fn sign_in(
    store: &Store,
    user: UserId,
    token: u8,
    factor: SecondFactor,
) -> Result<bool, StoreError> {
    sign_in_at(store, user, token, (factor, now_us() + i64::from(token))).await
}

async fn sign_in_at(
    store: &Store,
    user: UserId,
    token: u8,
    (factor, now_us): (SecondFactor, i64),
) -> Result<bool, StoreError> {
    let generation =
        store.users().await.unwrap().iter().find(|one| one.id == user).unwrap().generation;
    let session = NewSession {
        token: [token; 32],
        now_us,
        until_us: now_us + 3_600_000_000,
        auth: "password",
        address: "local".to_owned(),
        at_once: 3,
    };
    let sign_in = SignIn { user, generation, factor, session, replaces: None };
    store.sign_in(&act("auth.login"), sign_in).await
}

async fn of_two_first_owners_there_is_one(home: Home) {
    let store = home.open().await;
    assert!(store.has_no_users().await.unwrap());
    let act = act("bootstrap.claimed");
    let (one, other) = tokio::join!(
        store.add_user(&act, person("ada", owner(), true)),
        store.add_user(&act, person("bob", owner(), true)),
    );
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert_eq!(store.users().await.unwrap().len(), 1);
    assert_eq!(last(&home).await["action"], "bootstrap.claimed");
}

async fn no_number_of_guesses_at_once_gets_further(home: Home) {
    let store = home.open().await;
    let user = added(&store, "ada", Vec::new()).await;
    let at = now_us();
    let guesses = (0..20).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.guess(user, LOCKING, at).await.unwrap() })
    });
    let guesses: Vec<_> = guesses.collect();
    let (mut taken, mut last) = (0, 0);
    for guess in guesses {
        let (one, closes) = guess.await.unwrap();
        taken += i32::from(one);
        last += i32::from(closes);
    }
    assert_eq!((taken, last), (5, 1), "five are compared, and one of them locks");
    assert_eq!(store.guess(user, LOCKING, at + LOCKING.for_us - 1).await, Ok((false, false)));
    // A lock that has ended begins to count anew.
    let after = at + LOCKING.for_us;
    for n in 1..=5 {
        assert_eq!(store.guess(user, LOCKING, after).await, Ok((true, n == 5)), "guess {n}");
    }
    store.unlock_user(&act("user.unlock"), user).await.unwrap();
    assert_eq!(store.guess(user, LOCKING, after).await, Ok((true, false)));
    // The right one takes all guesses back.
    assert_eq!(sign_in(&store, user, 1, SecondFactor::Step(8)).await, Ok(true));
    for n in 1..=5 {
        assert_eq!(store.guess(user, LOCKING, after).await, Ok((true, n == 5)), "guess {n} anew");
    }
}

async fn a_step_and_a_recovery_code_are_good_once(home: Home) {
    let store = home.open().await;
    let user = added(&store, "ada", Vec::new()).await;
    for (step, good) in [(7, false), (6, false), (8, true), (8, false), (9, true)] {
        let token = u8::try_from(step).unwrap();
        assert_eq!(
            sign_in(&store, user, token, SecondFactor::Step(step)).await,
            Ok(good),
            "{step}"
        );
    }
    let recovery = || SecondFactor::Recovery(Secret::new("RECOVERY-CANARY".to_owned()));
    assert_eq!(sign_in(&store, user, 20, recovery()).await, Ok(true));
    assert!(matches!(sign_in(&store, user, 21, recovery()).await, Err(StoreError::Refused(_))));
    assert!(store.session(&[21; 32]).await.unwrap().is_none());
    let other = added(&store, "bob", Vec::new()).await;
    let stolen = SecondFactor::Recovery(Secret::new("OTHER".to_owned()));
    assert!(sign_in(&store, other, 22, stolen).await.is_err());
}

async fn a_change_ends_every_session(home: Home) {
    let store = home.open().await;
    let user = added(&store, "ada", Vec::new()).await;
    let phc = || Secret::new("$argon2id$OTHER".to_owned());
    for n in 1..=5_u8 {
        assert_eq!(sign_in(&store, user, n, SecondFactor::None).await, Ok(true));
        assert!(store.session(&[n; 32]).await.unwrap().unwrap().is_current);
        let before = records(&home).await;
        let act = act("user.change");
        let granted = vec![Granted {
            role: "viewer".to_owned(),
            scope: Scope::Channels(BTreeSet::from([name("adt")])),
        }];
        match n {
            1 => store.set_password(&act, user, phc()).await,
            2 => store.set_second_factor(&act, user, None, Vec::new()).await,
            3 => store.set_grants(&act, user, granted).await,
            4 => store.set_user_state(&act, user, UserState::Disabled).await,
            _ => store.set_user_state(&act, user, UserState::Active).await,
        }
        .unwrap();
        assert_eq!(records(&home).await, before + 1);
        let session = store.session(&[n; 32]).await.unwrap().unwrap();
        assert!(!session.is_current, "change {n}");
        if n == 4 {
            assert_eq!(sign_in(&store, user, 9, SecondFactor::None).await, Ok(false), "disabled");
            store.set_user_state(&act, user, UserState::Active).await.unwrap();
        }
    }
    let record = last(&home).await;
    assert_eq!(record["before"]["grants"][0]["channels"][0], "adt");
}

async fn the_oldest_session_gives_way(home: Home) {
    let store = home.open().await;
    let user = added(&store, "ada", Vec::new()).await;
    for token in 1..=4 {
        assert_eq!(sign_in(&store, user, token, SecondFactor::None).await, Ok(true));
    }
    let left: Vec<u8> = store.sessions().await.unwrap().iter().map(|row| row.token[0]).collect();
    assert_eq!(left, [4, 3, 2]);
    store.end_session(&act("session.end"), user, [3; 32]).await.unwrap();
    assert_eq!(
        store.end_session(&act("session.end"), user, [3; 32]).await,
        Err(StoreError::NotFound("session"))
    );
    let left: Vec<u8> = store.sessions().await.unwrap().iter().map(|row| row.token[0]).collect();
    assert_eq!(left, [4, 2]);
    // The one that has just begun is kept, whatever the clock says of the others.
    for token in [6, 7, 5] {
        let earlier = (SecondFactor::None, 1_700_000_000_000_000);
        assert_eq!(sign_in_at(&store, user, token, earlier).await, Ok(true));
        assert!(store.session(&[token; 32]).await.unwrap().is_some(), "{token}");
    }
}

async fn the_last_owner_stays(home: Home) {
    let store = home.open().await;
    let ada = added(&store, "ada", owner()).await;
    let refused = Err(StoreError::Refused("this is the last owner of the system"));
    assert_eq!(store.set_grants(&act("x"), ada, Vec::new()).await, refused);
    assert_eq!(store.set_user_state(&act("x"), ada, UserState::Disabled).await, refused);
    let bob = added(&store, "bob", owner()).await;
    assert_eq!(store.set_user_state(&act("x"), ada, UserState::Disabled).await, Ok(()));
    assert_eq!(store.set_grants(&act("x"), bob, Vec::new()).await, refused, "ada is disabled");
}

async fn secrets_are_sealed_and_users_are_kept(home: Home) {
    let store = home.open().await;
    let user = added(&store, "ada", owner()).await;
    let known = store.credentials(&name("ada")).await.unwrap().unwrap();
    assert_eq!(known.password.expose_secret(), b"$argon2id$CANARY");
    assert_eq!(known.second_factor.unwrap().expose_secret(), b"FACTOR-CANARY");
    assert!(store.credentials(&name("bob")).await.unwrap().is_none());
    assert_eq!(store.user(&name("ada")).await.unwrap().unwrap().id, user);
    let same = store.add_user(&act("user.add"), person("ada", Vec::new(), false)).await;
    assert!(matches!(same, Err(StoreError::Refused(_))));
    store.close().await.unwrap();
    let everything = contents(&home).await;
    for canary in ["CANARY", "RECOVERY"] {
        let found = everything.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(!found, "{canary} is readable in the database");
    }
    let mut raw = Raw::of(&home).await;
    assert!(!raw.allows("delete from users").await, "a user is never deleted");
    raw.close().await;
}
