//! What the engine reads back: queued deliveries and undecided messages, by ownership.

use bytes::Bytes;
use uuid::Uuid;

use super::Reader;
use crate::error::StoreError;
use crate::ids::{ChannelId, DeliveryId, DestinationId, MessageId};
use crate::intake::AWAITS_ACK;
use crate::receipt::Header;
use crate::seal::Column;
use crate::sql::{Row, statements, values};
use crate::state::{DeliveryState, Origin};
use crate::token::LaneKey;

statements! {
    /// The open deliveries of a destination after a place, in receipt order.
    QUEUED = "select d.id, d.message, d.seq, d.part, d.lane, d.state, d.tries, d.answered_tries, d.next_us, d.first_answered_us, \
        m.received_us, m.kind, d.own_body, m.body, b.blob, \
        (select count(*) from delivery_keys k where k.delivery = d.id), m.trace, d.reason_code \
        from deliveries d join messages m on m.id = d.message \
        left join bodies b on b.id = case when d.own_body <> 0 then d.id else coalesce(m.body, m.id) end \
        where d.destination = $1 and d.state < 20 and (d.seq, d.part) > ($2, $3) order by d.seq, d.part limit $4";
    /// Deliveries that wait for their acknowledgement, and not beyond this time.
    OVERDUE = "select d.id, d.message, d.seq, d.part, d.lane, d.state, d.tries, d.answered_tries, d.next_us, d.first_answered_us, \
        m.received_us, m.kind, d.own_body, m.body, b.blob, \
        (select count(*) from delivery_keys k where k.delivery = d.id), m.trace, d.reason_code \
        from awaited_acks w join deliveries d on d.message = w.message and d.id = w.delivery join messages m on m.id = d.message \
        left join bodies b on b.id = case when d.own_body <> 0 then d.id else coalesce(m.body, m.id) end \
        where w.destination = $1 and w.ack is null and w.deadline_us <= $2 and d.state = 11 and d.reason_code = 'application-ack' \
        order by w.deadline_us limit $3";
    MORE_LANES = "select lane from delivery_keys where delivery = $1 order by n";
    BODY = "select blob from bodies where id = $1";
    /// Messages whose program has not decided, in receipt order.
    UNDECIDED = "select id, seq, received_us, tries, origin, parent, trace, peer, application, facility, kind, version, charset, \
        control_id, body, lone_lf, ack_code from messages where channel = $1 and revision is null order by seq limit $2";
}

/// An open delivery, read back.
pub struct QueuedDelivery {
    /// Its row.
    pub id: DeliveryId,
    /// Its message.
    pub message: MessageId,
    /// The first message of that one's line.
    pub trace: MessageId,
    /// The message's number in its channel.
    pub seq: i64,
    /// The part of a split.
    pub part: u32,
    /// The lanes that it holds.
    pub keys: Vec<LaneKey>,
    /// `queued`, `waiting` or `held`.
    pub state: DeliveryState,
    /// Tries so far.
    pub tries: u32,
    /// Tries that count towards giving up.
    pub answered_tries: u32,
    /// Not before this time, when waiting.
    pub next_us: Option<i64>,
    /// When the first try that counts began.
    pub first_answered_us: Option<i64>,
    /// When the message arrived.
    pub received_us: i64,
    /// MSH-9 as text.
    pub kind: String,
    /// What is sent.
    pub body: Bytes,
    /// It was sent and waits for its application acknowledgement: it holds no lane.
    pub awaits_ack: bool,
}

/// A message whose program has not decided.
pub struct Undecided {
    /// Its row.
    pub id: MessageId,
    /// Its number in its channel.
    pub seq: i64,
    /// When it arrived.
    pub received_us: i64,
    /// How often a program has been started on it.
    pub tries: u8,
    /// How it came to be.
    pub origin: Origin,
    /// The message that it was made from.
    pub parent: Option<MessageId>,
    /// The first message of its line.
    pub trace: MessageId,
    /// Who sent it.
    pub peer: String,
    /// What was peeked from it.
    pub header: Header,
    /// How it was acknowledged.
    pub ack_code: String,
    /// Lone line feeds where a segment seems to begin.
    pub lone_lf: u32,
    /// The bytes as received.
    pub body: Bytes,
}

/// A row that is whole, or the delivery whose body does not open.
pub(crate) enum Queued {
    Whole(Box<QueuedDelivery>),
    Unreadable { message: MessageId, delivery: DeliveryId },
}

/// An undecided message, or one whose body does not open.
pub(crate) enum Waiting {
    Whole(Box<Undecided>),
    Unreadable(MessageId),
}

impl Reader {
    pub(crate) async fn queued(
        &self,
        channel: ChannelId,
        destination: DestinationId,
        after: Option<(i64, u32)>,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        let (seq, part) = after.unwrap_or((-1, 0));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows =
            self.rows(QUEUED, values![destination.number(), seq, i64::from(part), limit]).await?;
        let mut queued = Vec::with_capacity(rows.len());
        for row in &rows {
            queued.push(self.queued_one(channel, row).await?);
        }
        Ok(queued)
    }

