//! Roles: names for sets of permissions, those that are built in and those that a site has made (security.md 2.6).

use std::collections::BTreeMap;

use config::Name;
use store::RoleRow;

use crate::permission::Permission::{self, *};

/// A named set of permissions.
pub struct Role {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// What it may do.
    pub permissions: &'static [Permission],
}

impl Role {
    /// The role of this name.
    pub fn named(name: &str) -> Option<&'static Role> {
        ROLES.iter().find(|role| role.name == name)
    }
}

/// A role that a site has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomRole {
    /// Its name, which is no built-in role's.
    pub name: Name,
    /// What it is for.
    pub doc: String,
    /// What it may do, in the order of permissions.
    pub permissions: Vec<Permission>,
}

impl CustomRole {
    /// As the store keeps it.
    pub(crate) fn row(&self) -> RoleRow {
        let names = self.permissions.iter().map(|one| one.name().to_owned());
        RoleRow { name: self.name.clone(), doc: self.doc.clone(), permissions: names.collect() }
    }

    /// As the store has kept it. A permission that this program does not know gives nothing.
    fn of(row: RoleRow) -> CustomRole {
        let known = row.permissions.iter().filter_map(|name| Permission::named(name));
        CustomRole { permissions: known.collect(), name: row.name, doc: row.doc }
    }
}

/// The roles that a site has made.
#[derive(Clone, Debug, Default)]
pub struct CustomRoles(BTreeMap<String, CustomRole>);

impl CustomRoles {
    pub(crate) fn of(rows: Vec<RoleRow>) -> CustomRoles {
        let mut roles = CustomRoles::default();
        rows.into_iter().map(CustomRole::of).for_each(|role| roles.put(role));
        roles
    }

    pub(crate) fn put(&mut self, role: CustomRole) {
        self.0.insert(role.name.to_string(), role);
    }

    pub(crate) fn remove(&mut self, name: &Name) {
        self.0.remove(name.as_str());
    }

