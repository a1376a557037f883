//! The embedded store: one file, one writing connection, a few reading ones.

mod bind;
mod checkpoint;
mod fault;
mod group;
mod lock;
mod open;
mod space;
mod texts;

use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{AssertSqlSafe, Connection, Executor};

pub(crate) use lock::StoreLock;
pub(crate) use open::{Place, bare_reader, made, open_readers, open_writer, stored};

use crate::backend::{Backend, Framing, Writing};
use crate::error::StoreError;
use crate::group::{Group, Unwritten, write_rare};
use crate::migrate::Migration;
use crate::sql::{Later, Row, Session, Statement, Value};
use checkpoint::Checkpoints;
use group::Rows;
use texts::Texts;

/// The writing connection.
pub(crate) struct SqliteBackend {
    connection: SqliteConnection,
    texts: Texts,
    checkpoints: Checkpoints,
    /// Ends with the connection, and lets the next engine in.
    _lock: StoreLock,
}

impl SqliteBackend {
    async fn plain(&mut self, text: &'static str) -> Result<(), StoreError> {
        self.connection
            .execute(sqlx::query(text))
            .await
            .map(drop)
            .map_err(|error| fault::writing(&error))
    }

    async fn write_group(&mut self, group: &Group, framing: Framing) -> Result<(), Unwritten> {
        let rare = group.has_rare();
        let whole = framing == Framing::Whole && !rare;
        if rare {
            if framing == Framing::Whole {
                self.plain("begin immediate").await?;
            }
            write_rare(self, group).await?;
        }
        let rows = Rows::of(group);
        for (shape, pieces) in rows.texts(whole) {
            let arguments = rows.binds(&pieces)?;
            let text = self.texts.get(shape);
            let query = sqlx::query_with(AssertSqlSafe(text), arguments);
            self.connection.execute(query).await.map_err(|error| {
                if fault::is_constraint(&error) {
                    Unwritten::Unexpected
                } else {
                    Unwritten::Failed(fault::writing(&error))
                }
            })?;
        }
        if rare && framing == Framing::Whole {
            self.plain("commit").await?;
        }
        Ok(())
    }
}

impl Session for SqliteBackend {
    fn rows(&mut self, statement: Statement, values: Vec<Value>) -> Later<'_, Vec<Row>> {
        Box::pin(async move {
            let query = sqlx::query_with(statement.sqlite, bind::arguments(values)?);
            let rows = self
                .connection
                .fetch_all(query)
                .await
                .map_err(|error| named(statement, fault::writing(&error)))?;
            rows.iter().map(bind::row).collect()
        })
    }

    fn run(&mut self, statement: Statement, values: Vec<Value>) -> Later<'_, u64> {
        Box::pin(async move {
            let query = sqlx::query_with(statement.sqlite, bind::arguments(values)?);
            let done = self
                .connection
                .execute(query)
                .await
                .map_err(|error| named(statement, fault::writing(&error)))?;
            Ok(done.rows_affected())
        })
    }
}

/// A failure without a known reason names its statement, for whoever has to find it.
fn named(statement: Statement, error: StoreError) -> StoreError {
    match error {
        StoreError::Internal(text) => StoreError::Internal(format!("{}: {text}", statement.name)),
        other => other,
    }
}

impl Backend for SqliteBackend {
    fn script(&mut self, migration: &'static Migration) -> Later<'_, ()> {
        Box::pin(async move {
            let done = self.connection.execute(sqlx::raw_sql(migration.sqlite)).await;
            done.map(drop).map_err(|error| fault::writing(&error))
        })
    }

    fn begin(&mut self) -> Later<'_, ()> {
        Box::pin(self.plain("begin immediate"))
    }

    fn commit(&mut self) -> Later<'_, ()> {
        Box::pin(self.plain("commit"))
    }

    fn rollback(&mut self) -> Later<'_, ()> {
        Box::pin(async move {
            // A failed commit may have ended the transaction already; then there is nothing to undo.
            match self.connection.execute(sqlx::query("rollback")).await {
                Ok(_) => Ok(()),
                Err(error) if error.to_string().contains("no transaction is active") => Ok(()),
                Err(error) => Err(fault::writing(&error)),
            }
        })
    }

    fn write<'a>(&'a mut self, group: &'a Group, framing: Framing) -> Writing<'a> {
        Box::pin(async move {
            let written = self.write_group(group, framing).await;
            if let (Err(failed), Framing::Whole) = (&written, framing)
                && *failed != Unwritten::Failed(StoreError::SyncFailed)
            {
                self.rollback().await?;
            }
            written
        })
    }

    fn erase(&mut self, over: bool) -> Later<'_, ()> {
        let text = if over { "pragma secure_delete = on" } else { "pragma secure_delete = off" };
        Box::pin(async move {
            // It takes effect while it is prepared: one that is prepared already does nothing.
            let query = sqlx::query(text).persistent(false);
            let done = self.connection.execute(query).await;
            done.map(drop).map_err(|error| fault::writing(&error))
        })
    }

    fn give_back(&mut self) -> Later<'_, bool> {
        Box::pin(space::give_back(&mut self.connection))
    }

    fn recover(&mut self) -> Later<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn rest(&mut self) -> Later<'_, ()> {
        Box::pin(async move { self.checkpoints.check(&mut self.connection).await })
    }

    fn close(self: Box<Self>) -> Later<'static, ()> {
        Box::pin(async move {
            self.checkpoints.stop().await;
            self.connection.close().await.map_err(|error| fault::writing(&error))
        })
    }
}

/// Asks one of the reading connections.
pub(crate) async fn read(
    pool: &SqlitePool,
    statement: Statement,
    values: Vec<Value>,
) -> Result<Vec<Row>, StoreError> {
    let query = sqlx::query_with(statement.sqlite, bind::arguments(values)?);
    let rows =
        pool.fetch_all(query).await.map_err(|error| named(statement, fault::reading(&error)))?;
    rows.iter().map(bind::row).collect()
}
