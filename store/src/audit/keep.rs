//! What keeps the log provable while the engine runs: a key for each day, checkpoints, the anchor, and checks of the whole.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::epoch::Public;
use super::ledger::Taken;
use super::record::{Act, ActOutcome, Actor, ActorKind, Entry, Target, hex};
use super::report::AuditReport;
use super::verify::{Progress, Proof, verify};
use super::walk::{HAND_OVER, Place};
use super::{Json, chain};
use crate::backend::Done;
use crate::error::StoreError;
use crate::sql::{statements, values};
use crate::store::{Parts, Store};

/// A checkpoint is written this often while there are new records, microseconds (security.md 2.1).
const CHECKPOINT_EVERY_US: i64 = 60 * 1_000_000;

statements! {
    SIZES = "select next_seq, (select coalesce(max(size), 0) from audit_checkpoints), (select coalesce(max(ts_us), 0) from audit_checkpoints)
        from audit_head where one = 1";
    UNANCHORED = "select size, note from audit_checkpoints where size > $1 order by size limit 1000";
}

/// Checks that have been made, and the one that is being made.
#[derive(Default)]
pub(crate) struct Standing {
    progress: Progress,
    begun_us: AtomicI64,
    /// When the next one was asked for that has not begun, microseconds UTC.
    asked_us: Mutex<Option<i64>>,
    last: Mutex<Last>,
    /// Held while one is being made, with the place up to which the log was found whole.
    one: tokio::sync::Mutex<Option<Place>>,
    /// What was last anchored, or why nothing is.
    anchor: Mutex<Anchored>,
    /// When messages were last taken up.
    pub(super) taken: Taken,
}

/// Records before the newest checkpoint that is anchored; nothing before the first look.
type Anchored = Option<Result<i64, String>>;

#[derive(Clone, Default)]
struct Last {
    full: Option<AuditCheck>,
    tail: Option<AuditCheck>,
}

/// What is known about the log's integrity without looking again.
#[derive(Clone, Debug)]
pub struct AuditStanding {
    /// The check that is being made.
    pub running: Option<AuditProgress>,
    /// The last one over the whole log.
    pub full: Option<AuditCheck>,
    /// The last one over what had been added since a check.
    pub tail: Option<AuditCheck>,
    /// Where checkpoints are kept besides the store.
    pub anchor: String,
    /// Records before the newest checkpoint there, or why none can be written.
    pub anchored: Option<Result<i64, String>>,
}

/// How far a check is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditProgress {
    /// When it began, microseconds UTC.
    pub begun_us: i64,
    /// Records that it has passed.
    pub checked: i64,
    /// Records that there were when it began.
    pub total: i64,
}

/// A check that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCheck {
    /// When it began, microseconds UTC.
    pub begun_us: i64,
    /// What it found, or why it found nothing.
    pub outcome: Result<AuditReport, String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who acts when nobody has asked.
pub(super) fn engine_act(action: &'static str, now_us: i64) -> Act {
    let actor = Actor::new(ActorKind::System, "engine");
    Act { actor, action, purpose: None, approval: None, request: None, now_us }
}

fn the_log() -> Target {
    Target { kind: "audit-log", id: None, channel: None }
}

impl Store {
    /// Walks the whole audit log, here and now.
    pub async fn verify_audit(&self) -> Result<AuditReport, StoreError> {
        Ok(self.walk_audit(&Progress::default(), None).await?.0)
    }

    async fn walk_audit(
        &self,
        progress: &Progress,
        from: Option<Place>,
    ) -> Result<(AuditReport, Option<Place>), StoreError> {
        let Parts { reader, secrets, recorder, .. } = &*self.inner;
        let is_full = from.is_none();
        let walked = verify(reader, &Proof::of(recorder, secrets), progress, from).await?;
        let (mut report, mut place) = walked;
        if is_full && report.fault.is_none() {
            let (history, fault) = self.verify_ledger().await?;
            place = place.filter(|_| fault.is_none());
            (report.history, report.fault) = (Some(history), fault);
        }
        Ok((report, place))
    }

