//! Signing in: every try does the same work and takes the same time, whatever is wrong with it.

use config::Name;
use phi::Secret;
use store::{
    Act, ActOutcome, Actor, ActorKind, Credentials, NewSession, SecondFactor, SignIn, Source,
    Target, UserId, UserState,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{ABSOLUTE_US, ANSWER_AFTER, AT_ONCE, AccountError, Accounts, LOCKING, tokens};
use crate::directory::{Answer, Directory};
use crate::password::BYTES_MAX;
use crate::second_factor;
use crate::session::Session;

/// What somebody shows to be let in.
pub struct Login {
    /// The name that they type.
    pub name: String,
    /// Their password.
    pub password: Secret<String>,
    /// The code of their second factor, or a recovery code.
    pub code: Option<Secret<String>>,
}

/// A session that has begun.
pub struct SignedIn {
    /// Its token, shown once.
    pub token: Secret<String>,
    /// It ends then at the latest, microseconds UTC.
    pub until_us: i64,
    /// A second factor must be added before anything else.
    pub must_enrol: bool,
}

/// How somebody was recognised.
pub(super) struct Recognised {
    id: UserId,
    name: String,
    generation: i64,
    factor: SecondFactor,
    auth: &'static str,
}

impl Accounts {
    /// Lets somebody in.
    pub async fn sign_in(&self, login: Login, source: Source) -> Result<SignedIn, AccountError> {
        self.enter(login, source, "auth.login", None).await
    }

    /// Proves again who somebody is: the session gets a new token, which may do what is dangerous for five minutes.
    pub async fn step_up(&self, session: &Session, login: Login) -> Result<SignedIn, AccountError> {
        let own = session.actor.name.as_deref() == Some(&login.name);
        let replaces = session.login.as_ref().filter(|_| own).map(|login| login.token);
        let (Some(source), Some(_)) = (session.actor.source, replaces) else {
            let sentence = "a step-up is for the user who signed in";
            return Err(AccountError::Invalid(sentence.to_owned()));
        };
        self.enter(login, source, "auth.step_up", replaces).await
    }

    /// Ends the session itself.
    pub async fn sign_out(&self, session: &Session) -> Result<(), AccountError> {
        if let Some(emergency) = &session.emergency {
            let act = self.act(session.actor.clone(), "breakglass.ended");
            return Ok(self.store.end_emergency(&act, emergency.id).await?);
        }
        let Some(login) = &session.login else { return Ok(()) };
        let act = self.act(session.actor.clone(), "auth.logout");
        Ok(self.store.end_session(&act, login.user, login.token).await?)
    }

    async fn enter(
        &self,
        login: Login,
        source: Source,
        action: &'static str,
        replaces: Option<[u8; 32]>,
    ) -> Result<SignedIn, AccountError> {
        let now_us = (self.now_us)();
        let address = source.address.map(|address| address.ip());
        self.windows.admit(address, now_us).map_err(|retry_s| AccountError::TooMany { retry_s })?;
        let answer_at = Instant::now() + ANSWER_AFTER;
        let known = match Name::new(&login.name) {
            Ok(name) => self.store.credentials(&name).await?,
            Err(_) => None,
        };
        let id = known.as_ref().map(|known| known.id);
        let mut actor = Actor {
            source: Some(source),
            // What nobody is called is not written down: it may be a password in the wrong field.
            name: id.map(|_| login.name.clone()),
            ..Actor::new(
                ActorKind::User,
                id.map_or("user:unknown".to_owned(), |id| format!("user:{id}")),
            )
        };
        let (outcome, last) = match self.recognised(login, known, now_us).await {
            Err(AccountError::Directory) => {
                self.refused(&actor, action, id, "directory_unavailable").await?;
                tokio::time::sleep_until(answer_at).await;
                return Err(AccountError::Directory);
            }
            outcome => outcome?,
        };
        let done = match outcome {
            Ok(recognised) => {
                actor.auth = Some(recognised.auth.to_owned());
                actor.id = format!("user:{}", recognised.id);
                actor.name = Some(recognised.name.clone());
                self.begin(actor.clone(), action, recognised, replaces).await?
            }
            Err(why) => {
                self.refused(&actor, action, id, &why).await?;
                None
            }
        };
        if last && done.is_none() {
            self.refused(&actor, "auth.locked", id, "guesses").await?;
        }
        tokio::time::sleep_until(answer_at).await;
        done.ok_or(AccountError::Credentials)
    }

    /// Who shows this, or why nobody; and whether the account takes no more guesses now.
    async fn recognised(
        &self,
        login: Login,
        known: Option<Credentials>,
        now_us: i64,
    ) -> Result<(Result<Recognised, String>, bool), AccountError> {
        let (taken, last) = match &known {
            Some(known) => self.store.guess(known.id, LOCKING, now_us).await?,
            None => (false, false),
        };
        // What nobody can have typed is not hashed as it is, but something is.
        let password = match login.password.expose_secret().len() {
            1..=BYTES_MAX => login.password.clone(),
            _ => Secret::new(String::new()),
        };
        let is_here = known.as_ref().is_some_and(|known| known.subject.is_none());
        let phc = known.as_ref().filter(|_| is_here).map(|known| known.password.clone());
        let right = self.hasher.verify(password, phc).await?;
        if let Some(directory) = self.directory.as_ref().filter(|_| !is_here) {
            // An account that takes no more guesses is no way to guess there either.
            return match known {
                Some(_) if !taken => Ok((Err("locked".to_owned()), last)),
                known => {
                    let counted = known.map(|known| known.id);
                    self.recognised_there(directory, login, counted, now_us)
                        .await
                        .map(|(outcome, more)| (outcome, last || more))
                }
            };
        }
        let Some(known) = known.filter(|_| is_here) else {
            return Ok((Err("unknown".to_owned()), last));
        };
        let outcome = match factor(&known, login.code, now_us) {
            _ if !taken => Err("locked"),
            _ if !right => Err("password"),
            None => Err("code"),
            Some(_) if known.state != UserState::Active => Err("disabled"),
            Some((factor, auth)) => {
                let (id, generation) = (known.id, known.generation);
                Ok(Recognised { id, name: login.name, generation, factor, auth })
            }
        };
        Ok((outcome.map_err(str::to_owned), last))
    }

    /// The same by the directory. `counted` is the account whose guess this is already.
    async fn recognised_there(
        &self,
        directory: &Directory,
        login: Login,
        counted: Option<UserId>,
        now_us: i64,
    ) -> Result<(Result<Recognised, String>, bool), AccountError> {
        let answer = directory.recognise(&login.name, &login.password).await;
        let entry = match answer.map_err(|_| AccountError::Directory)? {
            Answer::Known(entry) => entry,
            Answer::Nobody(why) => return Ok((Err(format!("directory:{why}")), false)),
        };
        let Some((known, name)) = self.follow(entry).await? else {
            return Ok((Err("directory:name".to_owned()), false));
        };
        // Somebody can be called by several names there; all of them are one account.
        let (taken, last) = match counted {
            Some(id) if id == known.id => (true, false),
            _ => self.store.guess(known.id, LOCKING, now_us).await?,
        };
        let outcome = match factor(&known, login.code, now_us) {
            _ if !taken => Err("locked"),
            None => Err("code"),
            Some(_) if known.state != UserState::Active => Err("disabled"),
            Some((factor, auth)) => {
                let auth = match auth {
                    "password+totp" => "ldap+totp",
                    "password+recovery" => "ldap+recovery",
                    _ => "ldap",
                };
                Ok(Recognised { id: known.id, name, generation: known.generation, factor, auth })
            }
        };
        Ok((outcome.map_err(str::to_owned), last))
    }

    /// Begins the session; none when the code was used before or the account has changed meanwhile.
    async fn begin(
        &self,
        actor: Actor,
        action: &'static str,
        recognised: Recognised,
        replaces: Option<[u8; 32]>,
    ) -> Result<Option<SignedIn>, AccountError> {
        let Recognised { id, name: _, generation, factor, auth } = recognised;
        let (token, hash) = tokens::new_token(tokens::PREFIX);
        let source = actor.source.and_then(|source| source.address);
        let act = self.act(Actor { session: Some(tokens::short(&hash)), ..actor.clone() }, action);
        let until_us = act.now_us + ABSOLUTE_US;
        let session = NewSession {
            token: hash,
            now_us: act.now_us,
            until_us,
            auth,
            address: source.map_or("local".to_owned(), |source| source.ip().to_string()),
            at_once: AT_ONCE,
        };
        let sign_in = SignIn { user: id, generation, factor, session, replaces };
        let begun = match self.store.sign_in(&act, sign_in).await {
            Ok(begun) => begun,
            Err(store::StoreError::Refused(_)) => false,
            Err(error) => return Err(error.into()),
        };
        if !begun {
            self.refused(&actor, action, Some(id), "code").await?;
            return Ok(None);
        }
        let row = self.store.session(&hash).await?;
        let must_enrol = row.is_some_and(|row| self.must_enrol(&row.grants, row.second_factor));
        Ok(Some(SignedIn { token, until_us, must_enrol }))
    }

    async fn refused(
        &self,
        actor: &Actor,
        action: &'static str,
        id: Option<UserId>,
        why: &str,
    ) -> Result<(), AccountError> {
        let target = Target { kind: "user", id: id.map(|id| id.to_string()), channel: None };
        let act = self.act(actor.clone(), action);
        let why = Some(why.to_owned());
        Ok(self.store.record(&act, target, ActOutcome::Denied, why).await?)
    }

    /// An act of somebody, now.
    pub(super) fn act(&self, actor: Actor, action: &'static str) -> Act {
        Act {
            actor,
            action,
            purpose: None,
            approval: None,
            request: Some(Uuid::now_v7().to_string()),
            now_us: (self.now_us)(),
        }
    }

    /// Whether somebody who is signed in knows their password: a guess like any other.
    pub(super) async fn knows_password(
        &self,
        session: &Session,
        password: Secret<String>,
    ) -> Result<Credentials, AccountError> {
        let name = session.actor.name.as_deref().and_then(|name| Name::new(name).ok());
        let name = name.ok_or(AccountError::Absent("user"))?;
        let known = self.store.credentials(&name).await?.ok_or(AccountError::Absent("user"))?;
        let (taken, _) = self.store.guess(known.id, LOCKING, (self.now_us)()).await?;
        let right = self.hasher.verify(password, Some(known.password.clone())).await?;
        if taken && right { Ok(known) } else { Err(AccountError::Credentials) }
    }
}

/// What was shown besides the password, when it is what the user must show.
fn factor(
    known: &Credentials,
    code: Option<Secret<String>>,
    now_us: i64,
) -> Option<(SecondFactor, &'static str)> {
    let Some(secret) = &known.second_factor else {
        return Some((SecondFactor::None, "password"));
    };
    let code = code?;
    match second_factor::step_of(secret, code.expose_secret(), now_us) {
        Some(step) => Some((SecondFactor::Step(step), "password+totp")),
        None => second_factor::recovery_code(code.expose_secret())
            .map(|code| (SecondFactor::Recovery(code), "password+recovery")),
    }
}
