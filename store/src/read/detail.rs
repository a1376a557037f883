//! Everything about one message.

use bytes::Bytes;
use config::Name;
use phi::Phi;
use uuid::Uuid;

use super::Reader;
use super::filter::Known;
use super::messages::{MessageSummary, reason, summary_columns};
use super::work::small;
use crate::error::StoreError;
use crate::ids::{ChannelId, DeliveryId, DestinationId, MessageId};
use crate::intake::attempt_place;
use crate::receipt::Reason;
use crate::scope::Scope;
use crate::seal::Column;
use crate::sql::{Row, statements, values};
use crate::state::{DeliveryState, Disposition, Origin};

/// Messages made from one that are listed with it.
const CHILDREN_MAX: i64 = 100;

statements! {
    MESSAGE = concat!("select ", summary_columns!(), ", m.error, m.body, m.batch from messages m where m.id = $1");
    DELIVERIES = "select d.id, d.destination, t.name, d.part, d.own_body, d.state, d.changed_us, d.next_us, d.tries, d.answered_tries, \
        d.reason_code, d.reason_step, d.error, d.superseded_by \
        from deliveries d join destinations t on t.id = d.destination where d.message = $1 order by d.id";
    ATTEMPTS = "select delivery, started_us, duration_us, peer, code, answered, response, error from attempts where message = $1 \
        order by delivery, started_us";
    MESSAGE_OF = "select message, channel from deliveries where id = $1";
    CHILDREN = "select id, origin, received_us, disposition, channel from messages where parent = $1 order by id limit $2";
    /// Acknowledgements that ended waits of a message's deliveries.
    ACKS = "select delivery, ack from awaited_acks where message = $1 and ack is not null";
    ACKNOWLEDGES = "select d.message from arrived_acks a join deliveries d on d.id = a.delivery where a.message = $1";
    DELIVERY_BODY = "select d.message, d.own_body, m.body, d.channel, m.seq from deliveries d join messages m on m.id = d.message where d.id = $1";
    IS_OVER = "select 1 from retention t where t.channel = $1 and t.bodies_seq >= $2
        and not exists (select 1 from kept_messages k where k.channel = $1 and k.seq = $2)";
    RESPONSE = "select d.channel, a.response from deliveries d join attempts a on a.message = d.message and a.delivery = d.id \
        where d.id = $1 and a.started_us = $2";
}

/// A message with all that became of it.
pub struct MessageDetail {
    /// What lists show.
    pub summary: MessageSummary,
    /// What went wrong, in words that may quote the message.
    pub error: SealedText,
    /// The batch that it came in and its place there.
    pub batch: Option<String>,
    /// Where it went, in the order they were made.
    pub deliveries: Vec<DeliveryDetail>,
    /// Messages made from it.
    pub children: Vec<Child>,
    /// The message that it is the application acknowledgement of.
    pub acknowledges: Option<MessageId>,
}

/// A text that may not be there, or may not open.
pub type SealedText = Result<Option<Phi<String>>, StoreError>;

/// A message made from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its row.
    pub id: MessageId,
    /// How it came to be.
    pub origin: Origin,
    /// The channel that it is a message of.
    pub channel: Name,
    /// When.
    pub received_us: i64,
    /// What became of it.
    pub disposition: Disposition,
}

/// One message part for one destination, and its tries.
pub struct DeliveryDetail {
    /// Its row.
    pub id: DeliveryId,
    /// Where it goes.
    pub destination: Name,
    /// The row of that.
    pub destination_id: DestinationId,
    /// The part of a split.
    pub part: u32,
    /// Its bytes are not the message's.
    pub own_body: bool,
    /// Where it stands.
    pub state: DeliveryState,
    /// Since when.
    pub changed_us: i64,
    /// Not before this time, when waiting.
    pub next_us: Option<i64>,
    /// Tries so far.
    pub tries: u32,
    /// Tries that count towards giving up.
    pub answered_tries: u32,
    /// Why it stands there.
    pub reason: Option<Reason>,
    /// What went wrong in its steps, in words that may quote the message.
    pub error: SealedText,
    /// The message that a replay made of it.
    pub superseded_by: Option<MessageId>,
    /// The application acknowledgement that ended it.
    pub ack: Option<MessageId>,
    /// Its tries, in order.
    pub attempts: Vec<AttemptDetail>,
}

