//! Authorities: our own roots with their sealed private keys, and those of others that are trusted too.

use config::Name;
use phi::Secret;

use super::{REGISTRY, digits, fingerprint, name};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::Done;
use crate::error::StoreError;
use crate::ids::{AuthorityId, ChannelId};
use crate::seal::{self, Column, Place};
use crate::sql::{Row, Session, row, statements, values};
use crate::state::coded;
use crate::store::Store;

statements! {
    AUTHORITIES = "select id, name, kind, certificate, spki, crl_path, crl, crl_number, crl_until_us, until_us, created_us, created_by
        from authorities order by created_us, name";
    KEY = "select private_key from authorities where id = $1";
    SAME = "select name from authorities where name = $1 or spki = $2";
    OWN_IN_FORCE = "select id from authorities where kind = $1 and until_us is null";
    INSERT = "insert into authorities (id, name, kind, certificate, spki, private_key, crl_path, crl, crl_number, crl_until_us, until_us,
        created_us, created_by, changed_us, changed_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $12, $13)";
    END = "update authorities set until_us = $2, changed_us = $3, changed_by = $4 where id = $1 and (until_us is null or until_us > $2)";
    SET_CRL = "update authorities set crl = $2, crl_number = $3, crl_until_us = $4, changed_us = $5, changed_by = $6
        where id = $1 and crl_number = $7";
}

coded! {
    /// Whose authority it is.
    pub AuthorityKind {
        /// Ours: its private key is in the store.
        Own = 10, "own";
        /// Somebody else's, that we trust.
        Foreign = 11, "foreign";
    }
}

/// An authority whose certificates prove who a peer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its row.
    pub id: AuthorityId,
    /// Its name among people.
    pub name: Name,
    /// Whose it is.
    pub kind: AuthorityKind,
    /// Its certificate.
    pub certificate: Vec<u8>,
    /// SHA-256 of its subject public key info.
    pub spki: [u8; 32],
    /// The file that somebody else's revocation list is read from.
    pub crl_path: Option<String>,
    /// Our own revocation list.
    pub crl: Option<RevocationList>,
    /// Its certificates are not taken from then on, when its end is known.
    pub until_us: Option<i64>,
    /// When it was added, microseconds UTC.
    pub created_us: i64,
    /// By whom.
    pub created_by: String,
}

impl Authority {
    /// Whether its certificates are taken at a time.
    pub fn is_in_force(&self, now_us: i64) -> bool {
        self.until_us.is_none_or(|until| now_us < until)
    }
}

/// A signed revocation list of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// The list itself.
    pub der: Vec<u8>,
    /// Its number, one more with each.
    pub number: i64,
    /// When the next one is promised.
    pub until_us: i64,
}

/// An authority on its way into the registry.
pub struct NewAuthority {
    /// Its row.
    pub id: AuthorityId,
    /// Its name among people.
    pub name: Name,
    /// Whose it is.
    pub kind: AuthorityKind,
    /// Its certificate.
    pub certificate: Vec<u8>,
    /// SHA-256 of its subject public key info.
    pub spki: [u8; 32],
    /// Its private key, which is sealed before it is written.
    pub private_key: Option<Secret<Vec<u8>>>,
    /// The file that its revocation list is read from.
    pub crl_path: Option<String>,
    /// Its first revocation list.
    pub crl: Option<RevocationList>,
    /// The root that it takes the place of, and how long that one is still trusted.
    pub replaces: Option<(AuthorityId, i64)>,
}

impl Store {
    /// Every authority that was ever trusted, the oldest first.
    pub async fn authorities(&self) -> Result<Vec<Authority>, StoreError> {
        self.inner.reader.rows(AUTHORITIES, values![]).await?.iter().map(authority).collect()
    }

