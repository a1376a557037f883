//! The people themselves: who may sign in, and what they may do. Nobody gives out more than they hold.

use config::Name;
use phi::Secret;
use store::{Act, Granted, NewUser, SessionRow, StoreError, User, UserId, UserState};

use super::{AccountError, Accounts, tokens};
use crate::holdings::Holdings;
use crate::password;
use crate::role::SERVICE;
use crate::session::Session;

/// Somebody who is to be added.
pub struct NewPerson {
    /// The name that they will type.
    pub name: Name,
    /// Their first password.
    pub password: Secret<String>,
    /// What they may do.
    pub grants: Vec<Granted>,
}

/// What is done to somebody's account.
pub enum AccountChange {
    /// They may not sign in any more; their sessions end.
    Disable,
    /// They may again.
    Enable,
    /// They may try again, who have guessed too often.
    Unlock,
    /// Their second factor is gone, for a device that is lost; they must add another where one is demanded.
    ResetSecondFactor,
    /// They have another password.
    ResetPassword(Secret<String>),
}

impl AccountChange {
    /// The act, as the audit log names it.
    pub fn action(&self) -> &'static str {
        match self {
            AccountChange::Disable => "user.disable",
            AccountChange::Enable => "user.enable",
            AccountChange::Unlock => "user.unlock",
            AccountChange::ResetSecondFactor => "user.second_factor.reset",
            AccountChange::ResetPassword(_) => "user.password.reset",
        }
    }
}

impl Accounts {
    /// Everybody, by name.
    pub async fn people(&self) -> Result<Vec<User>, AccountError> {
        Ok(self.store.users().await?)
    }

    /// Adds somebody.
    pub async fn add(&self, act: &Act, by: &Session, new: NewPerson) -> Result<(), AccountError> {
        of_people(&new.grants)?;
        self.within(by, &new.grants)?;
        let act = self.for_grants(act, by, (&new.name, &[]), (&new.grants, &[])).await?;
        let factor = self.must_enrol(&new.grants, false);
        password::check(&new.password, new.name.as_str(), factor).map_err(AccountError::Invalid)?;
        let user = NewUser {
            id: UserId::new(),
            name: new.name,
            password: self.hasher.hash(new.password).await?,
            second_factor: None,
            recovery: Vec::new(),
            grants: new.grants,
            first: false,
        };
        done(self.store.add_user(&act, user).await)
    }

    /// Replaces what somebody may do. Neither what they had nor what they get may be more than the giver holds.
    pub async fn set_grants(
        &self,
        act: &Act,
        by: &Session,
        name: &Name,
        grants: Vec<Granted>,
    ) -> Result<(), AccountError> {
        let user = self.named(name).await?;
        if by.user() == Some(user.id) {
            return Err(AccountError::Beyond("nobody changes what they may do themselves"));
        }
        if user.subject.is_some() {
            let sentence = "what somebody of the directory may do comes from their groups there";
            return Err(AccountError::Refused(sentence.to_owned()));
        }
        self.within(by, &user.grants)?;
        of_people(&grants)?;
        self.within(by, &grants)?;
        let act = self.for_grants(act, by, (name, &user.grants), (&grants, &[])).await?;
        done(self.store.set_grants(&act, user.id, grants).await)
    }

    /// Changes the account of somebody else, who may do no more than whoever changes it.
    pub async fn change(
        &self,
        act: &Act,
        by: &Session,
        name: &Name,
        change: AccountChange,
    ) -> Result<(), AccountError> {
        let user = self.named(name).await?;
        if by.user() == Some(user.id) {
            return Err(AccountError::Beyond("this is for somebody else to do"));
        }
        self.within(by, &user.grants)?;
        done(match change {
            AccountChange::Disable => {
                self.store.set_user_state(act, user.id, UserState::Disabled).await
            }
            AccountChange::Enable => {
                self.store.set_user_state(act, user.id, UserState::Active).await
            }
            AccountChange::Unlock => self.store.unlock_user(act, user.id).await,
            AccountChange::ResetSecondFactor => {
                self.store.set_second_factor(act, user.id, None, Vec::new()).await
            }
            AccountChange::ResetPassword(password) => {
                return self.put_password(act, &user, password).await;
            }
        })
    }

