//! The reading connections of either database.

use std::sync::Arc;

use sqlx::PgPool;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use crate::error::StoreError;
use crate::ids::ChannelId;
use crate::seal::{self, Column, DataKey, DataKeyId, KeyRing, KeyRow, Place, Purpose};
use crate::sql::{Row, Statement, Value, statements, values};

statements! {
    DATA_KEY = "select id, purpose, channel, day, kek_id, wrapped, commitment from data_keys where id = $1";
}

/// Asks statements on connections that cannot write, and opens what they bring.
#[derive(Clone)]
pub(crate) struct Reader {
    pool: Pool,
    ring: Arc<KeyRing>,
}

#[derive(Clone)]
pub(crate) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Reader {
    pub(crate) fn new(pool: Pool, ring: Arc<KeyRing>) -> Reader {
        Reader { pool, ring }
    }

    pub(crate) async fn rows(
        &self,
        statement: Statement,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, StoreError> {
        match &self.pool {
            Pool::Sqlite(pool) => crate::sqlite::read(pool, statement, values).await,
            Pool::Postgres(pool) => crate::postgres::read(pool, statement, values).await,
        }
    }

    pub(crate) async fn row(
        &self,
        statement: Statement,
        values: Vec<Value>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement, values).await?.into_iter().next())
    }

    /// Opens a sealed value; its key is read when it is not at hand.
    pub(crate) async fn open(
        &self,
        channel: ChannelId,
        column: Column,
        row: Uuid,
        blob: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let unreadable = || StoreError::Unreadable(column.what());
        let id = seal::key_of(blob).map_err(|_| unreadable())?;
        let key = match self.ring.known(&id) {
            Some(key) => key,
            None => self.data_key(&id).await?.ok_or_else(unreadable)?,
        };
        seal::open(&key, Place { channel, column, row }, blob).map_err(|_| unreadable())
    }

    pub(crate) async fn data_key(
        &self,
        id: &DataKeyId,
    ) -> Result<Option<Arc<DataKey>>, StoreError> {
        let Some(row) = self.row(DATA_KEY, values![&id[..]]).await? else { return Ok(None) };
        Ok(self.ring.learn(&key_row(&row)?))
    }

    pub(crate) async fn close(&self) {
        match &self.pool {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

/// A row of `data_keys`.
pub(crate) fn key_row(row: &Row) -> Result<KeyRow, StoreError> {
    let odd = || StoreError::Internal("a data key has an odd row".to_owned());
    Ok(KeyRow {
        id: row.blob(0)?.try_into().map_err(|_| odd())?,
        purpose: row.code(1, Purpose::from_code)?,
        channel: row.int(2)?,
        day: row.int(3)?,
        kek_id: crate::key::KekId(row.blob(4)?.try_into().map_err(|_| odd())?),
        wrapped: row.blob(5)?.to_vec(),
        commitment: row.blob(6)?.to_vec(),
    })
}
