//! Connects: how a session is set up, and what can be told about a database without changing it.

use std::str::FromStr;
use std::time::Duration;

use phi::Secret;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, Row};
use tokio::time::Instant;

use super::{PostgresBackend, fault};
use crate::error::OpenError;
use crate::migrate::Stored;

/// Writing connections. A channel always uses the same one.
pub(super) const WRITERS: usize = 2;
const READERS: u32 = 4;
/// How long anything may take before the server is taken for gone.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);
/// How long a start waits for the lock of an engine that may be gone, and how often it looks.
const LOCK_WAIT: Duration = Duration::from_secs(10);
const LOCK_LOOK: Duration = Duration::from_millis(200);
/// `hilum` in numbers: held for as long as an engine has the store open.
pub(super) const STORE_LOCK: i64 = 0x6869_6c75_6d00_0001;

/// Where a store's database is.
pub(crate) struct Place {
    pub options: PgConnectOptions,
}

/// Looks at a database without changing it.
pub(crate) async fn look(
    url: &str,
    password: Option<&Secret<String>>,
) -> Result<(Place, Option<Stored>), OpenError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| OpenError::Url(url.to_owned()))?;
    let options = match password {
        Some(password) => options.password(password.expose_secret()),
        None => options,
    };
    let options = options
        .application_name("hilum")
        .statement_cache_capacity(256)
        .options([
            ("synchronous_commit", "on"),
            ("statement_timeout", "12000"),
            ("lock_timeout", "10000"),
            ("idle_in_transaction_session_timeout", "30000"),
            // A session whose engine is gone must let go of the store within half a minute.
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "5"),
            ("tcp_keepalives_count", "3"),
        ])
        .disable_statement_logging();
    let place = Place { options };
    let mut connection = connect(&place.options).await?;
    let stored = stored(&mut connection).await.map_err(|error| fault::opening(&error))?;
    connection.close().await.map_err(|error| fault::opening(&error))?;
    Ok((place, stored))
}

async fn stored(connection: &mut PgConnection) -> Result<Option<Stored>, sqlx::Error> {
    let tables =
        "select to_regclass('schema_version') is not null and to_regclass('meta') is not null";
    if !connection.fetch_one(sqlx::query(tables)).await?.get::<bool, _>(0) {
        return Ok(None);
    }
    let schema = "select coalesce(max(version), 0) from schema_version";
    let schema: i64 = connection.fetch_one(sqlx::query(schema)).await?.get(0);
    let facts = "select name, value from meta where name like 'kek%'";
    let facts = connection.fetch_all(sqlx::query(facts)).await?;
    Ok(Some(Stored::of(schema, facts.iter().map(|row| (row.get(0), row.get(1))).collect())))
}

pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, OpenError> {
    match tokio::time::timeout(DEADLINE, options.connect()).await {
        Ok(connected) => connected.map_err(|error| fault::opening(&error)),
        Err(_) => Err(OpenError::Unreachable("the server does not answer".to_owned())),
    }
}

/// A session without limits of time, for what is no engine.
pub(crate) async fn bare(place: &Place) -> Result<PgConnection, OpenError> {
    let unlimited = [("statement_timeout", "0"), ("idle_in_transaction_session_timeout", "0")];
    connect(&place.options.clone().options(unlimited)).await
}

/// Whether no engine has the store open; while the session lasts, none can.
pub(crate) async fn is_free(connection: &mut PgConnection) -> Result<bool, OpenError> {
    lock(connection).await.map_err(|error| fault::opening(&error))
}

/// How a writing session plans. Its statements go by key and are planned once, perhaps while the tables are empty and a walk through all of
/// them looks cheap: without these settings that plan would stay in force while the tables grow.
const BY_KEY: [(&str, &str); 5] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
];

/// Opens the writing connections. The first holds the store's lock, so that a second engine is refused.
pub(crate) async fn open_writers(place: &Place) -> Result<Vec<PostgresBackend>, OpenError> {
    let options = place.options.clone().options(BY_KEY);
    let mut writers = Vec::with_capacity(WRITERS);
    for n in 0..WRITERS {
        let mut connection = connect(&options).await?;
        if n == 0
            && !lock_patiently(&mut connection).await.map_err(|error| fault::opening(&error))?
        {
            return Err(OpenError::Locked("its lock in the database is taken".to_owned()));
        }
        writers.push(PostgresBackend::new(connection, options.clone(), n == 0));
    }
    Ok(writers)
}

/// Waits a while for the lock: a server notices only after a moment that an engine that was killed is gone.
async fn lock_patiently(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let until = Instant::now() + LOCK_WAIT;
    let mut told = false;
    while !lock(connection).await? {
        if Instant::now() >= until {
            return Ok(false);
        }
        if !told {
            told = true;
            tracing::info!("the store's lock is taken: waiting {} s for it", LOCK_WAIT.as_secs());
        }
        tokio::time::sleep(LOCK_LOOK).await;
    }
    Ok(true)
}

/// Takes the store's lock for the life of a session, or says that somebody else has it.
pub(super) async fn lock(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let locked = connection
        .fetch_one(sqlx::query("select pg_try_advisory_lock($1)").bind(STORE_LOCK))
        .await?;
    locked.try_get(0)
}

/// Opens the reading connections.
pub(crate) async fn open_readers(place: &Place) -> Result<PgPool, OpenError> {
    let options = place.options.clone().options([("default_transaction_read_only", "on")]);
    PgPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(DEADLINE)
        .connect_with(options)
        .await
        .map_err(|error| fault::opening(&error))
}
