//! Who is to be told what of an alert: everything that was found is held against what each sink was told before.

use super::maintenance::{self, Maintenance};
use super::outbox::{Announcement, announce, waits};
use super::row::{Alert, alert};
use super::{AlertState, Severity, watch};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::AlertId;
use crate::sql::{Row, Session, row, statements, values};
use crate::store::Store;

statements! {
    EVERYTHING = "select sink, alert, severity, first_us, last_us from alert_told order by alert, sink";
    OF_ALERT = "select sink, alert, severity, first_us, last_us from alert_told where alert = $1 order by sink";
    PUT = "insert into alert_told (sink, alert, severity, first_us, last_us) values ($1, $2, $3, $4, $4)
        on conflict (sink, alert) do update set severity = excluded.severity, last_us = excluded.last_us";
    OVER = "delete from alert_told where alert = $1";
    SINKS = "select distinct sink from alert_told order by sink";
    FORGET = "delete from alert_told where sink = $1";
    ESCALATED = "update alerts set escalated_us = $2 where id = $1 and escalated_us is null";
    UNRESOLVED = "select id, kind, object, channel, severity, state, first_us, last_us, count, text, acknowledged_us, acknowledged_by,
        resolved_us, resolved_by, note, snoozed_until_us, assigned_to, escalated_us from alerts where id = $1 and state < 20";
}

/// Somebody who is told, and of what. Times are microseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSink {
    /// What it is called.
    pub name: String,
    /// Only what is at least so bad.
    pub severity: Severity,
    /// Only what is about one of these channels; without any, everything.
    pub channels: Vec<String>,
    /// Only what has been open for so long since somebody was told first.
    pub escalate_after_us: Option<i64>,
    /// Again after so long, for as long as it is open.
    pub repeat_us: Option<i64>,
}

impl AlertSink {
    /// One that is told everything at once, and once.
    pub fn of_everything(name: &str) -> AlertSink {
        AlertSink {
            name: name.to_owned(),
            severity: Severity::Low,
            channels: Vec::new(),
            escalate_after_us: None,
            repeat_us: None,
        }
    }

    fn is_for(&self, alert: &Alert) -> bool {
        let channel = alert.channel.as_ref();
        let of_channel =
            self.channels.is_empty() || channel.is_some_and(|one| self.channels.contains(one));
        of_channel && alert.severity >= self.severity
    }
}

/// What a sink was told of an alert.
#[derive(Clone, Debug)]
struct Told {
    sink: String,
    alert: AlertId,
    severity: Severity,
    first_us: i64,
    last_us: i64,
}

fn told(row: &Row) -> Result<Told, StoreError> {
    Ok(Told {
        sink: row.text(0)?.to_owned(),
        alert: AlertId::from_uuid(row.id(1)?),
        severity: row.code(2, Severity::from_code)?,
        first_us: row.int(3)?,
        last_us: row.int(4)?,
    })
}

/// What a sink is to be told of an alert now.
fn due(alert: &Alert, sink: &AlertSink, told: &[Told], now_us: i64) -> Option<Announcement> {
    if alert.state == AlertState::Resolved || !sink.is_for(alert) {
        return None;
    }
    let Some(own) = told.iter().find(|one| one.sink == sink.name) else {
        let is_open = alert.state == AlertState::Open;
        let what = match sink.escalate_after_us {
            None => Some(Announcement::Raised),
            Some(after_us) => {
                let first_us = told.iter().map(|one| one.first_us).min();
                let is_late = first_us.is_some_and(|us| us.saturating_add(after_us) <= now_us);
                is_late.then_some(Announcement::Escalated)
            }
        };
        return what.filter(|_| is_open);
    };
    if alert.severity > own.severity {
        return Some(Announcement::Raised);
    }
    let was_put_off = alert.snoozed_until_us.is_some_and(|until_us| until_us > own.last_us);
    let is_due = sink.repeat_us.is_some_and(|us| own.last_us.saturating_add(us) <= now_us);
    let again = was_put_off || (is_due && alert.state == AlertState::Open);
    again.then_some(Announcement::Repeated)
}

