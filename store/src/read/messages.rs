//! Lists of messages for people: newest first, page by page, never more work than a bound.

use config::Name;

use super::Reader;
use super::filter::{Cursor, Known, MessageFilter, MessageState, Page, channel_list};
use super::work::small;
use crate::error::StoreError;
use crate::ids::{ChannelId, MessageId};
use crate::receipt::Reason;
use crate::scope::Scope;
use crate::seal::Column;
use crate::sql::{Row, Value, statements, values};
use crate::state::{Disposition, Origin};
use crate::token::Tokens;
use phi::Phi;
use uuid::Uuid;

/// Rows that one page may look at; a filter that finds little gives a short page and a place to go on from.
const SCAN_MAX: i64 = 10_000;
/// Rows of one page.
const LIMIT_MAX: usize = 1_000;

/// What a summary is made of, of a message `m`.
macro_rules! summary_columns {
    () => {
        "m.id, m.channel, m.seq, m.received_us, m.origin, m.peer, m.application, m.facility, m.kind, m.version, \
         m.control_id, m.bytes, m.ack_code, m.disposition, m.final_us, m.reason_code, m.reason_step, m.lone_lf, m.tries, m.revision, \
         m.parent, m.trace, m.charset, m.superseded_by"
    };
}
pub(crate) use summary_columns;

statements! {
    OF_CHANNEL = concat!("select ", summary_columns!(), " from (select * from messages where channel = $1 and seq < $2 order by seq desc limit $3) m \
        where ($5 is null or m.disposition = $5) and ($6 is null or m.kind = $6) and ($7 is null or m.control_token = $7) \
        and ($8 is null or m.origin = $8) and ($9 is null or m.received_us >= $9) and ($10 is null or m.received_us < $10) \
        and ($11 is null or exists (select 1 from deliveries d where d.message = m.id and d.state = $11 and d.superseded_by is null)) \
        and ($12 is null or m.reason_code = $12 or exists (select 1 from deliveries d where d.message = m.id and d.reason_code = $12)) \
        order by m.seq desc limit $4"),
        postgres: concat!("select ", summary_columns!(), " from (select * from messages where channel = $1 and seq < $2 order by seq desc limit $3) m \
        where ($5::bigint is null or m.disposition = $5) and ($6::text is null or m.kind = $6) \
        and ($7::bytea is null or m.control_token = $7) \
        and ($8::bigint is null or m.origin = $8) and ($9::bigint is null or m.received_us >= $9) \
        and ($10::bigint is null or m.received_us < $10) \
        and ($11::bigint is null or exists (select 1 from deliveries d where d.message = m.id and d.state = $11 \
        and d.superseded_by is null)) \
        and ($12::text is null or m.reason_code = $12 or exists (select 1 from deliveries d where d.message = m.id \
        and d.reason_code = $12)) \
        order by m.seq desc limit $4");
    /// How far a page of a channel looked.
    SCANNED_CHANNEL = "select count(*), min(seq) from (select seq from messages where channel = $1 and seq < $2 \
        order by seq desc limit $3) s";
    OVER_CHANNELS = concat!("select ", summary_columns!(), " from (select * from messages where id < $2 order by id desc limit $3) m \
        where instr($1, ',' || m.channel || ',') > 0 \
        and ($5 is null or m.disposition = $5) and ($6 is null or m.kind = $6) and ($7 is null or m.control_token = $7) \
        and ($8 is null or m.origin = $8) and ($9 is null or m.received_us >= $9) and ($10 is null or m.received_us < $10) \
        and ($11 is null or exists (select 1 from deliveries d where d.message = m.id and d.state = $11 and d.superseded_by is null)) \
        and ($12 is null or m.reason_code = $12 or exists (select 1 from deliveries d where d.message = m.id and d.reason_code = $12)) \
        order by m.id desc limit $4"),
        postgres: concat!("select ", summary_columns!(), " from (select * from messages where id < $2 order by id desc limit $3) m \
        where strpos($1, ',' || m.channel::text || ',') > 0 \
        and ($5::bigint is null or m.disposition = $5) and ($6::text is null or m.kind = $6) \
        and ($7::bytea is null or m.control_token = $7) \
        and ($8::bigint is null or m.origin = $8) and ($9::bigint is null or m.received_us >= $9) \
        and ($10::bigint is null or m.received_us < $10) \
        and ($11::bigint is null or exists (select 1 from deliveries d where d.message = m.id and d.state = $11 \
        and d.superseded_by is null)) \
        and ($12::text is null or m.reason_code = $12 or exists (select 1 from deliveries d where d.message = m.id \
        and d.reason_code = $12)) \
        order by m.id desc limit $4");
    /// How far a page over channels looked: the last row of it.
    SCANNED_ALL = "select id from messages where id < $1 order by id desc limit 1 offset $2";
}

