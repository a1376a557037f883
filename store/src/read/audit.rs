//! The audit log as people read it: newest first, record by record as it was written.

use super::Reader;
use crate::error::StoreError;
use crate::sql::{statements, values};
use crate::store::Store;

statements! {
    RECORDS = "select seq, rec from audit_log where seq < $1 and ($2 = '' or actor_id = $2) and ($3 = '' or action = $3)
        and ($4 = '' or target_id = $4) and ts_us >= $5 and ts_us < $6 order by seq desc limit $7";
}

/// Which records.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Of this actor alone.
    pub actor: Option<String>,
    /// Of this act alone.
    pub action: Option<String>,
    /// About the thing with this id alone.
    pub target: Option<String>,
    /// From this time on, microseconds UTC.
    pub since_us: Option<i64>,
    /// Before this time.
    pub until_us: Option<i64>,
}

/// A record as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number in the log.
    pub seq: i64,
    /// Its canonical text, over which its hash goes.
    pub text: String,
}

impl Store {
    /// Records, the newest first, from before a number on.
    pub async fn audit_records(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        records(&self.inner.reader, filter, before, limit).await
    }
}

async fn records(
    reader: &Reader,
    filter: &AuditFilter,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<AuditRecord>, StoreError> {
    let rows = reader
        .rows(
            RECORDS,
            values![
                before.unwrap_or(i64::MAX),
                filter.actor.as_deref().unwrap_or_default(),
                filter.action.as_deref().unwrap_or_default(),
                filter.target.as_deref().unwrap_or_default(),
                filter.since_us.unwrap_or(i64::MIN),
                filter.until_us.unwrap_or(i64::MAX),
                i64::try_from(limit).unwrap_or(i64::MAX),
            ],
        )
        .await?;
    let record = |row: &crate::sql::Row| {
        let text = String::from_utf8_lossy(row.blob(1)?).into_owned();
        Ok(AuditRecord { seq: row.int(0)?, text })
    };
    rows.iter().map(record).collect()
}