/// Whether nobody is to be told of it now.
fn is_held(alert: &Alert, windows: &[Maintenance], now_us: i64) -> bool {
    alert.snoozed_until_us.is_some_and(|until_us| until_us > now_us)
        || windows.iter().any(|window| window.holds(alert))
}

/// Puts down what is to be told of an alert now, inside the transaction of whatever has changed.
pub(super) async fn tell(
    session: &mut dyn Session,
    alert: &Alert,
    (sinks, windows): (&[AlertSink], &[Maintenance]),
    now_us: i64,
) -> Result<bool, StoreError> {
    if is_held(alert, windows, now_us) {
        return Ok(false);
    }
    let rows = session.rows(OF_ALERT, values![alert.id.uuid()]).await?;
    let known = rows.iter().map(told).collect::<Result<Vec<Told>, StoreError>>()?;
    let mut is_news = false;
    for sink in sinks {
        let Some(what) = due(alert, sink, &known, now_us) else { continue };
        // What has not been told yet need not be said again.
        if what == Announcement::Repeated && waits(session, &sink.name, alert.id).await? {
            continue;
        }
        announce(session, (alert.id, what), &[&sink.name], now_us).await?;
        let columns = values![&*sink.name, alert.id.uuid(), alert.severity.code(), now_us];
        session.run(PUT, columns).await?;
        if what == Announcement::Escalated {
            session.run(ESCALATED, values![alert.id.uuid(), now_us]).await?;
        }
        is_news = true;
    }
    Ok(is_news)
}

/// Puts down what has become of an alert for those who were told that there is one.
pub(super) async fn follow_up(
    session: &mut dyn Session,
    (id, what): (AlertId, Announcement),
    sinks: &[AlertSink],
    now_us: i64,
) -> Result<(), StoreError> {
    let rows = session.rows(OF_ALERT, values![id.uuid()]).await?;
    let known = rows.iter().map(told).collect::<Result<Vec<Told>, StoreError>>()?;
    let is_told = |sink: &&AlertSink| known.iter().any(|one| one.sink == sink.name);
    let names: Vec<&str> = sinks.iter().filter(is_told).map(|sink| &*sink.name).collect();
    announce(session, (id, what), &names, now_us).await?;
    if what == Announcement::Resolved {
        session.run(OVER, values![id.uuid()]).await?;
    }
    Ok(())
}

impl Store {
    /// Puts down what has become due with time: what is still so after a maintenance, after it was put off, what nobody looks after, what is
    /// told again, and what a new sink has not heard of. `alerts` are those that are not resolved. Says whether there is anything.
    pub async fn tell_alerts(
        &self,
        alerts: &[Alert],
        sinks: &[AlertSink],
        now_us: i64,
    ) -> Result<bool, StoreError> {
        let rows = self.inner.reader.rows(EVERYTHING, values![]).await?;
        let known = rows.iter().map(told).collect::<Result<Vec<Told>, StoreError>>()?;
        let windows = self.inner.reader.rows(maintenance::IN_FORCE, values![now_us]).await?;
        let windows = windows.iter().map(maintenance::read).collect::<Result<Vec<_>, _>>()?;
        let is_due = |alert: &&Alert| {
            let start = known.partition_point(|one| one.alert < alert.id);
            let end = known.partition_point(|one| one.alert <= alert.id);
            let told = known.get(start..end).unwrap_or_default();
            !is_held(alert, &windows, now_us)
                && sinks.iter().any(|sink| due(alert, sink, told, now_us).is_some())
        };
        let due: Vec<AlertId> = alerts.iter().filter(is_due).map(|alert| alert.id).collect();
        if due.is_empty() {
            return Ok(false);
        }
        let sinks = sinks.to_vec();
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                // Two engines on one database take turns, and the second one finds it told.
                watch::find(session).await?;
                let windows = maintenance::in_force(session, now_us).await?;
                let mut is_news = false;
                for id in due {
                    let Some(found) = row(session, UNRESOLVED, values![id.uuid()]).await? else {
                        continue;
                    };
                    is_news |= tell(session, &alert(&found)?, (&sinks, &windows), now_us).await?;
                }
                Ok(Done::new(is_news))
            })
        })
        .await
    }

    /// Forgets what sinks were told that are not among these any more.
    pub async fn forget_told_alerts(&self, sinks: &[AlertSink]) -> Result<(), StoreError> {
        let sinks: Vec<String> = sinks.iter().map(|sink| sink.name.clone()).collect();
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                for known in session.rows(SINKS, values![]).await? {
                    let name = known.text(0)?.to_owned();
                    if !sinks.contains(&name) {
                        session.run(FORGET, values![name]).await?;
                    }
                }
                Ok(Done::new(()))
            })
        })
        .await
    }
}

