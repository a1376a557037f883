//! Roles that the site has made, by the names of their permissions: what these mean is not the store's to know.

use config::Name;

use super::ACCOUNTS;
use super::grant::Granted;
use super::service::live;
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::sql::{Row, row, statements, values};
use crate::store::Store;

statements! {
    ROLES = "select name, doc, permissions from roles order by name";
    ROLE = "select name, doc, permissions from roles where name = $1";
    INSERT = "insert into roles (name, doc, permissions, created_us, created_by, changed_us) values ($1, $2, $3, $4, $5, $4)";
    UPDATE = "update roles set doc = $2, permissions = $3, changed_us = $4 where name = $1";
    DELETE = "delete from roles where name = $1";
    HOLDERS = "select u.name from grants g join users u on u.id = g.user_id where g.role = $1 order by u.name";
    /// Sessions of whoever has it mean nothing any more.
    BUMP_HOLDERS = "update users set generation = generation + 1 where id in (select user_id from grants where role = $1)";
}

/// A role that the site has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub doc: String,
    /// The dotted names of what it may do, in order.
    pub permissions: Vec<String>,
}

impl Store {
    /// Every role that the site has made, by name.
    pub async fn roles(&self) -> Result<Vec<RoleRow>, StoreError> {
        self.inner.reader.rows(ROLES, values![]).await?.iter().map(role).collect()
    }

    /// Makes a role.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when there is one of this name, or somebody has one of this name that is gone.
    pub async fn add_role(&self, act: &Act, new: RoleRow) -> Result<(), StoreError> {
        self.change_role(act, new.name.clone(), move |session, act, before| {
            Box::pin(async move {
                if before.is_some() {
                    return Err(StoreError::Refused("there is a role of this name"));
                }
                if is_held(session, &new.name, act.now_us).await? {
                    return Err(StoreError::Refused(
                        "somebody has a role of this name that is gone",
                    ));
                }
                let columns = values![
                    new.name.as_str(),
                    &*new.doc,
                    permissions_text(&new.permissions),
                    act.now_us,
                    &*act.actor.id,
                ];
                session.run(INSERT, columns).await.map(drop)
            })
        })
        .await
    }

    /// Changes a role. The sessions of whoever has it end.
    pub async fn set_role(&self, act: &Act, new: RoleRow) -> Result<(), StoreError> {
        self.change_role(act, new.name.clone(), move |session, act, before| {
            Box::pin(async move {
                before.ok_or(StoreError::NotFound("role"))?;
                let text = permissions_text(&new.permissions);
                let columns = values![new.name.as_str(), &*new.doc, text, act.now_us];
                session.run(UPDATE, columns).await?;
                session.run(BUMP_HOLDERS, values![new.name.as_str()]).await.map(drop)
            })
        })
        .await
    }

    /// Removes a role that nobody has.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when somebody, or a token that is in force, has it.
    pub async fn remove_role(&self, act: &Act, name: &Name) -> Result<(), StoreError> {
        let gone = name.clone();
        self.change_role(act, name.clone(), move |session, act, before| {
            Box::pin(async move {
                before.ok_or(StoreError::NotFound("role"))?;
                if is_held(session, &gone, act.now_us).await? {
                    return Err(StoreError::Refused(
                        "somebody, or a token in force, has this role",
                    ));
                }
                session.run(DELETE, values![gone.as_str()]).await.map(drop)
            })
        })
        .await
    }

    /// Changes a role, and records what it was and what it is.
    async fn change_role<F>(&self, act: &Act, name: Name, change: F) -> Result<(), StoreError>
    where
        F: for<'a> FnOnce(&'a mut dyn Backend, Act, Option<RoleRow>) -> crate::sql::Later<'a, ()>
            + Send
            + 'static,
    {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let before = find(session, &name).await?;
                let shown = before.as_ref().map_or(Json::Null, shown);
                change(session, job_act.clone(), before).await?;
                let after = find(session, &name).await?;
                let after = after.as_ref().map_or(Json::Null, self::shown);
                let target = Target { kind: "role", id: Some(name.to_string()), channel: None };
                let entry = Entry::success(&job_act, target, shown, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

async fn find(session: &mut dyn Backend, name: &Name) -> Result<Option<RoleRow>, StoreError> {
    row(session, ROLE, values![name.as_str()]).await?.as_ref().map(role).transpose()
}

/// Whether somebody, or a token that is in force, has a role.
async fn is_held(session: &mut dyn Backend, name: &Name, now_us: i64) -> Result<bool, StoreError> {
    if row(session, HOLDERS, values![name.as_str()]).await?.is_some() {
        return Ok(true);
    }
    let names = |grant: &Granted| grant.role == name.as_str();
    Ok(live(session, now_us).await?.iter().any(|token| token.grants.iter().any(names)))
}

fn role(row: &Row) -> Result<RoleRow, StoreError> {
    let damaged = || StoreError::Internal("a role is damaged".to_owned());
    Ok(RoleRow {
        name: Name::new(row.text(0)?).map_err(|_| damaged())?,
        doc: row.text(1)?.to_owned(),
        permissions: serde_json::from_str(row.text(2)?).map_err(|_| damaged())?,
    })
}

fn list(permissions: &[String]) -> Json {
    Json::List(permissions.iter().map(|one| Json::text(&**one)).collect())
}

fn permissions_text(permissions: &[String]) -> String {
    audit::canonical(&list(permissions))
}

fn shown(role: &RoleRow) -> Json {
    Json::object([("doc", Json::text(&*role.doc)), ("permissions", list(&role.permissions))])
}
