//! Signing in: what is compared, how often it may be tried, and the session that comes of it.

use config::Name;
use phi::Secret;

use super::session::{self, NewSession};
use super::user::UserState;
use super::{ACCOUNTS, target};
use crate::audit::{self, Act, Entry, Json};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::UserId;
use crate::seal::Column;
use crate::sql::{row, statements, values};
use crate::store::Store;

statements! {
    CREDENTIALS = "select id, state, generation, password, second_factor, locked_until_us, subject from users where name = $1";
    /// Counts a guess before anything is compared, and locks with the last one allowed: no number of guesses at once gets further.
    GUESS = "update users set failures = case when locked_until_us > 0 then 1 else failures + 1 end,
        locked_until_us = case when locked_until_us = 0 and failures + 1 >= $3 then cast($2 as bigint) + $4 else 0 end
        where id = $1 and locked_until_us <= $2";
    LOCKED = "select locked_until_us from users where id = $1";
    /// The guess was none. A step of a second factor is good once.
    ACCEPT = "update users set failures = 0, locked_until_us = 0, signed_in_us = $3,
        totp_step = case when cast($4 as bigint) > totp_step then cast($4 as bigint) else totp_step end
        where id = $1 and generation = $2 and state = 10 and (cast($4 as bigint) = 0 or totp_step < cast($4 as bigint))";
    USE_CODE = "update recovery_codes set used_us = $3 where user_id = $1 and code = $2 and used_us is null";
}

/// What somebody is recognised by.
pub struct Credentials {
    /// Whose.
    pub id: UserId,
    /// Whether they may sign in.
    pub state: UserState,
    /// What a session is made for.
    pub generation: i64,
    /// The password as a PHC string.
    pub password: Secret<Vec<u8>>,
    /// The secret of the second factor.
    pub second_factor: Option<Secret<Vec<u8>>>,
    /// Nobody gets in before then; 0 when it is not locked.
    pub locked_until_us: i64,
    /// Who they are in the directory that recognises them; nothing when they have a password here.
    pub subject: Option<String>,
}

/// How often somebody may guess.
#[derive(Clone, Copy, Debug)]
pub struct Locking {
    /// Wrong guesses, of passwords and codes together, that lock the account.
    pub guesses: i64,
    /// For how long, microseconds.
    pub for_us: i64,
}

/// What was shown besides the password.
pub enum SecondFactor {
    /// Nothing.
    None,
    /// A code of this step.
    Step(i64),
    /// A recovery code.
    Recovery(Secret<String>),
}

/// A sign-in whose password was right.
pub struct SignIn {
    /// Who.
    pub user: UserId,
    /// The generation that was looked at.
    pub generation: i64,
    /// What was shown besides.
    pub factor: SecondFactor,
    /// The session that begins.
    pub session: NewSession,
    /// A session that it takes the place of.
    pub replaces: Option<[u8; 32]>,
}

impl Store {
    /// What somebody is recognised by.
    pub async fn credentials(&self, name: &Name) -> Result<Option<Credentials>, StoreError> {
        let found = self.inner.reader.row(CREDENTIALS, values![name.as_str()]).await?;
        let Some(row) = found else { return Ok(None) };
        let id = UserId::from_uuid(row.id(0)?);
        let second_factor = match row.blob_or_none(4)? {
            Some(sealed) => Some(self.unseal(id, Column::SecondFactor, sealed).await?),
            None => None,
        };
        Ok(Some(Credentials {
            id,
            state: row.code(1, UserState::from_code)?,
            generation: row.int(2)?,
            password: self.unseal(id, Column::Password, row.blob(3)?).await?,
            second_factor,
            locked_until_us: row.int(5)?,
            subject: row.text_or_none(6)?.map(str::to_owned),
        }))
    }

    /// Counts a guess. False when no more guesses are taken now; the second is true when this guess is the last one.
    pub async fn guess(
        &self,
        id: UserId,
        locking: Locking,
        now_us: i64,
    ) -> Result<(bool, bool), StoreError> {
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                let columns = values![id.uuid(), now_us, locking.guesses, locking.for_us];
                let taken = session.run(GUESS, columns).await? == 1;
                let after = row(session, LOCKED, values![id.uuid()]).await?;
                let locked = after.map_or(Ok(0), |row| row.int(0))? > now_us;
                Ok(Done::new((taken, taken && locked)))
            })
        })
        .await
    }

    /// Begins a session, unless the code was used before or somebody has changed the account meanwhile: then nothing is done.
    pub async fn sign_in(&self, act: &Act, sign_in: SignIn) -> Result<bool, StoreError> {
        let job_act = act.clone();
        self.act(ACCOUNTS, act, move |session, parts| {
            Box::pin(async move {
                let (act, id) = (job_act, sign_in.user);
                let step = match &sign_in.factor {
                    SecondFactor::Step(step) => *step,
                    SecondFactor::None | SecondFactor::Recovery(_) => 0,
                };
                let accept = values![id.uuid(), sign_in.generation, act.now_us, step];
                if session.run(ACCEPT, accept).await? != 1 {
                    return Ok(Done::new(false));
                }
                if let SecondFactor::Recovery(code) = &sign_in.factor {
                    let token = parts.tokens.recovery(id, code.expose_secret());
                    let used = values![id.uuid(), &token[..], act.now_us];
                    if session.run(USE_CODE, used).await? != 1 {
                        return Err(StoreError::Refused("the code is not one, or was used"));
                    }
                }
                if let Some(old) = sign_in.replaces {
                    session::end(session, &old).await?;
                }
                let ended =
                    session::begin(session, id, sign_in.generation, &sign_in.session).await?;
                let after = Json::object([("sessions_ended", Json::Int(ended))]);
                let entry = Entry::success(&act, target(id), Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(true))
            })
        })
        .await
    }
}
