//! Tokens of programs: by the hash, with what they may do, from where and until when.

use config::Name;
use uuid::Uuid;

use super::ACCOUNTS;
use super::grant::{self, Granted};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::sql::{Row, row, statements, values};
use crate::store::Store;

statements! {
    TOKENS = "select id, name, grants, networks, until_us, revoked_us, seen_us, created_us, created_by from service_tokens
        order by name, created_us desc, id";
    BY_HASH = "select id, name, grants, networks, until_us, revoked_us, seen_us, created_us, created_by from service_tokens where token = $1";
    IN_FORCE = "select id, name, grants, networks, until_us, revoked_us, seen_us, created_us, created_by from service_tokens
        where name = $1 and revoked_us is null and until_us > $2 order by created_us desc, id";
    INSERT = "insert into service_tokens (id, token, name, grants, networks, until_us, seen_us, created_us, created_by)
        values ($1, $2, $3, $4, $5, $6, 0, $7, $8)";
    REVOKE = "update service_tokens set revoked_us = $2 where name = $1 and revoked_us is null and until_us > $2";
    SHORTEN = "update service_tokens set until_us = $3 where name = $1 and revoked_us is null and until_us > $3 and id <> $2";
    SEEN = "update service_tokens set seen_us = $2 where token = $1 and seen_us < $2";
}

/// The tokens that are in force.
pub(super) async fn live(
    session: &mut dyn Backend,
    now_us: i64,
) -> Result<Vec<ServiceToken>, StoreError> {
    let rows = session.rows(TOKENS, values![]).await?;
    let mut tokens: Vec<ServiceToken> = rows.iter().map(token).collect::<Result<_, _>>()?;
    tokens.retain(|one| one.revoked_us.is_none() && now_us < one.until_us);
    Ok(tokens)
}

/// A token of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceToken {
    /// Its row; the first digits are in the token too.
    pub id: Uuid,
    /// The program's name.
    pub name: Name,
    /// What it may do.
    pub grants: Vec<Granted>,
    /// The networks that it may come from, as CIDR.
    pub networks: Vec<String>,
    /// It ends then, microseconds UTC.
    pub until_us: i64,
    /// It was taken back then.
    pub revoked_us: Option<i64>,
    /// When it was last used, to the minute; 0 for never.
    pub seen_us: i64,
    /// When it was made.
    pub created_us: i64,
    /// By whom.
    pub created_by: String,
}

/// A token that is to be made.
pub struct NewServiceToken {
    /// Its row.
    pub id: Uuid,
    /// SHA-256 of it.
    pub token: [u8; 32],
    /// The program's name.
    pub name: Name,
    /// What it may do.
    pub grants: Vec<Granted>,
    /// The networks that it may come from.
    pub networks: Vec<String>,
    /// It ends then.
    pub until_us: i64,
    /// Those of the same name end then at the latest; nothing when there must be none.
    pub overlap_until_us: Option<i64>,
}

impl Store {
    /// Every token that was ever made, by name.
    pub async fn service_tokens(&self) -> Result<Vec<ServiceToken>, StoreError> {
        self.inner.reader.rows(TOKENS, values![]).await?.iter().map(token).collect()
    }

    /// The token with this hash.
    pub async fn service_token(&self, hash: &[u8; 32]) -> Result<Option<ServiceToken>, StoreError> {
        self.inner.reader.row(BY_HASH, values![&hash[..]]).await?.as_ref().map(token).transpose()
    }

    /// Makes a token, or another one in the place of those of the same name.
    pub async fn add_service_token(
        &self,
        act: &Act,
        new: NewServiceToken,
    ) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let in_force =
                    row(session, IN_FORCE, values![new.name.as_str(), act.now_us]).await?;
                let before = match (&in_force, new.overlap_until_us) {
                    (Some(_), None) => {
                        return Err(StoreError::Refused(
                            "there is a token of this name in force: rotate it",
                        ));
                    }
                    (None, Some(_)) => return Err(StoreError::NotFound("token in force")),
                    (Some(row), Some(_)) => shown(&token(row)?),
                    (None, None) => Json::Null,
                };
                let columns = values![
                    new.id,
                    &new.token[..],
                    new.name.as_str(),
                    audit::canonical(&grant::list(&new.grants)),
                    audit::canonical(&Json::List(new.networks.iter().map(Json::text).collect())),
                    new.until_us,
                    act.now_us,
                    &*act.actor.id,
                ];
                session.run(INSERT, columns).await?;
                if let Some(until_us) = new.overlap_until_us {
                    session.run(SHORTEN, values![new.name.as_str(), new.id, until_us]).await?;
                }
                let after = row(session, BY_HASH, values![&new.token[..]]).await?;
                let after = after.as_ref().map(token).transpose()?;
                let after = after.as_ref().map_or(Json::Null, shown);
                let entry = Entry::success(&act, target(&new.name), before, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Takes every token of a name back, at once.
    pub async fn revoke_service_tokens(&self, act: &Act, name: &Name) -> Result<(), StoreError> {
        let (job_act, name) = (act.clone(), name.clone());
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let revoked = revoke(session, &job_act, &name).await?;
                let after = Json::object([("revoked", Json::Int(revoked))]);
                let entry = Entry::success(&job_act, target(&name), Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Notes that a token was used.
    pub async fn service_token_seen(&self, hash: [u8; 32], now_us: i64) -> Result<(), StoreError> {
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                session.run(SEEN, values![&hash[..], now_us]).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

async fn revoke(session: &mut dyn Backend, act: &Act, name: &Name) -> Result<i64, StoreError> {
    match session.run(REVOKE, values![name.as_str(), act.now_us]).await? {
        0 => Err(StoreError::NotFound("token in force")),
        revoked => Ok(i64::try_from(revoked).unwrap_or(i64::MAX)),
    }
}

fn target(name: &Name) -> Target {
    Target { kind: "token", id: Some(name.to_string()), channel: None }
}

fn shown(token: &ServiceToken) -> Json {
    Json::object([
        ("id", Json::text(token.id.to_string())),
        ("grants", grant::list(&token.grants)),
        ("networks", Json::List(token.networks.iter().map(Json::text).collect())),
        ("until_us", Json::Int(token.until_us)),
    ])
}

fn token(row: &Row) -> Result<ServiceToken, StoreError> {
    let damaged = || StoreError::Internal("a token is damaged".to_owned());
    Ok(ServiceToken {
        id: row.id(0)?,
        name: Name::new(row.text(1)?).map_err(|_| damaged())?,
        grants: grant::read_list(row.text(2)?)?,
        networks: serde_json::from_str(row.text(3)?).map_err(|_| damaged())?,
        until_us: row.int(4)?,
        revoked_us: row.int_or_none(5)?,
        seen_us: row.int(6)?,
        created_us: row.int(7)?,
        created_by: row.text(8)?.to_owned(),
    })
}
