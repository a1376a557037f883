//! Alerts: one for many events, told until it is told, looked after by people whom they concern.

use std::collections::BTreeSet;

use store::{
    Alert, AlertChanges, AlertId, AlertSink, AlertState, Announcement, LoginPlace, Maintenance,
    MaintenanceId, NewAlert, Scope, Severity, Store, StoreError, Verified,
};

use crate::home::{Home, name, now_us};
use crate::on_both;
use crate::people::{act, act_of, last, records};

on_both!(
    one_alert_for_many_events,
    what_passes_is_resolved_and_comes_again_as_another,
    the_log_is_looked_at_once,
    what_is_to_be_told_waits_until_it_is_told,
    people_look_after_alerts_and_it_is_recorded,
    alerts_are_within_a_scope,
    pages_go_on_where_they_end,
    a_time_has_its_place_in_the_log,
    where_people_sign_in_from_is_remembered,
    what_is_put_off_is_told_when_its_time_has_come,
    somebody_is_to_look_after_it,
    maintenance_holds_what_it_is_about_and_what_is_left_is_told,
    what_nobody_looks_after_is_told_to_others_and_again,
);

fn new(kind: &'static str, object: &str, severity: Severity) -> NewAlert {
    NewAlert {
        kind,
        object: object.to_owned(),
        channel: None,
        severity,
        at_us: now_us(),
        count: 5,
        more: 1,
        text: format!("{severity} about {object}"),
    }
}

fn sinks() -> Vec<AlertSink> {
    vec![AlertSink::of_everything("log"), AlertSink::of_everything("siem")]
}

async fn raise(store: &Store, alerts: Vec<NewAlert>) {
    let changes = AlertChanges { raise: alerts, ..AlertChanges::default() };
    assert_eq!(store.change_alerts(changes, &sinks(), now_us()).await, Ok(true));
}

async fn all(store: &Store) -> Vec<Alert> {
    store.alerts(&Scope::All, None, None, 1_000).await.unwrap().alerts
}

async fn opened(home: &Home) -> Store {
    let store = home.open().await;
    store.alert_watch(now_us()).await.unwrap();
    store
}

/// How much is due for a sink.
async fn due(store: &Store, sink: &str) -> Vec<(Announcement, Severity)> {
    let due = store.due_alerts(sink, now_us(), 100).await.unwrap();
    due.iter().map(|one| (one.what, one.alert.severity)).collect()
}

async fn one_alert_for_many_events(home: Home) {
    let store = opened(&home).await;
    raise(&store, vec![new("a.b", "x", Severity::Medium)]).await;
    raise(&store, vec![new("a.b", "x", Severity::Medium), new("a.b", "y", Severity::Low)]).await;
    raise(&store, vec![new("a.b", "x", Severity::Low)]).await;
    let found = all(&store).await;
    assert_eq!(found.len(), 2);
    let x = found.iter().find(|alert| alert.object == "x").unwrap();
    assert_eq!((x.count, x.severity, x.state), (7, Severity::Medium, AlertState::Open));
    assert_eq!(x.text, "medium about x", "a milder finding does not hide the worse one");
    assert!(x.last_us > x.first_us);
    assert_eq!(due(&store, "siem").await.len(), 2, "counting up is not told");

    let id = x.id;
    store.acknowledge_alert(&Scope::All, &act("alert.acknowledge"), id, &sinks()).await.unwrap();
    raise(&store, vec![new("a.b", "x", Severity::Critical)]).await;
    let found = all(&store).await;
    let x = found.iter().find(|alert| alert.id == id).unwrap();
    assert_eq!((x.severity, x.state), (Severity::Critical, AlertState::Open), "worse is news");
    store.close().await.unwrap();
}

async fn what_passes_is_resolved_and_comes_again_as_another(home: Home) {
    let store = opened(&home).await;
    raise(&store, vec![new("a.b", "x", Severity::High)]).await;
    let passed = vec![("a.b", "x".to_owned()), ("a.b", "never was".to_owned())];
    let changes = AlertChanges { passed, ..AlertChanges::default() };
    store.change_alerts(changes, &sinks(), now_us()).await.unwrap();
    let found = all(&store).await;
    assert_eq!((found.len(), found[0].state), (1, AlertState::Resolved));
    assert_eq!(found[0].resolved_by.as_deref(), Some("engine"));
    raise(&store, vec![new("a.b", "x", Severity::High)]).await;
    let found = all(&store).await;
    assert_eq!((found.len(), found[0].state, found[0].count), (2, AlertState::Open, 5));
    let told = due(&store, "log").await;
    let what: Vec<Announcement> = told.iter().map(|(what, _)| *what).collect();
    use Announcement::{Raised, Resolved};
    assert_eq!(what, [Raised, Resolved, Raised]);
    store.close().await.unwrap();
}

