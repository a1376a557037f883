//! Application acknowledgements that are messages of their own: those that senders are owed, and those that deliveries wait for.

use bytes::Bytes;
use phi::Phi;

use crate::backend::{Backend, Done, Framing};
use crate::error::StoreError;
use crate::group::{Counts, Group, MessageRow, Unwritten, count_message};
use crate::ids::{ChannelId, DeliveryId, DestinationId, MessageId};
use crate::lease::Lease;
use crate::read::QueuedDelivery;
use crate::receipt::{Committed, OnCommit, Receipt};
use crate::seal::FreshKey;
use crate::sql::{statements, values};
use crate::state::Disposition;
use crate::store::{Parts, Store, insert_keys};

statements! {
    /// Decided messages whose acknowledgement waits for nothing more, with how the deliveries that it depends on ended.
    OWED = "select o.message, o.seq, m.received_us, m.trace, m.body, m.disposition,
        (select count(*) from deliveries d where d.message = o.message and d.state > 20 and ($3 = '' or instr($3, ',' || d.destination || ',') > 0))
        from owed_acks o join messages m on m.id = o.message
        where o.channel = $1 and o.seq > $2 and m.revision is not null and not exists (select 1 from deliveries d
        where d.message = o.message and d.state < 20 and ($3 = '' or instr($3, ',' || d.destination || ',') > 0)) order by o.seq limit $4",
        postgres: "select o.message, o.seq, m.received_us, m.trace, m.body, m.disposition,
        (select count(*) from deliveries d where d.message = o.message and d.state > 20
        and ($3 = '' or position(',' || d.destination || ',' in $3) > 0))
        from owed_acks o join messages m on m.id = o.message
        where o.channel = $1 and o.seq > $2 and m.revision is not null and not exists (select 1 from deliveries d
        where d.message = o.message and d.state < 20 and ($3 = '' or position(',' || d.destination || ',' in $3) > 0)) order by o.seq limit $4";
    PAID = "delete from owed_acks where message = $1";
    /// Acknowledgements that have come for the deliveries of a destination; an older one is for an earlier message of the same id.
    ANSWERS = "select w.delivery, w.message, a.message, m.channel, m.body from awaited_acks w
        join arrived_acks a on a.token = w.token and a.received_us >= w.sent_us and a.delivery is null
        join messages m on m.id = a.message
        where w.destination = $1 and w.ack is null order by a.received_us, a.message limit $2";
    NEXT_DEADLINE = "select min(w.deadline_us), count(*) from awaited_acks w where w.destination = $1 and w.ack is null";
}

/// Which deliveries an acknowledgement waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwedBy {
    /// None: the decision is enough.
    Decision,
    /// All of them.
    Deliveries,
    /// Those to these destinations.
    DeliveriesTo(Vec<DestinationId>),
}

/// A message whose sender is owed an acknowledgement that can be given.
pub struct Owed {
    /// The message.
    pub message: MessageId,
    /// Its number in the channel.
    pub seq: i64,
    /// When it arrived, microseconds UTC.
    pub received_us: i64,
    /// The first message of its line.
    pub trace: MessageId,
    /// What became of it so far.
    pub disposition: Disposition,
    /// Deliveries that were waited for and ended without the receiver.
    pub undelivered: i64,
    /// The bytes as received; they may not open.
    pub body: Result<Bytes, StoreError>,
}

/// An acknowledgement for a delivery that waits for it.
pub struct Answered {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Its message.
    pub message: MessageId,
    /// The message that is the acknowledgement.
    pub ack: MessageId,
    /// What it says; it may not open.
    pub body: Result<Phi<Bytes>, StoreError>,
}

impl OwedBy {
    /// Numbers of destinations as one value: `,1,2,`; nothing for all.
    fn list(&self) -> String {
        match self {
            OwedBy::Decision => ",".to_owned(),
            OwedBy::Deliveries => String::new(),
            OwedBy::DeliveriesTo(these) => {
                these.iter().fold(",".to_owned(), |list, id| format!("{list}{},", id.number()))
            }
        }
    }
}

