//! Retention: the oldest records leave the log when their time is over, up to a checkpoint, and the log stays provable.
//!
//! They are checked, written to a file that verifies alone, and read back; only then a record says so and they are deleted, in one
//! transaction (security.md 2.1). The walk along what stays begins where they ended.

use std::path::PathBuf;
use std::sync::Arc;

use super::bundle::{BundleProof, bundle_head, bundle_part, verify_bundle};
use super::checkpoint::Checkpoint;
use super::export::{AuditEdge, AuditStart};
use super::record::{Act, Entry, Target, hex};
use super::report::AuditReport;
use super::tree::Tree;
use super::verify::{Proof, verify_up_to};
use super::walk::{Place, TAKEN_OUT};
use super::{Json, chain};
use crate::archive::{Recipients, Writing};
use crate::backend::Done;
use crate::error::StoreError;
use crate::read::{AuditFilter, Reader};
use crate::sql::{statements, values};
use crate::store::{Parts, Store};

/// Records of a piece of the file.
const PIECE: usize = 1_000;

statements! {
    NEWEST_CUT = "select next_seq, first_seq, chain, tree, note from audit_segments order by next_seq desc limit 1";
    OLDEST = "select ts_us from audit_log order by seq limit 1";
    SIZE = "select next_seq from audit_head where one = 1";
    /// The first record from a time on. Whatever the clock was later, nothing behind it is older by right.
    BOUND = "select seq from audit_log where ts_us >= $1 order by seq limit 1";
    CUT = "select coalesce(max(size), 0) from audit_checkpoints where size <= $1";
    NOTE = "select note from audit_checkpoints where size = $1";
    PUT = "insert into audit_segments (next_seq, first_seq, chain, tree, note, file, sha256, archived_us) values ($1, $2, $3, $4, $5, $6, $7, $8)";
    TAKE_OUT = "delete from audit_log where seq < $1",
        postgres: "select audit_take_out($1)";
    /// In PostgreSQL the function has done that too.
    TAKE_OUT_CHECKPOINTS = "delete from audit_checkpoints where size < $1",
        postgres: "select $1::bigint";
}

/// How old the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditAge {
    /// When its oldest record was written, microseconds UTC.
    pub oldest_us: i64,
    /// Records in it.
    pub records: i64,
}

/// Records at the beginning of the log, up to a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSegment {
    /// The number of the first one.
    pub first: i64,
    /// The number of the first one behind them.
    pub next: i64,
}

/// A segment that was taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditArchived {
    /// Its records.
    pub segment: AuditSegment,
    /// The file that holds them.
    pub file: PathBuf,
    /// The SHA-256 of the file, hexadecimal.
    pub sha256: String,
}

/// Why a segment stays in the log. Nothing was deleted.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The store cannot say or do it.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The file cannot be written, or not be read back.
    #[error("`{}` cannot be written: {error}", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The records are not as they were written.
    #[error("the records are not whole: {0}")]
    Fault(String),
}

/// Where the log begins when records were taken out.
pub(super) struct Cut {
    pub first: i64,
    pub next: i64,
    pub chain: chain::Hash,
    pub tree: Tree,
    pub note: String,
}

/// What the newest taking out says.
pub(super) async fn newest_cut(reader: &Reader) -> Result<Option<Cut>, StoreError> {
    let Some(row) = reader.row(NEWEST_CUT, values![]).await? else { return Ok(None) };
    let odd = || StoreError::Internal("what was taken out of the audit log is damaged".to_owned());
    let next = row.int(0)?;
    Ok(Some(Cut {
        first: row.int(1)?,
        next,
        chain: row.blob(2)?.try_into().map_err(|_| odd())?,
        tree: Tree::read(next, row.blob(3)?).ok_or_else(odd)?,
        note: row.text(4)?.to_owned(),
    }))
}

impl Store {
    /// How old the log is, when there is anything in it.
    pub async fn audit_age(&self) -> Result<Option<AuditAge>, StoreError> {
        let reader = &self.inner.reader;
        let Some(oldest) = reader.row(OLDEST, values![]).await? else { return Ok(None) };
        let size = reader.row(SIZE, values![]).await?.map_or(Ok(0), |row| row.int(0))?;
        let first = newest_cut(reader).await?.map_or(0, |cut| cut.next);
        Ok(Some(AuditAge { oldest_us: oldest.int(0)?, records: size - first }))
    }

    /// The records from the beginning of the log that were written before a time, up to the last checkpoint over none but them.
    pub async fn audit_segment(&self, until_us: i64) -> Result<Option<AuditSegment>, StoreError> {
        let reader = &self.inner.reader;
        let first = newest_cut(reader).await?.map_or(0, |cut| cut.next);
        let bound = match reader.row(BOUND, values![until_us]).await? {
            Some(row) => Some(row),
            None => reader.row(SIZE, values![]).await?,
        };
        let bound = bound.map_or(Ok(0), |row| row.int(0))?;
        let next = reader.row(CUT, values![bound]).await?.map_or(Ok(0), |row| row.int(0))?;
        Ok((next > first).then_some(AuditSegment { first, next }))
    }

