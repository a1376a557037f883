//! Approvals and emergencies: what is good once is used once, whoever is quick.

use phi::Secret;
use store::{
    Act, ActOutcome, Agreed, ApprovalState, Locking, NewApproval, NewEmergency, Scope, Store,
    StoreError, Target,
};
use uuid::Uuid;

use crate::home::{DAY_US, HOUR_US, Home, now_us};
use crate::on_both;
use crate::people::{act, act_of, last, records};

on_both!(
    an_approval_is_given_by_somebody_else_and_used_once,
    an_approval_is_for_one_thing_one_person_and_one_day,
    of_two_at_once_one_decides_and_one_acts,
    an_envelope_is_opened_once,
    wrong_passphrases_lock_all_envelopes,
    a_review_is_asked_for_until_there_is_one,
);

const DIGEST: [u8; 32] = [7; 32];

async fn asked(store: &Store) -> Uuid {
    let id = Uuid::now_v7();
    let new = NewApproval {
        id,
        action: "user.grants",
        digest: DIGEST,
        summary: "let `olaf` be system-owner".to_owned(),
        scope: Scope::All,
        until_us: now_us() + DAY_US,
    };
    store.ask_for_approval(&act("approval.ask"), new).await.unwrap();
    id
}

async fn used(store: &Store, who: &str, id: Uuid, digest: [u8; 32], now: i64) -> bool {
    let act = Act {
        approval: Some(Agreed { id, spends: Some(digest) }),
        now_us: now,
        ..act_of(who, "user.grants")
    };
    let target = Target { kind: "user", id: None, channel: None };
    match store.record(&act, target, ActOutcome::Success, None).await {
        Ok(()) => true,
        Err(StoreError::Refused(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn an_approval_is_given_by_somebody_else_and_used_once(home: Home) {
    let store = home.open().await;
    let id = asked(&store).await;
    assert!(!used(&store, "user:ada", id, DIGEST, now_us()).await, "nobody has agreed");
    let own = store.decide_approval(&act("approval.approve"), id, true).await;
    assert!(matches!(own, Err(StoreError::Refused(_))), "one's own: {own:?}");
    store.decide_approval(&act_of("user:bob", "approval.approve"), id, true).await.unwrap();
    let before = records(&home).await;
    assert!(used(&store, "user:ada", id, DIGEST, now_us()).await);
    assert_eq!(last(&home).await["approval"], id.to_string());
    assert!(!used(&store, "user:ada", id, DIGEST, now_us()).await, "once");
    assert_eq!(records(&home).await, before + 1, "what is refused leaves no record of an act");
    let row = store.approval(id).await.unwrap().unwrap();
    assert_eq!((row.state, row.decided_by.as_deref()), (ApprovalState::Done, Some("user:bob")));
    assert!(store.verify_audit().await.unwrap().fault.is_none());
    store.close().await.unwrap();
}

async fn an_approval_is_for_one_thing_one_person_and_one_day(home: Home) {
    let store = home.open().await;
    let id = asked(&store).await;
    store.decide_approval(&act_of("user:bob", "approval.approve"), id, true).await.unwrap();
    assert!(!used(&store, "user:ada", id, [8; 32], now_us()).await, "something else");
    assert!(!used(&store, "user:eve", id, DIGEST, now_us()).await, "somebody else");
    assert!(!used(&store, "user:ada", id, DIGEST, now_us() + 2 * DAY_US).await, "too late");
    assert!(used(&store, "user:ada", id, DIGEST, now_us()).await);

    let id = asked(&store).await;
    let late = Act { now_us: now_us() + 2 * DAY_US, ..act_of("user:bob", "approval.approve") };
    assert!(store.decide_approval(&late, id, true).await.is_err(), "nobody agrees to what is over");
    store.decide_approval(&act_of("user:bob", "approval.refuse"), id, false).await.unwrap();
    assert!(!used(&store, "user:ada", id, DIGEST, now_us()).await, "refused");
    let again = store.decide_approval(&act_of("user:bob", "approval.approve"), id, true).await;
    assert!(again.is_err(), "decided is decided");
    store.close().await.unwrap();
}

async fn of_two_at_once_one_decides_and_one_acts(home: Home) {
    let store = home.open().await;
    let id = asked(&store).await;
    let (bob, cara) =
        (act_of("user:bob", "approval.approve"), act_of("user:cara", "approval.refuse"));
    let (one, other) = tokio::join!(
        store.decide_approval(&bob, id, true),
        store.decide_approval(&cara, id, false)
    );
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let id = asked(&store).await;
    store.decide_approval(&bob, id, true).await.unwrap();
    let now = now_us();
    let (one, other) = tokio::join!(
        used(&store, "user:ada", id, DIGEST, now),
        used(&store, "user:ada", id, DIGEST, now)
    );
    assert!(one != other);
    store.close().await.unwrap();
}

async fn sealed(store: &Store, count: usize) -> Vec<Uuid> {
    let phcs = (0..count).map(|n| Secret::new(format!("phc {n}"))).collect();
    store.put_envelopes(&act("breakglass.sealed"), phcs).await.unwrap();
    store.envelopes().await.unwrap().into_iter().map(|(id, _)| id).collect()
}

fn opening(envelope: Uuid, token: u8, now: i64) -> NewEmergency {
    NewEmergency {
        id: Uuid::now_v7(),
        token: [token; 32],
        envelope,
        name: "Ada".to_owned(),
        ticket: Some("T-1".to_owned()),
        until_us: now + HOUR_US,
        idle_before_us: now - HOUR_US / 4,
        address: "127.0.0.1".to_owned(),
    }
}

async fn an_envelope_is_opened_once(home: Home) {
    let store = home.open().await;
    let envelopes = sealed(&store, 2).await;
    assert_eq!(envelopes.len(), 2);
    let now = now_us();
    let begin = |new: NewEmergency, at: i64| {
        let act = Act { now_us: at, ..act("breakglass.opened") };
        let store = store.clone();
        async move { store.begin_emergency(&act, new).await }
    };
    begin(opening(envelopes[0], 1, now), now).await.unwrap();
    let second = begin(opening(envelopes[1], 2, now), now).await;
    assert!(matches!(second, Err(StoreError::Refused(_))), "one at a time");
    assert_eq!(store.envelopes().await.unwrap().len(), 1, "spent");
    let row = store.emergency(&[1; 32]).await.unwrap().unwrap();
    store.end_emergency(&act("breakglass.ended"), row.id).await.unwrap();
    let spent = begin(opening(envelopes[0], 3, now), now).await;
    assert!(matches!(spent, Err(StoreError::Refused(_))), "the same envelope again");
    begin(opening(envelopes[1], 4, now), now).await.unwrap();
    // One that ended by time is in nobody's way.
    let fresh = sealed(&store, 1).await;
    let later = now + 2 * HOUR_US;
    begin(opening(fresh[0], 5, later), later).await.unwrap();
    let old = sealed(&store, 1).await;
    sealed(&store, 1).await;
    let void = begin(opening(old[0], 6, later + 2 * HOUR_US), later + 2 * HOUR_US).await;
    assert!(matches!(void, Err(StoreError::Refused(_))), "replaced by others");
    store.close().await.unwrap();
}

async fn wrong_passphrases_lock_all_envelopes(home: Home) {
    let store = home.open().await;
    let locking = Locking { guesses: 5, for_us: HOUR_US / 2 };
    let now = now_us();
    for n in 1..=5 {
        assert_eq!(store.guess_envelope(locking, now).await.unwrap(), (true, n == 5));
    }
    assert_eq!(store.guess_envelope(locking, now).await.unwrap(), (false, false));
    assert!(store.guess_envelope(locking, now + HOUR_US).await.unwrap().0);
    store.close().await.unwrap();
}

async fn a_review_is_asked_for_until_there_is_one(home: Home) {
    let store = home.open().await;
    let envelope = sealed(&store, 1).await[0];
    let now = now_us();
    let new = opening(envelope, 1, now);
    let id = new.id;
    store.begin_emergency(&act("breakglass.opened"), new).await.unwrap();
    let remind = |at: i64| {
        let act = Act { now_us: at, ..act("breakglass.unreviewed") };
        let store = store.clone();
        async move { store.remind_of_emergency(&act, id, at - DAY_US).await.is_ok() }
    };
    assert!(!remind(now + HOUR_US).await, "not yet");
    assert!(remind(now + DAY_US + HOUR_US).await);
    assert!(!remind(now + DAY_US + 2 * HOUR_US).await, "once a day");
    assert!(remind(now + 3 * DAY_US).await);
    store.review_emergency(&act_of("user:bob", "breakglass.reviewed"), id).await.unwrap();
    assert!(store.review_emergency(&act_of("user:bob", "breakglass.reviewed"), id).await.is_err());
    assert!(!remind(now + 9 * DAY_US).await, "reviewed");
    store.close().await.unwrap();
}
