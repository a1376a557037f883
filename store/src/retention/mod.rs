//! Retention of messages: what is over leaves the store, channel by channel, a few at a time between groups.
//!
//! Bodies leave first, with everything else that was sealed beside them; the row of a message stays longer and leaves with its trace.
//! Messages are gone through in the order of their numbers. One that is open, a dead letter or in use is passed and written down in
//! `kept_messages`, which is looked through again each time; so each message is looked at once, and nothing that waits holds up the rest.

/// That the bodies of a message `m` of `message_rest` are over, by the values that `slice::Limits` gives.
macro_rules! over {
    () => {
        "m.is_open = 0 and m.is_dead = 0 and m.final_us < $4 and m.discarded_us < $5
        and (m.superseded_by is null or m.superseded_by < $6) and (m.delivery_superseded_by is null or m.delivery_superseded_by < $6)
        and m.used_seq <= $7 and m.used_by_kept = 0"
    };
}

mod due;
mod hold;
mod purge;
mod shred;
mod slice;
mod space;

pub use due::Due;
pub use hold::LegalHold;
pub use purge::{Purged, Standstill};
pub(crate) use shred::destroy;
pub use space::StoreSize;

use config::Name;

use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::read::Known;
use crate::scope::Scope;
use crate::sql::{Row, statements, values};
use crate::store::Store;

/// The act of purging, at its begin. Its record says which rows may be missing from then on.
pub(crate) const PURGE: &str = "retention.purge";
/// The act of purging, at its end.
pub(crate) const PURGED: &str = "retention.purged";

statements! {
    MARKS = "select bodies_us, dead_us, messages_us, bodies_max, bodies_seq, messages_seq, bodies_gone, messages_gone, ran_us
        from retention where channel = $1";
    PUT_PERIODS = "insert into retention
        (channel, bodies_us, dead_us, messages_us, bodies_max, bodies_seq, messages_seq, bodies_gone, messages_gone, ran_us)
        values ($1, $2, $3, $4, $5, 0, 0, 0, 0, 0) on conflict (channel) do update set bodies_us = excluded.bodies_us,
        dead_us = excluded.dead_us, messages_us = excluded.messages_us, bodies_max = excluded.bodies_max";
}

/// How long what belongs to a message stays, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// Bodies, responses and error texts, from when the message came to rest.
    pub bodies_us: i64,
    /// The same of what was a dead letter, from when somebody replayed or discarded it. Until then it stays.
    pub dead_us: i64,
    /// Rows of messages, deliveries and tries.
    pub messages_us: i64,
    /// So many bytes of bodies may stay, as received; the oldest of those that are at rest leave before their time.
    pub bodies_max: Option<i64>,
}

impl Periods {
    /// Whether something would leave earlier than by the others.
    pub fn is_shorter_than(&self, others: &Periods) -> bool {
        self.bodies_us < others.bodies_us
            || self.dead_us < others.dead_us
            || self.messages_us < others.messages_us
            || self.bodies_max.unwrap_or(i64::MAX) < others.bodies_max.unwrap_or(i64::MAX)
    }

    fn read(row: &Row) -> Result<Periods, StoreError> {
        Ok(Periods {
            bodies_us: row.int(0)?,
            dead_us: row.int(1)?,
            messages_us: row.int(2)?,
            bodies_max: row.int_or_none(3)?,
        })
    }

    fn json(&self) -> Json {
        Json::object([
            ("bodies_us", Json::Int(self.bodies_us)),
            ("dead_us", Json::Int(self.dead_us)),
            ("messages_us", Json::Int(self.messages_us)),
            ("bodies_max", self.bodies_max.map_or(Json::Null, Json::Int)),
        ])
    }
}

/// How far the retention of a channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retained {
    /// The channel.
    pub channel: Name,
    /// The periods in force; none before the first.
    pub periods: Option<Periods>,
    /// Messages whose bodies have left, in all.
    pub bodies_gone: i64,
    /// Messages that have left, in all.
    pub messages_gone: i64,
    /// When the last purge of the channel began, microseconds UTC; 0 before the first.
    pub ran_us: i64,
}

/// How far the messages of a channel have been gone through.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    bodies_seq: i64,
    messages_seq: i64,
    bodies_gone: i64,
    messages_gone: i64,
}

impl Marks {
    fn read(row: &Row) -> Result<Marks, StoreError> {
        Ok(Marks {
            bodies_seq: row.int(4)?,
            messages_seq: row.int(5)?,
            bodies_gone: row.int(6)?,
            messages_gone: row.int(7)?,
        })
    }
}

impl Store {
    /// The retention of every channel that the store knows, those without a file any more too.
    pub async fn retained(&self) -> Result<Vec<Retained>, StoreError> {
        let mut all = Vec::new();
        for Known { id, name } in self.inner.reader.channels(&Scope::All).await? {
            let row = self.inner.reader.row(MARKS, values![id]).await?;
            let row = row.as_ref();
            let Marks { bodies_gone, messages_gone, .. } =
                row.map_or(Ok(Marks::default()), Marks::read)?;
            all.push(Retained {
                channel: name,
                periods: row.map(Periods::read).transpose()?,
                bodies_gone,
                messages_gone,
                ran_us: row.map_or(Ok(0), |row| row.int(8))?,
            });
        }
        Ok(all)
    }

    /// Puts periods into force for a channel. The act's purpose says why.
    pub async fn set_periods(
        &self,
        act: &Act,
        channel: &Name,
        periods: Periods,
    ) -> Result<(), StoreError> {
        let known = self.inner.reader.channel(&Scope::All, channel).await?;
        let before = self.inner.reader.row(MARKS, values![known.id]).await?;
        let before = before.as_ref().map(Periods::read).transpose()?;
        let before = before.map_or(Json::Null, |periods| periods.json());
        let target = Target { kind: "retention", id: None, channel: Some(known.name.to_string()) };
        let entry = Entry::success(act, target, before, periods.json());
        self.act(known.id, act, move |session, parts| {
            Box::pin(async move {
                audit::append(session, &parts.recorder, &entry).await?;
                let Periods { bodies_us, dead_us, messages_us, bodies_max } = periods;
                let row = values![known.id, bodies_us, dead_us, messages_us, bodies_max];
                session.run(PUT_PERIODS, row).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    async fn marks(&self, channel: i64) -> Result<Marks, StoreError> {
        let row = self.inner.reader.row(MARKS, values![channel]).await?;
        row.as_ref().map_or(Ok(Marks::default()), Marks::read)
    }
}
