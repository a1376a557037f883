//! Every rule against records: just not enough, and one more.

use std::collections::BTreeSet;

use config::{AlertLimits, KeySource, StoreUrl};
use serde_json::json;
use store::{
    Act, ActOutcome, Actor, ActorKind, LoginPlace, NewAlert, Options, Scope, Severity, Source,
    Store, Target,
};

use Severity::{Critical, High, Medium};

use super::RULES;
use super::detector::Detector;
use super::record::Record;
use super::rules::Sees;
use super::watcher::{Step, Watcher};

const DAY_S: i64 = 24 * 3_600;
/// 2026-01-31T12:00:00Z.
const BEGIN_S: i64 = 1_769_860_800;

/// A record, in short.
#[derive(Clone, Copy)]
struct Said {
    after_s: i64,
    who: &'static str,
    ip: &'static str,
    action: &'static str,
    outcome: &'static str,
    code: &'static str,
    about: (&'static str, &'static str),
    session: Option<&'static str>,
}

const fn said(after_s: i64, action: &'static str, outcome: &'static str) -> Said {
    Said {
        after_s,
        who: "user:ada",
        ip: "10.1.2.3",
        action,
        outcome,
        code: "",
        about: ("", ""),
        session: None,
    }
}

impl Said {
    const fn by(self, who: &'static str) -> Said {
        Said { who, ..self }
    }

    const fn from(self, ip: &'static str) -> Said {
        Said { ip, ..self }
    }

    const fn because(self, code: &'static str) -> Said {
        Said { code, ..self }
    }

    const fn about(self, id: &'static str, channel: &'static str) -> Said {
        Said { about: (id, channel), ..self }
    }

    const fn within(self, session: &'static str) -> Said {
        Said { session: Some(session), ..self }
    }

    const fn at(self, after_s: i64) -> Said {
        Said { after_s, ..self }
    }

    fn record(&self) -> Record {
        let (kind, name) = self.who.split_once(':').unwrap();
        let kind = if kind == "address" { "peer" } else { kind };
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let ts = jiff::Timestamp::from_second(BEGIN_S + self.after_s).unwrap();
        let record = json!({
            "v": 1, "seq": 1, "ts": ts.to_string(), "outcome": self.outcome, "code": some(self.code),
            "actor": { "id": self.who, "kind": kind, "name": Some(name).filter(|name| *name != "unknown"), "session": self.session },
            "src": { "ip": self.ip, "port": 1, "via": "api" },
            "action": self.action,
            "target": { "type": "thing", "id": some(self.about.0), "channel": some(self.about.1) },
            "purpose": null,
        });
        Record::read(&record.to_string()).unwrap()
    }
}

struct Case {
    kind: &'static str,
    severity: Severity,
    /// Not enough.
    quiet: Vec<Said>,
    /// Enough.
    last: Said,
    object: &'static str,
    /// Stands in the text.
    says: &'static str,
}

const FAILED: Said = said(0, "auth.login", "denied").because("password");
const SIGNED_IN: Said = said(0, "auth.login", "success");

/// So many of them, a second apart.
fn times(n: i64, said: Said) -> Vec<Said> {
    (0..n).map(|after_s| said.at(after_s)).collect()
}

const PEOPLE: [&str; 9] = [
    "user:a",
    "user:b",
    "user:c",
    "user:d",
    "user:e",
    "user:f",
    "user:g",
    "user:h",
    "user:unknown",
];

fn cases() -> Vec<Case> {
    let all = [guesses(), sign_ins(), people(), systems(), audit_log(), emergencies()];
    all.into_iter().flatten().collect()
}

