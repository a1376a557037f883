//! Users: their rows, and the acts that change them. Every change of what somebody may do ends their sessions at the next request.

use config::Name;
use phi::Secret;

use super::grant::{self, Granted};
use super::{ACCOUNTS, seal, target};
use crate::audit::{self, Act, Entry, Json};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::ids::UserId;
use crate::seal::Column;
use crate::sql::{Later, Row, row, statements, values};
use crate::state::coded;
use crate::store::{Parts, Store};

statements! {
    USERS = "select id, name, state, generation, cast(case when second_factor is null then 0 else 1 end as bigint), locked_until_us,
        signed_in_us, created_us, created_by, subject from users order by name";
    USER = "select id, name, state, generation, cast(case when second_factor is null then 0 else 1 end as bigint), locked_until_us,
        signed_in_us, created_us, created_by, subject from users where id = $1";
    BY_NAME = "select id from users where name = $1";
    COUNT = "select count(*) from users";
    INSERT = "insert into users (id, name, state, generation, password, second_factor, totp_step, failures, locked_until_us,
        signed_in_us, created_us, created_by) values ($1, $2, $3, 1, $4, $6, $7, 0, 0, 0, $5, $8)";
    SET_STATE = "update users set state = $2, generation = generation + 1 where id = $1";
    UNLOCK = "update users set failures = 0, locked_until_us = 0 where id = $1";
    SET_PASSWORD = "update users set password = $2, generation = generation + 1, failures = 0, locked_until_us = 0
        where id = $1";
    SET_SECOND_FACTOR = "update users set second_factor = $2, totp_step = $3, generation = generation + 1 where id = $1";
    BUMP = "update users set generation = generation + 1 where id = $1";
    DROP_CODES = "delete from recovery_codes where user_id = $1";
    ADD_CODE = "insert into recovery_codes (user_id, code) values ($1, $2)";
}

coded! {
    /// Whether somebody may sign in.
    pub UserState {
        /// They may.
        Active = 10, "active";
        /// They may not, until somebody says so.
        Disabled = 11, "disabled";
    }
}

/// Somebody who may sign in, without their secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their row.
    pub id: UserId,
    /// The name that they type.
    pub name: Name,
    /// Whether they may sign in.
    pub state: UserState,
    /// Goes up with every change after which older sessions mean nothing.
    pub generation: i64,
    /// They have a second factor.
    pub second_factor: bool,
    /// Nobody gets in under this name before then, microseconds UTC; 0 when it is not locked.
    pub locked_until_us: i64,
    /// When they last signed in; 0 for never.
    pub signed_in_us: i64,
    /// When they were added.
    pub created_us: i64,
    /// By whom.
    pub created_by: String,
    /// Who they are in the directory that recognises them; nothing when they have a password here.
    pub subject: Option<String>,
    /// What they may do.
    pub grants: Vec<Granted>,
}

/// Somebody on their way in.
pub struct NewUser {
    /// Their row.
    pub id: UserId,
    /// The name that they will type.
    pub name: Name,
    /// Their password as a PHC string.
    pub password: Secret<String>,
    /// The secret of their second factor, with the last step that was used of it.
    pub second_factor: Option<(Secret<Vec<u8>>, i64)>,
    /// Their recovery codes.
    pub recovery: Vec<Secret<String>>,
    /// What they may do.
    pub grants: Vec<Granted>,
    /// Nobody else may be there yet.
    pub first: bool,
}