#[cfg(test)]
mod rules {
    use super::*;

    const MINUTE_US: i64 = 60 * 1_000_000;

    fn open() -> Alert {
        Alert {
            id: AlertId::new(),
            kind: "queue.depth".to_owned(),
            object: "a: adt/lab".to_owned(),
            channel: Some("adt".to_owned()),
            severity: Severity::High,
            state: AlertState::Open,
            first_us: 0,
            last_us: 0,
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

    fn was_told(sink: &str, severity: Severity, first_us: i64, last_us: i64) -> Told {
        Told { sink: sink.to_owned(), alert: AlertId::new(), severity, first_us, last_us }
    }

    #[test]
    fn a_sink_is_told_what_it_is_for() {
        let alert = open();
        let at = |sink: &AlertSink| due(&alert, sink, &[], 0);
        let all = AlertSink::of_everything("a");
        assert_eq!(at(&all), Some(Announcement::Raised));
        assert_eq!(at(&AlertSink { severity: Severity::Critical, ..all.clone() }), None);
        let of = |channel: &str| AlertSink { channels: vec![channel.to_owned()], ..all.clone() };
        assert_eq!(at(&of("adt")), Some(Announcement::Raised));
        assert_eq!(at(&of("lab")), None);
        let none = Alert { channel: None, ..alert.clone() };
        assert_eq!(due(&none, &of("adt"), &[], 0), None, "it is about no channel");
    }

    #[test]
    fn worse_is_news_and_the_same_is_not() {
        let (alert, sink) = (open(), AlertSink::of_everything("a"));
        let after = |severity| due(&alert, &sink, &[was_told("a", severity, 0, 0)], i64::MAX);
        assert_eq!(after(Severity::Medium), Some(Announcement::Raised));
        assert_eq!(after(Severity::High), None);
    }

    #[test]
    fn what_nobody_looks_after_goes_further_and_is_said_again() {
        let sink = AlertSink {
            escalate_after_us: Some(15 * MINUTE_US),
            repeat_us: Some(60 * MINUTE_US),
            ..AlertSink::of_everything("chief")
        };
        let (alert, mut known) = (open(), vec![was_told("log", Severity::High, 0, 0)]);
        let at = |known: &[Told], minutes| due(&alert, &sink, known, minutes * MINUTE_US);
        assert_eq!(at(&known, 14), None);
        assert_eq!(at(&known, 15), Some(Announcement::Escalated));
        let looked_after = Alert { state: AlertState::Acknowledged, ..alert.clone() };
        assert_eq!(due(&looked_after, &sink, &known, i64::MAX), None);
        known.push(was_told("chief", Severity::High, 15 * MINUTE_US, 15 * MINUTE_US));
        assert_eq!(at(&known, 74), None);
        assert_eq!(at(&known, 75), Some(Announcement::Repeated));
        assert_eq!(due(&looked_after, &sink, &known, i64::MAX), None);
    }

    #[test]
    fn what_was_put_off_is_said_again_when_its_time_has_come() {
        let sink = AlertSink::of_everything("a");
        let known = [was_told("a", Severity::High, 0, 5)];
        let state = AlertState::Acknowledged;
        let alert = Alert { snoozed_until_us: Some(10), state, ..open() };
        assert!(is_held(&alert, &[], 9) && !is_held(&alert, &[], 10));
        assert_eq!(due(&alert, &sink, &known, 10), Some(Announcement::Repeated));
        let known = [was_told("a", Severity::High, 0, 10)];
        assert_eq!(due(&alert, &sink, &known, 11), None, "once");
    }
}
