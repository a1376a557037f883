//! Values in and rows out.

use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, Row as _, TypeInfo, ValueRef};

use crate::error::StoreError;
use crate::sql::{Row, Value};

/// Collects the binds of a statement; the first value that the driver refuses is remembered.
#[derive(Default)]
pub(crate) struct Binds {
    arguments: SqliteArguments,
    refused: bool,
}

impl Binds {
    pub(crate) fn add<'t, T>(&mut self, value: T)
    where
        T: sqlx::Encode<'t, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.refused |= self.arguments.add(value).is_err();
    }

    pub(crate) fn finish(self) -> Result<SqliteArguments, StoreError> {
        if self.refused {
            return Err(StoreError::Internal("a value could not be bound".to_owned()));
        }
        Ok(self.arguments)
    }
}

pub(crate) fn arguments(values: Vec<Value>) -> Result<SqliteArguments, StoreError> {
    let mut binds = Binds::default();
    for value in values {
        match value {
            Value::Int(value) => binds.add(value),
            Value::Text(value) => binds.add(value),
            Value::Blob(value) => binds.add(value),
            Value::Id(value) => binds.add(value.map(|id| id.as_bytes().to_vec())),
            Value::Ids(ids) => {
                binds.add(ids.iter().flat_map(|id| *id.as_bytes()).collect::<Vec<u8>>())
            }
        }
    }
    binds.finish()
}

/// A row as plain values.
pub(crate) fn row(row: &SqliteRow) -> Result<Row, StoreError> {
    let odd = || StoreError::Internal("an answer cannot be read".to_owned());
    let mut values = Vec::with_capacity(row.len());
    for column in 0..row.len() {
        let raw = row.try_get_raw(column).map_err(|_| odd())?;
        let kind =
            if raw.is_null() { "NULL".to_owned() } else { raw.type_info().name().to_owned() };
        values.push(match kind.as_str() {
            "NULL" => Value::Int(None),
            "TEXT" => Value::Text(row.try_get(column).map_err(|_| odd())?),
            "BLOB" => Value::Blob(row.try_get(column).map_err(|_| odd())?),
            _ => Value::Int(row.try_get(column).map_err(|_| odd())?),
        });
    }
    Ok(Row(values))
}
