//! The chain: each record's hash covers the one before it.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::canonical::{Json, write};
use super::checkpoint::note;
use super::record::{Agreed, Entry, Recorder};
use super::tree::Tree;
use crate::accounts;
use crate::error::StoreError;
use crate::sql::{Session, row, statements, values};

pub(super) type Hash = [u8; 32];

statements! {
    /// The end of the chain, locked until the transaction ends.
    HEAD = "select next_seq, chain, tree from audit_head where one = 1",
        postgres: "select next_seq, chain, tree from audit_head where one = 1 for update";
    /// The key that seals now; none in a log that is not sealed yet. Asked behind the lock: another writer may have begun an epoch.
    EPOCH = "select coalesce(max(number), 0) from audit_epochs";
    BEGIN = "insert into audit_head (one, next_seq, chain) values (1, 0, $1)";
    MOVE_HEAD = "update audit_head set next_seq = $1, chain = $2, tree = $3 where one = 1 and next_seq = $4";
    /// The tree of a log that was begun without one.
    SET_TREE = "update audit_head set tree = $1 where one = 1 and tree is null";
    LEAVES = "select leaf from audit_log where seq >= $1 order by seq limit 10000";
    CHECKPOINT = "insert into audit_checkpoints (size, ts_us, note) values ($1, $2, $3) on conflict (size) do nothing";
    APPEND = "insert into audit_log (seq, ts_us, actor_id, action, channel_id, target_id, outcome, rec, leaf, chain, seal, epoch)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
}

/// After this many records a checkpoint is written with the last of them.
const CHECKPOINT_EVERY: i64 = 1_000;

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
    if let Some(Agreed { id, spends: Some(digest) }) = &entry.act.approval {
        accounts::spend(session, &entry.act, (*id, digest)).await?;
    }
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
    let Head { seq, chain: prev, mut tree, epoch } = head(session).await?;
    let record: Json = recorder.record(entry, seq, &prev);
    let text = write(&record).into_bytes();
    let leaf = leaf(&text);
    let chain = link(&prev, &leaf);
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
    tree.push(&leaf);
    if session.run(MOVE_HEAD, values![seq + 1, &chain[..], tree.bytes(), seq]).await? != 1 {
        return Err(StoreError::Internal("the audit log moved meanwhile".to_owned()));
    }
    if tree.size() % CHECKPOINT_EVERY == 0 {
        put_checkpoint(session, recorder, (&tree, epoch), entry.act.now_us).await?;
    }
    Ok(())
}

/// Where the log ends, locked until the transaction does.
struct Head {
    seq: i64,
    chain: Vec<u8>,
    tree: Tree,
    epoch: i64,
}

async fn head(session: &mut dyn Session) -> Result<Head, StoreError> {
    let odd = |what: &str| StoreError::Internal(format!("the audit log has no {what}"));
    let head = row(session, HEAD, values![]).await?.ok_or_else(|| odd("head"))?;
    let (seq, chain) = (head.int(0)?, head.blob(1)?.to_vec());
    let tree = Tree::read(seq, head.blob_or_none(2)?.unwrap_or_default());
    let epoch = epoch(session).await?;
    Ok(Head { seq, chain, tree: tree.ok_or_else(|| odd("tree"))?, epoch })
}

/// Signs what the log is now, and gives how many records that are.
pub(super) async fn checkpoint(
    session: &mut dyn Session,
    recorder: &Recorder,
    now_us: i64,
) -> Result<i64, StoreError> {
    let Head { tree, epoch, .. } = head(session).await?;
    put_checkpoint(session, recorder, (&tree, epoch), now_us).await?;
    Ok(tree.size())
}

/// The number of the key that seals now.
pub(super) async fn epoch(session: &mut dyn Session) -> Result<i64, StoreError> {
    row(session, EPOCH, values![]).await?.map_or(Ok(0), |row| row.int(0))
}

async fn put_checkpoint(
    session: &mut dyn Session,
    recorder: &Recorder,
    (tree, epoch): (&Tree, i64),
    now_us: i64,
) -> Result<(), StoreError> {
    let note = note(recorder.log_id, tree, |text| recorder.sealer.sign(epoch, text))?;
    session.run(CHECKPOINT, values![tree.size(), now_us, note]).await.map(drop)
}

/// Makes the tree of a log that was begun before there was one.
pub(crate) async fn grow_tree(session: &mut dyn Session) -> Result<(), StoreError> {
    let Some(head) = row(session, HEAD, values![]).await? else { return Ok(()) };
    if head.blob_or_none(2)?.is_some() || head.int(0)? == 0 {
        return Ok(());
    }
    let mut tree = Tree::default();
    loop {
        let rows = session.rows(LEAVES, values![tree.size()]).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let leaf = row.blob(0)?.try_into();
            let odd = |_| StoreError::Internal("a hash of the audit log is cut".to_owned());
            tree.push(&leaf.map_err(odd)?);
        }
    }
    session.run(SET_TREE, values![tree.bytes()]).await.map(drop)
}
