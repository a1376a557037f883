//! Dead letters: deliveries that were given up, and messages that failed without any.

use config::Name;

use super::Reader;
use super::filter::channel_list;
use super::messages::reason;
use crate::error::StoreError;
use crate::ids::{DeliveryId, MessageId};
use crate::receipt::Reason;
use crate::scope::Scope;
use crate::sql::{Row, statements, values};

/// Groups that are shown; beyond that the cause is not the single fault.
const GROUPS_MAX: i64 = 500;
/// Letters of one page.
const LIMIT_MAX: usize = 1_000;

statements! {
    DEAD_DELIVERIES = "select d.channel, d.destination, t.name, d.signature, d.reason_code, d.reason_step, count(*), min(d.changed_us), \
        max(d.changed_us), max(d.id) from deliveries d join destinations t on t.id = d.destination \
        where d.state = 21 and d.superseded_by is null and instr($1, ',' || d.channel || ',') > 0 \
        group by d.channel, d.destination, t.name, d.signature, d.reason_code, d.reason_step order by count(*) desc limit $2",
        postgres: "select d.channel, d.destination, t.name, d.signature, d.reason_code, d.reason_step, count(*), min(d.changed_us), \
        max(d.changed_us), (array_agg(d.id order by d.id desc))[1] from deliveries d join destinations t on t.id = d.destination \
        where d.state = 21 and d.superseded_by is null and strpos($1, ',' || d.channel::text || ',') > 0 \
        group by d.channel, d.destination, t.name, d.signature, d.reason_code, d.reason_step order by count(*) desc limit $2";
    DEAD_MESSAGES = "select m.channel, 0, '', m.signature, m.reason_code, m.reason_step, count(*), min(m.final_us), max(m.final_us), \
        max(m.id) from messages m where m.disposition = 25 and m.reason_code is not null and m.superseded_by is null \
        and instr($1, ',' || m.channel || ',') > 0 \
        group by m.channel, m.signature, m.reason_code, m.reason_step order by count(*) desc limit $2",
        postgres: "select m.channel, 0::bigint, '', m.signature, m.reason_code, m.reason_step, count(*), min(m.final_us), max(m.final_us), \
        (array_agg(m.id order by m.id desc))[1] from messages m \
        where m.disposition = 25 and m.reason_code is not null and m.superseded_by is null \
        and strpos($1, ',' || m.channel::text || ',') > 0 \
        group by m.channel, m.signature, m.reason_code, m.reason_step order by count(*) desc limit $2";
    DELIVERIES_OF_GROUP = "select id from deliveries where channel = $1 and destination = $2 and id > $3 and state = 21 \
        and superseded_by is null and coalesce(signature, x'') = $4 and coalesce(reason_code, '') = $5 order by id limit $6",
        postgres: "select id from deliveries where channel = $1 and destination = $2 and id > $3 and state = 21 \
        and superseded_by is null and coalesce(signature, ''::bytea) = $4 and coalesce(reason_code, '') = $5 order by id limit $6";
    MESSAGES_OF_GROUP = "select id from messages where channel = $1 and id > $2 and disposition = 25 and reason_code is not null \
        and superseded_by is null and coalesce(signature, x'') = $3 and reason_code = $4 order by id limit $5",
        postgres: "select id from messages where channel = $1 and id > $2 and disposition = 25 and reason_code is not null \
        and superseded_by is null and coalesce(signature, ''::bytea) = $3 and reason_code = $4 order by id limit $5";
}

/// One dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Letter {
    /// A delivery that was given up.
    Delivery(DeliveryId),
    /// A message that failed without deliveries.
    Message(MessageId),
}

/// What dead letters have in common when they are one fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadGroup {
    /// Where it happened.
    pub key: DeadKey,
    /// The step, when one failed.
    pub step: Option<u16>,
    /// How many.
    pub count: i64,
    /// When the first of them died.
    pub first_us: i64,
    /// When the last did.
    pub last_us: i64,
    /// The latest, to look at.
    pub sample: Letter,
}

/// Names a group of dead letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadKey {
    /// The channel.
    pub channel: Name,
    /// The destination; nothing for messages that failed before there was one.
    pub destination: Option<Name>,
    /// The code.
    pub code: String,
    /// The token of the fault with values cut out; empty when there was none.
    pub signature: Vec<u8>,
}

impl Reader {
    pub(crate) async fn dead_letters(&self, scope: &Scope) -> Result<Vec<DeadGroup>, StoreError> {
        let channels = self.channels(scope).await?;
        let list = channel_list(&channels);
        let mut groups = Vec::new();
        let deliveries = self.rows(DEAD_DELIVERIES, values![list.clone(), GROUPS_MAX]).await?;
        let messages = self.rows(DEAD_MESSAGES, values![list, GROUPS_MAX]).await?;
        for row in deliveries.iter().chain(&messages) {
            let number = row.int(0)?;
            if let Some(channel) = channels.iter().find(|channel| channel.id == number) {
                groups.push(group(row, &channel.name)?);
            }
        }
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        Ok(groups)
    }

    /// The letters of a group, oldest first, after one of them.
    pub(crate) async fn letters(
        &self,
        scope: &Scope,
        key: &DeadKey,
        after: Option<Letter>,
        limit: usize,
    ) -> Result<Vec<Letter>, StoreError> {
        let channel = self.channel(scope, &key.channel).await?;
        let limit = i64::try_from(limit.clamp(1, LIMIT_MAX)).unwrap_or(i64::MAX);
        let after = match after {
            Some(Letter::Delivery(id)) => id.uuid(),
            Some(Letter::Message(id)) => id.uuid(),
            None => uuid::Uuid::nil(),
        };
        let (signature, code) = (key.signature.clone(), key.code.clone());
        match &key.destination {
            Some(destination) => {
                let destination = self.destination(channel.id, destination).await?;
                let wanted = values![channel.id, destination, after, signature, code, limit];
                let rows = self.rows(DELIVERIES_OF_GROUP, wanted).await?;
                rows.iter()
                    .map(|row| Ok(Letter::Delivery(DeliveryId::from_uuid(row.id(0)?))))
                    .collect()
            }
            None => {
                let rows = self
                    .rows(MESSAGES_OF_GROUP, values![channel.id, after, signature, code, limit])
                    .await?;
                rows.iter()
                    .map(|row| Ok(Letter::Message(MessageId::from_uuid(row.id(0)?))))
                    .collect()
            }
        }
    }
}

fn group(row: &Row, channel: &Name) -> Result<DeadGroup, StoreError> {
    let Reason { code, step } =
        reason(row, 4)?.unwrap_or(Reason { code: String::new(), step: None });
    let id = row.id(9)?;
    let destination = Name::new(row.text(2)?).ok();
    let sample = match destination {
        Some(_) => Letter::Delivery(DeliveryId::from_uuid(id)),
        None => Letter::Message(MessageId::from_uuid(id)),
    };
    let signature = row.blob_or_none(3)?.unwrap_or_default().to_vec();
    let key = DeadKey { channel: channel.clone(), destination, code, signature };
    Ok(DeadGroup {
        key,
        step,
        count: row.int(6)?,
        first_us: row.int(7)?,
        last_us: row.int(8)?,
        sample,
    })
}
