//! What somebody holds: permissions, each with the channels for which they have it.

use std::collections::BTreeMap;

use store::{Granted, Scope};

use crate::permission::Permission;
use crate::role::CustomRoles;

/// Permissions with their scopes; several grants of one permission add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings(BTreeMap<Permission, Scope>);

impl Holdings {
    /// Everything, everywhere.
    pub fn all() -> Holdings {
        Holdings(Permission::ALL.iter().map(|permission| (*permission, Scope::All)).collect())
    }

    /// What some grants amount to. A role that there is not gives nothing.
    pub fn of(grants: &[Granted], custom: &CustomRoles) -> Holdings {
        let mut held = Holdings::default();
        for grant in grants {
            for permission in custom.permissions(&grant.role).unwrap_or_default() {
                held.add(*permission, &grant.scope);
            }
        }
        held
    }

    fn add(&mut self, permission: Permission, scope: &Scope) {
        match (self.0.get_mut(&permission), scope) {
            (Some(Scope::All), _) => {}
            (Some(Scope::Channels(names)), Scope::Channels(more)) => names.extend(more.clone()),
            (Some(Scope::Channels(_)), Scope::All) | (None, _) => {
                self.0.insert(permission, scope.clone());
            }
        }
    }

    /// The channels for which a permission is held; nothing when it is not held at all.
    pub fn scope_of(&self, permission: Permission) -> Option<&Scope> {
        self.0.get(&permission)
    }

    /// Whether everything in other holdings is in these too.
    pub fn cover(&self, others: &Holdings) -> bool {
        others.0.iter().all(|(permission, asked)| {
            self.0.get(permission).is_some_and(|held| held.covers(asked))
        })
    }

    /// What is held, in the order of permissions.
    pub fn iter(&self) -> impl Iterator<Item = (Permission, &Scope)> {
        self.0.iter().map(|(permission, scope)| (*permission, scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Name;

    fn grant(role: &str, channels: &[&str]) -> Granted {
        let names = channels.iter().map(|name| Name::new(name).unwrap()).collect();
        let scope = if channels.is_empty() { Scope::All } else { Scope::Channels(names) };
        Granted { role: role.to_owned(), scope }
    }

    #[test]
    fn grants_add_up_permission_by_permission() {
        let grants = [
            grant("viewer", &[]),
            grant("operator", &["adt"]),
            grant("message-steward", &["adt", "lab"]),
            grant("gone", &[]),
        ];
        let held = Holdings::of(&grants, &CustomRoles::default());
        assert_eq!(held.scope_of(Permission::MonitorRead), Some(&Scope::All));
        let replay = held.scope_of(Permission::MessageReplay).unwrap();
        assert!(replay.holds("adt") && replay.holds("lab") && !replay.holds("other"));
        assert_eq!(held.scope_of(Permission::UserManage), None);
    }

    #[test]
    fn nobody_covers_more_than_they_hold() {
        let of = |grants: &[Granted]| Holdings::of(grants, &CustomRoles::default());
        let lab = of(&[grant("operator", &["lab"])]);
        assert!(of(&[grant("operator", &[])]).cover(&lab));
        assert!(of(&[grant("message-steward", &["lab", "adt"])]).cover(&lab));
        assert!(!lab.cover(&of(&[grant("operator", &[])])), "wider");
        assert!(!lab.cover(&of(&[grant("operator", &["adt"])])), "elsewhere");
        assert!(!lab.cover(&of(&[grant("message-steward", &["lab"])])), "more");
        assert!(Holdings::all().cover(&Holdings::all()) && lab.cover(&Holdings::default()));
    }
}
