//! The store on a PostgreSQL server: several writing connections by channel, a few reading ones.

mod bind;
mod fault;
mod group;
mod open;
mod space;

use std::future::Future;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::{Connection, Executor};

use open::{DEADLINE, connect, lock};
pub(crate) use open::{Place, bare, is_free, look, open_readers, open_writers};
pub(crate) use space::vacuum;

use crate::backend::{Backend, Framing, Writing};
use crate::error::StoreError;
use crate::group::{Group, Unwritten, write_rare};
use crate::migrate::Migration;
use crate::sql::{Later, Row, Session, Statement, Value};

/// A writing connection. It is dropped at the first sign that it may be broken: what it was doing is then unknown.
pub(crate) struct PostgresBackend {
    connection: Option<PgConnection>,
    options: PgConnectOptions,
    holds_lock: bool,
}

impl PostgresBackend {
    fn new(
        connection: PgConnection,
        options: PgConnectOptions,
        holds_lock: bool,
    ) -> PostgresBackend {
        PostgresBackend { connection: Some(connection), options, holds_lock }
    }

    /// Asks the server, and lets go of the connection when there is no answer.
    async fn ask<'s, T, F, R>(&'s mut self, question: F) -> Result<T, Asked>
    where
        F: FnOnce(&'s mut PgConnection) -> R,
        R: Future<Output = Result<T, sqlx::Error>>,
    {
        let slot = &mut self.connection;
        let answer = match slot {
            Some(connection) => tokio::time::timeout(DEADLINE, question(connection)).await,
            None => return Err(Asked::Gone),
        };
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(Asked::Refused(error)),
            Err(_elapsed) => Err(Asked::Gone),
        }
    }

    /// Lets go of a connection that is of no more use.
    fn judge(&mut self, error: StoreError) -> StoreError {
        if error == StoreError::Unavailable {
            self.connection = None;
        }
        error
    }

    async fn plain(&mut self, text: &'static str) -> Result<(), StoreError> {
        let done = self.ask(|connection| connection.execute(sqlx::raw_sql(text))).await;
        done.map(drop).map_err(|asked| self.judge(asked.meaning()))
    }

    async fn write_group(&mut self, group: &Group, framing: Framing) -> Result<(), Unwritten> {
        let opens = framing == Framing::Whole && group.has_rare();
        if opens {
            self.plain("begin").await?;
        }
        if group.has_rare() {
            write_rare(self, group).await?;
        }
        let arguments = group::arguments(group)?;
        let query = sqlx::query_with(group::GROUP, arguments);
        let done = self.ask(|connection| connection.execute(query)).await;
        if let Err(asked) = done {
            return Err(match asked {
                Asked::Gone => Unwritten::Failed(self.judge(StoreError::Unavailable)),
                Asked::Refused(error) => match fault::group(&error) {
                    Unwritten::Failed(error) => Unwritten::Failed(self.judge(error)),
                    other => other,
                },
            });
        }
        if opens {
            self.plain("commit").await?;
        }
        Ok(())
    }
}

/// Why a question has no answer.
enum Asked {
    /// The connection is not there, or the server did not answer in time.
    Gone,
    Refused(sqlx::Error),
}

impl Asked {
    fn meaning(&self) -> StoreError {
        match self {
            Asked::Gone => StoreError::Unavailable,
            Asked::Refused(error) => fault::any(error),
        }
    }
}

impl Session for PostgresBackend {
    fn rows(&mut self, statement: Statement, values: Vec<Value>) -> Later<'_, Vec<Row>> {
        Box::pin(async move {
            let arguments = bind::arguments(values)?;
            let query = sqlx::query_with(statement.postgres, arguments);
            let rows = self.ask(|connection| connection.fetch_all(query)).await;
            let rows = rows.map_err(|asked| named(statement, self.judge(asked.meaning())))?;
            rows.iter().map(bind::row).collect()
        })
    }

    fn run(&mut self, statement: Statement, values: Vec<Value>) -> Later<'_, u64> {
        Box::pin(async move {
            let arguments = bind::arguments(values)?;
            let query = sqlx::query_with(statement.postgres, arguments);
            let done = self.ask(|connection| connection.execute(query)).await;
            let done = done.map_err(|asked| named(statement, self.judge(asked.meaning())))?;
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

impl Backend for PostgresBackend {
    fn script(&mut self, migration: &'static Migration) -> Later<'_, ()> {
        Box::pin(self.plain(migration.postgres))
    }

    fn begin(&mut self) -> Later<'_, ()> {
        Box::pin(self.plain("begin"))
    }

    fn commit(&mut self) -> Later<'_, ()> {
        Box::pin(self.plain("commit"))
    }

    fn rollback(&mut self) -> Later<'_, ()> {
        Box::pin(async move {
            // A connection that is gone took its transaction with it.
            match self.connection {
                Some(_) => self.plain("rollback").await,
                None => Ok(()),
            }
        })
    }

    fn write<'a>(&'a mut self, group: &'a Group, framing: Framing) -> Writing<'a> {
        Box::pin(async move {
            let written = self.write_group(group, framing).await;
            if written.is_err() && framing == Framing::Whole && group.has_rare() {
                self.rollback().await?;
            }
            written
        })
    }

    fn erase(&mut self, _over: bool) -> Later<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    /// A server does that with a session of its own: see `space`.
    fn give_back(&mut self) -> Later<'_, bool> {
        Box::pin(async { Ok(false) })
    }

    fn recover(&mut self) -> Later<'_, ()> {
        Box::pin(async move {
            self.connection = None;
            let mut connection =
                connect(&self.options).await.map_err(|_| StoreError::Unavailable)?;
            if self.holds_lock {
                // Another engine may have taken the store meanwhile, or the server still believes in our old session: wait either way.
                let locked = tokio::time::timeout(DEADLINE, lock(&mut connection)).await;
                if !matches!(locked, Ok(Ok(true))) {
                    return Err(StoreError::Unavailable);
                }
            }
            self.connection = Some(connection);
            Ok(())
        })
    }

    fn rest(&mut self) -> Later<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn close(mut self: Box<Self>) -> Later<'static, ()> {
        Box::pin(async move {
            let Some(connection) = self.connection.take() else { return Ok(()) };
            match tokio::time::timeout(DEADLINE, connection.close()).await {
                Ok(closed) => closed.map_err(|error| fault::any(&error)),
                Err(_elapsed) => Err(StoreError::Unavailable),
            }
        })
    }
}

/// Asks one of the reading connections.
pub(crate) async fn read(
    pool: &PgPool,
    statement: Statement,
    values: Vec<Value>,
) -> Result<Vec<Row>, StoreError> {
    let query = sqlx::query_with(statement.postgres, bind::arguments(values)?);
    match tokio::time::timeout(DEADLINE, pool.fetch_all(query)).await {
        Ok(Ok(rows)) => rows.iter().map(bind::row).collect(),
        Ok(Err(error)) => Err(named(statement, fault::any(&error))),
        Err(_elapsed) => Err(StoreError::Unavailable),
    }
}
