//! The rules at work on one record after the other.
//!
//! Everything that a detector remembers follows from the records of the last day, so that another one that is shown them goes on where this
//! one has stopped.

use std::collections::HashMap;
use std::hash::Hash;

use config::AlertLimits;
use store::{LoginPlace, NewAlert};

use super::record::Record;
use super::rules::{LOOK_BACK_US, MOVED_WITHIN_US, RULES, Rule, Sees, SignIn};
use super::window::Window;

/// Objects that are counted apart, of all rules together; the one that has been quiet for longest gives way.
const OBJECTS_MAX: usize = 20_000;

/// What one record says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// What is to be looked at.
    pub raise: Vec<NewAlert>,
    /// What is over: kind and object.
    pub passed: Vec<(&'static str, String)>,
}

/// The memory of the rules.
pub struct Detector {
    limits: AlertLimits,
    windows: HashMap<(&'static str, String), Window>,
    /// Refused sign-ins since the last that succeeded, by actor, with the time of the last.
    failures: HashMap<String, (u64, i64)>,
    /// Where a session was used last, and when.
    sessions: HashMap<String, (String, i64)>,
}

impl Detector {
    /// One that has seen nothing.
    pub fn new(limits: AlertLimits) -> Detector {
        Detector {
            limits,
            windows: HashMap::new(),
            failures: HashMap::new(),
            sessions: HashMap::new(),
        }
    }

    /// Whether the record is a sign-in that has succeeded, for which it must be known from where the person has come before.
    pub fn is_sign_in(record: &Record) -> bool {
        record.is(&["auth.login"], "success")
    }

    /// Looks at a record; `places` is from where the person has signed in before.
    pub fn see(&mut self, record: &Record, places: &[LoginPlace]) -> Findings {
        let at_us = record.at_us();
        let sign_in = Detector::is_sign_in(record).then(|| self.sign_in(record, places, at_us));
        let moved = self.moved(record, at_us);
        let mut findings = Findings::default();
        for rule in RULES {
            let found = match &rule.sees {
                Sees::Each(of, until) => {
                    findings.passed.extend(until(record).map(|object| (rule.kind, object)));
                    of(record).map(|object| (object, 1))
                }
                Sees::Many(of, within_us, limit) => of(record).and_then(|object| {
                    let at = (at_us, None);
                    self.count(rule.kind, object, at, (*within_us, limit(&self.limits)))
                }),
                Sees::Different(of, value, within_us, limit) => of(record).and_then(|object| {
                    let at = (at_us, value(record));
                    self.count(rule.kind, object, at, (*within_us, limit(&self.limits)))
                }),
                Sees::SignIn(is_odd) => sign_in
                    .as_ref()
                    .filter(|sign_in| is_odd(sign_in, &self.limits))
                    .map(|_| (record.actor.id.clone(), 1)),
                Sees::Moved => record.actor.session.clone().filter(|_| moved).map(|id| (id, 1)),
                Sees::Condition => None,
            };
            findings.raise.extend(found.map(|found| alert(rule, record, found)));
        }
        self.note_failure(record, at_us);
        findings
    }

    fn count(
        &mut self,
        kind: &'static str,
        object: String,
        (at_us, value): (i64, Option<String>),
        often: (i64, u64),
    ) -> Option<(String, i64)> {
        let key = (kind, object);
        make_room(&mut self.windows, &key, at_us, Window::last_us);
        let count =
            self.windows.entry(key.clone()).or_default().add(at_us, value.as_deref(), often)?;
        Some((key.1, count))
    }

    fn sign_in(&self, record: &Record, places: &[LoginPlace], at_us: i64) -> SignIn {
        let failures = self.failures.get(&record.actor.id).map_or(0, |(failures, _)| *failures);
        let network = record.network();
        let is_known = |network: &String| places.iter().any(|place| place.prefix == *network);
        let last_us = places.iter().map(|place| place.last_us).max();
        SignIn {
            failures,
            is_from_elsewhere: !places.is_empty()
                && network.is_some_and(|network| !is_known(&network)),
            idle_us: last_us.map(|last_us| at_us - last_us),
        }
    }

    /// Counts refused sign-ins in a row; those of a step-up too.
    fn note_failure(&mut self, record: &Record, at_us: i64) {
        let logins = ["auth.login", "auth.step_up"];
        if record.is(&logins, "success") {
            self.failures.remove(&record.actor.id);
        }
        if record.is(&logins, "denied") && record.actor.name.is_some() {
            make_room(&mut self.failures, &record.actor.id, at_us, |(_, last_us)| *last_us);
            let (failures, last_us) = self.failures.entry(record.actor.id.clone()).or_default();
            (*failures, *last_us) = (*failures + 1, at_us);
        }
    }

    fn moved(&mut self, record: &Record, at_us: i64) -> bool {
        let (Some(session), Some(network)) = (&record.actor.session, record.network()) else {
            return false;
        };
        // A program's token may be used from several machines of its networks at once.
        if record.actor.kind != "user" {
            return false;
        }
        make_room(&mut self.sessions, session, at_us, |(_, last_us)| *last_us);
        let before = self.sessions.insert(session.clone(), (network.clone(), at_us));
        before.is_some_and(|(other, then)| other != network && at_us - then < MOVED_WITHIN_US)
    }
}

/// Takes out what no rule looks at any more, and when that is not enough, what has been quiet for longest.
fn make_room<K: Clone + Eq + Hash, V>(
    known: &mut HashMap<K, V>,
    next: &K,
    at_us: i64,
    last_us: impl Fn(&V) -> i64,
) {
    if known.len() < OBJECTS_MAX || known.contains_key(next) {
        return;
    }
    known.retain(|_, value| last_us(value).saturating_add(LOOK_BACK_US) > at_us);
    if known.len() >= OBJECTS_MAX {
        let quiet = known.iter().min_by_key(|(_, value)| last_us(value));
        if let Some(quiet) = quiet.map(|(key, _)| key.clone()) {
            known.remove(&quiet);
        }
    }
}

fn alert(rule: &'static Rule, record: &Record, (object, count): (String, i64)) -> NewAlert {
    let from = record.address().map_or("this machine".to_owned(), |ip| ip.to_string());
    let channel = record.target.channel.clone();
    let text = rule
        .text
        .replace("{who}", record.who())
        .replace("{from}", &from)
        .replace("{count}", &count.to_string())
        .replace("{channel}", channel.as_deref().unwrap_or(""))
        .replace("{what}", record.target.id.as_deref().unwrap_or(""))
        .replace("{code}", record.code.as_deref().unwrap_or(""));
    NewAlert {
        kind: rule.kind,
        object,
        // What somebody has read is about them, wherever it was.
        channel: channel.filter(|_| rule.text.contains("{channel}")),
        severity: rule.severity,
        at_us: record.at_us(),
        count,
        more: 1,
        text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_quietest_gives_way() {
        let mut known: HashMap<usize, i64> = HashMap::new();
        for n in 0..OBJECTS_MAX + 50 {
            let at_us = i64::try_from(n).unwrap();
            make_room(&mut known, &n, at_us, |last_us| *last_us);
            known.insert(n, at_us);
        }
        assert_eq!(known.len(), OBJECTS_MAX);
        assert!(!known.contains_key(&49) && known.contains_key(&50));
        make_room(&mut known, &usize::MAX, 3 * LOOK_BACK_US, |last_us| *last_us);
        assert!(known.is_empty());
    }
}
