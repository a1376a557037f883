//! A purge of one channel, from its record at the begin to the one at the end. Killed in between, the next one goes on where it was.

use std::time::{Duration, Instant};

use config::Name;

use super::slice::{self, Gone, Limits};
use super::{MARKS, Marks, PURGE, PURGED, Periods};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::read::Known;
use crate::scope::Scope;
use crate::sql::{Later, values};
use crate::store::Store;

/// Messages of one transaction.
const SLICE: i64 = 200;
/// A day's tokens leave in so many transactions.
const TOKEN_PARTS: u16 = 64;
/// For each moment that the writer spends on a purge it has so many for everybody else.
const PAUSES: u32 = 2;

/// What left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Messages whose bodies left.
    pub bodies: i64,
    /// Messages that left.
    pub messages: i64,
    /// Data keys that were destroyed, since nothing is left that they open.
    pub keys: i64,
    /// Why it ended before everything was gone.
    pub standstill: Option<Standstill>,
}

/// Why nothing more leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standstill {
    /// Somebody has said that nothing of the channel may leave.
    LegalHold,
    /// No periods are in force for the channel.
    NoPeriods,
}

/// What a purge is about.
#[derive(Clone)]
struct Order {
    channel: i64,
    name: Name,
    periods: Periods,
    now_us: i64,
}

impl Store {
    /// Takes out of a channel what is over by the periods in force.
    pub async fn purge(&self, act: &Act, channel: &Name) -> Result<Purged, StoreError> {
        let Known { id, name } = self.inner.reader.channel(&Scope::All, channel).await?;
        let mut purged = Purged::default();
        let Some(row) = self.inner.reader.row(MARKS, values![id]).await? else {
            purged.standstill = Some(Standstill::NoPeriods);
            return Ok(purged);
        };
        let (periods, marks) = (Periods::read(&row)?, Marks::read(&row)?);
        if self.int(slice::HELD, id).await? > 0 {
            purged.standstill = Some(Standstill::LegalHold);
            return Ok(purged);
        }
        let now_us = act.now_us;
        self.keep_out_of_order(id).await?;
        let bounds = self.bounds(id, marks, periods, now_us).await?;
        let order = Order { channel: id, name, periods, now_us };
        let through = (bounds.bodies.max(bounds.size).max(marks.bodies_seq), bounds.messages);
        if through.0 > marks.bodies_seq || through.1 > marks.messages_seq {
            self.begin(act, &order, through).await?;
        }
        let mut gone = Tally { purged, held: false };
        let by_time = Limits::by_time(periods, now_us);
        self.take_bodies(&order, (marks.bodies_seq, bounds.bodies), by_time, &mut gone).await?;
        let by_size = (marks.bodies_seq.max(bounds.bodies), bounds.size);
        self.take_bodies(&order, by_size, Limits::by_size(periods, now_us), &mut gone).await?;
        self.take_released(&order, &mut gone).await?;
        self.take_rows(&order, (marks.messages_seq, bounds.messages), &mut gone).await?;
        self.take_tokens(&order, &mut gone).await?;
        let keys = if gone.held { Vec::new() } else { self.unused_keys(id, now_us).await? };
        purged = gone.purged;
        if gone.held {
            purged.standstill = Some(Standstill::LegalHold);
        }
        purged.keys = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        if purged.bodies + purged.messages + purged.keys > 0 {
            self.end(act, &order, purged, keys).await?;
        }
        Ok(purged)
    }