    /// Takes a segment out of the log, into a file.
    ///
    /// # Errors
    /// When the records are not whole, or the file cannot be written and read back. Then everything stays as it was.
    pub async fn archive_audit(
        &self,
        act: &Act,
        segment: &AuditSegment,
        (file, recipients): (PathBuf, &Recipients),
    ) -> Result<AuditArchived, ArchiveError> {
        let place = self.check_segment(segment).await?;
        let failed = |error| ArchiveError::File { file: file.clone(), error };
        let writing = Writing::begin(file.clone(), recipients.clone());
        let keyring = self.write_segment(&writing, segment).await?;
        let written = writing.end().await.map_err(failed)?;
        let bundle = written.read().map_err(failed)?;
        let proof = BundleProof { keyring: Some(keyring), anchors: Vec::new() };
        let read_back =
            tokio::task::spawn_blocking(move || verify_bundle(bundle, &proof, |_| {})).await;
        let report = read_back.map_err(std::io::Error::other).map_err(failed)?;
        let report = report.map_err(std::io::Error::other).map_err(failed)?;
        is_the_same(&report, &place)?;
        let sha256 = hex(&written.sha256());
        written.keep().map_err(failed)?;
        let archived = AuditArchived { segment: segment.clone(), file, sha256 };
        match self.take_out(act, &archived, place).await {
            Ok(()) => Ok(archived),
            Err(error) => {
                // The records are still in the log: another try makes another file.
                let _gone = std::fs::remove_file(&archived.file);
                Err(error.into())
            }
        }
    }

    /// Walks along the records up to the end of a segment; gives where that is.
    async fn check_segment(&self, segment: &AuditSegment) -> Result<Place, ArchiveError> {
        let Parts { reader, secrets, recorder, .. } = &*self.inner;
        let proof = Proof::of(recorder, secrets);
        match verify_up_to(reader, &proof, segment.next).await? {
            Ok(place) => Ok(place),
            Err(fault) => Err(ArchiveError::Fault(fault.to_string())),
        }
    }

    /// Writes what verifies alone; gives the keys that prove it.
    async fn write_segment(
        &self,
        writing: &Writing,
        segment: &AuditSegment,
    ) -> Result<Vec<String>, StoreError> {
        let (keys, from) = (self.audit_keys().await?, self.audit_start().await?);
        let keyring = keys.iter().map(|key| key.public.clone()).collect();
        let keys = keys.into_iter().filter(|key| key.first_seq < segment.next).collect();
        let edge = AuditEdge { log: self.inner.recorder.log_id, size: segment.next, keys, from };
        writing.put(bundle_head(&edge).into_bytes()).await;
        let mut after = segment.first - 1;
        loop {
            let part =
                self.audit_part(&AuditFilter::default(), (after, segment.next), PIECE).await?;
            let Some(last) = part.records.last() else { break };
            after = last.seq;
            writing.put(bundle_part(&part).into_bytes()).await;
        }
        Ok(keyring)
    }

    /// Where the log begins, when that is not with its first record.
    pub(super) async fn audit_start(&self) -> Result<Option<AuditStart>, StoreError> {
        let cut = newest_cut(&self.inner.reader).await?;
        Ok(cut.map(|cut| AuditStart {
            first: cut.next,
            chain: hex(&cut.chain),
            tree: hex(&cut.tree.bytes()),
        }))
    }

    async fn take_out(
        &self,
        act: &Act,
        archived: &AuditArchived,
        place: Place,
    ) -> Result<(), StoreError> {
        let AuditArchived { segment: AuditSegment { first, next }, file, sha256 } = archived;
        let (first, next, sha256) = (*first, *next, sha256.clone());
        let (chain, tree) = place.cut();
        let note = self.inner.reader.row(NOTE, values![next]).await?;
        let note = note.ok_or(StoreError::NotFound("checkpoint"))?.text(0)?.to_owned();
        let is_root = Checkpoint::read(&note).is_some_and(|note| note.root == tree.root());
        if !is_root {
            return Err(StoreError::Internal("a checkpoint is over other records".to_owned()));
        }
        let name = file.display().to_string();
        let after = Json::object([
            ("first", Json::Int(first)),
            ("next", Json::Int(next)),
            ("count", Json::Int(next - first)),
            ("chain", Json::text(hex(&chain))),
            ("root", Json::text(hex(&tree.root()))),
            ("file", Json::text(&*name)),
            ("sha256", Json::text(&*sha256)),
        ]);
        let target = Target { kind: "audit-log", id: None, channel: None };
        let act = Act { action: TAKEN_OUT, ..act.clone() };
        let now_us = act.now_us;
        let entry = Entry::success(&act, target, Json::Null, after);
        let digest = data_encoding::HEXLOWER.decode(sha256.as_bytes()).unwrap_or_default();
        let parts = Arc::clone(&self.inner);
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                chain::append(session, &parts.recorder, &entry).await?;
                let columns =
                    values![next, first, &chain[..], tree.bytes(), note, name, digest, now_us];
                session.run(PUT, columns).await?;
                session.run(TAKE_OUT, values![next]).await?;
                session.run(TAKE_OUT_CHECKPOINTS, values![next]).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

/// What was read back is what was walked along.
fn is_the_same(report: &AuditReport, place: &Place) -> Result<(), ArchiveError> {
    let (_, tree) = place.cut();
    match &report.fault {
        Some(fault) => Err(ArchiveError::Fault(format!("what was read back: {fault}"))),
        None if report.root != tree.root() => {
            Err(ArchiveError::Fault("other records were read back".to_owned()))
        }
        None => Ok(()),
    }
}
