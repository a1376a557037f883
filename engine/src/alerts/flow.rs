//! What passes through channels, or does not: conditions of each channel and destination.
//!
//! They look at figures in memory, and at what the status shows, which is never older than some seconds.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use config::{FlowLimits, Name};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::Severity;

use super::conditions::Finding;
use crate::engine::Engine;
use crate::status::{ChannelStatus, DestinationStatus, Status};

/// Answers are judged over so long, microseconds.
const WINDOW_US: i64 = 5 * 60 * 1_000_000;
/// Fewer answers say nothing.
const ANSWERS_MIN: u64 = 10;
/// A commit takes longer than this for 5 of 100: the disk does not keep up.
const COMMIT_SLOW: Duration = Duration::from_millis(500);
/// Before it passes, a figure must be below this share of its limit, so that nothing comes and goes.
const PASSES_BELOW_PERCENT: u64 = 80;

/// The rules that are looked at here.
pub(super) const KINDS: [&str; 9] = [
    "queue.depth",
    "queue.age",
    "destination.down",
    "dead.letters",
    "source.silent",
    "source.full",
    "nack.sent",
    "nack.received",
    "commit.slow",
];

/// When, microseconds UTC, and what two counters were then; the oldest first.
type Past = VecDeque<(i64, [u64; 2])>;

/// Counters as they were, so that what is recent can be told from what is long ago.
#[derive(Default)]
pub(crate) struct Pasts(Mutex<BTreeMap<String, Past>>);

impl Pasts {
    /// How much two counters have grown within the window.
    fn grown(&self, of: &str, now: [u64; 2], now_us: i64) -> [u64; 2] {
        let mut pasts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let past = pasts.entry(of.to_owned()).or_default();
        past.push_back((now_us, now));
        // The newest one that is at least as old as the window is what it is compared with.
        while past.get(1).is_some_and(|(at_us, _)| *at_us <= now_us - WINDOW_US) {
            past.pop_front();
        }
        let then = past.front().map_or([0, 0], |(_, then)| *then);
        [now[0].saturating_sub(then[0]), now[1].saturating_sub(then[1])]
    }
}

/// What is so, by rule.
pub(super) type Found = Vec<(&'static str, Finding)>;

/// Looks at everything. `is_open` says whether there is an alert of a rule about an object.
pub(super) fn look(
    engine: &Engine,
    status: &Status,
    is_open: &dyn Fn(&str, &str) -> bool,
) -> Found {
    let flows = &engine.server().alerts.flows;
    let zone = TimeZone::get(&engine.server().zone).unwrap_or(TimeZone::UTC);
    let mut found = Vec::new();
    for channel in &status.channels {
        let limits = flows.of(&channel.name);
        let seen = Seen { limits: &limits, now_us: status.now_us, is_open };
        found.extend(silent(channel, &seen, &zone));
        found.extend(full(channel, &engine.inner.pasts, &seen));
        for one in &channel.destinations {
            found.extend(destination(channel, one, &seen));
        }
    }
    for running in engine.running() {
        let limits = flows.of(running.inlet.name());
        let seen = Seen { limits: &limits, now_us: status.now_us, is_open };
        let codes = running.inlet.taken().by_code();
        let negative = codes[1] + codes[2] + codes[4] + codes[5];
        let grown = engine.inner.pasts.grown(
            &format!("sent {}", running.inlet.name()),
            [negative, codes.iter().take(6).sum()],
            status.now_us,
        );
        found.extend(nacks("nack.sent", (running.inlet.name(), None), grown, &seen));
        for (_, outbound) in running.destinations() {
            let [delivered, dead, answered, _] = outbound.tried().by_outcome();
            let grown = engine.inner.pasts.grown(
                &format!("received {} {}", running.inlet.name(), outbound.name),
                [dead + answered, delivered + dead + answered],
                status.now_us,
            );
            let place = (running.inlet.name(), Some(&outbound.name));
            found.extend(nacks("nack.received", place, grown, &seen));
        }
    }
    found.extend(commits(engine.store().commits(), is_open));
    found
}

/// How something is judged.
struct Seen<'a> {
    limits: &'a FlowLimits,
    now_us: i64,
    is_open: &'a dyn Fn(&str, &str) -> bool,
}

