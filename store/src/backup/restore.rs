//! Putting a backup back into an empty place, and trying that out where it hurts nobody.

use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use config::{KeySource, StoreUrl};

use super::read::{BackupHead, BackupSummary, Part, UnreadableBackup, Walk, put};
use crate::audit::{Act, ActOutcome, Actor, ActorKind, AuditReport, Target as About};
use crate::copy::{CopyError, Table, Target, tables};
use crate::error::{OpenError, StoreError};
use crate::key::{self, KeyState};
use crate::migrate;
use crate::open::Options;
use crate::read::{BodyOf, MessageFilter, Page};
use crate::scope::Scope;
use crate::store::Store;

/// The file with the key of the audit log's day, below the data folder.
const DAY_KEY: &str = "keys/audit/epoch.key";
/// Bodies that a drill opens.
const BODIES: usize = 100;

/// Where a backup is put back.
pub struct RestoreTo<'a> {
    /// The empty store.
    pub url: &'a StoreUrl,
    /// The store key, which is no part of a backup.
    pub key: &'a KeySource,
    /// The data folder.
    pub data_dir: &'a Path,
    /// The file with the checkpoints of the audit log.
    pub anchor: Option<&'a Path>,
    /// The name of the engine.
    pub node: &'a str,
    /// The version of this program.
    pub version: &'a str,
    /// Now, microseconds UTC.
    pub now_us: i64,
    /// Who asks.
    pub actor: &'a str,
}

/// A store that was put back.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What was in the backup.
    pub summary: BackupSummary,
    /// Deliveries that were open then. They are held: what became of them since is not known.
    pub held: u64,
}

/// What a drill has found.
#[derive(Clone, Debug)]
pub struct Drill {
    /// What was in the backup.
    pub summary: BackupSummary,
    /// The audit log of the store that was put back.
    pub audit: AuditReport,
    /// Bodies that were opened.
    pub bodies: usize,
    /// How long it took until an engine could have started.
    pub took: Duration,
}

/// Why a backup was not put back. The store is as empty as before.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup.
    #[error(transparent)]
    Unreadable(#[from] UnreadableBackup),
    /// The place.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The place, or the key.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What was put back does not work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file cannot be written.
    #[error("{0}")]
    File(#[from] std::io::Error),
}

/// Puts a backup back into an empty place. Open deliveries are held, with the reason `restored`: they may have been made since.
///
/// # Errors
/// When the backup is not whole, the place not empty, or the store key another one. Then nothing was put there.
pub async fn restore(
    backup: impl BufRead,
    to: &RestoreTo<'_>,
    told: impl FnMut(i64),
) -> Result<Restored, RestoreError> {
    let (summary, held) = load(backup, to, told).await?;
    let store = open(to).await?;
    let actor = Actor::new(ActorKind::User, to.actor);
    let purpose =
        Some(format!("{} rows of {}, {} deliveries held", summary.rows, summary.head.node, held));
    let act = Act {
        actor,
        action: "store.restored",
        purpose,
        approval: None,
        request: None,
        now_us: to.now_us,
    };
    let target = About { kind: "store", id: Some(summary.head.at_us.to_string()), channel: None };
    store.record(&act, target, ActOutcome::Success, None).await?;
    store.close().await?;
    Ok(Restored { summary, held })
}

/// Puts a backup back into a folder of its own, opens it as an engine would, checks the audit log and opens some bodies.
///
/// # Errors
/// Everything that would keep an engine from starting on it.
pub async fn drill(
    backup: impl BufRead,
    to: &RestoreTo<'_>,
    told: impl FnMut(i64),
) -> Result<Drill, RestoreError> {
    let begun = Instant::now();
    let (summary, _) = load(backup, to, told).await?;
    let store = open(to).await?;
    let took = begun.elapsed();
    let audit = store.verify_audit().await?;
    let page = Page { after: None, limit: BODIES };
    let found = store.messages(&Scope::All, &MessageFilter::default(), page).await?;
    let mut bodies = 0;
    for row in found.rows {
        if store.body(&Scope::All, BodyOf::Message(row.id)).await.is_ok() {
            bodies += 1;
        }
    }
    let unopened = found_bodies(&store).await? && bodies == 0;
    store.close().await?;
    match unopened {
        true => Err(StoreError::Unreadable("any body").into()),
        false => Ok(Drill { summary, audit, bodies, took }),
    }
}

async fn found_bodies(store: &Store) -> Result<bool, StoreError> {
    let page = Page { after: None, limit: 1 };
    let found = store.messages(&Scope::All, &MessageFilter::default(), page).await?;
    Ok(!found.rows.is_empty())
}

async fn open(to: &RestoreTo<'_>) -> Result<Store, RestoreError> {
    let RestoreTo { url, key, data_dir, anchor, node, version, now_us, .. } = *to;
    let options = Options { url, key, next_key: None, data_dir, anchor, node, version };
    Ok(Store::open(options, now_us).await?.store)
}

/// Fills the empty place.
async fn load(
    backup: impl BufRead,
    to: &RestoreTo<'_>,
    mut told: impl FnMut(i64),
) -> Result<(BackupSummary, u64), RestoreError> {
    let mut walk = Walk::begin(backup)?;
    let head = walk.head();
    fits(&head, to).await?;
    let known = tables(head.schema).await?;
    let mut target = Target::open(to.url, (head.schema, &known)).await?;
    let mut table: Option<&Table> = None;
    let (mut day_key, mut rows) = (None, 0);
    let summary = loop {
        match walk.next()? {
            Ok(Part::File(name, bytes)) => {
                if name.strip_prefix("data/").is_some_and(|name| name == DAY_KEY) {
                    day_key = Some(bytes);
                }
            }
            Ok(Part::Table(begin)) => {
                // Only what this program's own schema has: a name out of a file is no part of a statement.
                let same = |one: &&Table| one.name == begin.table && one.columns == begin.columns;
                let found = known.iter().find(same);
                table = Some(found.ok_or(UnreadableBackup::Broken("a table of it is unknown"))?);
            }
            Ok(Part::Rows(more)) => {
                rows += more.len() as i64;
                if let Some(table) = table {
                    target.put(table, more).await?;
                }
                told(rows);
            }
            Err(summary) => break summary,
        }
    };
    let held = target.hold_what_is_open().await?;
    // Written before the store is there: without it the log would begin another key.
    if let Some(bytes) = day_key {
        put(&to.data_dir.join(DAY_KEY), &bytes)?;
    }
    target.commit().await?;
    Ok((summary, held))
}

/// Whether what is sealed in a backup opens here. Nothing is touched before that is known.
async fn fits(head: &BackupHead, to: &RestoreTo<'_>) -> Result<(), RestoreError> {
    migrate::check(Some(&migrate::Stored::of(head.schema, Vec::new())))?;
    match key::find(to.key).await? {
        KeyState::Found(key) if key.id().to_string() == head.kek => Ok(()),
        KeyState::Found(key) => {
            Err(OpenError::KeyWrong { expected: head.kek.clone(), found: key.id().to_string() }
                .into())
        }
        KeyState::Missing => Err(OpenError::KeyMissing {
            source_name: to.key.to_string(),
            expected: head.kek.clone(),
        }
        .into()),
    }
}
