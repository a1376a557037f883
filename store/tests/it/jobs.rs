use crate::acts::{disposition, state};
use crate::home::{Home, Told, body, name, owned, receipt, routed, send, settle};
use crate::on_both;
use crate::people::{act, act_of, last, recorded, records};
use bytes::Bytes;
use store::{
    DeliveryId, Disposition, Edit, JOB_MOVED, Job, JobKind, JobState, JobStep, Lease, Letter,
    MessageId, NewJob, Origin, Scope, SentReplay, Settled, Store, StoreError,
};
use uuid::Uuid;

on_both!(
    an_item_is_done_once_however_often_it_is_asked,
    a_job_is_paused_resumed_and_cancelled,
    the_same_token_is_the_same_job,
    a_discarding_job_ends_its_letters,
    a_job_is_there_after_a_restart,
    dead_letters_are_counted_as_they_come_and_go,
    a_skipped_delivery_is_a_dead_letter,
    a_stopped_source_stays_so,
    an_edited_copy_is_linked_and_the_original_stays,
);

async fn dead(store: &Store, lease: &Lease, count: usize) -> Vec<Letter> {
    let lab = lease.destination(&name("lab")).unwrap();
    let mut letters = Vec::new();
    for n in 0..count {
        let (message, open) = send(store, lease, &format!("C{n}"), &[lab]).await;
        store.settle(lease, settle(message, open[0], Settled::Dead { code: "AE" })).await.unwrap();
        letters.push(Letter::Delivery(open[0]));
    }
    letters
}

fn new_job(kind: JobKind, letters: &[Letter], token: Option<&str>) -> NewJob {
    NewJob {
        id: Uuid::now_v7(),
        kind,
        as_sent: true,
        destinations: vec![],
        letters: letters.to_vec(),
        channels: vec![name("adt")],
        scope: Scope::All,
        rate: 5,
        token: token.map(str::to_owned),
    }
}

async fn begin(store: &Store, kind: JobKind, letters: &[Letter]) -> Job {
    let (id, _) = store.begin_job(&act("job.begun"), new_job(kind, letters, None)).await.unwrap();
    store.job(id).await.unwrap().unwrap()
}

async fn replay(
    store: &Store,
    lease: &Lease,
    step: JobStep,
    letter: Letter,
) -> Result<MessageId, StoreError> {
    let Letter::Delivery(of) = letter else { panic!("a delivery") };
    let lab = lease.destination(&name("lab")).unwrap();
    let to = vec![(DeliveryId::new(), lab, vec![])];
    let replay = SentReplay { id: MessageId::new(), of, to, token: None, step: Some(step) };
    let replayed = store
        .replay_as_sent(&Scope::All, &act("message.replay"), lease, replay, Box::new(|_| {}))
        .await?;
    Ok(replayed.message)
}

async fn an_item_is_done_once_however_often_it_is_asked(home: Home) {
    let store = home.open().await;
    let (lease, ..) = owned(&store).await;
    let letters = dead(&store, &lease, 2).await;
    let before = records(&home).await;
    let job = begin(&store, JobKind::Replay, &letters).await;
    recorded(&home, before, "job.begun", ("job", Some(&job.id.to_string()))).await;
    assert_eq!(store.job_letters(job.id, 0).await.unwrap(), letters, "in the order given");
    assert_eq!(store.job_letters(job.id, 1).await.unwrap(), letters[1..]);
    let first = JobStep { job: job.id, n: 0 };
    let made = replay(&store, &lease, first, letters[0]).await.unwrap();
    let again = replay(&store, &lease, first, letters[0]).await;
    assert_eq!(again, Err(StoreError::Refused(JOB_MOVED)), "nothing is written twice");
    let early = replay(&store, &lease, JobStep { job: job.id, n: 2 }, letters[1]).await;
    assert_eq!(early, Err(StoreError::Refused(JOB_MOVED)), "nor out of turn");
    assert_eq!(home.number("select count(*) from messages").await, 3);
    let second = JobStep { job: job.id, n: 1 };
    let twice = replay(&store, &lease, second, letters[0]).await;
    let sentence = "it was sent again already; what was made of it can be";
    assert_eq!(twice, Err(StoreError::Refused(sentence)), "somebody else may have sent it again");
    let why = "it is over".to_owned();
    store.refuse_item(&act("job.item.refused"), second, letters[1], why.clone()).await.unwrap();
    let job = store.job(job.id).await.unwrap().unwrap();
    assert_eq!((job.state, job.next, job.done, job.refused), (JobState::Done, 2, 1, 1));
    assert!(job.ended_us.is_some());
    assert_eq!(last(&home).await["action"], "job.ended");
    let outcomes = store.job_outcomes(job.id, -1, 10).await.unwrap();
    assert_eq!(outcomes[0].message, Some((made, Some(Disposition::Received))));
    assert_eq!(outcomes[1].refused, Some(why));
    assert_eq!(store.job_outcomes(job.id, 0, 10).await.unwrap(), outcomes[1..]);
    assert_eq!(home.number("select count(*) from job_letters").await, 0);
    store.close().await.unwrap();
}