async fn the_log_is_looked_at_once(home: Home) {
    let store = opened(&home).await;
    let watch = store.alert_watch(now_us()).await.unwrap();
    assert_eq!((watch.seq, &watch.verified), (0, &None));
    let verified = Verified { at_us: 7, outcome: "success".to_owned() };
    let looked = |from, to| AlertChanges {
        raise: vec![new("a.b", "x", Severity::High)],
        verified: Some(verified.clone()),
        looked: Some((from, to)),
        ..AlertChanges::default()
    };
    assert_eq!(store.change_alerts(looked(0, 3), &sinks(), now_us()).await, Ok(true));
    assert_eq!(store.change_alerts(looked(0, 3), &sinks(), now_us()).await, Ok(false));
    assert_eq!(all(&store).await[0].count, 5, "the second one has written nothing");
    store.close().await.unwrap();
    let store = home.open().await;
    let again = store.alert_watch(now_us()).await.unwrap();
    assert_eq!((again.seq, again.since_us), (3, watch.since_us));
    assert_eq!(again.verified, Some(verified));
    store.close().await.unwrap();
}

async fn what_is_to_be_told_waits_until_it_is_told(home: Home) {
    let store = opened(&home).await;
    raise(&store, vec![new("a.b", "x", Severity::High)]).await;
    let id = all(&store).await[0].id;
    let later = now_us() + 3_600_000_000;
    store.alert_put_off("siem", (id, Announcement::Raised), later).await.unwrap();
    assert!(due(&store, "siem").await.is_empty());
    assert_eq!(due(&store, "log").await.len(), 1, "one that is away keeps no other waiting");
    store.alert_told("log", id, Announcement::Raised).await.unwrap();
    assert!(due(&store, "log").await.is_empty());
    store.close().await.unwrap();
    let store = home.open().await;
    assert_eq!(store.alerts_untold().await.unwrap(), [("siem".to_owned(), 1)]);
    let waiting = store.due_alerts("siem", later, 10).await.unwrap();
    assert_eq!((waiting.len(), waiting[0].tries), (1, 1));
    store.forget_alert_sink("siem").await.unwrap();
    assert_eq!(store.alerts_untold().await.unwrap(), []);
    store.close().await.unwrap();
}

async fn people_look_after_alerts_and_it_is_recorded(home: Home) {
    let store = opened(&home).await;
    raise(&store, vec![new("a.b", "x", Severity::High), new("a.b", "user:ada", Severity::High)])
        .await;
    let found = all(&store).await;
    let of = |object: &str| found.iter().find(|alert| alert.object == object).unwrap().id;
    let before = records(&home).await;
    let acknowledge = act("alert.acknowledge");
    store.acknowledge_alert(&Scope::All, &acknowledge, of("x"), &sinks()).await.unwrap();
    let record = last(&home).await;
    assert_eq!(record["action"], "alert.acknowledge");
    assert_eq!(record["target"]["id"], of("x").to_string());
    assert_eq!(
        (&record["before"]["state"], &record["after"]["state"]),
        (&"open".into(), &"acknowledged".into())
    );
    let again = store.acknowledge_alert(&Scope::All, &acknowledge, of("x"), &sinks()).await;
    assert_eq!(again, Err(StoreError::Refused("the alert is not open")));
    store.resolve_alert(&Scope::All, &act("alert.resolve"), of("x"), &sinks()).await.unwrap();
    assert_eq!(last(&home).await["after"]["state"], "resolved");
    let again = store.resolve_alert(&Scope::All, &act("alert.resolve"), of("x"), &sinks()).await;
    assert_eq!(again, Err(StoreError::Refused("the alert is resolved already")));
    let x = all(&store).await.into_iter().find(|alert| alert.object == "x").unwrap();
    assert_eq!(x.acknowledged_by.as_deref(), Some("user:ada"));
    assert_eq!(x.resolved_by.as_deref(), Some("user:ada"));
    assert_eq!(x.note.as_deref(), Some("the ward asked"));

    let resolve = act("alert.resolve");
    let own = store.resolve_alert(&Scope::All, &resolve, of("user:ada"), &sinks()).await;
    assert_eq!(own, Err(StoreError::Refused("nobody handles an alert about themselves")));
    let other = act_of("user:bob", "alert.resolve");
    store.resolve_alert(&Scope::All, &other, of("user:ada"), &sinks()).await.unwrap();
    assert_eq!(records(&home).await, before + 3, "what was refused left nothing");
    let none = store.resolve_alert(&Scope::All, &other, AlertId::new(), &sinks()).await;
    assert_eq!(none, Err(StoreError::NotFound("alert")));
    store.close().await.unwrap();
}

