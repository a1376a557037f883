//! The schema: plain SQL, forward only, the same numbers for both databases.

use crate::backend::Backend;
use crate::error::{OpenError, StoreError};
use crate::sql::{statements, values};

/// One step of the schema.
pub(crate) struct Migration {
    pub version: i64,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

macro_rules! migration {
    ($version:literal, $file:literal) => {
        Migration {
            version: $version,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../migrations/postgres/", $file)),
        }
    };
}

/// All of them, in order.
pub(crate) const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_store.sql"),
    migration!(2, "0002_batch.sql"),
    migration!(3, "0003_peers.sql"),
    migration!(4, "0004_acknowledgements.sql"),
    migration!(5, "0005_accounts.sql"),
    migration!(6, "0006_audit_epochs.sql"),
    migration!(7, "0007_audit_checkpoints.sql"),
    migration!(8, "0008_directory.sql"),
    migration!(9, "0009_alerts.sql"),
    migration!(10, "0010_approvals.sql"),
    migration!(11, "0011_audit_segments.sql"),
    migration!(12, "0012_audit_ledger.sql"),
    migration!(13, "0013_roles.sql"),
    migration!(14, "0014_retention.sql"),
    migration!(15, "0015_search.sql"),
    migration!(16, "0016_reseals.sql"),
    migration!(17, "0017_syslog.sql"),
    migration!(18, "0018_alert_handling.sql"),
    migration!(19, "0019_acts.sql"),
    migration!(20, "0020_finding.sql"),
];

/// The first schemas whose stores have these keys.
pub(crate) const SECRETS: i64 = 3;
pub(crate) const AUTH: i64 = 11;
/// The first schema whose data keys of messages seal nothing that stays as long as the row of a message.
pub(crate) const RECEIPTS: i64 = 14;

/// The newest schema that this program knows.
pub(crate) const KNOWN: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// What was found in a database before anything was changed.
pub(crate) struct Stored {
    pub schema: i64,
    pub kek_id: Option<Vec<u8>>,
    /// The key that is to take its place: a change of the key was under way.
    pub kek_next: Option<Vec<u8>>,
}

impl Stored {
    /// Out of the facts whose names begin with `kek`.
    pub(crate) fn of(schema: i64, facts: Vec<(String, Vec<u8>)>) -> Stored {
        let fact = |name: &str| {
            facts.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        Stored { schema, kek_id: fact("kek_id"), kek_next: fact("kek_next") }
    }
}

statements! {
    MARK = "insert into schema_version (version, applied_us) values ($1, $2)";
}

/// Refuses what a newer program made.
pub(crate) fn check(stored: Option<&Stored>) -> Result<(), OpenError> {
    match stored {
        Some(stored) if stored.schema > KNOWN => {
            Err(OpenError::Newer { found: stored.schema, known: KNOWN })
        }
        _ => Ok(()),
    }
}

/// Brings the schema up to date inside the open transaction.
pub(crate) async fn migrate(
    backend: &mut dyn Backend,
    stored: i64,
    now_us: i64,
) -> Result<(), StoreError> {
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > stored) {
        backend.script(migration).await?;
        backend.run(MARK, values![migration.version, now_us]).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_are_in_the_order_of_their_numbers() {
        assert!(MIGRATIONS.is_sorted_by(|one, next| one.version < next.version));
    }
}
