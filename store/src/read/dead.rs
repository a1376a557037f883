//! Dead letters: deliveries that were given up, and messages that failed without any.

use config::Name;
use phi::Phi;
use uuid::Uuid;

use super::Reader;
use super::filter::channel_list;
use super::messages::reason;
use crate::error::StoreError;
use crate::ids::{ChannelId, DeliveryId, MessageId};
use crate::receipt::Reason;
use crate::scope::Scope;
use crate::seal::Column;
use crate::sql::{Row, statements, values};

/// Groups that are shown; beyond that the cause is not the single fault.
const GROUPS_MAX: i64 = 500;
/// Letters of one page.
const LIMIT_MAX: usize = 1_000;

statements! {
    // The plus takes the type of the column away, without which SQLite does not use the index of the expression.
    DEAD_DELIVERIES = "select g.channel, g.destination, t.name, g.signature, g.code, nullif(g.step, -1), g.n, \
        (select d.changed_us from deliveries d where d.channel = g.channel and d.destination = g.destination \
        and coalesce(d.reason_code, '') = +g.code and coalesce(d.signature, x'') = +g.signature and d.state = 21 \
        and d.superseded_by is null order by d.changed_us limit 1), \
        (select d.changed_us from deliveries d where d.channel = g.channel and d.destination = g.destination \
        and coalesce(d.reason_code, '') = +g.code and coalesce(d.signature, x'') = +g.signature and d.state = 21 \
        and d.superseded_by is null order by d.changed_us desc limit 1), \
        (select d.id from deliveries d where d.channel = g.channel and d.destination = g.destination \
        and coalesce(d.reason_code, '') = +g.code and coalesce(d.signature, x'') = +g.signature and d.state = 21 \
        and d.superseded_by is null order by d.id desc limit 1) \
        from dead_groups g join destinations t on t.id = g.destination where instr($1, ',' || g.channel || ',') > 0 order by g.n desc limit $2",
        postgres: "select g.channel, g.destination, t.name, g.signature, g.code, nullif(g.step, -1), g.n, \
        (select d.changed_us from deliveries d where d.channel = g.channel and d.destination = g.destination \
        and coalesce(d.reason_code, '') = g.code and coalesce(d.signature, ''::bytea) = g.signature and d.state = 21 \
        and d.superseded_by is null order by d.changed_us limit 1), \
        (select d.changed_us from deliveries d where d.channel = g.channel and d.destination = g.destination \
        and coalesce(d.reason_code, '') = g.code and coalesce(d.signature, ''::bytea) = g.signature and d.state = 21 \
        and d.superseded_by is null order by d.changed_us desc limit 1), \
        (select d.id from deliveries d where d.channel = g.channel and d.destination = g.destination \
        and coalesce(d.reason_code, '') = g.code and coalesce(d.signature, ''::bytea) = g.signature and d.state = 21 \
        and d.superseded_by is null order by d.id desc limit 1) \
        from dead_groups g join destinations t on t.id = g.destination where strpos($1, ',' || g.channel::text || ',') > 0 order by g.n desc limit $2";
    DEAD_MESSAGES = "select g.channel, g.destination, '', g.signature, g.code, nullif(g.step, -1), g.n, \
        (select m.final_us from messages m where m.channel = g.channel and m.reason_code = g.code \
        and coalesce(m.signature, x'') = +g.signature and m.disposition = 25 and m.reason_code is not null \
        and m.superseded_by is null order by m.final_us limit 1), \
        (select m.final_us from messages m where m.channel = g.channel and m.reason_code = g.code \
        and coalesce(m.signature, x'') = +g.signature and m.disposition = 25 and m.reason_code is not null \
        and m.superseded_by is null order by m.final_us desc limit 1), \
        (select m.id from messages m where m.channel = g.channel and m.reason_code = g.code \
        and coalesce(m.signature, x'') = +g.signature and m.disposition = 25 and m.reason_code is not null \
        and m.superseded_by is null order by m.id desc limit 1) \
        from dead_groups g where g.destination = 0 and instr($1, ',' || g.channel || ',') > 0 order by g.n desc limit $2",
        postgres: "select g.channel, g.destination, '', g.signature, g.code, nullif(g.step, -1), g.n, \
        (select m.final_us from messages m where m.channel = g.channel and m.reason_code = g.code \
        and coalesce(m.signature, ''::bytea) = g.signature and m.disposition = 25 and m.reason_code is not null \
        and m.superseded_by is null order by m.final_us limit 1), \
        (select m.final_us from messages m where m.channel = g.channel and m.reason_code = g.code \
        and coalesce(m.signature, ''::bytea) = g.signature and m.disposition = 25 and m.reason_code is not null \
        and m.superseded_by is null order by m.final_us desc limit 1), \
        (select m.id from messages m where m.channel = g.channel and m.reason_code = g.code \
        and coalesce(m.signature, ''::bytea) = g.signature and m.disposition = 25 and m.reason_code is not null \
        and m.superseded_by is null order by m.id desc limit 1) \
        from dead_groups g where g.destination = 0 and strpos($1, ',' || g.channel::text || ',') > 0 order by g.n desc limit $2";
    DELIVERIES_LISTED = "select d.id, d.message, m.control_id, m.kind, m.received_us, d.changed_us, d.tries from deliveries d \
        join messages m on m.id = d.message where d.channel = $1 and d.destination = $2 and d.id > $3 and d.state = 21 \
        and d.superseded_by is null and coalesce(d.signature, x'') = $4 and coalesce(d.reason_code, '') = $5 order by d.id limit $6",
        postgres: "select d.id, d.message, m.control_id, m.kind, m.received_us, d.changed_us, d.tries from deliveries d \
        join messages m on m.id = d.message where d.channel = $1 and d.destination = $2 and d.id > $3 and d.state = 21 \
        and d.superseded_by is null and coalesce(d.signature, ''::bytea) = $4 and coalesce(d.reason_code, '') = $5 order by d.id limit $6";
    MESSAGES_LISTED = "select id, id, control_id, kind, received_us, final_us, tries from messages where channel = $1 and id > $2 and disposition = 25 \
        and reason_code is not null and superseded_by is null and coalesce(signature, x'') = $3 and reason_code = $4 \
        order by id limit $5",
        postgres: "select id, id, control_id, kind, received_us, final_us, tries from messages where channel = $1 and id > $2 and disposition = 25 \
        and reason_code is not null and superseded_by is null and coalesce(signature, ''::bytea) = $3 and reason_code = $4 \
        order by id limit $5";
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

/// One dead letter as its list shows it.
pub struct DeadLetter {
    /// Which one.
    pub letter: Letter,
    /// Its message.
    pub message: MessageId,
    /// MSH-10; nothing when it does not open.
    pub control_id: Option<Phi<String>>,
    /// MSH-9 as text.
    pub kind: String,
    /// When the message arrived, microseconds UTC.
    pub received_us: i64,
    /// When it was given up.
    pub died_us: i64,
    /// Tries before that.
    pub tries: i64,
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
            None => Uuid::nil(),
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

impl Reader {
    /// The letters of a group as a list shows them, oldest first, after one of them.
    pub(crate) async fn dead_page(
        &self,
        scope: &Scope,
        key: &DeadKey,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let channel = self.channel(scope, &key.channel).await?;
        let limit = i64::try_from(limit.clamp(1, LIMIT_MAX)).unwrap_or(i64::MAX);
        let after = after.unwrap_or(Uuid::nil());
        let (signature, code) = (key.signature.clone(), key.code.clone());
        let rows = match &key.destination {
            Some(destination) => {
                let destination = self.destination(channel.id, destination).await?;
                let wanted = values![channel.id, destination, after, signature, code, limit];
                self.rows(DELIVERIES_LISTED, wanted).await?
            }
            None => {
                let wanted = values![channel.id, after, signature, code, limit];
                self.rows(MESSAGES_LISTED, wanted).await?
            }
        };
        let mut letters = Vec::with_capacity(rows.len());
        for row in &rows {
            let (id, message) = (row.id(0)?, row.id(1)?);
            let of = ChannelId::from_number(channel.id);
            let control_id = self.open(of, Column::ControlId, message, row.blob(2)?).await.ok();
            letters.push(DeadLetter {
                letter: match key.destination {
                    Some(_) => Letter::Delivery(DeliveryId::from_uuid(id)),
                    None => Letter::Message(MessageId::from_uuid(id)),
                },
                message: MessageId::from_uuid(message),
                control_id: control_id
                    .map(|bytes| Phi::new(String::from_utf8_lossy(&bytes).into_owned())),
                kind: row.text(3)?.to_owned(),
                received_us: row.int(4)?,
                died_us: row.int(5)?,
                tries: row.int(6)?,
            });
        }
        Ok(letters)
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