async fn alerts_are_within_a_scope(home: Home) {
    let store = opened(&home).await;
    let of = |channel: &str| NewAlert {
        channel: Some(channel.to_owned()),
        ..new("a.b", channel, Severity::High)
    };
    raise(&store, vec![of("adt"), of("lab"), new("a.b", "user:ada", Severity::Critical)]).await;
    let adt = Scope::Channels(BTreeSet::from([name("adt")]));
    let seen = store.alerts(&adt, None, None, 10).await.unwrap();
    assert_eq!(seen.alerts.iter().map(|one| &*one.object).collect::<Vec<_>>(), ["adt"]);
    let counts = store.alert_counts(&adt).await.unwrap();
    assert_eq!(counts, [(Severity::High, AlertState::Open, 1)]);
    let counts = store.alert_counts(&Scope::All).await.unwrap();
    assert_eq!(
        counts,
        [(Severity::High, AlertState::Open, 2), (Severity::Critical, AlertState::Open, 1)]
    );
    let before = records(&home).await;
    for hidden in all(&store).await.iter().filter(|alert| alert.object != "adt") {
        let act = act_of("user:bob", "alert.resolve");
        let refused = store.resolve_alert(&adt, &act, hidden.id, &sinks()).await;
        assert_eq!(refused, Err(StoreError::NotFound("alert")), "{}", hidden.object);
    }
    assert_eq!(records(&home).await, before);
    let act = act_of("user:bob", "alert.acknowledge");
    store.acknowledge_alert(&adt, &act, seen.alerts[0].id, &sinks()).await.unwrap();
    assert_eq!(last(&home).await["target"]["channel"], "adt");
    store.close().await.unwrap();
}

async fn pages_go_on_where_they_end(home: Home) {
    let store = opened(&home).await;
    let many = (0..250).map(|n| new("a.b", &n.to_string(), Severity::Low)).collect();
    raise(&store, many).await;
    let some = all(&store).await;
    for alert in some.iter().take(3) {
        let act = act_of("user:bob", "alert.resolve");
        store.resolve_alert(&Scope::All, &act, alert.id, &[]).await.unwrap();
    }
    for (state, expected) in
        [(None, 250), (Some(AlertState::Open), 247), (Some(AlertState::Resolved), 3)]
    {
        let (mut seen, mut before) = (BTreeSet::new(), None);
        loop {
            let page = store.alerts(&Scope::All, state, before, 60).await.unwrap();
            assert!(page.alerts.windows(2).all(|pair| pair[0].id > pair[1].id));
            seen.extend(page.alerts.iter().map(|alert| alert.id.to_string()));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), expected, "{state:?}");
    }
    store.close().await.unwrap();
}