    /// Checks the audit log and records what was found: the whole of it, or what was added since the last check that found it whole.
    ///
    /// One check is made at a time; whoever asks meanwhile waits. Of somebody's act there is a record in any case, of the engine's own when
    /// it was about the whole log or found something.
    pub async fn check_audit(&self, act: &Act, whole: bool) -> Result<AuditReport, StoreError> {
        let standing = &self.inner.standing;
        let mut place = standing.one.lock().await;
        lock(&standing.asked_us).take_if(|asked_us| *asked_us == act.now_us);
        standing.progress.checked.store(0, Ordering::Relaxed);
        standing.begun_us.store(act.now_us, Ordering::Relaxed);
        let from = place.take().filter(|_| !whole);
        let is_full = from.is_none();
        let walked = self.walk_audit(&standing.progress, from).await;
        let recorded = match &walked {
            Ok((report, _))
                if is_full || !report.is_whole() || act.actor.kind != ActorKind::System =>
            {
                self.record_check(act, report).await
            }
            _ => Ok(()),
        };
        standing.begun_us.store(0, Ordering::Relaxed);
        let outcome = recorded.and(walked).map(|(report, reached)| {
            *place = reached;
            report
        });
        let kept = outcome.clone().map_err(|error| error.to_string());
        let check = AuditCheck { begun_us: act.now_us, outcome: kept };
        let mut last = lock(&standing.last);
        let slot = if is_full { &mut last.full } else { &mut last.tail };
        *slot = Some(check);
        outcome
    }

    async fn record_check(&self, act: &Act, report: &AuditReport) -> Result<(), StoreError> {
        let (outcome, code) = match &report.fault {
            Some(fault) => (ActOutcome::Failure, Some(fault.parts().1.to_owned())),
            None if report.is_whole() => (ActOutcome::Success, None),
            None => (ActOutcome::Failure, Some("undecided".to_owned())),
        };
        let after = Json::object([
            ("first", Json::Int(report.first)),
            ("checked", Json::Int(report.checked)),
            ("root", Json::text(hex(&report.root))),
            ("fault", report.fault.as_ref().map_or(Json::Null, |fault| Json::Int(fault.parts().0))),
        ]);
        let entry =
            Entry { act: act.clone(), target: the_log(), outcome, code, before: Json::Null, after };
        self.write_entry(entry).await
    }

