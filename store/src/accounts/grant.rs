//! Grants: which roles somebody has, each for which channels.

use config::Name;
use uuid::Uuid;

use super::user::User;
use crate::audit::{self, Act, Json};
use crate::error::StoreError;
use crate::ids::UserId;
use crate::scope::Scope;
use crate::sql::{Row, Session, row, statements, values};
use crate::store::Store;

/// The role that may do everything but read messages; somebody always has it.
const OWNER: &str = "system-owner";

statements! {
    ALL = "select user_id, role, channels from grants order by user_id, role";
    CLEAR = "delete from grants where user_id = $1";
    ADD = "insert into grants (user_id, role, channels, created_us, created_by) values ($1, $2, $3, $4, $5)";
    /// Owners who can sign in and have a second factor, also when the directory cannot be asked.
    SAFE_OWNERS = "select count(*) from grants g join users u on u.id = g.user_id
        where g.role = $1 and g.channels is null and u.state = 10 and u.second_factor is not null and u.subject is null";
    OTHER_OWNERS = "select count(*) from grants g join users u on u.id = g.user_id
        where g.role = $1 and g.channels is null and u.state = 10 and u.subject is null and u.id <> $2";
}

/// A role that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The role's name.
    pub role: String,
    /// The channels for which they have it.
    pub scope: Scope,
}

impl Granted {
    fn channels(&self) -> Json {
        match &self.scope {
            Scope::All => Json::Null,
            Scope::Channels(names) => {
                Json::List(names.iter().map(|name| Json::text(name.as_str())).collect())
            }
        }
    }

    pub(super) fn shown(&self) -> Json {
        Json::object([("role", Json::text(&*self.role)), ("channels", self.channels())])
    }

    fn is_owner(&self) -> bool {
        self.role == OWNER && self.scope == Scope::All
    }
}

impl Store {
    /// Whether somebody owns the system who can sign in and has a second factor.
    pub async fn has_safe_owner(&self) -> Result<bool, StoreError> {
        let found = self.inner.reader.row(SAFE_OWNERS, values![OWNER]).await?;
        Ok(found.map_or(Ok(0), |row| row.int(0))? > 0)
    }
}

/// The grants of one user among those of all.
pub(super) fn of(rows: &[Row], user: Uuid) -> Result<Vec<Granted>, StoreError> {
    let mut own = Vec::new();
    for row in rows {
        if row.id(0)? == user {
            own.push(granted(row.text(1)?, row.text_or_none(2)?)?);
        }
    }
    Ok(own)
}

/// A grant as it stands in its row.
pub(super) fn granted(role: &str, channels: Option<&str>) -> Result<Granted, StoreError> {
    let damaged = || StoreError::Internal("a grant is damaged".to_owned());
    let scope = match channels {
        None => Scope::All,
        Some(text) => {
            let names: Vec<String> = serde_json::from_str(text).map_err(|_| damaged())?;
            let names = names.iter().map(|name| Name::new(name).map_err(|_| damaged()));
            Scope::Channels(names.collect::<Result<_, _>>()?)
        }
    };
    Ok(Granted { role: role.to_owned(), scope })
}

/// Grants as one JSON list.
pub(super) fn list(grants: &[Granted]) -> Json {
    Json::List(grants.iter().map(Granted::shown).collect())
}

/// What [`list`] wrote.
pub(super) fn read_list(text: &str) -> Result<Vec<Granted>, StoreError> {
    let damaged = || StoreError::Internal("a list of grants is damaged".to_owned());
    let read: Vec<serde_json::Value> = serde_json::from_str(text).map_err(|_| damaged())?;
    let one = |value: &serde_json::Value| {
        let role = value.get("role").and_then(serde_json::Value::as_str).ok_or_else(damaged)?;
        let channels = value.get("channels").filter(|list| !list.is_null());
        granted(role, channels.map(ToString::to_string).as_deref())
    };
    read.iter().map(one).collect()
}

/// Channels as they stand in a row; every channel is nothing.
pub(super) fn channels_text(scope: &Scope) -> Option<String> {
    match scope {
        Scope::All => None,
        Scope::Channels(names) => {
            let names = names.iter().map(|name| Json::text(name.as_str())).collect();
            Some(audit::canonical(&Json::List(names)))
        }
    }
}

/// Replaces the grants of a user.
pub(super) async fn put(
    session: &mut dyn Session,
    act: &Act,
    user: UserId,
    grants: &[Granted],
) -> Result<(), StoreError> {
    session.run(CLEAR, values![user.uuid()]).await?;
    for grant in grants {
        let channels = channels_text(&grant.scope);
        let columns = values![user.uuid(), &*grant.role, channels, act.now_us, &*act.actor.id];
        session.run(ADD, columns).await?;
    }
    Ok(())
}

/// Refuses to take the last owner away.
pub(super) async fn keep_an_owner(
    session: &mut dyn Session,
    before: &User,
    after: &[Granted],
) -> Result<(), StoreError> {
    if !before.grants.iter().any(Granted::is_owner) || after.iter().any(Granted::is_owner) {
        return Ok(());
    }
    let others = row(session, OTHER_OWNERS, values![OWNER, before.id.uuid()]).await?;
    match others.map_or(Ok(0), |row| row.int(0))? {
        0 => Err(StoreError::Refused("this is the last owner of the system")),
        _ => Ok(()),
    }
}
