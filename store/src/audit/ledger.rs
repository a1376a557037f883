//! The history of messages in the audit log: digests of what came in and of how it was delivered, so that what is deleted or changed
//! afterwards is found out (security.md 2.1, decisions.md 2).
//!
//! A record covers, for each channel, the messages since the one before: their receipts, and the attempts of those that are final. Of a
//! message only what is written once and never changed again goes into a digest.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sha2::{Digest, Sha256};

use super::Json;
use super::chain;
use super::keep::engine_act;
use super::record::{Entry, Target, hex};
use super::report::{AuditFault, HistoryReport};
use crate::backend::Done;
use crate::error::StoreError;
use crate::read::Reader;
use crate::sql::{Row, statements, values};
use crate::state::Disposition;
use crate::store::{Parts, Store};

/// How often new messages are taken up, microseconds (security.md 2.1).
const EVERY_US: i64 = 60 * 1_000_000;
/// What was done so long ago is on disk, microseconds.
const AT_REST_US: i64 = 60 * 1_000_000;
/// Messages of a channel in one record, and read at once.
const RECORD_MAX: i64 = 50_000;
const SLICE: i64 = 1_000;
/// The act of a record with digests.
const DIGEST: &str = "ledger.digest";

statements! {
    MARKS = "select c.id, c.name, coalesce(l.received_seq, 0), coalesce(l.settled_seq, 0) from channels c
        left join audit_ledger l on l.channel = c.id order by c.id";
    RECEIPTS = "select seq, id, received_us, origin, parent, trace, peer, application, facility, kind, version, control_token, digest, bytes
        from messages where channel = $1 and seq > $2 and seq <= $3 order by seq limit $4";
    FINALS = "select seq, disposition, final_us from messages where channel = $1 and seq > $2 and seq <= $3 order by seq limit $4";
    ATTEMPTS = "select m.seq, a.delivery, a.started_us, a.duration_us, a.peer, a.code, a.answered
        from messages m join attempts a on a.message = m.id
        where m.channel = $1 and m.seq > $2 and m.seq <= $3 and a.started_us + a.duration_us <= $4
        order by m.seq, a.delivery, a.started_us";
    PUT_MARK = "insert into audit_ledger (channel, received_seq, settled_seq) values ($1, $2, $3)
        on conflict (channel) do update set received_seq = excluded.received_seq, settled_seq = excluded.settled_seq";
    CHANNEL = "select id from channels where name = $1";
    PURGES = "select seq, channel_id, rec from audit_log where action = 'retention.purge' and seq > $1 order by seq limit 1000";
    RECORDS = "select seq, rec from audit_log where action = 'ledger.digest' and seq > $1 order by seq limit 100";
}

/// When new messages were last taken up.
#[derive(Default)]
pub(super) struct Taken(AtomicI64);

/// Messages of a channel, one after the other, and what they hash to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    /// The last one before them.
    after: i64,
    last: i64,
    /// How many rows were hashed.
    count: i64,
    sha256: [u8; 32],
}

/// What a record says about a channel.
struct OfChannel {
    id: i64,
    name: String,
    received: Option<Range>,
    /// With the time up to which attempts were taken.
    settled: Option<(Range, i64)>,
    marks: (i64, i64),
}

impl Store {
    /// Records what came in and what was settled since the last time, when a minute has gone by.
    pub(super) async fn keep_ledger(&self, now_us: i64) -> Result<(), StoreError> {
        let taken = &self.inner.standing.taken.0;
        let last_us = taken.load(Ordering::Relaxed);
        if (last_us..last_us.saturating_add(EVERY_US)).contains(&now_us) {
            return Ok(());
        }
        while self.digest_ledger(now_us).await? {}
        taken.store(now_us, Ordering::Relaxed);
        Ok(())
    }

    /// Records the next messages; whether there were any.
    pub async fn digest_ledger(&self, now_us: i64) -> Result<bool, StoreError> {
        let reader = &self.inner.reader;
        let until_us = now_us - AT_REST_US;
        let mut all = Vec::new();
        for row in reader.rows(MARKS, values![]).await? {
            let (id, name, marks) =
                (row.int(0)?, row.text(1)?.to_owned(), (row.int(2)?, row.int(3)?));
            let received = receipts(reader, id, (marks.0, marks.0 + RECORD_MAX)).await?;
            let end = settled_up_to(reader, id, marks.1, until_us).await?;
            let settled = attempts(reader, id, (marks.1, end), until_us).await?;
            if received.is_some() || settled.is_some() {
                let settled = settled.map(|range| (range, until_us));
                all.push(OfChannel { id, name, received, settled, marks });
            }
        }
        if all.is_empty() {
            return Ok(false);
        }
        self.put_digests(all, now_us).await?;
        Ok(true)
    }