/// One try.
pub struct AttemptDetail {
    /// When it began, microseconds UTC.
    pub started_us: i64,
    /// How long it took.
    pub duration_us: i64,
    /// Who was asked.
    pub peer: String,
    /// How it ended.
    pub code: String,
    /// Whether the receiver read or answered anything.
    pub answered: bool,
    /// Whether there is a response to look at.
    pub has_response: bool,
    /// What went wrong, in words that may quote patient data.
    pub error: SealedText,
}

/// Whose bytes are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyOf {
    /// What was received.
    Message(MessageId),
    /// What is sent.
    Delivery(DeliveryId),
    /// What a receiver answered.
    Response {
        /// The delivery.
        delivery: DeliveryId,
        /// When the try began.
        started_us: i64,
    },
}

impl Reader {
    /// The message that a delivery is a part of.
    pub(crate) async fn message_of(
        &self,
        scope: &Scope,
        delivery: DeliveryId,
    ) -> Result<Option<MessageId>, StoreError> {
        let Some(row) = self.row(MESSAGE_OF, values![delivery.uuid()]).await? else {
            return Ok(None);
        };
        match self.channel_in(scope, row.int(1)?).await? {
            Some(_) => Ok(Some(MessageId::from_uuid(row.id(0)?))),
            None => Ok(None),
        }
    }

    pub(crate) async fn message(
        &self,
        scope: &Scope,
        id: MessageId,
    ) -> Result<Option<MessageDetail>, StoreError> {
        let Some(row) = self.row(MESSAGE, values![id.uuid()]).await? else { return Ok(None) };
        let Some(channel) = self.channel_in(scope, row.int(1)?).await? else { return Ok(None) };
        let number = ChannelId::from_number(channel.id);
        let mut attempts = Vec::new();
        for row in self.rows(ATTEMPTS, values![id.uuid()]).await? {
            attempts.push(self.attempt(number, &row).await?);
        }
        let mut deliveries = Vec::new();
        for row in self.rows(DELIVERIES, values![id.uuid()]).await? {
            deliveries.push(self.delivery(number, &row, &mut attempts).await?);
        }
        for row in self.rows(ACKS, values![id.uuid()]).await? {
            let delivery = DeliveryId::from_uuid(row.id(0)?);
            let ack = MessageId::from_uuid(row.id(1)?);
            deliveries.iter_mut().filter(|d| d.id == delivery).for_each(|d| d.ack = Some(ack));
        }
        let acknowledges = self.rows(ACKNOWLEDGES, values![id.uuid()]).await?;
        let acknowledges = acknowledges.first().map(|row| row.id(0)).transpose()?;
        let channels = self.channels(scope).await?;
        let children = self.rows(CHILDREN, values![id.uuid(), CHILDREN_MAX]).await?;
        // One in a channel outside the scope looks as if it were not there.
        let children = children.iter().filter_map(|row| child(row, &channels).transpose());
        Ok(Some(MessageDetail {
            summary: self.summary(&row, &channel.name).await?,
            error: self.text(number, Column::MessageError, id.uuid(), row.blob_or_none(24)?).await,
            batch: row.text_or_none(26)?.map(str::to_owned),
            deliveries,
            children: children.collect::<Result<_, _>>()?,
            acknowledges: acknowledges.map(MessageId::from_uuid),
        }))
    }

    /// The channel with this number, when it lies inside the scope.
    pub(crate) async fn channel_in(
        &self,
        scope: &Scope,
        number: i64,
    ) -> Result<Option<Known>, StoreError> {
        Ok(self.channels(scope).await?.into_iter().find(|channel| channel.id == number))
    }

    async fn text(
        &self,
        channel: ChannelId,
        column: Column,
        row: Uuid,
        blob: Option<&[u8]>,
    ) -> SealedText {
        let Some(blob) = blob else { return Ok(None) };
        let plain = self.open(channel, column, row, blob).await?;
        Ok(Some(Phi::new(String::from_utf8_lossy(&plain).into_owned())))
    }

