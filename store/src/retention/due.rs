//! What is over: found by halving, since messages lie in the order in which they came, and counted in slices.

use config::Name;

use super::slice::Limits;
use super::{Marks, Periods};
use crate::error::StoreError;
use crate::scope::Scope;
use crate::sql::{statements, values};
use crate::store::Store;

/// Messages that are looked at in one statement.
const SLICE: i64 = 10_000;

statements! {
    LAST = "select coalesce(max(seq), 0) from messages where channel = $1";
    AT = "select seq, received_us from messages where channel = $1 and seq >= $2 order by seq limit 1";
    /// Messages of a slice whose bodies are over.
    OVER = concat!("select count(*) from message_rest m where m.channel = $1 and m.seq > $2 and m.seq <= $3 and ", over!());
    STILL_KEPT = "select count(*) from kept_messages where channel = $1";
    KEPT_UP_TO = "select count(*) from kept_messages where channel = $1 and seq > $2 and seq <= $3";
    /// From the newest message back: how many bytes came with them.
    BYTES_BACK = "select coalesce(min(s.seq), 0), cast(coalesce(sum(s.bytes), 0) as bigint) from
        (select seq, bytes from messages where channel = $1 and seq > $2 and seq < $3 order by seq desc limit $4) s";
    DIGESTED = "select received_seq, settled_seq from audit_ledger where channel = $1";
}

/// What of a channel is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The channel.
    pub channel: Name,
    /// Messages whose bodies would leave.
    pub bodies: i64,
    /// Messages that still have them.
    pub with_bodies: i64,
    /// Messages that were passed and stay whole: open, dead letters, or replayed by one that stays.
    pub kept: i64,
    /// Messages that would leave.
    pub messages: i64,
    /// Messages in the store.
    pub all: i64,
}

/// Up to which messages of a channel something is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// By their time.
    pub bodies: i64,
    /// By their size: those before it leave whatever their time is.
    pub size: i64,
    /// Rows.
    pub messages: i64,
}

impl Store {
    /// Counts what of a channel is over. Nothing is changed.
    pub async fn due(
        &self,
        channel: &Name,
        periods: Periods,
        now_us: i64,
    ) -> Result<Due, StoreError> {
        let reader = &self.inner.reader;
        let known = reader.channel(&Scope::All, channel).await?;
        let marks = self.marks(known.id).await?;
        let bounds = self.bounds(known.id, marks, periods, now_us).await?;
        let mut bodies = 0;
        for (after, to, limits) in [
            (marks.bodies_seq, bounds.bodies, Limits::by_time(periods, now_us)),
            (marks.bodies_seq.max(bounds.bodies), bounds.size, Limits::by_size(periods, now_us)),
        ] {
            bodies += self.count_over(known.id, (after, to), limits).await?;
        }
        let last = self.int(LAST, known.id).await?;
        let kept = self.int(STILL_KEPT, known.id).await?;
        let stays = reader
            .row(KEPT_UP_TO, values![known.id, marks.messages_seq, bounds.messages])
            .await?
            .map_or(Ok(0), |row| row.int(0))?;
        Ok(Due {
            channel: known.name,
            bodies,
            with_bodies: last.max(marks.bodies_seq) - marks.bodies_seq + kept,
            kept,
            messages: (bounds.messages - marks.messages_seq - stays).max(0),
            all: last.max(marks.messages_seq) - marks.messages_seq,
        })
    }

    pub(super) async fn int(
        &self,
        statement: crate::sql::Statement,
        channel: i64,
    ) -> Result<i64, StoreError> {
        let row = self.inner.reader.row(statement, values![channel]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    async fn count_over(
        &self,
        channel: i64,
        (mut after, to): (i64, i64),
        limits: Limits,
    ) -> Result<i64, StoreError> {
        let mut count = 0;
        while after < to {
            let end = to.min(after + SLICE);
            let row = self.inner.reader.row(OVER, limits.values(channel, (after, end))).await?;
            count += row.map_or(Ok(0), |row| row.int(0))?;
            after = end;
        }
        Ok(count)
    }

    /// Up to which messages something may be over.
    pub(super) async fn bounds(
        &self,
        channel: i64,
        marks: Marks,
        periods: Periods,
        now_us: i64,
    ) -> Result<Bounds, StoreError> {
        let bodies = self
            .came_before(channel, marks.bodies_seq, now_us.saturating_sub(periods.bodies_us))
            .await?;
        let size = match periods.bodies_max {
            Some(max) => self.beyond(channel, marks.bodies_seq, max).await?,
            None => 0,
        };
        // A row may only leave after its body, and after the audit log has a digest of it.
        let digested = self.inner.reader.row(DIGESTED, values![channel]).await?;
        let digested =
            digested.map_or(Ok(0), |row| Ok::<_, StoreError>(row.int(0)?.min(row.int(1)?)))?;
        let messages = self
            .came_before(channel, marks.messages_seq, now_us.saturating_sub(periods.messages_us))
            .await?;
        let messages = messages.min(digested).min(bodies.max(size)).max(marks.messages_seq);
        Ok(Bounds { bodies, size, messages })
    }

    /// The last message behind one that came before a time, by halving; the one itself when there is none.
    ///
    /// Where a clock was set back a few lie on the wrong side. They are looked at one by one when their turn comes.
    async fn came_before(
        &self,
        channel: i64,
        after: i64,
        before_us: i64,
    ) -> Result<i64, StoreError> {
        let (mut low, mut high) = (after, self.int(LAST, channel).await?);
        while low < high {
            let middle = low + (high - low + 1) / 2;
            // Where messages have left, the next one that is there speaks for them.
            let row = self.inner.reader.row(AT, values![channel, middle]).await?;
            match row {
                Some(row) if row.int(1)? < before_us => low = row.int(0)?.max(middle).min(high),
                _ => high = middle - 1,
            }
        }
        Ok(low.max(after))
    }

    /// The last message before those that, from the newest back, bring so many bytes.
    async fn beyond(&self, channel: i64, after: i64, max: i64) -> Result<i64, StoreError> {
        let (mut before, mut bytes, mut step) = (i64::MAX, 0_i64, SLICE);
        loop {
            let row =
                self.inner.reader.row(BYTES_BACK, values![channel, after, before, step]).await?;
            let (first, more) =
                row.map_or(Ok((0, 0)), |row| Ok::<_, StoreError>((row.int(0)?, row.int(1)?)))?;
            if first == 0 {
                return Ok(0);
            }
            if bytes.saturating_add(more) <= max {
                (bytes, before) = (bytes + more, first);
            } else if step == 1 {
                return Ok(first);
            } else {
                // Somewhere among these: looked at more closely.
                step = (step / 10).max(1);
            }
        }
    }
}
