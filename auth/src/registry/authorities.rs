//! Acts on authorities: making and replacing our root, signing, taking back, trusting others.

use std::path::Path;

use config::Name;
use store::{
    Act, Authority, AuthorityId, AuthorityKind, Issued, NewAuthority, NewIssued, Revocation,
    RevocationList,
};

use super::{Registry, RegistryError, files};
use crate::ca::{CaError, Certificate, DAY_US, LIST_DAYS, LeafOrder, NewRoot, Signer};

/// How long the root that was replaced is still trusted.
const OVERLAP_DAYS: i64 = 7;

/// A certificate that was signed just now.
pub struct Signed {
    /// The certificate.
    pub certificate: Certificate,
    /// The root that signed it.
    pub root: Certificate,
}

/// What a rotation of the root does, or has done.
pub struct Rotation {
    /// The root that is replaced.
    pub old: Name,
    /// Until when it is still trusted, microseconds UTC.
    pub until_us: i64,
    /// Whom its certificates were issued to that are good beyond that: each needs a new one before.
    pub affected: Vec<Name>,
    /// The new root, once it is made.
    pub new: Option<(Name, Certificate)>,
}

impl Registry {
    /// Makes the first root.
    pub async fn init_ca(&self, act: &Act) -> Result<Certificate, RegistryError> {
        let _acting = self.acting.lock().await;
        if self.book().root().is_some() {
            return Err(RegistryError::Refused(
                "there is a root already: `hilum ca rotate` replaces it".to_owned(),
            ));
        }
        let (_, certificate) = self.new_root(act, None).await?;
        self.follow().await;
        Ok(certificate)
    }

    async fn new_root(
        &self,
        act: &Act,
        replaces: Option<(AuthorityId, i64)>,
    ) -> Result<(Name, Certificate), RegistryError> {
        let own = |one: &&super::Trusted| one.row.kind == AuthorityKind::Own;
        let n = self.book().authorities.iter().filter(own).count() + 1;
        let NewRoot { certificate, private_key } = NewRoot::make(n, act.now_us)?;
        let name = Name::new(&format!("ca-{n}")).map_err(|_| CaError::Unmade("root"))?;
        let signer = Signer::open(&certificate.der, &private_key)?;
        let new = NewAuthority {
            id: AuthorityId::new(),
            name: name.clone(),
            kind: AuthorityKind::Own,
            certificate: certificate.der.to_vec(),
            spki: certificate.spki,
            private_key: Some(private_key),
            crl_path: None,
            crl: Some(list(&signer, &[], 1, act.now_us)?),
            replaces,
        };
        self.store.add_authority(act, new).await?;
        Ok((name, certificate))
    }

    /// Signs a certificate for the key of a request.
    pub async fn issue(
        &self,
        act: &Act,
        order: &LeafOrder,
        request_pem: &str,
    ) -> Result<Signed, RegistryError> {
        let _acting = self.acting.lock().await;
        let book = self.book();
        let root = book.root().ok_or_else(no_root)?;
        let signer = self.signer(&root.row).await?;
        // A first byte other than zero keeps all 128 bits in the certificate as they are here.
        let mut serial: [u8; 16] = rand::random();
        if let Some(first) = serial.first_mut() {
            *first |= 0x40;
        }
        let certificate = signer.sign(order, request_pem, serial, act.now_us)?;
        let new = NewIssued {
            serial,
            authority: root.row.id,
            name: order.name.clone(),
            certificate: certificate.der.to_vec(),
            spki: certificate.spki,
            until_us: certificate.until_us,
        };
        self.store.add_issued(act, new).await?;
        self.follow().await;
        Ok(Signed { certificate, root: root.certificate.clone() })
    }

    /// What replacing the root would do.
    pub fn preview_rotation(&self) -> Result<Rotation, RegistryError> {
        let now_us = self.now_us();
        let book = self.book();
        let root = book.root().ok_or_else(no_root)?;
        let until_us = now_us + OVERLAP_DAYS * DAY_US;
        let beyond = |one: &&Issued| {
            one.authority == root.row.id && one.revoked.is_none() && one.until_us > until_us
        };
        let mut affected: Vec<Name> =
            book.issued.iter().filter(beyond).map(|one| one.name.clone()).collect();
        affected.dedup();
        Ok(Rotation { old: root.row.name.clone(), until_us, affected, new: None })
    }

    /// Replaces the root. The old one's sealed key is kept in a file first, read back and tried; both are trusted for a while.
    pub async fn rotate_ca(&self, act: &Act) -> Result<Rotation, RegistryError> {
        let _acting = self.acting.lock().await;
        let planned = self.preview_rotation()?;
        let book = self.book();
        let root = book.root().ok_or_else(no_root)?;
        let sealed = self.store.sealed_authority_key(root.row.id).await?;
        let kept = files::keep_sealed(&self.data, root.row.name.as_str(), &sealed)?;
        let key = self.store.open_authority_key(root.row.id, &kept).await?;
        Signer::open(&root.row.certificate, &key)?;
        let new = self.new_root(act, Some((root.row.id, planned.until_us))).await?;
        self.follow().await;
        Ok(Rotation { new: Some(new), ..planned })
    }

