//! Services of previews and jobs: what a replay or a discard would do, and doing it one after the other.

use auth::{Permission, Permit, grants};
use config::Name;
use engine::{DiscardPreview, JobOrder, ReplayMode, ReplayOrder, ReplayPreview, Selection};
use store::{Act, Job, JobKind, JobOutcome};
use uuid::Uuid;

use super::{REPLAY_APPROVED, REPLAY_FRESH, Service, Why, reason_needed, replay_asked};
use crate::problem::Problem;
use crate::routes::Call;

/// How a job is to go.
pub struct JobAsk {
    /// Items a second.
    pub rate: u32,
    /// The same token a second time is the same job.
    pub token: Option<String>,
    /// The number that the person has typed.
    pub count: Option<usize>,
}

/// What is done with a job that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobControl {
    /// It stops between two items.
    Pause,
    /// It goes on.
    Resume,
    /// It ends.
    Cancel,
}

impl Service {
    /// What a replay would do; whether it needs a fresh sign-in, and the agreement of somebody else.
    pub async fn look_before_replay(
        &self,
        call: &Call<grants::MessageReplay>,
        order: &ReplayOrder,
    ) -> Result<(ReplayPreview, (bool, bool)), Problem> {
        let preview = self.engine.look_before_replay(call.permit.scope(), order).await?;
        let count = preview.letters.len();
        let fresh = count > REPLAY_FRESH && !call.session.is_fresh(self.now_us());
        let approval = count > REPLAY_APPROVED && self.accounts.asks_for_approval(&call.session);
        Ok((preview, (fresh, approval)))
    }

    /// What a discard would end.
    pub async fn look_before_discard(
        &self,
        permit: &Permit<grants::MessageDiscard>,
        selection: &Selection,
    ) -> Result<DiscardPreview, Problem> {
        Ok(self.engine.look_before_discard(permit.scope(), selection).await?)
    }

    /// Begins a job that sends again, or gives the one that the same token has begun.
    pub async fn begin_replay(
        &self,
        call: &Call<grants::MessageReplay>,
        order: &ReplayOrder,
        ask: JobAsk,
        why: &Why,
    ) -> Result<(Uuid, bool), Problem> {
        let Call { permit, session } = call;
        let act = Act { approval: None, ..self.act(permit, "job.begun", &reason_needed(why)?) };
        if let Some(known) = self.of_token(&act, &ask).await? {
            return Ok((known, true));
        }
        let preview = self.engine.look_before_replay(permit.scope(), order).await?;
        let count = preview.letters.len();
        typed(count, &ask)?;
        if count > REPLAY_FRESH && !session.is_fresh(self.now_us()) {
            return Err(Problem::step_up_needed());
        }
        let act = match count > REPLAY_APPROVED {
            true => {
                let asked = replay_asked(order, count, permit.scope());
                Act { action: "job.begun", ..self.agreed_act(call, asked, why).await? }
            }
            false => act,
        };
        let job = JobOrder {
            kind: JobKind::Replay,
            mode: order.mode,
            to: order.wanted().to_vec(),
            letters: preview.letters,
            channels: preview.channels.into_iter().collect(),
            rate: ask.rate,
            token: ask.token,
        };
        Ok(self.engine.begin_job(permit.scope(), &act, job).await?)
    }

    /// Begins a job that ends letters without sending them, or gives the one that the same token has begun.
    pub async fn begin_discard(
        &self,
        permit: &Permit<grants::MessageDiscard>,
        selection: &Selection,
        ask: JobAsk,
        why: &Why,
    ) -> Result<(Uuid, bool), Problem> {
        let act = self.act(permit, "job.begun", &reason_needed(why)?);
        if let Some(known) = self.of_token(&act, &ask).await? {
            return Ok((known, true));
        }
        let preview = self.engine.look_before_discard(permit.scope(), selection).await?;
        typed(preview.letters.len(), &ask)?;
        let job = JobOrder {
            kind: JobKind::Discard,
            mode: ReplayMode::AsSent,
            to: Vec::new(),
            letters: preview.letters,
            channels: preview.channels.into_iter().collect(),
            rate: ask.rate,
            token: ask.token,
        };
        Ok(self.engine.begin_job(permit.scope(), &act, job).await?)
    }

    async fn of_token(&self, act: &Act, ask: &JobAsk) -> Result<Option<Uuid>, Problem> {
        match &ask.token {
            Some(token) => Ok(self.engine.store().job_of_token(act, token).await?),
            None => Ok(None),
        }
    }

    /// The newest jobs of the channels that somebody reaches.
    pub async fn jobs(
        &self,
        permit: &Permit<grants::MessageMeta>,
        channel: Option<&Name>,
    ) -> Result<Vec<Job>, Problem> {
        let mut jobs = self.engine.store().jobs(200).await?;
        jobs.retain(|job| job.is_within(permit.scope()));
        jobs.retain(|job| channel.is_none_or(|name| job.channels.contains(name)));
        Ok(jobs)
    }

    /// A job.
    pub async fn job(
        &self,
        permit: &Permit<grants::MessageMeta>,
        id: Uuid,
    ) -> Result<Job, Problem> {
        let found = self.engine.store().job(id).await?;
        found.filter(|job| job.is_within(permit.scope())).ok_or_else(|| Problem::absent("job"))
    }

    /// What became of the items of a job behind a number, from -1.
    pub async fn job_outcomes(
        &self,
        permit: &Permit<grants::MessageMeta>,
        id: Uuid,
        (after, limit): (i64, usize),
    ) -> Result<Vec<JobOutcome>, Problem> {
        self.job(permit, id).await?;
        Ok(self.engine.store().job_outcomes(id, after, limit).await?)
    }

    /// Pauses a job, lets it go on, or ends it.
    pub async fn control_job(
        &self,
        call: &Call<grants::MessageReplay>,
        (id, what): (Uuid, JobControl),
        why: &Why,
    ) -> Result<Job, Problem> {
        let store = self.engine.store();
        let found = store.job(id).await?.filter(|job| job.is_within(call.permit.scope()));
        let job = found.ok_or_else(|| Problem::absent("job"))?;
        if job.kind == JobKind::Discard && call.session.permit::<grants::MessageDiscard>().is_none()
        {
            return Err(Problem::denied(Permission::MessageDiscard));
        }
        match what {
            JobControl::Pause => {
                store.pause_job(&self.act(&call.permit, "job.paused", why), id).await?
            }
            JobControl::Resume => {
                let act = self.act(&call.permit, "job.resumed", why);
                self.engine.resume_job(&act, id).await?;
            }
            JobControl::Cancel => {
                store.cancel_job(&self.act(&call.permit, "job.cancelled", why), id).await?;
            }
        }
        store.job(id).await?.ok_or_else(|| Problem::absent("job"))
    }
}

/// Many are done only when the person has typed how many.
fn typed(count: usize, ask: &JobAsk) -> Result<(), Problem> {
    match ask.count {
        Some(typed) if typed == count => Ok(()),
        None if count <= REPLAY_FRESH => Ok(()),
        Some(_) | None => Err(Problem::conflict(
            "count",
            format!("there are {count} by now: `count` must say so"),
        )
        .hint("look at the preview again")),
    }
}
