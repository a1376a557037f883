//! Moves what is in the log into the file, off the path of commits.
//!
//! A connection of its own copies pages once enough have gathered that many were written more than once. It never blocks the writer, so
//! under a load that never pauses the log still grows; past a bound the writer itself finishes the copy and begins the log anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::fault;
use crate::error::StoreError;

/// Pages that wait before they are copied: 16 MiB.
const COPY_AT_PAGES: i64 = 4_096;
/// Pages in the log before the writer begins it anew: 64 MiB.
const RESTART_AT_PAGES: i64 = 16_384;
/// How often the log is looked at while there are commits.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Signals {
    wrote: Notify,
    stop: Notify,
    restart: AtomicBool,
    failed: AtomicBool,
}

/// The copying task and what it tells the writer.
pub(super) struct Checkpoints {
    signals: Arc<Signals>,
    task: Option<JoinHandle<()>>,
}

impl Checkpoints {
    pub(super) fn start(options: SqliteConnectOptions) -> Checkpoints {
        let signals = Arc::new(Signals::default());
        let task = tokio::spawn(keep_copying(options, Arc::clone(&signals)));
        Checkpoints { signals, task: Some(task) }
    }

    /// Called by the writer between groups.
    pub(super) async fn check(&mut self, writer: &mut SqliteConnection) -> Result<(), StoreError> {
        if self.signals.failed.load(Ordering::Acquire) {
            return Err(StoreError::SyncFailed);
        }
        self.signals.wrote.notify_one();
        if self.signals.restart.swap(false, Ordering::AcqRel) {
            writer
                .execute(sqlx::query("pragma wal_checkpoint(restart)"))
                .await
                .map_err(|error| fault::writing(&error))?;
        }
        Ok(())
    }

    /// Ends the task and its connection; the writer's close is then the last, and copies what is left.
    pub(super) async fn stop(mut self) {
        if let Some(task) = self.task.take() {
            self.signals.stop.notify_one();
            // How it ended says nothing more.
            let _ended = task.await;
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

async fn keep_copying(options: SqliteConnectOptions, signals: Arc<Signals>) {
    let mut connection: Option<SqliteConnection> = None;
    loop {
        let due = async {
            signals.wrote.notified().await;
            tokio::time::sleep(LOOK_EVERY).await;
        };
        tokio::select! {
            () = signals.stop.notified() => break,
            () = due => {}
        }
        match look(&options, &mut connection, &signals).await {
            Ok(()) => {}
            Err(StoreError::SyncFailed) => {
                signals.failed.store(true, Ordering::Release);
                return;
            }
            Err(error) => {
                // Busy or full: the log keeps everything, and the next look tries again.
                tracing::debug!(%error, "copying the store's log was put off");
                connection = None;
            }
        }
    }
    let Some(connection) = connection else { return };
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "the connection that copies the store's log did not close");
    }
}

async fn look(
    options: &SqliteConnectOptions,
    slot: &mut Option<SqliteConnection>,
    signals: &Signals,
) -> Result<(), StoreError> {
    let mut connection = match slot.take() {
        Some(connection) => connection,
        None => options.connect().await.map_err(|error| fault::writing(&error))?,
    };
    let (_, log, copied) = ask(&mut connection, "pragma wal_checkpoint(noop)").await?;
    if log - copied >= COPY_AT_PAGES {
        let (_, log, copied) = ask(&mut connection, "pragma wal_checkpoint(passive)").await?;
        tracing::trace!(log, copied, "copied the store's log");
        if log >= RESTART_AT_PAGES {
            signals.restart.store(true, Ordering::Release);
        }
    }
    *slot = Some(connection);
    Ok(())
}

/// `(busy, pages in the log, pages copied)`.
async fn ask(
    connection: &mut SqliteConnection,
    text: &'static str,
) -> Result<(i64, i64, i64), StoreError> {
    let row =
        connection.fetch_one(sqlx::query(text)).await.map_err(|error| fault::writing(&error))?;
    Ok((row.get(0), row.get(1), row.get(2)))
}
