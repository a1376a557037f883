//! Reads the log out of the store, slice by slice, and walks along it: the memory that it takes does not grow with the log.

use std::sync::atomic::{AtomicI64, Ordering};

use uuid::Uuid;

use super::anchor::Anchor;
use super::epoch::{Sealer, is_proven};
use super::record::Recorder;
use super::report::{AuditFault, AuditReport};
use super::segment::newest_cut;
use super::walk::{Beside, Epoch, Line, Place, Walk};
use crate::error::StoreError;
use crate::read::Reader;
use crate::seal::DataKey;
use crate::sql::{Row, statements, values};

/// Records read at once.
const SLICE: i64 = 1_000;

statements! {
    EPOCHS = "select number, public, first_seq, created_us, proof from audit_epochs where number > $1 order by number";
    SLICE_OF_LOG = "select seq, ts_us, actor_id, action, channel_id, target_id, outcome, rec, leaf, chain, seal, coalesce(epoch, 0)
        from audit_log where seq >= $1 and seq < $2 order by seq limit $3";
    SLICE_OF_CHECKPOINTS = "select size, note from audit_checkpoints where size > $1 and size <= $2 order by size";
    HEAD_AT_REST = "select next_seq, chain, (select coalesce(max(size), 0) from audit_checkpoints) from audit_head where one = 1";
}

/// What proves the keys of the log, and what it is compared with.
pub(super) struct Proof<'a> {
    pub log_id: Uuid,
    pub secrets: &'a DataKey,
    pub sealer: &'a Sealer,
    pub anchor: &'a Anchor,
}

impl<'a> Proof<'a> {
    pub(super) fn of(recorder: &'a Recorder, secrets: &'a DataKey) -> Proof<'a> {
        let Recorder { log_id, sealer, anchor, .. } = recorder;
        Proof { log_id: *log_id, secrets, sealer, anchor }
    }
}

/// How far a walk is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub checked: AtomicI64,
    pub total: AtomicI64,
}

/// Checks the log from a place on, or from its start; gives the place up to which it is whole.
pub(super) async fn verify(
    reader: &Reader,
    proof: &Proof<'_>,
    progress: &Progress,
    from: Option<Place>,
) -> Result<(AuditReport, Option<Place>), StoreError> {
    let mut walk = match from {
        Some(place) => Walk::from_place(proof.log_id, place),
        None => match begin(reader, proof).await? {
            Ok(walk) => walk,
            Err((walk, fault)) => return Ok((walk.end(Some(fault)), None)),
        },
    };
    // The day may end during the walk: then the newest key of the log is one that the engine has made meanwhile.
    let own_before = proof.sealer.public();
    // Opened and read before the rows: records written meanwhile are more than they say, never fewer.
    let anchored = open_anchor(&mut walk, proof.anchor).await;
    let head = reader.row(HEAD_AT_REST, values![]).await?;
    let Some(head) = head else {
        return Ok((walk.end(Some(AuditFault::Truncated { seq: 0 })), None));
    };
    let (size, chain, checkpoint) = (head.int(0)?, head.blob(1)?, head.int(2)?);
    progress.total.store(size, Ordering::Relaxed);
    if !anchored && checkpoint > 0 {
        let path = proof.anchor.path().display();
        walk.doubt(format!("{path}: the file with the checkpoints is missing"));
    }
    let (walk, fault) = slices(reader, proof, progress, walk, i64::MAX).await?;
    if fault.is_some() {
        return Ok((walk.end(fault), None));
    }
    let fault = if size > walk.next || checkpoint > walk.next {
        Some(AuditFault::Truncated { seq: walk.next })
    } else if size == walk.next && chain != walk.chain {
        Some(AuditFault::Column { seq: walk.next - 1 })
    } else {
        let own = [own_before, proof.sealer.public(), proof.sealer.newest()];
        let start = walk.unexplained_start();
        start.or_else(|| walk.beyond()).or_else(|| walk.foreign_key(&own))
    };
    let place = fault.is_none().then(|| walk.place());
    Ok((walk.end(fault), place))
}

/// Checks the log from its beginning up to a number; gives the place there.
pub(super) async fn verify_up_to(
    reader: &Reader,
    proof: &Proof<'_>,
    end: i64,
) -> Result<Result<Place, AuditFault>, StoreError> {
    let walk = match begin(reader, proof).await? {
        Ok(walk) => walk,
        Err((_, fault)) => return Ok(Err(fault)),
    };
    let (walk, fault) = slices(reader, proof, &Progress::default(), walk, end).await?;
    let short = (walk.next < end).then_some(AuditFault::Truncated { seq: walk.next });
    Ok(fault.or(short).map_or_else(|| Ok(walk.place()), Err))
}

