use std::collections::BTreeSet;

use crate::acts::disposition;
use crate::home::{Home, body, decision, name, now_us, owned, put, receipt, routed, send, settle};
use crate::people::act;
use crate::{on_both, raw};
use phi::Phi;
use store::{
    Attempt, BodyOf, Cursor, DeadOnArrival, DeliveryBody, DeliveryId, DeliveryState, DestinationId,
    Disposition, Lease, Letter, MessageFilter, MessageId, MessageState, NewDelivery, NewRevision,
    Origin, Page, RawReplay, Reason, Scope, Settle, Settled, Store, StoreError, What,
};

on_both!(
    the_figures_add_up,
    lists_go_on_page_by_page,
    filters_find_what_they_ask_for,
    a_message_is_shown_with_all_its_tries,
    dead_letters_are_grouped_and_listed,
    other_channels_are_not_there,
);

async fn list(store: &Store, filter: MessageFilter) -> Vec<MessageId> {
    let page = Page { after: None, limit: 100 };
    let rows = store.messages(&Scope::All, &filter, page).await.unwrap().rows;
    rows.iter().map(|row| row.id).collect()
}

async fn the_figures_add_up(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (first, deliveries) = send(&store, &lease, "C1", &[lab, ward]).await;
    store.settle(&lease, settle(first, deliveries[0], Settled::Delivered)).await.unwrap();
    let (second, deliveries) = send(&store, &lease, "C2", &[lab]).await;
    let wait = Settled::Waiting { until_us: 9 };
    store.settle(&lease, settle(second, deliveries[0], wait)).await.unwrap();
    let (third, deliveries) = send(&store, &lease, "C3", &[lab]).await;
    store.settle(&lease, settle(third, deliveries[0], Settled::Delivered)).await.unwrap();
    let (_, deliveries) = send(&store, &lease, "C4", &[lab]).await;
    let hold = act("connection.control");
    store.hold_deliveries(&Scope::All, &hold, &deliveries, "uncertain").await.unwrap();
    let mut filtered = receipt("C5");
    filtered.decision = Some(decision(Disposition::Filtered, vec![]));
    put(&store, &lease, filtered).await.unwrap();
    put(&store, &lease, receipt("C6")).await.unwrap();
    put(&store, &lease, receipt("C6")).await.unwrap();
    let status = store.status(&Scope::All, 0).await.unwrap();
    assert_eq!(status.len(), 1);
    let status = &status[0];
    assert_eq!((&status.channel, status.undecided), (&name("adt"), 1));
    assert_eq!(status.node.as_deref(), Some("test"));
    let count = |what| status.counts.get(&what).copied().unwrap_or(0);
    assert_eq!((count(What::ReceivedPeer), count(What::Duplicates)), (6, 1));
    assert_eq!((count(What::Delivered), count(What::Filtered)), (1, 1));
    let at = |id| status.destinations.iter().find(|d| d.id == id).unwrap();
    let open = |id| (at(id).queued, at(id).waiting, at(id).held);
    assert_eq!((open(lab), open(ward)), ((0, 1, 1), (1, 0, 0)));
    let oldest = store.message(&Scope::All, second).await.unwrap().unwrap().summary.received_us;
    assert_eq!(at(lab).oldest_us, Some(oldest));
    for id in [lab, ward] {
        let count = |what| at(id).counts.get(&what).copied().unwrap_or(0);
        let (queued, waiting, held) = open(id);
        let ended = count(What::DeliveriesDelivered)
            + count(What::DeliveriesDead)
            + count(What::DeliveriesDiscarded);
        assert_eq!(count(What::DeliveriesMade), queued + waiting + held + ended);
    }
    let later = store.status(&Scope::All, now_us() + crate::home::DAY_US).await.unwrap();
    assert!(later[0].counts.is_empty(), "counters of the time asked for");
    store.close().await.unwrap();
}

async fn lists_go_on_page_by_page(home: Home) {
    let store = home.open().await;
    let (adt, lab, _) = owned(&store).await;
    let oru = store.own(&name("oru"), &[name("lab")]).await.unwrap();
    let to = oru.destination(&name("lab")).unwrap();
    let (mut sent, mut of_adt) = (Vec::new(), Vec::new());
    for n in 0..25 {
        let (lease, destination) = if n % 3 == 0 { (&oru, to) } else { (&adt, lab) };
        let (id, _) = send(&store, lease, &format!("C{n}"), &[destination]).await;
        sent.insert(0, id);
        if n % 3 != 0 {
            of_adt.insert(0, id);
        }
    }
    for (channel, expected) in [(None, sent), (Some(name("adt")), of_adt)] {
        let filter = MessageFilter { channel, ..MessageFilter::default() };
        let (mut seen, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = Page { after, limit: 7 };
            let found = store.messages(&Scope::All, &filter, page).await.unwrap();
            seen.extend(found.rows.iter().map(|row| row.id));
            pages += 1;
            match found.next {
                // A place survives being written down.
                Some(next) => after = Some(next.to_string().parse::<Cursor>().unwrap()),
                None => break,
            }
        }
        assert_eq!(seen, expected);
        assert_eq!(pages, expected.len().div_ceil(7));
    }
    store.close().await.unwrap();
}

