//! Services of accounts: who may sign in, what they may do, and what was refused.

use std::sync::Arc;

use auth::{
    AccountChange, Accounts, CustomRole, CustomRoles, NewPerson, Permission, Permit, Session,
    TokenOrder, grants,
};
use config::Name;
use phi::Secret;
use store::{ActOutcome, Granted, ServiceToken, SessionRow, Target, User};

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
        let more = self.denials.admit((actor.id.clone(), permission), self.now_us());
        let Some(more) = more else { return Ok(()) };
        let why = Why::because((more > 0).then(|| format!("{more} more within a minute")));
        let act = self.act_of(actor, "authz.denied", &why);
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
        let act = self.act(&call.permit, "user.grants", why);
        Ok(self.accounts.set_grants(&act, &call.session, name, grants).await?)
    }

    /// The roles that the site has made.
    pub fn custom_roles(&self, _permit: &Permit<grants::UserRead>) -> Arc<CustomRoles> {
        self.accounts.custom_roles()
    }

    /// Makes a role.
    pub async fn add_role(
        &self,
        call: &Call<grants::RoleManage>,
        role: CustomRole,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(&call.permit, "role.add", why);
        Ok(self.accounts.add_role(&act, &call.session, role).await?)
    }

    /// Changes what a role may do.
    pub async fn set_role(
        &self,
        call: &Call<grants::RoleManage>,
        role: CustomRole,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(&call.permit, "role.set", why);
        Ok(self.accounts.set_role(&act, &call.session, role).await?)
    }

    /// Removes a role that nobody has.
    pub async fn remove_role(
        &self,
        call: &Call<grants::RoleManage>,
        name: &Name,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(&call.permit, "role.remove", why);
        Ok(self.accounts.remove_role(&act, &call.session, name).await?)
    }

    /// Changes somebody's account.
    pub async fn change_user(
        &self,
        call: &Call<grants::UserManage>,
        name: &Name,
        change: AccountChange,
        why: &Why,
    ) -> Result<(), Problem> {
        let act = self.act(&call.permit, change.action(), why);
        Ok(self.accounts.change(&act, &call.session, name, change).await?)
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
        let act = self.act_of(session.actor(), "session.end", &Why::default());
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
}