async fn a_time_has_its_place_in_the_log(home: Home) {
    let store = opened(&home).await;
    let mut times = Vec::new();
    for _ in 0..9 {
        let act = act("test.act");
        let target = store::Target::default();
        store.record(&act, target, store::ActOutcome::Success, None).await.unwrap();
        times.push(act.now_us);
    }
    let all = store.audit_records_from(0, 100).await.unwrap();
    let (end, first) = (all.len() as i64, all.len() as i64 - 9);
    assert!(all.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
    for (time, seq) in times.iter().zip(first..) {
        assert_eq!(store.audit_seq_at(*time, end).await, Ok(seq));
        assert_eq!(store.audit_seq_at(*time + 1, end).await, Ok(seq + 1));
    }
    assert_eq!(store.audit_records_from(end - 1, 100).await.unwrap().len(), 1);
    store.close().await.unwrap();
}

async fn where_people_sign_in_from_is_remembered(home: Home) {
    let store = opened(&home).await;
    let place = |prefix: &str, last_us| LoginPlace {
        actor: "user:ada".to_owned(),
        prefix: prefix.to_owned(),
        last_us,
    };
    let logins = vec![place("10.1.2.0/24", 5), place("10.1.2.0/24", 3), place("10.1.3.0/24", 1)];
    let changes = AlertChanges { logins, ..AlertChanges::default() };
    store.change_alerts(changes, &[], now_us()).await.unwrap();
    let known = store.login_places("user:ada").await.unwrap();
    assert_eq!(known, [place("10.1.2.0/24", 5), place("10.1.3.0/24", 1)]);
    assert_eq!(store.login_places("user:bob").await.unwrap(), []);
    store.close().await.unwrap();
}

const HOUR_US: i64 = 3_600_000_000;

/// Puts down what is due at a time; says whether that is anything.
async fn told_at(store: &Store, sinks: &[AlertSink], at_us: i64) -> bool {
    let unresolved: Vec<Alert> =
        all(store).await.into_iter().filter(|one| one.state != AlertState::Resolved).collect();
    store.tell_alerts(&unresolved, sinks, at_us).await.unwrap()
}

/// Takes what is due for a sink as told.
async fn take(store: &Store, sink: &str, at_us: i64) -> Vec<Announcement> {
    let due = store.due_alerts(sink, at_us, 100).await.unwrap();
    for one in &due {
        store.alert_told(sink, one.alert.id, one.what).await.unwrap();
    }
    due.iter().map(|one| one.what).collect()
}

async fn what_is_put_off_is_told_when_its_time_has_come(home: Home) {
    let store = opened(&home).await;
    raise(&store, vec![new("a.b", "x", Severity::High)]).await;
    let id = all(&store).await[0].id;
    let until = now_us() + HOUR_US;
    assert_eq!(take(&store, "siem", until).await, [Announcement::Raised]);
    store.snooze_alert(&Scope::All, &act("alert.snooze"), id, until).await.unwrap();
    assert_eq!(last(&home).await["after"]["snoozed_until_us"], until);
    assert!(!told_at(&store, &sinks(), until - 1).await);
    store.close().await.unwrap();
    let store = home.open().await;
    assert_eq!(all(&store).await[0].snoozed_until_us, Some(until));
    assert!(told_at(&store, &sinks(), until).await);
    assert!(!told_at(&store, &sinks(), until + 1).await, "once");
    assert_eq!(take(&store, "siem", until).await, [Announcement::Repeated]);

    let until = until + HOUR_US;
    store.snooze_alert(&Scope::All, &act("alert.snooze"), id, until).await.unwrap();
    raise(&store, vec![new("a.b", "x", Severity::Critical)]).await;
    assert_eq!(all(&store).await[0].snoozed_until_us, None, "worse than what was put off");
    assert_eq!(take(&store, "siem", until).await, [Announcement::Raised]);
    store.resolve_alert(&Scope::All, &act("alert.resolve"), id, &sinks()).await.unwrap();
    let over = store.snooze_alert(&Scope::All, &act("alert.snooze"), id, until).await;
    assert_eq!(over, Err(StoreError::Refused("the alert is resolved already")));
    store.close().await.unwrap();
}

async fn somebody_is_to_look_after_it(home: Home) {
    let store = opened(&home).await;
    raise(&store, vec![new("a.b", "x", Severity::High)]).await;
    let id = all(&store).await[0].id;
    take(&store, "siem", now_us()).await;
    let assign = act("alert.assign");
    let to = Some("bob".to_owned());
    store.assign_alert(&Scope::All, &assign, (id, to.clone()), &sinks()).await.unwrap();
    assert_eq!(last(&home).await["after"]["assigned_to"], "bob");
    assert_eq!(all(&store).await[0].assigned_to, to);
    assert_eq!(take(&store, "siem", now_us()).await, [Announcement::Assigned]);
    store.assign_alert(&Scope::All, &assign, (id, None), &sinks()).await.unwrap();
    assert_eq!(all(&store).await[0].assigned_to, None);
    store.close().await.unwrap();
}

fn maintenance(from_us: i64, until_us: i64) -> Maintenance {
    Maintenance {
        id: MaintenanceId::new(),
        from_us,
        until_us,
        rules: vec!["destination.down".to_owned(), "queue.depth".to_owned()],
        channels: vec!["adt".to_owned()],
        destination: Some("lab".to_owned()),
        reason: "the analyser is moved".to_owned(),
        by: "user:ada".to_owned(),
    }
}

async fn maintenance_holds_what_it_is_about_and_what_is_left_is_told(home: Home) {
    let store = opened(&home).await;
    let (now, until) = (now_us(), now_us() + HOUR_US);
    let window = maintenance(now - 1, until);
    let add = act("maintenance.add");
    store.add_maintenance(&Scope::All, &add, window.clone()).await.unwrap();
    assert_eq!(last(&home).await["after"]["until_us"], until);
    let of = |kind: &'static str, place: &str| NewAlert {
        channel: Some("adt".to_owned()),
        ..new(kind, &format!("a: {place}"), Severity::High)
    };
    let held = [of("destination.down", "adt/lab"), of("queue.depth", "adt/lab")];
    let told = [of("destination.down", "adt/lab2"), of("nack.sent", "adt/lab")];
    raise(&store, held.iter().chain(&told).cloned().collect()).await;
    assert_eq!(all(&store).await.len(), 4, "all are written down");
    assert_eq!(take(&store, "siem", now_us()).await.len(), 2);
    store.close().await.unwrap();

    let store = home.open().await;
    assert!(!told_at(&store, &sinks(), until - 1).await);
    let passed = vec![("queue.depth", "a: adt/lab".to_owned())];
    let changes = AlertChanges { passed, ..AlertChanges::default() };
    store.change_alerts(changes, &sinks(), now_us()).await.unwrap();
    assert_eq!(take(&store, "siem", until).await, [], "what nobody was told of ends in silence");
    assert!(told_at(&store, &sinks(), until).await);
    assert_eq!(take(&store, "siem", until).await, [Announcement::Raised]);

    let other = Scope::Channels(BTreeSet::from([name("other")]));
    assert_eq!(store.maintenances(&other, now).await, Ok(Vec::new()));
    let refused = store.end_maintenance(&other, &add, window.id).await;
    assert_eq!(refused, Err(StoreError::NotFound("maintenance")));
    let refused = store.add_maintenance(&other, &add, maintenance(now, until)).await;
    assert_eq!(refused, Err(StoreError::NotFound("channel")));
    let everything = Maintenance { channels: Vec::new(), ..maintenance(now, until) };
    let adt = Scope::Channels(BTreeSet::from([name("adt")]));
    let refused = store.add_maintenance(&adt, &add, everything).await;
    assert_eq!(refused, Err(StoreError::NotFound("channel")));
    assert_eq!(store.maintenances(&adt, now).await, Ok(vec![window.clone()]));
    store.end_maintenance(&adt, &act("maintenance.end"), window.id).await.unwrap();
    assert_eq!(last(&home).await["before"]["channels"], "adt");
    assert_eq!(store.maintenances(&Scope::All, now).await, Ok(Vec::new()));
    let again = store.end_maintenance(&adt, &act("maintenance.end"), window.id).await;
    assert_eq!(again, Err(StoreError::NotFound("maintenance")));
    store.close().await.unwrap();
}