/// A list of messages, or a part of it.
pub struct Messages {
    /// Newest first.
    pub rows: Vec<MessageSummary>,
    /// Where the list goes on; nothing when this was the end. A short page may still go on: looking has a bound.
    pub next: Option<Cursor>,
}

/// A message without its bytes.
#[derive(Clone)]
pub struct MessageSummary {
    /// Its row.
    pub id: MessageId,
    /// Its channel.
    pub channel: Name,
    /// Its number in the channel.
    pub seq: i64,
    /// When it arrived, microseconds UTC.
    pub received_us: i64,
    /// How it came to be.
    pub origin: Origin,
    /// The message that it was made from.
    pub parent: Option<MessageId>,
    /// The first message of its line.
    pub trace: MessageId,
    /// Who sent it.
    pub peer: String,
    /// MSH-3.
    pub application: String,
    /// MSH-4.
    pub facility: String,
    /// MSH-9 as text.
    pub kind: String,
    /// MSH-12.
    pub version: String,
    /// The reading charset.
    pub charset: String,
    /// MSH-10; nothing when it does not open.
    pub control_id: Option<Phi<String>>,
    /// How many bytes it has.
    pub bytes: i64,
    /// How it was acknowledged.
    pub ack_code: String,
    /// What became of it.
    pub disposition: Disposition,
    /// Since when it is final.
    pub final_us: Option<i64>,
    /// Why.
    pub reason: Option<Reason>,
    /// Lone line feeds where a segment seems to begin.
    pub lone_lf: u32,
    /// How often a program was started on it, when that was counted.
    pub tries: u32,
    /// The revision that decided it; nothing while it is undecided.
    pub revision: Option<i64>,
    /// The message that a replay made of it.
    pub superseded_by: Option<MessageId>,
}

impl Reader {
    pub(crate) async fn messages(
        &self,
        scope: &Scope,
        tokens: &Tokens,
        filter: &MessageFilter,
        page: Page,
    ) -> Result<Messages, StoreError> {
        let limit = page.limit.clamp(1, LIMIT_MAX);
        let mut channels = self.channels(scope).await?;
        match &filter.channel {
            Some(name) => {
                channels.retain(|channel| channel.name == *name);
                let channel = channels.first().ok_or(StoreError::NotFound("channel"))?.clone();
                self.of_channel(&channel, tokens, filter, page.after, limit).await
            }
            None => self.over_channels(&channels, tokens, filter, page.after, limit).await,
        }
    }

