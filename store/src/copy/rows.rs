//! Reading a store as it is at one moment.

use std::pin::Pin;

use config::StoreUrl;
use futures_util::{Stream, TryStreamExt};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{
    AssertSqlSafe, Column, Executor, PgConnection, Row, SqliteConnection, TypeInfo, ValueRef,
};
use uuid::Uuid;

use super::CopyError;
use super::cell::Cell;
use super::table::Table;
use crate::error::OpenError;
use crate::{postgres, sqlite};

/// A store, and a transaction in which it does not change.
pub(crate) struct Source {
    schema: i64,
    open: Open,
}

enum Open {
    /// With the lock that keeps an engine away, unless one has the store open.
    Sqlite(
        SqliteConnection,
        #[expect(dead_code, reason = "held, not read")] Option<sqlite::StoreLock>,
    ),
    Postgres(PgConnection),
}

/// The rows of a table that are not read yet.
pub(crate) enum Rows<'a> {
    Sqlite(Pin<Box<dyn Stream<Item = Result<SqliteRow, sqlx::Error>> + Send + 'a>>),
    Postgres(Pin<Box<dyn Stream<Item = Result<PgRow, sqlx::Error>> + Send + 'a>>),
}

impl Source {
    /// Opens a store that no engine has open; nothing when there is none.
    pub(crate) async fn open(url: &StoreUrl) -> Result<Option<Source>, CopyError> {
        match url {
            StoreUrl::Sqlite(file) => {
                let place = sqlite::Place { file: file.clone() };
                let Some(stored) = sqlite::stored(&place).await? else { return Ok(None) };
                let lock = sqlite::StoreLock::take(file)?;
                let mut connection = sqlite::bare_reader(&place).await?;
                connection.execute("begin").await?;
                let open = Open::Sqlite(connection, Some(lock));
                Ok(Some(Source { schema: stored.schema, open }))
            }
            StoreUrl::Postgres { url, password } => {
                let (place, stored) = postgres::look(url, password.as_ref()).await?;
                let Some(stored) = stored else { return Ok(None) };
                let mut connection = postgres::bare(&place).await?;
                if !postgres::is_free(&mut connection).await? {
                    let taken = "its lock in the database is taken".to_owned();
                    return Err(OpenError::Locked(taken).into());
                }
                let begin = "begin isolation level repeatable read read only";
                connection.execute(begin).await?;
                Ok(Some(Source { schema: stored.schema, open: Open::Postgres(connection) }))
            }
        }
    }

    /// Opens the store of a running engine, beside it.
    pub(crate) async fn live(url: &StoreUrl) -> Result<Source, CopyError> {
        match url {
            StoreUrl::Sqlite(file) => {
                let place = sqlite::Place { file: file.clone() };
                let stored = sqlite::stored(&place).await?;
                let stored = stored.ok_or_else(|| CopyError::Nothing(url.to_string()))?;
                let mut connection = sqlite::bare_reader(&place).await?;
                connection.execute("begin").await?;
                Ok(Source { schema: stored.schema, open: Open::Sqlite(connection, None) })
            }
            StoreUrl::Postgres { url: text, password } => {
                let (place, stored) = postgres::look(text, password.as_ref()).await?;
                let stored = stored.ok_or_else(|| CopyError::Nothing(url.to_string()))?;
                let mut connection = postgres::bare(&place).await?;
                connection.execute("begin isolation level repeatable read read only").await?;
                Ok(Source { schema: stored.schema, open: Open::Postgres(connection) })
            }
        }
    }

    pub(crate) fn schema(&self) -> i64 {
        self.schema
    }

    /// How many rows a table has.
    pub(crate) async fn count(&mut self, table: &Table) -> Result<i64, CopyError> {
        let sql = AssertSqlSafe(format!("select count(*) from {}", table.name));
        Ok(match &mut self.open {
            Open::Sqlite(connection, _) => {
                connection.fetch_one(sqlx::query(sql)).await?.try_get(0)?
            }
            Open::Postgres(connection) => {
                connection.fetch_one(sqlx::query(sql)).await?.try_get(0)?
            }
        })
    }

    /// The rows of a table.
    pub(crate) async fn rows(&mut self, table: &Table) -> Result<Rows<'_>, CopyError> {
        let sql = AssertSqlSafe(format!("select {} from {}", table.list(), table.name));
        Ok(match &mut self.open {
            Open::Sqlite(connection, _) => Rows::Sqlite(connection.fetch(sqlx::query(sql))),
            Open::Postgres(connection) => Rows::Postgres(connection.fetch(sqlx::query(sql))),
        })
    }
}

impl Rows<'_> {
    /// So many of them; fewer at the end, and then none.
    pub(crate) async fn next(&mut self, most: usize) -> Result<Vec<Vec<Cell>>, CopyError> {
        let mut batch = Vec::new();
        while batch.len() < most {
            let row = match self {
                Rows::Sqlite(rows) => rows.try_next().await?.as_ref().map(of_sqlite).transpose()?,
                Rows::Postgres(rows) => {
                    rows.try_next().await?.as_ref().map(of_postgres).transpose()?
                }
            };
            let Some(row) = row else { break };
            batch.push(row);
        }
        Ok(batch)
    }
}

fn odd(column: &str) -> CopyError {
    CopyError::Database(format!("column `{column}` holds a value of another type"))
}

fn of_sqlite(row: &SqliteRow) -> Result<Vec<Cell>, CopyError> {
    let cell = |n: usize| {
        let value = row.try_get_raw(n)?;
        if value.is_null() {
            return Ok(Cell::Null);
        }
        Ok(match value.type_info().name() {
            "INTEGER" => Cell::Int(row.try_get(n)?),
            "TEXT" => Cell::Text(row.try_get(n)?),
            "BLOB" => Cell::Bytes(row.try_get(n)?),
            _ => return Err(odd(row.column(n).name())),
        })
    };
    (0..row.len()).map(cell).collect()
}

fn of_postgres(row: &PgRow) -> Result<Vec<Cell>, CopyError> {
    let cell = |n: usize| {
        if row.try_get_raw(n)?.is_null() {
            return Ok(Cell::Null);
        }
        Ok(match row.column(n).type_info().name() {
            "INT8" => Cell::Int(row.try_get(n)?),
            "TEXT" => Cell::Text(row.try_get(n)?),
            "BYTEA" => Cell::Bytes(row.try_get(n)?),
            "UUID" => Cell::Bytes(row.try_get::<Uuid, _>(n)?.as_bytes().to_vec()),
            _ => return Err(odd(row.column(n).name())),
        })
    };
    (0..row.len()).map(cell).collect()
}
