//! Walks the chain and says whether it is whole.

use std::fmt;

use uuid::Uuid;

use super::canonical::{Json, write};
use super::chain::{genesis, leaf, link};
use super::epoch::{Public, is_proven, is_seal};
use super::record::{hex, rfc3339};
use crate::error::StoreError;
use crate::read::Reader;
use crate::seal::DataKey;
use crate::sql::{Row, statements, values};

/// Records read at once.
const SLICE: i64 = 1_000;

statements! {
    EPOCHS = "select number, public, first_seq, created_us, proof from audit_epochs order by number";
    SLICE_OF_LOG = "select seq, ts_us, actor_id, action, channel_id, target_id, outcome, rec, leaf, chain, seal, coalesce(epoch, 0)
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
    /// Records from which on another key seals because the one before was not there: nothing proves that they follow what came before.
    pub restarts: Vec<i64>,
    /// The first digits of the key that seals now.
    pub key: Option<String>,
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
    /// Its seal is missing, or not one of the key of its day.
    Unsealed {
        /// Its number.
        seq: i64,
    },
    /// No record that can be trusted names the key from which on it is sealed, or that key is not the engine's own.
    Key {
        /// Its number.
        seq: i64,
    },
    /// The log ends before its head says.
    Truncated {
        /// The first missing number.
        seq: i64,
    },
}

impl AuditFault {
    /// The record that it is about, and what is wrong with it in a word for programs.
    pub fn parts(&self) -> (i64, &'static str) {
        match self {
            AuditFault::Modified { seq } => (*seq, "modified"),
            AuditFault::Column { seq } => (*seq, "column"),
            AuditFault::Deleted { seq } => (*seq, "deleted"),
            AuditFault::Unchained { seq } => (*seq, "unchained"),
            AuditFault::Unsealed { seq } => (*seq, "unsealed"),
            AuditFault::Key { seq } => (*seq, "foreign_key"),
            AuditFault::Truncated { seq } => (*seq, "truncated"),
        }
    }
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seq, _) = self.parts();
        match self {
            AuditFault::Modified { .. } => write!(f, "record {seq} was changed"),
            AuditFault::Column { .. } => write!(f, "a column beside record {seq} was changed"),
            AuditFault::Deleted { .. } => write!(f, "record {seq} was deleted"),
            AuditFault::Unchained { .. } => write!(
                f,
                "record {seq} does not follow the one before it: something was inserted, swapped or changed there"
            ),
            AuditFault::Unsealed { .. } => {
                write!(f, "record {seq} is not sealed with the key of its day")
            }
            AuditFault::Key { .. } => {
                write!(f, "record {seq} is sealed with a key that is not the engine's")
            }
            AuditFault::Truncated { .. } => {
                write!(f, "the log was cut off: record {seq} and those after it are missing")
            }
        }
    }
}

/// Checks the whole log, slice by slice. `own` is the key that this engine seals with.
pub(crate) async fn verify(
    reader: &Reader,
    (log_id, secrets): (Uuid, &DataKey),
    own: Option<Public>,
) -> Result<AuditReport, StoreError> {
    // Read before the rows: records written meanwhile are more than it says, never fewer.
    let head = reader.row(HEAD_AT_REST, values![]).await?;
    let mut walk = Walk::from_start(log_id, epochs(reader, secrets, log_id).await?);
    loop {
        let rows = reader.rows(SLICE_OF_LOG, values![walk.next, SLICE]).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            // The log may have got another key since.
            if row.int(11)? > walk.newest() {
                walk.learn(epochs(reader, secrets, log_id).await?);
            }
            if let Err(fault) = walk.step(row)? {
                return Ok(walk.report(Some(fault)));
            }
        }
    }
    let fault = match head {
        Some(head) if head.int(0)? > walk.next => Some(AuditFault::Truncated { seq: walk.next }),
        Some(head) if head.int(0)? == walk.next && head.blob(1)? != walk.chain => {
            Some(AuditFault::Unchained { seq: walk.next - 1 })
        }
        Some(_) => walk.foreign_key(own),
        None => Some(AuditFault::Truncated { seq: 0 }),
    };
    Ok(walk.report(fault))
}

/// The key of an epoch.
struct Epoch {
    number: i64,
    public: Public,
    first_seq: i64,
    /// Its row was written with the store's key at hand: whoever can only write to the database cannot begin an epoch, not even the first.
    proven: bool,
    /// A record that can be trusted has named it.
    named: bool,
}

