//! Writing a store into an empty place.

use std::collections::BTreeSet;

use config::StoreUrl;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection, raw_sql};
use uuid::Uuid;

use super::CopyError;
use super::cell::Cell;
use super::table::Table;
use crate::migrate::MIGRATIONS;
use crate::{postgres, sqlite};

/// The place, and the transaction in which it is filled.
pub(crate) struct Target(Open);

enum Open {
    Sqlite(SqliteConnection, sqlite::StoreLock),
    Postgres(PgConnection),
}

/// A column of values for PostgreSQL, which takes many rows as one array for each column.
enum Array {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Ids(Vec<Option<Uuid>>),
}

impl Target {
    /// Makes the tables of a schema in an empty place, without the rows that a new store begins with.
    pub(crate) async fn open(
        url: &StoreUrl,
        (schema, tables): (i64, &[Table]),
    ) -> Result<Target, CopyError> {
        let mut target = Target::made(url, schema).await?;
        for table in tables {
            target.clear(table).await?;
        }
        Ok(target)
    }

    /// Where nothing is to be deleted nothing is asked to be: some tables refuse that by triggers, whatever they hold.
    async fn clear(&mut self, table: &Table) -> Result<(), CopyError> {
        let some = AssertSqlSafe(format!("select count(*) from {}", table.name));
        let none = AssertSqlSafe(format!("delete from {}", table.name));
        match &mut self.0 {
            Open::Sqlite(connection, _) => {
                let rows: i64 = connection.fetch_one(sqlx::query(some)).await?.try_get(0)?;
                if rows > 0 {
                    connection.execute(sqlx::query(none)).await?;
                }
            }
            Open::Postgres(connection) => {
                let rows: i64 = connection.fetch_one(sqlx::query(some)).await?.try_get(0)?;
                if rows > 0 {
                    connection.execute(sqlx::query(none)).await?;
                }
            }
        }
        Ok(())
    }

    async fn made(url: &StoreUrl, schema: i64) -> Result<Target, CopyError> {
        let migrations = MIGRATIONS.iter().filter(|migration| migration.version <= schema);
        match url {
            StoreUrl::Sqlite(file) => {
                let place = sqlite::Place { file: file.clone() };
                if sqlite::stored(&place).await?.is_some() {
                    return Err(CopyError::NotEmpty);
                }
                let lock = sqlite::StoreLock::take(file)?;
                let mut connection = sqlite::made(&place).await?;
                connection.execute("begin immediate").await?;
                for migration in migrations {
                    connection.execute(raw_sql(migration.sqlite)).await?;
                    let mark = "insert into schema_version (version, applied_us) values ($1, 0)";
                    connection.execute(sqlx::query(mark).bind(migration.version)).await?;
                }
                Ok(Target(Open::Sqlite(connection, lock)))
            }
            StoreUrl::Postgres { url, password } => {
                let (place, stored) = postgres::look(url, password.as_ref()).await?;
                if stored.is_some() {
                    return Err(CopyError::NotEmpty);
                }
                let mut connection = postgres::bare(&place).await?;
                connection.execute("begin").await?;
                for migration in migrations {
                    connection.execute(raw_sql(migration.postgres)).await?;
                    let mark = "insert into schema_version (version, applied_us) values ($1, 0)";
                    connection.execute(sqlx::query(mark).bind(migration.version)).await?;
                }
                Ok(Target(Open::Postgres(connection)))
            }
        }
    }

    /// Writes rows of a table.
    pub(crate) async fn put(
        &mut self,
        table: &Table,
        rows: Vec<Vec<Cell>>,
    ) -> Result<(), CopyError> {
        match &mut self.0 {
            Open::Sqlite(connection, _) => put_sqlite(connection, table, rows).await,
            Open::Postgres(connection) => put_postgres(connection, table, rows).await,
        }
    }

    /// Holds every delivery that is open: what became of it after the copy was made is not known. Gives how many there are.
    pub(crate) async fn hold_what_is_open(&mut self) -> Result<u64, CopyError> {
        let hold = "update deliveries set state = 12, reason_code = 'restored' where state < 12";
        Ok(match &mut self.0 {
            Open::Sqlite(connection, _) => connection.execute(hold).await?.rows_affected(),
            Open::Postgres(connection) => connection.execute(hold).await?.rows_affected(),
        })
    }

    /// Makes it durable.
    pub(crate) async fn commit(self) -> Result<(), CopyError> {
        match self.0 {
            Open::Sqlite(mut connection, lock) => {
                connection.execute("commit").await?;
                connection.close().await?;
                drop(lock);
            }
            Open::Postgres(mut connection) => {
                count_on(&mut connection).await?;
                connection.execute("commit").await?;
                connection.close().await?;
            }
        }
        Ok(())
    }
}

