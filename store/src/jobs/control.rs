//! Pausing a job, letting it go on, and ending it.

use uuid::Uuid;

use super::{JobState, NO_CHANNEL, target};
use crate::audit::{self, Act, Entry, Json};
use crate::backend::Done;
use crate::error::StoreError;
use crate::sql::{row, statements, values};
use crate::store::Store;

statements! {
    STATE = "select state, channels from jobs where id = $1";
    MOVE = "update jobs set state = $3, ended_us = $4, error = $5 where id = $1 and state = $2";
    DROP_LETTERS = "delete from job_letters where job = $1";
}

impl Store {
    /// Stops a job between two items.
    pub async fn pause_job(&self, act: &Act, id: Uuid) -> Result<(), StoreError> {
        self.move_job(act, id, (&[JobState::Running], JobState::Paused), None).await
    }

    /// Lets a job go on that was stopped, at the item behind the last.
    pub async fn resume_job(&self, act: &Act, id: Uuid) -> Result<(), StoreError> {
        self.move_job(act, id, (&[JobState::Paused], JobState::Running), None).await
    }

    /// Ends a job; what was done stays done.
    pub async fn cancel_job(&self, act: &Act, id: Uuid) -> Result<(), StoreError> {
        let from = &[JobState::Running, JobState::Paused];
        self.move_job(act, id, (from, JobState::Cancelled), None).await
    }

    /// Ends a job that cannot go on.
    pub async fn fail_job(&self, act: &Act, id: Uuid, error: String) -> Result<(), StoreError> {
        self.move_job(act, id, (&[JobState::Running], JobState::Failed), Some(error)).await
    }

    async fn move_job(
        &self,
        act: &Act,
        id: Uuid,
        (from, to): (&'static [JobState], JobState),
        error: Option<String>,
    ) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(NO_CHANNEL, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let found = row(session, STATE, values![id]).await?;
                let found = found.ok_or(StoreError::NotFound("job"))?;
                let before = found.code(0, JobState::from_code)?;
                let ended_us = (to.code() >= JobState::Done.code()).then_some(act.now_us);
                let columns = values![id, before.code(), to.code(), ended_us, error];
                if !from.contains(&before) || session.run(MOVE, columns).await? != 1 {
                    return Err(StoreError::Refused(match before {
                        JobState::Running => "the job is running already",
                        JobState::Paused => "the job is paused already",
                        JobState::Done | JobState::Cancelled | JobState::Failed => {
                            "the job has ended"
                        }
                    }));
                }
                if ended_us.is_some() {
                    session.run(DROP_LETTERS, values![id]).await?;
                }
                let target = target(id, found.text(1)?);
                let state = |state: JobState| Json::object([("state", Json::text(state.as_str()))]);
                let entry = Entry::success(&act, target, state(before), state(to));
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}