async fn filters_find_what_they_ask_for(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let (dead, deliveries) = send(&store, &lease, "C1", &[lab, ward]).await;
    let ar = Settled::Dead { code: "AR" };
    store.settle(&lease, settle(dead, deliveries[0], ar)).await.unwrap();
    let (waiting, deliveries) = send(&store, &lease, "C2", &[lab]).await;
    let wait = Settled::Waiting { until_us: 9 };
    store.settle(&lease, settle(waiting, deliveries[0], wait)).await.unwrap();
    let mut failed = receipt("C3");
    failed.header.kind = "ORU^R01".to_owned();
    let mut decided = decision(Disposition::Failed, vec![]);
    decided.reason = Some(Reason { code: "R0110".to_owned(), step: Some(2) });
    failed.decision = Some(decided);
    let (failed_id, at) = (failed.id, failed.received_us);
    put(&store, &lease, failed).await.unwrap();
    let id = MessageId::new();
    let decided = Some(decision(Disposition::Filtered, vec![]));
    let raw = RawReplay {
        id,
        of: failed_id,
        decision: decided,
        destinations: vec![],
        token: None,
        step: None,
    };
    let replay = act("message.replay");
    store.replay_raw(&Scope::All, &replay, &lease, raw, Box::new(|_| {})).await.unwrap();

    let none = MessageFilter::default;
    let state = |state| MessageFilter { state: Some(state), ..none() };
    let of = MessageState::Is;
    assert_eq!(list(&store, none()).await, [id, failed_id, waiting, dead]);
    assert_eq!(list(&store, state(of(Disposition::Received))).await, [waiting, dead]);
    assert_eq!(list(&store, state(of(Disposition::Failed))).await, [failed_id]);
    let has = |delivery| state(MessageState::Has(delivery));
    assert_eq!(list(&store, has(DeliveryState::Dead)).await, [dead]);
    assert_eq!(list(&store, has(DeliveryState::Waiting)).await, [waiting]);
    let kind = MessageFilter { kind: Some("ADT^A01".to_owned()), ..none() };
    assert_eq!(list(&store, kind).await, [waiting, dead]);
    let control_id = |id: &str| MessageFilter { control_id: Some(id.to_owned()), ..none() };
    assert_eq!(list(&store, control_id("C2")).await, [waiting]);
    assert!(list(&store, control_id("C")).await.is_empty());
    let origin = MessageFilter { origin: Some(Origin::Replay), ..none() };
    assert_eq!(list(&store, origin).await, [id]);
    let code = |code: &str| MessageFilter { code: Some(code.to_owned()), ..none() };
    assert_eq!(list(&store, code("R0110")).await, [failed_id]);
    assert_eq!(list(&store, code("AR")).await, [dead], "also that of a delivery");
    let until = MessageFilter { until_us: Some(at), ..none() };
    assert_eq!(list(&store, until).await, [waiting, dead]);
    let since = MessageFilter { since_us: Some(at), ..none() };
    assert_eq!(list(&store, since).await, [id, failed_id]);
    let both = MessageFilter { channel: Some(name("adt")), ..code("AR") };
    assert_eq!(list(&store, both).await, [dead]);
    store.close().await.unwrap();
}

fn attempt(code: &'static str, error: Option<&str>, response: Option<&'static [u8]>) -> Attempt {
    Attempt {
        started_us: now_us(),
        duration_us: 7,
        peer: "lab:2575".to_owned(),
        code,
        answered: response.is_some(),
        response: response.map(|bytes| Phi::new(bytes.into())),
        error: error.map(|text| Phi::new(text.to_owned())),
    }
}