async fn what_nobody_looks_after_is_told_to_others_and_again(home: Home) {
    let store = opened(&home).await;
    let log = AlertSink::of_everything("log");
    let chief = AlertSink {
        name: "chief".to_owned(),
        escalate_after_us: Some(HOUR_US),
        repeat_us: Some(HOUR_US),
        ..log.clone()
    };
    let both = [log, chief];
    let raised = AlertChanges {
        raise: vec![new("a.b", "x", Severity::High), new("a.b", "y", Severity::High)],
        ..AlertChanges::default()
    };
    let now = now_us();
    store.change_alerts(raised, &both, now).await.unwrap();
    assert_eq!(take(&store, "chief", now).await, []);
    let y = all(&store).await.into_iter().find(|alert| alert.object == "y").unwrap();
    let looked_after = act("alert.acknowledge");
    store.acknowledge_alert(&Scope::All, &looked_after, y.id, &both).await.unwrap();
    assert!(!told_at(&store, &both, now + HOUR_US - 1).await);
    assert!(told_at(&store, &both, now + HOUR_US).await);
    let x = all(&store).await.into_iter().find(|alert| alert.object == "x").unwrap();
    assert_eq!(x.escalated_us, Some(now + HOUR_US));
    assert!(!told_at(&store, &both, now + 2 * HOUR_US).await, "not told yet, so not said twice");
    assert_eq!(take(&store, "chief", now + 2 * HOUR_US).await, [Announcement::Escalated]);
    assert!(told_at(&store, &both, now + 2 * HOUR_US).await);
    assert_eq!(take(&store, "chief", now + 2 * HOUR_US).await, [Announcement::Repeated]);
    store.resolve_alert(&Scope::All, &act("alert.resolve"), x.id, &both).await.unwrap();
    assert_eq!(take(&store, "chief", now + 3 * HOUR_US).await, [Announcement::Resolved]);
    store.resolve_alert(&Scope::All, &act("alert.resolve"), y.id, &both).await.unwrap();
    assert_eq!(take(&store, "chief", now + 3 * HOUR_US).await, [], "never told of it");
    store.forget_told_alerts(&both[..1]).await.unwrap();
    store.close().await.unwrap();
}
