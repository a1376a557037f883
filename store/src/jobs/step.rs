//! One item of a job: counted in the transaction that does it.

use uuid::Uuid;

use super::{JOB_MOVED, JobStep, NO_CHANNEL, target};
use crate::audit::{self, Act, Entry, Json, Recorder};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::MessageId;
use crate::read::Letter;
use crate::sql::{Session, row, statements, values};
use crate::store::Store;

statements! {
    AWAITS = "select 1 from jobs where id = $1 and next = $2 and state = 10";
    ADVANCE = "update jobs set next = next + $3, done = done + $4, refused = refused + $5 where id = $1 and next = $2 and state = 10";
    OUTCOME = "insert into job_outcomes (job, n, letter, message, refused) values ($1, $2, $3, $4, $5)";
    END = "update jobs set state = 20, ended_us = $2 where id = $1 and state = 10 and next >= total";
    FIGURES = "select done, refused, channels from jobs where id = $1";
    DROP_LETTERS = "delete from job_letters where job = $1";
}

/// What became of an item: the new message if there is one, or why it was not done.
pub(crate) type Outcome = (Letter, Result<Option<MessageId>, String>);

/// Refuses an item that its job does not wait for, before anything is done about it.
pub(crate) async fn awaits(session: &mut dyn Session, step: JobStep) -> Result<(), StoreError> {
    match row(session, AWAITS, values![step.job, step.n]).await? {
        Some(_) => Ok(()),
        None => Err(StoreError::Refused(JOB_MOVED)),
    }
}

/// Counts items that the open transaction has done; with the last one the job ends.
///
/// # Errors
/// [`StoreError::Refused`] with [`JOB_MOVED`] when the job does not wait for them: then nothing of the transaction may stay.
pub(crate) async fn advance(
    session: &mut dyn Session,
    recorder: &Recorder,
    act: &Act,
    step: JobStep,
    outcomes: &[Outcome],
) -> Result<(), StoreError> {
    let done = outcomes.iter().filter(|(_, became)| became.is_ok()).count();
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (all, done) = (number(outcomes.len()), number(done));
    let counted = values![step.job, step.n, all, done, all - done];
    if session.run(ADVANCE, counted).await? != 1 {
        return Err(StoreError::Refused(JOB_MOVED));
    }
    for (n, (letter, became)) in (step.n..).zip(outcomes) {
        let id = match letter {
            Letter::Delivery(id) => id.uuid(),
            Letter::Message(id) => id.uuid(),
        };
        let (message, refused) = match became {
            Ok(message) => (message.map(MessageId::uuid), None),
            Err(why) => (None, Some(why.clone())),
        };
        session.run(OUTCOME, values![step.job, n, id, message, refused]).await?;
    }
    if session.run(END, values![step.job, act.now_us]).await? == 1 {
        end(session, recorder, act, step.job).await?;
    }
    Ok(())
}

async fn end(
    session: &mut dyn Session,
    recorder: &Recorder,
    act: &Act,
    job: Uuid,
) -> Result<(), StoreError> {
    session.run(DROP_LETTERS, values![job]).await?;
    let figures = row(session, FIGURES, values![job]).await?;
    let figures = figures.ok_or(StoreError::NotFound("job"))?;
    let after = Json::object([
        ("done", Json::Int(figures.int(0)?)),
        ("refused", Json::Int(figures.int(1)?)),
    ]);
    let act = Act { action: "job.ended", ..act.clone() };
    let target = target(job, figures.text(2)?);
    audit::append(session, recorder, &Entry::success(&act, target, Json::Null, after)).await
}

impl Store {
    /// Notes that an item could not be done, and goes on.
    pub async fn refuse_item(
        &self,
        act: &Act,
        step: JobStep,
        letter: Letter,
        why: String,
    ) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(NO_CHANNEL, act, move |session, parts| {
            Box::pin(async move {
                advance(session, &parts.recorder, &job_act, step, &[(letter, Err(why))]).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}
