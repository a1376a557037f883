//! The tables of a schema, in an order in which each is filled after those that it refers to.

use sqlx::{Connection, Executor, Row, SqliteConnection, raw_sql};

use super::CopyError;
use crate::migrate::MIGRATIONS;

/// What the schema itself fills, and what never holds a row.
const NOT_COPIED: [&str; 3] = ["schema_version", "expectations", "dead_groups"];

/// A table with its columns.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub name: String,
    pub columns: Vec<String>,
}

impl Table {
    /// The columns, as they stand in a statement.
    pub(crate) fn list(&self) -> String {
        self.columns.join(", ")
    }
}

/// The tables of a schema. Both databases have the same, with the same columns; they are read off an empty one in memory.
pub(crate) async fn tables(schema: i64) -> Result<Vec<Table>, CopyError> {
    let mut empty = SqliteConnection::connect("sqlite::memory:").await?;
    for migration in MIGRATIONS.iter().filter(|migration| migration.version <= schema) {
        empty.execute(raw_sql(migration.sqlite)).await?;
    }
    // They were made in that order, so what is referred to comes first.
    let names = "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by rowid";
    let mut tables = Vec::new();
    for row in empty.fetch_all(sqlx::query(names)).await? {
        let name: String = row.try_get(0)?;
        if NOT_COPIED.contains(&name.as_str()) {
            continue;
        }
        let columns = sqlx::query("select name from pragma_table_info($1) order by cid");
        let columns = empty.fetch_all(columns.bind(&name)).await?;
        let columns = columns.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        tables.push(Table { name, columns });
    }
    empty.close().await?;
    Ok(tables)
}
