//! Messages are found by the numbers in them, and the numbers stand nowhere.

use phi::Phi;
use store::{
    Lease, MessageId, Periods, Scope, SearchField, SearchFilter, Settled, Store, Unindexed, Values,
};

use crate::home::{DAY_US, HOUR_US, Home, name, now_us, owned, put, receipt, routed, send, settle};
use crate::on_both;
use crate::people::act;
use crate::raw::Raw;

on_both!(
    a_number_is_found_in_the_channels_of_a_scope,
    the_index_goes_on_where_it_was,
    what_a_message_is_found_by_leaves_with_it,
    words_are_all_held_together,
    systems_and_answers_are_words_too,
    a_list_goes_on_where_it_was_in_every_channel,
    what_a_view_asks_for_stands_nowhere,
);

/// As an engine does it: the number of a patient is what stands behind `CANARY^`.
fn values(message: Unindexed, mrn: &str) -> Values {
    let Unindexed { seq, received_us, facts, .. } = message;
    Values { seq, received_us, values: vec![(SearchField::Mrn, Phi::new(mrn.to_owned()))], facts }
}

/// Takes up what is not in the index; messages have the numbers `mrns`, in turn.
async fn index(store: &Store, lease: &Lease, mrns: &[&str]) -> usize {
    let next = store.unindexed(lease).await.unwrap();
    assert!(next.iter().all(|message| message.body.is_some()));
    let count = next.len();
    let found =
        next.into_iter().zip(mrns.iter().cycle()).map(|(message, mrn)| values(message, mrn));
    store.index(lease, found.collect()).await.unwrap();
    count
}

async fn found(store: &Store, scope: &Scope, value: &str) -> Vec<MessageId> {
    let times = (0, now_us() + DAY_US);
    let found = store.find(scope, (SearchField::Mrn, value), times, 100).await.unwrap();
    found.rows.iter().map(|row| row.id).collect()
}

async fn a_number_is_found_in_the_channels_of_a_scope(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let other = store.own(&name("oru"), &[]).await.unwrap();
    let mut sent = Vec::new();
    for n in 0..6 {
        sent.push(send(&store, &lease, &format!("C{n}"), &[lab]).await.0);
    }
    let elsewhere = receipt("E1");
    let there = elsewhere.id;
    put(&store, &other, elsewhere).await.unwrap();
    assert_eq!(index(&store, &lease, &["MRN-1", "mrn-2 "]).await, 6);
    assert_eq!(index(&store, &other, &["MRN-1"]).await, 1);
    let adt = Scope::Channels([name("adt")].into());
    assert_eq!(found(&store, &adt, "mrn-1").await, [sent[4], sent[2], sent[0]]);
    assert_eq!(found(&store, &adt, " MRN-2").await, [sent[5], sent[3], sent[1]]);
    assert_eq!(found(&store, &Scope::All, "MRN-1").await, [there, sent[4], sent[2], sent[0]]);
    assert_eq!(found(&store, &Scope::Channels([].into()), "MRN-1").await, []);
    assert_eq!(found(&store, &adt, "MRN-3").await, []);
    // Another kind of number is another number.
    let times = (0, now_us() + DAY_US);
    let visit = store.find(&adt, (SearchField::Visit, "MRN-1"), times, 100).await.unwrap();
    assert!(visit.rows.is_empty() && visit.behind == 0);
    let one = store.find(&adt, (SearchField::Mrn, "MRN-1"), times, 1).await.unwrap();
    assert!(one.more && one.rows[0].id == sent[4]);
    let past = (0, now_us() - DAY_US);
    let none = store.find(&adt, (SearchField::Mrn, "MRN-1"), past, 100).await.unwrap();
    assert!(none.rows.is_empty());
    let mut raw = Raw::of(&home).await;
    let tokens = raw.blobs("select token from search_tokens").await;
    raw.close().await;
    assert!(tokens.iter().all(|token| token.len() == 16 && !token.windows(3).any(|w| w == b"MRN")));
    store.close().await.unwrap();
}

async fn the_index_goes_on_where_it_was(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    for n in 0..250 {
        send(&store, &lease, &format!("C{n}"), &[lab]).await;
    }
    assert_eq!(index(&store, &lease, &["A"]).await, 200, "a slice");
    let behind = store.find(&Scope::All, (SearchField::Mrn, "A"), (0, now_us()), 1).await.unwrap();
    assert_eq!(behind.behind, 50);
    store.close().await.unwrap();
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    assert_eq!(index(&store, &lease, &["A"]).await, 50);
    assert_eq!(index(&store, &lease, &["A"]).await, 0);
    let times = (0, now_us() + DAY_US);
    let all = store.find(&Scope::All, (SearchField::Mrn, "A"), times, 1_000).await.unwrap();
    assert_eq!((all.rows.len(), all.behind), (250, 0));
    store.close().await.unwrap();
}

