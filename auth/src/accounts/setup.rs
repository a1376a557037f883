//! The first owner, and second factors: secrets that are shown once and confirmed by a code.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use config::Name;
use data_encoding::BASE32_NOPAD;
use phi::Secret;
use store::{Actor, ActorKind, Granted, NewUser, Scope, Source, StoreError, UserId};
use subtle::ConstantTimeEq;

use super::{AccountError, Accounts, tokens};
use crate::password;
use crate::second_factor;
use crate::session::Session;

/// A setup token, and a second factor that is not confirmed, are good for so long, microseconds.
const SETUP_US: i64 = 24 * 3_600 * 1_000_000;
const ENROLLING_US: i64 = 15 * 60 * 1_000_000;

/// A second factor that waits for its first code.
pub struct Enrolment {
    /// The secret, as people type it.
    pub secret: Secret<String>,
    /// The same, as devices read it.
    pub uri: Secret<String>,
}

/// What is kept of it.
#[derive(Clone)]
pub(super) struct Enrolling {
    secret: Secret<Vec<u8>>,
    until_us: i64,
}

/// Whoever claims the engine.
pub struct Owner {
    /// The token in the file.
    pub token: Secret<String>,
    /// The name that they will type.
    pub name: Name,
    /// Their password.
    pub password: Secret<String>,
    /// The first code of their second factor.
    pub code: Secret<String>,
}

/// The way in for the first owner.
pub(super) struct Setup {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

struct Open {
    token: [u8; 32],
    secret: Secret<Vec<u8>>,
    until_us: i64,
}

impl Setup {
    /// Writes the token when nobody is there yet, and takes an old file away.
    pub(super) fn begin(data: PathBuf, unclaimed: bool, now_us: i64) -> std::io::Result<Setup> {
        let path = data.join("setup-token");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut open = None;
        if unclaimed {
            let token = BASE32_NOPAD.encode(&rand::random::<[u8; 16]>());
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.write(true).create_new(true).mode(0o600).open(&path)?;
            writeln!(file, "{token}")?;
            file.sync_all()?;
            open = Some(Open {
                token: tokens::hash(&token),
                secret: second_factor::new_secret(),
                until_us: now_us + SETUP_US,
            });
        }
        Ok(Setup { path, open: Mutex::new(open) })
    }

    pub(super) fn file(&self, now_us: i64) -> Option<PathBuf> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().filter(|open| now_us < open.until_us).map(|_| self.path.clone())
    }

    /// The secret of the first owner's second factor, for whoever has the token.
    fn secret(&self, token: &Secret<String>, now_us: i64) -> Option<Secret<Vec<u8>>> {
        let shown = tokens::hash(token.expose_secret().trim());
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.as_ref().filter(|open| now_us < open.until_us)?;
        bool::from(open.token.ct_eq(&shown)).then(|| open.secret.clone())
    }

    fn end(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(code = "accounts.setup_token", %error, "the used setup token stays in the data folder; it opens nothing");
        }
    }
}

impl Accounts {
    /// Shows the second factor that the first owner will have, to whoever holds the setup token.
    pub fn begin_setup(
        &self,
        token: &Secret<String>,
        name: &Name,
        source: Source,
    ) -> Result<Enrolment, AccountError> {
        let now_us = (self.now_us)();
        let address = source.address.map(|address| address.ip());
        self.windows.admit(address, now_us).map_err(|retry_s| AccountError::TooMany { retry_s })?;
        let secret = self.setup.secret(token, now_us).ok_or(AccountError::Credentials)?;
        Ok(self.enrolment(&secret, name.as_str()))
    }