    /// Adds an authority. Of our own roots one is in force at a time: another must say which one it replaces.
    pub async fn add_authority(&self, act: &Act, new: NewAuthority) -> Result<(), StoreError> {
        let sealed = new.private_key.as_ref().map(|key| self.seal_authority_key(new.id, key));
        let job_act = act.clone();
        self.act(REGISTRY, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                let same = values![new.name.as_str(), &new.spki[..]];
                if row(session, SAME, same).await?.is_some() {
                    return Err(StoreError::Refused(
                        "there is or was an authority of this name or with this key",
                    ));
                }
                if new.kind == AuthorityKind::Own {
                    let in_force =
                        session.rows(OWN_IN_FORCE, values![AuthorityKind::Own.code()]).await?;
                    let replaced = new.replaces.map(|(id, _)| id.uuid());
                    for row in in_force {
                        if replaced != Some(row.id(0)?) {
                            return Err(StoreError::Refused("there is a root already"));
                        }
                    }
                }
                let mut before = Json::Null;
                if let Some((replaced, until_us)) = new.replaces {
                    before = end(session, &act, replaced, until_us).await?;
                }
                let after = shown(&new);
                insert(session, &act, &new, sealed).await?;
                let entry = Entry::success(&act, target(&new.name), before, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Ends the trust in an authority.
    pub async fn end_authority(
        &self,
        act: &Act,
        authority: &Authority,
        until_us: i64,
    ) -> Result<(), StoreError> {
        let (job_act, id, name) = (act.clone(), authority.id, authority.name.clone());
        self.act(REGISTRY, act, move |session, parts| {
            Box::pin(async move {
                let after = end(session, &job_act, id, until_us).await?;
                let entry = Entry::success(&job_act, target(&name), Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Replaces the revocation list of a root by the next one, when nobody else has meanwhile.
    pub async fn renew_crl(
        &self,
        act: &Act,
        authority: &Authority,
        crl: RevocationList,
    ) -> Result<(), StoreError> {
        let (job_act, id, name) = (act.clone(), authority.id, authority.name.clone());
        self.act(REGISTRY, act, move |session, parts| {
            Box::pin(async move {
                let after = Json::object([
                    ("crl_number", Json::Int(crl.number)),
                    ("crl_until_us", Json::Int(crl.until_us)),
                ]);
                set_crl(session, &job_act, id, crl).await?;
                let entry = Entry::success(&job_act, target(&name), Json::Null, after);
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// The private key of one of our roots as it is kept: sealed for that root alone.
    pub async fn sealed_authority_key(&self, id: AuthorityId) -> Result<Vec<u8>, StoreError> {
        let found = self.inner.reader.row(KEY, values![id.uuid()]).await?;
        let found = found.ok_or(StoreError::NotFound("authority"))?;
        let sealed = found.blob_or_none(0)?.map(<[u8]>::to_vec);
        sealed.ok_or(StoreError::Refused("this authority is somebody else's"))
    }

    /// Opens what [`Store::sealed_authority_key`] gave.
    pub async fn open_authority_key(
        &self,
        id: AuthorityId,
        sealed: &[u8],
    ) -> Result<Secret<Vec<u8>>, StoreError> {
        let place = key_place(id);
        let opened = self.inner.reader.open(place.channel, place.column, place.row, sealed).await?;
        Ok(Secret::new(opened))
    }

    fn seal_authority_key(&self, id: AuthorityId, key: &Secret<Vec<u8>>) -> Vec<u8> {
        seal::seal(&self.inner.secrets, key_place(id), key.expose_secret())
    }
}

/// Private keys are the store's, not a channel's.
fn key_place(id: AuthorityId) -> Place {
    Place { channel: ChannelId::from_number(0), column: Column::AuthorityKey, row: id.uuid() }
}

pub(super) async fn set_crl(
    session: &mut dyn Session,
    act: &Act,
    id: AuthorityId,
    crl: RevocationList,
) -> Result<(), StoreError> {
    let columns = values![
        id.uuid(),
        crl.der,
        crl.number,
        crl.until_us,
        act.now_us,
        &*act.actor.id,
        crl.number - 1,
    ];
    match session.run(SET_CRL, columns).await? {
        1 => Ok(()),
        _ => Err(StoreError::Refused("another revocation came in between: try again")),
    }
}

async fn end(
    session: &mut dyn Session,
    act: &Act,
    id: AuthorityId,
    until_us: i64,
) -> Result<Json, StoreError> {
    let columns = values![id.uuid(), until_us, act.now_us, &*act.actor.id];
    match session.run(END, columns).await? {
        1 => Ok(Json::object([
            ("authority", Json::text(id.to_string())),
            ("until_us", Json::Int(until_us)),
        ])),
        _ => Err(StoreError::Refused("the trust in this authority ends before that already")),
    }
}

async fn insert(
    session: &mut dyn Session,
    act: &Act,
    new: &NewAuthority,
    sealed: Option<Vec<u8>>,
) -> Result<(), StoreError> {
    let crl = new.crl.as_ref();
    let columns = values![
        new.id.uuid(),
        new.name.as_str(),
        new.kind.code(),
        new.certificate.clone(),
        &new.spki[..],
        sealed,
        new.crl_path.clone(),
        crl.map(|crl| crl.der.clone()),
        crl.map_or(0, |crl| crl.number),
        crl.map(|crl| crl.until_us),
        None::<i64>,
        act.now_us,
        &*act.actor.id,
    ];
    session.run(INSERT, columns).await.map(drop)
}

fn target(name: &Name) -> Target {
    Target { kind: "authority", id: Some(name.to_string()), channel: None }
}

fn shown(new: &NewAuthority) -> Json {
    Json::object([
        ("authority", Json::text(new.id.to_string())),
        ("kind", Json::text(new.kind.as_str())),
        ("spki", digits(&new.spki)),
        ("crl_path", Json::text_or_null(new.crl_path.clone())),
    ])
}

fn authority(row: &Row) -> Result<Authority, StoreError> {
    let crl = match (row.blob_or_none(6)?, row.int_or_none(8)?) {
        (Some(der), Some(until_us)) => {
            Some(RevocationList { der: der.to_vec(), number: row.int(7)?, until_us })
        }
        _ => None,
    };
    Ok(Authority {
        id: AuthorityId::from_uuid(row.id(0)?),
        name: name(row.text(1)?)?,
        kind: row.code(2, AuthorityKind::from_code)?,
        certificate: row.blob(3)?.to_vec(),
        spki: fingerprint(row.blob(4)?)?,
        crl_path: row.text_or_none(5)?.map(str::to_owned),
        crl,
        until_us: row.int_or_none(9)?,
        created_us: row.int(10)?,
        created_by: row.text(11)?.to_owned(),
    })
}
