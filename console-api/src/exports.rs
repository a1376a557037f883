//! Exports of the audit log that have begun. Whoever takes records out has begun an export, which is a record itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use uuid::Uuid;

use crate::problem::Problem;

/// An export is over after so long, microseconds.
const FOR_US: i64 = 3_600 * 1_000_000;
/// Exports at once.
const EXPORTS_MAX: usize = 64;

/// Those that have not ended.
#[derive(Default)]
pub(crate) struct Exports(Mutex<HashMap<Uuid, Export>>);

struct Export {
    actor: String,
    /// Records before this number can be taken out.
    size: i64,
    until_us: i64,
}

impl Exports {
    /// Begins one.
    pub(crate) fn begin(&self, actor: &str, size: i64, now_us: i64) -> Result<Uuid, Problem> {
        let mut known = self.known(now_us);
        if known.len() >= EXPORTS_MAX {
            let title = "too many exports of the audit log have begun";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many", title));
        }
        let id = Uuid::now_v7();
        let export = Export { actor: actor.to_owned(), size, until_us: now_us + FOR_US };
        known.insert(id, export);
        Ok(id)
    }

    /// How many records one can hold, for the actor who has begun it.
    pub(crate) fn size(&self, id: Uuid, actor: &str, now_us: i64) -> Result<i64, Problem> {
        let known = self.known(now_us);
        let own = known.get(&id).filter(|export| export.actor == actor);
        own.map(|export| export.size).ok_or_else(|| Problem::absent("export"))
    }

    /// Ends one.
    pub(crate) fn end(&self, id: Uuid, actor: &str, now_us: i64) -> Result<(), Problem> {
        self.size(id, actor, now_us)?;
        self.known(now_us).remove(&id);
        Ok(())
    }

    fn known(&self, now_us: i64) -> MutexGuard<'_, HashMap<Uuid, Export>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, export| now_us < export.until_us);
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_one_actor_s_and_ends() {
        let exports = Exports::default();
        let id = exports.begin("user:a", 7, 0).unwrap();
        assert_eq!(exports.size(id, "user:a", 1).unwrap(), 7);
        assert!(exports.size(id, "user:b", 1).is_err() && exports.end(id, "user:b", 1).is_err());
        assert!(exports.size(Uuid::now_v7(), "user:a", 1).is_err());
        exports.end(id, "user:a", 1).unwrap();
        assert!(exports.size(id, "user:a", 1).is_err(), "ended");
        let id = exports.begin("user:a", 7, 0).unwrap();
        assert!(exports.size(id, "user:a", FOR_US).is_err(), "an hour is over");
        for _ in 0..EXPORTS_MAX {
            exports.begin("user:a", 7, FOR_US).unwrap();
        }
        assert!(exports.begin("user:a", 7, FOR_US).is_err());
    }
}
