//! Opens the file: how it is set up, and what can be told about it without changing it.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row};

use super::checkpoint::Checkpoints;
use super::lock::StoreLock;
use super::texts::{TEXTS_MAX, Texts};
use super::{SqliteBackend, fault};
use crate::error::OpenError;
use crate::migrate::Stored;

const PAGE_BYTES: u32 = 4096;
/// Enough for the pages that recent messages are on. Not more: after a page of a tree was split, SQLite walks through the cache's whole
/// index at the next commit.
const CACHE_KIB: i64 = 16 << 10;
/// A log that is not cut down is written over, which syncs in half the time of appending.
const WAL_KEPT_BYTES: i64 = 64 << 20;
const READERS: u32 = 4;
/// The writer's statements go by key. Without this, a few rows that are to be changed may be made an index on the fly, and the whole
/// table be walked through to look each of its rows up in it.
pub(super) const BY_KEY: (&str, &str) = ("automatic_index", "off");
/// Only a reader that has to recover the log can meet a lock; it is gone at once.
const BUSY: Duration = Duration::from_secs(5);

/// Where a store's file is.
pub(crate) struct Place {
    pub file: PathBuf,
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(BUSY)
        .foreign_keys(false)
        .disable_statement_logging()
}

/// What a store holds, without changing it; nothing when there is none yet.
pub(crate) async fn stored(place: &Place) -> Result<Option<Stored>, OpenError> {
    match std::fs::metadata(&place.file) {
        Ok(metadata) if metadata.len() == 0 => return Ok(None),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(OpenError::Unreachable(format!(
                "{}: {}",
                place.file.display(),
                error.kind()
            )));
        }
    }
    let failed = |error: sqlx::Error| fault::opening(&error);
    let mut connection = options(&place.file).read_only(true).connect().await.map_err(failed)?;
    let tables = "select count(*) from sqlite_schema where name in ('schema_version', 'meta')";
    let tables: i64 = sqlx::query(tables).fetch_one(&mut connection).await.map_err(failed)?.get(0);
    let found = if tables == 2 {
        let schema = "select coalesce(max(version), 0) from schema_version";
        let schema: i64 =
            sqlx::query(schema).fetch_one(&mut connection).await.map_err(failed)?.get(0);
        let facts = "select name, value from meta where name like 'kek%'";
        let facts = sqlx::query(facts).fetch_all(&mut connection).await.map_err(failed)?;
        Some(Stored::of(schema, facts.iter().map(|row| (row.get(0), row.get(1))).collect()))
    } else {
        None
    };
    connection.close().await.map_err(failed)?;
    Ok(found)
}

/// Opens the writing connection; makes the file, for its owner only, when there is none.
pub(crate) async fn open_writer(
    place: &Place,
    lock: StoreLock,
) -> Result<SqliteBackend, OpenError> {
    let connection = made(place).await?;
    let checkpoints = Checkpoints::start(options(&place.file).synchronous(SqliteSynchronous::Full));
    Ok(SqliteBackend { connection, texts: Texts::default(), checkpoints, _lock: lock })
}

/// A connection to a file that is made for its owner only, with nothing around it: for what is no engine.
pub(crate) async fn made(place: &Place) -> Result<SqliteConnection, OpenError> {
    make(place)?;
    writing(place).await
}

/// A connection that only reads.
pub(crate) async fn bare_reader(place: &Place) -> Result<SqliteConnection, OpenError> {
    let options = options(&place.file).read_only(true);
    options.connect().await.map_err(|error| fault::opening(&error))
}

fn make(place: &Place) -> Result<(), OpenError> {
    let made =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&place.file);
    made.map(drop).map_err(|error| {
        OpenError::Unreachable(format!("{}: {}", place.file.display(), error.kind()))
    })
}

async fn writing(place: &Place) -> Result<SqliteConnection, OpenError> {
    options(&place.file)
        .page_size(PAGE_BYTES)
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "0")
        .pragma("journal_size_limit", WAL_KEPT_BYTES.to_string())
        .pragma("cache_size", (-CACHE_KIB).to_string())
        .pragma("temp_store", "memory")
        .pragma(BY_KEY.0, BY_KEY.1)
        .statement_cache_capacity(TEXTS_MAX)
        .connect()
        .await
        .map_err(|error| fault::opening(&error))
}

/// Opens the reading connections.
pub(crate) async fn open_readers(place: &Place) -> Result<SqlitePool, OpenError> {
    let options = options(&place.file)
        .read_only(true)
        .pragma("query_only", "1")
        .statement_cache_capacity(256);
    SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(Duration::from_secs(30))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options)
        .await
        .map_err(|error| fault::opening(&error))
}
