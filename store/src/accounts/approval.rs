//! Approvals: what one person asks for, another agrees to, and the first then does, once.

use uuid::Uuid;

use super::ACCOUNTS;
use super::grant::{channels_text, granted};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::scope::Scope;
use crate::sql::{Row, Session, row, statements, values};
use crate::state::coded;
use crate::store::Store;

statements! {
    ASK = "insert into approvals (id, action, digest, summary, channels, requester, requester_name, asked_us, until_us, state)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 10)";
    ONE = "select id, action, summary, channels, requester, requester_name, asked_us, until_us, state, decided_by, decided_us, reason
        from approvals where id = $1";
    NEWEST = "select id, action, summary, channels, requester, requester_name, asked_us, until_us, state, decided_by, decided_us, reason
        from approvals order by asked_us desc limit $1";
    DECIDE = "update approvals set state = $2, decided_by = $3, decided_us = $4, reason = $5
        where id = $1 and state = 10 and requester <> $3 and until_us > $4";
    /// Spent with the act for which it was given, by whoever asked for it.
    SPEND = "update approvals set state = 13 where id = $1 and state = 11 and digest = $2 and requester = $3 and until_us > $4";
}

coded! {
    /// What became of a request.
    pub ApprovalState {
        /// Nobody has decided.
        Asked = 10, "asked";
        /// Somebody agrees; it has not been done yet.
        Approved = 11, "approved";
        /// Somebody does not agree.
        Refused = 12, "refused";
        /// It was done.
        Done = 13, "done";
    }
}

/// A request for somebody else's agreement.
pub struct NewApproval {
    /// Its row.
    pub id: Uuid,
    /// What is to be done, as the audit log will name it.
    pub action: &'static str,
    /// SHA-256 over everything that is asked for.
    pub digest: [u8; 32],
    /// The same in a sentence, without a value of a message.
    pub summary: String,
    /// The channels that it is about.
    pub scope: Scope,
    /// It is good for nothing from then on, microseconds UTC.
    pub until_us: i64,
}

/// A request and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Its row.
    pub id: Uuid,
    /// What is to be done.
    pub action: String,
    /// In a sentence.
    pub summary: String,
    /// The channels that it is about.
    pub scope: Scope,
    /// Who asked: the actor's id.
    pub requester: String,
    /// Their name.
    pub requester_name: Option<String>,
    /// When, microseconds UTC.
    pub asked_us: i64,
    /// It is good for nothing from then on.
    pub until_us: i64,
    /// What became of it.
    pub state: ApprovalState,
    /// Who decided: the actor's id.
    pub decided_by: Option<String>,
    /// When.
    pub decided_us: Option<i64>,
    /// Why.
    pub reason: Option<String>,
}

impl Store {
    /// Writes a request down.
    pub async fn ask_for_approval(&self, act: &Act, new: NewApproval) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let columns = values![
                    new.id,
                    new.action,
                    &new.digest[..],
                    &*new.summary,
                    channels_text(&new.scope),
                    &*act.actor.id,
                    act.actor.name.clone(),
                    act.now_us,
                    new.until_us,
                ];
                session.run(ASK, columns).await?;
                let after = Json::object([
                    ("action", Json::text(new.action)),
                    ("summary", Json::text(&*new.summary)),
                    ("digest", Json::text(audit::hex(&new.digest))),
                ]);
                let entry = Entry::success(&act, target(new.id), Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Requests, the newest first.
    pub async fn approvals(&self, limit: usize) -> Result<Vec<Approval>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.inner.reader.rows(NEWEST, values![limit]).await?.iter().map(approval).collect()
    }

    /// One request.
    pub async fn approval(&self, id: Uuid) -> Result<Option<Approval>, StoreError> {
        self.inner.reader.row(ONE, values![id]).await?.as_ref().map(approval).transpose()
    }

    /// Agrees, or does not. Nobody decides about what they asked for themselves, and of two who decide at once one does.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it is decided already, has expired, or is the actor's own.
    pub async fn decide_approval(
        &self,
        act: &Act,
        id: Uuid,
        agrees: bool,
    ) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let found = row(session, ONE, values![id]).await?;
                let found = approval(&found.ok_or(StoreError::NotFound("request"))?)?;
                let state = if agrees { ApprovalState::Approved } else { ApprovalState::Refused };
                let columns =
                    values![id, state.code(), &*act.actor.id, act.now_us, act.purpose.clone()];
                if session.run(DECIDE, columns).await? != 1 {
                    return Err(StoreError::Refused(
                        "this is decided already, has expired, or is your own request",
                    ));
                }
                let before = Json::object([
                    ("action", Json::text(&*found.action)),
                    ("summary", Json::text(&*found.summary)),
                    ("requester", Json::text(&*found.requester)),
                ]);
                let after = Json::object([("state", Json::text(state.as_str()))]);
                let entry = Entry::success(&act, target(id), before, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

/// Uses an approval up, inside the transaction of the act for which it was given.
pub(crate) async fn spend(
    session: &mut dyn Session,
    act: &Act,
    (id, digest): (Uuid, &[u8; 32]),
) -> Result<(), StoreError> {
    let columns = values![id, &digest[..], &*act.actor.id, act.now_us];
    match session.run(SPEND, columns).await? {
        1 => Ok(()),
        _ => Err(StoreError::Refused(
            "the approval is not given, is for something else or somebody else, was used, or has expired",
        )),
    }
}

fn target(id: Uuid) -> Target {
    Target { kind: "approval", id: Some(id.to_string()), channel: None }
}

fn approval(row: &Row) -> Result<Approval, StoreError> {
    Ok(Approval {
        id: row.id(0)?,
        action: row.text(1)?.to_owned(),
        summary: row.text(2)?.to_owned(),
        scope: granted("", row.text_or_none(3)?)?.scope,
        requester: row.text(4)?.to_owned(),
        requester_name: row.text_or_none(5)?.map(str::to_owned),
        asked_us: row.int(6)?,
        until_us: row.int(7)?,
        state: row.code(8, ApprovalState::from_code)?,
        decided_by: row.text_or_none(9)?.map(str::to_owned),
        decided_us: row.int_or_none(10)?,
        reason: row.text_or_none(11)?.map(str::to_owned),
    })
}