async fn a_job_is_paused_resumed_and_cancelled(home: Home) {
    let store = home.open().await;
    let (lease, ..) = owned(&store).await;
    let letters = dead(&store, &lease, 2).await;
    let job = begin(&store, JobKind::Replay, &letters).await;
    let step = JobStep { job: job.id, n: 0 };
    let state = async || store.job(job.id).await.unwrap().unwrap().state;
    store.pause_job(&act("job.paused"), job.id).await.unwrap();
    assert_eq!((state().await, store.jobs_at_work().await.unwrap()), (JobState::Paused, vec![]));
    let paused = replay(&store, &lease, step, letters[0]).await;
    assert_eq!(paused, Err(StoreError::Refused(JOB_MOVED)));
    let twice = store.pause_job(&act("job.paused"), job.id).await;
    assert!(matches!(twice, Err(StoreError::Refused(_))));
    store.resume_job(&act("job.resumed"), job.id).await.unwrap();
    assert_eq!(store.jobs_at_work().await.unwrap(), [job.id]);
    replay(&store, &lease, step, letters[0]).await.unwrap();
    store.cancel_job(&act("job.cancelled"), job.id).await.unwrap();
    assert_eq!(state().await, JobState::Cancelled);
    let late = replay(&store, &lease, JobStep { job: job.id, n: 1 }, letters[1]).await;
    assert_eq!(late, Err(StoreError::Refused(JOB_MOVED)), "a cancelled job does no more");
    assert_eq!(store.job_outcomes(job.id, -1, 10).await.unwrap().len(), 1, "what was done stays");
    let resumed = store.resume_job(&act("job.resumed"), job.id).await;
    assert!(matches!(resumed, Err(StoreError::Refused(_))));
    store.close().await.unwrap();
}

async fn the_same_token_is_the_same_job(home: Home) {
    let store = home.open().await;
    let (lease, ..) = owned(&store).await;
    let letters = dead(&store, &lease, 1).await;
    let ask = async |who: &str| {
        let new = new_job(JobKind::Replay, &letters, Some("t"));
        store.begin_job(&act_of(who, "job.begun"), new).await.unwrap()
    };
    let (first, was) = ask("user:ada").await;
    assert!(!was);
    assert_eq!(ask("user:ada").await, (first, true));
    let known = store.job_of_token(&act_of("user:ada", "job.begun"), "t").await.unwrap();
    assert_eq!(known, Some(first));
    assert!(!ask("user:bob").await.1, "another person's token is another job");
    assert_eq!(home.number("select count(*) from jobs").await, 2);
    store.close().await.unwrap();
}