async fn what_a_message_is_found_by_leaves_with_it(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    for n in 0..10 {
        let (message, open) = send(&store, &lease, &format!("C{n}"), &[lab]).await;
        store.settle(&lease, settle(message, open[0], store::Settled::Delivered)).await.unwrap();
    }
    index(&store, &lease, &["A", "B"]).await;
    let periods = Periods {
        bodies_us: 10 * DAY_US,
        dead_us: 10 * DAY_US,
        messages_us: 20 * DAY_US,
        bodies_max: None,
    };
    store.set_periods(&act("retention.set"), &name("adt"), periods).await.unwrap();
    while store.digest_ledger(now_us() + HOUR_US).await.unwrap() {}
    let purge = async |days| {
        let order = store::Act { now_us: now_us() + days * DAY_US, ..act("retention.purge") };
        store.purge(&order, &name("adt")).await.unwrap()
    };
    assert_eq!(purge(15).await.bodies, 10);
    assert_eq!(found(&store, &Scope::All, "A").await.len(), 5, "the messages are still there");
    assert_eq!(purge(25).await.messages, 10);
    assert_eq!(home.number("select count(*) from search_tokens").await, 0);
    assert_eq!(home.number("select count(*) from search_blocks").await, 0);
    assert_eq!(found(&store, &Scope::All, "A").await, []);
    store.close().await.unwrap();
}

async fn ids(store: &Store, filter: &SearchFilter) -> Vec<MessageId> {
    let page = store.search(&Scope::All, filter, None, 100).await.unwrap();
    page.rows.iter().map(|row| row.id).collect()
}

async fn words_are_all_held_together(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let mut sent = Vec::new();
    for n in 0..600 {
        let mut arrival = receipt(&format!("C{n}"));
        if n == 3 {
            arrival.header.kind = "ORU^R01^ORU_R01".to_owned();
            arrival.header.application = "LAB".to_owned();
        }
        let to = if n == 5 { ward } else { lab };
        let (decided, deliveries) = routed(&store, &lease, &[to]);
        arrival.decision = Some(decided);
        sent.push((arrival.id, deliveries[0]));
        put(&store, &lease, arrival).await.unwrap();
    }
    while index(&store, &lease, &["A", "B", "C"]).await > 0 {}
    let dead = Settled::Dead { code: "refused" };
    for n in [3, 9] {
        let (message, delivery) = sent[n];
        store.settle(&lease, settle(message, delivery, dead.clone())).await.unwrap();
    }
    let id = |n: usize| sent[n].0;
    let all = SearchFilter::default;
    let kind = |kind: &str| SearchFilter { kind: Some(kind.to_owned()), ..all() };
    let mrn = |mrn: &str| vec![(SearchField::Mrn, Phi::new(mrn.to_owned()))];
    let state = |word: &str| store::MessageState::parse(word);
    let error = |text: &str| Some(store::WantedError::parse(text));
    assert_eq!(ids(&store, &kind("ORU")).await, [id(3)]);
    assert_eq!(ids(&store, &kind("ORU^R01")).await, [id(3)]);
    assert_eq!(ids(&store, &kind("OR")).await, []);
    assert_eq!(ids(&store, &kind("ADT^A01")).await.len(), 100);
    assert_eq!(ids(&store, &SearchFilter { state: state("dead"), ..all() }).await, [id(9), id(3)]);
    let both = SearchFilter { state: state("dead"), numbers: mrn("A"), ..all() };
    assert_eq!(ids(&store, &both).await, [id(9), id(3)]);
    let both = SearchFilter { state: state("dead"), ..kind("ORU") };
    assert_eq!(ids(&store, &both).await, [id(3)]);
    assert_eq!(
        ids(&store, &SearchFilter { state: state("failed"), ..all() }).await,
        [id(9), id(3)]
    );
    assert_eq!(ids(&store, &SearchFilter { state: state("received"), ..all() }).await.len(), 100);
    assert_eq!(
        ids(&store, &SearchFilter { error: error("refused"), ..all() }).await,
        [id(9), id(3)]
    );
    assert_eq!(ids(&store, &SearchFilter { error: error("refused-00000000"), ..all() }).await, []);
    assert_eq!(
        ids(&store, &SearchFilter { destination: Some(name("ward")), ..all() }).await,
        [id(5)]
    );
    let elsewhere = SearchFilter { destination: Some(name("ward")), state: state("dead"), ..all() };
    assert_eq!(ids(&store, &elsewhere).await, []);
    assert_eq!(ids(&store, &SearchFilter { message: Some(id(7)), ..all() }).await, [id(7)]);
    let past = SearchFilter { until_us: Some(now_us() - DAY_US), ..all() };
    assert_eq!(ids(&store, &past).await, []);
    let since = SearchFilter { since_us: Some(now_us() - HOUR_US), ..kind("ORU") };
    assert_eq!(ids(&store, &since).await, [id(3)]);
    store.close().await.unwrap();
}

