//! Whether a connection that was let in may stay.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::tls::{Admission, Changes, Session};
use crate::{Acknowledgement, Attendance, PeerIdentity, Presence, Refusal};

/// The right of one connection to go on, followed as long as it is open.
pub struct Standing {
    ground: Ground,
    identity: Option<Arc<PeerIdentity>>,
    _presence: Option<Presence>,
}

enum Ground {
    /// A connection inside this machine, or of somebody who had nothing to prove.
    Anybody,
    /// Unencrypted, as long as that is acknowledged.
    Acknowledged(Acknowledgement),
    /// The holder of a certificate.
    Certificate { admission: Admission, peer: SocketAddr, session: Session, changes: Changes },
}

impl Standing {
    pub(crate) fn plain(acknowledgement: Option<Acknowledgement>) -> Standing {
        let ground = acknowledgement.map_or(Ground::Anybody, Ground::Acknowledged);
        Standing { ground, identity: None, _presence: None }
    }

    /// Of a session that was just established, or why it is not let in.
    pub(crate) fn of(
        admission: Admission,
        peer: SocketAddr,
        session: Session,
        attendance: &Attendance,
    ) -> Result<Standing, Refusal> {
        // Subscribed first: what changes while we ask is seen afterwards.
        let changes = admission.changes();
        let identity = admission.admit(peer.ip(), &session)?;
        let presence = identity
            .as_ref()
            .zip(admission.channel())
            .map(|(identity, channel)| attendance.enter(identity, channel, peer));
        let ground = match admission.asks_for_certificates() {
            true => Ground::Certificate { admission, peer, session, changes },
            false => Ground::Anybody,
        };
        Ok(Standing { ground, identity, _presence: presence })
    }

    /// Who the other end has proved to be.
    pub fn identity(&self) -> Option<Arc<PeerIdentity>> {
        self.identity.clone()
    }

    /// Waits until the identity is another, or the connection must close. Nothing is lost when the future is dropped.
    pub async fn changed(&mut self) -> Result<(), Refusal> {
        match &mut self.ground {
            Ground::Anybody => std::future::pending().await,
            Ground::Acknowledged(acknowledgement) => {
                acknowledgement.ended().await;
                Err(Refusal::Plaintext)
            }
            Ground::Certificate { admission, peer, session, changes } => loop {
                changes.changed().await;
                let again = admission.admit_again(peer.ip(), session);
                let identity =
                    again.inspect_err(|refusal| admission.turned_away(peer.ip(), *refusal))?;
                if identity != self.identity {
                    self.identity = identity;
                    return Ok(());
                }
            },
        }
    }
}