    pub(crate) fn get(&self, name: &Name) -> Option<&CustomRole> {
        self.0.get(name.as_str())
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &CustomRole> {
        self.0.values()
    }

    /// What a role may do, built-in or made here; nothing when there is none of this name. A built-in one comes first.
    pub(crate) fn permissions(&self, name: &str) -> Option<&[Permission]> {
        match Role::named(name) {
            Some(role) => Some(role.permissions),
            None => self.0.get(name).map(|role| &role.permissions[..]),
        }
    }
}

/// The role of programs, which nobody who signs in has.
pub(crate) const SERVICE: &str = "service-integration";

/// Every role there is.
pub const ROLES: &[Role] = &[
    Role {
        name: "system-owner",
        doc: "Everything but reading messages. Somebody always has it, for every channel.",
        permissions: &[
            MonitorRead,
            ChannelRead,
            ChannelApply,
            ConnectionControl,
            ConnectionTest,
            MessageMeta,
            MessageReplay,
            MessageDiscard,
            MessageSubmit,
            PeerRead,
            PeerWrite,
            PeerRevoke,
            CaManage,
            AlertManage,
            DeadletterRead,
            DeadletterReplay,
            UserRead,
            UserManage,
            RoleManage,
            SessionManage,
            TokenManage,
            ApprovalRead,
            ApprovalDecide,
            AuditRead,
            AuditExport,
            AuditVerify,
            BackupCreate,
            RetentionManage,
            KeyManage,
        ],
    },
    Role {
        name: "security-admin",
        doc: "Who may do what, and the proof of it. No messages.",
        permissions: &[
            MonitorRead,
            AlertManage,
            UserRead,
            RoleManage,
            SessionManage,
            AuditVerify,
            PeerRead,
        ],
    },
    Role {
        name: "user-admin",
        doc: "Adds people, disables and unlocks them.",
        permissions: &[UserRead, UserManage, SessionManage, TokenManage],
    },
    Role {
        name: "key-custodian",
        doc: "Changes the store key, has copies of it made for those who keep it, and looks after the certificate authority.",
        permissions: &[MonitorRead, PeerRead, CaManage, KeyManage],
    },
    Role {
        name: "auditor",
        doc: "Reads the audit log and checks it.",
        permissions: &[AuditRead, AuditExport, AuditVerify, ApprovalRead, MonitorRead, UserRead],
    },
    Role {
        name: "privacy-officer",
        doc: "Decides about what needs a second person, reviews emergencies, and reads the audit log.",
        permissions: &[MonitorRead, ApprovalRead, ApprovalDecide, AuditRead, RetentionManage],
    },
    Role {
        name: "approver",
        doc: "Decides about what needs a second person, for some channels or all.",
        permissions: &[MonitorRead, ApprovalRead, ApprovalDecide],
    },
    Role {
        name: "interface-analyst",
        doc: "Reads channels and tries connections.",
        permissions: &[MonitorRead, ChannelRead, ConnectionTest, MessageMeta],
    },
    Role {
        name: "release-manager",
        doc: "Puts channels into force.",
        permissions: &[
            MonitorRead,
            ChannelRead,
            ChannelApply,
            ConnectionControl,
            ConnectionTest,
            MessageMeta,
        ],
    },
    Role {
        name: "connection-admin",
        doc: "Destinations and peers.",
        permissions: &[MonitorRead, ConnectionControl, ConnectionTest, PeerRead, PeerWrite],
    },
    Role {
        name: "certificate-admin",
        doc: "Peers and the certificates by which they are known.",
        permissions: &[PeerRead, PeerWrite, PeerRevoke, CaManage],
    },
    Role {
        name: "operator",
        doc: "Keeps messages flowing: holds, resumes, replays. Bodies stay hidden.",
        permissions: &[
            MonitorRead,
            ChannelRead,
            ConnectionControl,
            ConnectionTest,
            MessageMeta,
            MessageReplay,
            AlertManage,
            DeadletterRead,
            DeadletterReplay,
        ],
    },
    Role {
        name: "message-steward",
        doc: "An operator who may find and read messages and error texts, edit copies, and discard.",
        permissions: &[
            MonitorRead,
            ChannelRead,
            ConnectionControl,
            ConnectionTest,
            MessageMeta,
            MessageBody,
            MessageSearch,
            MessageError,
            MessageReplay,
            MessageEdit,
            MessageDiscard,
            AlertManage,
            DeadletterRead,
            DeadletterReplay,
        ],
    },
    Role {
        name: "backup-operator",
        doc: "Makes backups, and sees no content.",
        permissions: &[MonitorRead, BackupCreate],
    },
    Role {
        name: SERVICE,
        doc: "A program that sends messages in. For tokens, not for people.",
        permissions: &[MessageSubmit],
    },
    Role {
        name: "viewer",
        doc: "Sees how everything is, and changes nothing.",
        permissions: &[MonitorRead, ChannelRead, MessageMeta, DeadletterRead],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn roles_are_well_formed() {
        let names: BTreeSet<_> = ROLES.iter().map(|role| role.name).collect();
        assert_eq!(names.len(), ROLES.len());
        for role in ROLES {
            let held: BTreeSet<_> = role.permissions.iter().collect();
            assert_eq!(held.len(), role.permissions.len(), "{}", role.name);
            // Whoever gives out rights does not read messages, and the other way round.
            let reads = held.contains(&MessageBody) || held.contains(&MessageError);
            assert!(
                !(reads && (held.contains(&RoleManage) || held.contains(&UserManage))),
                "{}",
                role.name
            );
        }
        let granted: BTreeSet<_> = ROLES.iter().flat_map(|role| role.permissions).collect();
        assert_eq!(granted.len(), Permission::ALL.len(), "every permission is in some role");
    }
}
