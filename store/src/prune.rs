//! Takes duplicate tokens out that are older than the window.
//!
//! The tokens are walked through in their order, over and over, a short stretch between two groups: each token that is written pays for
//! a look at two that are there, so the table stays within twice what the window holds, and nothing is ever walked through at once.

use uuid::Uuid;

use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::group::{DUPLICATE_WINDOW_US, Group};
use crate::sql::{row, statements, values};

/// Tokens of one stretch.
const STRETCH: i64 = 1_024;
/// Looks that a token pays for.
const LOOKS: i64 = 2;
/// How much longer than the window a token is kept: what is pruned must be out of it by every clock.
const GRACE_US: i64 = 3_600 * 1_000_000;

statements! {
    /// The end of a stretch, and how many of it are old. An id begins with its time.
    STRETCH_AFTER = "select max(token), coalesce(sum(case when message < $3 then 1 else 0 end), 0)
        from (select token, message from dups where token > $1 order by token limit $2) s";
    PRUNE = "delete from dups where token > $1 and token <= $2 and message < $3",
        postgres: "delete from dups where token in
            (select token from dups where token > $1 and token <= $2 and message < $3 order by token for update skip locked)";
}

/// Where the walk is, and what has been paid for.
pub(crate) struct Pruning {
    after: i64,
    owed: i64,
    /// The earliest arrival of the latest group that had any: a clock that jumps ahead for a moment prunes little.
    now_us: i64,
}

impl Pruning {
    pub(crate) fn new() -> Pruning {
        Pruning { after: -1, owed: 0, now_us: i64::MIN }
    }

    /// A group is on disk.
    pub(crate) fn written(&mut self, group: &Group) {
        let tokens = group.messages.iter().filter(|message| message.duplicate.is_some()).count();
        self.owed += LOOKS * i64::try_from(tokens).unwrap_or(0);
        if let Some(earliest) = group.messages.iter().map(|message| message.received_us).min() {
            self.now_us = earliest;
        }
    }

    /// Whether a stretch is paid for.
    pub(crate) fn is_due(&self) -> bool {
        self.owed >= STRETCH
    }

    /// Looks at the next stretch, and gives where it ends when something in it is old.
    pub(crate) async fn look(
        &mut self,
        backend: &mut dyn Backend,
    ) -> Result<Option<Stretch>, StoreError> {
        self.owed = 0;
        let before = first_id_at(self.now_us - DUPLICATE_WINDOW_US - GRACE_US);
        let found = row(backend, STRETCH_AFTER, values![self.after, STRETCH, before]).await?;
        let found = found.ok_or(StoreError::NotFound("token"))?;
        let stretch = found.int_or_none(0)?.map(|to| Stretch { after: self.after, to, before });
        self.after = stretch.as_ref().map_or(-1, |stretch| stretch.to);
        Ok(stretch.filter(|_| found.int(1).is_ok_and(|old| old > 0)))
    }
}

/// Some tokens that lie together, among them old ones.
pub(crate) struct Stretch {
    after: i64,
    to: i64,
    before: Uuid,
}

impl Stretch {
    /// Takes the old ones out, inside the open transaction.
    pub(crate) async fn prune(self, backend: &mut dyn Backend) -> Result<Done, StoreError> {
        let pruned = backend.run(PRUNE, values![self.after, self.to, self.before]).await?;
        tracing::debug!(pruned, "forgot old duplicate tokens");
        Ok(Done::new(()))
    }
}

/// No id made at this time or later is smaller.
pub(crate) fn first_id_at(time_us: i64) -> Uuid {
    let ms = u128::try_from(time_us.max(0) / 1_000).unwrap_or(0);
    Uuid::from_u128((ms & 0xffff_ffff_ffff) << 80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_compared_by_their_time() {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let now = i64::try_from(now.as_micros()).unwrap();
        let id = Uuid::now_v7();
        assert!(first_id_at(now - 1_000_000) < id && id < first_id_at(now + 1_000_000));
        assert!(first_id_at(i64::MIN) < id);
    }
}
