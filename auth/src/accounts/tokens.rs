//! Tokens of sessions: from the header of a request to whoever sends it.

use data_encoding::BASE64URL_NOPAD;
use phi::Secret;
use sha2::{Digest, Sha256};
use store::{Actor, ActorKind, SessionRow, Source, UserState};
use subtle::ConstantTimeEq;

use super::{ABSOLUTE_US, AccountError, Accounts, IDLE_US, SEEN_EVERY_US, emergencies, service};
use crate::session::{LoginOf, Session};

/// What every token begins with, so that one that leaks is known for what it is.
pub(super) const PREFIX: &str = "hs1_";
/// A clock may be set back by so much without ending sessions.
const STEP_BACK_US: i64 = 2 * 1_000_000;

/// A new token and what is kept of it.
pub(super) fn new_token(prefix: &str) -> (Secret<String>, [u8; 32]) {
    let token = format!("{prefix}{}", BASE64URL_NOPAD.encode(&rand::random::<[u8; 32]>()));
    let hash = hash(&token);
    (Secret::new(token), hash)
}

pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// How a session is named in the audit log.
pub(super) fn short(token: &[u8; 32]) -> String {
    token.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Accounts {
    /// Whoever holds a token; nobody when it is none, has ended, or belongs to somebody about whom something has changed since.
    pub async fn recognise(
        &self,
        token: &Secret<String>,
        source: Source,
    ) -> Result<Option<Session>, AccountError> {
        self.recognise_for(token, source, true).await
    }

    /// The same for what asks by itself, such as the live parts of a page: it is no use that keeps a session from ending.
    pub async fn recognise_quietly(
        &self,
        token: &Secret<String>,
        source: Source,
    ) -> Result<Option<Session>, AccountError> {
        self.recognise_for(token, source, false).await
    }

    async fn recognise_for(
        &self,
        token: &Secret<String>,
        source: Source,
        is_use: bool,
    ) -> Result<Option<Session>, AccountError> {
        let text = token.expose_secret();
        if text.starts_with(service::PREFIX) {
            return self.recognise_program(text, source).await;
        }
        if text.starts_with(emergencies::PREFIX) {
            return self.recognise_emergency(text, source).await;
        }
        if !text.starts_with(PREFIX) || text.len() != PREFIX.len() + 43 {
            return Ok(None);
        }
        let hash = hash(text);
        let Some(row) = self.store.session(&hash).await? else { return Ok(None) };
        let now_us = (self.now_us)();
        if !bool::from(row.token.ct_eq(&hash)) || !is_in_force(&row, now_us) {
            return Ok(None);
        }
        if is_use && now_us - row.seen_us >= SEEN_EVERY_US {
            self.store.session_seen(hash, now_us).await?;
        }
        Ok(Some(self.session(&row, source)))
    }

    /// Whether a session that was recognised before still counts. Asking is no use of it.
    pub async fn still_holds(&self, session: &Session) -> bool {
        let now_us = (self.now_us)();
        match (&session.login, &session.program) {
            (Some(login), _) => match self.store.session(&login.token).await {
                Ok(row) => row.is_some_and(|row| is_in_force(&row, now_us)),
                Err(_) => false,
            },
            (None, Some(token)) => match self.store.service_token(token).await {
                Ok(known) => known.is_some_and(|known| {
                    service::is_in_force(&known, now_us)
                        && self.held(&known.grants) == session.holdings
                }),
                Err(_) => false,
            },
            (None, None) => match &session.emergency {
                Some(emergency) => self.emergency_holds(&emergency.token).await,
                None => true,
            },
        }
    }

    fn session(&self, row: &SessionRow, source: Source) -> Session {
        let actor = Actor {
            name: Some(row.name.to_string()),
            auth: Some(row.auth.clone()),
            session: Some(short(&row.token)),
            source: Some(source),
            ..Actor::new(ActorKind::User, format!("user:{}", row.user))
        };
        let login = LoginOf {
            user: row.user,
            token: row.token,
            must_enrol: self.must_enrol(&row.grants, row.second_factor),
            step_up_us: row.step_up_us,
            until_us: row.until_us,
        };
        Session::of_login(actor, self.held(&row.grants), login)
    }
}

/// Whether a session still counts. A clock that was set back makes nothing live longer.
pub(super) fn is_in_force(row: &SessionRow, now_us: i64) -> bool {
    row.state == UserState::Active
        && row.is_current
        && now_us < row.until_us
        && now_us < row.created_us.saturating_add(ABSOLUTE_US)
        && now_us < row.seen_us.saturating_add(IDLE_US)
        && now_us >= row.created_us.max(row.seen_us) - STEP_BACK_US
}
