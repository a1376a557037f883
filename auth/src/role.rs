//! The built-in roles: names for sets of permissions (security.md 2.6).

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
            PeerRead,
            PeerWrite,
            PeerRevoke,
            CaManage,
            DeadletterRead,
            DeadletterReplay,
            UserRead,
            UserManage,
            RoleManage,
            SessionManage,
            TokenManage,
            AuditRead,
            AuditExport,
            AuditVerify,
        ],
    },
    Role {
        name: "security-admin",
        doc: "Who may do what, and the proof of it. No messages.",
        permissions: &[MonitorRead, UserRead, RoleManage, SessionManage, AuditVerify, PeerRead],
    },
    Role {
        name: "user-admin",
        doc: "Adds people, disables and unlocks them.",
        permissions: &[UserRead, UserManage, SessionManage, TokenManage],
    },
    Role {
        name: "auditor",
        doc: "Reads the audit log and checks it.",
        permissions: &[AuditRead, AuditExport, AuditVerify, MonitorRead, UserRead],
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
            DeadletterRead,
            DeadletterReplay,
        ],
    },
    Role {
        name: "message-steward",
        doc: "An operator who may read messages and error texts, and discard.",
        permissions: &[
            MonitorRead,
            ChannelRead,
            ConnectionControl,
            ConnectionTest,
            MessageMeta,
            MessageBody,
            MessageError,
            MessageReplay,
            MessageDiscard,
            DeadletterRead,
            DeadletterReplay,
        ],
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
