//! The figures of each channel: from the counters and from what is still open, never from the tables of messages.

use std::collections::BTreeMap;

use config::Name;

use super::Reader;
use super::filter::Known;
use crate::act::{Stopped, stopped};
use crate::error::StoreError;
use crate::group::hour_of;
use crate::ids::{ChannelId, DestinationId, RevisionId};
use crate::scope::Scope;
use crate::sql::{Row, statements, values};
use crate::state::{DeliveryState, What};

/// Undecided messages are counted up to here: more is as bad as this.
const UNDECIDED_MAX: i64 = 10_000;

statements! {
    DESTINATIONS = "select id, channel, name, held_us, removed_us from destinations order by channel, name";
    DESTINATION = "select id from destinations where channel = $1 and name = $2";
    OPEN = "select destination, state, count(*), min(seq) from deliveries where state < 20 group by destination, state";
    OLDEST = "select received_us from messages where channel = $1 and seq = $2";
    COUNTERS = "select channel, destination, what, cast(sum(n) as bigint) from counters where hour >= $1 \
        group by channel, destination, what";
    UNDECIDED_COUNT = "select count(*) from (select 1 as one from messages where channel = $1 and revision is null limit $2) u";
    /// Messages by the hour, however they came to be.
    HOURS = "select channel, hour, cast(sum(n) as bigint) from counters where hour >= $1 and destination = 0 \
        and what in (10, 11, 12, 13, 16) group by channel, hour";
    OWNERS = "select c.id, c.revision, o.node, o.epoch, o.since_us, c.stopped_us, c.stopped_by, c.stopped_reason from channels c left join channel_owner o on o.channel = c.id";
}

/// A channel's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStatus {
    /// Its name.
    pub channel: Name,
    /// Its row.
    pub id: ChannelId,
    /// The revision last applied.
    pub revision: Option<RevisionId>,
    /// The node that owns it.
    pub node: Option<String>,
    /// Its source, when a person has stopped it.
    pub stopped: Option<Stopped>,
    /// Messages whose program has not decided.
    pub undecided: i64,
    /// What was counted since the time asked for.
    pub counts: Counted,
    /// Its destinations, those that were removed only while they have open deliveries.
    pub destinations: Vec<DestinationStatus>,
}

/// A destination's figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestinationStatus {
    /// Its name.
    pub destination: Name,
    /// Its row.
    pub id: DestinationId,
    /// Since when it is held.
    pub held_us: Option<i64>,
    /// Since when it is in no channel file.
    pub removed_us: Option<i64>,
    /// Deliveries waiting for their turn.
    pub queued: i64,
    /// Deliveries waiting for their time.
    pub waiting: i64,
    /// Deliveries that a person has to decide on.
    pub held: i64,
    /// When the oldest open delivery's message arrived.
    pub oldest_us: Option<i64>,
    /// What was counted since the time asked for.
    pub counts: Counted,
}

/// A channel's messages of the last 24 hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelDay {
    /// Its name.
    pub channel: Name,
    /// What was counted.
    pub counts: Counted,
    /// Messages of each hour, the oldest first; the last is the one that is not over.
    pub hours: [i64; 24],
    /// Its destinations, with what was counted there.
    pub destinations: Vec<(Name, Counted)>,
}

/// Counters by what they count.
pub type Counted = BTreeMap<What, i64>;

#[derive(Default)]
struct Open {
    queued: i64,
    waiting: i64,
    held: i64,
    first_seq: Option<i64>,
}

impl Reader {
    /// The figures of every channel in a scope, counters from the hour of `since_us` on.
    pub(crate) async fn status(
        &self,
        scope: &Scope,
        since_us: i64,
    ) -> Result<Vec<ChannelStatus>, StoreError> {
        let channels = self.channels(scope).await?;
        let destinations = self.rows(DESTINATIONS, values![]).await?;
        let mut open: BTreeMap<i64, Open> = BTreeMap::new();
        for row in self.rows(OPEN, values![]).await? {
            open.entry(row.int(0)?).or_default().add(&row)?;
        }
        let mut counted: BTreeMap<(i64, i64), Counted> = BTreeMap::new();
        for row in self.rows(COUNTERS, values![hour_of(since_us)]).await? {
            let what = row.code(2, What::from_code)?;
            counted.entry((row.int(0)?, row.int(1)?)).or_default().insert(what, row.int(3)?);
        }
        let owners = self.rows(OWNERS, values![]).await?;
        let mut status = Vec::with_capacity(channels.len());
        for channel in channels {
            let owner = owners.iter().find(|row| row.int(0) == Ok(channel.id));
            let undecided = self.row(UNDECIDED_COUNT, values![channel.id, UNDECIDED_MAX]).await?;
            status.push(ChannelStatus {
                id: ChannelId::from_number(channel.id),
                revision: owner
                    .map(|row| row.int_or_none(1))
                    .transpose()?
                    .flatten()
                    .map(RevisionId::from_number),
                node: owner
                    .map(|row| row.text_or_none(2))
                    .transpose()?
                    .flatten()
                    .map(str::to_owned),
                stopped: owner.map_or(Ok(None), |row| stopped(row, 5))?,
                undecided: undecided.map_or(Ok(0), |row| row.int(0))?,
                counts: counted.remove(&(channel.id, 0)).unwrap_or_default(),
                destinations: self
                    .destination_status(&channel, &destinations, &open, &mut counted)
                    .await?,
                channel: channel.name,
            });
        }
        Ok(status)
    }

