//! Raising alerts, and ending those whose condition has passed.

use super::maintenance::{self, Maintenance};
use super::outbox::Announcement;
use super::row::alert;
use super::tell::{AlertSink, follow_up, tell};
use super::watch::{self, AlertWatch, LoginPlace, Verified};
use super::{Alert, AlertState, Severity};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::AlertId;
use crate::sql::{Session, row, statements, values};
use crate::store::Store;

statements! {
    UNRESOLVED = "select id, kind, object, channel, severity, state, first_us, last_us, count, text, acknowledged_us, acknowledged_by,
        resolved_us, resolved_by, note, snoozed_until_us, assigned_to, escalated_us from alerts where kind = $1 and object = $2 and state < 20";
    INSERT = "insert into alerts (id, kind, object, channel, severity, state, first_us, last_us, count, text)
        values ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9)";
    AGAIN = "update alerts set count = count + $2, last_us = case when last_us > $3 then last_us else $3 end, severity = $4, state = $5,
        text = $6, snoozed_until_us = $7 where id = $1";
    PASSED = "update alerts set state = 20, resolved_us = $2, resolved_by = 'engine' where id = $1";
}

/// Something that is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAlert {
    /// The rule, as a dotted name.
    pub kind: &'static str,
    /// What it is about.
    pub object: String,
    /// The channel that it is about, when it is about one.
    pub channel: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// When it happened, microseconds UTC.
    pub at_us: i64,
    /// How often it has happened, when there is no alert of it yet.
    pub count: i64,
    /// How often it has happened since this was last said.
    pub more: i64,
    /// What it says: a sentence without a value of a message and without a secret.
    pub text: String,
}

/// What is to be written together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertChanges {
    /// What happened.
    pub raise: Vec<NewAlert>,
    /// What has passed: kind and object.
    pub passed: Vec<(&'static str, String)>,
    /// Where people have signed in from.
    pub logins: Vec<LoginPlace>,
    /// The audit log was verified.
    pub verified: Option<Verified>,
    /// The audit log was looked at: from this number on, and up to before that one.
    pub looked: Option<(i64, i64)>,
}

impl AlertChanges {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == AlertChanges::default()
    }
}

impl Store {
    /// Writes what was found, with what must be told of it to each of the sinks. False, and nothing is written, when another engine has
    /// looked at the same records of the audit log before.
    pub async fn change_alerts(
        &self,
        changes: AlertChanges,
        sinks: &[AlertSink],
        now_us: i64,
    ) -> Result<bool, StoreError> {
        let sinks = sinks.to_vec();
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                let AlertWatch { seq, .. } = watch::find(session).await?;
                if changes.looked.is_some_and(|(from, _)| from != seq) {
                    return Ok(Done::new(false));
                }
                let windows = match changes.raise.is_empty() {
                    true => Vec::new(),
                    false => maintenance::in_force(session, now_us).await?,
                };
                for new in &changes.raise {
                    raise(session, new, (&sinks, &windows), now_us).await?;
                }
                for (kind, object) in &changes.passed {
                    pass(session, kind, object, (&sinks, now_us)).await?;
                }
                watch::note(session, &changes).await?;
                Ok(Done::new(true))
            })
        })
        .await
    }
}

async fn unresolved(
    session: &mut dyn Session,
    kind: &str,
    object: &str,
) -> Result<Option<Alert>, StoreError> {
    let found = row(session, UNRESOLVED, values![kind, object]).await?;
    found.as_ref().map(alert).transpose()
}

/// One alert for many events: the second one counts up, and is told again only when it is worse.
async fn raise(
    session: &mut dyn Session,
    new: &NewAlert,
    who: (&[AlertSink], &[Maintenance]),
    now_us: i64,
) -> Result<(), StoreError> {
    let NewAlert { kind, object, channel, severity, at_us, count, more, text } = new;
    let Some(known) = unresolved(session, kind, object).await? else {
        let id = AlertId::new();
        let columns = values![
            id.uuid(),
            *kind,
            &**object,
            channel.clone(),
            severity.code(),
            AlertState::Open.code(),
            *at_us,
            *count,
            &**text,
        ];
        session.run(INSERT, columns).await?;
        return tell_found(session, new, who, now_us).await;
    };
    let worse = *severity > known.severity;
    let (severity, state) =
        if worse { (*severity, AlertState::Open) } else { (known.severity, known.state) };
    // What a milder finding says must not hide the worse one.
    let text = if new.severity < known.severity { &known.text } else { text };
    // What was put off was not so bad.
    let snoozed_until_us = known.snoozed_until_us.filter(|_| !worse);
    let columns = values![
        known.id.uuid(),
        *more,
        *at_us,
        severity.code(),
        state.code(),
        &**text,
        snoozed_until_us,
    ];
    session.run(AGAIN, columns).await?;
    match worse {
        true => tell_found(session, new, who, now_us).await,
        false => Ok(()),
    }
}

/// What nobody is to be told of now is told when that has ended.
async fn tell_found(
    session: &mut dyn Session,
    NewAlert { kind, object, .. }: &NewAlert,
    who: (&[AlertSink], &[Maintenance]),
    now_us: i64,
) -> Result<(), StoreError> {
    if let Some(alert) = unresolved(session, kind, object).await? {
        tell(session, &alert, who, now_us).await?;
    }
    Ok(())
}

async fn pass(
    session: &mut dyn Session,
    kind: &str,
    object: &str,
    (sinks, now_us): (&[AlertSink], i64),
) -> Result<(), StoreError> {
    let Some(known) = unresolved(session, kind, object).await? else { return Ok(()) };
    session.run(PASSED, values![known.id.uuid(), now_us]).await?;
    follow_up(session, (known.id, Announcement::Resolved), sinks, now_us).await
}