async fn a_discarding_job_ends_its_letters(home: Home) {
    let store = home.open().await;
    let (lease, ..) = owned(&store).await;
    let mut letters = dead(&store, &lease, 3).await;
    let gone = Letter::Delivery(DeliveryId::new());
    letters.push(gone);
    let job = begin(&store, JobKind::Discard, &letters).await;
    let step = |n| JobStep { job: job.id, n };
    let discard = act("message.discard");
    let done = store.discard_step(&Scope::All, &discard, step(0), &letters).await.unwrap();
    assert_eq!(done.done, letters[..3], "those of one channel");
    let again = store.discard_step(&Scope::All, &discard, step(0), &letters).await;
    assert_eq!(again, Err(StoreError::Refused(JOB_MOVED)));
    let rest = store.discard_step(&Scope::All, &discard, step(3), &letters[3..]).await.unwrap();
    assert_eq!(rest.refused, [gone]);
    let job = store.job(job.id).await.unwrap().unwrap();
    assert_eq!((job.state, job.done, job.refused), (JobState::Done, 3, 1));
    assert_eq!(store.dead_letters(&Scope::All).await.unwrap(), []);
    store.close().await.unwrap();
}

async fn a_job_is_there_after_a_restart(home: Home) {
    let store = home.open().await;
    let (lease, ..) = owned(&store).await;
    let letters = dead(&store, &lease, 300).await;
    let job = begin(&store, JobKind::Replay, &letters).await;
    replay(&store, &lease, JobStep { job: job.id, n: 0 }, letters[0]).await.unwrap();
    store.close().await.unwrap();
    let store = home.open().await;
    assert_eq!(store.jobs_at_work().await.unwrap(), [job.id]);
    let found = store.job(job.id).await.unwrap().unwrap();
    assert_eq!((found.next, found.total, found.actor.id), (1, 300, job.actor.id));
    assert_eq!(store.job_letters(job.id, 255).await.unwrap(), letters[255..256]);
    assert_eq!(store.job_letters(job.id, 256).await.unwrap(), letters[256..]);
    store.close().await.unwrap();
}

/// What the list would say if it counted.
const COUNTED: &str = "select count(*) from deliveries where state = 21 and superseded_by is null";

async fn dead_letters_are_counted_as_they_come_and_go(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let letters = dead(&store, &lease, 5).await;
    let counted = async || {
        let groups = store.dead_letters(&Scope::All).await.unwrap();
        let listed: i64 = groups.iter().map(|group| group.count).sum();
        assert_eq!(listed, home.number(COUNTED).await);
        assert_eq!(home.number("select coalesce(sum(n), 0) from dead_groups").await, listed);
        listed
    };
    assert_eq!(counted().await, 5);
    let group = store.dead_letters(&Scope::All).await.unwrap().remove(0);
    assert_eq!((&*group.key.code, group.count), ("AE", 5));
    assert_eq!(group.sample, letters[4]);
    let page = store.dead_page(&Scope::All, &group.key, None, 3).await.unwrap();
    assert_eq!(page.iter().map(|one| one.letter).collect::<Vec<_>>(), letters[..3]);
    assert_eq!(page[1].control_id.as_ref().unwrap().expose_phi(), "C1");
    let Letter::Delivery(third) = letters[2] else { panic!("a delivery") };
    let after: Uuid = third.to_string().parse().unwrap();
    let page = store.dead_page(&Scope::All, &group.key, Some(after), 10).await.unwrap();
    assert_eq!(page.iter().map(|one| one.letter).collect::<Vec<_>>(), letters[3..]);
    let job = begin(&store, JobKind::Replay, &letters).await;
    replay(&store, &lease, JobStep { job: job.id, n: 0 }, letters[0]).await.unwrap();
    assert_eq!(counted().await, 4);
    store.discard(&Scope::All, &act("message.discard"), &letters[1..3]).await.unwrap();
    assert_eq!(counted().await, 2);
    let (message, open) = send(&store, &lease, "C9", &[lab]).await;
    store.settle(&lease, settle(message, open[0], Settled::Dead { code: "AR" })).await.unwrap();
    assert_eq!((counted().await, store.dead_letters(&Scope::All).await.unwrap().len()), (3, 2));
    store.discard(&Scope::All, &act("message.discard"), &letters[3..]).await.unwrap();
    assert_eq!(counted().await, 1);
    assert_eq!(home.number("select count(*) from dead_groups").await, 1, "none is left empty");
    store.close().await.unwrap();
}

