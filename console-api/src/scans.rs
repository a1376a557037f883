//! Searches in the bodies of messages: each a piece of work with a bound, that whoever has begun it can look at and end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use store::{MessageSummary, StoreError};
use uuid::Uuid;

use crate::problem::Problem;

/// What was found is kept for so long, microseconds.
const FOR_US: i64 = 3_600 * 1_000_000;
/// Searches of one actor, and of all, that are known at once.
const OF_ACTOR_MAX: usize = 4;
const ALL_MAX: usize = 64;
/// More messages are not found: the search says so and ends.
pub(crate) const FOUND_MAX: usize = 1_000;
/// More messages are not looked at (decisions.md 10).
pub(crate) const LOOKED_MAX: i64 = 100_000;

/// Those that have begun.
#[derive(Default)]
pub(crate) struct Scans(Mutex<HashMap<Uuid, Arc<Scan>>>);

/// A search.
pub(crate) struct Scan {
    actor: String,
    begun_us: i64,
    standing: Mutex<ScanStanding>,
}

/// How far a search is.
#[derive(Clone, Default)]
pub struct ScanStanding {
    /// Messages that were looked at.
    pub looked: i64,
    /// About how many there are to look at.
    pub of: i64,
    /// Those whose bodies did not open, or have left.
    pub unread: i64,
    /// What was found, the newest first.
    pub found: Vec<MessageSummary>,
    /// How it ended; nothing as long as it goes on.
    pub ended: Option<ScanEnd>,
    /// It is to end.
    cancelled: bool,
}

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanEnd {
    /// Everything was looked at.
    Done,
    /// As many were found, or looked at, as one search may.
    Bounded,
    /// Whoever has begun it has ended it.
    Cancelled,
    /// The store could not go on.
    Failed(StoreError),
}

impl Scans {
    /// Begins one.
    pub(crate) fn begin(&self, actor: &str, now_us: i64) -> Result<(Uuid, Arc<Scan>), Problem> {
        let mut known = self.known(now_us);
        let own = known.values().filter(|scan| scan.actor == actor).count();
        if own >= OF_ACTOR_MAX || known.len() >= ALL_MAX {
            let title = "too many searches have begun: what they found is kept for an hour";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many", title));
        }
        let id = Uuid::now_v7();
        let scan = Scan { actor: actor.to_owned(), begun_us: now_us, standing: Mutex::default() };
        let scan = Arc::new(scan);
        known.insert(id, Arc::clone(&scan));
        Ok((id, scan))
    }

    /// One, for the actor who has begun it.
    pub(crate) fn of(&self, id: Uuid, actor: &str, now_us: i64) -> Result<Arc<Scan>, Problem> {
        let known = self.known(now_us);
        let own = known.get(&id).filter(|scan| scan.actor == actor);
        own.cloned().ok_or_else(|| Problem::absent("search"))
    }

    /// Forgets one that is not wanted any more; if it goes on, it ends.
    pub(crate) fn end(&self, id: Uuid, actor: &str, now_us: i64) -> Result<(), Problem> {
        self.of(id, actor, now_us)?.lock().cancelled = true;
        self.known(now_us).remove(&id);
        Ok(())
    }

    fn known(&self, now_us: i64) -> MutexGuard<'_, HashMap<Uuid, Arc<Scan>>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, scan| now_us < scan.begun_us + FOR_US || scan.lock().ended.is_none());
        known
    }
}

impl Scan {
    fn lock(&self) -> MutexGuard<'_, ScanStanding> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes about how many messages there are to look at.
    pub(crate) fn expects(&self, of: i64) {
        self.lock().of = of.min(LOOKED_MAX);
    }

    /// How far it is.
    pub(crate) fn standing(&self) -> ScanStanding {
        self.lock().clone()
    }

    /// Notes what some messages came to; whether to go on.
    pub(crate) fn note(&self, looked: i64, unread: i64, found: Vec<MessageSummary>) -> bool {
        let mut standing = self.lock();
        standing.looked += looked;
        standing.unread += unread;
        standing.found.extend(found);
        if standing.cancelled {
            standing.ended = Some(ScanEnd::Cancelled);
        } else if standing.found.len() >= FOUND_MAX || standing.looked >= LOOKED_MAX {
            standing.found.truncate(FOUND_MAX);
            standing.ended = Some(ScanEnd::Bounded);
        }
        standing.ended.is_none()
    }

    /// Notes how it ended, unless it has already.
    pub(crate) fn ended(&self, how: ScanEnd) {
        self.lock().ended.get_or_insert(how);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_one_actor_s_has_a_bound_and_ends() {
        let scans = Scans::default();
        let (id, scan) = scans.begin("user:a", 0).unwrap();
        assert!(scans.of(id, "user:b", 1).is_err());
        assert!(scan.note(1_000, 2, Vec::new()));
        assert_eq!(scans.of(id, "user:a", 1).unwrap().standing().looked, 1_000);
        assert!(!scan.note(LOOKED_MAX, 0, Vec::new()));
        assert_eq!(scan.standing().ended, Some(ScanEnd::Bounded));
        scan.ended(ScanEnd::Done);
        assert_eq!(scan.standing().ended, Some(ScanEnd::Bounded));
        for _ in 1..OF_ACTOR_MAX {
            scans.begin("user:a", 1).unwrap();
        }
        assert!(scans.begin("user:a", 1).is_err());
        assert!(scans.begin("user:b", 1).is_ok());
        scans.end(id, "user:a", 2).unwrap();
        assert!(scans.of(id, "user:a", 2).is_err() && scans.begin("user:a", 2).is_ok());
        let (id, scan) = scans.begin("user:c", 5).unwrap();
        scans.end(id, "user:c", 6).unwrap();
        assert!(!scan.note(1, 0, Vec::new()));
        assert_eq!(scan.standing().ended, Some(ScanEnd::Cancelled));
    }
}
