//! Every rule: what it looks at, from when on it is an alert, and how bad that is (security.md 2.14).

use config::AlertLimits;
use store::Severity;

use super::record::Record;

const MINUTE_US: i64 = 60 * 1_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;
const DAY_US: i64 = 24 * HOUR_US;
/// No rule looks further back, apart from where somebody has signed in before.
pub const LOOK_BACK_US: i64 = DAY_US;
/// A session that goes on from another network within this time has been taken.
pub const MOVED_WITHIN_US: i64 = 5 * MINUTE_US;
/// So many locks of one account in a day are more than a slip (security.md 2.3).
const LOCKS_A_DAY: u64 = 3;

/// A rule.
pub struct Rule {
    /// Its name, dotted and stable.
    pub kind: &'static str,
    /// How bad it is; a condition says so itself when it has grades.
    pub severity: Severity,
    /// When it fires, for people.
    pub doc: &'static str,
    /// What the alert says; `{who}`, `{from}`, `{count}`, `{channel}`, `{what}` and `{code}` are put in.
    pub(super) text: &'static str,
    pub(super) sees: Sees,
}

/// What a rule looks at.
pub(super) enum Sees {
    /// Every record for which this gives an object, until one for which the other does.
    Each(Of, Of),
    /// So many records of one object within a time.
    Many(Of, i64, Limit),
    /// Records of one object with so many different values within a time.
    Different(Of, Of, i64, Limit),
    /// A sign-in that has succeeded.
    SignIn(fn(&SignIn, &AlertLimits) -> bool),
    /// A session that is used from another network at once.
    Moved,
    /// No record: a condition that is looked at on a clock.
    Condition,
}

type Of = fn(&Record) -> Option<String>;
type Limit = fn(&AlertLimits) -> u64;

/// A sign-in against those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Refused ones since the last that succeeded.
    pub failures: u64,
    /// It comes from a network from which none has come, and some have come from others.
    pub is_from_elsewhere: bool,
    /// Since the last one, microseconds; none when it is the first.
    pub idle_us: Option<i64>,
}

const LOGINS: &[&str] = &["auth.login", "auth.step_up"];
const VIEWS: &[&str] = &["message.body.read", "message.steps.read"];
/// Families of acts that change what others may do or how the engine works.
const ADMIN: &[&str] =
    &["user.", "role.", "session.", "token.", "peer.", "ca.", "channel.", "destination."];

fn never(_: &Record) -> Option<String> {
    None
}

fn actor(record: &Record) -> Option<String> {
    Some(record.actor.id.clone())
}

fn failed_login(record: &Record) -> bool {
    record.is(LOGINS, "denied")
}

/// Somebody who is known; what nobody is called is one and the same for the audit log.
fn failed_login_of(record: &Record) -> Option<String> {
    actor(record).filter(|_| failed_login(record) && record.actor.name.is_some())
}

fn failed_login_from(record: &Record) -> Option<String> {
    record.address().filter(|_| failed_login(record)).map(|ip| ip.to_string())
}

fn view(record: &Record) -> Option<String> {
    actor(record).filter(|_| record.is(VIEWS, "success"))
}

fn admin_act(record: &Record) -> Option<String> {
    let is_one = ADMIN.iter().any(|family| record.action.starts_with(family));
    actor(record).filter(|_| is_one && record.outcome == "success" && record.is_of_somebody())
}

fn channel_of(record: &Record) -> Option<String> {
    record.target.channel.clone()
}

fn from_to(record: &Record) -> Option<String> {
    let code = record.code.as_deref()?;
    let of_certificate =
        code.starts_with("peer-") || code.starts_with("certificate") || code == "no-certificate";
    let is_one = of_certificate && record.is(&["peer.refused"], "denied");
    Some(format!("{} {}", channel_of(record).filter(|_| is_one)?, record.actor.id))
}

fn impostor(record: &Record) -> Option<String> {
    let channel = channel_of(record).filter(|_| record.action == "peer.mismatch")?;
    Some(format!("{channel} {}", record.actor.id))
}

fn misused_token(record: &Record) -> Option<String> {
    record.target.id.clone().filter(|_| record.is(&["token.refused"], "denied"))
}

