//! Acts on the registry of peers and on the certificate authority.

use auth::ca::{Certificate, LeafOrder};
use auth::{KeySource, PeerOrder, Permit, Rotation, Signed, grants};
use config::Name;
use net::Present;
use store::{Issued, Peer, PeerRights, Scope};

use super::{Service, Why, reason_needed};
use crate::problem::Problem;

/// A peer with its open connections.
pub struct PeerView {
    /// Its row.
    pub row: Peer,
    /// Its connections now.
    pub present: Vec<Present>,
}

/// A certificate with what the registry knows of it.
pub struct CertificateView {
    /// What it says.
    pub certificate: Certificate,
    /// The authority of ours, or trusted by us, that signed it; its own, when it is one.
    pub authority: Option<Name>,
    /// It was taken back.
    pub revoked: bool,
    /// When, microseconds UTC, if it is one of ours.
    pub revoked_us: Option<i64>,
    /// The peer that is known by its key.
    pub peer: Option<Name>,
}

impl Service {
    /// Every peer, or one.
    pub fn peers(
        &self,
        permit: &Permit<grants::PeerRead>,
        name: Option<&Name>,
    ) -> Result<Vec<PeerView>, Problem> {
        let attendance = self.engine.attendance();
        let book = self.registry.book();
        let seen = book.peers.iter().filter(|peer| within(permit.scope(), &peer.rights));
        let asked = seen.filter(|peer| name.is_none_or(|name| peer.name == *name));
        let views: Vec<PeerView> = asked
            .map(|row| PeerView {
                present: attendance.iter().filter(|one| one.peer == row.name).cloned().collect(),
                row: row.clone(),
            })
            .collect();
        match (name, views.is_empty()) {
            (Some(_), true) => Err(Problem::absent("peer")),
            _ => Ok(views),
        }
    }

    /// The peer that is to be acted on, within the scope of whoever acts.
    fn peer_within(&self, scope: &Scope, name: &Name) -> Result<Peer, Problem> {
        let book = self.registry.book();
        let found =
            book.peers.iter().find(|peer| peer.name == *name && within(scope, &peer.rights));
        found.cloned().ok_or_else(|| Problem::absent("peer"))
    }

    /// Adds a peer.
    pub async fn add_peer(
        &self,
        permit: &Permit<grants::PeerWrite>,
        order: PeerOrder,
        why: &Why,
    ) -> Result<(), Problem> {
        if !within(permit.scope(), &order.rights) {
            return Err(Problem::absent("channel"));
        }
        Ok(self.registry.add_peer(&self.act(permit, "peer.add", why), order).await?)
    }

    /// Changes what a peer may do: what is given replaces what was.
    pub async fn set_peer(
        &self,
        permit: &Permit<grants::PeerWrite>,
        name: &Name,
        change: impl FnOnce(&mut PeerRights) -> Result<(), Problem>,
        why: &Why,
    ) -> Result<(), Problem> {
        let mut rights = self.peer_within(permit.scope(), name)?.rights;
        change(&mut rights)?;
        if !within(permit.scope(), &rights) {
            return Err(Problem::absent("channel"));
        }
        Ok(self.registry.set_peer(&self.act(permit, "peer.set", why), name, rights).await?)
    }

    /// Lets a pending peer in.
    pub async fn activate_peer(
        &self,
        permit: &Permit<grants::PeerWrite>,
        name: &Name,
        why: &Why,
    ) -> Result<(), Problem> {
        self.peer_within(permit.scope(), name)?;
        Ok(self.registry.activate_peer(&self.act(permit, "peer.activate", why), name).await?)
    }

    /// Gives a peer another key, beside the one in force for so many days.
    pub async fn rotate_peer(
        &self,
        permit: &Permit<grants::PeerWrite>,
        name: &Name,
        (key, overlap_days): (&KeySource, i64),
        why: &Why,
    ) -> Result<(), Problem> {
        self.peer_within(permit.scope(), name)?;
        let act = self.act(permit, "peer.rotate", why);
        Ok(self.registry.rotate_peer(&act, name, key, overlap_days).await?)
    }

    /// Lets a peer never in again.
    pub async fn revoke_peer(
        &self,
        permit: &Permit<grants::PeerRevoke>,
        name: &Name,
        why: &Why,
    ) -> Result<(), Problem> {
        self.peer_within(permit.scope(), name)?;
        let act = self.act(permit, "peer.revoke", &reason_needed(why)?);
        Ok(self.registry.revoke_peer(&act, name).await?)
    }

    /// Makes the first root.
    pub async fn init_ca(
        &self,
        permit: &Permit<grants::CaManage>,
        why: &Why,
    ) -> Result<Certificate, Problem> {
        whole(permit.scope())?;
        Ok(self.registry.init_ca(&self.act(permit, "ca.init", why)).await?)
    }

    /// Signs a certificate for the key of a request.
    pub async fn issue(
        &self,
        permit: &Permit<grants::CaManage>,
        order: &LeafOrder,
        request_pem: &str,
        why: &Why,
    ) -> Result<Signed, Problem> {
        whole(permit.scope())?;
        Ok(self.registry.issue(&self.act(permit, "ca.issue", why), order, request_pem).await?)
    }

