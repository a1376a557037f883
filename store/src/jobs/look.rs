//! Jobs as people and the engine see them.

use uuid::Uuid;

use super::{Job, JobKind, JobOutcome, JobState, PAGE, actor, names, unpacked};
use crate::error::StoreError;
use crate::ids::MessageId;
use crate::read::Letter;
use crate::scope::Scope;
use crate::sql::{Row, statements, values};
use crate::state::Disposition;
use crate::store::Store;

/// Rows of one answer.
const LIMIT_MAX: usize = 500;

statements! {
    ONE = "select id, kind, state, as_sent, destinations, channels, scope, reason, rate, total, next, done, refused, actor_kind, actor_id,
        actor_name, approval, error, begun_us, ended_us from jobs where id = $1";
    NEWEST = "select id, kind, state, as_sent, destinations, channels, scope, reason, rate, total, next, done, refused, actor_kind,
        actor_id, actor_name, approval, error, begun_us, ended_us from jobs order by begun_us desc, id desc limit $1";
    AT_WORK = "select id from jobs where state = 10";
    PAGE_OF = "select letters from job_letters where job = $1 and page = $2";
    OUTCOMES = "select o.n, o.letter, o.message, o.refused, m.disposition from job_outcomes o left join messages m on m.id = o.message
        where o.job = $1 and o.n > $2 order by o.n limit $3";
}

impl Store {
    /// A job.
    pub async fn job(&self, id: Uuid) -> Result<Option<Job>, StoreError> {
        self.inner.reader.row(ONE, values![id]).await?.as_ref().map(job).transpose()
    }

    /// The newest jobs.
    pub async fn jobs(&self, limit: usize) -> Result<Vec<Job>, StoreError> {
        let limit = i64::try_from(limit.clamp(1, LIMIT_MAX)).unwrap_or(i64::MAX);
        self.inner.reader.rows(NEWEST, values![limit]).await?.iter().map(job).collect()
    }

    /// Those that are to go on.
    pub async fn jobs_at_work(&self) -> Result<Vec<Uuid>, StoreError> {
        self.inner.reader.rows(AT_WORK, values![]).await?.iter().map(|row| row.id(0)).collect()
    }

    /// The letters from this number on, as many as lie together.
    pub async fn job_letters(&self, id: Uuid, n: i64) -> Result<Vec<Letter>, StoreError> {
        let page = i64::try_from(PAGE).unwrap_or(i64::MAX);
        let found = self.inner.reader.row(PAGE_OF, values![id, n / page]).await?;
        let mut letters = match found {
            Some(row) => unpacked(row.blob(0)?),
            None => Vec::new(),
        };
        let skip = usize::try_from(n % page).unwrap_or(0).min(letters.len());
        Ok(letters.split_off(skip))
    }

    /// What became of the items of a job behind this number.
    pub async fn job_outcomes(
        &self,
        id: Uuid,
        after: i64,
        limit: usize,
    ) -> Result<Vec<JobOutcome>, StoreError> {
        let limit = i64::try_from(limit.clamp(1, LIMIT_MAX)).unwrap_or(i64::MAX);
        let rows = self.inner.reader.rows(OUTCOMES, values![id, after, limit]).await?;
        rows.iter().map(outcome).collect()
    }
}

fn outcome(row: &Row) -> Result<JobOutcome, StoreError> {
    let message = match row.id_or_none(2)? {
        Some(id) => {
            let now = row.int_or_none(4)?.and_then(Disposition::from_code);
            Some((MessageId::from_uuid(id), now))
        }
        None => None,
    };
    Ok(JobOutcome {
        n: row.int(0)?,
        letter: row.id(1)?,
        message,
        refused: row.text_or_none(3)?.map(str::to_owned),
    })
}

fn job(row: &Row) -> Result<Job, StoreError> {
    let scope = match row.text_or_none(6)? {
        None => Scope::All,
        Some(list) => Scope::Channels(names(list).into_iter().collect()),
    };
    Ok(Job {
        id: row.id(0)?,
        kind: row.code(1, JobKind::from_code)?,
        state: row.code(2, JobState::from_code)?,
        as_sent: row.int(3)? != 0,
        destinations: names(row.text(4)?),
        channels: names(row.text(5)?),
        scope,
        reason: row.text(7)?.to_owned(),
        rate: row.int(8)?,
        total: row.int(9)?,
        next: row.int(10)?,
        done: row.int(11)?,
        refused: row.int(12)?,
        actor: actor(row.text(13)?, row.text(14)?, row.text_or_none(15)?),
        approval: row.id_or_none(16)?,
        error: row.text_or_none(17)?.map(str::to_owned),
        begun_us: row.int(18)?,
        ended_us: row.int_or_none(19)?,
    })
}
