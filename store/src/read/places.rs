//! Where letters stand: what is known of each before something is done with it.

use config::Name;

use super::Reader;
use super::dead::Letter;
use super::filter::Known;
use crate::error::StoreError;
use crate::ids::{DeliveryId, MessageId};
use crate::scope::Scope;
use crate::sql::{statements, values};
use crate::state::{DeliveryState, Disposition};

/// Ids that are read in one go.
const PAGE_MAX: i64 = 10_000;

statements! {
    OF_DELIVERY = "select d.channel, d.seq, d.part, m.received_us, d.message, d.state, t.name, \
        (select count(*) from bodies b where b.id = case when d.own_body <> 0 then d.id else coalesce(m.body, m.id) end), \
        case when d.superseded_by is null then 0 else 1 end \
        from deliveries d join messages m on m.id = d.message join destinations t on t.id = d.destination where d.id = $1";
    OF_MESSAGE = "select m.channel, m.seq, m.received_us, m.disposition, \
        (select count(*) from bodies b where b.id = coalesce(m.body, m.id)), case when m.superseded_by is null then 0 else 1 end \
        from messages m where m.id = $1";
    /// What waits at a destination; not what was sent and waits for its application acknowledgement.
    WAITING = "select count(*), coalesce(max(seq), 0) from deliveries where destination = $1 and state < 20 and seq <= $2 \
        and coalesce(reason_code, '') <> 'application-ack'";
    WAITING_IDS = "select id from deliveries where destination = $1 and state < 20 and seq <= $2 \
        and coalesce(reason_code, '') <> 'application-ack' order by seq, part limit $3";
    STANDING = "select reason_code, changed_us, next_us, state from deliveries where id = $1";
}

/// Where a letter stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Which one.
    pub letter: Letter,
    /// Its channel.
    pub channel: Name,
    /// Its place in receipt order: the message's number there, and the part.
    pub place: (i64, i64),
    /// When its message arrived, microseconds UTC.
    pub received_us: i64,
    /// Its message.
    pub message: MessageId,
    /// Where it was to go; nothing for a message.
    pub destination: Option<Name>,
    /// Nothing more happens to it by itself.
    pub is_final: bool,
    /// Its bytes are there.
    pub has_body: bool,
    /// It was sent again already.
    pub superseded: bool,
}

/// How a delivery at the head of a lane stands in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadStanding {
    /// Its state.
    pub state: DeliveryState,
    /// Why it stands there.
    pub code: Option<String>,
    /// Since when, microseconds UTC.
    pub since_us: i64,
    /// Not before this time, when waiting.
    pub next_us: Option<i64>,
}

impl Reader {
    /// Where letters stand; nothing for those that are not there or outside of the scope.
    pub(crate) async fn places(
        &self,
        scope: &Scope,
        letters: &[Letter],
    ) -> Result<Vec<Option<Placed>>, StoreError> {
        let channels = self.channels(scope).await?;
        let mut placed = Vec::with_capacity(letters.len());
        for letter in letters {
            placed.push(match letter {
                Letter::Delivery(id) => self.place_of_delivery(&channels, *id).await?,
                Letter::Message(id) => self.place_of_message(&channels, *id).await?,
            });
        }
        Ok(placed)
    }

    async fn place_of_delivery(
        &self,
        channels: &[Known],
        id: DeliveryId,
    ) -> Result<Option<Placed>, StoreError> {
        let Some(row) = self.row(OF_DELIVERY, values![id.uuid()]).await? else { return Ok(None) };
        let Some(channel) = within(channels, row.int(0)?) else { return Ok(None) };
        Ok(Some(Placed {
            letter: Letter::Delivery(id),
            channel,
            place: (row.int(1)?, row.int(2)?),
            received_us: row.int(3)?,
            message: MessageId::from_uuid(row.id(4)?),
            destination: Name::new(row.text(6)?).ok(),
            is_final: row.code(5, DeliveryState::from_code)?.is_final(),
            has_body: row.int(7)? > 0,
            superseded: row.int(8)? != 0,
        }))
    }

    async fn place_of_message(
        &self,
        channels: &[Known],
        id: MessageId,
    ) -> Result<Option<Placed>, StoreError> {
        let Some(row) = self.row(OF_MESSAGE, values![id.uuid()]).await? else { return Ok(None) };
        let Some(channel) = within(channels, row.int(0)?) else { return Ok(None) };
        Ok(Some(Placed {
            letter: Letter::Message(id),
            channel,
            place: (row.int(1)?, 0),
            received_us: row.int(2)?,
            message: id,
            destination: None,
            is_final: row.code(3, Disposition::from_code)?.is_final(),
            has_body: row.int(4)? > 0,
            superseded: row.int(5)? != 0,
        }))
    }

    /// How many deliveries wait at a destination, up to a number of the channel's messages, and the last number among them.
    pub(crate) async fn waiting(
        &self,
        scope: &Scope,
        (channel, destination): (&Name, &Name),
        mark: Option<i64>,
    ) -> Result<(i64, i64), StoreError> {
        let channel = self.channel(scope, channel).await?;
        let destination = self.destination(channel.id, destination).await?;
        let row = self.row(WAITING, values![destination, mark.unwrap_or(i64::MAX)]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
    }

    /// Their ids, in order.
    pub(crate) async fn waiting_ids(
        &self,
        scope: &Scope,
        (channel, destination): (&Name, &Name),
        mark: i64,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let channel = self.channel(scope, channel).await?;
        let destination = self.destination(channel.id, destination).await?;
        let rows = self.rows(WAITING_IDS, values![destination, mark, PAGE_MAX]).await?;
        rows.iter().map(|row| row.id(0).map(DeliveryId::from_uuid)).collect()
    }

    /// How a delivery stands.
    pub(crate) async fn standing(
        &self,
        id: DeliveryId,
    ) -> Result<Option<HeadStanding>, StoreError> {
        let Some(row) = self.row(STANDING, values![id.uuid()]).await? else { return Ok(None) };
        let state = row.code(3, DeliveryState::from_code)?;
        Ok(Some(HeadStanding {
            state,
            code: row.text_or_none(0)?.map(str::to_owned),
            since_us: row.int(1)?,
            next_us: row.int_or_none(2)?.filter(|_| state == DeliveryState::Waiting),
        }))
    }
}

fn within(channels: &[Known], number: i64) -> Option<Name> {
    channels.iter().find(|channel| channel.id == number).map(|channel| channel.name.clone())
}
