//! Walks the chain and says whether it is whole.

use uuid::Uuid;

use super::canonical::{Json, write};
use super::chain::{genesis, leaf, link};
use super::record::{hex, rfc3339};
use crate::error::StoreError;
use crate::read::Reader;
use crate::sql::{Row, statements, values};

/// Records read at once.
const SLICE: i64 = 1_000;

statements! {
    SLICE_OF_LOG = "select seq, ts_us, actor_id, action, channel_id, target_id, outcome, rec, leaf, chain
        from audit_log where seq >= $1 order by seq limit $2";
    HEAD_AT_REST = "select next_seq, chain from audit_head where one = 1";
}

/// What a walk along the chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// Records checked.
    pub checked: i64,
    /// The first record that is not as it was written.
    pub fault: Option<AuditFault>,
}

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// The record is not in canonical form, or its hash is not its own: it was changed.
    Modified {
        /// Its number.
        seq: i64,
    },
    /// A column says something else than the record.
    Column {
        /// Its number.
        seq: i64,
    },
    /// Records before it are missing.
    Deleted {
        /// The first missing number.
        seq: i64,
    },
    /// It does not follow the one before it: inserted, swapped, or its neighbour was changed.
    Unchained {
        /// Its number.
        seq: i64,
    },
    /// The log ends before its head says.
    Truncated {
        /// The first missing number.
        seq: i64,
    },
}

/// Checks the whole log.
pub(crate) async fn verify(reader: &Reader, log_id: Uuid) -> Result<AuditReport, StoreError> {
    // Read before the rows: records written meanwhile are more than it says, never fewer.
    let head = reader.row(HEAD_AT_REST, values![]).await?;
    let mut walk = Walk { next: 0, chain: genesis(log_id).to_vec() };
    loop {
        let rows = reader.rows(SLICE_OF_LOG, values![walk.next, SLICE]).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            if let Err(fault) = walk.step(row)? {
                return Ok(AuditReport { checked: walk.next, fault: Some(fault) });
            }
        }
    }
    let fault = match head {
        Some(head) if head.int(0)? > walk.next => Some(AuditFault::Truncated { seq: walk.next }),
        Some(head) if head.int(0)? == walk.next && head.blob(1)? != walk.chain => {
            Some(AuditFault::Unchained { seq: walk.next - 1 })
        }
        Some(_) => None,
        None => Some(AuditFault::Truncated { seq: 0 }),
    };
    Ok(AuditReport { checked: walk.next, fault })
}

struct Walk {
    next: i64,
    chain: Vec<u8>,
}

impl Walk {
    fn step(&mut self, row: &Row) -> Result<Result<(), AuditFault>, StoreError> {
        let seq = row.int(0)?;
        if seq != self.next {
            return Ok(Err(AuditFault::Deleted { seq: self.next }));
        }
        let text = row.blob(7)?;
        let Some(record) = read(text) else { return Ok(Err(AuditFault::Modified { seq })) };
        if record.get("prev").and_then(Json::as_text) != Some(&hex(&self.chain)) {
            return Ok(Err(AuditFault::Unchained { seq }));
        }
        let leaf = leaf(text);
        if row.blob(8)? != leaf {
            return Ok(Err(AuditFault::Modified { seq }));
        }
        let chain = link(&self.chain, &leaf);
        if row.blob(9)? != chain {
            return Ok(Err(AuditFault::Unchained { seq }));
        }
        if !columns_match(row, &record)? {
            return Ok(Err(AuditFault::Column { seq }));
        }
        self.next += 1;
        self.chain = chain.to_vec();
        Ok(Ok(()))
    }
}

/// The record, when its text is the one canonical text of it.
fn read(text: &[u8]) -> Option<Json> {
    let record = Json::from_serde(&serde_json::from_slice(text).ok()?)?;
    (write(&record).as_bytes() == text).then_some(record)
}

fn columns_match(row: &Row, record: &Json) -> Result<bool, StoreError> {
    let at = |path: &[&str]| {
        path.iter().try_fold(record, |value, key| value.get(key)).and_then(Json::as_text)
    };
    Ok(record.get("seq") == Some(&Json::Int(row.int(0)?))
        && at(&["ts"]) == Some(&rfc3339(row.int(1)?))
        && at(&["actor", "id"]) == row.text_or_none(2)?
        && at(&["action"]) == row.text_or_none(3)?
        && at(&["target", "channel"]) == row.text_or_none(4)?
        && at(&["target", "id"]) == row.text_or_none(5)?
        && at(&["outcome"]) == row.text_or_none(6)?)
}
