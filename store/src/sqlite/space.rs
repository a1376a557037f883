//! Gives the space that nothing is in back to the file system.

use sqlx::sqlite::SqliteConnection;
use sqlx::{Executor, Row};

use super::fault;
use crate::error::StoreError;

/// One step of 512 pages, which are moved and written before the next group; whether there is more. With the last one the log is emptied, unless somebody still reads from it.
pub(super) async fn give_back(connection: &mut SqliteConnection) -> Result<bool, StoreError> {
    let free = ask(connection, "pragma freelist_count").await?;
    if free > 0 {
        // Each row is a page: all of them have to be asked for.
        let vacuum = sqlx::query("pragma incremental_vacuum(512)");
        connection.fetch_all(vacuum).await.map_err(|error| fault::writing(&error))?;
        return Ok(true);
    }
    // A reader is not waited for: the log is written over later.
    plain(connection, "pragma busy_timeout = 0").await?;
    let emptied = plain(connection, "pragma wal_checkpoint(truncate)").await;
    plain(connection, "pragma busy_timeout = 5000").await?;
    emptied.map(|()| false)
}

async fn ask(connection: &mut SqliteConnection, text: &'static str) -> Result<i64, StoreError> {
    let row = connection.fetch_one(sqlx::query(text)).await;
    row.map(|row| row.get(0)).map_err(|error| fault::writing(&error))
}

async fn plain(connection: &mut SqliteConnection, text: &'static str) -> Result<(), StoreError> {
    let done = connection.execute(sqlx::query(text).persistent(false)).await;
    done.map(drop).map_err(|error| fault::writing(&error))
}