    async fn of_channel(
        &self,
        channel: &Known,
        tokens: &Tokens,
        filter: &MessageFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Messages, StoreError> {
        let before = match after {
            Some(Cursor::Seq(seq)) => seq,
            Some(Cursor::Id(_)) | None => i64::MAX,
        };
        let mut wanted =
            values![channel.id, before, SCAN_MAX, i64::try_from(limit).unwrap_or(i64::MAX)];
        wanted.extend(filter_values(tokens, filter));
        let found = self.rows(OF_CHANNEL, wanted).await?;
        let rows = self.summaries(&found, std::slice::from_ref(channel)).await?;
        let next = if rows.len() == limit {
            rows.last().map(|row| Cursor::Seq(row.seq))
        } else {
            let scanned = self.row(SCANNED_CHANNEL, values![channel.id, before, SCAN_MAX]).await?;
            match scanned {
                Some(row) if row.int(0)? >= SCAN_MAX => row.int_or_none(1)?.map(Cursor::Seq),
                _ => None,
            }
        };
        Ok(Messages { rows, next })
    }

    async fn over_channels(
        &self,
        channels: &[Known],
        tokens: &Tokens,
        filter: &MessageFilter,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Messages, StoreError> {
        let before = match after {
            Some(Cursor::Id(id)) => id.uuid(),
            Some(Cursor::Seq(_)) | None => Uuid::max(),
        };
        let mut wanted = values![
            channel_list(channels),
            before,
            SCAN_MAX,
            i64::try_from(limit).unwrap_or(i64::MAX)
        ];
        wanted.extend(filter_values(tokens, filter));
        let found = self.rows(OVER_CHANNELS, wanted).await?;
        let rows = self.summaries(&found, channels).await?;
        let next = if rows.len() == limit {
            rows.last().map(|row| Cursor::Id(row.id))
        } else {
            let last = self.row(SCANNED_ALL, values![before, SCAN_MAX - 1]).await?;
            last.map(|row| row.id(0)).transpose()?.map(|id| Cursor::Id(MessageId::from_uuid(id)))
        };
        Ok(Messages { rows, next })
    }

    async fn summaries(
        &self,
        rows: &[Row],
        channels: &[Known],
    ) -> Result<Vec<MessageSummary>, StoreError> {
        let mut summaries = Vec::with_capacity(rows.len());
        for row in rows {
            let number = row.int(1)?;
            let channel = channels
                .iter()
                .find(|channel| channel.id == number)
                .ok_or(StoreError::NotFound("channel"))?;
            summaries.push(self.summary(row, &channel.name).await?);
        }
        Ok(summaries)
    }

    /// A row of the lists above.
    pub(crate) async fn summary(
        &self,
        row: &Row,
        channel: &Name,
    ) -> Result<MessageSummary, StoreError> {
        let id = row.id(0)?;
        let number = ChannelId::from_number(row.int(1)?);
        let control_id = self.open(number, Column::ControlId, id, row.blob(10)?).await;
        let disposition = row.code(13, Disposition::from_code)?;
        Ok(MessageSummary {
            id: MessageId::from_uuid(id),
            channel: channel.clone(),
            seq: row.int(2)?,
            received_us: row.int(3)?,
            origin: row.code(4, Origin::from_code)?,
            parent: row.id_or_none(20)?.map(MessageId::from_uuid),
            trace: MessageId::from_uuid(row.id_or_none(21)?.unwrap_or(id)),
            peer: row.text(5)?.to_owned(),
            application: row.text(6)?.to_owned(),
            facility: row.text(7)?.to_owned(),
            kind: row.text(8)?.to_owned(),
            version: row.text(9)?.to_owned(),
            charset: row.text(22)?.to_owned(),
            control_id: control_id
                .ok()
                .map(|bytes| Phi::new(String::from_utf8_lossy(&bytes).into_owned())),
            bytes: row.int(11)?,
            ack_code: row.text(12)?.to_owned(),
            disposition,
            final_us: if disposition.is_final() { Some(row.int(14)?) } else { None },
            reason: reason(row, 15)?,
            lone_lf: small(row.int(17)?),
            tries: small(row.int(18)?),
            revision: row.int_or_none(19)?,
            superseded_by: row.id_or_none(23)?.map(MessageId::from_uuid),
        })
    }
}

/// A reason in two columns beside each other.
pub(super) fn reason(row: &Row, column: usize) -> Result<Option<Reason>, StoreError> {
    let step = row.int_or_none(column + 1)?.and_then(|step| u16::try_from(step).ok());
    Ok(row.text_or_none(column)?.map(|code| Reason { code: code.to_owned(), step }))
}

fn filter_values(tokens: &Tokens, filter: &MessageFilter) -> Vec<Value> {
    let (is, has) = match filter.state {
        Some(MessageState::Is(disposition)) => (Some(disposition.code()), None),
        Some(MessageState::Has(state)) => (None, Some(state.code())),
        None => (None, None),
    };
    values![
        is,
        filter.kind.clone(),
        filter.control_id.as_ref().map(|id| tokens.control_id(id).to_vec()),
        filter.origin.map(Origin::code),
        filter.since_us,
        filter.until_us,
        has,
        filter.code.clone(),
    ]
}
