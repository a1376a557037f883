//! Services of finding messages by the numbers in them.

use std::sync::Arc;

use auth::{Permit, grants};
use config::Name;
use phi::Phi;
use store::{ActOutcome, FoundBy, Scope, SearchField, StoreError, Target, WithBody};
use uuid::Uuid;

use super::{Service, Why, reason_needed};
use crate::problem::Problem;
use crate::scans::{Scan, ScanEnd, ScanStanding};

/// Messages that are read at once.
const SLICE: i64 = 500;

/// What is looked for in bodies.
pub struct Scanned {
    /// The text, whole and without regard to the case of its ASCII letters.
    pub text: Phi<String>,
    /// In this channel.
    pub channel: Name,
    /// Received at or after this time, microseconds UTC.
    pub since_us: i64,
    /// Received before this time.
    pub until_us: i64,
}

/// What is looked for.
pub struct Wanted {
    /// What the number is of.
    pub field: SearchField,
    /// The number.
    pub value: Phi<String>,
    /// In this channel only.
    pub channel: Option<Name>,
    /// Received at or after this time, microseconds UTC.
    pub since_us: i64,
    /// Received before this time; until now when it is left out.
    pub until_us: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

impl Service {
    /// The messages in which a number stands. Recorded before anybody sees one: by what was looked for, never for which number.
    pub async fn lookup(
        &self,
        permit: &Permit<grants::MessageSearch>,
        wanted: &Wanted,
        why: &Why,
    ) -> Result<FoundBy, Problem> {
        let scope = match &wanted.channel {
            Some(name) if permit.scope().holds(name.as_str()) => {
                Scope::Channels([name.clone()].into())
            }
            Some(_) => return Err(Problem::absent("channel")),
            None => permit.scope().clone(),
        };
        let act = self.act(permit, "message.search", why);
        let target = Target {
            kind: "search",
            id: Some(wanted.field.as_str().to_owned()),
            channel: wanted.channel.as_ref().map(Name::to_string),
        };
        let store = self.engine.store();
        store.record(&act, target, ActOutcome::Success, None).await?;
        let times = (wanted.since_us, wanted.until_us.unwrap_or_else(|| self.now_us() + 1));
        let value = (wanted.field, wanted.value.expose_phi().as_str());
        Ok(store.find(&scope, value, times, wanted.limit).await?)
    }

    /// Begins to look for a text in bodies; gives the search's id. Recorded: where somebody looks and why, never for what.
    pub async fn begin_scan(
        &self,
        permit: &Permit<grants::MessageSearch>,
        wanted: Scanned,
        why: &Why,
    ) -> Result<Uuid, Problem> {
        if !permit.scope().holds(wanted.channel.as_str()) {
            return Err(Problem::absent("channel"));
        }
        let act = self.act(permit, "message.scan", &reason_needed(why)?);
        // That there is such a channel, before anything is begun.
        self.engine.store().bodies_before(permit.scope(), &wanted.channel, (0, 1)).await?;
        let times = (wanted.since_us, wanted.until_us);
        let of = self.engine.store().count_between(permit.scope(), &wanted.channel, times).await?;
        let (id, scan) = self.scans.begin(&act.actor.id, act.now_us)?;
        scan.expects(of);
        let channel = Some(wanted.channel.to_string());
        let target = Target { kind: "search", id: Some(id.to_string()), channel };
        let store = self.engine.store();
        store.record(&act, target, ActOutcome::Success, None).await?;
        let (service, scope) = (self.clone(), permit.scope().clone());
        tokio::spawn(async move {
            let how = match service.scan(&scope, &wanted, &scan).await {
                Ok(()) => ScanEnd::Done,
                Err(error) => ScanEnd::Failed(error),
            };
            scan.ended(how);
        });
        Ok(id)
    }

    /// Looks at messages, slice after slice, until there are no more, or the search has ended.
    async fn scan(
        &self,
        scope: &Scope,
        wanted: &Scanned,
        scan: &Arc<Scan>,
    ) -> Result<(), StoreError> {
        let needle = wanted.text.expose_phi().to_ascii_lowercase().into_bytes();
        let mut before = i64::MAX;
        loop {
            let next = self.engine.store();
            let next = next.bodies_before(scope, &wanted.channel, (before, SLICE)).await?;
            let Some(last) = next.last() else { return Ok(()) };
            before = last.summary.seq;
            // In the order in which they came, but for a clock that was set back.
            let over = next.iter().all(|one| one.summary.received_us < wanted.since_us);
            let times = wanted.since_us..wanted.until_us;
            let within = next.into_iter().filter(|one| times.contains(&one.summary.received_us));
            let within: Vec<WithBody> = within.collect();
            let looked = i64::try_from(within.len()).unwrap_or(i64::MAX);
            let unread = within.iter().filter(|one| one.body.is_none()).count();
            let needle = needle.clone();
            let found = tokio::task::spawn_blocking(move || {
                let holds = |one: &WithBody| {
                    one.body.as_ref().is_some_and(|body| holds(body.expose_phi(), &needle))
                };
                within.into_iter().filter(holds).map(|one| one.summary).collect()
            });
            let found = found.await.unwrap_or_default();
            let goes_on = scan.note(looked, i64::try_from(unread).unwrap_or(0), found);
            if over || !goes_on {
                return Ok(());
            }
        }
    }

    /// How far a search is, and what it has found, for whoever has begun it.
    pub fn scan_standing(
        &self,
        permit: &Permit<grants::MessageSearch>,
        id: Uuid,
    ) -> Result<ScanStanding, Problem> {
        Ok(self.scans.of(id, &permit.actor().id, self.now_us())?.standing())
    }

    /// Ends a search, and forgets what it has found.
    pub fn end_scan(
        &self,
        permit: &Permit<grants::MessageSearch>,
        id: Uuid,
    ) -> Result<(), Problem> {
        self.scans.end(id, &permit.actor().id, self.now_us())
    }
}

/// Whether bytes hold others, which are in lower case, without regard to the case of ASCII letters.
fn holds(bytes: &[u8], lower: &[u8]) -> bool {
    bytes.windows(lower.len().max(1)).any(|window| window.eq_ignore_ascii_case(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_without_regard_to_case() {
        for (text, found) in [("smith", true), ("th^J", true), ("jones", false), ("\u{e4}", false)]
        {
            let lower = text.to_ascii_lowercase();
            assert_eq!(holds(b"PID|1||4711||SMITH^JOHN", lower.as_bytes()), found, "{text}");
        }
    }
}