    async fn write_entry(&self, entry: Entry) -> Result<(), StoreError> {
        let parts = Arc::clone(&self.inner);
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                chain::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Asks for a check of the whole log that begins from now on: its time, and whether the caller must make it, since nobody else will.
    pub fn ask_for_audit_check(&self, now_us: i64) -> (i64, bool) {
        let mut asked = lock(&self.inner.standing.asked_us);
        let is_first = asked.is_none();
        (*asked.get_or_insert(now_us), is_first)
    }

    /// What is known about the log's integrity without looking again.
    pub fn audit_standing(&self) -> AuditStanding {
        let Parts { standing, recorder, .. } = &*self.inner;
        let begun_us = standing.begun_us.load(Ordering::Relaxed);
        let Last { full, tail } = lock(&standing.last).clone();
        AuditStanding {
            running: (begun_us != 0).then(|| AuditProgress {
                begun_us,
                checked: standing.progress.checked.load(Ordering::Relaxed),
                total: standing.progress.total.load(Ordering::Relaxed),
            }),
            full,
            tail,
            anchor: recorder.anchor.path().display().to_string(),
            anchored: lock(&standing.anchor).clone(),
        }
    }

    /// What is due: another key when the day is over, a checkpoint when there are new records, and the anchor.
    pub async fn keep_audit(&self, now_us: i64) -> Result<(), StoreError> {
        self.end_epoch(now_us).await?;
        self.keep_ledger(now_us).await?;
        let sizes = self.inner.reader.row(SIZES, values![]).await?;
        if let Some(sizes) = sizes {
            let (size, signed, signed_us) = (sizes.int(0)?, sizes.int(1)?, sizes.int(2)?);
            self.look_back((size, signed), now_us).await?;
            if size > signed && now_us.saturating_sub(signed_us) >= CHECKPOINT_EVERY_US {
                self.checkpoint_audit(now_us).await?;
            }
        }
        self.anchor_audit().await
    }

    /// The signature of the day's key over a text, with its public half.
    pub(crate) async fn sign_with_day(
        &self,
        text: Vec<u8>,
    ) -> Result<(Public, Vec<u8>), StoreError> {
        let parts = Arc::clone(&self.inner);
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                let epoch = chain::epoch(session).await?;
                Ok(Done::new(parts.recorder.sealer.sign(epoch, &text)?))
            })
        })
        .await
    }

    /// Signs what the log is now.
    pub async fn checkpoint_audit(&self, now_us: i64) -> Result<(), StoreError> {
        let parts = Arc::clone(&self.inner);
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                chain::checkpoint(session, &parts.recorder, now_us).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// At the first look: whether the anchor knows of records that the store no longer has, or of none at all.
    async fn look_back(&self, (size, signed): (i64, i64), now_us: i64) -> Result<(), StoreError> {
        let Parts { recorder, standing, .. } = &*self.inner;
        if lock(&standing.anchor).is_some() {
            return Ok(());
        }
        // What cannot be read is said when it is to be written.
        let Ok(anchored) = recorder.anchor.newest().await else { return Ok(()) };
        let (action, outcome, code) = if anchored > size {
            tracing::error!(
                code = "audit.rolled_back",
                anchored,
                size,
                "the audit log is shorter than a checkpoint of it: records are missing"
            );
            ("audit.rolled_back", ActOutcome::Failure, Some("truncated".to_owned()))
        } else if anchored == 0 && signed > 0 {
            let file = recorder.anchor.path().display().to_string();
            tracing::warn!(
                code = "audit.anchor",
                file,
                "the file with the checkpoints of the audit log is not there: it is begun anew, and that is recorded"
            );
            ("audit.anchor_begun", ActOutcome::Success, None)
        } else {
            return Ok(());
        };
        let after = Json::object([("anchored", Json::Int(anchored)), ("size", Json::Int(size))]);
        let (act, before) = (engine_act(action, now_us), Json::Null);
        self.write_entry(Entry { act, target: the_log(), outcome, code, before, after }).await
    }

    /// Appends the checkpoints that the anchor does not have yet.
    pub(crate) async fn anchor_audit(&self) -> Result<(), StoreError> {
        let Parts { recorder, standing, reader, .. } = &*self.inner;
        let anchor = &recorder.anchor;
        let outcome = async {
            let mut newest = anchor.newest().await.map_err(Unanchored::File)?;
            loop {
                let rows = reader.rows(UNANCHORED, values![newest]).await;
                let rows = rows.map_err(Unanchored::Store)?;
                let Some(last) = rows.last() else { return Ok(newest) };
                newest = last.int(0).map_err(Unanchored::Store)?;
                let mut notes = String::new();
                for row in &rows {
                    let _ = notes.write_str(row.text(1).map_err(Unanchored::Store)?);
                }
                anchor.append(notes, newest).await.map_err(Unanchored::File)?;
            }
        };
        let anchored = match outcome.await {
            Ok(newest) => Ok(newest),
            Err(Unanchored::Store(error)) => return Err(error),
            Err(Unanchored::File(error)) => Err(error.to_string()),
        };
        let mut known = lock(&standing.anchor);
        if let (Err(error), None | Some(Ok(_))) = (&anchored, &*known) {
            let file = anchor.path().display().to_string();
            tracing::error!(
                code = "audit.anchor",
                file,
                error,
                "checkpoints of the audit log cannot be written outside the store; trying again"
            );
        }
        *known = Some(anchored);
        Ok(())
    }

    /// Ends the epoch when its day is over: from then on another key seals, and the old one is gone.
    async fn end_epoch(&self, now_us: i64) -> Result<(), StoreError> {
        let Parts { recorder, secrets, desks, .. } = &*self.inner;
        if !recorder.sealer.is_over(now_us) {
            return Ok(());
        }
        let next = recorder.sealer.prepare_next(secrets, now_us)?;
        let desk = desks.first().ok_or(StoreError::Closed)?;
        let parts = Arc::clone(&self.inner);
        let settled = Arc::clone(&self.inner);
        desk.run(move |session| {
            Box::pin(async move {
                let sealer = &parts.recorder.sealer;
                let settle = move || settled.recorder.sealer.settle();
                // Written by the round before, which never heard of its commit.
                if sealer.has_begun(session, next).await? {
                    return Ok(Done::new(()).and_then(settle));
                }
                let act = engine_act(HAND_OVER, now_us);
                let after = Json::object([("seal_key", Json::text(hex(&next.1)))]);
                let entry = Entry::success(&act, the_log(), Json::Null, after);
                chain::append(session, &parts.recorder, &entry).await?;
                sealer.put(session, &parts.secrets, next, now_us).await?;
                Ok(Done::new(()).and_then(settle))
            })
        })
        .await
    }
}

/// Why a checkpoint did not get to the anchor.
enum Unanchored {
    Store(StoreError),
    File(std::io::Error),
}