    /// Makes the first owner, with password and second factor in one act; gives the recovery codes.
    pub async fn claim(
        &self,
        owner: Owner,
        source: Source,
    ) -> Result<Vec<Secret<String>>, AccountError> {
        let now_us = (self.now_us)();
        let address = source.address.map(|address| address.ip());
        self.windows.admit(address, now_us).map_err(|retry_s| AccountError::TooMany { retry_s })?;
        let secret = self.setup.secret(&owner.token, now_us).ok_or(AccountError::Credentials)?;
        password::check(&owner.password, owner.name.as_str(), true)
            .map_err(AccountError::Invalid)?;
        let step = second_factor::step_of(&secret, owner.code.expose_secret(), now_us)
            .ok_or_else(wrong_code)?;
        let recovery = second_factor::recovery_codes();
        let (id, name) = (UserId::new(), owner.name.to_string());
        let new = NewUser {
            id,
            name: owner.name,
            password: self.hasher.hash(owner.password).await?,
            second_factor: Some((secret, step)),
            recovery: recovery.clone(),
            grants: vec![Granted { role: "system-owner".to_owned(), scope: Scope::All }],
            first: true,
        };
        let actor = Actor {
            name: Some(name),
            auth: Some("setup-token".to_owned()),
            source: Some(source),
            ..Actor::new(ActorKind::User, format!("user:{id}"))
        };
        match self.store.add_user(&self.act(actor, "bootstrap.claimed"), new).await {
            Err(StoreError::Refused(why)) => return Err(AccountError::Refused(why.to_owned())),
            done => done?,
        }
        self.setup.end();
        Ok(recovery)
    }

    /// Shows somebody the secret of a second factor that they want to have.
    pub fn begin_enrolment(&self, session: &Session) -> Result<Enrolment, AccountError> {
        let user = self.fresh(session)?;
        let secret = second_factor::new_secret();
        let name = session.actor.name.as_deref().unwrap_or("user");
        let enrolment = self.enrolment(&secret, name);
        let mut enrolling = self.enrolling.lock().unwrap_or_else(PoisonError::into_inner);
        let now_us = (self.now_us)();
        enrolling.retain(|_, one| now_us < one.until_us);
        enrolling.insert(user, Enrolling { secret, until_us: now_us + ENROLLING_US });
        Ok(enrolment)
    }

    /// Makes it theirs, once they show a code of it; gives the recovery codes. All their sessions end.
    pub async fn confirm_enrolment(
        &self,
        session: &Session,
        code: &Secret<String>,
    ) -> Result<Vec<Secret<String>>, AccountError> {
        let user = self.fresh(session)?;
        let now_us = (self.now_us)();
        let known = {
            let enrolling = self.enrolling.lock().unwrap_or_else(PoisonError::into_inner);
            enrolling.get(&user).filter(|one| now_us < one.until_us).cloned()
        };
        let Enrolling { secret, .. } =
            known.ok_or(AccountError::Absent("second factor to confirm"))?;
        let step =
            second_factor::step_of(&secret, code.expose_secret(), now_us).ok_or_else(wrong_code)?;
        let recovery = second_factor::recovery_codes();
        let act = self.act(session.actor.clone(), "auth.second_factor.set");
        self.store.set_second_factor(&act, user, Some((secret, step)), recovery.clone()).await?;
        self.enrolling.lock().unwrap_or_else(PoisonError::into_inner).remove(&user);
        Ok(recovery)
    }

    /// The user of a session who proved a moment ago who they are.
    pub(super) fn fresh(&self, session: &Session) -> Result<UserId, AccountError> {
        let user = session.user().ok_or_else(|| {
            AccountError::Invalid(
                "the operator of the machine has no account of their own".to_owned(),
            )
        })?;
        if session.is_fresh((self.now_us)()) { Ok(user) } else { Err(AccountError::StepUp) }
    }

    fn enrolment(&self, secret: &Secret<Vec<u8>>, name: &str) -> Enrolment {
        let (text, uri) = second_factor::uri(secret, name, &self.node);
        Enrolment { secret: Secret::new(text), uri: Secret::new(uri) }
    }
}

fn wrong_code() -> AccountError {
    AccountError::Invalid("this is no code of the second factor just now".to_owned())
}
