//! Making a backup while the store is in use.

use std::path::PathBuf;
use std::sync::Arc;

use config::StoreUrl;
use data_encoding::{BASE64, HEXLOWER};

use super::frame::{Begin, Encoder, End, Frame, Head, Signed, Sum};
use super::read::check_backup;
use crate::archive::{Recipients, Writing};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::copy::{CopyError, Source, Tally, tables};
use crate::error::StoreError;
use crate::open::FACT;
use crate::sql::values;
use crate::store::{Parts, Store};

/// The form of the file.
pub(super) const FORM: i64 = 1;
/// What a signature covers besides the digest.
pub(super) const CONTEXT: &[u8] = b"hilum-backup-v1";
/// Rows of a frame, at most.
const ROWS: usize = 200;

/// A backup that was made, read back and recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// Its file.
    pub file: PathBuf,
    /// The SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Rows in it.
    pub rows: i64,
    /// Records of the audit log in it.
    pub audit: i64,
}

/// Why there is no backup. No file of its name is left.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store cannot be read.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The store has refused it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file cannot be written, or not be read back.
    #[error("`{}` cannot be written: {error}", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
}

impl Store {
    /// Writes a backup: the store as it is at one moment, and files beside it by their names. Messages come in and go out meanwhile.
    ///
    /// # Errors
    /// When it cannot be written and read back whole; then no file of that name is there.
    pub async fn back_up(
        &self,
        act: &Act,
        url: &StoreUrl,
        (file, recipients): (PathBuf, &Recipients),
        files: Vec<(String, Vec<u8>)>,
    ) -> Result<BackedUp, BackupError> {
        // What is wrapped by two keys could not be put back with either.
        let changing = self.inner.rotating.try_lock();
        let _unchanged = changing.map_err(|_| {
            StoreError::Refused("the store key is being changed: a backup can be made afterwards")
        })?;
        self.checkpoint_audit(act.now_us).await?;
        let failed = |error| BackupError::File { file: file.clone(), error };
        let writing = Writing::begin(file.clone(), recipients.clone());
        let (rows, audit) = self.write_frames(&writing, url, act.now_us, files).await?;
        let written = writing.end().await.map_err(failed)?;
        let reading = written.read().map_err(failed)?;
        let checked = tokio::task::spawn_blocking(move || check_backup(reading, |_| {})).await;
        let checked = checked.map_err(std::io::Error::other).map_err(failed)?;
        let summary = checked.map_err(std::io::Error::other).map_err(failed)?;
        if summary.rows != rows {
            return Err(failed(std::io::Error::other("other rows were read back")));
        }
        let sha256 = HEXLOWER.encode(&written.sha256());
        let made = BackedUp { file: file.clone(), sha256, rows, audit };
        // Its record first: a file that nobody has recorded must not be there.
        self.record_backup(act, &made).await?;
        written.keep().map_err(failed)?;
        Ok(made)
    }

    async fn write_frames(
        &self,
        writing: &Writing,
        url: &StoreUrl,
        now_us: i64,
        files: Vec<(String, Vec<u8>)>,
    ) -> Result<(i64, i64), BackupError> {
        let mut source = Source::live(url).await?;
        let mut encoder = Encoder::default();
        let head = self.head(source.schema(), now_us).await?;
        writing.put(encoder.frame(&Frame::Head(head))).await;
        let mut end = End { files: 0, tables: Vec::new(), audit: 0 };
        for (name, bytes) in files {
            end.files += 1;
            writing.put(encoder.frame(&Frame::File(name, bytes))).await;
        }
        for table in tables(source.schema()).await? {
            let begin = Begin { table: table.name.clone(), columns: table.columns.clone() };
            writing.put(encoder.frame(&Frame::Table(begin))).await;
            let (mut tally, mut rows) = (Tally::default(), source.rows(&table).await?);
            loop {
                let batch = rows.next(ROWS).await?;
                if batch.is_empty() {
                    break;
                }
                batch.iter().for_each(|row| tally.add(row));
                writing.put(encoder.frame(&Frame::Rows(batch))).await;
            }
            if table.name == "audit_log" {
                end.audit = tally.rows;
            }
            end.tables.push(Sum { table: table.name, rows: tally.rows, sum: tally.sum });
        }
        let (rows, audit) = (end.tables.iter().map(|table| table.rows).sum(), end.audit);
        writing.put(encoder.frame(&Frame::End(end))).await;
        let signed = self.sign(&encoder.digest()).await?;
        writing.put(encoder.frame(&Frame::Signed(signed))).await;
        Ok((rows, audit))
    }

    async fn head(&self, schema: i64, at_us: i64) -> Result<Head, StoreError> {
        let Parts { recorder, node, version, .. } = &*self.inner;
        let kek = self.inner.reader.row(FACT, values!["kek_id"]).await?;
        let kek = kek.map(|row| row.blob(0).map(<[u8]>::to_vec)).transpose()?.unwrap_or_default();
        Ok(Head {
            backup: FORM,
            log: recorder.log_id,
            schema,
            version: version.clone(),
            node: node.clone(),
            kek: HEXLOWER.encode(&kek),
            at_us,
        })
    }

    /// Signs with the key of the audit log's day, whose public half is in the log.
    async fn sign(&self, digest: &[u8; 32]) -> Result<Signed, StoreError> {
        let text = [CONTEXT, digest].concat();
        let (public, signature) = self.sign_with_day(text).await?;
        Ok(Signed { key: HEXLOWER.encode(&public), signature: BASE64.encode(&signature) })
    }

    async fn record_backup(&self, act: &Act, made: &BackedUp) -> Result<(), StoreError> {
        let after = Json::object([
            ("file", Json::text(made.file.display().to_string())),
            ("sha256", Json::text(&*made.sha256)),
            ("rows", Json::Int(made.rows)),
            ("audit", Json::Int(made.audit)),
        ]);
        let target = Target { kind: "store", id: None, channel: None };
        let entry = Entry::success(act, target, Json::Null, after);
        let parts = Arc::clone(&self.inner);
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}