async fn systems_and_answers_are_words_too(home: Home) {
    let store = home.open().await;
    let (lease, _, _) = owned(&store).await;
    let mut arrivals = Vec::new();
    for n in 0..10 {
        let mut arrival = receipt(&format!("C{n}"));
        if n == 3 {
            arrival.header.application = "LAB".to_owned();
        }
        arrivals.push(arrival.id);
        put(&store, &lease, arrival).await.unwrap();
    }
    while index(&store, &lease, &["A"]).await > 0 {}
    let all = SearchFilter::default;
    let id = |n: usize| arrivals[n];
    let kind = |kind: &str| SearchFilter { kind: Some(kind.to_owned()), ..all() };
    for sender in [
        store::Sender::Either("LAB".to_owned()),
        store::Sender::Both("LAB".to_owned(), "WARD".to_owned()),
    ] {
        assert_eq!(ids(&store, &SearchFilter { sender: Some(sender), ..all() }).await, [id(3)]);
    }
    let ack = |code: &str| SearchFilter { ack: Some(code.to_owned()), ..all() };
    assert_eq!(ids(&store, &ack("AA")).await.len(), 10);
    assert_eq!(ids(&store, &ack("AE")).await, []);
    // What is not in the index yet is found all the same, but by its numbers.
    let mut late = receipt("LATE");
    late.header.kind = "SIU^S12".to_owned();
    let late_id = late.id;
    put(&store, &lease, late).await.unwrap();
    assert_eq!(ids(&store, &kind("SIU")).await, [late_id]);
    let by_control_id = SearchFilter { control_id: Some(Phi::new("LATE".to_owned())), ..all() };
    let page = store.search(&Scope::All, &by_control_id, None, 10).await.unwrap();
    assert_eq!((page.rows.len(), page.behind), (1, 1));
    assert_eq!(page.rows[0].id, late_id);
    store.close().await.unwrap();
}

async fn a_list_goes_on_where_it_was_in_every_channel(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let other = store.own(&name("oru"), &[]).await.unwrap();
    let mut expected = Vec::new();
    for n in 0..40 {
        if n % 3 == 0 {
            let arrival = receipt(&format!("E{n}"));
            expected.push(arrival.id);
            put(&store, &other, arrival).await.unwrap();
        } else {
            expected.push(send(&store, &lease, &format!("C{n}"), &[lab]).await.0);
        }
    }
    expected.reverse();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let filter = SearchFilter::default();
        let page = store.search(&Scope::All, &filter, after.as_ref(), 7).await.unwrap();
        seen.extend(page.rows.iter().map(|row| row.id));
        after = page.next;
        // What comes meanwhile is not on a later page.
        send(&store, &lease, &format!("N{}", seen.len()), &[lab]).await;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
    let adt = Scope::Channels([name("adt")].into());
    let page = store.search(&adt, &SearchFilter::default(), None, 100).await.unwrap();
    assert!(page.rows.iter().all(|row| row.channel == name("adt")) && page.next.is_none());
    let there = SearchFilter { channel: Some(name("oru")), ..SearchFilter::default() };
    assert!(store.search(&adt, &there, None, 1).await.is_err());
    store.close().await.unwrap();
}

async fn what_a_view_asks_for_stands_nowhere(home: Home) {
    let store = home.open().await;
    let (mine, theirs) = (act("view.add"), store::Act { actor: other(), ..act("view.add") });
    let says = |text: &str| Phi::new(text.to_owned());
    let (one, two) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    store.add_view(&mine, one, false, says("mrn:WOMBAT")).await.unwrap();
    store.add_view(&theirs, two, true, says("state:dead")).await.unwrap();
    let seen = |views: Vec<store::SavedView>| -> Vec<String> {
        let text = |view: &store::SavedView| view.content.as_ref().unwrap().expose_phi().clone();
        views.iter().map(text).collect()
    };
    assert_eq!(seen(store.views(&mine.actor.id).await.unwrap()), ["mrn:WOMBAT", "state:dead"]);
    assert_eq!(seen(store.views(&theirs.actor.id).await.unwrap()), ["state:dead"]);
    assert!(store.set_view(&theirs, one, true, says("x")).await.is_err(), "it is not theirs");
    store.set_view(&mine, one, false, says("mrn:WOMBAT2")).await.unwrap();
    let mut raw = Raw::of(&home).await;
    let sealed = raw.blobs("select content from saved_views").await;
    let records = raw.blobs("select rec from audit_log").await;
    raw.close().await;
    let holds = |blob: &Vec<u8>| blob.windows(6).any(|window| window == b"WOMBAT");
    assert!(sealed.len() == 2 && records.len() >= 3 && !sealed.iter().chain(&records).any(holds));
    assert!(store.remove_view(&theirs, one).await.is_err());
    store.remove_view(&mine, one).await.unwrap();
    assert_eq!(seen(store.views(&mine.actor.id).await.unwrap()), ["state:dead"]);
    store.close().await.unwrap();
}

fn other() -> store::Actor {
    store::Actor { id: "user:other".to_owned(), ..act("x").actor }
}