    async fn put_digests(&self, all: Vec<OfChannel>, now_us: i64) -> Result<(), StoreError> {
        let after =
            Json::object([("channels", Json::List(all.iter().map(OfChannel::json).collect()))]);
        let target = Target { kind: "messages", id: None, channel: None };
        let entry = Entry::success(&engine_act(DIGEST, now_us), target, Json::Null, after);
        let parts = Arc::clone(&self.inner);
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                chain::append(session, &parts.recorder, &entry).await?;
                for OfChannel { id, received, settled, marks, .. } in all {
                    let received = received.map_or(marks.0, |range| range.last);
                    let settled = settled.map_or(marks.1, |(range, _)| range.last);
                    session.run(PUT_MARK, values![id, received, settled]).await?;
                }
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Compares every digest in the log with the messages that are there.
    pub(super) async fn verify_ledger(
        &self,
    ) -> Result<(HistoryReport, Option<AuditFault>), StoreError> {
        let Parts { reader, .. } = &*self.inner;
        let mut report = HistoryReport::default();
        let mut gone = purged(reader).await?;
        let mut seq = -1;
        loop {
            let rows = reader.rows(RECORDS, values![seq]).await?;
            let Some(last) = rows.last() else { return Ok((report, None)) };
            for row in &rows {
                let before = report;
                let mut fault = compare(reader, row, &gone, &mut report).await?;
                if fault.is_some() {
                    // Some may have left since this began.
                    gone = purged(reader).await?;
                    report = before;
                    fault = compare(reader, row, &gone, &mut report).await?;
                }
                if fault.is_some() {
                    return Ok((report, fault));
                }
            }
            seq = last.int(0)?;
        }
    }
}

/// Up to which message of each channel some may be missing, as the log itself says: they left when their time was over.
async fn purged(reader: &Reader) -> Result<HashMap<String, i64>, StoreError> {
    let mut purged = HashMap::new();
    let mut seq = -1;
    loop {
        let rows = reader.rows(PURGES, values![seq]).await?;
        let Some(last) = rows.last() else { return Ok(purged) };
        seq = last.int(0)?;
        for row in &rows {
            let record =
                serde_json::from_slice(row.blob(2)?).ok().and_then(|json| Json::from_serde(&json));
            let through = record.as_ref().and_then(|record| {
                record.get("after")?.get("messages_through").and_then(Json::as_int)
            });
            let channel = row.text_or_none(1)?.unwrap_or_default().to_owned();
            let known = purged.entry(channel).or_insert(0);
            *known = through.unwrap_or(0).max(*known);
        }
    }
}

/// Compares the digests of one record.
async fn compare(
    reader: &Reader,
    row: &Row,
    purged: &HashMap<String, i64>,
    report: &mut HistoryReport,
) -> Result<Option<AuditFault>, StoreError> {
    let seq = row.int(0)?;
    let record = serde_json::from_slice(row.blob(1)?).ok().and_then(|json| Json::from_serde(&json));
    let channels =
        record.as_ref().and_then(|record| record.get("after")?.get("channels")?.as_list());
    // The walk along the log has found the record whole, so it is one that this program has written.
    for said in channels.unwrap_or_default() {
        let channel = said.get("channel").and_then(Json::as_text).unwrap_or_default();
        let Some(id) = reader.row(CHANNEL, values![channel]).await? else {
            return Ok(Some(AuditFault::History { seq, channel: channel.to_owned() }));
        };
        let id = id.int(0)?;
        let received = said.get("received").and_then(Range::read);
        let settled = said.get("settled").and_then(|settled| {
            Some((Range::read(settled)?, settled.get("until_us").and_then(Json::as_int)?))
        });
        let mut same = true;
        // Where some have left there is nothing to compare any more.
        let through = purged.get(channel).copied().unwrap_or(0);
        let received = received.filter(|range| range.after >= through);
        let settled = settled.filter(|(range, _)| range.after >= through);
        if let Some(range) = received {
            same &= receipts(reader, id, (range.after, range.last)).await? == Some(range);
            report.messages += range.count;
        }
        if let Some((range, until_us)) = settled {
            same &= attempts(reader, id, (range.after, range.last), until_us).await? == Some(range);
            report.attempts += range.count;
        }
        if !same {
            return Ok(Some(AuditFault::History { seq, channel: channel.to_owned() }));
        }
    }
    Ok(None)
}

/// The receipts of a channel's messages behind one, up to another; nothing when there are none.
async fn receipts(
    reader: &Reader,
    channel: i64,
    (after, end): (i64, i64),
) -> Result<Option<Range>, StoreError> {
    let mut hash = Rows::default();
    let mut last = after;
    loop {
        let rows = reader.rows(RECEIPTS, values![channel, last, end, SLICE]).await?;
        let Some(row) = rows.last() else { break };
        last = row.int(0)?;
        for row in &rows {
            for n in [0, 2, 3, 13] {
                hash.int(row.int(n)?);
            }
            hash.bytes(row.id(1)?.as_bytes());
            for n in [4, 5] {
                hash.bytes(row.id_or_none(n)?.as_ref().map_or(&[][..], |id| id.as_bytes()));
            }
            for n in 6..=10 {
                hash.bytes(row.text(n)?.as_bytes());
            }
            for n in [11, 12] {
                hash.bytes(row.blob(n)?);
            }
            hash.count += 1;
        }
    }
    Ok((last > after).then(|| hash.end(after, last)))
}

/// Up to which message of a channel all are final and at rest.
async fn settled_up_to(
    reader: &Reader,
    channel: i64,
    after: i64,
    until_us: i64,
) -> Result<i64, StoreError> {
    let mut last = after;
    while last < after + RECORD_MAX {
        let rows = reader.rows(FINALS, values![channel, last, after + RECORD_MAX, SLICE]).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if row.int(1)? == Disposition::Received.code() || row.int(2)? > until_us {
                return Ok(last);
            }
            last = row.int(0)?;
        }
    }
    Ok(last)
}

