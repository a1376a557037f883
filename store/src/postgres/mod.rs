//! The store on a PostgreSQL server.

use phi::Secret;
use sqlx::PgPool;

use crate::error::{OpenError, StoreError};
use crate::migrate::Stored;
use crate::sql::{Row, Statement, Value};

pub(crate) struct Place;

pub(crate) async fn look(
    url: &str,
    _password: Option<&Secret<String>>,
) -> Result<(Place, Option<Stored>), OpenError> {
    Err(OpenError::Url(url.to_owned()))
}

pub(crate) async fn open_writers(
    _place: &Place,
) -> Result<Vec<crate::sqlite::SqliteBackend>, OpenError> {
    Ok(Vec::new())
}

pub(crate) async fn open_readers(_place: &Place) -> Result<PgPool, OpenError> {
    Err(OpenError::Unreachable(String::new()))
}

pub(crate) async fn read(
    _pool: &PgPool,
    statement: Statement,
    _values: Vec<Value>,
) -> Result<Vec<Row>, StoreError> {
    Err(StoreError::Internal(statement.postgres.to_owned()))
}
