//! The rows of a store, one table after the other, whichever database they are in: read in one snapshot, written in one transaction.
//!
//! Values are carried as they are. What is sealed stays sealed, by keys that are wrapped by the same store key.

mod cell;
mod rows;
mod table;
mod target;

use config::StoreUrl;

use crate::error::OpenError;
use crate::migrate;

pub(crate) use cell::Cell;
pub use cell::Tally;
pub(crate) use rows::Source;
pub(crate) use table::{Table, tables};
pub(crate) use target::Target;

/// Rows that are carried at once.
const BATCH: usize = 500;

/// What was copied of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: String,
    /// How many rows, and what they add up to.
    pub tally: Tally,
}

/// Why a store was not copied. The target holds nothing then.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the two stores cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no store to copy.
    #[error("there is no store at `{0}`")]
    Nothing(String),
    /// The target is not empty.
    #[error("there is a store already: a copy is made into an empty place")]
    NotEmpty,
    /// A database has refused something.
    #[error("{0}")]
    Database(String),
    /// What was read back is not what was written.
    #[error("table `{0}` was not copied as it is")]
    Differs(String),
}

impl From<sqlx::Error> for CopyError {
    /// The words of a driver may quote values, so only the code of the database goes on.
    fn from(error: sqlx::Error) -> CopyError {
        let code = error.as_database_error().and_then(|error| error.code());
        let code = code.map(std::borrow::Cow::into_owned);
        CopyError::Database(match (code, error) {
            (Some(code), _) => format!("the database has refused it (code {code})"),
            (None, sqlx::Error::Io(error)) => format!("the database is gone: {}", error.kind()),
            (None, _) => "the database did not answer as it should".to_owned(),
        })
    }
}

/// Copies a store that no engine has open into an empty place, and compares the two. `told` hears how many rows of how many are there.
///
/// # Errors
/// Then the target holds nothing: it is one transaction.
pub async fn copy_store(
    from: &StoreUrl,
    to: &StoreUrl,
    mut told: impl FnMut(i64, i64),
) -> Result<Vec<Copied>, CopyError> {
    let mut source =
        Source::open(from).await?.ok_or_else(|| CopyError::Nothing(from.to_string()))?;
    let schema = source.schema();
    migrate::check(Some(&migrate::Stored::of(schema, Vec::new())))?;
    let tables = tables(schema).await?;
    let mut target = Target::open(to, (schema, &tables)).await?;
    let mut copied = Vec::with_capacity(tables.len());
    let (mut total, mut done) = (0, 0);
    for table in &tables {
        total += source.count(table).await?;
    }
    for table in &tables {
        let mut tally = Tally::default();
        let mut rows = source.rows(table).await?;
        loop {
            let batch = rows.next(BATCH).await?;
            if batch.is_empty() {
                break;
            }
            batch.iter().for_each(|row| tally.add(row));
            done += batch.len() as i64;
            target.put(table, batch).await?;
            told(done, total);
        }
        copied.push(Copied { table: table.name.clone(), tally });
    }
    target.commit().await?;
    drop(source);
    // Read back from the disk, by another connection.
    let mut again = Source::open(to).await?.ok_or_else(|| CopyError::Nothing(to.to_string()))?;
    for (table, copied) in tables.iter().zip(&copied) {
        let mut tally = Tally::default();
        let mut rows = again.rows(table).await?;
        loop {
            let batch = rows.next(BATCH).await?;
            if batch.is_empty() {
                break;
            }
            batch.iter().for_each(|row| tally.add(row));
        }
        if tally != copied.tally {
            return Err(CopyError::Differs(table.name.clone()));
        }
    }
    Ok(copied)
}