impl Seen<'_> {
    /// Whether a figure is over its limit; one that was over must have come down clearly before it is not any more.
    fn is_over(&self, (kind, object): (&str, &str), figure: u64, limit: u64) -> bool {
        match (self.is_open)(kind, object) {
            true => figure * 100 > limit * PASSES_BELOW_PERCENT,
            false => figure >= limit,
        }
    }
}

fn finding((channel, object): (&Name, String), severity: Severity, text: String) -> Finding {
    Finding { object, channel: Some(channel.to_string()), severity, text }
}

fn destination(channel: &ChannelStatus, one: &DestinationStatus, seen: &Seen<'_>) -> Found {
    let object = format!("{}/{}", channel.name, one.name);
    let mut found = Vec::new();
    let mut say = |kind: &'static str, severity, text: String| {
        found.push((kind, finding((&channel.name, object.clone()), severity, text)));
    };
    let depth =
        u64::try_from(one.queued + one.waiting + if one.state == "held" { 0 } else { one.held });
    let depth = depth.unwrap_or(0);
    if seen.is_over(("queue.depth", &object), depth, seen.limits.depth) {
        say("queue.depth", Severity::High, format!("{depth} deliveries wait at `{object}`"));
    }
    let age_s = one.oldest_us.map_or(0, |us| (seen.now_us - us).max(0) / 1_000_000);
    let limit_s = seen.limits.age.as_secs();
    if seen.is_over(("queue.age", &object), u64::try_from(age_s).unwrap_or(0), limit_s) {
        let minutes = age_s / 60;
        say(
            "queue.age",
            Severity::High,
            format!("the oldest delivery at `{object}` has waited for {minutes} minutes"),
        );
    }
    let down_us =
        one.live.as_ref().and_then(|live| live.down_since_us).map(|since| seen.now_us - since);
    if let Some(down_us) = down_us
        && u128::try_from(down_us).unwrap_or(0) >= seen.limits.down.as_micros()
    {
        let text = format!(
            "`{object}` cannot be reached for {} minutes; its deliveries wait and are not lost",
            down_us / 60_000_000
        );
        say("destination.down", Severity::Critical, text);
    }
    let dead = u64::try_from(one.dead).unwrap_or(0);
    if dead >= seen.limits.dead {
        let text = format!("{dead} dead letters at `{object}`: `hilum dead` shows why");
        say("dead.letters", Severity::High, text);
    }
    found
}

fn silent(channel: &ChannelStatus, seen: &Seen<'_>, zone: &TimeZone) -> Found {
    let (Some(limit), Some(last_us)) = (seen.limits.silence, channel.last_in_us) else {
        return Vec::new();
    };
    // Somebody has stopped it, and the status says who.
    if channel.stopped.is_some() {
        return Vec::new();
    }
    let now = Timestamp::from_microsecond(seen.now_us).unwrap_or_default().to_zoned(zone.clone());
    let weekday = usize::try_from(now.weekday().to_monday_zero_offset()).unwrap_or(0);
    let minute = u16::try_from(i32::from(now.hour()) * 60 + i32::from(now.minute())).unwrap_or(0);
    let quiet_us = u128::try_from(seen.now_us - last_us).unwrap_or(0);
    if quiet_us < limit.as_micros() || !seen.limits.counts_silence(weekday, minute) {
        return Vec::new();
    }
    let text = format!(
        "nothing has come to channel `{}` for {} minutes",
        channel.name,
        quiet_us / 60_000_000
    );
    vec![(
        "source.silent",
        finding((&channel.name, channel.name.to_string()), Severity::High, text),
    )]
}

/// Senders that were refused because as many are connected as may be.
fn full(channel: &ChannelStatus, pasts: &Pasts, seen: &Seen<'_>) -> Found {
    let refused = channel.refusals.iter().filter(|(why, _)| why.ends_with("-full")).map(|(_, n)| n);
    let [grown, _] =
        pasts.grown(&format!("full {}", channel.name), [refused.sum(), 0], seen.now_us);
    if grown == 0 {
        return Vec::new();
    }
    let text = format!(
        "{grown} connections to channel `{}` were refused in five minutes: as many are open as may be",
        channel.name
    );
    vec![("source.full", finding((&channel.name, channel.name.to_string()), Severity::High, text))]
}