    pub(crate) async fn overdue(
        &self,
        channel: ChannelId,
        destination: DestinationId,
        now_us: i64,
        limit: usize,
    ) -> Result<Vec<Queued>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut overdue = Vec::new();
        for row in &self.rows(OVERDUE, values![destination.number(), now_us, limit]).await? {
            overdue.push(self.queued_one(channel, row).await?);
        }
        Ok(overdue)
    }

    async fn queued_one(&self, channel: ChannelId, row: &Row) -> Result<Queued, StoreError> {
        let (delivery, message) = (row.id(0)?, row.id(1)?);
        let body_id =
            if row.int(12)? != 0 { delivery } else { row.id_or_none(13)?.unwrap_or(message) };
        let opened = match row.blob_or_none(14)? {
            Some(blob) => self.open(channel, Column::Body, body_id, blob).await,
            None => Err(StoreError::Unreadable(Column::Body.what())),
        };
        let body = match opened {
            Ok(body) => Bytes::from(body),
            Err(StoreError::Unreadable(_)) => {
                let (message, delivery) =
                    (MessageId::from_uuid(message), DeliveryId::from_uuid(delivery));
                return Ok(Queued::Unreadable { message, delivery });
            }
            Err(error) => return Err(error),
        };
        let mut keys = vec![LaneKey(row.token(4)?)];
        if row.int(15)? > 0 {
            for more in self.rows(MORE_LANES, values![delivery]).await? {
                keys.push(LaneKey(more.token(0)?));
            }
        }
        let state = row.code(5, DeliveryState::from_code)?;
        Ok(Queued::Whole(Box::new(QueuedDelivery {
            id: DeliveryId::from_uuid(delivery),
            message: MessageId::from_uuid(message),
            trace: MessageId::from_uuid(row.id_or_none(16)?.unwrap_or(message)),
            seq: row.int(2)?,
            part: small(row.int(3)?),
            keys,
            state,
            tries: small(row.int(6)?),
            answered_tries: small(row.int(7)?),
            next_us: if state == DeliveryState::Waiting { Some(row.int(8)?) } else { None },
            first_answered_us: row.int_or_none(9)?,
            received_us: row.int(10)?,
            kind: row.text(11)?.to_owned(),
            body,
            awaits_ack: state == DeliveryState::Waiting
                && row.text_or_none(17)? == Some(AWAITS_ACK),
        })))
    }

    /// The bytes stored under an id.
    pub(crate) async fn body(&self, channel: ChannelId, id: Uuid) -> Result<Bytes, StoreError> {
        let row = self
            .row(BODY, values![id])
            .await?
            .ok_or(StoreError::Unreadable(Column::Body.what()))?;
        self.open(channel, Column::Body, id, row.blob(0)?).await.map(Bytes::from)
    }

    pub(crate) async fn undecided(
        &self,
        channel: ChannelId,
        limit: usize,
    ) -> Result<Vec<Waiting>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.rows(UNDECIDED, values![channel.number(), limit]).await?;
        let mut waiting = Vec::with_capacity(rows.len());
        for row in &rows {
            let id = row.id(0)?;
            waiting.push(match self.undecided_one(channel, row, id).await {
                Ok(undecided) => Waiting::Whole(Box::new(undecided)),
                Err(StoreError::Unreadable(_)) => Waiting::Unreadable(MessageId::from_uuid(id)),
                Err(error) => return Err(error),
            });
        }
        Ok(waiting)
    }

    async fn undecided_one(
        &self,
        channel: ChannelId,
        row: &Row,
        id: Uuid,
    ) -> Result<Undecided, StoreError> {
        let control_id = self.open(channel, Column::ControlId, id, row.blob(13)?).await?;
        let header = Header {
            control_id: String::from_utf8_lossy(&control_id).into_owned(),
            application: row.text(8)?.to_owned(),
            facility: row.text(9)?.to_owned(),
            kind: row.text(10)?.to_owned(),
            version: row.text(11)?.to_owned(),
            charset: row.text(12)?.to_owned(),
        };
        Ok(Undecided {
            id: MessageId::from_uuid(id),
            seq: row.int(1)?,
            received_us: row.int(2)?,
            tries: u8::try_from(row.int(3)?).unwrap_or(u8::MAX),
            origin: row.code(4, Origin::from_code)?,
            parent: row.id_or_none(5)?.map(MessageId::from_uuid),
            trace: MessageId::from_uuid(row.id_or_none(6)?.unwrap_or(id)),
            peer: row.text(7)?.to_owned(),
            header,
            ack_code: row.text(16)?.to_owned(),
            lone_lf: small(row.int(15)?),
            body: self.body(channel, row.id_or_none(14)?.unwrap_or(id)).await?,
        })
    }
}

/// Counts and parts are small; what is not was written by other hands.
pub(crate) fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
