//! Jobs: many replays or discards one after the other, at a rate, over restarts.
//!
//! The store keeps what is to be done and how far it is; each item is counted in the transaction that does it.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use config::Name;
use store::{Act, JOB_MOVED, Job, JobKind, JobState, JobStep, Letter, NewJob, Scope, StoreError};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::acts::ActError;
use crate::engine::Engine;
use crate::replay::ReplayMode;

/// How often it is looked for jobs that nobody has told of.
const ROUND: Duration = Duration::from_secs(5);
/// Pause before an item is tried again that the store could not take.
const STORE_RETRY: Duration = Duration::from_millis(500);
/// Letters that a discarding job ends at once.
const STEP_MAX: usize = 100;
/// Why a letter is not ended.
const SENDING: &str = "it is being sent at this moment";

/// What jobs of this process share.
#[derive(Default)]
pub struct Jobs {
    wake: Notify,
}

/// What a job is to be.
pub struct JobOrder {
    /// What is done.
    pub kind: JobKind,
    /// How something is sent again.
    pub mode: ReplayMode,
    /// To these destinations only.
    pub to: Vec<Name>,
    /// What, in order.
    pub letters: Vec<Letter>,
    /// The channels that they are of.
    pub channels: Vec<Name>,
    /// Items a second.
    pub rate: u32,
    /// The same token a second time is the same job.
    pub token: Option<String>,
}

/// What is to happen after a step.
enum Next {
    /// The next item, when it is its time.
    On(i64),
    /// The job is looked at again: somebody has paused or ended it.
    Look,
    /// The store could not take it: the same again in a moment.
    Again,
    /// It cannot go on.
    Fail(String),
    /// The engine itself cannot.
    Stop,
}

impl Engine {
    /// Begins a job, or gives the one that the same token has begun; whether it was there.
    pub async fn begin_job(
        &self,
        scope: &Scope,
        act: &Act,
        order: JobOrder,
    ) -> Result<(Uuid, bool), ActError> {
        if order.letters.is_empty() {
            return Err(ActError::Refused("there is nothing to do".to_owned()));
        }
        let new = NewJob {
            id: Uuid::now_v7(),
            kind: order.kind,
            as_sent: order.mode == ReplayMode::AsSent,
            destinations: order.to,
            letters: order.letters,
            channels: order.channels,
            scope: scope.clone(),
            rate: i64::from(order.rate),
            token: order.token,
        };
        let begun = self.store().begin_job(act, new).await?;
        self.inner.jobs.wake.notify_one();
        Ok(begun)
    }

    /// Lets a paused job go on.
    pub async fn resume_job(&self, act: &Act, id: Uuid) -> Result<(), ActError> {
        self.store().resume_job(act, id).await?;
        self.inner.jobs.wake.notify_one();
        Ok(())
    }

    /// Works on jobs until the engine ends; what an earlier run left goes on where it was.
    pub(crate) fn follow_jobs(&self) {
        let task = tokio::spawn(keep(self.clone()));
        self.tasks().push(task);
    }
}

async fn keep(engine: Engine) {
    let (mut at_work, mut tasks) = (BTreeSet::new(), JoinSet::new());
    loop {
        match engine.store().jobs_at_work().await {
            Ok(jobs) => {
                for id in jobs.into_iter().filter(|id| at_work.insert(*id)) {
                    let engine = engine.clone();
                    tasks.spawn(async move {
                        work(&engine, id).await;
                        id
                    });
                }
            }
            Err(error) => {
                tracing::warn!(code = "job.waits", %error, "jobs cannot be read; trying again");
            }
        }
        tokio::select! {
            () = engine.inner.jobs.wake.notified() => {}
            () = tokio::time::sleep(ROUND) => {}
            Some(ended) = tasks.join_next() => match ended {
                Ok(id) => { at_work.remove(&id); }
                // Which one it was is not known: all that do not run are begun again.
                Err(_) if tasks.is_empty() => at_work.clear(),
                Err(_) => {}
            },
        }
    }
}