async fn epochs(
    reader: &Reader,
    secrets: &DataKey,
    log_id: Uuid,
) -> Result<Vec<Epoch>, StoreError> {
    let rows = reader.rows(EPOCHS, values![]).await?;
    let odd = || StoreError::Internal("a key of the audit log is cut".to_owned());
    let epoch = |row: &Row| {
        let (number, public, first_seq) = (row.int(0)?, row.blob(1)?, row.int(2)?);
        let shown = (number, public, first_seq, row.int(3)?);
        Ok(Epoch {
            number,
            public: public.try_into().map_err(|_| odd())?,
            first_seq,
            proven: is_proven(secrets, log_id, shown, row.blob(4)?)?,
            named: false,
        })
    };
    rows.iter().map(epoch).collect()
}

struct Walk {
    next: i64,
    chain: Vec<u8>,
    epochs: Vec<Epoch>,
    restarts: Vec<i64>,
}

impl Walk {
    fn from_start(log_id: Uuid, epochs: Vec<Epoch>) -> Walk {
        Walk { next: 0, chain: genesis(log_id).to_vec(), epochs, restarts: Vec::new() }
    }

    /// Takes epochs that have begun meanwhile.
    fn learn(&mut self, epochs: Vec<Epoch>) {
        self.epochs.extend(epochs.into_iter().skip(self.epochs.len()));
    }

    fn newest(&self) -> i64 {
        self.epochs.last().map_or(0, |epoch| epoch.number)
    }

    fn report(self, fault: Option<AuditFault>) -> AuditReport {
        let key = self.epochs.last().map(|epoch| hex(epoch.public.get(..8).unwrap_or_default()));
        AuditReport { checked: self.next, fault, restarts: self.restarts, key }
    }

    /// The newest key must be the engine's: whoever can only write to the database has made another.
    fn foreign_key(&self, own: Option<Public>) -> Option<AuditFault> {
        let last = self.epochs.last()?;
        let foreign = own.is_some_and(|own| own != last.public) && last.first_seq < self.next;
        foreign.then_some(AuditFault::Key { seq: last.first_seq })
    }

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
        if let Err(fault) = self.check_seal(row, &record, &chain)? {
            return Ok(Err(fault));
        }
        self.next += 1;
        self.chain = chain.to_vec();
        Ok(Ok(()))
    }

    /// The seal is one of the key of the record's epoch, and that key was named by a record: its own first one, or the last one before.
    fn check_seal(
        &mut self,
        row: &Row,
        record: &Json,
        chain: &[u8],
    ) -> Result<Result<(), AuditFault>, StoreError> {
        let seq = self.next;
        let named = record.get("after").and_then(|after| after.get("seal_key"));
        let named = named.and_then(Json::as_text);
        let action = record.get("action").and_then(Json::as_text).unwrap_or_default();
        let Some(at) = self.epochs.iter().rposition(|epoch| epoch.first_seq <= seq) else {
            let unsealed = row.blob_or_none(10)?.is_none() && row.int(11)? == 0;
            return Ok(if unsealed { Ok(()) } else { Err(AuditFault::Unsealed { seq }) });
        };
        if let Some(epoch) = self.epochs.get_mut(at) {
            if epoch.first_seq == seq && !epoch.named && BEGINS.contains(&action) {
                epoch.named = named == Some(&hex(&epoch.public));
                if at > 0 {
                    self.restarts.push(seq);
                }
            }
            if !epoch.proven || !epoch.named {
                return Ok(Err(AuditFault::Key { seq }));
            }
            let seal = row.blob_or_none(10)?.unwrap_or_default();
            if row.int(11)? != epoch.number || !is_seal(&epoch.public, chain, seal) {
                return Ok(Err(AuditFault::Unsealed { seq }));
            }
        }
        if action == HAND_OVER
            && let Some(next) = self.epochs.get_mut(at + 1).filter(|next| next.first_seq == seq + 1)
        {
            next.named = named == Some(&hex(&next.public));
        }
        Ok(Ok(()))
    }
}

/// Acts whose records name the key that seals them and what follows.
const BEGINS: [&str; 3] = ["store.created", "audit.sealing_started", "audit.key_lost"];
/// The act whose record names the key that seals what follows.
pub(crate) const HAND_OVER: &str = "audit.epoch";

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
