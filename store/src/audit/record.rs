//! One record: who did what to what, and how it ended.

use std::net::SocketAddr;
use std::time::Instant;

use uuid::Uuid;

use super::anchor::Anchor;
use super::canonical::Json;
use super::epoch::Sealer;

/// The version of the record's form.
const VERSION: i64 = 1;

/// Who acts, as the audit log records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// A stable name: never empty.
    pub id: String,
    /// What kind of actor.
    pub kind: ActorKind,
    /// The name that people know.
    pub name: Option<String>,
    /// How it was recognised.
    pub auth: Option<String>,
    /// The session that it acts in: the first digits of its token's hash.
    pub session: Option<String>,
    /// Where it reached the engine from.
    pub source: Option<Source>,
    /// The emergency for which somebody has opened an envelope.
    pub emergency: Option<Uuid>,
}

impl Actor {
    /// An actor of whom no more is known.
    pub fn new(kind: ActorKind, id: impl Into<String>) -> Actor {
        Actor {
            id: id.into(),
            kind,
            name: None,
            auth: None,
            session: None,
            source: None,
            emergency: None,
        }
    }
}

/// Where a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The address at the other end; none over the unix socket.
    pub address: Option<SocketAddr>,
    /// The way in.
    pub via: &'static str,
}

impl Source {
    fn record(source: Option<Source>) -> Json {
        let Some(Source { address, via }) = source else { return Json::Null };
        Json::object([
            ("ip", Json::text_or_null(address.map(|address| address.ip().to_string()))),
            ("port", address.map_or(Json::Null, |address| Json::Int(address.port().into()))),
            ("via", Json::text(via)),
        ])
    }
}

/// The kinds of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// A person.
    User,
    /// A program with a token or certificate of its own.
    Service,
    /// A system that sends or receives messages.
    Peer,
    /// The engine itself.
    System,
}

impl ActorKind {
    pub(crate) fn parse(text: &str) -> Option<ActorKind> {
        let all = [ActorKind::User, ActorKind::Service, ActorKind::Peer, ActorKind::System];
        all.into_iter().find(|kind| kind.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ActorKind::User => "user",
            ActorKind::Service => "service",
            ActorKind::Peer => "peer",
            ActorKind::System => "system",
        }
    }
}

/// Something that somebody does, as far as it is known before it is done.
#[derive(Clone, Debug)]
pub struct Act {
    /// Who.
    pub actor: Actor,
    /// What, as a dotted name.
    pub action: &'static str,
    /// Why, in the actor's words.
    pub purpose: Option<String>,
    /// The request that it came with.
    pub request: Option<String>,
    /// The agreement of somebody else, where one is needed.
    pub approval: Option<Agreed>,
    /// When, microseconds UTC.
    pub now_us: i64,
}

/// The agreement of somebody else to an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    /// The request that was agreed to.
    pub id: Uuid,
    /// SHA-256 over everything that was asked for, when this act uses the agreement up: then its record is written only if it is still good.
    pub spends: Option<[u8; 32]>,
}

/// What an act is done to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// What kind of thing.
    pub kind: &'static str,
    /// Which one.
    pub id: Option<String>,
    /// The channel that it belongs to.
    pub channel: Option<String>,
}

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActOutcome {
    /// Done.
    Success,
    /// Not allowed.
    Denied,
    /// Allowed, but it could not be done.
    Failure,
}

impl ActOutcome {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            ActOutcome::Success => "success",
            ActOutcome::Denied => "denied",
            ActOutcome::Failure => "failure",
        }
    }
}

/// An act with its end: everything of a record but its place in the chain.
pub(crate) struct Entry {
    pub act: Act,
    pub target: Target,
    pub outcome: ActOutcome,
    pub code: Option<String>,
    pub before: Json,
    pub after: Json,
}

impl Entry {
    pub(crate) fn success(act: &Act, target: Target, before: Json, after: Json) -> Entry {
        Entry { act: act.clone(), target, outcome: ActOutcome::Success, code: None, before, after }
    }
}

/// What every record of this process shares.
pub(crate) struct Recorder {
    pub log_id: Uuid,
    boot: Uuid,
    node: String,
    started: Instant,
    pub sealer: Sealer,
    pub anchor: Anchor,
}

impl Recorder {
    pub(crate) fn new(log_id: Uuid, node: String, sealer: Sealer, anchor: Anchor) -> Recorder {
        Recorder { log_id, boot: Uuid::new_v4(), node, started: Instant::now(), sealer, anchor }
    }

    /// The record with its number and the chain before it.
    pub(crate) fn record(&self, entry: &Entry, seq: i64, prev: &[u8]) -> Json {
        let Entry { act, target, outcome, code, before, after } = entry;
        let Actor { id, kind, name, auth, session, source, emergency } = &act.actor;
        let mono_ns = i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX);
        Json::object([
            ("v", Json::Int(VERSION)),
            ("seq", Json::Int(seq)),
            ("ts", Json::text(rfc3339(act.now_us))),
            ("boot", Json::text(self.boot.to_string())),
            ("mono_ns", Json::Int(mono_ns)),
            ("node", Json::text(&*self.node)),
            (
                "actor",
                Json::object([
                    ("id", Json::text(&**id)),
                    ("kind", Json::text(kind.as_str())),
                    ("name", Json::text_or_null(name.as_deref())),
                    ("auth", Json::text_or_null(auth.as_deref())),
                    ("session", Json::text_or_null(session.as_deref())),
                ]),
            ),
            ("src", Source::record(*source)),
            ("action", Json::text(act.action)),
            (
                "target",
                Json::object([
                    ("type", Json::text(target.kind)),
                    ("id", Json::text_or_null(target.id.as_deref())),
                    ("channel", Json::text_or_null(target.channel.as_deref())),
                ]),
            ),
            ("outcome", Json::text(outcome.as_str())),
            ("code", Json::text_or_null(code.as_deref())),
            ("before", before.clone()),
            ("after", after.clone()),
            ("purpose", Json::text_or_null(act.purpose.as_deref())),
            ("req", Json::text_or_null(act.request.as_deref())),
            ("approval", Json::text_or_null(act.approval.map(|given| given.id.to_string()))),
            ("break_glass", Json::text_or_null(emergency.map(|id| id.to_string()))),
            ("prev", Json::text(hex(prev))),
        ])
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A time as RFC 3339 with microseconds, in UTC.
pub(crate) fn rfc3339(time_us: i64) -> String {
    let (days, rest) = (time_us.div_euclid(86_400_000_000), time_us.rem_euclid(86_400_000_000));
    let (year, month, day) = civil(days);
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

/// The civil date of a day number since 1970, counted in eras of 400 years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(rfc3339(951_827_696_000_001), "2000-02-29T12:34:56.000001Z");
        assert_eq!(rfc3339(1_798_761_599_999_999), "2026-12-31T23:59:59.999999Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999Z");
    }
}