    /// What replacing the root would do.
    pub fn preview_rotation(&self, permit: &Permit<grants::CaManage>) -> Result<Rotation, Problem> {
        whole(permit.scope())?;
        Ok(self.registry.preview_rotation()?)
    }

    /// Replaces the root.
    pub async fn rotate_ca(
        &self,
        permit: &Permit<grants::CaManage>,
        why: &Why,
    ) -> Result<Rotation, Problem> {
        whole(permit.scope())?;
        Ok(self.registry.rotate_ca(&self.act(permit, "ca.rotate", &reason_needed(why)?)).await?)
    }

    /// Takes certificates back: by serial number, or all of a name.
    pub async fn revoke_issued(
        &self,
        permit: &Permit<grants::CaManage>,
        which: &str,
        why: &Why,
    ) -> Result<Vec<Issued>, Problem> {
        whole(permit.scope())?;
        let act = self.act(permit, "ca.revoke", &reason_needed(why)?);
        Ok(self.registry.revoke_issued(&act, which).await?)
    }

    /// Trusts somebody else's authority.
    pub async fn trust(
        &self,
        permit: &Permit<grants::CaManage>,
        (name, certificate_pem, list): (&Name, &str, Option<&str>),
        why: &Why,
    ) -> Result<Certificate, Problem> {
        whole(permit.scope())?;
        let act = self.act(permit, "ca.trust", why);
        Ok(self.registry.trust(&act, name, certificate_pem, list).await?)
    }

    /// Ends the trust in an authority.
    pub async fn distrust(
        &self,
        permit: &Permit<grants::CaManage>,
        name: &Name,
        why: &Why,
    ) -> Result<(), Problem> {
        whole(permit.scope())?;
        let act = self.act(permit, "ca.distrust", &reason_needed(why)?);
        Ok(self.registry.distrust(&act, name).await?)
    }

    /// Every certificate that the registry holds: of authorities, and those that our roots have issued.
    pub fn certificates(
        &self,
        _permit: &Permit<grants::PeerRead>,
    ) -> Result<Vec<CertificateView>, Problem> {
        let book = self.registry.book();
        let authorities = book.authorities.iter().map(|one| one.certificate.clone());
        let issued = book.issued.iter().filter_map(|one| Certificate::read(&one.certificate).ok());
        Ok(authorities.chain(issued).map(|certificate| self.view(certificate)).collect())
    }

    /// What is known of a certificate: of one in PEM, or of those by a name.
    pub fn inspect(
        &self,
        permit: &Permit<grants::PeerRead>,
        which: Inspected<'_>,
    ) -> Result<Vec<CertificateView>, Problem> {
        let found = match which {
            Inspected::Pem(text) => {
                let certificate = Certificate::from_pem(text).map_err(auth::RegistryError::Ca)?;
                vec![self.view(certificate)]
            }
            Inspected::Name(name) => {
                let all = self.certificates(permit)?;
                let book = self.registry.book();
                let is =
                    |view: &CertificateView| {
                        let issued = book.issued.iter().any(|one| {
                            one.name == *name && one.certificate == *view.certificate.der
                        });
                        let authority = book.authorities.iter().any(|one| {
                            one.row.name == *name && one.certificate == view.certificate
                        });
                        issued || authority
                    };
                all.into_iter().filter(is).collect()
            }
        };
        if found.is_empty() { Err(Problem::absent("certificate")) } else { Ok(found) }
    }

    fn view(&self, certificate: Certificate) -> CertificateView {
        let book = self.registry.book();
        let authority = book.authorities.iter().find(|one| one.signed(&certificate));
        let row = book.issued.iter().find(|one| one.certificate == *certificate.der);
        let revoked_us = row.and_then(|row| row.revoked.as_ref().map(|(at_us, _)| *at_us));
        let listed = book.authorities.iter().any(|one| one.has_revoked(&certificate));
        let peer =
            book.peers.iter().find(|peer| peer.keys.iter().any(|key| key.spki == certificate.spki));
        CertificateView {
            authority: authority.map(|one| one.row.name.clone()),
            revoked: revoked_us.is_some() || listed,
            revoked_us,
            peer: peer.map(|peer| peer.name.clone()),
            certificate,
        }
    }
}

/// What is to be looked at.
pub enum Inspected<'a> {
    /// A certificate in PEM.
    Pem(&'a str),
    /// Those of a name.
    Name(&'a Name),
}

/// Whether all that a peer may do lies within a scope.
fn within(scope: &Scope, rights: &PeerRights) -> bool {
    match (scope, &rights.channels) {
        (Scope::All, _) => true,
        (Scope::Channels(_), None) => false,
        (Scope::Channels(names), Some(channels)) => {
            channels.iter().all(|channel| names.contains(channel))
        }
    }
}

/// The authority is everybody's: nobody acts on it who reaches only some channels.
fn whole(scope: &Scope) -> Result<(), Problem> {
    match scope {
        Scope::All => Ok(()),
        Scope::Channels(_) => Err(Problem::absent("authority")),
    }
}
