//! The chain: each record's hash covers the one before it.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::canonical::{Json, write};
use super::record::{Entry, Recorder};
use crate::error::StoreError;
use crate::sql::{Session, row, statements, values};

pub(super) type Hash = [u8; 32];

statements! {
    /// The end of the chain, locked until the transaction ends.
    HEAD = "select next_seq, chain from audit_head where one = 1",
        postgres: "select next_seq, chain from audit_head where one = 1 for update";
    /// The key that seals now; none in a log that is not sealed yet. Asked behind the lock: another writer may have begun an epoch.
    EPOCH = "select coalesce(max(number), 0) from audit_epochs";
    BEGIN = "insert into audit_head (one, next_seq, chain) values (1, 0, $1)";
    MOVE_HEAD = "update audit_head set next_seq = $1, chain = $2 where one = 1 and next_seq = $3";
    APPEND = "insert into audit_log (seq, ts_us, actor_id, action, channel_id, target_id, outcome, rec, leaf, chain, seal, epoch)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
}

/// What the first record follows.
pub(super) fn genesis(log_id: Uuid) -> Hash {
    Sha256::new().chain_update(b"genesis").chain_update(log_id.as_bytes()).finalize().into()
}

pub(super) fn leaf(record: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(record).finalize().into()
}

pub(super) fn link(prev: &[u8], leaf: &Hash) -> Hash {
    Sha256::new()
        .chain_update(b"hilum-audit-chain-v1")
        .chain_update(prev)
        .chain_update(leaf)
        .finalize()
        .into()
}

/// Begins the chain of a new store.
pub(crate) async fn begin(session: &mut dyn Session, log_id: Uuid) -> Result<(), StoreError> {
    session.run(BEGIN, values![&genesis(log_id)[..]]).await.map(drop)
}

/// Appends a record inside the transaction of its act. When it cannot be written the act must not be done.
pub(crate) async fn append(
    session: &mut dyn Session,
    recorder: &Recorder,
    entry: &Entry,
) -> Result<(), StoreError> {
    write_record(session, recorder, entry).await.map_err(|error| match error {
        StoreError::Internal(text) => {
            tracing::error!(text, "an audit record could not be written");
            StoreError::AuditUnavailable
        }
        other => other,
    })
}

async fn write_record(
    session: &mut dyn Session,
    recorder: &Recorder,
    entry: &Entry,
) -> Result<(), StoreError> {
    let head = row(session, HEAD, values![]).await?;
    let head = head.ok_or_else(|| StoreError::Internal("the audit log has no head".to_owned()))?;
    let (seq, prev) = (head.int(0)?, head.blob(1)?.to_vec());
    let record: Json = recorder.record(entry, seq, &prev);
    let text = write(&record).into_bytes();
    let leaf = leaf(&text);
    let chain = link(&prev, &leaf);
    let epoch = row(session, EPOCH, values![]).await?.map_or(Ok(0), |row| row.int(0))?;
    let seal = recorder.sealer.seal(epoch, &chain)?;
    let columns = values![
        seq,
        entry.act.now_us,
        &*entry.act.actor.id,
        entry.act.action,
        entry.target.channel.clone(),
        entry.target.id.clone(),
        entry.outcome.as_str(),
        text,
        &leaf[..],
        &chain[..],
        seal,
        epoch,
    ];
    session.run(APPEND, columns).await?;
    if session.run(MOVE_HEAD, values![seq + 1, &chain[..], seq]).await? != 1 {
        return Err(StoreError::Internal("the audit log moved meanwhile".to_owned()));
    }
    Ok(())
}
