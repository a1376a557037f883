//! Taking records out, in their order, with what proves them elsewhere.

use std::sync::Arc;

use data_encoding::BASE64;
use uuid::Uuid;

use super::record::{Act, Entry, Target, hex, rfc3339};
use super::{Json, canonical, chain};
use crate::backend::Done;
use crate::error::StoreError;
use crate::read::AuditFilter;
use crate::sql::{Row, statements, values};
use crate::store::{Parts, Store};

/// What a signature of a manifest covers besides its text.
const MANIFEST: &[u8] = b"hilum-audit-manifest-v1";

statements! {
    ONWARD = "select seq, rec, seal, coalesce(epoch, 0) from audit_log where seq > $1 and seq < $2 and ($3 = '' or actor_id = $3)
        and ($4 = '' or action = $4) and ($5 = '' or target_id = $5) and ts_us >= $6 and ts_us < $7 order by seq limit $8";
    CHECKPOINTS = "select size, note from audit_checkpoints where size > $1 and size <= $2 order by size";
    KEYS = "select number, public, first_seq from audit_epochs order by number";
}

/// A record with its seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRecord {
    /// Its number in the log.
    pub seq: i64,
    /// Its canonical text.
    pub text: String,
    /// The signature over its place in the chain, base64.
    pub seal: Option<String>,
    /// The number of the key that made it.
    pub epoch: i64,
}

/// A key that seals, or has sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditKey {
    /// Its number.
    pub number: i64,
    /// Its public half, hexadecimal.
    pub public: String,
    /// The first record that it seals.
    pub first_seq: i64,
}

/// A part of the log on its way out.
#[derive(Clone, Debug)]
pub struct AuditPart {
    /// The records, in order.
    pub records: Vec<SealedRecord>,
    /// Checkpoints over as many records as there are up to some of these, in order.
    pub checkpoints: Vec<String>,
}

/// The log as it was when an export began: what comes later is no part of it.
#[derive(Clone, Debug)]
pub struct AuditEdge {
    /// Which log.
    pub log: Uuid,
    /// Records in it.
    pub size: i64,
    /// Its keys.
    pub keys: Vec<AuditKey>,
    /// Where it begins, when records were taken out of it.
    pub from: Option<AuditStart>,
}

/// What the log was where it begins now: records before that were taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditStart {
    /// The number of the first record.
    pub first: i64,
    /// The end of the chain before it, hexadecimal.
    pub chain: String,
    /// The roots of the whole subtrees over the records before it, the largest first, hexadecimal.
    pub tree: String,
}

/// What was taken out, by whoever took it.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The form of the file.
    pub form: String,
    /// The number of its first record, if there is one.
    pub first: Option<i64>,
    /// That of its last one.
    pub last: Option<i64>,
    /// How many there are.
    pub count: i64,
    /// The SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// A statement about a file, signed with the key of the day.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The statement, canonical JSON.
    pub text: String,
    /// Ed25519 over `hilum-audit-manifest-v1` and the text, base64.
    pub signature: String,
    /// The public half of the key, hexadecimal.
    pub key: String,
}

impl Store {
    /// Records an export with a checkpoint behind it, so that whatever is taken out up to there can be proven.
    pub async fn begin_audit_export(&self, act: &Act) -> Result<AuditEdge, StoreError> {
        let (parts, entry) = (Arc::clone(&self.inner), exported(act, Json::Null));
        let now_us = act.now_us;
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        let size = desk.run(move |session| {
            Box::pin(async move {
                chain::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(chain::checkpoint(session, &parts.recorder, now_us).await?))
            })
        });
        let size = size.await?;
        let (keys, from) = (self.audit_keys().await?, self.audit_start().await?);
        Ok(AuditEdge { log: self.inner.recorder.log_id, size, keys, from })
    }

    /// The public halves of all keys, the oldest first.
    pub async fn audit_keys(&self) -> Result<Vec<AuditKey>, StoreError> {
        let key = |row: &Row| {
            Ok(AuditKey { number: row.int(0)?, public: hex(row.blob(1)?), first_seq: row.int(2)? })
        };
        self.inner.reader.rows(KEYS, values![]).await?.iter().map(key).collect()
    }

    /// Records after a number and before another, in order.
    pub async fn audit_part(
        &self,
        filter: &AuditFilter,
        (after, before): (i64, i64),
        limit: usize,
    ) -> Result<AuditPart, StoreError> {
        let Parts { reader, .. } = &*self.inner;
        let asked = values![
            after,
            before,
            filter.actor.as_deref().unwrap_or_default(),
            filter.action.as_deref().unwrap_or_default(),
            filter.target.as_deref().unwrap_or_default(),
            filter.since_us.unwrap_or(i64::MIN),
            filter.until_us.unwrap_or(i64::MAX),
            i64::try_from(limit).unwrap_or(i64::MAX),
        ];
        let rows = reader.rows(ONWARD, asked).await?;
        let records: Vec<SealedRecord> = rows.iter().map(sealed).collect::<Result<_, _>>()?;
        let last = records.last().map_or(after, |record| record.seq);
        // The one over exactly what was taken out of the log has stayed, and is over none of these.
        let first = records.first().map_or(after + 1, |record| record.seq);
        let checkpoints = reader.rows(CHECKPOINTS, values![first, last + 1]).await?;
        let checkpoints = checkpoints.iter().map(|row| row.text(1).map(str::to_owned));
        Ok(AuditPart { records, checkpoints: checkpoints.collect::<Result<_, _>>()? })
    }

    /// Records what was taken out, and signs that.
    pub async fn end_audit_export(
        &self,
        act: &Act,
        file: Exported,
    ) -> Result<Manifest, StoreError> {
        let Exported { form, first, last, count, sha256 } = file;
        let number = |number: Option<i64>| number.map_or(Json::Null, Json::Int);
        let said = |more: &[(&str, Json)]| {
            let mut members = vec![
                ("form", Json::text(&*form)),
                ("first", number(first)),
                ("last", number(last)),
                ("count", Json::Int(count)),
                ("sha256", Json::text(&*sha256)),
            ];
            members.extend_from_slice(more);
            Json::Object(members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        };
        let entry = exported(act, said(&[]));
        let parts = Arc::clone(&self.inner);
        let log = Json::text(self.inner.recorder.log_id.to_string());
        let text = canonical(&said(&[("log", log), ("ts", Json::text(rfc3339(act.now_us)))]));
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                chain::append(session, &parts.recorder, &entry).await?;
                let epoch = chain::epoch(session).await?;
                let signed = [MANIFEST, text.as_bytes()].concat();
                let (public, signature) = parts.recorder.sealer.sign(epoch, &signed)?;
                let (signature, key) = (BASE64.encode(&signature), hex(&public));
                Ok(Done::new(Manifest { text, signature, key }))
            })
        })
        .await
    }
}

fn exported(act: &Act, after: Json) -> Entry {
    let target = Target { kind: "audit-log", id: None, channel: None };
    Entry::success(act, target, Json::Null, after)
}

fn sealed(row: &Row) -> Result<SealedRecord, StoreError> {
    Ok(SealedRecord {
        seq: row.int(0)?,
        text: String::from_utf8_lossy(row.blob(1)?).into_owned(),
        seal: row.blob_or_none(2)?.map(|seal| BASE64.encode(seal)),
        epoch: row.int(3)?,
    })
}