fn case(
    (kind, severity): (&'static str, Severity),
    quiet: Vec<Said>,
    last: Said,
    (object, says): (&'static str, &'static str),
) -> Case {
    Case { kind, severity, quiet, last, object, says }
}

fn guesses() -> Vec<Case> {
    let nobody = FAILED.by("user:unknown");
    let mut spray: Vec<Said> =
        PEOPLE.iter().zip(0..).map(|(who, at)| FAILED.by(who).at(at)).collect();
    spray.push(nobody.at(20));
    let lock = said(0, "auth.locked", "denied");
    vec![
        case(
            ("login.failures", High),
            times(4, FAILED),
            FAILED.at(3_599),
            ("user:ada", "5 sign-ins of `ada`"),
        ),
        case(
            ("login.source", High),
            times(9, nobody),
            nobody.at(3_599),
            ("10.1.2.3", "10 sign-ins from 10.1.2.3"),
        ),
        case(
            ("login.spray", Critical),
            spray,
            FAILED.by("user:i").at(599),
            ("10.1.2.3", "10 people"),
        ),
        case(
            ("login.locks", Critical),
            times(2, lock),
            lock.at(DAY_S - 1),
            ("user:ada", "3 times"),
        ),
    ]
}

fn sign_ins() -> Vec<Case> {
    let eve = times(2, FAILED.by("user:eve"));
    let few = [eve, vec![SIGNED_IN.by("user:eve").at(3)], times(3, FAILED)].concat();
    let near = vec![SIGNED_IN, SIGNED_IN.from("10.1.2.99").at(1)];
    let often = vec![SIGNED_IN, SIGNED_IN.at(60 * DAY_S - 1)];
    let act = said(0, "user.add", "success").within("s1");
    let moves = vec![
        act,
        act.from("10.1.2.9").at(1),
        act.within("s2").from("10.9.9.9").at(2),
        act.from("10.9.9.9").at(301),
    ];
    vec![
        case(
            ("login.after_failures", Medium),
            few,
            SIGNED_IN.at(10),
            ("user:ada", "several refused tries"),
        ),
        case(
            ("login.elsewhere", Medium),
            near,
            SIGNED_IN.from("10.1.3.1").at(2),
            ("user:ada", "10.1.3.1"),
        ),
        case(
            ("login.idle", Medium),
            often,
            SIGNED_IN.at(120 * DAY_S),
            ("user:ada", "a long while"),
        ),
        case(("session.moved", Critical), moves, act.at(600), ("s1", "stolen")),
    ]
}

fn people() -> Vec<Case> {
    let denied = said(0, "authz.denied", "denied").because("audit.read");
    let admin = said(0, "user.add", "success");
    let none = vec![admin.by("system:engine").at(50), said(51, "message.replay", "success")];
    let view = said(0, "message.body.read", "success").about("m1", "adt");
    let steps = said(DAY_S - 1, "message.steps.read", "success").about("m2", "lab");
    let token = said(0, "token.refused", "denied").by("service:bot").about("t1", "");
    let revoke = said(0, "token.revoke", "success").about("t1", "");
    let apply = said(0, "channel.apply", "success").about("adt", "adt");
    let failed = said(0, "channel.apply", "failure").about("adt", "adt");
    vec![
        case(
            ("access.denied", High),
            times(19, denied),
            denied.at(3_599),
            ("user:ada", "`audit.read`"),
        ),
        case(
            ("admin.many", Medium),
            [times(49, admin), none].concat(),
            said(3_599, "peer.add", "success"),
            ("user:ada", "50 acts"),
        ),
        case(("views.many", High), times(499, view), steps, ("user:ada", "500 messages")),
        case(("token.misused", High), vec![revoke], token.because("network"), ("t1", "`bot`")),
        case(
            ("config.applied", Medium),
            vec![apply.by("system:engine"), failed],
            apply,
            ("adt", "channel `adt`"),
        ),
    ]
}

fn systems() -> Vec<Case> {
    let refused = said(0, "peer.refused", "denied").by("address:10.1.2.3").about("adt", "adt");
    let mismatch = said(0, "peer.mismatch", "denied").by("peer:lab").about("adt", "adt");
    let unreadable = said(0, "message.unreadable", "failure").by("system:engine");
    let view = said(0, "message.body.read", "success").about("m1", "adt");
    vec![
        case(
            ("peer.refused", High),
            vec![refused.because("address-full")],
            refused.because("peer-revoked"),
            ("adt address:10.1.2.3", "peer-revoked"),
        ),
        case(
            ("peer.mismatch", High),
            vec![refused.because("network")],
            mismatch,
            ("adt peer:lab", "speaks as somebody else"),
        ),
        case(
            ("message.unreadable", Critical),
            vec![view],
            unreadable.about("m1", "adt"),
            ("adt", "does not open"),
        ),
    ]
}

fn audit_log() -> Vec<Case> {
    let broken = said(1, "audit.verified", "failure").because("changed");
    vec![
        case(
            ("audit.broken", Critical),
            vec![said(0, "audit.verified", "success")],
            broken,
            ("audit-log", "changed"),
        ),
        case(
            ("audit.rolled_back", Critical),
            vec![said(0, "audit.anchor_begun", "success").by("system:engine")],
            said(0, "audit.rolled_back", "failure").by("system:engine"),
            ("audit-log", "shorter"),
        ),
        case(
            ("audit.archive", High),
            vec![said(0, "audit.segment_archived", "success").by("system:engine")],
            said(0, "audit.segment_archived", "failure").by("system:engine"),
            ("audit-log", "stay in it"),
        ),
    ]
}

fn emergencies() -> Vec<Case> {
    vec![
        case(
            ("breakglass.used", Critical),
            vec![
                said(0, "breakglass.opened", "denied")
                    .by("break-glass:unknown")
                    .because("passphrase"),
            ],
            said(0, "breakglass.opened", "success").by("break-glass:e1").about("e1", ""),
            ("break-glass:e1", "an envelope"),
        ),
        case(
            ("breakglass.unreviewed", Critical),
            vec![said(0, "breakglass.reviewed", "success").about("e1", "")],
            said(0, "breakglass.unreviewed", "success").by("system:engine").about("e1", ""),
            ("break-glass:e1", "nobody has reviewed"),
        ),
        case(
            ("breakglass.locked", Critical),
            vec![
                said(0, "breakglass.opened", "denied").by("break-glass:unknown").because("locked"),
            ],
            said(0, "breakglass.locked", "denied").by("break-glass:unknown").because("guesses"),
            ("envelopes", "wrong passphrases"),
        ),
        case(
            ("directory.breaker", Critical),
            vec![said(0, "directory.revoked", "success").by("system:directory")],
            said(0, "directory.breaker", "failure").by("system:directory").because("6 of 7"),
            ("directory", "6 of 7"),
        ),
    ]
}

/// A detector with where people have signed in from, as the store keeps it.
struct Bench {
    detector: Detector,
    places: Vec<LoginPlace>,
}

impl Bench {
    fn new() -> Bench {
        Bench { detector: Detector::new(AlertLimits::default()), places: Vec::new() }
    }

    fn see(&mut self, said: &Said) -> Vec<NewAlert> {
        let record = said.record();
        let own: Vec<LoginPlace> =
            self.places.iter().filter(|place| place.actor == said.who).cloned().collect();
        let findings = self.detector.see(&record, &own);
        if Detector::is_sign_in(&record) {
            let (actor, prefix) = (said.who.to_owned(), record.network().unwrap());
            self.places.push(LoginPlace { actor, prefix, last_us: record.at_us() });
        }
        findings.raise
    }
}

#[test]
fn every_rule_fires_when_it_is_enough_and_not_before() {
    for Case { kind, severity, quiet, last, object, says } in cases() {
        let mut bench = Bench::new();
        for said in &quiet {
            let found = bench.see(said);
            assert!(found.iter().all(|alert| alert.kind != kind), "{kind}: {found:?}");
        }
        let found = bench.see(&last);
        let found: Vec<&NewAlert> = found.iter().filter(|alert| alert.kind == kind).collect();
        let [alert] = found[..] else { panic!("{kind}: {found:?}") };
        assert_eq!((alert.severity, &*alert.object), (severity, object), "{kind}");
        assert!(alert.text.contains(says) && !alert.text.contains('{'), "{kind}: {}", alert.text);
    }
}

#[test]
fn every_rule_that_reads_records_has_a_case() {
    let read = RULES.iter().filter(|rule| !matches!(rule.sees, Sees::Condition));
    let read: BTreeSet<&str> = read.map(|rule| rule.kind).collect();
    assert_eq!(cases().iter().map(|case| case.kind).collect::<BTreeSet<_>>(), read);
}

#[test]
fn what_is_long_ago_does_not_count() {
    for (kind, n, said, later_s) in [
        ("login.failures", 4, FAILED, 3_700),
        ("login.source", 9, FAILED, 3_700),
        ("access.denied", 19, said(0, "authz.denied", "denied"), 3_700),
        ("admin.many", 49, said(0, "ca.issue", "success"), 3_700),
        ("views.many", 499, said(0, "message.body.read", "success"), DAY_S + 500),
        ("login.locks", 2, said(0, "auth.locked", "denied"), DAY_S + 10),
    ] {
        let mut bench = Bench::new();
        for early in times(n, said) {
            bench.see(&early);
        }
        let found = bench.see(&said.at(later_s));
        assert!(found.iter().all(|alert| alert.kind != kind), "{kind}: {found:?}");
    }
}

#[test]
fn an_alert_about_a_channel_belongs_to_it_and_one_about_a_person_to_nobody_else() {
    let mut bench = Bench::new();
    let of_channel = bench.see(&said(0, "channel.apply", "success").about("adt", "adt"));
    assert_eq!(of_channel[0].channel.as_deref(), Some("adt"));
    let view = said(0, "message.body.read", "success").about("m1", "adt");
    let found: Vec<NewAlert> = times(500, view).iter().flat_map(|said| bench.see(said)).collect();
    assert_eq!((found.len(), &found[0].channel), (1, &None));
}

#[test]
fn a_verification_that_succeeds_ends_the_alert_about_the_one_that_failed() {
    let mut detector = Detector::new(AlertLimits::default());
    let found = detector.see(&said(0, "audit.verified", "success").record(), &[]);
    assert_eq!(found.passed, [("audit.broken", "audit-log".to_owned())]);
}

async fn open(folder: &std::path::Path) -> Store {
    let folder = &folder.join("data");
    let url = StoreUrl::Sqlite(folder.join("hilum.db"));
    let key = KeySource::File(folder.join("keys/store.key"));
    let options = Options {
        url: &url,
        key: &key,
        next_key: None,
        data_dir: folder,
        anchor: None,
        node: "test",
        version: "0.0.0",
    };
    Store::open(options, BEGIN_S * 1_000_000).await.unwrap().store
}

async fn fail_to_sign_in(store: &Store, second: i64) {
    let source = Source { address: Some("10.1.2.3:4711".parse().unwrap()), via: "api" };
    let actor = Actor {
        name: Some("ada".to_owned()),
        source: Some(source),
        ..Actor::new(ActorKind::User, "user:1")
    };
    let now_us = (BEGIN_S + second) * 1_000_000;
    let act =
        Act { actor, action: "auth.login", purpose: None, approval: None, request: None, now_us };
    let target = Target { kind: "user", id: Some("1".to_owned()), channel: None };
    store.record(&act, target, ActOutcome::Denied, Some("password".to_owned())).await.unwrap();
}

async fn begin(store: &Store) -> Watcher {
    Watcher::begin(store.clone(), AlertLimits::default(), BEGIN_S * 1_000_000).await.unwrap()
}

/// P-03: a count goes on where it was, what was found is not found again, and of two engines one finds it.
#[tokio::test]
async fn counts_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let now_us = (BEGIN_S + 60) * 1_000_000;
    let mut watcher = begin(&store).await;
    for second in 1..4 {
        fail_to_sign_in(&store, second).await;
    }
    assert_eq!(watcher.step(&[], now_us).await, Ok(Step::Looked { found: false }));
    assert_eq!(watcher.step(&[], now_us).await, Ok(Step::Quiet));
    drop(watcher);

    let (mut one, mut other) = (begin(&store).await, begin(&store).await);
    fail_to_sign_in(&store, 5).await;
    assert_eq!(one.step(&[], now_us).await, Ok(Step::Looked { found: false }));
    fail_to_sign_in(&store, 6).await;
    assert_eq!(one.step(&[], now_us).await, Ok(Step::Looked { found: true }));
    assert_eq!(other.step(&[], now_us).await, Ok(Step::Overtaken));
    fail_to_sign_in(&store, 7).await;
    let mut again = begin(&store).await;
    assert_eq!(again.step(&[], now_us).await, Ok(Step::Looked { found: true }));
    let alerts = store.alerts(&Scope::All, None, None, 10).await.unwrap().alerts;
    let [alert] = &alerts[..] else { panic!("{alerts:?}") };
    assert_eq!((&*alert.kind, &*alert.object, alert.count), ("login.failures", "user:1", 6));
}

