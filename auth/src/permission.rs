//! The closed set of permissions, by their dotted names.

/// A permission as a type, so that a function's signature says which one it needs.
pub trait Grant: Send + Sync + 'static {
    /// The permission that this type stands for.
    const PERMISSION: Permission;
}

macro_rules! permissions {
    ($($(#[doc = $doc:literal])+ $name:ident = $dotted:literal,)+) => {
        /// Every permission there is. A role is a set of these.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Permission {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Permission {
            /// All of them, in the order of their families.
            pub const ALL: &[Permission] = &[$(Permission::$name,)+];

            /// The permission of this dotted name.
            pub fn named(name: &str) -> Option<Permission> {
                Permission::ALL.iter().copied().find(|one| one.name() == name)
            }

            /// The dotted name used in roles, logs and refusals.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Permission::$name => $dotted,)+
                }
            }
        }

        /// One type for each permission.
        pub mod grants {
            use super::{Grant, Permission};
            $(
                $(#[doc = $doc])+
                pub struct $name;
                impl Grant for $name {
                    const PERMISSION: Permission = Permission::$name;
                }
            )+
        }
    };
}

permissions! {
    /// See the state of channels, destinations and the engine.
    MonitorRead = "monitor.read",
    /// Read channel files and revisions.
    ChannelRead = "channel.read",
    /// Put a new revision of a channel into force.
    ChannelApply = "channel.apply",
    /// Hold, resume, retry and skip on a destination; stop and start a source.
    ConnectionControl = "connection.control",
    /// Try the way to a destination.
    ConnectionTest = "connection.test",
    /// See that a message exists and what became of it, without its content.
    MessageMeta = "message.meta",
    /// Read the body of a message or of a response.
    MessageBody = "message.body",
    /// Find messages by numbers of patients, visits and orders.
    MessageSearch = "message.search",
    /// Read error texts, which may quote a message.
    MessageError = "message.error",
    /// Send a message again.
    MessageReplay = "message.replay",
    /// Make a new message out of one that came, with other bytes.
    MessageEdit = "message.edit",
    /// End a delivery without sending it.
    MessageDiscard = "message.discard",
    /// Send messages in by HTTP, as a program.
    MessageSubmit = "message.submit",
    /// See peers, authorities and certificates.
    PeerRead = "peer.read",
    /// Add peers, change what they may do, and give them keys.
    PeerWrite = "peer.write",
    /// Let a peer never in again.
    PeerRevoke = "peer.revoke",
    /// Make and replace the root, sign and take back certificates, trust other authorities.
    CaManage = "ca.manage",
    /// Look after alerts, and say that they are over.
    AlertManage = "alert.manage",
    /// See dead letters.
    DeadletterRead = "deadletter.read",
    /// Send dead letters again.
    DeadletterReplay = "deadletter.replay",
    /// See who may sign in, and what they may do.
    UserRead = "user.read",
    /// Add people, disable them, unlock them, and take their second factors away.
    UserManage = "user.manage",
    /// Say what people may do.
    RoleManage = "role.manage",
    /// See and end the sessions of others.
    SessionManage = "session.manage",
    /// Make and take back tokens of programs.
    TokenManage = "token.manage",
    /// See what others have asked for.
    ApprovalRead = "approval.read",
    /// Agree to what others have asked for, or not; review emergencies.
    ApprovalDecide = "approval.decide",
    /// Read the audit log.
    AuditRead = "audit.read",
    /// Take the audit log out of the engine.
    AuditExport = "audit.export",
    /// Check that the audit log is whole.
    AuditVerify = "audit.verify",
    /// Make backups.
    BackupCreate = "backup.create",
    /// Take what is over out of the engine.
    RetentionManage = "retention.manage",
    /// See what keys there are, change the store key, and make copies of it for those who keep it.
    KeyManage = "key.manage",
}

impl Permission {
    /// Whether it is about single channels. Whoever holds one of the others for some channels only does not hold it.
    pub const fn is_of_channels(self) -> bool {
        use Permission::*;
        match self {
            MonitorRead | ChannelRead | ChannelApply | ConnectionControl | ConnectionTest
            | MessageMeta | MessageBody | MessageSearch | MessageError | MessageReplay
            | MessageEdit | MessageDiscard | MessageSubmit | AlertManage | DeadletterRead
            | DeadletterReplay | ApprovalRead | ApprovalDecide => true,
            PeerRead | PeerWrite | PeerRevoke | CaManage | UserRead | UserManage | RoleManage
            | SessionManage | TokenManage | AuditRead | AuditExport | AuditVerify
            | BackupCreate | RetentionManage | KeyManage => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_dotted_and_unique() {
        let names: BTreeSet<_> = Permission::ALL.iter().map(|p| p.name()).collect();
        assert_eq!(names.len(), Permission::ALL.len());
        assert!(names.iter().all(|n| n.split('.').count() == 2));
    }
}
