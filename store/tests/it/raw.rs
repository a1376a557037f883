//! The database as somebody else sees it: with other hands than the store's.

use sqlx::{AssertSqlSafe, ColumnIndex, Connection, Executor, PgConnection, Row, SqliteConnection};

use crate::home::Home;
use config::StoreUrl;

/// An open connection to the database of a home.
pub enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    pub async fn of(home: &Home) -> Raw {
        Raw::of_url(&home.url).await
    }

    pub async fn of_url(url: &StoreUrl) -> Raw {
        match url {
            StoreUrl::Sqlite(file) => Raw::Sqlite(
                SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap(),
            ),
            StoreUrl::Postgres { url, .. } => {
                Raw::Postgres(PgConnection::connect(url).await.unwrap())
            }
        }
    }

    /// Whether the database did it.
    pub async fn allows(&mut self, sql: &str) -> bool {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Raw::Sqlite(raw) => raw.execute(sql).await.is_ok(),
            Raw::Postgres(raw) => raw.execute(sql).await.is_ok(),
        }
    }

    /// The first column of every row, as bytes.
    pub async fn blobs(&mut self, sql: &str) -> Vec<Vec<u8>> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Raw::Sqlite(raw) => column(raw.fetch_all(sqlx::query(sql)).await.unwrap()),
            Raw::Postgres(raw) => column(raw.fetch_all(sqlx::query(sql)).await.unwrap()),
        }
    }

    /// Runs a statement with one parameter, bytes.
    pub async fn put(&mut self, sql: &str, bytes: Vec<u8>) {
        let sql = AssertSqlSafe(sql.to_owned());
        let changed = match self {
            Raw::Sqlite(raw) => {
                raw.execute(sqlx::query(sql).bind(bytes)).await.unwrap().rows_affected()
            }
            Raw::Postgres(raw) => {
                raw.execute(sqlx::query(sql).bind(bytes)).await.unwrap().rows_affected()
            }
        };
        assert_eq!(changed, 1);
    }

    pub async fn close(self) {
        match self {
            Raw::Sqlite(raw) => raw.close().await.unwrap(),
            Raw::Postgres(raw) => raw.close().await.unwrap(),
        }
    }
}

fn column<R: Row>(rows: Vec<R>) -> Vec<Vec<u8>>
where
    usize: ColumnIndex<R>,
    Vec<u8>: for<'r> sqlx::Decode<'r, R::Database> + sqlx::Type<R::Database>,
{
    rows.iter().map(|row| row.get(0)).collect()
}

/// An id as both databases write it in a statement.
pub fn id(home: &Home, id: impl ToString) -> String {
    let digits = id.to_string().replace('-', "");
    if home.is_postgres() { format!("'{digits}'::uuid") } else { format!("x'{digits}'") }
}

/// Every row of every table, as text; bytes are hexadecimal in it.
pub async fn dump(home: &Home) -> String {
    let mut raw = Raw::of(home).await;
    let Raw::Postgres(connection) = &mut raw else { panic!("SQLite is compared by its file") };
    let tables = "select tablename::text from pg_tables where schemaname = 'public' order by 1";
    let mut all = String::new();
    for table in connection.fetch_all(tables).await.unwrap() {
        let table: String = table.get(0);
        let rows = format!(
            "select coalesce(string_agg(t::text, ' ' order by t::text), '') from {table} t"
        );
        let rows: String = connection.fetch_one(AssertSqlSafe(rows)).await.unwrap().get(0);
        all.push_str(&format!("{table}: {rows}\n"));
    }
    raw.close().await;
    all
}

/// What is in the database, to see whether somebody changed it: the file of SQLite with its log, the rows of PostgreSQL.
pub async fn contents(home: &Home) -> Vec<u8> {
    match &home.url {
        StoreUrl::Sqlite(file) => {
            let mut bytes = std::fs::read(file).unwrap();
            let mut log = file.as_os_str().to_owned();
            log.push("-wal");
            bytes.extend(std::fs::read(log).unwrap_or_default());
            bytes
        }
        StoreUrl::Postgres { .. } => dump(home).await.into_bytes(),
    }
}
