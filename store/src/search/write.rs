//! Takes messages up that are not in the index yet.

use std::collections::BTreeSet;

use bytes::Bytes;
use phi::Phi;

use super::facts::{BLOCK, Facts};
use super::{DAY_US, SearchField, normal};
use crate::backend::Done;
use crate::error::StoreError;
use crate::lease::Lease;
use crate::sql::{statements, values};
use crate::store::Store;

/// Messages that are read at once.
const SLICE: i64 = 200;

statements! {
    NEXT = "select m.seq, m.id, m.received_us, m.body, m.kind, m.application, m.facility, m.ack_code, m.origin, m.revision from messages m
        where m.channel = $1 and m.seq > (select coalesce(max(s.seq), 0) from search_marks s where s.channel = $1) order by m.seq limit $2";
    /// Many of a day at once: tokens one after the other in one value, numbers of messages as a list.
    PUT = "insert into search_tokens (channel, day, token, seq)
        select $1, $2, substr($3, j.key * 16 + 1, 16), j.value from json_each('[' || $4 || ']') j where true on conflict do nothing",
        postgres: "insert into search_tokens (channel, day, token, seq)
        select $1, $2, substr($3::bytea, (t.n - 1)::int * 16 + 1, 16), t.seq
        from unnest(string_to_array($4, ',')::bigint[]) with ordinality t(seq, n) on conflict do nothing";
    /// Where messages of a slice go.
    TO = "select distinct m.seq, d.destination from messages m join deliveries d on d.message = m.id
        where m.channel = $1 and m.seq >= $2 and m.seq <= $3";
    PUT_FACT = "insert into search_blocks (channel, fact, block) values ($1, $2, $3) on conflict do nothing";
    MARK = "insert into search_marks (channel, seq) values ($1, $2) on conflict (channel) do update set seq = excluded.seq";
}

/// A message that is not in the index yet.
pub struct Unindexed {
    /// Its number in the channel.
    pub seq: i64,
    /// When it arrived, microseconds UTC.
    pub received_us: i64,
    /// What was received; nothing when it does not open, or has left.
    pub body: Option<Phi<Bytes>>,
    /// What is plain of it.
    pub facts: Facts,
}

/// What a message can be found by.
pub struct Values {
    /// Its number in the channel.
    pub seq: i64,
    /// When it arrived, microseconds UTC.
    pub received_us: i64,
    /// Values, as they stand in it.
    pub values: Vec<(SearchField, Phi<String>)>,
    /// What is plain of it, as it was given.
    pub facts: Facts,
}

impl Store {
    /// The next messages of a channel that are not in the index, in the order in which they came.
    pub async fn unindexed(&self, lease: &Lease) -> Result<Vec<Unindexed>, StoreError> {
        let reader = &self.inner.reader;
        let mut next = Vec::new();
        for row in reader.rows(NEXT, values![lease.channel().number(), SLICE]).await? {
            let id = row.id_or_none(3)?.unwrap_or(row.id(1)?);
            let body = match reader.body(lease.channel(), id).await {
                Ok(body) => Some(Phi::new(body)),
                // What does not open is found out where it is needed; here it is only not found by its values.
                Err(StoreError::Unreadable(_)) => None,
                Err(error) => return Err(error),
            };
            let facts = Facts::of(&row, 4)?;
            next.push(Unindexed { seq: row.int(0)?, received_us: row.int(2)?, body, facts });
        }
        let seqs = next.first().map(|one| one.seq).zip(next.last().map(|one| one.seq));
        if let Some((first, last)) = seqs {
            for row in reader.rows(TO, values![lease.channel().number(), first, last]).await? {
                let seq = row.int(0)?;
                if let Ok(at) = next.binary_search_by_key(&seq, |one| one.seq) {
                    next[at].facts.goes_to(row.int(1)?);
                }
            }
        }
        Ok(next)
    }

    /// Writes what messages can be found by, and that they are in the index.
    pub async fn index(&self, lease: &Lease, found: Vec<Values>) -> Result<(), StoreError> {
        let channel = lease.channel().number();
        let Some(last) = found.iter().map(|one| one.seq).max() else { return Ok(()) };
        let mut rows = Vec::new();
        let facts: BTreeSet<(String, i64)> = found
            .iter()
            .flat_map(|one| one.facts.all().map(|fact| (fact.to_owned(), one.seq / BLOCK)))
            .collect();
        for Values { seq, received_us, values, .. } in &found {
            for (field, value) in values {
                let value = normal(value.expose_phi());
                if !value.is_empty() {
                    let token = self.inner.tokens.search(*field, &value);
                    rows.push((received_us.div_euclid(DAY_US), token, *seq));
                }
            }
        }
        // In the order of the index: what lies together is written together.
        rows.sort_unstable();
        rows.dedup();
        let (epoch, channels) = (lease.epoch(), std::sync::Arc::clone(&self.inner.channels));
        self.seat(lease.channel())
            .run(move |session| {
                Box::pin(async move {
                    if !channels.is_owner(channel, epoch) {
                        return Err(StoreError::Fenced);
                    }
                    for of_day in rows.chunk_by(|one, next| one.0 == next.0) {
                        let day = of_day.first().map_or(0, |(day, ..)| *day);
                        let tokens: Vec<u8> =
                            of_day.iter().flat_map(|(_, token, _)| *token).collect();
                        let seqs: Vec<String> =
                            of_day.iter().map(|(.., seq)| seq.to_string()).collect();
                        session.run(PUT, values![channel, day, tokens, seqs.join(",")]).await?;
                    }
                    for (fact, block) in facts {
                        session.run(PUT_FACT, values![channel, fact, block]).await?;
                    }
                    session.run(MARK, values![channel, last]).await?;
                    Ok(Done::new(()))
                })
            })
            .await
    }
}