/// Does the items of one job until it is paused or ends.
async fn work(engine: &Engine, id: Uuid) {
    let (mut letters, mut from, mut due) = (VecDeque::new(), -1, Instant::now());
    loop {
        let job = match engine.store().job(id).await {
            Ok(Some(job)) if job.state == JobState::Running => job,
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(code = "job.waits", job = %id, %error, "a job waits for the store");
                tokio::time::sleep(STORE_RETRY).await;
                continue;
            }
        };
        if from != job.next || letters.is_empty() {
            from = job.next;
            letters = match engine.store().job_letters(id, job.next).await {
                Ok(found) => VecDeque::from(found),
                Err(_) => {
                    tokio::time::sleep(STORE_RETRY).await;
                    continue;
                }
            };
        }
        if letters.is_empty() {
            // It ended a moment ago, or its letters are gone; a look at its row says which.
            fail(engine, &job, "its items are not there any more".to_owned()).await;
            return;
        }
        tokio::time::sleep_until(due).await;
        match step(engine, &job, letters.make_contiguous()).await {
            Next::On(done) => {
                from += done;
                letters.drain(..usize::try_from(done).unwrap_or(0).min(letters.len()));
                let pause = Duration::from_secs(1) * u32::try_from(done).unwrap_or(1);
                let pause = pause / u32::try_from(job.rate.max(1)).unwrap_or(1);
                // What was late is not made up for by a burst.
                due = (due + pause).max(Instant::now());
            }
            Next::Look => {
                from = -1;
            }
            Next::Again => tokio::time::sleep(STORE_RETRY).await,
            Next::Fail(error) => {
                fail(engine, &job, error).await;
                return;
            }
            Next::Stop => return,
        }
    }
}

async fn fail(engine: &Engine, job: &Job, error: String) {
    tracing::error!(code = "job.failed", job = %job.id, error, "a job cannot go on");
    let act = job.act("job.failed", engine.now_us());
    if let Err(error) = engine.store().fail_job(&act, job.id, error).await {
        tracing::warn!(code = "job.waits", job = %job.id, %error, "a job has ended meanwhile");
    }
}

async fn step(engine: &Engine, job: &Job, letters: &[Letter]) -> Next {
    let Some(first) = letters.first() else { return Next::Look };
    let step = JobStep { job: job.id, n: job.next };
    let done = match job.kind {
        JobKind::Replay => replay(engine, job, step, *first).await.map(|()| 1),
        JobKind::Discard => engine.discard_items(job, step, letters).await,
    };
    match done {
        Ok(done) => Next::On(done),
        Err(ActError::Store(StoreError::Refused(JOB_MOVED))) => Next::Look,
        Err(ActError::Store(
            StoreError::Unavailable
            | StoreError::Full
            | StoreError::Busy
            | StoreError::AuditUnavailable,
        )) => Next::Again,
        Err(ActError::Store(StoreError::Fenced | StoreError::SyncFailed | StoreError::Closed)) => {
            Next::Stop
        }
        Err(ActError::Store(StoreError::Internal(error))) => Next::Fail(error),
        Err(error) => refuse(engine, job, step, *first, error.to_string()).await,
    }
}

async fn replay(engine: &Engine, job: &Job, step: JobStep, letter: Letter) -> Result<(), ActError> {
    let act = job.act("message.replay", engine.now_us());
    let (to, once) = (&job.destinations[..], (None, Some(step)));
    match (job.as_sent, letter) {
        (true, Letter::Delivery(id)) => {
            engine.replay_as_sent(&job.scope, &act, id, to, once).await.map(drop)
        }
        (false, Letter::Message(id)) => {
            engine.replay_raw(&job.scope, &act, id, to, once).await.map(drop)
        }
        // A job is made of letters of its mode only.
        (true, Letter::Message(_)) | (false, Letter::Delivery(_)) => {
            Err(ActError::Absent("delivery"))
        }
    }
}

/// Notes why an item was not done; only the store itself keeps the job from going on.
async fn refuse(engine: &Engine, job: &Job, step: JobStep, letter: Letter, why: String) -> Next {
    let act = job.act("job.item.refused", engine.now_us());
    match engine.store().refuse_item(&act, step, letter, why).await {
        Ok(()) => Next::On(1),
        Err(StoreError::Refused(_)) => Next::Look,
        Err(_) => Next::Again,
    }
}

impl Engine {
    /// Ends the letters at the front of a discarding job; how many have an outcome now.
    async fn discard_items(
        &self,
        job: &Job,
        step: JobStep,
        letters: &[Letter],
    ) -> Result<i64, ActError> {
        let act = job.act("message.discard", self.now_us());
        let letters = letters.get(..STEP_MAX.min(letters.len())).unwrap_or_default();
        let taken = self.withdraw(letters);
        let is_sending =
            |letter: &Letter| matches!(letter, Letter::Delivery(id) if taken.is_sending(*id));
        let free = letters.iter().take_while(|letter| !is_sending(letter)).count();
        if free == 0 {
            self.put_back(taken, None);
            return Err(ActError::Refused(SENDING.to_owned()));
        }
        let done = match self
            .store()
            .discard_step(&job.scope, &act, step, letters.get(..free).unwrap_or_default())
            .await
        {
            Ok(done) => done,
            Err(error) => {
                self.put_back(taken, None);
                return Err(error.into());
            }
        };
        self.put_back(taken, Some(&done));
        Ok(i64::try_from(done.done.len() + done.refused.len()).unwrap_or(1))
    }
}
