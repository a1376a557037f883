//! How many refusals are recorded one by one: a program that asks in a loop must not fill the audit log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use auth::Permission;

const MINUTE_US: i64 = 60 * 1_000_000;
/// So many a minute of one actor and permission have a record of their own; the rest are counted in the first one of a later minute.
const EACH: u64 = 20;
/// Actors and permissions that are counted apart.
const KNOWN_MAX: usize = 10_000;

/// Counts refusals by actor and permission.
#[derive(Default)]
pub(crate) struct Denials(Mutex<HashMap<(String, Permission), Count>>);

#[derive(Default)]
struct Count {
    minute: i64,
    seen: u64,
    unrecorded: u64,
}

impl Denials {
    /// Whether a refusal is recorded, and how many before it were not.
    pub(crate) fn admit(&self, actor: &str, permission: Permission, now_us: i64) -> Option<u64> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now_us.div_euclid(MINUTE_US);
        if known.len() >= KNOWN_MAX {
            known.retain(|_, count| count.minute == minute || count.unrecorded > 0);
        }
        let count = known.entry((actor.to_owned(), permission)).or_default();
        if count.minute != minute {
            (count.minute, count.seen) = (minute, 0);
        }
        count.seen += 1;
        if count.seen > EACH {
            count.unrecorded += 1;
            return None;
        }
        Some(std::mem::take(&mut count.unrecorded))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_recorded_or_counted() {
        let denials = Denials::default();
        let ask = |now_us| denials.admit("user:a", Permission::AuditRead, now_us);
        let recorded = (0..50).filter(|_| ask(0) == Some(0)).count();
        assert_eq!(recorded, 20);
        assert_eq!(denials.admit("user:b", Permission::AuditRead, 0), Some(0));
        assert_eq!(denials.admit("user:a", Permission::UserRead, 0), Some(0));
        assert_eq!(ask(MINUTE_US), Some(30));
        assert_eq!(ask(MINUTE_US), Some(0));
    }
}
