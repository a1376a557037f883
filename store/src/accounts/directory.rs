//! People of a directory: rows like everybody's, made and changed by what the directory says.

use config::Name;

use super::grant::{self, Granted};
use super::user::{BUMP, BY_NAME, UserState, find, record, shown};
use super::{ACCOUNTS, seal};
use crate::audit::{Act, Json};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::ids::UserId;
use crate::seal::Column;
use crate::sql::{Row, row, statements, values};
use crate::store::{Parts, Store};

statements! {
    BY_SUBJECT = "select id from users where subject = $1";
    SUBJECT_OF = "select subject from users where id = $1";
    INSERT = "insert into users (id, name, state, generation, password, totp_step, failures, locked_until_us, signed_in_us, created_us,
        created_by, subject) values ($1, $2, $3, 1, $4, 0, 0, 0, 0, $5, $6, $7)";
    RENAME = "update users set name = $2 where id = $1";
    /// Sessions that count, of people of the directory.
    PRESENT = "select s.token, u.id, u.subject, s.created_us from sessions s join users u on u.id = s.user_id
        where u.subject is not null and u.state = 10 and s.generation = u.generation and s.until_us > $1 order by u.id, s.token";
}

/// Somebody as a directory knows them.
pub struct DirectoryUser {
    /// What stays the same there when they are renamed, hexadecimal.
    pub subject: String,
    /// The name under which they sign in.
    pub name: Name,
    /// What their groups give.
    pub grants: Vec<Granted>,
}

/// A session of somebody of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectorySession {
    /// SHA-256 of its token.
    pub token: [u8; 32],
    /// Whose.
    pub user: UserId,
    /// Who that is in the directory.
    pub subject: String,
    /// When it began, microseconds UTC.
    pub created_us: i64,
}

impl Store {
    /// Makes somebody what the directory says they are. Only a change is written and recorded, and ends their sessions.
    ///
    /// # Errors
    /// [`StoreError::Refused`] when somebody with a password here has that name.
    pub async fn put_directory_user(
        &self,
        act: &Act,
        user: DirectoryUser,
    ) -> Result<UserId, StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let known = row(session, BY_SUBJECT, values![&*user.subject]).await?;
                match known {
                    Some(row) => {
                        let id = UserId::from_uuid(row.id(0)?);
                        follow(session, &parts, &job_act, (id, user)).await
                    }
                    None => add(session, &parts, &job_act, user).await,
                }
            })
        })
        .await
    }

    /// Sessions of people of the directory that have not ended by time or by a change.
    pub async fn directory_sessions(
        &self,
        now_us: i64,
    ) -> Result<Vec<DirectorySession>, StoreError> {
        let damaged = || StoreError::Internal("a session is damaged".to_owned());
        let one = |row: &Row| {
            Ok(DirectorySession {
                token: row.blob(0)?.try_into().map_err(|_| damaged())?,
                user: UserId::from_uuid(row.id(1)?),
                subject: row.text(2)?.to_owned(),
                created_us: row.int(3)?,
            })
        };
        self.inner.reader.rows(PRESENT, values![now_us]).await?.iter().map(one).collect()
    }
}

async fn add(
    session: &mut dyn Backend,
    parts: &Parts,
    act: &Act,
    new: DirectoryUser,
) -> Result<Done, StoreError> {
    let id = UserId::new();
    free(session, &new.name).await?;
    let columns = values![
        id.uuid(),
        new.name.as_str(),
        UserState::Active.code(),
        seal(parts, id, Column::Password, b""),
        act.now_us,
        &*act.actor.id,
        &*new.subject,
    ];
    session.run(INSERT, columns).await?;
    grant::put(session, act, id, &new.grants).await?;
    record(session, parts, act, Json::Null, id).await?;
    Ok(Done::new(id))
}

/// Somebody who is known: with another name, or other groups.
async fn follow(
    session: &mut dyn Backend,
    parts: &Parts,
    act: &Act,
    (id, now): (UserId, DirectoryUser),
) -> Result<Done, StoreError> {
    let before = find(session, id).await?;
    let (renamed, granted) = (before.name != now.name, before.grants != now.grants);
    if !renamed && !granted {
        return Ok(Done::new(id));
    }
    let before = shown(&before);
    if renamed {
        free(session, &now.name).await?;
        session.run(RENAME, values![id.uuid(), now.name.as_str()]).await?;
    }
    if granted {
        grant::put(session, act, id, &now.grants).await?;
        session.run(BUMP, values![id.uuid()]).await?;
    }
    record(session, parts, act, before, id).await?;
    Ok(Done::new(id))
}

/// Takes a name from somebody of the directory who is not called that there any more: the name is not the person.
async fn free(session: &mut dyn Backend, name: &Name) -> Result<(), StoreError> {
    let Some(holder) = row(session, BY_NAME, values![name.as_str()]).await? else { return Ok(()) };
    let id = holder.id(0)?;
    let subject = row(session, SUBJECT_OF, values![id]).await?;
    if subject.is_none_or(|row| matches!(row.text_or_none(0), Ok(None))) {
        return Err(StoreError::Refused("somebody with an account here has this name"));
    }
    let kept = name.as_str().get(..Name::BYTES_MAX - 33).unwrap_or(name.as_str());
    let retired = format!("{kept}.{}", id.simple());
    session.run(RENAME, values![id, retired]).await.map(drop)
}