async fn a_message_is_shown_with_all_its_tries(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let (message, made) = send(&store, &lease, "C1", &[lab]).await;
    let delivery = made[0];
    let first = attempt("unreachable", Some("connection refused"), None);
    let second = attempt("AR", Some("not today"), Some(b"MSA|AR|C1|not today"));
    let answered_us = second.started_us;
    let wait = Settled::Waiting { until_us: 4711 };
    for (attempt, to) in [(first, wait), (second, Settled::Dead { code: "AR" })] {
        store
            .settle(&lease, Settle { delivery, message, attempt, to, wait: store::Wait::None })
            .await
            .unwrap();
    }
    let detail = store.message(&Scope::All, message).await.unwrap().unwrap();
    let summary = &detail.summary;
    assert_eq!((summary.seq, summary.bytes), (1, i64::try_from(body("C1").len()).unwrap()));
    assert_eq!((summary.kind.as_str(), summary.ack_code.as_str()), ("ADT^A01", "AA"));
    assert_eq!(summary.control_id.as_ref().unwrap().expose_phi(), "C1");
    assert_eq!((summary.revision, summary.disposition), (Some(1), Disposition::Failed));
    assert!(summary.final_us.is_some() && summary.trace == message && summary.parent.is_none());
    let shown = &detail.deliveries[0];
    assert_eq!(
        (shown.id, &shown.destination, shown.state),
        (delivery, &name("lab"), DeliveryState::Dead)
    );
    assert_eq!((shown.tries, shown.answered_tries), (2, 1));
    assert_eq!(shown.reason.as_ref().unwrap().code, "AR");
    let tries: Vec<_> = shown.attempts.iter().map(|a| (a.code.as_str(), a.has_response)).collect();
    assert_eq!(tries, [("unreachable", false), ("AR", true)]);
    let text = shown.attempts[0].error.as_ref().unwrap().as_ref().unwrap();
    assert_eq!(text.expose_phi(), "connection refused");
    let read = async |of| store.body(&Scope::All, of).await.unwrap().into_phi();
    assert_eq!(read(BodyOf::Message(message)).await, body("C1"));
    assert_eq!(read(BodyOf::Delivery(delivery)).await, body("C1"));
    let response = BodyOf::Response { delivery, started_us: answered_us };
    assert_eq!(read(response).await, &b"MSA|AR|C1|not today"[..]);
    assert_eq!(store.message_of(&Scope::All, delivery).await.unwrap(), Some(message));
    assert!(store.message(&Scope::All, MessageId::new()).await.unwrap().is_none());
    store.close().await.unwrap();
}

async fn dead_letters_are_grouped_and_listed(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let mut of_step = Vec::new();
    for n in 0..5 {
        let id = DeliveryId::new();
        let why = DeadOnArrival {
            reason: Reason { code: "R0110".to_owned(), step: Some(3) },
            error: Some(Phi::new(format!("no `{n}` in the table"))),
            signature: Some("no `` in the table".to_owned()),
        };
        let delivery = NewDelivery {
            id,
            destination: lab,
            part: 1,
            body: DeliveryBody::Same,
            keys: vec![store.lane_key(&lease, lab, b"")],
            dead: Some(why),
        };
        let mut arrived = receipt(&format!("C{n}"));
        arrived.decision = Some(decision(Disposition::Failed, vec![delivery]));
        put(&store, &lease, arrived).await.unwrap();
        of_step.push(Letter::Delivery(id));
    }
    let (message, made) = send(&store, &lease, "C8", &[lab]).await;
    let ar = Settled::Dead { code: "AR" };
    store.settle(&lease, settle(message, made[0], ar)).await.unwrap();
    let mut failed = receipt("C9");
    let mut decided = decision(Disposition::Failed, vec![]);
    decided.reason = Some(Reason { code: "crash".to_owned(), step: None });
    failed.decision = Some(decided);
    let failed_id = failed.id;
    put(&store, &lease, failed).await.unwrap();

    let groups = store.dead_letters(&Scope::All).await.unwrap();
    assert_eq!(groups.len(), 3);
    let group = |code: &str| groups.iter().find(|group| group.key.code == code).unwrap();
    assert_eq!(
        (groups[0].key.code.as_str(), groups[0].count, groups[0].step),
        ("R0110", 5, Some(3))
    );
    assert_eq!(groups[0].sample, of_step[4]);
    assert!(groups[0].first_us < groups[0].last_us && groups[0].key.signature.len() == 16);
    assert_eq!(group("AR").sample, Letter::Delivery(made[0]));
    assert_eq!(group("crash").key.destination, None);
    let letters = async |code: &str, after, limit| {
        store.letters(&Scope::All, &group(code).key, after, limit).await.unwrap()
    };
    assert_eq!(letters("R0110", None, 3).await, of_step[..3]);
    assert_eq!(letters("R0110", Some(of_step[2]), 3).await, of_step[3..]);
    assert_eq!(letters("AR", None, 9).await, [Letter::Delivery(made[0])]);
    assert_eq!(letters("crash", None, 9).await, [Letter::Message(failed_id)]);
    store.close().await.unwrap();
}