    /// Takes certificates back: one by its serial number, or all of a name that are still good.
    pub async fn revoke_issued(
        &self,
        act: &Act,
        which: &str,
    ) -> Result<Vec<Issued>, RegistryError> {
        let _acting = self.acting.lock().await;
        let book = self.book();
        let wanted: Vec<Issued> =
            book.issued.iter().filter(|one| is(one, which)).cloned().collect();
        let good: Vec<Issued> =
            wanted.iter().filter(|one| one.revoked.is_none()).cloned().collect();
        let Some(first) = good.first() else {
            return Err(match wanted.is_empty() {
                true => RegistryError::Absent("certificate"),
                false => RegistryError::Refused("it is revoked already".to_owned()),
            });
        };
        let mut lists = Vec::new();
        for authority in book.authorities.iter().filter(|one| one.row.kind == AuthorityKind::Own) {
            if good.iter().any(|one| one.authority == authority.row.id) {
                let revoked = revoked(&book.issued, authority.row.id, &good, act.now_us);
                lists.push((
                    authority.row.id,
                    self.next_list(&authority.row, &revoked, act.now_us).await?,
                ));
            }
        }
        let serials = good.iter().map(|one| one.serial).collect();
        let revocation = Revocation { name: first.name.clone(), serials, lists };
        self.store.revoke_issued(act, revocation).await?;
        self.follow().await;
        Ok(good)
    }

    /// Signs the list of a root again, with nothing new on it.
    pub(super) async fn renew_list(
        &self,
        act: &Act,
        authority: &Authority,
    ) -> Result<(), RegistryError> {
        let _acting = self.acting.lock().await;
        let revoked = revoked(&self.book().issued, authority.id, &[], act.now_us);
        let next = self.next_list(authority, &revoked, act.now_us).await?;
        self.store.renew_crl(act, authority, next).await?;
        self.follow().await;
        Ok(())
    }

    async fn next_list(
        &self,
        authority: &Authority,
        revoked: &[([u8; 16], i64)],
        now_us: i64,
    ) -> Result<RevocationList, RegistryError> {
        let number = authority.crl.as_ref().map_or(0, |list| list.number) + 1;
        Ok(list(&self.signer(authority).await?, revoked, number, now_us)?)
    }

    async fn signer(&self, root: &Authority) -> Result<Signer, RegistryError> {
        let sealed = self.store.sealed_authority_key(root.id).await?;
        let key = self.store.open_authority_key(root.id, &sealed).await?;
        Ok(Signer::open(&root.certificate, &key)?)
    }

    /// Trusts somebody else's authority, with the file that its revocation list is read from.
    pub async fn trust(
        &self,
        act: &Act,
        name: &Name,
        certificate_pem: &str,
        crl_path: Option<&str>,
    ) -> Result<Certificate, RegistryError> {
        let _acting = self.acting.lock().await;
        let certificate = Certificate::from_pem(certificate_pem)?;
        if !certificate.is_authority {
            return Err(RegistryError::Invalid(
                "this certificate is no authority's: it may not sign others".to_owned(),
            ));
        }
        if certificate.until_us < act.now_us {
            return Err(RegistryError::Invalid(
                "this authority's certificate has expired".to_owned(),
            ));
        }
        if let Some(path) = crl_path {
            files::read_list(Path::new(path), &certificate).map_err(|problem| {
                RegistryError::Invalid(format!(
                    "the revocation list `{path}` cannot be used: {problem}"
                ))
            })?;
        }
        let new = NewAuthority {
            id: AuthorityId::new(),
            name: name.clone(),
            kind: AuthorityKind::Foreign,
            certificate: certificate.der.to_vec(),
            spki: certificate.spki,
            private_key: None,
            crl_path: crl_path.map(str::to_owned),
            crl: None,
            replaces: None,
        };
        self.store.add_authority(act, new).await?;
        self.follow().await;
        Ok(certificate)
    }

    /// Ends the trust in somebody else's authority, or in a root of ours that was replaced, at once.
    pub async fn distrust(&self, act: &Act, name: &Name) -> Result<(), RegistryError> {
        let _acting = self.acting.lock().await;
        let book = self.book();
        let found = book.authorities.iter().find(|one| one.row.name == *name);
        let found = found.ok_or(RegistryError::Absent("authority"))?;
        if found.row.kind == AuthorityKind::Own && found.row.until_us.is_none() {
            return Err(RegistryError::Refused(
                "this is the root that signs: rotate it first".to_owned(),
            ));
        }
        self.store.end_authority(act, &found.row, act.now_us).await?;
        self.follow().await;
        Ok(())
    }
}

fn no_root() -> RegistryError {
    RegistryError::Refused("there is no root yet: `hilum ca init` makes it".to_owned())
}

/// Whether people mean this certificate.
fn is(issued: &Issued, which: &str) -> bool {
    let digits: String = which.chars().filter(|c| *c != ':').flat_map(char::to_lowercase).collect();
    let serial: String = issued.serial.iter().map(|byte| format!("{byte:02x}")).collect();
    issued.name.as_str() == which || serial == digits
}

/// What stands on the list of a root, with what is being added.
fn revoked(
    issued: &[Issued],
    authority: AuthorityId,
    more: &[Issued],
    now_us: i64,
) -> Vec<([u8; 16], i64)> {
    let of = issued.iter().filter(|one| one.authority == authority);
    let entries = of.filter_map(|one| match &one.revoked {
        Some((at_us, _)) => Some((one.serial, *at_us)),
        None if more.iter().any(|new| new.serial == one.serial) => Some((one.serial, now_us)),
        None => None,
    });
    entries.collect()
}

fn list(
    signer: &Signer,
    revoked: &[([u8; 16], i64)],
    number: i64,
    now_us: i64,
) -> Result<RevocationList, CaError> {
    let der = signer.list(revoked, number, now_us)?;
    Ok(RevocationList { der, number, until_us: now_us + LIST_DAYS * DAY_US })
}