impl Store {
    /// Everybody, by name.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let grants = self.inner.reader.rows(grant::ALL, values![]).await?;
        let rows = self.inner.reader.rows(USERS, values![]).await?;
        rows.iter().map(|row| user(row, grant::of(&grants, row.id(0)?)?)).collect()
    }

    /// Somebody, by name.
    pub async fn user(&self, name: &Name) -> Result<Option<User>, StoreError> {
        Ok(self.users().await?.into_iter().find(|user| user.name == *name))
    }

    /// Whether nobody has been added yet.
    pub async fn has_no_users(&self) -> Result<bool, StoreError> {
        let found = self.inner.reader.row(COUNT, values![]).await?;
        Ok(found.map_or(Ok(0), |row| row.int(0))? == 0)
    }

    /// Adds somebody. Of two that want to be the first, one is.
    pub async fn add_user(&self, act: &Act, new: NewUser) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let others =
                    row(session, COUNT, values![]).await?.map_or(Ok(0), |row| row.int(0))?;
                if new.first && others > 0 {
                    return Err(StoreError::Refused("there is an owner already"));
                }
                if row(session, BY_NAME, values![new.name.as_str()]).await?.is_some() {
                    return Err(StoreError::Refused("there is or was a user of this name"));
                }
                let password = new.password.expose_secret().as_bytes();
                let factor = new.second_factor.as_ref();
                let columns = values![
                    new.id.uuid(),
                    new.name.as_str(),
                    UserState::Active.code(),
                    seal(&parts, new.id, Column::Password, password),
                    act.now_us,
                    factor.map(|(secret, _)| {
                        seal(&parts, new.id, Column::SecondFactor, secret.expose_secret())
                    }),
                    factor.map_or(0, |(_, step)| *step),
                    &*act.actor.id,
                ];
                session.run(INSERT, columns).await?;
                add_codes(session, &parts, new.id, &new.recovery).await?;
                grant::put(session, &act, new.id, &new.grants).await?;
                record(session, &parts, &act, Json::Null, new.id).await
            })
        })
        .await
    }

    /// Lets somebody sign in, or not.
    pub async fn set_user_state(
        &self,
        act: &Act,
        id: UserId,
        state: UserState,
    ) -> Result<(), StoreError> {
        self.change_user(act, id, move |session, _, before| {
            Box::pin(async move {
                if state == UserState::Disabled {
                    grant::keep_an_owner(session, &before, &[]).await?;
                }
                session.run(SET_STATE, values![id.uuid(), state.code()]).await.map(drop)
            })
        })
        .await
    }

    /// Lets somebody try again who has guessed too often.
    pub async fn unlock_user(&self, act: &Act, id: UserId) -> Result<(), StoreError> {
        self.change_user(act, id, move |session, _, _| {
            Box::pin(async move { session.run(UNLOCK, values![id.uuid()]).await.map(drop) })
        })
        .await
    }

    /// Gives somebody another password, as a PHC string. Their sessions end.
    pub async fn set_password(
        &self,
        act: &Act,
        id: UserId,
        phc: Secret<String>,
    ) -> Result<(), StoreError> {
        self.change_user(act, id, move |session, parts, _| {
            Box::pin(async move {
                let sealed = seal(parts, id, Column::Password, phc.expose_secret().as_bytes());
                session.run(SET_PASSWORD, values![id.uuid(), sealed]).await.map(drop)
            })
        })
        .await
    }

    /// Gives somebody a second factor with its recovery codes, or takes it away. `step` is the last one that was used.
    pub async fn set_second_factor(
        &self,
        act: &Act,
        id: UserId,
        factor: Option<(Secret<Vec<u8>>, i64)>,
        recovery: Vec<Secret<String>>,
    ) -> Result<(), StoreError> {
        self.change_user(act, id, move |session, parts, _| {
            Box::pin(async move {
                let sealed = factor.as_ref().map(|(secret, _)| {
                    seal(parts, id, Column::SecondFactor, secret.expose_secret())
                });
                let step = factor.as_ref().map_or(0, |(_, step)| *step);
                session.run(SET_SECOND_FACTOR, values![id.uuid(), sealed, step]).await?;
                session.run(DROP_CODES, values![id.uuid()]).await?;
                add_codes(session, parts, id, &recovery).await
            })
        })
        .await
    }

    /// Replaces what somebody may do.
    pub async fn set_grants(
        &self,
        act: &Act,
        id: UserId,
        grants: Vec<Granted>,
    ) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.change_user(act, id, move |session, _, before| {
            Box::pin(async move {
                grant::keep_an_owner(session, &before, &grants).await?;
                grant::put(session, &job_act, id, &grants).await?;
                session.run(BUMP, values![id.uuid()]).await.map(drop)
            })
        })
        .await
    }

    /// Changes somebody, and records what they were and what they are.
    async fn change_user<F>(&self, act: &Act, id: UserId, change: F) -> Result<(), StoreError>
    where
        F: for<'a> FnOnce(&'a mut dyn Backend, &'a Parts, User) -> Later<'a, ()> + Send + 'static,
    {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let before = find(session, id).await?;
                let shown = shown(&before);
                change(session, &parts, before).await?;
                record(session, &parts, &job_act, shown, id).await
            })
        })
        .await
    }
}

pub(super) async fn record(
    session: &mut dyn Backend,
    parts: &Parts,
    act: &Act,
    before: Json,
    id: UserId,
) -> Result<Done, StoreError> {
    let after = shown(&find(session, id).await?);
    let entry = Entry::success(act, target(id), before, after);
    audit::append(session, &parts.recorder, &entry).await?;
    Ok(Done::new(()))
}

pub(super) async fn find(session: &mut dyn Backend, id: UserId) -> Result<User, StoreError> {
    let found = row(session, USER, values![id.uuid()]).await?;
    let found = found.ok_or(StoreError::NotFound("user"))?;
    let grants = session.rows(grant::ALL, values![]).await?;
    user(&found, grant::of(&grants, id.uuid())?)
}

async fn add_codes(
    session: &mut dyn Backend,
    parts: &Parts,
    id: UserId,
    codes: &[Secret<String>],
) -> Result<(), StoreError> {
    for code in codes {
        let token = parts.tokens.recovery(id, code.expose_secret());
        session.run(ADD_CODE, values![id.uuid(), &token[..]]).await?;
    }
    Ok(())
}

fn user(row: &Row, grants: Vec<Granted>) -> Result<User, StoreError> {
    let name = Name::new(row.text(1)?)
        .map_err(|_| StoreError::Internal("the name of a user is none".to_owned()))?;
    Ok(User {
        id: UserId::from_uuid(row.id(0)?),
        name,
        state: row.code(2, UserState::from_code)?,
        generation: row.int(3)?,
        second_factor: row.int(4)? == 1,
        locked_until_us: row.int(5)?,
        signed_in_us: row.int(6)?,
        created_us: row.int(7)?,
        created_by: row.text(8)?.to_owned(),
        subject: row.text_or_none(9)?.map(str::to_owned),
        grants,
    })
}

/// What an audit record says of somebody. A change of secrets shows in the generation alone.
pub(super) fn shown(user: &User) -> Json {
    Json::object([
        ("name", Json::text(user.name.as_str())),
        ("state", Json::text(user.state.as_str())),
        ("generation", Json::Int(user.generation)),
        ("second_factor", Json::Bool(user.second_factor)),
        ("directory", Json::Bool(user.subject.is_some())),
        ("locked_until_us", Json::Int(user.locked_until_us)),
        ("grants", Json::List(user.grants.iter().map(Granted::shown).collect())),
    ])
}