    async fn delivery(
        &self,
        channel: ChannelId,
        row: &Row,
        attempts: &mut Vec<(Uuid, AttemptDetail)>,
    ) -> Result<DeliveryDetail, StoreError> {
        let id = row.id(0)?;
        let state = row.code(5, DeliveryState::from_code)?;
        let (own, others) =
            std::mem::take(attempts).into_iter().partition(|(delivery, _)| *delivery == id);
        *attempts = others;
        let own: Vec<(Uuid, AttemptDetail)> = own;
        Ok(DeliveryDetail {
            id: DeliveryId::from_uuid(id),
            destination_id: DestinationId::from_number(row.int(1)?),
            destination: Name::new(row.text(2)?)
                .map_err(|error| StoreError::Internal(error.to_string()))?,
            part: small(row.int(3)?),
            own_body: row.int(4)? != 0,
            state,
            changed_us: row.int(6)?,
            next_us: if state == DeliveryState::Waiting { Some(row.int(7)?) } else { None },
            tries: small(row.int(8)?),
            answered_tries: small(row.int(9)?),
            reason: reason(row, 10)?,
            error: self.text(channel, Column::DeliveryError, id, row.blob_or_none(12)?).await,
            superseded_by: row.id_or_none(13)?.map(MessageId::from_uuid),
            ack: None,
            attempts: own.into_iter().map(|(_, attempt)| attempt).collect(),
        })
    }

    async fn attempt(
        &self,
        channel: ChannelId,
        row: &Row,
    ) -> Result<(Uuid, AttemptDetail), StoreError> {
        let (delivery, started_us) = (row.id(0)?, row.int(1)?);
        let place = attempt_place(delivery, started_us);
        let attempt = AttemptDetail {
            started_us,
            duration_us: row.int(2)?,
            peer: row.text(3)?.to_owned(),
            code: row.text(4)?.to_owned(),
            answered: row.int(5)? != 0,
            has_response: row.blob_or_none(6)?.is_some(),
            error: self.text(channel, Column::AttemptError, place, row.blob_or_none(7)?).await,
        };
        Ok((delivery, attempt))
    }

    pub(crate) async fn body_of(
        &self,
        scope: &Scope,
        of: BodyOf,
    ) -> Result<Phi<Bytes>, StoreError> {
        match of {
            BodyOf::Message(id) => {
                let row = self
                    .row(MESSAGE, values![id.uuid()])
                    .await?
                    .ok_or(StoreError::NotFound("message"))?;
                let channel = self
                    .channel_in(scope, row.int(1)?)
                    .await?
                    .ok_or(StoreError::NotFound("message"))?;
                let body = row.id_or_none(25)?.unwrap_or(id.uuid());
                self.body_while_it_stays((channel.id, row.int(2)?), body).await
            }
            BodyOf::Delivery(id) => {
                let row = self
                    .row(DELIVERY_BODY, values![id.uuid()])
                    .await?
                    .ok_or(StoreError::NotFound("delivery"))?;
                let channel = self
                    .channel_in(scope, row.int(3)?)
                    .await?
                    .ok_or(StoreError::NotFound("delivery"))?;
                let body = if row.int(1)? != 0 {
                    id.uuid()
                } else {
                    row.id_or_none(2)?.unwrap_or(row.id(0)?)
                };
                self.body_while_it_stays((channel.id, row.int(4)?), body).await
            }
            BodyOf::Response { delivery, started_us } => {
                let row = self.row(RESPONSE, values![delivery.uuid(), started_us]).await?;
                let row = row.ok_or(StoreError::NotFound("response"))?;
                let channel = self
                    .channel_in(scope, row.int(0)?)
                    .await?
                    .ok_or(StoreError::NotFound("response"))?;
                let blob = row.blob_or_none(1)?.ok_or(StoreError::NotFound("response"))?;
                let place = attempt_place(delivery.uuid(), started_us);
                let plain = self
                    .open(ChannelId::from_number(channel.id), Column::AttemptResponse, place, blob)
                    .await?;
                Ok(Phi::new(Bytes::from(plain)))
            }
        }
    }
}

impl Reader {
    /// A body, or that it has left the store: one that is missing before its time is not over, but damage.
    async fn body_while_it_stays(
        &self,
        (channel, seq): (i64, i64),
        id: Uuid,
    ) -> Result<Phi<Bytes>, StoreError> {
        match self.body(ChannelId::from_number(channel), id).await {
            Err(StoreError::Unreadable(_))
                if self.row(IS_OVER, values![channel, seq]).await?.is_some() =>
            {
                Err(StoreError::NotFound("body any more: its time in the store is over"))
            }
            body => body.map(Phi::new),
        }
    }
}

fn child(row: &Row, channels: &[Known]) -> Result<Option<Child>, StoreError> {
    let number = row.int(4)?;
    let Some(channel) = channels.iter().find(|known| known.id == number) else { return Ok(None) };
    Ok(Some(Child {
        channel: channel.name.clone(),
        id: MessageId::from_uuid(row.id(0)?),
        origin: row.code(1, Origin::from_code)?,
        received_us: row.int(2)?,
        disposition: row.code(3, Disposition::from_code)?,
    }))
}