    /// Says in the audit log which rows may be missing from now on, before the first of them is.
    async fn begin(
        &self,
        act: &Act,
        order: &Order,
        (bodies, messages): (i64, i64),
    ) -> Result<(), StoreError> {
        let Order { channel, name, periods, .. } = order;
        let after = Json::object([
            ("bodies_through", Json::Int(bodies)),
            ("messages_through", Json::Int(messages)),
            ("periods", periods.json()),
        ]);
        let act = Act { action: PURGE, ..act.clone() };
        let target = Target { kind: "messages", id: None, channel: Some(name.to_string()) };
        let entry = Entry::success(&act, target, Json::Null, after);
        let channel = *channel;
        self.act(channel, &act, move |session, parts| {
            Box::pin(async move {
                if slice::is_held(session, channel).await? {
                    return Err(StoreError::Refused("a legal hold is in force"));
                }
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Destroys the keys that open nothing any more, and says what left.
    async fn end(
        &self,
        act: &Act,
        order: &Order,
        purged: Purged,
        keys: Vec<crate::seal::DataKeyId>,
    ) -> Result<(), StoreError> {
        let Marks { bodies_gone, messages_gone, .. } = self.marks(order.channel).await?;
        let after = Json::object([
            ("bodies", Json::Int(purged.bodies)),
            ("messages", Json::Int(purged.messages)),
            ("keys", Json::Int(purged.keys)),
            ("bodies_gone", Json::Int(bodies_gone)),
            ("messages_gone", Json::Int(messages_gone)),
        ]);
        // An agreement is used up at the begin.
        let act = Act { action: PURGED, approval: None, ..act.clone() };
        let target = Target { kind: "messages", id: None, channel: Some(order.name.to_string()) };
        let entry = Entry::success(&act, target, Json::Null, after);
        let now_us = order.now_us;
        self.act(order.channel, &act, move |session, parts| {
            Box::pin(async move {
                super::shred::destroy(session, &keys, now_us).await?;
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()).and_then(move || parts.ring.forget(&keys)))
            })
        })
        .await
    }

    async fn take_bodies(
        &self,
        order: &Order,
        (mut after, to): (i64, i64),
        limits: Limits,
        gone: &mut Tally,
    ) -> Result<(), StoreError> {
        let Order { channel, now_us, .. } = *order;
        while after < to && !gone.held {
            let end = to.min(after + SLICE);
            let slice = self
                .slice(channel, move |session| {
                    Box::pin(slice::bodies(session, channel, (after, end), (limits, now_us)))
                })
                .await?;
            gone.add(slice);
            after = end;
        }
        Ok(())
    }

    async fn take_released(&self, order: &Order, gone: &mut Tally) -> Result<(), StoreError> {
        let Order { channel, now_us, periods, .. } = *order;
        let marks = self.marks(channel).await?;
        let limits = Limits::by_time(periods, now_us);
        let mut before = i64::MAX;
        while !gone.held {
            let places = (marks.bodies_seq, marks.messages_seq, before);
            let slice = self
                .slice(channel, move |session| {
                    Box::pin(slice::released(session, channel, places, (limits, now_us)))
                })
                .await?;
            gone.add(slice);
            if slice.to == 0 {
                break;
            }
            before = slice.to;
        }
        Ok(())
    }

    async fn take_rows(
        &self,
        order: &Order,
        (mut after, to): (i64, i64),
        gone: &mut Tally,
    ) -> Result<(), StoreError> {
        let Order { channel, now_us, periods, .. } = *order;
        let before_us = now_us.saturating_sub(periods.messages_us);
        // Never beyond the bodies, wherever their walk ended.
        let to = to.min(self.marks(channel).await?.bodies_seq);
        while after < to && !gone.held {
            let end = to.min(after + SLICE);
            let slice = self
                .slice(channel, move |session| {
                    Box::pin(slice::rows(session, channel, (after, end), (before_us, now_us)))
                })
                .await?;
            gone.add(slice);
            if slice.to < end {
                break;
            }
            after = end;
        }
        Ok(())
    }

    /// What messages could be found by leaves day by day, with the last row of a day.
    async fn take_tokens(&self, order: &Order, gone: &mut Tally) -> Result<(), StoreError> {
        let Order { channel, now_us, .. } = *order;
        let [_, rows_day] = self.days_gone(channel, now_us).await?;
        let mut days = 0;
        while !gone.held {
            let day = self.inner.reader.row(slice::TOKEN_DAY, values![channel, rows_day]).await?;
            let Some(day) = day.map_or(Ok(None), |row| row.int_or_none(0))? else { break };
            days += 1;
            for part in 0..TOKEN_PARTS {
                let begin = part * (256 / TOKEN_PARTS);
                let bound =
                    |first: u16| u8::try_from(first).map_or(vec![255; 17], |byte| vec![byte]);
                let range = (bound(begin), bound(begin + 256 / TOKEN_PARTS));
                let slice = self
                    .slice(channel, move |session| {
                        Box::pin(slice::tokens(session, (channel, day), range))
                    })
                    .await?;
                gone.add(slice);
            }
        }
        if days > 0 && !gone.held {
            let slice =
                self.slice(channel, move |session| Box::pin(slice::blocks(session, channel)));
            gone.add(slice.await?);
        }
        Ok(())
    }

    /// A transaction between groups, and a pause after it.
    async fn slice<F>(&self, channel: i64, job: F) -> Result<Gone, StoreError>
    where
        F: for<'a> FnOnce(&'a mut dyn Backend) -> Later<'a, Gone> + Send + 'static,
    {
        let took = self
            .seat(crate::ids::ChannelId::from_number(channel))
            .run(move |session| {
                Box::pin(async move {
                    let begun = Instant::now();
                    let gone = job(session).await?;
                    Ok(Done::new((gone, begun.elapsed())))
                })
            })
            .await;
        let (gone, took): (Gone, Duration) = took?;
        tokio::time::sleep(took * PAUSES).await;
        Ok(gone)
    }
}

struct Tally {
    purged: Purged,
    held: bool,
}

impl Tally {
    fn add(&mut self, slice: Gone) {
        self.purged.bodies += slice.bodies;
        self.purged.messages += slice.messages;
        self.held |= slice.is_held;
    }
}