async fn other_channels_are_not_there(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    let oru = store.own(&name("oru"), &[name("lab")]).await.unwrap();
    let (own, _) = send(&store, &oru, "C1", &[oru.destination(&name("lab")).unwrap()]).await;
    let (message, made) = send(&store, &lease, "C1", &[lab]).await;
    let delivery = made[0];
    let last = settle(message, delivery, Settled::Dead { code: "AR" });
    let started_us = last.attempt.started_us;
    store.settle(&lease, last).await.unwrap();
    let text = NewRevision { text: "one".to_owned(), files: vec![] };
    let adt = name("adt");
    let revision =
        store.apply(&Scope::All, &act("channel.apply"), &adt, text.clone()).await.unwrap();
    let key = store.dead_letters(&Scope::All).await.unwrap()[0].key.clone();
    let scope = Scope::Channels(BTreeSet::from([name("oru")]));
    let gone = |what: &'static str| StoreError::NotFound(what);

    let status = store.status(&scope, 0).await.unwrap();
    assert_eq!(status.iter().map(|s| s.channel.as_str()).collect::<Vec<_>>(), ["oru"]);
    let page = Page { after: None, limit: 100 };
    let all = store.messages(&scope, &MessageFilter::default(), page).await.unwrap();
    assert_eq!(all.rows.iter().map(|row| row.id).collect::<Vec<_>>(), [own]);
    let filter = MessageFilter { channel: Some(adt.clone()), ..MessageFilter::default() };
    assert_eq!(store.messages(&scope, &filter, page).await.err(), Some(gone("channel")));
    assert!(store.message(&scope, message).await.unwrap().is_none());
    assert_eq!(store.message_of(&scope, delivery).await, Ok(None));
    let bodies = [
        (BodyOf::Message(message), "message"),
        (BodyOf::Delivery(delivery), "delivery"),
        (BodyOf::Response { delivery, started_us }, "response"),
    ];
    for (of, what) in bodies {
        assert_eq!(store.body(&scope, of).await.err(), Some(gone(what)));
        assert!(store.body(&Scope::All, of).await.is_ok());
    }
    assert!(store.dead_letters(&scope).await.unwrap().is_empty());
    assert_eq!(store.letters(&scope, &key, None, 9).await, Err(gone("channel")));
    assert_eq!(store.revisions(&scope, &adt, None, 9).await, Err(gone("channel")));
    assert_eq!(store.revision(&scope, revision).await, Ok(None));

    let before = crate::people::records(&home).await;
    no_act_reaches(&store, &scope, (&lease, &oru), (message, delivery, lab), text).await;
    assert_eq!(crate::people::records(&home).await, before);
    assert_eq!(disposition(&store, message).await, Disposition::Failed);
    let superseded = format!(
        "select count(*) from deliveries where id = {} and superseded_by is not null",
        raw::id(&home, delivery)
    );
    assert_eq!(home.number(&superseded).await, 0);
    store.close().await.unwrap();
}

/// Acts on what lies outside a scope find nothing and do nothing.
async fn no_act_reaches(
    store: &Store,
    scope: &Scope,
    (lease, oru): (&Lease, &Lease),
    (message, delivery, lab): (MessageId, DeliveryId, DestinationId),
    text: NewRevision,
) {
    let adt = lease.name();
    let gone = |what: &'static str| StoreError::NotFound(what);
    let one = act("act");
    assert_eq!(store.hold(scope, &one, adt, &name("lab")).await, Err(gone("channel")));
    assert_eq!(store.resume(scope, &one, adt, &name("lab")).await, Err(gone("channel")));
    assert_eq!(store.retire(scope, &one, adt).await, Err(gone("channel")));
    assert_eq!(store.apply(scope, &one, adt, text).await, Err(gone("channel")));
    let moved = store.hold_deliveries(scope, &one, &[delivery], "uncertain").await.unwrap();
    assert_eq!((moved.done.len(), moved.refused), (0, vec![delivery]));
    assert!(store.release(scope, &one, &[delivery]).await.unwrap().done.is_empty());
    let letters = [Letter::Delivery(delivery), Letter::Message(message)];
    assert!(store.discard(scope, &one, &letters).await.unwrap().done.is_empty());
    let replay = RawReplay {
        id: MessageId::new(),
        of: message,
        decision: Some(routed(store, lease, &[lab]).0),
        destinations: vec![],
        token: None,
        step: None,
    };
    let replayed = store.replay_raw(scope, &one, lease, replay, Box::new(|_| {})).await;
    assert_eq!(replayed, Err(gone("message")));
    let through_own = RawReplay {
        id: MessageId::new(),
        of: message,
        decision: None,
        destinations: vec![],
        token: None,
        step: None,
    };
    let replayed = store.replay_raw(scope, &one, oru, through_own, Box::new(|_| {})).await;
    assert_eq!(replayed, Err(gone("message")), "nor through a channel inside the scope");
}
