//! Beginning a job.

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{NO_CHANNEL, NewJob, PAGE, list, packed, target};
use crate::audit::{self, Act, Entry, Json};
use crate::backend::Done;
use crate::error::StoreError;
use crate::scope::Scope;
use crate::sql::{row, statements, values};
use crate::store::Store;

/// What became of each item is kept so long after the end of a job, microseconds.
const KEPT_US: i64 = 90 * 24 * 3_600 * 1_000_000;

statements! {
    BEGIN = "insert into jobs (id, kind, state, as_sent, destinations, channels, scope, reason, rate, total, next, done, refused,
        actor_kind, actor_id, actor_name, approval, token, begun_us)
        values ($1, $2, 10, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, $10, $11, $12, $13, $14, $15)";
    LETTERS = "insert into job_letters (job, page, letters) values ($1, $2, $3)";
    BY_TOKEN = "select id from jobs where token = $1";
    FORGET_OUTCOMES = "delete from job_outcomes where job in (select id from jobs where ended_us < $1)";
    FORGET = "delete from jobs where ended_us < $1";
}

impl Store {
    /// Begins a job, or gives the one that the same token of the same actor has begun; whether it was there.
    pub async fn begin_job(&self, act: &Act, new: NewJob) -> Result<(Uuid, bool), StoreError> {
        let token = new.token.as_ref().map(|token| token_of(act, token));
        let scope = match &new.scope {
            Scope::All => None,
            Scope::Channels(names) => Some(list(&names.iter().cloned().collect::<Vec<_>>())),
        };
        let job_act = act.clone();
        self.act(NO_CHANNEL, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                if let Some(token) = &token
                    && let Some(known) = row(session, BY_TOKEN, values![&token[..]]).await?
                {
                    return Ok(Done::new((known.id(0)?, true)));
                }
                let before_us = act.now_us - KEPT_US;
                session.run(FORGET_OUTCOMES, values![before_us]).await?;
                session.run(FORGET, values![before_us]).await?;
                let total = i64::try_from(new.letters.len()).unwrap_or(i64::MAX);
                let columns = values![
                    new.id,
                    new.kind.code(),
                    i64::from(new.as_sent),
                    list(&new.destinations),
                    list(&new.channels),
                    scope,
                    act.purpose.clone().unwrap_or_default(),
                    new.rate,
                    total,
                    act.actor.kind.as_str(),
                    &*act.actor.id,
                    act.actor.name.clone(),
                    act.approval.map(|agreed| agreed.id),
                    token.map(|token| token.to_vec()),
                    act.now_us,
                ];
                session.run(BEGIN, columns).await?;
                for (page, letters) in (0_i64..).zip(new.letters.chunks(PAGE)) {
                    session.run(LETTERS, values![new.id, page, packed(letters)]).await?;
                }
                let after = Json::object([
                    ("items", Json::Int(total)),
                    ("rate", Json::Int(new.rate)),
                    ("destinations", Json::text(list(&new.destinations))),
                    ("channels", Json::text(list(&new.channels))),
                ]);
                let target = target(new.id, &list(&new.channels));
                let entry = Entry::success(&act, target, Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new((new.id, false)))
            })
        })
        .await
    }

    /// The job that this token of this actor has begun.
    pub async fn job_of_token(&self, act: &Act, token: &str) -> Result<Option<Uuid>, StoreError> {
        let token = token_of(act, token);
        self.inner.reader.row(BY_TOKEN, values![&token[..]]).await?.map(|row| row.id(0)).transpose()
    }
}

/// A token is only the same for the same actor and action.
fn token_of(act: &Act, token: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [act.actor.id.as_bytes(), act.action.as_bytes(), token.as_bytes()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