impl Store {
    /// Messages after this number whose acknowledgements are owed and can be given, in receipt order.
    pub async fn owed(
        &self,
        lease: &Lease,
        by: &OwedBy,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Owed>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let channel = lease.channel();
        let asked = values![channel.number(), after, by.list(), limit];
        let mut owed = Vec::new();
        for row in self.inner.reader.rows(OWED, asked).await? {
            let id = row.id(0)?;
            owed.push(Owed {
                message: MessageId::from_uuid(id),
                seq: row.int(1)?,
                received_us: row.int(2)?,
                trace: MessageId::from_uuid(row.id_or_none(3)?.unwrap_or(id)),
                disposition: row.code(5, Disposition::from_code)?,
                undelivered: row.int(6)?,
                body: self.inner.reader.body(channel, row.id_or_none(4)?.unwrap_or(id)).await,
            });
        }
        Ok(owed)
    }

    /// Notes that a message is acknowledged, together with the message that does so; none when its sender wants none.
    pub async fn acknowledge(
        &self,
        lease: &Lease,
        of: MessageId,
        ack: Option<Receipt>,
        on_commit: OnCommit,
    ) -> Result<(), StoreError> {
        let sealed = ack.map(|receipt| self.intake(lease).receipt(receipt)).transpose()?;
        let made = sealed.map(|sealed| (sealed.row, sealed.keys));
        let (lease, parts) = (lease.clone(), std::sync::Arc::clone(&self.inner));
        self.seat(lease.channel())
            .run(move |session| {
                Box::pin(async move { pay(session, parts, &lease, of, made, on_commit).await })
            })
            .await
    }

    /// Acknowledgements that have come for deliveries of a destination, in the order they came.
    pub async fn answered(
        &self,
        destination: DestinationId,
        limit: usize,
    ) -> Result<Vec<Answered>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut answered: Vec<Answered> = Vec::new();
        for row in self.inner.reader.rows(ANSWERS, values![destination.number(), limit]).await? {
            let (delivery, ack) = (DeliveryId::from_uuid(row.id(0)?), row.id(2)?);
            // One is enough: the next ones are repeats.
            if answered.iter().any(|known| known.delivery == delivery) {
                continue;
            }
            let channel = ChannelId::from_number(row.int(3)?);
            let body = self.inner.reader.body(channel, row.id_or_none(4)?.unwrap_or(ack)).await;
            answered.push(Answered {
                delivery,
                message: MessageId::from_uuid(row.id(1)?),
                ack: MessageId::from_uuid(ack),
                body: body.map(Phi::new),
            });
        }
        Ok(answered)
    }

    /// Deliveries of a destination whose acknowledgements have not come by now.
    pub async fn overdue(
        &self,
        lease: &Lease,
        destination: DestinationId,
        now_us: i64,
        limit: usize,
    ) -> Result<Vec<QueuedDelivery>, StoreError> {
        let found = self.inner.reader.overdue(lease.channel(), destination, now_us, limit).await?;
        self.whole(lease, found).await
    }

    /// The end of the oldest wait for an acknowledgement at a destination.
    pub async fn next_deadline(
        &self,
        destination: DestinationId,
    ) -> Result<Option<i64>, StoreError> {
        let rows = self.inner.reader.rows(NEXT_DEADLINE, values![destination.number()]).await?;
        rows.first().map_or(Ok(None), |row| row.int_or_none(0))
    }
}

async fn pay(
    session: &mut dyn Backend,
    parts: std::sync::Arc<Parts>,
    lease: &Lease,
    of: MessageId,
    made: Option<(MessageRow, Vec<FreshKey>)>,
    on_commit: OnCommit,
) -> Result<Done, StoreError> {
    if !parts.channels.is_owner(lease.channel().number(), lease.epoch()) {
        return Err(StoreError::Fenced);
    }
    if session.run(PAID, values![of.uuid()]).await? != 1 {
        return Err(StoreError::Refused("the message is acknowledged already"));
    }
    let Some((row, keys)) = made else { return Ok(Done::new(())) };
    let now_us = row.received_us;
    insert_keys(session, &keys, now_us).await?;
    let mut counts = Counts::default();
    count_message(&mut counts, &row);
    let mut group = Group { messages: vec![row], counts, now_us, ..Group::default() };
    parts.channels.number(&mut group.messages);
    let seq = group.messages.first().map_or(0, |message| message.seq);
    match session.write(&group, Framing::Inside).await {
        Ok(()) => {}
        Err(Unwritten::Unexpected) => {
            return Err(StoreError::Refused("the acknowledgement is there already"));
        }
        Err(Unwritten::Fenced) => return Err(StoreError::Fenced),
        Err(Unwritten::Failed(error)) => return Err(error),
    }
    Ok(Done::new(()).and_then(move || {
        keys.iter().for_each(|fresh| fresh.key.set_committed());
        parts.channels.advance(&group.messages);
        on_commit(Committed { seq });
    }))
}
