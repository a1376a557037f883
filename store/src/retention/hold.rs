//! Legal holds: as long as one is in force nothing of its channel leaves the store, or nothing at all.

use config::Name;
use uuid::Uuid;

use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::scope::Scope;
use crate::sql::{Row, row, statements, values};
use crate::store::Store;

/// Holds are written where acts that belong to no channel are.
const NO_CHANNEL: i64 = 0;

statements! {
    ALL = "select h.id, c.name, h.reason, h.placed_by, h.placed_us, h.lifted_by, h.lifted_us
        from legal_holds h left join channels c on c.id = h.channel order by h.placed_us desc, h.id desc limit 1000";
    PLACE = "insert into legal_holds (id, channel, reason, placed_by, placed_us) values ($1, $2, $3, $4, $5)";
    ONE = "select c.name, h.lifted_us from legal_holds h left join channels c on c.id = h.channel where h.id = $1";
    LIFT = "update legal_holds set lifted_by = $2, lifted_us = $3 where id = $1 and lifted_us is null";
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalHold {
    /// Its row.
    pub id: Uuid,
    /// The channel of which nothing leaves; without one nothing leaves at all, records of the audit log neither.
    pub channel: Option<Name>,
    /// Why.
    pub reason: String,
    /// Who placed it: the actor's id.
    pub placed_by: String,
    /// When, microseconds UTC.
    pub placed_us: i64,
    /// Who lifted it, and when.
    pub lifted: Option<(String, i64)>,
}

impl Store {
    /// Legal holds, the newest first, those that were lifted too.
    pub async fn legal_holds(&self) -> Result<Vec<LegalHold>, StoreError> {
        self.inner.reader.rows(ALL, values![]).await?.iter().map(hold).collect()
    }

    /// Places a hold: what is on its way out stops at the next transaction. The act's purpose says why.
    pub async fn place_hold(
        &self,
        act: &Act,
        channel: Option<&Name>,
        reason: &str,
    ) -> Result<Uuid, StoreError> {
        let known = match channel {
            Some(name) => Some(self.inner.reader.channel(&Scope::All, name).await?.id),
            None => None,
        };
        let id = Uuid::now_v7();
        let (job_act, reason) = (act.clone(), reason.to_owned());
        let target = target(id, channel.map(ToString::to_string));
        let () = self
            .act(NO_CHANNEL, act, move |session, parts| {
                Box::pin(async move {
                    let act = job_act;
                    let after = Json::object([("reason", Json::text(&*reason))]);
                    let columns = values![id, known, reason, &*act.actor.id, act.now_us];
                    session.run(PLACE, columns).await?;
                    let entry = Entry::success(&act, target, Json::Null, after);
                    audit::append(session, &parts.recorder, &entry).await?;
                    Ok(Done::new(()))
                })
            })
            .await?;
        Ok(id)
    }

    /// Lifts a hold. The act's purpose says why.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when it is lifted already.
    pub async fn lift_hold(&self, act: &Act, id: Uuid) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(NO_CHANNEL, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let found = row(session, ONE, values![id]).await?;
                let found = found.ok_or(StoreError::NotFound("legal hold"))?;
                if session.run(LIFT, values![id, &*act.actor.id, act.now_us]).await? != 1 {
                    return Err(StoreError::Refused("the hold is lifted already"));
                }
                let target = target(id, found.text_or_none(0)?.map(str::to_owned));
                let entry = Entry::success(&act, target, Json::Null, Json::Null);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

fn target(id: Uuid, channel: Option<String>) -> Target {
    Target { kind: "legal-hold", id: Some(id.to_string()), channel }
}

fn hold(row: &Row) -> Result<LegalHold, StoreError> {
    let name = row.text_or_none(1)?.map(Name::new).transpose();
    let lifted_us = row.int_or_none(6)?;
    Ok(LegalHold {
        id: row.id(0)?,
        channel: name.map_err(|error| StoreError::Internal(error.to_string()))?,
        reason: row.text(2)?.to_owned(),
        placed_by: row.text(3)?.to_owned(),
        placed_us: row.int(4)?,
        lifted: match lifted_us {
            Some(us) => Some((row.text_or_none(5)?.unwrap_or_default().to_owned(), us)),
            None => None,
        },
    })
}