    /// Changes the password of whoever asks. All their sessions end.
    pub async fn change_password(
        &self,
        session: &Session,
        current: Secret<String>,
        new: Secret<String>,
    ) -> Result<(), AccountError> {
        let own = session.user().ok_or(AccountError::Absent("user"))?;
        let user = self.store.users().await?.into_iter().find(|user| user.id == own);
        let user = user.ok_or(AccountError::Absent("user"))?;
        if user.subject.is_none() {
            self.knows_password(session, current).await?;
        }
        let act = self.act(session.actor.clone(), "auth.password.change");
        self.put_password(&act, &user, new).await
    }

    async fn put_password(
        &self,
        act: &Act,
        user: &User,
        password: Secret<String>,
    ) -> Result<(), AccountError> {
        if user.subject.is_some() {
            let sentence = "the password of somebody of the directory is changed there";
            return Err(AccountError::Refused(sentence.to_owned()));
        }
        let factor = user.second_factor || self.must_enrol(&user.grants, false);
        password::check(&password, user.name.as_str(), factor).map_err(AccountError::Invalid)?;
        let phc = self.hasher.hash(password).await?;
        done(self.store.set_password(act, user.id, phc).await)
    }

    /// The sessions that count, the newest first: of one user, or of everybody.
    pub async fn sessions(&self, of: Option<UserId>) -> Result<Vec<SessionRow>, AccountError> {
        let now_us = (self.now_us)();
        let mut sessions = self.store.sessions().await?;
        sessions.retain(|row| {
            of.is_none_or(|user| row.user == user) && tokens::is_in_force(row, now_us)
        });
        Ok(sessions)
    }

    /// Ends a session by the digits that name it: one's own, or with `any` somebody else's.
    pub async fn end_session(
        &self,
        act: &Act,
        by: &Session,
        id: &str,
        any: bool,
    ) -> Result<(), AccountError> {
        let of = if any { None } else { by.user() };
        if !any && of.is_none() {
            return Err(AccountError::Absent("session"));
        }
        let sessions = self.sessions(of).await?;
        let found = sessions.into_iter().find(|row| tokens::short(&row.token) == id);
        let found = found.ok_or(AccountError::Absent("session"))?;
        done(self.store.end_session(act, found.user, found.token).await)
    }

    /// How a session is named to people and in the audit log.
    pub fn name_of_session(row: &SessionRow) -> String {
        tokens::short(&row.token)
    }

    /// Whether grants are no more than what somebody holds, and name roles that exist.
    pub(super) fn within(&self, by: &Session, grants: &[Granted]) -> Result<(), AccountError> {
        let custom = self.custom_roles();
        let is_unknown = |grant: &&Granted| custom.permissions(&grant.role).is_none();
        if let Some(unknown) = grants.iter().find(is_unknown) {
            return Err(AccountError::Invalid(format!("there is no role `{}`", unknown.role)));
        }
        if by.holdings.cover(&Holdings::of(grants, &custom)) {
            Ok(())
        } else {
            Err(AccountError::Beyond("this is more than you may do yourself"))
        }
    }

    async fn named(&self, name: &Name) -> Result<User, AccountError> {
        self.store.user(name).await?.ok_or(AccountError::Absent("user"))
    }
}

/// Whether none of the grants is for programs alone.
pub(super) fn of_people(grants: &[Granted]) -> Result<(), AccountError> {
    if grants.iter().any(|grant| grant.role == SERVICE) {
        let sentence = format!("`{SERVICE}` is for programs: `hilum token add` makes their tokens");
        return Err(AccountError::Invalid(sentence));
    }
    Ok(())
}

pub(super) fn done(result: Result<(), StoreError>) -> Result<(), AccountError> {
    match result {
        Err(StoreError::Refused(why)) => Err(AccountError::Refused(why.to_owned())),
        Err(StoreError::NotFound(what)) => Err(AccountError::Absent(what)),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(()),
    }
}
