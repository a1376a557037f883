//! Prepares statements on a fresh schema of both databases: SQL that names what is not there is found before it is asked.

use std::collections::BTreeSet;

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, Row, SqlSafeStr, SqliteConnection, raw_sql,
};
use uuid::Uuid;

use crate::migrate::MIGRATIONS;
use crate::seal::Column;
use crate::sql::Statement;

pub(crate) async fn sqlite() -> SqliteConnection {
    let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for migration in MIGRATIONS {
        connection.execute(raw_sql(migration.sqlite)).await.unwrap();
    }
    connection
}

/// A session inside a transaction that nobody commits, in a schema of its own.
async fn postgres() -> PgConnection {
    let server = std::env::var("HILUM_TEST_PG_URL").expect(
        "set HILUM_TEST_PG_URL to a PostgreSQL superuser's URL; `tests/run` starts a server and does so",
    );
    let mut connection = PgConnection::connect(&server).await.unwrap();
    let schema = format!("prepare_{}", Uuid::new_v4().simple());
    let own = format!("begin; create schema {schema}; set local search_path to {schema}");
    connection.execute(raw_sql(AssertSqlSafe(own))).await.unwrap();
    for migration in MIGRATIONS {
        connection.execute(raw_sql(migration.postgres)).await.unwrap();
    }
    connection
}

pub(crate) async fn on_sqlite(statements: &[Statement]) {
    let mut connection = sqlite().await;
    for Statement { name, sqlite, .. } in statements {
        let prepared = connection.prepare(sqlite.into_sql_str()).await;
        assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
    }
}

pub(crate) async fn on_postgres(statements: &[Statement]) {
    let mut connection = postgres().await;
    for Statement { name, postgres, .. } in statements {
        let prepared = connection.prepare(postgres.into_sql_str()).await;
        assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
    }
}

/// Columns of bytes that hold no patient data: ids, tokens, hashes and wrapped keys.
const NOT_SEALED: &[&str] = &[
    "act_tokens.token",
    "approvals.digest",
    "arrived_acks.token",
    "audit_head.chain",
    "audit_head.tree",
    "audit_log.chain",
    "audit_log.leaf",
    "audit_epochs.proof",
    "audit_epochs.public",
    "audit_log.rec",
    "audit_log.seal",
    "audit_segments.chain",
    "audit_segments.sha256",
    "audit_segments.tree",
    "authorities.certificate",
    "authorities.crl",
    "authorities.spki",
    "awaited_acks.token",
    "certificates.certificate",
    "certificates.serial",
    "data_keys.commitment",
    "data_keys.id",
    "data_keys.kek_id",
    "data_keys.wrapped",
    "dead_groups.signature",
    "deliveries.lane",
    "emergencies.token",
    "deliveries.signature",
    "delivery_keys.lane",
    "job_letters.letters",
    "jobs.token",
    "key_reseals.new_key",
    "key_reseals.old_key",
    "key_reseals.receipt_key",
    "messages.control_token",
    "messages.digest",
    "messages.signature",
    "meta.value",
    "peer_keys.certificate",
    "peer_keys.spki",
    "recovery_codes.code",
    "revisions.hash",
    "search_tokens.token",
    "service_tokens.token",
    "sessions.token",
];

/// SQLite has no type for ids.
const SQLITE_IDS: &[&str] = &[
    "alert_outbox.alert",
    "alert_told.alert",
    "alert_windows.id",
    "alerts.id",
    "approvals.id",
    "arrived_acks.delivery",
    "arrived_acks.message",
    "attempts.delivery",
    "attempts.message",
    "authorities.id",
    "awaited_acks.ack",
    "awaited_acks.delivery",
    "awaited_acks.message",
    "bodies.id",
    "certificates.authority",
    "deliveries.id",
    "deliveries.message",
    "deliveries.superseded_by",
    "delivery_keys.delivery",
    "dups.message",
    "emergencies.envelope",
    "emergencies.id",
    "envelopes.id",
    "grants.user_id",
    "job_letters.job",
    "job_outcomes.job",
    "job_outcomes.letter",
    "job_outcomes.message",
    "jobs.approval",
    "jobs.id",
    "key_reseals.id",
    "legal_holds.id",
    "messages.body",
    "messages.id",
    "messages.parent",
    "messages.superseded_by",
    "messages.trace",
    "owed_acks.message",
    "recovery_codes.user_id",
    "saved_views.id",
    "service_tokens.id",
    "sessions.user_id",
    "users.id",
];

fn expected<'a>(more: &'a [&'a str]) -> BTreeSet<String> {
    let sealed = Column::ALL.iter().map(|(_, name)| *name);
    sealed.chain(NOT_SEALED.iter().chain(more).copied()).map(str::to_owned).collect()
}

#[tokio::test]
async fn every_column_of_bytes_is_sealed_or_known_to_be_harmless_on_sqlite() {
    let columns =
        "select t.name || '.' || c.name from sqlite_schema t join pragma_table_info(t.name) c
        where t.type = 'table' and lower(c.type) = 'blob'";
    let found = sqlite().await.fetch_all(columns).await.unwrap();
    let found: BTreeSet<String> = found.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, expected(SQLITE_IDS));
}

#[tokio::test]
async fn every_column_of_bytes_is_sealed_or_known_to_be_harmless_on_postgres() {
    let columns = "select table_name || '.' || column_name from information_schema.columns
        where table_schema = current_schema() and data_type = 'bytea'";
    let found = postgres().await.fetch_all(columns).await.unwrap();
    let found: BTreeSet<String> = found.iter().map(|row| row.get(0)).collect();
    assert_eq!(found, expected(&[]));
}