async fn put_sqlite(
    connection: &mut SqliteConnection,
    table: &Table,
    rows: Vec<Vec<Cell>>,
) -> Result<(), CopyError> {
    let places: Vec<String> = (1..=table.columns.len()).map(|n| format!("${n}")).collect();
    let (name, list, places) = (&table.name, table.list(), places.join(", "));
    let sql = format!("insert into {name} ({list}) values ({places})");
    for row in rows {
        let mut query = sqlx::query(AssertSqlSafe(sql.clone()));
        for cell in row {
            query = match cell {
                Cell::Null => query.bind(None::<i64>),
                Cell::Int(value) => query.bind(value),
                Cell::Text(text) => query.bind(text),
                Cell::Bytes(bytes) => query.bind(bytes),
            };
        }
        connection.execute(query).await?;
    }
    Ok(())
}

async fn put_postgres(
    connection: &mut PgConnection,
    table: &Table,
    rows: Vec<Vec<Cell>>,
) -> Result<(), CopyError> {
    let types = "select column_name::text, data_type::text from information_schema.columns
        where table_schema = current_schema() and table_name = $1";
    let found = connection.fetch_all(sqlx::query(types).bind(&table.name)).await?;
    let type_of = |column: &String| -> Result<String, CopyError> {
        for row in &found {
            if row.try_get::<String, _>(0)? == *column {
                return Ok(row.try_get(1)?);
            }
        }
        Err(CopyError::Database(format!("there is no column `{column}`")))
    };
    let types: Vec<String> = table.columns.iter().map(type_of).collect::<Result<_, _>>()?;
    let places: Vec<String> =
        types.iter().zip(1..).map(|(of, n)| format!("${n}::{of}[]")).collect();
    let (name, list, places) = (&table.name, table.list(), places.join(", "));
    let sql = format!(
        "insert into {name} ({list}) overriding system value select * from unnest({places})"
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for array in arrays(&types, rows)? {
        query = match array {
            Array::Ints(values) => query.bind(values),
            Array::Texts(values) => query.bind(values),
            Array::Bytes(values) => query.bind(values),
            Array::Ids(values) => query.bind(values),
        };
    }
    connection.execute(query).await?;
    Ok(())
}

/// Rows as columns.
fn arrays(types: &[String], rows: Vec<Vec<Cell>>) -> Result<Vec<Array>, CopyError> {
    let mut arrays = Vec::with_capacity(types.len());
    for of in types {
        arrays.push(match of.as_str() {
            "bigint" => Array::Ints(Vec::with_capacity(rows.len())),
            "text" => Array::Texts(Vec::with_capacity(rows.len())),
            "bytea" => Array::Bytes(Vec::with_capacity(rows.len())),
            "uuid" => Array::Ids(Vec::with_capacity(rows.len())),
            other => return Err(CopyError::Database(format!("`{other}` is no type of a store"))),
        });
    }
    let odd = || CopyError::Database("a value is of another type than its column".to_owned());
    for row in rows {
        for (array, cell) in arrays.iter_mut().zip(row) {
            match (array, cell) {
                (Array::Ints(all), Cell::Int(value)) => all.push(Some(value)),
                (Array::Ints(all), Cell::Null) => all.push(None),
                (Array::Texts(all), Cell::Text(text)) => all.push(Some(text)),
                (Array::Texts(all), Cell::Null) => all.push(None),
                (Array::Bytes(all), Cell::Bytes(bytes)) => all.push(Some(bytes)),
                (Array::Bytes(all), Cell::Null) => all.push(None),
                (Array::Ids(all), Cell::Bytes(bytes)) => {
                    all.push(Some(Uuid::from_slice(&bytes).map_err(|_| odd())?));
                }
                (Array::Ids(all), Cell::Null) => all.push(None),
                _ => return Err(odd()),
            }
        }
    }
    Ok(arrays)
}

/// Rows that are made from now on get numbers behind those that were copied.
async fn count_on(connection: &mut PgConnection) -> Result<(), CopyError> {
    let counted = "select table_name::text, column_name::text from information_schema.columns
        where table_schema = current_schema() and is_identity = 'YES'";
    let found = connection.fetch_all(sqlx::query(counted)).await?;
    let mut all = BTreeSet::new();
    for row in found {
        all.insert((row.try_get::<String, _>(0)?, row.try_get::<String, _>(1)?));
    }
    for (table, column) in all {
        let sql = format!(
            "select setval(pg_get_serial_sequence('{table}', '{column}'), coalesce(max({column}), 1), max({column}) is not null) from {table}"
        );
        connection.execute(sqlx::query(AssertSqlSafe(sql))).await?;
    }
    Ok(())
}
