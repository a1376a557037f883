//! Services of accounts: who may sign in, what they may do, and what was refused.

use auth::{Accounts, NewPerson, Permission, Permit, Session, TokenOrder, grants};
use config::Name;
use phi::Secret;
use store::{Act, ActOutcome, Granted, ServiceToken, SessionRow, Target, User, UserState};
use uuid::Uuid;

use super::{Service, Why};
use crate::problem::Problem;
use crate::routes::Call;

impl Service {
    /// The accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Records that somebody asked for what they may not do.
    pub async fn denied(
        &self,
        session: &Session,
        permission: Permission,
        path: &str,
    ) -> Result<(), Problem> {
        let actor = session.actor();
        let now_us = self.now_us();
        let Some(more) = self.denials.admit(&actor.id, permission, now_us) else { return Ok(()) };
        let act = Act {
            actor: actor.clone(),
            action: "authz.denied",
            purpose: (more > 0).then(|| format!("{more} more within a minute")),
            request: Some(Uuid::now_v7().to_string()),
            now_us,
        };
        let target = Target { kind: "route", id: Some(path.to_owned()), channel: None };
        let code = Some(permission.name().to_owned());
        Ok(self.engine.store().record(&act, target, ActOutcome::Denied, code).await?)
    }

    /// Who may sign in, and what they may do.
    pub async fn users(&self, _permit: &Permit<grants::UserRead>) -> Result<Vec<User>, Problem> {
        Ok(self.accounts.people().await?)
    }

    /// Adds somebody.
    pub async fn add_user(
        &self,
        call: &Call<grants::UserManage>,
        new: NewPerson,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(&call.permit, "user.add", why);
        Ok(self.accounts.add(&act, &call.session, new).await?)
    }

    /// Replaces what somebody may do.
    pub async fn set_grants(
        &self,
        call: &Call<grants::RoleManage>,
        name: &Name,
        grants: Vec<Granted>,
        why: &Why,
    ) -> Result<(), Problem> {
        self.fresh(&call.session)?;
        let act = self.act(&call.permit, "user.grants", why);
        Ok(self.accounts.set_grants(&act, &call.session, name, grants).await?)
    }

    /// Lets somebody sign in, or not any more.
    pub async fn set_user_state(
        &self,
        call: &Call<grants::UserManage>,
        name: &Name,
        state: UserState,
        why: &Why,
    ) -> Result<(), Problem> {
        let action = match state {
            UserState::Active => "user.enable",
            UserState::Disabled => "user.disable",
        };
        let act = self.act(&call.permit, action, why);
        Ok(self.accounts.set_state(&act, &call.session, name, state).await?)
    }

    /// Lets somebody try again who has guessed too often.
    pub async fn unlock_user(
        &self,
        call: &Call<grants::UserManage>,
        name: &Name,
        why: &Why,
    ) -> Result<(), Problem> {
        self.fresh(&call.session)?;
        let act = self.act(&call.permit, "user.unlock", why);
        Ok(self.accounts.unlock(&act, &call.session, name).await?)
    }

    /// Takes somebody's second factor away.
    pub async fn reset_second_factor(
        &self,
        call: &Call<grants::UserManage>,
        name: &Name,
        why: &Why,
    ) -> Result<(), Problem> {
        self.fresh(&call.session)?;
        let act = self.act(&call.permit, "user.second_factor.reset", why);
        Ok(self.accounts.reset_second_factor(&act, &call.session, name).await?)
    }

    /// Gives somebody another password.
    pub async fn reset_password(
        &self,
        call: &Call<grants::UserManage>,
        name: &Name,
        password: Secret<String>,
        why: &Why,
    ) -> Result<(), Problem> {
        self.fresh(&call.session)?;
        let act = self.act(&call.permit, "user.password.reset", why);
        Ok(self.accounts.reset_password(&act, &call.session, name, password).await?)
    }

    /// The sessions of everybody.
    pub async fn sessions(
        &self,
        _permit: &Permit<grants::SessionManage>,
    ) -> Result<Vec<SessionRow>, Problem> {
        Ok(self.accounts.sessions(None).await?)
    }

    /// Ends somebody's session.
    pub async fn end_session(
        &self,
        call: &Call<grants::SessionManage>,
        id: &str,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(&call.permit, "session.end", why);
        Ok(self.accounts.end_session(&act, &call.session, id, true).await?)
    }

    /// Ends one's own session.
    pub async fn end_own_session(&self, session: &Session, id: &str) -> Result<(), Problem> {
        let act = Act {
            actor: session.actor().clone(),
            action: "session.end",
            purpose: None,
            request: Some(Uuid::now_v7().to_string()),
            now_us: self.now_us(),
        };
        Ok(self.accounts.end_session(&act, session, id, false).await?)
    }

    /// The tokens of programs that are in force.
    pub async fn tokens(
        &self,
        _permit: &Permit<grants::TokenManage>,
    ) -> Result<Vec<ServiceToken>, Problem> {
        Ok(self.accounts.tokens().await?)
    }

    /// Makes a token of a program.
    pub async fn add_token(
        &self,
        call: &Call<grants::TokenManage>,
        order: TokenOrder,
        why: &Why,
    ) -> Result<Secret<String>, Problem> {
        self.fresh(&call.session)?;
        let act = self.act(&call.permit, "token.add", why);
        Ok(self.accounts.add_token(&act, &call.session, order).await?)
    }

    /// Makes another in its place.
    pub async fn rotate_token(
        &self,
        call: &Call<grants::TokenManage>,
        name: &Name,
        why: &Why,
    ) -> Result<Secret<String>, Problem> {
        self.fresh(&call.session)?;
        let act = self.act(&call.permit, "token.rotate", why);
        Ok(self.accounts.rotate_token(&act, &call.session, name).await?)
    }

    /// Takes the tokens of a program back.
    pub async fn revoke_tokens(
        &self,
        call: &Call<grants::TokenManage>,
        name: &Name,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(&call.permit, "token.revoke", why);
        Ok(self.accounts.revoke_tokens(&act, &call.session, name).await?)
    }

    /// What is dangerous needs a sign-in of the last minutes.
    fn fresh(&self, session: &Session) -> Result<(), Problem> {
        match session.is_fresh(self.now_us()) {
            true => Ok(()),
            false => Err(auth::AccountError::StepUp.into()),
        }
    }
}
