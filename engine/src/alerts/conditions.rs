//! Conditions that no record tells of: looked at on a clock, alerts as long as they last, resolved when they have passed.

use std::time::{Duration, Instant};

use net::tls::CertificateRole;
use store::{
    Alert, AlertChanges, AlertState, AuditStanding, NewAlert, Scope, Severity, StoreError,
};

use super::Alerting;
use super::clock_step::ClockStep;
use super::flow;
use super::rules::{Rule, rule};
use crate::certificates::{Accepted, CertificateStatus};
use crate::disk::Disk;
use crate::engine::Engine;
use crate::syslog::SyslogStanding;

/// How often they are looked at.
const EVERY: Duration = Duration::from_secs(5);
/// Days before the end of a certificate, each worse than the one before (decisions.md 10), and of a revocation list.
const CERTIFICATE_DAYS: [(i64, Severity); 4] =
    [(1, Severity::Critical), (7, Severity::High), (14, Severity::Medium), (30, Severity::Low)];
const LIST_NOW_DAYS: i64 = 2;
/// Alerts of one page.
const PAGE: usize = 1_000;

/// A condition: what it looks at, and what it finds there.
struct Condition {
    kind: &'static str,
    look: fn(&Engine) -> Vec<Finding>,
}

/// Every condition that is looked at on a clock. Each is a rule of its own in `RULES`.
const CONDITIONS: &[Condition] = &[
    Condition { kind: "audit.anchor", look: |engine| anchor(&engine.store().audit_standing()) },
    Condition {
        kind: "audit.unchecked",
        look: |engine| {
            let standing = engine.store().audit_standing();
            unchecked(&standing, engine.inner.started_us, engine.now_us())
        },
    },
    Condition {
        kind: "backup.late",
        look: |engine| match engine.makes_backups() {
            true => late(engine.backups().newest_us, engine.inner.started_us, engine.now_us()),
            false => Vec::new(),
        },
    },
    Condition {
        kind: "syslog.behind",
        look: |engine| match engine.syslog() {
            Some((collector, standing)) => behind(&collector, &standing, engine.now_us()),
            None => Vec::new(),
        },
    },
    Condition { kind: "disk.low", look: |engine| disk(&engine.inner.disk.borrow()) },
    Condition { kind: "certificate.ends", look: |engine| certificates(&engine.certificates()) },
    Condition { kind: "crl.ends", look: |engine| lists(&engine.certificates()) },
    Condition {
        kind: "plaintext.accepted",
        look: |engine| plaintext(&engine.plaintext_accepted(&Scope::All)),
    },
];

const HOUR_US: i64 = 3_600 * 1_000_000;
const MINUTE_US: i64 = 60 * 1_000_000;
/// How long a syslog collector may be away, and how many records may wait for it.
const AWAY_US: i64 = 5 * MINUTE_US;
const RECORDS_MAX: i64 = 10_000;
/// A day, and what a check of a long log may take.
const UNCHECKED_HOURS: i64 = 26;

/// Something that is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// What it is about; the node is put before it.
    pub object: String,
    pub channel: Option<String>,
    pub severity: Severity,
    pub text: String,
}

/// The file outside the store, when nothing can be written to it.
fn anchor(standing: &AuditStanding) -> Vec<Finding> {
    let Some(Err(error)) = &standing.anchored else { return Vec::new() };
    vec![Finding {
        object: standing.anchor.clone(),
        channel: None,
        severity: Severity::Critical,
        text: format!("checkpoints of the audit log cannot be written: {error}"),
    }]
}

/// The whole log is looked through every day; when that has stopped, nothing else says that it is not whole.
fn unchecked(standing: &AuditStanding, started_us: i64, now_us: i64) -> Vec<Finding> {
    let checked = standing.full.as_ref().filter(|check| check.outcome.is_ok());
    let last_us = checked.map_or(started_us, |check| check.begun_us);
    let hours = now_us.saturating_sub(last_us) / HOUR_US;
    if hours < UNCHECKED_HOURS {
        return Vec::new();
    }
    vec![Finding {
        object: "audit-log".to_owned(),
        channel: None,
        severity: Severity::Critical,
        text: format!(
            "the audit log has not been looked through for {hours} hours: `hilum audit verify` does it"
        ),
    }]
}

/// Backups that should be made and are not (45 CFR 164.308(a)(7), and what is proposed for it: 48 hours).
fn late(newest_us: Option<i64>, started_us: i64, now_us: i64) -> Vec<Finding> {
    let hours = now_us.saturating_sub(newest_us.unwrap_or(started_us)) / HOUR_US;
    let severity = match hours {
        48.. => Severity::Critical,
        24.. => Severity::High,
        _ => return Vec::new(),
    };
    vec![Finding {
        object: "backup".to_owned(),
        channel: None,
        severity,
        text: format!("the newest backup is {hours} hours old"),
    }]
}