    /// The last 24 hours of every channel in a scope.
    pub(crate) async fn day(
        &self,
        scope: &Scope,
        now_us: i64,
    ) -> Result<Vec<ChannelDay>, StoreError> {
        let first = hour_of(now_us) - 23;
        let mut hours: BTreeMap<i64, [i64; 24]> = BTreeMap::new();
        for row in self.rows(HOURS, values![first]).await? {
            let at = usize::try_from(row.int(1)? - first).unwrap_or(usize::MAX);
            if let Some(hour) = hours.entry(row.int(0)?).or_insert([0; 24]).get_mut(at) {
                *hour = row.int(2)?;
            }
        }
        let mut counted: BTreeMap<(i64, i64), Counted> = BTreeMap::new();
        for row in self.rows(COUNTERS, values![first]).await? {
            let what = row.code(2, What::from_code)?;
            counted.entry((row.int(0)?, row.int(1)?)).or_default().insert(what, row.int(3)?);
        }
        let known = self.rows(DESTINATIONS, values![]).await?;
        let mut days = Vec::new();
        for channel in self.channels(scope).await? {
            let mut destinations = Vec::new();
            for row in known.iter().filter(|row| row.int(1) == Ok(channel.id)) {
                let counts = counted.remove(&(channel.id, row.int(0)?)).unwrap_or_default();
                let name = Name::new(row.text(2)?);
                let name = name.map_err(|error| StoreError::Internal(error.to_string()))?;
                if row.int_or_none(4)?.is_none() || !counts.is_empty() {
                    destinations.push((name, counts));
                }
            }
            days.push(ChannelDay {
                counts: counted.remove(&(channel.id, 0)).unwrap_or_default(),
                hours: hours.remove(&channel.id).unwrap_or([0; 24]),
                destinations,
                channel: channel.name,
            });
        }
        Ok(days)
    }

    async fn destination_status(
        &self,
        channel: &Known,
        destinations: &[Row],
        open: &BTreeMap<i64, Open>,
        counted: &mut BTreeMap<(i64, i64), Counted>,
    ) -> Result<Vec<DestinationStatus>, StoreError> {
        let mut all = Vec::new();
        let nothing = Open::default();
        for row in destinations.iter().filter(|row| row.int(1) == Ok(channel.id)) {
            let id = row.int(0)?;
            let open = open.get(&id).unwrap_or(&nothing);
            let removed_us = row.int_or_none(4)?;
            if removed_us.is_some() && open.first_seq.is_none() {
                continue;
            }
            let oldest_us = match open.first_seq {
                Some(seq) => self
                    .row(OLDEST, values![channel.id, seq])
                    .await?
                    .map(|row| row.int(0))
                    .transpose()?,
                None => None,
            };
            all.push(DestinationStatus {
                destination: Name::new(row.text(2)?)
                    .map_err(|error| StoreError::Internal(error.to_string()))?,
                id: DestinationId::from_number(id),
                held_us: row.int_or_none(3)?,
                removed_us,
                queued: open.queued,
                waiting: open.waiting,
                held: open.held,
                oldest_us,
                counts: counted.remove(&(channel.id, id)).unwrap_or_default(),
            });
        }
        Ok(all)
    }

    /// The number of a destination.
    pub(crate) async fn destination(&self, channel: i64, name: &Name) -> Result<i64, StoreError> {
        let row = self.row(DESTINATION, values![channel, name.as_str()]).await?;
        row.ok_or(StoreError::NotFound("destination"))?.int(0)
    }
}

impl Open {
    fn add(&mut self, row: &Row) -> Result<(), StoreError> {
        let count = row.int(2)?;
        match row.code(1, DeliveryState::from_code)? {
            DeliveryState::Queued => self.queued = count,
            DeliveryState::Waiting => self.waiting = count,
            DeliveryState::Held => self.held = count,
            DeliveryState::Delivered | DeliveryState::Dead | DeliveryState::Discarded => {}
        }
        let first = row.int(3)?;
        self.first_seq = Some(self.first_seq.map_or(first, |seq| seq.min(first)));
        Ok(())
    }
}
