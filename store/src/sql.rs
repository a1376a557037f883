//! Statements, values and rows as both databases take them.
//!
//! What is asked rarely is one text for both, with `$1` parameters, and its values travel in [`Value`]. What is asked for every message has
//! texts of its own in `sqlite` and `postgres`.

use std::future::Future;
use std::pin::Pin;

use uuid::Uuid;

use crate::error::StoreError;

/// A named statement.
#[derive(Clone, Copy)]
pub(crate) struct Statement {
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// Declares named statements, with a test beside them that prepares every one on both databases.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sqlite:expr $(, postgres: $postgres:expr)?;)*) => {
        $($(#[$doc])* pub(crate) const $name: $crate::sql::Statement = $crate::sql::Statement {
            name: stringify!($name),
            sqlite: $sqlite,
            postgres: $crate::sql::statements!(@text $sqlite $(, $postgres)?),
        };)*
        #[cfg(test)]
        mod statements_are_sql {
            const STATEMENTS: &[$crate::sql::Statement] = &[$(super::$name,)*];

            #[tokio::test]
            async fn of_sqlite() {
                $crate::prepare::on_sqlite(STATEMENTS).await;
            }

            #[tokio::test]
            async fn of_postgres() {
                $crate::prepare::on_postgres(STATEMENTS).await;
            }
        }
    };
    (@text $sqlite:expr) => { $sqlite };
    (@text $sqlite:expr, $postgres:expr) => { $postgres };
}
pub(crate) use statements;

/// A value on its way into a statement, or out of one. A missing value still has a type, which PostgreSQL asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
    Id(Option<Uuid>),
    /// One after the other in one value; never comes out of a statement.
    Ids(Vec<Uuid>),
}

macro_rules! value_from {
    ($($type:ty => |$value:ident| $made:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Value {
                $made
            }
        })*
    };
}

value_from! {
    i64 => |value| Value::Int(Some(value));
    Option<i64> => |value| Value::Int(value);
    &str => |value| Value::Text(Some(value.to_owned()));
    String => |value| Value::Text(Some(value));
    Option<String> => |value| Value::Text(value);
    &[u8] => |value| Value::Blob(Some(value.to_vec()));
    Vec<u8> => |value| Value::Blob(Some(value));
    Option<Vec<u8>> => |value| Value::Blob(value);
    Uuid => |value| Value::Id(Some(value));
    Option<Uuid> => |value| Value::Id(value);
}

/// The values of a statement, in order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::Value::from($value)),*] };
}
pub(crate) use values;

/// A row of an answer.
#[derive(Debug)]
pub(crate) struct Row(pub Vec<Value>);

/// A column that does not hold what its statement promises: the database was changed by other hands, or is damaged.
fn odd(column: usize) -> StoreError {
    StoreError::Internal(format!("column {column} of an answer holds something else"))
}

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.int_or_none(column)?.ok_or_else(|| odd(column))
    }

    pub(crate) fn int_or_none(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(*value),
            Some(Value::Text(None) | Value::Blob(None) | Value::Id(None)) => Ok(None),
            _ => Err(odd(column)),
        }
    }

    pub(crate) fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.text_or_none(column)?.ok_or_else(|| odd(column))
    }

    pub(crate) fn text_or_none(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(value.as_deref()),
            Some(Value::Int(None) | Value::Blob(None) | Value::Id(None)) => Ok(None),
            _ => Err(odd(column)),
        }
    }

    pub(crate) fn blob(&self, column: usize) -> Result<&[u8], StoreError> {
        self.blob_or_none(column)?.ok_or_else(|| odd(column))
    }

    pub(crate) fn blob_or_none(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.0.get(column) {
            Some(Value::Blob(value)) => Ok(value.as_deref()),
            Some(Value::Int(None) | Value::Text(None) | Value::Id(None)) => Ok(None),
            _ => Err(odd(column)),
        }
    }

    pub(crate) fn id(&self, column: usize) -> Result<Uuid, StoreError> {
        self.id_or_none(column)?.ok_or_else(|| odd(column))
    }

    pub(crate) fn id_or_none(&self, column: usize) -> Result<Option<Uuid>, StoreError> {
        match self.0.get(column) {
            Some(Value::Id(value)) => Ok(*value),
            Some(Value::Blob(Some(bytes))) => {
                Uuid::from_slice(bytes).map(Some).map_err(|_| odd(column))
            }
            Some(Value::Int(None) | Value::Text(None) | Value::Blob(None)) => Ok(None),
            _ => Err(odd(column)),
        }
    }

    pub(crate) fn token(&self, column: usize) -> Result<[u8; 16], StoreError> {
        <[u8; 16]>::try_from(self.blob(column)?).map_err(|_| odd(column))
    }

    /// A code of one of the closed sets.
    pub(crate) fn code<T>(
        &self,
        column: usize,
        from: fn(i64) -> Option<T>,
    ) -> Result<T, StoreError> {
        from(self.int(column)?).ok_or_else(|| odd(column))
    }
}

/// An answer that comes later.
pub(crate) type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// One connection, asked one statement after the other.
pub(crate) trait Session: Send {
    /// The rows that a statement gives.
    fn rows(&mut self, statement: Statement, values: Vec<Value>) -> Later<'_, Vec<Row>>;

    /// How many rows a statement changed.
    fn run(&mut self, statement: Statement, values: Vec<Value>) -> Later<'_, u64>;
}

/// The one row of an answer, or none.
pub(crate) async fn row(
    session: &mut dyn Session,
    statement: Statement,
    values: Vec<Value>,
) -> Result<Option<Row>, StoreError> {
    Ok(session.rows(statement, values).await?.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_what_it_holds_and_nothing_else() {
        let id = Uuid::now_v7();
        let row = Row(values![7_i64, "x", id.as_bytes().to_vec(), None::<i64>]);
        assert_eq!(row.int(0), Ok(7));
        assert_eq!(row.text(1), Ok("x"));
        assert_eq!(row.id(2), Ok(id));
        assert_eq!(row.id_or_none(3), Ok(None));
        assert_eq!(row.blob_or_none(3), Ok(None));
        assert!(
            row.int(1).is_err()
                && row.int(3).is_err()
                && row.int(9).is_err()
                && row.text(0).is_err()
        );
    }
}