/// The attempts of a channel's messages behind one, up to another, as far as they had ended at a time.
async fn attempts(
    reader: &Reader,
    channel: i64,
    (after, end): (i64, i64),
    until_us: i64,
) -> Result<Option<Range>, StoreError> {
    if end <= after {
        return Ok(None);
    }
    let mut hash = Rows::default();
    let mut from = after;
    while from < end {
        let to = end.min(from + SLICE);
        for row in reader.rows(ATTEMPTS, values![channel, from, to, until_us]).await? {
            for n in [0, 2, 3, 6] {
                hash.int(row.int(n)?);
            }
            hash.bytes(row.id(1)?.as_bytes());
            for n in [4, 5] {
                hash.bytes(row.text(n)?.as_bytes());
            }
            hash.count += 1;
        }
        from = to;
    }
    Ok(Some(hash.end(after, end)))
}

/// Values of rows on their way into a digest, each with its length before it.
#[derive(Default)]
struct Rows {
    hash: Sha256,
    count: i64,
}

impl Rows {
    fn int(&mut self, value: i64) {
        self.hash.update(value.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_be_bytes());
        self.hash.update(bytes);
    }

    fn end(self, after: i64, last: i64) -> Range {
        Range { after, last, count: self.count, sha256: self.hash.finalize().into() }
    }
}

impl Range {
    fn members(&self) -> [(&'static str, Json); 4] {
        [
            ("after", Json::Int(self.after)),
            ("last", Json::Int(self.last)),
            ("count", Json::Int(self.count)),
            ("sha256", Json::text(hex(&self.sha256))),
        ]
    }

    fn read(json: &Json) -> Option<Range> {
        let int = |name: &str| json.get(name).and_then(Json::as_int);
        let sha256 = json.get("sha256").and_then(Json::as_text)?;
        let sha256 = data_encoding::HEXLOWER.decode(sha256.as_bytes()).ok()?;
        Some(Range {
            after: int("after")?,
            last: int("last")?,
            count: int("count")?,
            sha256: sha256.try_into().ok()?,
        })
    }
}

impl OfChannel {
    fn json(&self) -> Json {
        let received = self.received.map_or(Json::Null, |range| Json::object(range.members()));
        let settled = self.settled.map_or(Json::Null, |(range, until_us)| {
            let [after, last, count, sha256] = range.members();
            Json::object([after, last, count, sha256, ("until_us", Json::Int(until_us))])
        });
        Json::object([
            ("channel", Json::text(&*self.name)),
            ("received", received),
            ("settled", settled),
        ])
    }
}
