//! Certificates that our roots have issued, and which of them are revoked.

use config::Name;

use super::authority::set_crl;
use super::{REGISTRY, RevocationList, digits, name};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::AuthorityId;
use crate::sql::{Row, Session, row, statements, values};
use crate::store::Store;

statements! {
    CERTIFICATES = "select serial, authority, name, certificate, until_us, created_us, created_by, revoked_us, revoked_by
        from certificates order by name, created_us";
    SAME = "select serial from certificates where serial = $1";
    INSERT = "insert into certificates (serial, authority, name, certificate, until_us, created_us, created_by)
        values ($1, $2, $3, $4, $5, $6, $7)";
    REVOKE = "update certificates set revoked_us = $2, revoked_by = $3 where serial = $1 and revoked_us is null";
}

/// A certificate that one of our roots has issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// Its serial number.
    pub serial: [u8; 16],
    /// The root that signed it.
    pub authority: AuthorityId,
    /// Whom it was issued to.
    pub name: Name,
    /// The certificate itself.
    pub certificate: Vec<u8>,
    /// When it expires, microseconds UTC.
    pub until_us: i64,
    /// When it was issued.
    pub created_us: i64,
    /// By whom.
    pub created_by: String,
    /// When and by whom it was revoked.
    pub revoked: Option<(i64, String)>,
}

/// A certificate on its way into the registry.
#[derive(Clone, Debug)]
pub struct NewIssued {
    /// Its serial number.
    pub serial: [u8; 16],
    /// The root that signed it.
    pub authority: AuthorityId,
    /// Whom it was issued to.
    pub name: Name,
    /// The certificate itself.
    pub certificate: Vec<u8>,
    /// SHA-256 of its subject public key info.
    pub spki: [u8; 32],
    /// When it expires, microseconds UTC.
    pub until_us: i64,
}

/// Certificates to be revoked, and the lists that say so.
#[derive(Clone, Debug)]
pub struct Revocation {
    /// As whom people know what is revoked.
    pub name: Name,
    /// The serial numbers.
    pub serials: Vec<[u8; 16]>,
    /// For each root that issued one of them its next list.
    pub lists: Vec<(AuthorityId, RevocationList)>,
}

impl Store {
    /// Every certificate that our roots have issued, by name and in the order in which they came.
    pub async fn issued(&self) -> Result<Vec<Issued>, StoreError> {
        self.inner.reader.rows(CERTIFICATES, values![]).await?.iter().map(issued).collect()
    }

    /// Takes down a certificate before anybody gets it.
    pub async fn add_issued(&self, act: &Act, new: NewIssued) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(REGISTRY, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                if row(session, SAME, values![&new.serial[..]]).await?.is_some() {
                    return Err(StoreError::Refused("this serial number was used before"));
                }
                let after = Json::object([
                    ("serial", digits(&new.serial)),
                    ("spki", digits(&new.spki)),
                    ("until_us", Json::Int(new.until_us)),
                ]);
                let columns = values![
                    &new.serial[..],
                    new.authority.uuid(),
                    new.name.as_str(),
                    new.certificate,
                    new.until_us,
                    act.now_us,
                    &*act.actor.id,
                ];
                session.run(INSERT, columns).await?;
                let entry = Entry::success(&act, target(&new.name), Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Revokes certificates and puts the lists that say so into force, both or neither.
    pub async fn revoke_issued(&self, act: &Act, revocation: Revocation) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(REGISTRY, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                for serial in &revocation.serials {
                    revoke(session, &act, serial).await?;
                }
                let serials = Json::List(revocation.serials.iter().map(|s| digits(s)).collect());
                for (authority, list) in revocation.lists {
                    set_crl(session, &act, authority, list).await?;
                }
                let after = Json::object([("revoked", serials)]);
                let entry = Entry::success(&act, target(&revocation.name), Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

async fn revoke(session: &mut dyn Session, act: &Act, serial: &[u8; 16]) -> Result<(), StoreError> {
    let columns = values![&serial[..], act.now_us, &*act.actor.id];
    match session.run(REVOKE, columns).await? {
        1 => Ok(()),
        _ => Err(StoreError::Refused("a certificate was revoked before: try again")),
    }
}

fn target(name: &Name) -> Target {
    Target { kind: "certificate", id: Some(name.to_string()), channel: None }
}

fn issued(row: &Row) -> Result<Issued, StoreError> {
    let revoked = match (row.int_or_none(7)?, row.text_or_none(8)?) {
        (Some(at), Some(by)) => Some((at, by.to_owned())),
        _ => None,
    };
    let serial = row.blob(0)?.try_into();
    Ok(Issued {
        serial: serial.map_err(|_| StoreError::Internal("a serial number is cut".to_owned()))?,
        authority: AuthorityId::from_uuid(row.id(1)?),
        name: name(row.text(2)?)?,
        certificate: row.blob(3)?.to_vec(),
        until_us: row.int(4)?,
        created_us: row.int(5)?,
        created_by: row.text(6)?.to_owned(),
        revoked,
    })
}
