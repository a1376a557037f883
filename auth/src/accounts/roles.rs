//! Making, changing and removing roles of the site's own: subsets of what their maker holds (security.md 2.6).

use std::sync::{Arc, PoisonError};

use config::Name;
use store::{Act, Granted, Scope};

use super::approvals::Asked;
use super::people::done;
use super::{AccountError, Accounts, PHI};
use crate::permission::Permission;
use crate::role::{CustomRole, CustomRoles, Role};
use crate::session::Session;

/// What no role of a site's own may do: whoever decides about others is known by a name that means the same everywhere.
const NEVER: &[Permission] =
    &[Permission::RoleManage, Permission::UserManage, Permission::ApprovalDecide];
/// Bytes of a description.
const DOC_MAX: usize = 200;

impl Accounts {
    /// Makes a role.
    pub async fn add_role(
        &self,
        act: &Act,
        by: &Session,
        role: CustomRole,
    ) -> Result<(), AccountError> {
        let role = checked(by, role)?;
        done(self.store.add_role(act, role.row()).await)?;
        self.replace(|roles| roles.put(role));
        Ok(())
    }

    /// Changes what a role may do. Neither what it could nor what it will may be more than whoever changes it holds.
    pub async fn set_role(
        &self,
        act: &Act,
        by: &Session,
        role: CustomRole,
    ) -> Result<(), AccountError> {
        let role = checked(by, role)?;
        let before = self.changeable(by, &role.name).await?;
        let act = self.for_role(act, by, (&before, &role)).await?;
        done(self.store.set_role(&act, role.row()).await)?;
        self.replace(|roles| roles.put(role));
        Ok(())
    }

    /// Removes a role that nobody has.
    pub async fn remove_role(
        &self,
        act: &Act,
        by: &Session,
        name: &Name,
    ) -> Result<(), AccountError> {
        self.changeable(by, name).await?;
        let in_directory = self.directory.as_ref().is_some_and(|directory| directory.gives(name));
        if in_directory {
            let sentence =
                "a group of the directory gives this role: see `[directory]` in server.toml";
            return Err(AccountError::Refused(sentence.to_owned()));
        }
        done(self.store.remove_role(act, name).await)?;
        self.replace(|roles| roles.remove(name));
        Ok(())
    }

    /// The role of this name, which whoever asks may change: they hold all of it, and do not have it themselves.
    async fn changeable(&self, by: &Session, name: &Name) -> Result<CustomRole, AccountError> {
        let before = self.custom_roles().get(name).cloned();
        let before = before.ok_or(AccountError::Absent("role"))?;
        within(by, &before.permissions)?;
        let users = self.store.users().await?;
        let own = users.iter().find(|user| by.user() == Some(user.id));
        if own.is_some_and(|user| user.grants.iter().any(|one| one.role == name.as_str())) {
            return Err(AccountError::Beyond("nobody changes what they may do themselves"));
        }
        Ok(before)
    }

    /// The act with the agreement of somebody else, when those who have the role are to read messages and could not before.
    async fn for_role(
        &self,
        act: &Act,
        by: &Session,
        (before, after): (&CustomRole, &CustomRole),
    ) -> Result<Act, AccountError> {
        let grave = PHI
            .iter()
            .any(|one| after.permissions.contains(one) && !before.permissions.contains(one));
        let names = |grants: &[Granted]| grants.iter().any(|one| one.role == after.name.as_str());
        let is_held = self.store.users().await?.iter().any(|user| names(&user.grants))
            || self.tokens().await?.iter().any(|token| names(&token.grants))
            || self.directory.as_ref().is_some_and(|directory| directory.gives(&after.name));
        if !grave || !is_held {
            return Ok(Act { approval: None, ..act.clone() });
        }
        let held: Vec<String> = after.permissions.iter().map(|one| one.name().to_owned()).collect();
        let summary =
            format!("let those who have the role `{}` do {}", after.name, held.join(", "));
        let parts = std::iter::once(after.name.to_string()).chain(held).collect();
        let asked = Asked { action: act.action, parts, summary, scope: Scope::All };
        self.with_approval(act.clone(), by, asked).await
    }

    fn replace(&self, change: impl FnOnce(&mut CustomRoles)) {
        let mut roles = self.roles.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut roles));
    }
}

/// A role as it may be: of a name and a size that can be meant, and no more than its maker holds.
fn checked(by: &Session, mut role: CustomRole) -> Result<CustomRole, AccountError> {
    let invalid = |sentence: String| Err(AccountError::Invalid(sentence));
    if Role::named(role.name.as_str()).is_some() {
        return invalid(format!("`{}` is a role that is built in", role.name));
    }
    if role.permissions.is_empty() {
        return invalid("a role may do something".to_owned());
    }
    if role.doc.len() > DOC_MAX || role.doc.chars().any(char::is_control) {
        return invalid(format!("a description is one line of at most {DOC_MAX} bytes"));
    }
    if let Some(never) = role.permissions.iter().find(|one| NEVER.contains(one)) {
        return invalid(format!("`{}` is for roles that are built in", never.name()));
    }
    role.permissions.sort_unstable();
    role.permissions.dedup();
    within(by, &role.permissions)?;
    Ok(role)
}

/// Whoever gives something holds it themselves, for every channel.
fn within(by: &Session, permissions: &[Permission]) -> Result<(), AccountError> {
    let holds = |one: &Permission| by.holdings.scope_of(*one) == Some(&Scope::All);
    match permissions.iter().all(holds) {
        true => Ok(()),
        false => Err(AccountError::Beyond("this is more than you may do yourself")),
    }
}