/// A walk from the first record that is there, or what speaks against where that is.
async fn begin(
    reader: &Reader,
    proof: &Proof<'_>,
) -> Result<Result<Walk, (Walk, AuditFault)>, StoreError> {
    let epochs = epochs(reader, proof, 0).await?;
    let Some(cut) = newest_cut(reader).await? else {
        return Ok(Ok(Walk::from_start(proof.log_id, epochs)));
    };
    let walk = Walk::from_cut(proof.log_id, &cut, epochs);
    Ok(match walk.missing_start(&cut.note) {
        Some(fault) => Err((walk, fault)),
        None => Ok(walk),
    })
}

/// Walks along the records before `end`, as far as they are whole.
async fn slices(
    reader: &Reader,
    proof: &Proof<'_>,
    progress: &Progress,
    mut walk: Walk,
    end: i64,
) -> Result<(Walk, Option<AuditFault>), StoreError> {
    loop {
        let rows = reader.rows(SLICE_OF_LOG, values![walk.next, end, SLICE]).await?;
        let Some(last) = rows.last() else { return Ok((walk, None)) };
        // A day may have ended since: the record that names its key, or a checkpoint behind it, may be among these.
        walk.learn(epochs(reader, proof, walk.newest_epoch()).await?);
        let range = values![walk.next, last.int(0)? + 1];
        let checkpoints = reader.rows(SLICE_OF_CHECKPOINTS, range).await?;
        let checkpoints = checkpoints.iter().map(|row| Ok((row.int(0)?, row.text(1)?.to_owned())));
        let checkpoints: Vec<_> = checkpoints.collect::<Result<_, StoreError>>()?;
        // A value of another type than the column's was not put there by the engine.
        let lines: Vec<Line> = rows.iter().map_while(|row| line(row).ok()).collect();
        let is_odd = lines.len() < rows.len();
        let fault;
        (walk, fault) = walk_slice(walk, lines, checkpoints).await?;
        progress.checked.store(walk.next, Ordering::Relaxed);
        let fault = fault.err().or(is_odd.then_some(AuditFault::Column { seq: walk.next }));
        if fault.is_some() {
            return Ok((walk, fault));
        }
    }
}

/// Hashes and signatures are work for another thread than those that answer the network.
async fn walk_slice(
    mut walk: Walk,
    lines: Vec<Line>,
    checkpoints: Vec<(i64, String)>,
) -> Result<(Walk, Result<(), AuditFault>), StoreError> {
    let work = move || {
        let outcome = walk.slice(&lines, &checkpoints);
        (walk, outcome)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| StoreError::Internal("the walk along the audit log ended early".to_owned()))
}

/// Whether there is an anchor.
async fn open_anchor(walk: &mut Walk, anchor: &Anchor) -> bool {
    let name = anchor.path().display().to_string();
    match anchor.notes().await {
        Ok(Some(notes)) => walk.beside(&name, notes),
        Ok(None) => return false,
        Err(error) => walk.doubt(format!("{name} cannot be read: {error}")),
    }
    true
}

async fn epochs(reader: &Reader, proof: &Proof<'_>, after: i64) -> Result<Vec<Epoch>, StoreError> {
    let rows = reader.rows(EPOCHS, values![after]).await?;
    let odd = || StoreError::Internal("a key of the audit log is cut".to_owned());
    let epoch = |row: &Row| {
        let (number, public, first_seq) = (row.int(0)?, row.blob(1)?, row.int(2)?);
        let shown = (number, public, first_seq, row.int(3)?);
        Ok(Epoch {
            number,
            public: public.try_into().map_err(|_| odd())?,
            first_seq,
            proven: is_proven(proof.secrets, proof.log_id, shown, row.blob(4)?)?,
            named: false,
        })
    };
    rows.iter().map(epoch).collect()
}

fn line(row: &Row) -> Result<Line, StoreError> {
    let text = |column| row.text_or_none(column).map(|text| text.map(str::to_owned));
    let beside = Beside {
        ts_us: row.int(1)?,
        actor: text(2)?,
        action: text(3)?,
        channel: text(4)?,
        target: text(5)?,
        outcome: text(6)?,
        leaf: row.blob(8)?.to_vec(),
        chain: row.blob(9)?.to_vec(),
    };
    Ok(Line {
        seq: row.int(0)?,
        record: row.blob(7)?.to_vec(),
        seal: row.blob_or_none(10)?.map(<[u8]>::to_vec),
        epoch: row.int(11)?,
        beside: Some(beside),
    })
}