fn verified(record: &Record, outcome: &str) -> Option<String> {
    record.is(&["audit.verified"], outcome).then(|| "audit-log".to_owned())
}

fn archived(record: &Record, outcome: &str) -> Option<String> {
    record.is(&["audit.segment_archived"], outcome).then(|| "audit-log".to_owned())
}

/// An emergency, as its own acts are named: so whoever is in it does not handle the alert about it.
fn emergency(record: &Record, action: &str) -> Option<String> {
    let id = record.target.id.as_deref()?;
    record.is(&[action], "success").then(|| format!("break-glass:{id}"))
}

const fn of_records(
    (kind, severity): (&'static str, Severity),
    sees: Sees,
    (doc, text): (&'static str, &'static str),
) -> Rule {
    Rule { kind, severity, doc, text, sees }
}

const fn condition(kind: &'static str, severity: Severity, doc: &'static str) -> Rule {
    Rule { kind, severity, doc, text: "", sees: Sees::Condition }
}

/// Every rule there is.
pub const RULES: &[Rule] = &[
    of_records(
        ("login.failures", Severity::High),
        Sees::Many(failed_login_of, HOUR_US, |limits| limits.failed_logins),
        (
            "`failed_logins` (5) refused sign-ins of one person within an hour; the fifth guess in a row also locks the account.",
            "{count} sign-ins of `{who}` were refused within an hour, the last from {from}",
        ),
    ),
    of_records(
        ("login.source", Severity::High),
        Sees::Many(failed_login_from, HOUR_US, |limits| limits.failed_logins_source),
        (
            "`failed_logins_source` (10) refused sign-ins from one address within an hour.",
            "{count} sign-ins from {from} were refused within an hour",
        ),
    ),
    of_records(
        ("login.spray", Severity::Critical),
        Sees::Different(failed_login_from, actor, 10 * MINUTE_US, |limits| limits.spray_people),
        (
            "Refused sign-ins of `spray_people` (10) people from one address within ten minutes; names that nobody has count as one.",
            "sign-ins of {count} people from {from} were refused within ten minutes: somebody tries passwords on everybody",
        ),
    ),
    of_records(
        ("login.locks", Severity::Critical),
        Sees::Many(
            |record| actor(record).filter(|_| record.action == "auth.locked"),
            DAY_US,
            |_| LOCKS_A_DAY,
        ),
        (
            "An account was locked three times within 24 hours.",
            "the account `{who}` was locked {count} times within 24 hours, the last time from {from}",
        ),
    ),
    of_records(
        ("login.after_failures", Severity::Medium),
        Sees::SignIn(|sign_in, limits| sign_in.failures >= limits.failures_before_login),
        (
            "Somebody signs in after `failures_before_login` (3) refused sign-ins in a row.",
            "`{who}` has signed in from {from} after several refused tries",
        ),
    ),
    of_records(
        ("login.elsewhere", Severity::Medium),
        Sees::SignIn(|sign_in, _| sign_in.is_from_elsewhere),
        (
            "Somebody signs in from a network (the first 24 bits of an IPv4 address, 48 of an IPv6 one) from which they never have.",
            "`{who}` has signed in from {from}, a network from which they never have",
        ),
    ),
    of_records(
        ("login.idle", Severity::Medium),
        Sees::SignIn(|sign_in, limits| {
            let days = i64::try_from(limits.idle_days).unwrap_or(i64::MAX);
            sign_in.idle_us.is_some_and(|idle_us| idle_us >= days.saturating_mul(DAY_US))
        }),
        (
            "Somebody signs in after `idle_days` (60) days without a sign-in.",
            "`{who}` has signed in from {from} for the first time in a long while",
        ),
    ),
    of_records(
        ("session.moved", Severity::Critical),
        Sees::Moved,
        (
            "Acts of one session come from two networks within five minutes.",
            "a session of `{who}` goes on from {from}, another network than a moment ago: its token may have been stolen",
        ),
    ),
    of_records(
        ("token.misused", Severity::High),
        Sees::Each(misused_token, never),
        (
            "The token of a program is shown from a network that it is not for, or after it was taken back.",
            "a token of `{who}` was refused from {from} ({code})",
        ),
    ),
    of_records(
        ("access.denied", Severity::High),
        Sees::Many(
            |record| actor(record).filter(|_| record.is(&["authz.denied"], "denied")),
            HOUR_US,
            |limits| limits.denied,
        ),
        (
            "`denied` (20) requests of one person or program within an hour for which the permission was missing.",
            "{count} requests of `{who}` were denied within an hour, the last for want of `{code}`",
        ),
    ),
    of_records(
        ("admin.many", Severity::Medium),
        Sees::Many(admin_act, HOUR_US, |limits| limits.admin_acts),
        (
            "`admin_acts` (50) acts of one person or program on users, sessions, tokens, peers, certificates, channels or destinations within an hour.",
            "`{who}` has done {count} acts of administration within an hour",
        ),
    ),
    of_records(
        ("views.many", Severity::High),
        Sees::Many(view, DAY_US, |limits| limits.views_day),
        (
            "`views_day` (500) bodies or steps read by one person or program within 24 hours. More than `views_minute` (120) within a minute are refused.",
            "`{who}` has read {count} messages within 24 hours",
        ),
    ),
    of_records(
        ("config.applied", Severity::Medium),
        Sees::Each(
            |record| {
                channel_of(record)
                    .filter(|_| record.is(&["channel.apply"], "success") && record.is_of_somebody())
            },
            never,
        ),
        (
            "Somebody puts another revision of a channel into force.",
            "`{who}` has put another revision of channel `{channel}` into force",
        ),
    ),
    of_records(
        ("peer.refused", Severity::High),
        Sees::Each(from_to, never),
        (
            "A client is turned away for its certificate: none, unknown, revoked, expired, or not for this channel or network.",
            "`{who}` was turned away from channel `{channel}` for its certificate ({code})",
        ),
    ),
    of_records(
        ("peer.mismatch", Severity::High),
        Sees::Each(impostor, never),
        (
            "A peer sends a message with MSH-3 or MSH-4 of somebody else.",
            "the peer `{who}` speaks as somebody else in channel `{channel}`",
        ),
    ),
    of_records(
        ("message.unreadable", Severity::Critical),
        Sees::Each(
            |record| channel_of(record).filter(|_| record.action == "message.unreadable"),
            never,
        ),
        (
            "A stored message does not open: it was changed by other hands, or the disk fails.",
            "a message of channel `{channel}` does not open, the last is `{what}`: the store was changed by other hands, or its disk fails",
        ),
    ),
    of_records(
        ("audit.broken", Severity::Critical),
        Sees::Each(|record| verified(record, "failure"), |record| verified(record, "success")),
        (
            "A verification of the audit log fails; the alert ends with one that succeeds.",
            "the audit log is not as it was written ({code}); `hilum audit verify` names the record",
        ),
    ),
    of_records(
        ("audit.rolled_back", Severity::Critical),
        Sees::Each(
            |record| record.is(&["audit.rolled_back"], "failure").then(|| "audit-log".to_owned()),
            never,
        ),
        (
            "At a start the audit log is shorter than a checkpoint of it that is kept elsewhere.",
            "the audit log is shorter than a checkpoint of it: an older copy of the store has taken its place, or records were deleted",
        ),
    ),
    of_records(
        ("audit.archive", Severity::High),
        Sees::Each(|record| archived(record, "failure"), |record| archived(record, "success")),
        (
            "Records of the audit log whose years are over cannot be taken out of it. Ends when they can.",
            "records of the audit log whose years are over stay in it: `hilum audit archive` says why",
        ),
    ),
    of_records(
        ("directory.breaker", Severity::Critical),
        Sees::Each(
            |record| record.is(&["directory.breaker"], "failure").then(|| "directory".to_owned()),
            never,
        ),
        (
            "The directory says that more than five people and a third of all who are signed in are gone at once; nobody was signed out.",
            "the directory says that most people are gone at once ({code}): nobody was signed out, look at the directory",
        ),
    ),
    of_records(
        ("breakglass.used", Severity::Critical),
        Sees::Each(
            |record| emergency(record, "breakglass.opened"),
            |record| emergency(record, "breakglass.reviewed"),
        ),
        (
            "Somebody has opened a sealed envelope; the alert ends when somebody else has reviewed what was done.",
            "`{who}` has opened an envelope and is an owner for an hour: `hilum breakglass list`",
        ),
    ),
    of_records(
        ("breakglass.unreviewed", Severity::Critical),
        Sees::Each(
            |record| emergency(record, "breakglass.unreviewed"),
            |record| emergency(record, "breakglass.reviewed"),
        ),
        (
            "Nobody has reviewed an emergency within 24 hours, and again every 24 hours; ends with the review.",
            "nobody has reviewed what was done in an emergency: `hilum breakglass review ID`",
        ),
    ),
    of_records(
        ("breakglass.locked", Severity::Critical),
        Sees::Each(
            |record| record.is(&["breakglass.locked"], "denied").then(|| "envelopes".to_owned()),
            never,
        ),
        (
            "Five wrong passphrases in a row: no envelope opens for half an hour.",
            "wrong passphrases of envelopes were tried from {from}: none opens for half an hour",
        ),
    ),
    condition(
        "queue.depth",
        Severity::High,
        "So many deliveries wait at a destination as `depth` says. Ends when it is clearly less.",
    ),
    condition(
        "queue.age",
        Severity::High,
        "The oldest delivery at a destination is as old as `age` says. Ends when it is clearly younger.",
    ),
    condition(
        "destination.down",
        Severity::Critical,
        "A destination cannot be reached for as long as `down` says. Ends when it can.",
    ),
    condition(
        "dead.letters",
        Severity::High,
        "A destination has as many dead letters as `dead` says. Ends when they are replayed or discarded.",
    ),
    condition(
        "source.silent",
        Severity::High,
        "Nothing has come to a channel for as long as its `silence` says, within its days and hours. Ends with the next message.",
    ),
    condition(
        "source.full",
        Severity::High,
        "Connections of senders were refused within five minutes because as many are open as may be. Ends five minutes after the last.",
    ),
    condition(
        "nack.sent",
        Severity::High,
        "Of the answers to senders within five minutes as many were negative as `negative` says, and at least ten. Ends when it is clearly less.",
    ),
    condition(
        "nack.received",
        Severity::High,
        "Of the answers of a receiver within five minutes as many were negative as `negative` says, and at least ten. Ends when it is clearly less.",
    ),
    condition(
        "commit.slow",
        Severity::High,
        "Five of a hundred commits of the store have taken half a second or more within five minutes. Ends when they are clearly faster.",
    ),
    condition(
        "audit.anchor",
        Severity::Critical,
        "Checkpoints of the audit log cannot be written to the file outside the store. Ends when they can.",
    ),
    condition(
        "audit.unchecked",
        Severity::Critical,
        "The audit log has not been looked through for 26 hours. Ends with a check.",
    ),
    condition(
        "backup.late",
        Severity::High,
        "`[backup]` says that backups are made, and the newest is 24 hours old (high) or 48 (critical). Ends with the next one.",
    ),
    condition(
        "syslog.behind",
        Severity::High,
        "The syslog collector has been away for five minutes, or more than 10,000 records of the audit log wait for it. Ends when it has them.",
    ),
    condition(
        "clock.step",
        Severity::High,
        "The clock of the machine is set back by more than two seconds.",
    ),
    condition(
        "disk.low",
        Severity::Critical,
        "The disk reserve is reached: sources pause. Ends when there is space again.",
    ),
    condition(
        "certificate.ends",
        Severity::High,
        "A certificate or authority in use ends in 30 days (low), 14 (medium), 7 (high) or 1 (critical). Ends when it is renewed.",
    ),
    condition(
        "crl.ends",
        Severity::High,
        "A revocation list in use ends in less than 2 days. Ends when it is renewed.",
    ),
    condition(
        "plaintext.accepted",
        Severity::Medium,
        "A channel or destination goes without encryption, for a written reason. Ends when it does not any more.",
    ),
];

/// The rule of this name.
pub(super) fn rule(kind: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn rules_are_named_once_and_documented() {
        let names: BTreeSet<&str> = RULES.iter().map(|rule| rule.kind).collect();
        assert_eq!(names.len(), RULES.len());
        for rule in RULES {
            assert!(rule.doc.ends_with('.'), "{}", rule.kind);
            assert!(!rule.text.ends_with('.'), "{}", rule.kind);
            assert!(rule.text.is_empty() == matches!(rule.sees, Sees::Condition), "{}", rule.kind);
        }
    }
}
