//! The keys of days of which nothing is left: destroyed, so that no copy of what they sealed opens any more wherever it still lies.

use std::collections::HashSet;

use crate::backend::Backend;
use crate::error::StoreError;
use crate::migrate::RECEIPTS;
use crate::seal::{DataKeyId, Purpose};
use crate::sql::{statements, values};
use crate::store::Store;

const DAY_US: i64 = 86_400 * 1_000_000;

statements! {
    SINCE = "select coalesce(min(applied_us), 0) from schema_version where version >= $1";
    /// When the first message behind another came, but for those that are kept.
    FIRST_BEHIND = "select m.received_us from messages m where m.channel = $1 and m.seq > $2
        and not exists (select 1 from kept_messages k where k.channel = m.channel and k.seq = m.seq) order by m.seq limit 1";
    ORDERED = "select ordered_seq, latest_us from retention where channel = $1";
    NEXT = "select seq, received_us from messages where channel = $1 and seq > $2 order by seq limit 10000";
    KEEP_ONE = "insert into kept_messages (channel, seq) values ($1, $2) on conflict do nothing";
    SET_ORDERED = "update retention set ordered_seq = $2, latest_us = $3 where channel = $1";
    /// Keys of days before one. Those of messages from before there were keys of receipts leave with the rows.
    OLD = "select id, purpose, day, created_us from data_keys where channel = $1 and day < $2 and destroyed_us = 9223372036854775807 and purpose in (10, 18)";
    /// The keys that what is kept was sealed with: a blob begins with three bytes and the id of its key.
    IN_USE = "select substr(b.blob, 4, 8) from kept_messages k join messages m on m.channel = k.channel and m.seq = k.seq
            join bodies b on b.id = m.id where k.channel = $1
        union select substr(b.blob, 4, 8) from kept_messages k join messages m on m.channel = k.channel and m.seq = k.seq
            join deliveries d on d.message = m.id join bodies b on b.id = d.id where k.channel = $1
        union select substr(m.error, 4, 8) from kept_messages k join messages m on m.channel = k.channel and m.seq = k.seq
            where k.channel = $1 and m.error is not null
        union select substr(m.control_id, 4, 8) from kept_messages k join messages m on m.channel = k.channel and m.seq = k.seq
            where k.channel = $1
        union select substr(d.error, 4, 8) from kept_messages k join messages m on m.channel = k.channel and m.seq = k.seq
            join deliveries d on d.message = m.id where k.channel = $1 and d.error is not null
        union select substr(a.response, 4, 8) from kept_messages k join messages m on m.channel = k.channel and m.seq = k.seq
            join attempts a on a.message = m.id where k.channel = $1 and a.response is not null
        union select substr(a.error, 4, 8) from kept_messages k join messages m on m.channel = k.channel and m.seq = k.seq
            join attempts a on a.message = m.id where k.channel = $1 and a.error is not null";
    DESTROY = "update data_keys set wrapped = $2, commitment = $3, destroyed_us = $4 where id = $1 and destroyed_us = 9223372036854775807";
}

impl Store {
    /// Before which days every message of a channel has lost its body, or left, but for those that are kept.
    pub(super) async fn days_gone(
        &self,
        channel: i64,
        now_us: i64,
    ) -> Result<[i64; 2], StoreError> {
        let marks = self.marks(channel).await?;
        let mut days = [0; 2];
        for (day, seq) in days.iter_mut().zip([marks.bodies_seq, marks.messages_seq]) {
            let row = self.inner.reader.row(FIRST_BEHIND, values![channel, seq]).await?;
            let first_us = row.map_or(Ok(now_us), |row| row.int(0))?.min(now_us);
            *day = first_us.div_euclid(DAY_US) - 1;
        }
        Ok(days)
    }

    /// Goes through the times of messages that have come since the last purge. One that came much earlier than another before it, because
    /// a clock was set back, is kept by itself: its day says nothing about those around it.
    pub(super) async fn keep_out_of_order(&self, channel: i64) -> Result<(), StoreError> {
        let row = self.inner.reader.row(ORDERED, values![channel]).await?;
        let Some(row) = row else { return Ok(()) };
        let (mut seq, mut latest_us) = (row.int(0)?, row.int(1)?);
        loop {
            let rows = self.inner.reader.rows(NEXT, values![channel, seq]).await?;
            if rows.is_empty() {
                return Ok(());
            }
            let mut odd = Vec::new();
            for row in &rows {
                let received_us = row.int(1)?;
                seq = row.int(0)?;
                if received_us < latest_us - DAY_US / 2 {
                    odd.push(seq);
                }
                latest_us = latest_us.max(received_us);
            }
            let () = self
                .seat(crate::ids::ChannelId::from_number(channel))
                .run(move |session| {
                    Box::pin(async move {
                        for one in odd {
                            session.run(KEEP_ONE, values![channel, one]).await?;
                        }
                        session.run(SET_ORDERED, values![channel, seq, latest_us]).await?;
                        Ok(crate::backend::Done::new(()))
                    })
                })
                .await?;
        }
    }

    /// The keys of a channel that open nothing any more.
    ///
    /// What came after a day is not sealed with its key, and what came before has left or is kept. Around midnight a key is used a moment
    /// longer than its day, and a clock may be set back by some hours: the day after counts as well.
    pub(super) async fn unused_keys(
        &self,
        channel: i64,
        now_us: i64,
    ) -> Result<Vec<DataKeyId>, StoreError> {
        let reader = &self.inner.reader;
        let [bodies_day, rows_day] = self.days_gone(channel, now_us).await?;
        let old = reader.rows(OLD, values![channel, bodies_day]).await?;
        if old.is_empty() {
            return Ok(Vec::new());
        }
        let since_us =
            reader.row(SINCE, values![RECEIPTS]).await?.map_or(Ok(0), |row| row.int(0))?;
        let mut in_use = HashSet::new();
        for row in reader.rows(IN_USE, values![channel]).await? {
            in_use.insert(row.blob(0)?.to_vec());
        }
        let mut unused = Vec::new();
        for row in old {
            let id = row.blob(0)?;
            let purpose = row.code(1, Purpose::from_code)?;
            let of_rows = purpose == Purpose::Receipt || row.int(3)? <= since_us;
            let day = if of_rows { rows_day } else { bodies_day };
            if row.int(2)? < day && !in_use.contains(id) {
                let odd = |_| StoreError::Internal("a data key has an odd row".to_owned());
                unused.push(id.try_into().map_err(odd)?);
            }
        }
        Ok(unused)
    }
}

/// Writes zeros over keys.
pub(crate) async fn destroy(
    session: &mut dyn Backend,
    keys: &[DataKeyId],
    now_us: i64,
) -> Result<(), StoreError> {
    session.erase(true).await?;
    for id in keys {
        let zeros = values![&id[..], vec![0_u8; 60], vec![0_u8; 32], now_us];
        session.run(DESTROY, zeros).await?;
    }
    session.erase(false).await
}