/// A collector that does not get what it should (security.md 2.1).
fn behind(collector: &str, standing: &SyslogStanding, now_us: i64) -> Vec<Finding> {
    let away_us = standing.away.as_ref().map(|(since_us, _)| now_us.saturating_sub(*since_us));
    let text = match away_us {
        Some(away_us) if away_us >= AWAY_US => {
            format!(
                "the syslog collector {collector} has been away for {} minutes",
                away_us / MINUTE_US
            )
        }
        _ if standing.records > RECORDS_MAX => {
            format!(
                "{} records of the audit log wait for the syslog collector {collector}",
                standing.records
            )
        }
        _ => return Vec::new(),
    };
    vec![Finding { object: "syslog".to_owned(), channel: None, severity: Severity::High, text }]
}

/// Runs as long as the engine.
pub async fn run(engine: Engine) {
    let mut clock = ClockStep::new(engine.now_us(), Instant::now());
    loop {
        if let Err(error) = round(&engine, &mut clock).await {
            tracing::error!(code = "alert.watch", %error, "what is so could not be written down as alerts; trying again");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn round(engine: &Engine, clock: &mut ClockStep) -> Result<(), StoreError> {
    let (now_us, node) = (engine.now_us(), &engine.inner.server.node);
    let mut known = unresolved(engine).await?;
    let Alerting { sinks, news, .. } = &engine.inner.alerting;
    if engine.store().tell_alerts(&known, sinks, now_us).await? {
        news.notify_waiters();
    }
    // Those of another engine on the same store pass when that one says so.
    known.retain(|alert| alert.object.starts_with(&prefix(node)));
    let mut changes = AlertChanges::default();
    for Condition { kind, look } in CONDITIONS {
        let Some(rule) = rule(kind) else { continue };
        compare(rule, look(engine), &known, (node, now_us), &mut changes);
    }
    let status = engine.looked().await?;
    let is_open = |kind: &str, object: &str| {
        let object = format!("{}{object}", prefix(node));
        known.iter().any(|alert| alert.kind == kind && alert.object == object)
    };
    let mut flowing = flow::look(engine, &status, &is_open);
    for kind in flow::KINDS {
        let Some(rule) = rule(kind) else { continue };
        let (own, others) = flowing.into_iter().partition(|(one, _)| *one == kind);
        flowing = others;
        let own: Vec<(&str, Finding)> = own;
        let own = own.into_iter().map(|(_, finding)| finding).collect();
        compare(rule, own, &known, (node, now_us), &mut changes);
    }
    let back = clock.look(now_us, Instant::now());
    let step = back.zip(rule("clock.step")).map(|(back, rule)| stepped(rule, back, node, now_us));
    changes.raise.extend(step);
    if changes.is_empty() {
        return Ok(());
    }
    engine.store().change_alerts(changes, sinks, now_us).await?;
    news.notify_waiters();
    Ok(())
}

async fn unresolved(engine: &Engine) -> Result<Vec<Alert>, StoreError> {
    let mut all = Vec::new();
    for state in [AlertState::Open, AlertState::Acknowledged] {
        let mut before = None;
        loop {
            let page = engine.store().alerts(&Scope::All, Some(state), before, PAGE).await?;
            all.extend(page.alerts);
            before = page.next;
            if before.is_none() {
                break;
            }
        }
    }
    Ok(all)
}

fn prefix(node: &str) -> String {
    format!("{node}: ")
}

/// What is new, worse, or over.
fn compare(
    rule: &'static Rule,
    found: Vec<Finding>,
    known: &[Alert],
    (node, now_us): (&str, i64),
    changes: &mut AlertChanges,
) {
    let known: Vec<&Alert> = known.iter().filter(|alert| alert.kind == rule.kind).collect();
    let named = |finding: &Finding| format!("{}{}", prefix(node), finding.object);
    let over = known.iter().filter(|alert| !found.iter().any(|one| named(one) == alert.object));
    changes.passed.extend(over.map(|alert| (rule.kind, alert.object.clone())));
    for finding in found {
        let object = named(&finding);
        let as_bad = |alert: &&&Alert| alert.object == object && alert.severity >= finding.severity;
        if known.iter().find(as_bad).is_some() {
            continue;
        }
        changes.raise.push(NewAlert {
            kind: rule.kind,
            object,
            channel: finding.channel,
            severity: finding.severity,
            at_us: now_us,
            count: 1,
            more: 1,
            text: finding.text,
        });
    }
}

fn stepped(rule: &'static Rule, back: Duration, node: &str, now_us: i64) -> NewAlert {
    let seconds = back.as_secs();
    NewAlert {
        kind: rule.kind,
        object: format!("{}clock", prefix(node)),
        channel: None,
        severity: rule.severity,
        at_us: now_us,
        count: 1,
        more: 1,
        text: format!(
            "the clock of `{node}` was set back by {seconds} seconds: times in the audit log and the ends of sessions are in doubt"
        ),
    }
}

fn disk(disk: &Disk) -> Vec<Finding> {
    let free_mib = disk.free >> 20;
    let finding = Finding {
        object: "disk".to_owned(),
        channel: None,
        severity: Severity::Critical,
        text: format!("the disk has {free_mib} MiB left, less than the reserve: sources pause"),
    };
    if disk.is_low() { vec![finding] } else { Vec::new() }
}

fn certificates(all: &[CertificateStatus]) -> Vec<Finding> {
    let ending = all.iter().filter(|one| one.facts.role != CertificateRole::RevocationList);
    let graded = ending.filter_map(|one| {
        let grade = CERTIFICATE_DAYS.iter().find(|(days, _)| one.days <= *days);
        grade.map(|(_, severity)| ends(one, *severity))
    });
    graded.collect()
}

fn lists(all: &[CertificateStatus]) -> Vec<Finding> {
    let ending = all.iter().filter(|one| {
        one.facts.role == CertificateRole::RevocationList && one.days < LIST_NOW_DAYS
    });
    ending.map(|one| ends(one, Severity::High)).collect()
}

fn ends(one: &CertificateStatus, severity: Severity) -> Finding {
    let place = one.place();
    let (what, subject) = (one.facts.role.name(), &one.facts.subject);
    let when = match one.days {
        ..0 => "has ended".to_owned(),
        days => format!("ends in {days} days"),
    };
    Finding {
        object: format!("{place} {what} {subject}"),
        channel: one.channel.as_ref().map(ToString::to_string),
        severity,
        text: format!("the {what} `{subject}` of `{place}` {when}, on {}", one.facts.last_day()),
    }
}

fn plaintext(accepted: &[Accepted]) -> Vec<Finding> {
    let finding = |one: &Accepted| {
        let place = place(one.channel.as_str(), one.destination.as_ref().map(config::Name::as_str));
        Finding {
            channel: Some(one.channel.to_string()),
            severity: Severity::Medium,
            text: format!("`{place}` goes without encryption until {}", one.until),
            object: place,
        }
    };
    accepted.iter().map(finding).collect()
}

fn place(channel: &str, destination: Option<&str>) -> String {
    match destination {
        Some(destination) => format!("{channel}/{destination}"),
        None => channel.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::Sees;
    use super::*;
    use config::Name;
    use net::tls::CertificateFacts;
    use store::{AlertId, AuditCheck, AuditReport};

    fn status(role: CertificateRole, days: i64) -> CertificateStatus {
        let facts = CertificateFacts {
            role,
            subject: "CN=hilum".to_owned(),
            not_before_us: 0,
            not_after_us: 1_800_000_000_000_000,
        };
        CertificateStatus { channel: Name::new("adt").ok(), destination: None, facts, days }
    }

    fn severities(found: &[Finding]) -> Vec<Severity> {
        found.iter().map(|one| one.severity).collect()
    }

    #[test]
    fn a_certificate_is_an_alert_before_it_ends_and_a_worse_one_at_the_end() {
        for (role, days, expected) in [
            (CertificateRole::Own, 31, vec![]),
            (CertificateRole::Own, 30, vec![Severity::Low]),
            (CertificateRole::Own, 14, vec![Severity::Medium]),
            (CertificateRole::Authority, 7, vec![Severity::High]),
            (CertificateRole::Own, 1, vec![Severity::Critical]),
            (CertificateRole::Own, -3, vec![Severity::Critical]),
            (CertificateRole::RevocationList, 1, vec![]),
        ] {
            assert_eq!(severities(&certificates(&[status(role, days)])), expected, "{days}");
        }
        for (days, expected) in [(2, vec![]), (1, vec![Severity::High]), (-1, vec![Severity::High])]
        {
            let found = lists(&[status(CertificateRole::RevocationList, days)]);
            assert_eq!(severities(&found), expected, "{days}");
        }
        assert!(lists(&[status(CertificateRole::Own, 0)]).is_empty());
        let found = certificates(&[status(CertificateRole::Own, 5)]);
        assert_eq!(found[0].channel.as_deref(), Some("adt"));
        assert!(found[0].text.contains("ends in 5 days"), "{}", found[0].text);
    }

    #[test]
    fn a_log_that_nobody_looks_through_is_an_alert() {
        let check = |begun_us, outcome: Result<(), ()>| AuditCheck {
            begun_us,
            outcome: outcome.map(|()| AuditReport::default()).map_err(|()| "gone".to_owned()),
        };
        let standing = |full| AuditStanding {
            running: None,
            full,
            tail: None,
            anchor: String::new(),
            anchored: None,
        };
        let found = |full, hours: i64| unchecked(&standing(full), 0, hours * HOUR_US).len();
        assert_eq!((found(None, 25), found(None, 26)), (0, 1), "since the start");
        let done = |hours: i64| Some(check(hours * HOUR_US, Ok(())));
        assert_eq!((found(done(20), 45), found(done(20), 46)), (0, 1));
        assert_eq!(found(Some(check(40 * HOUR_US, Err(()))), 45), 1, "one that failed is none");
    }

    #[test]
    fn a_backup_that_is_late_is_an_alert_and_then_a_worse_one() {
        let found = |newest: Option<i64>, hours: i64| {
            severities(&late(newest.map(|hours| hours * HOUR_US), 0, hours * HOUR_US))
        };
        assert_eq!(found(None, 23), []);
        assert_eq!(found(None, 24), [Severity::High]);
        assert_eq!(found(Some(10), 33), []);
        assert_eq!(found(Some(10), 58), [Severity::Critical]);
    }

    #[test]
    fn a_collector_that_is_behind_is_an_alert() {
        let away = |minutes: i64, records| {
            let away = Some((0, "no connection".to_owned()));
            let standing = SyslogStanding { away, records, ..SyslogStanding::default() };
            severities(&behind("siem:6514", &standing, minutes * MINUTE_US))
        };
        assert_eq!(away(4, 9), []);
        assert_eq!(away(5, 9), [Severity::High]);
        assert_eq!(away(0, 10_001), [Severity::High]);
        assert_eq!(behind("siem:6514", &SyslogStanding::default(), i64::MAX), []);
    }

    #[test]
    fn a_full_disk_is_an_alert() {
        assert!(disk(&Disk { free: 10, reserve: 10 }).is_empty());
        assert_eq!(severities(&disk(&Disk { free: 9, reserve: 10 })), [Severity::Critical]);
    }

    #[test]
    fn going_without_encryption_is_an_alert() {
        let accepted = Accepted {
            channel: Name::new("adt").unwrap(),
            destination: Some(Name::new("lab").unwrap()),
            reason: "old".to_owned(),
            until: "2027-06-30".to_owned(),
        };
        let found = plaintext(&[accepted]);
        assert_eq!((severities(&found), &*found[0].object), (vec![Severity::Medium], "adt/lab"));
        assert!(plaintext(&[]).is_empty());
    }

    #[test]
    fn a_clock_that_is_set_back_is_an_alert() {
        let new = stepped(rule("clock.step").unwrap(), Duration::from_secs(5), "a", 7);
        assert_eq!(
            (new.kind, &*new.object, new.severity),
            ("clock.step", "a: clock", Severity::High)
        );
    }

    #[test]
    fn every_condition_is_a_rule_and_every_rule_of_a_condition_is_looked_at() {
        for condition in CONDITIONS {
            assert!(matches!(rule(condition.kind).unwrap().sees, Sees::Condition));
        }
        let conditions =
            super::super::RULES.iter().filter(|rule| matches!(rule.sees, Sees::Condition));
        for rule in conditions.filter(|rule| rule.kind != "clock.step") {
            let looked = CONDITIONS.iter().any(|one| one.kind == rule.kind);
            assert!(looked || flow::KINDS.contains(&rule.kind), "{}", rule.kind);
        }
    }

    fn known(object: &str, severity: Severity) -> Alert {
        Alert {
            id: AlertId::new(),
            kind: "disk.low".to_owned(),
            object: object.to_owned(),
            channel: None,
            severity,
            state: AlertState::Acknowledged,
            first_us: 1,
            last_us: 1,
            count: 1,
            text: String::new(),
            acknowledged_us: None,
            acknowledged_by: None,
            resolved_us: None,
            resolved_by: None,
            note: None,
            snoozed_until_us: None,
            assigned_to: None,
            escalated_us: None,
        }
    }

    fn changes(severity: Option<Severity>, known: &[Alert]) -> (usize, usize) {
        let found = severity.map(|severity| Finding {
            object: "disk".to_owned(),
            channel: None,
            severity,
            text: String::new(),
        });
        let mut changes = AlertChanges::default();
        let rule = rule("disk.low").unwrap();
        compare(rule, found.into_iter().collect(), known, ("a", 1), &mut changes);
        (changes.raise.len(), changes.passed.len())
    }

    #[test]
    fn what_is_so_is_said_once_and_ends_when_it_has_passed() {
        let medium = [known("a: disk", Severity::Medium)];
        assert_eq!(changes(Some(Severity::Medium), &[]), (1, 0), "new");
        assert_eq!(changes(Some(Severity::Medium), &medium), (0, 0), "known");
        assert_eq!(changes(Some(Severity::High), &medium), (1, 0), "worse");
        assert_eq!(changes(None, &medium), (0, 1), "over");
    }
}