/// What is over and begins again before anybody looks is not over.
#[tokio::test]
async fn what_begins_again_is_an_alert_whatever_was_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    let now_us = (BEGIN_S + 60) * 1_000_000;
    let mut watcher = begin(&store).await;
    for (second, outcome) in
        [(1, ActOutcome::Failure), (2, ActOutcome::Success), (3, ActOutcome::Failure)]
    {
        let actor = Actor::new(ActorKind::System, "engine");
        let now_us = (BEGIN_S + second) * 1_000_000;
        let action = "audit.verified";
        let act = Act { actor, action, purpose: None, approval: None, request: None, now_us };
        let target = Target { kind: "audit-log", id: None, channel: None };
        store.record(&act, target, outcome, Some("modified".to_owned())).await.unwrap();
    }
    assert_eq!(watcher.step(&[], now_us).await, Ok(Step::Looked { found: true }));
    let open = store.alerts(&Scope::All, Some(store::AlertState::Open), None, 10).await.unwrap();
    let kinds: Vec<&str> = open.alerts.iter().map(|alert| &*alert.kind).collect();
    assert_eq!(kinds, ["audit.broken"]);
}

/// An engine that begins to look after a year says nothing about the year.
#[tokio::test]
async fn what_was_before_the_first_look_is_no_news() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await;
    for second in -20..-10 {
        fail_to_sign_in(&store, second).await;
    }
    let mut watcher = begin(&store).await;
    let now_us = (BEGIN_S + 60) * 1_000_000;
    assert_eq!(watcher.step(&[], now_us).await, Ok(Step::Looked { found: false }));
}
