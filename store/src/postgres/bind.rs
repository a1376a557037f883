//! Values in and rows out.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Arguments, Row as _, TypeInfo, ValueRef};
use uuid::Uuid;

use crate::error::StoreError;
use crate::sql::{Row, Value};

pub(super) fn arguments(values: Vec<Value>) -> Result<PgArguments, StoreError> {
    let mut arguments = PgArguments::default();
    let refused = |_| StoreError::Internal("a value could not be bound".to_owned());
    for value in values {
        match value {
            Value::Int(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Blob(value) => arguments.add(value),
            Value::Id(value) => arguments.add(value),
            Value::Ids(ids) => arguments.add(ids),
        }
        .map_err(refused)?;
    }
    Ok(arguments)
}

/// A row as plain values.
pub(super) fn row(row: &PgRow) -> Result<Row, StoreError> {
    let odd = || StoreError::Internal("an answer cannot be read".to_owned());
    let mut values = Vec::with_capacity(row.len());
    for column in 0..row.len() {
        let raw = row.try_get_raw(column).map_err(|_| odd())?;
        let kind = raw.type_info().into_owned();
        values.push(match kind.name() {
            "INT8" => Value::Int(row.try_get(column).map_err(|_| odd())?),
            "INT4" => {
                Value::Int(row.try_get::<Option<i32>, _>(column).map_err(|_| odd())?.map(i64::from))
            }
            "TEXT" => Value::Text(row.try_get(column).map_err(|_| odd())?),
            "BYTEA" => Value::Blob(row.try_get(column).map_err(|_| odd())?),
            "UUID" => Value::Id(row.try_get::<Option<Uuid>, _>(column).map_err(|_| odd())?),
            _ => return Err(odd()),
        });
    }
    Ok(Row(values))
}