async fn a_skipped_delivery_is_a_dead_letter(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (message, open) = send(&store, &lease, "C1", &[lab]).await;
    let before = records(&home).await;
    let skip = act("destination.skip");
    store.skip(&Scope::All, &skip, open[0]).await.unwrap();
    recorded(&home, before, "destination.skip", ("delivery", Some(&open[0].to_string()))).await;
    assert_eq!(state(&home, open[0]).await, 21);
    assert_eq!(disposition(&store, message).await, Disposition::Failed);
    let group = store.dead_letters(&Scope::All).await.unwrap().remove(0);
    assert_eq!((&*group.key.code, group.count), ("skipped", 1));
    let again = store.skip(&Scope::All, &skip, open[0]).await;
    assert!(matches!(again, Err(StoreError::Refused(_))), "{again:?}");
    let elsewhere = Scope::Channels([name("other")].into());
    let outside = store.skip(&elsewhere, &skip, open[0]).await;
    assert_eq!(outside, Err(StoreError::NotFound("delivery")));
    store.close().await.unwrap();
}

async fn a_stopped_source_stays_so(home: Home) {
    let store = home.open().await;
    owned(&store).await;
    let (adt, before) = (name("adt"), records(&home).await);
    let stop = act("source.stop");
    let stopped = store.stop_source(&Scope::All, &stop, &adt).await.unwrap();
    recorded(&home, before, "source.stop", ("source", Some("adt"))).await;
    assert_eq!(stopped.since_us, stop.now_us);
    let again = store.stop_source(&Scope::All, &act("source.stop"), &adt).await.unwrap();
    assert_eq!(again, stopped, "since the first time");
    store.close().await.unwrap();
    let store = home.open().await;
    assert_eq!(store.stopped_source(&Scope::All, &adt).await.unwrap(), Some(stopped.clone()));
    assert_eq!(store.status(&Scope::All, 0).await.unwrap()[0].stopped, Some(stopped));
    store.start_source(&Scope::All, &act("source.start"), &adt).await.unwrap();
    assert_eq!(store.stopped_source(&Scope::All, &adt).await.unwrap(), None);
    store.close().await.unwrap();
}

async fn an_edited_copy_is_linked_and_the_original_stays(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (old, open) = send(&store, &lease, "C1", &[lab]).await;
    store.settle(&lease, settle(old, open[0], Settled::Dead { code: "AE" })).await.unwrap();
    let told = Told::default();
    let ask = async |token: &str| {
        let mut receipt = receipt("C1");
        receipt.origin = Origin::Edit;
        receipt.parent = Some(old);
        receipt.trace = old;
        receipt.dedupe = false;
        receipt.body = Bytes::from_static(b"edited");
        receipt.decision = Some(routed(&store, &lease, &[lab]).0);
        let edit = Edit { receipt, token: Some(token.to_owned()) };
        store.edit(&Scope::All, &act("message.edit"), &lease, edit, told.callback()).await.unwrap()
    };
    let before = records(&home).await;
    let made = ask("t").await;
    recorded(&home, before, "message.edit", ("message", Some(&old.to_string()))).await;
    assert!(!last(&home).await.to_string().contains("edited"), "without its content");
    assert_eq!(ask("t").await.message, made.message, "a token makes one of two requests");
    assert_eq!(told.seqs(), [made.seq]);
    let new = store.message(&Scope::All, made.message).await.unwrap().unwrap().summary;
    assert_eq!((new.origin, new.parent, new.trace), (Origin::Edit, Some(old), old));
    let kept = store.body(&Scope::All, store::BodyOf::Message(old)).await.unwrap();
    assert_eq!(kept.expose_phi(), &body("C1"));
    let old = store.message(&Scope::All, old).await.unwrap().unwrap();
    assert_eq!(old.deliveries[0].superseded_by, None, "its dead letter stays in the list");
    assert_eq!(old.children[0].id, made.message);
    assert_eq!(home.number("select sum(n) from counters where what = 12").await, 1);
    store.close().await.unwrap();
}