fn nacks(
    kind: &'static str,
    (channel, destination): (&Name, Option<&Name>),
    [negative, all]: [u64; 2],
    seen: &Seen<'_>,
) -> Found {
    let object =
        destination.map_or_else(|| channel.to_string(), |name| format!("{channel}/{name}"));
    if all < ANSWERS_MIN || negative < ANSWERS_MIN {
        return Vec::new();
    }
    let percent = negative * 100 / all;
    if !seen.is_over((kind, &object), percent, seen.limits.negative) {
        return Vec::new();
    }
    let who = if destination.is_some() { "the receiver of" } else { "senders to" };
    let verb = if destination.is_some() { "has answered" } else { "were answered" };
    let text =
        format!("{who} `{object}` {verb} {negative} of {all} messages negatively in five minutes");
    vec![(kind, finding((channel, object), Severity::High, text))]
}

fn commits(commits: &store::Commits, is_open: &dyn Fn(&str, &str) -> bool) -> Found {
    let recent = commits.took.recent();
    let Some(p95) = recent.p95_us.map(Duration::from_micros) else { return Vec::new() };
    let limit = if is_open("commit.slow", "store") { COMMIT_SLOW * 8 / 10 } else { COMMIT_SLOW };
    if p95 < limit || recent.count < ANSWERS_MIN {
        return Vec::new();
    }
    let text = format!(
        "commits of the store take {} ms: senders wait for their acknowledgements",
        p95.as_millis()
    );
    let finding =
        Finding { object: "store".to_owned(), channel: None, severity: Severity::High, text };
    vec![("commit.slow", finding)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbound::Live;

    const MINUTE_US: i64 = 60 * 1_000_000;
    /// A Wednesday at noon, UTC.
    const NOW_US: i64 = 1_795_608_000_000_000;

    fn limits() -> FlowLimits {
        FlowLimits {
            depth: 100,
            age: Duration::from_secs(600),
            down: Duration::from_secs(300),
            dead: 2,
            negative: 20,
            silence: Some(Duration::from_secs(1_800)),
            days: [true, true, true, true, true, false, false],
            from: 7 * 60,
            to: 19 * 60,
        }
    }

    fn at(edit: impl Fn(&mut DestinationStatus)) -> DestinationStatus {
        let mut one = DestinationStatus {
            name: Name::new("lab").unwrap(),
            state: "running",
            to: String::new(),
            unordered: false,
            queued: 0,
            waiting: 0,
            held: 0,
            delivered: 0,
            dead: 0,
            oldest_us: None,
            live: Some(Live::default()),
            recent: None,
        };
        edit(&mut one);
        one
    }

    fn channel(edit: impl Fn(&mut ChannelStatus)) -> ChannelStatus {
        let mut one = ChannelStatus {
            name: Name::new("adt").unwrap(),
            state: "running",
            stopped: None,
            source: String::new(),
            revision: None,
            received: Vec::new(),
            duplicates: 0,
            dispositions: Vec::new(),
            undecided: 0,
            peers: 0,
            refused: 0,
            refusals: Vec::new(),
            junk_bytes: 0,
            peer_mismatches: 0,
            last_in_us: Some(NOW_US),
            misses: Vec::new(),
            recent: None,
            destinations: Vec::new(),
        };
        edit(&mut one);
        one
    }

    fn kinds(found: &Found) -> Vec<&'static str> {
        found.iter().map(|(kind, _)| *kind).collect()
    }

    fn seen<'a>(limits: &'a FlowLimits, is_open: &'a dyn Fn(&str, &str) -> bool) -> Seen<'a> {
        Seen { limits, now_us: NOW_US, is_open }
    }

    /// Each rule: just not enough, enough, and, where it was open, come down clearly.
    #[test]
    fn a_destination_s_rules_fire_and_pass() {
        type Edit = fn(&mut DestinationStatus, i64);
        let cases: [(&str, Edit, i64, i64, Option<i64>); 4] = [
            ("queue.depth", |one, n| one.queued = n, 99, 100, Some(80)),
            (
                "queue.age",
                |one, n| one.oldest_us = Some(NOW_US - n * 1_000_000),
                599,
                600,
                Some(480),
            ),
            (
                "destination.down",
                |one, n| {
                    one.live = Some(Live {
                        down_since_us: Some(NOW_US - n * 1_000_000),
                        ..Live::default()
                    })
                },
                299,
                300,
                None,
            ),
            ("dead.letters", |one, n| one.dead = n, 1, 2, None),
        ];
        let (limits, never, always) = (limits(), |_: &str, _: &str| false, |_: &str, _: &str| true);
        for (kind, edit, quiet, enough, passed) in cases {
            let look = |n, is_open: &dyn Fn(&str, &str) -> bool| {
                kinds(&destination(
                    &channel(|_| {}),
                    &at(|one| edit(one, n)),
                    &seen(&limits, is_open),
                ))
            };
            assert!(look(quiet, &never).is_empty(), "{kind}");
            assert_eq!(look(enough, &never), [kind]);
            if let Some(passed) = passed {
                assert_eq!(look(passed + 1, &always), [kind], "it has not come down clearly");
                assert!(look(passed, &always).is_empty(), "{kind}");
            }
        }
    }

    #[test]
    fn silence_is_an_alert_within_its_hours() {
        let (limits, never) = (limits(), |_: &str, _: &str| false);
        let quiet = |minutes: i64, now_us: i64| {
            let one = channel(|one| one.last_in_us = Some(now_us - minutes * MINUTE_US));
            kinds(&silent(&one, &Seen { limits: &limits, now_us, is_open: &never }, &TimeZone::UTC))
        };
        assert!(quiet(29, NOW_US).is_empty());
        assert_eq!(quiet(30, NOW_US), ["source.silent"]);
        let stopped = store::Stopped { since_us: 1, by: "ada".to_owned(), reason: String::new() };
        let one = channel(|one| {
            one.last_in_us = Some(0);
            one.stopped = Some(stopped.clone());
        });
        let on = Seen { limits: &limits, now_us: NOW_US, is_open: &never };
        assert!(silent(&one, &on, &TimeZone::UTC).is_empty(), "somebody has stopped it");
        assert!(quiet(300, NOW_US + 8 * 60 * MINUTE_US).is_empty(), "in the evening nobody sends");
    }

    #[test]
    fn answers_are_judged_over_five_minutes() {
        let (limits, never) = (limits(), |_: &str, _: &str| false);
        let pasts = Pasts::default();
        let adt = Name::new("adt").unwrap();
        let at = |minutes: i64, counts| {
            let grown = pasts.grown("x", counts, NOW_US + minutes * MINUTE_US);
            kinds(&nacks("nack.sent", (&adt, None), grown, &seen(&limits, &never)))
        };
        assert!(at(0, [0, 0]).is_empty());
        assert!(at(1, [9, 20]).is_empty(), "too few to say anything");
        assert_eq!(at(2, [12, 40]), ["nack.sent"]);
        assert!(at(9, [12, 400]).is_empty(), "long ago");
    }

    #[test]
    fn refused_connections_are_an_alert_while_they_are_recent() {
        let (limits, never) = (limits(), |_: &str, _: &str| false);
        let pasts = Pasts::default();
        let look = |minutes: i64, n| {
            let one = channel(|one| one.refusals = vec![("listener-full", n), ("network", 7)]);
            let now_us = NOW_US + minutes * MINUTE_US;
            kinds(&full(&one, &pasts, &Seen { limits: &limits, now_us, is_open: &never }))
        };
        assert!(look(0, 3).is_empty());
        assert_eq!(look(1, 4), ["source.full"]);
        assert!(look(7, 4).is_empty());
    }

    #[test]
    fn slow_commits_are_an_alert_until_they_are_clearly_faster() {
        let slow = store::Commits::of(1);
        let never = |_: &str, _: &str| false;
        assert!(commits(&slow, &never).is_empty());
        for _ in 0..20 {
            slow.took.note(Duration::from_millis(900));
        }
        assert_eq!(kinds(&commits(&slow, &never)), ["commit.slow"]);
        for _ in 0..2_000 {
            slow.took.note(Duration::from_millis(1));
        }
        assert!(commits(&slow, &|_, _| true).is_empty());
    }

    #[test]
    fn every_rule_has_a_case_here() {
        let text = include_str!("flow.rs");
        let tests = text.split_once("mod tests").unwrap().1;
        for kind in KINDS {
            // The two that count answers share one.
            assert!(tests.contains(&format!("\"{kind}\"")) || kind == "nack.received", "{kind}");
        }
    }
}
