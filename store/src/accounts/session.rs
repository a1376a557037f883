//! Sessions, by the hash of their tokens.

use config::Name;

use super::grant::{self, Granted};
use super::user::UserState;
use super::{ACCOUNTS, target};
use crate::audit::{self, Act, Entry, Json};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::UserId;
use crate::sql::{Row, Session, statements, values};
use crate::store::Store;

statements! {
    SESSION = "select s.token, s.user_id, s.generation, s.created_us, s.seen_us, s.until_us, s.step_up_us, s.auth, s.address, u.name, u.state,
        u.generation, cast(case when u.second_factor is null then 0 else 1 end as bigint)
        from sessions s join users u on u.id = s.user_id where s.token = $1";
    SESSIONS = "select s.token, s.user_id, s.generation, s.created_us, s.seen_us, s.until_us, s.step_up_us, s.auth, s.address, u.name, u.state,
        u.generation, cast(case when u.second_factor is null then 0 else 1 end as bigint)
        from sessions s join users u on u.id = s.user_id order by s.created_us desc, s.token";
    OF_USER = "select user_id, role, channels from grants where user_id = $1 order by role";
    BEGIN = "insert into sessions (token, user_id, generation, created_us, seen_us, until_us, step_up_us, auth, address)
        values ($1, $2, $3, $4, $4, $5, $4, $6, $7)";
    /// All but this one and the newest others; what ended by time goes too.
    END_OLD = "delete from sessions where user_id = $1 and token <> $4 and (until_us <= $2 or token not in
        (select token from sessions where user_id = $1 and token <> $4 order by created_us desc, token limit $3))";
    SEEN = "update sessions set seen_us = $2 where token = $1 and seen_us < $2";
    END = "delete from sessions where token = $1";
}

/// A session that begins.
pub struct NewSession {
    /// SHA-256 of its token.
    pub token: [u8; 32],
    /// When, microseconds UTC.
    pub now_us: i64,
    /// It ends then at the latest.
    pub until_us: i64,
    /// How its user was recognised.
    pub auth: &'static str,
    /// Where from.
    pub address: String,
    /// Sessions that a user has at once; the oldest give way.
    pub at_once: i64,
}

/// A session with its user as they are now.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// SHA-256 of its token.
    pub token: [u8; 32],
    /// Whose.
    pub user: UserId,
    /// The user's name.
    pub name: Name,
    /// Whether the user may sign in.
    pub state: UserState,
    /// It was made for the user as they are: nothing about them has changed since.
    pub is_current: bool,
    /// The user has a second factor.
    pub second_factor: bool,
    /// When it began, microseconds UTC.
    pub created_us: i64,
    /// When it was last used, to the minute.
    pub seen_us: i64,
    /// It ends then at the latest.
    pub until_us: i64,
    /// When the user last proved who they are.
    pub step_up_us: i64,
    /// How they were recognised.
    pub auth: String,
    /// Where from.
    pub address: String,
    /// What the user may do.
    pub grants: Vec<Granted>,
}

impl Store {
    /// The session of a token, when there is one.
    pub async fn session(&self, token: &[u8; 32]) -> Result<Option<SessionRow>, StoreError> {
        let Some(row) = self.inner.reader.row(SESSION, values![&token[..]]).await? else {
            return Ok(None);
        };
        let grants = self.inner.reader.rows(OF_USER, values![row.id(1)?]).await?;
        session_row(&row, &grants).map(Some)
    }

    /// Every session, the newest first.
    pub async fn sessions(&self) -> Result<Vec<SessionRow>, StoreError> {
        let grants = self.inner.reader.rows(grant::ALL, values![]).await?;
        let rows = self.inner.reader.rows(SESSIONS, values![]).await?;
        rows.iter().map(|row| session_row(row, &grants)).collect()
    }

    /// Notes that a session was used.
    pub async fn session_seen(&self, token: [u8; 32], now_us: i64) -> Result<(), StoreError> {
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                session.run(SEEN, values![&token[..], now_us]).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Ends a session.
    pub async fn end_session(
        &self,
        act: &Act,
        of: UserId,
        token: [u8; 32],
    ) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                if end(session, &token).await? != 1 {
                    return Err(StoreError::NotFound("session"));
                }
                let short = token.get(..8).unwrap_or_default();
                let after = Json::object([("session_ended", Json::text(audit::hex(short)))]);
                let entry = Entry::success(&job_act, target(of), Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

/// Writes a session and ends those for which there is no room; gives how many.
pub(super) async fn begin(
    session: &mut dyn Session,
    user: UserId,
    generation: i64,
    new: &NewSession,
) -> Result<i64, StoreError> {
    let columns = values![
        &new.token[..],
        user.uuid(),
        generation,
        new.now_us,
        new.until_us,
        new.auth,
        new.address.clone(),
    ];
    session.run(BEGIN, columns).await?;
    let ended = session
        .run(END_OLD, values![user.uuid(), new.now_us, new.at_once - 1, &new.token[..]])
        .await?;
    Ok(i64::try_from(ended).unwrap_or(i64::MAX))
}

pub(super) async fn end(session: &mut dyn Session, token: &[u8; 32]) -> Result<u64, StoreError> {
    session.run(END, values![&token[..]]).await
}

fn session_row(row: &Row, grants: &[Row]) -> Result<SessionRow, StoreError> {
    let damaged = || StoreError::Internal("a session is damaged".to_owned());
    Ok(SessionRow {
        token: row.blob(0)?.try_into().map_err(|_| damaged())?,
        user: UserId::from_uuid(row.id(1)?),
        name: Name::new(row.text(9)?).map_err(|_| damaged())?,
        state: row.code(10, UserState::from_code)?,
        is_current: row.int(2)? == row.int(11)?,
        second_factor: row.int(12)? == 1,
        created_us: row.int(3)?,
        seen_us: row.int(4)?,
        until_us: row.int(5)?,
        step_up_us: row.int(6)?,
        auth: row.text(7)?.to_owned(),
        address: row.text(8)?.to_owned(),
        grants: grant::of(grants, row.id(1)?)?,
    })
}
