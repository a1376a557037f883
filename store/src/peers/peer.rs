//! Peers: the systems that may connect, the keys by which they are known, and what they may do.

use config::Name;

use super::{REGISTRY, digits, fingerprint, name};
use crate::audit::{self, Act, Entry, Json, Target};
use crate::backend::{Backend, Done};
use crate::error::StoreError;
use crate::sql::{Row, Session, row, statements, values};
use crate::state::coded;
use crate::store::Store;

statements! {
    PEERS = "select name, state, channels, applications, facilities, sources, created_us, created_by, changed_us, changed_by
        from peers order by name";
    PEER = "select name, state, channels, applications, facilities, sources, created_us, created_by, changed_us, changed_by
        from peers where name = $1",
        postgres: "select name, state, channels, applications, facilities, sources, created_us, created_by, changed_us, changed_by
        from peers where name = $1 for update";
    KEYS = "select peer, spki, certificate, until_us, created_us, created_by from peer_keys order by peer, created_us, spki";
    KEYS_OF = "select peer, spki, certificate, until_us, created_us, created_by from peer_keys where peer = $1 order by created_us, spki";
    KEY = "select peer from peer_keys where spki = $1";
    INSERT_PEER = "insert into peers (name, state, channels, applications, facilities, sources, created_us, created_by, changed_us, changed_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $7, $8)";
    INSERT_KEY = "insert into peer_keys (spki, peer, certificate, until_us, created_us, created_by) values ($1, $2, $3, $4, $5, $6)";
    SET_RIGHTS = "update peers set channels = $2, applications = $3, facilities = $4, sources = $5, changed_us = $6, changed_by = $7
        where name = $1";
    SET_STATE = "update peers set state = $2, changed_us = $3, changed_by = $4 where name = $1";
    TOUCH = "update peers set changed_us = $2, changed_by = $3 where name = $1";
    END_KEY = "update peer_keys set until_us = $2 where spki = $1";
}

coded! {
    /// Where a peer stands.
    pub PeerState {
        /// Known, and not let in yet.
        Pending = 10, "pending";
        /// Let in.
        Active = 11, "active";
        /// Never let in again.
        Revoked = 12, "revoked";
    }
}

/// A system that may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub name: Name,
    /// Where it stands.
    pub state: PeerState,
    /// What it may do.
    pub rights: PeerRights,
    /// The keys by which it is, was or will be known, in the order in which they came.
    pub keys: Vec<PeerKey>,
    /// When it was added, microseconds UTC.
    pub created_us: i64,
    /// By whom.
    pub created_by: String,
    /// When it was last changed.
    pub changed_us: i64,
    /// By whom.
    pub changed_by: String,
}

/// What a peer may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerRights {
    /// The channels that it may send to; none means every channel, an empty list means no channel.
    pub channels: Option<Vec<Name>>,
    /// The sending applications (MSH-3.1) that it may use; any when empty.
    pub applications: Vec<String>,
    /// The sending facilities (MSH-4.1) that it may use; any when empty.
    pub facilities: Vec<String>,
    /// The networks that it may come from, as CIDR; any when empty.
    pub sources: Vec<String>,
}

/// A public key of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerKey {
    /// SHA-256 of its subject public key info.
    pub spki: [u8; 32],
    /// The certificate that it came with, when it was not pinned alone.
    pub certificate: Option<Vec<u8>>,
    /// It is not taken from then on, when its end is known.
    pub until_us: Option<i64>,
    /// When it was added.
    pub created_us: i64,
    /// By whom.
    pub created_by: String,
}

impl PeerKey {
    /// Whether it is taken at a time.
    pub fn is_in_force(&self, now_us: i64) -> bool {
        self.until_us.is_none_or(|until| now_us < until)
    }
}

/// A peer on its way into the registry.
#[derive(Clone, Debug)]
pub struct NewPeer {
    /// Its name.
    pub name: Name,
    /// Where it stands.
    pub state: PeerState,
    /// What it may do.
    pub rights: PeerRights,
    /// The key by which it is known.
    pub key: NewPeerKey,
}

/// A key on its way into the registry.
#[derive(Clone, Debug)]
pub struct NewPeerKey {
    /// SHA-256 of its subject public key info.
    pub spki: [u8; 32],
    /// The certificate that it came with.
    pub certificate: Option<Vec<u8>>,
}

impl Store {
    /// Every peer, revoked ones too, by name.
    pub async fn peers(&self) -> Result<Vec<Peer>, StoreError> {
        let keys = self.inner.reader.rows(KEYS, values![]).await?;
        let keys: Vec<(String, PeerKey)> = keys.iter().map(key).collect::<Result<_, _>>()?;
        let peers = self.inner.reader.rows(PEERS, values![]).await?;
        let whole = peers.iter().map(|row| {
            let name = row.text(0)?;
            let own = keys.iter().filter(|(owner, _)| owner == name);
            peer(row, own.map(|(_, key)| key.clone()).collect())
        });
        whole.collect()
    }

    /// Adds a peer. Its name and its key must never have been anybody's.
    pub async fn add_peer(&self, act: &Act, new: NewPeer) -> Result<(), StoreError> {
        let job_act = act.clone();
        self.act(REGISTRY, act, move |session, parts| {
            Box::pin(async move {
                let act = job_act;
                if row(session, PEER, values![new.name.as_str()]).await?.is_some() {
                    return Err(StoreError::Refused("there is or was a peer of this name"));
                }
                let columns = values![
                    new.name.as_str(),
                    new.state.code(),
                    new.rights.channels.as_ref().map(|names| list(names)),
                    list(&new.rights.applications),
                    list(&new.rights.facilities),
                    list(&new.rights.sources),
                    act.now_us,
                    &*act.actor.id,
                ];
                session.run(INSERT_PEER, columns).await?;
                insert_key(session, &act, &new.name, &new.key).await?;
                let after = find(session, &new.name).await?;
                let entry = Entry::success(&act, target(&new.name), Json::Null, shown(&after));
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }

    /// Changes what a peer may do.
    pub async fn set_peer_rights(
        &self,
        act: &Act,
        name: &Name,
        rights: PeerRights,
    ) -> Result<(), StoreError> {
        self.change_peer(act, name, move |session, act, before| {
            Box::pin(async move {
                let columns = values![
                    before.name.as_str(),
                    rights.channels.as_ref().map(|names| list(names)),
                    list(&rights.applications),
                    list(&rights.facilities),
                    list(&rights.sources),
                    act.now_us,
                    &*act.actor.id,
                ];
                session.run(SET_RIGHTS, columns).await.map(drop)
            })
        })
        .await
    }

    /// Lets a pending peer in.
    pub async fn activate_peer(&self, act: &Act, name: &Name) -> Result<(), StoreError> {
        self.change_peer(act, name, |session, act, before| {
            Box::pin(async move {
                if before.state != PeerState::Pending {
                    return Err(StoreError::Refused("the peer is active already"));
                }
                set_state(session, act, &before.name, PeerState::Active).await
            })
        })
        .await
    }

    /// Lets a peer never in again. Its keys stay its own.
    pub async fn revoke_peer(&self, act: &Act, name: &Name) -> Result<(), StoreError> {
        self.change_peer(act, name, |session, act, before| {
            Box::pin(async move { set_state(session, act, &before.name, PeerState::Revoked).await })
        })
        .await
    }

    /// Gives a peer another key. The one in force is taken until `overlap_until_us`, and what was ending before ends now, so that
    /// there are never more than two.
    pub async fn rotate_peer(
        &self,
        act: &Act,
        name: &Name,
        new: NewPeerKey,
        overlap_until_us: i64,
    ) -> Result<(), StoreError> {
        self.change_peer(act, name, move |session, act, before| {
            Box::pin(async move {
                insert_key(session, act, &before.name, &new).await?;
                for key in before.keys.iter().filter(|key| key.is_in_force(act.now_us)) {
                    let until = if key.until_us.is_some() { act.now_us } else { overlap_until_us };
                    session.run(END_KEY, values![&key.spki[..], until]).await?;
                }
                let columns = values![before.name.as_str(), act.now_us, &*act.actor.id];
                session.run(TOUCH, columns).await.map(drop)
            })
        })
        .await
    }

    /// Changes a peer that is not revoked, and records what it was and what it is.
    async fn change_peer<F>(&self, act: &Act, name: &Name, change: F) -> Result<(), StoreError>
    where
        F: for<'a> FnOnce(&'a mut dyn Backend, &'a Act, &'a Peer) -> crate::sql::Later<'a, ()>
            + Send
            + 'static,
    {
        let (job_act, name) = (act.clone(), name.clone());
        self.act(REGISTRY, act, move |session, parts| {
            Box::pin(async move {
                let before = find(session, &name).await?;
                if before.state == PeerState::Revoked {
                    return Err(StoreError::Refused("the peer is revoked, and stays so"));
                }
                change(session, &job_act, &before).await?;
                let after = find(session, &name).await?;
                let entry = Entry::success(&job_act, target(&name), shown(&before), shown(&after));
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}

async fn find(session: &mut dyn Backend, name: &Name) -> Result<Peer, StoreError> {
    let found = row(session, PEER, values![name.as_str()]).await?;
    let found = found.ok_or(StoreError::NotFound("peer"))?;
    let keys = session.rows(KEYS_OF, values![name.as_str()]).await?;
    let keys = keys.iter().map(|row| key(row).map(|(_, key)| key));
    peer(&found, keys.collect::<Result<_, _>>()?)
}

async fn insert_key(
    session: &mut dyn Backend,
    act: &Act,
    peer: &Name,
    new: &NewPeerKey,
) -> Result<(), StoreError> {
    if row(session, KEY, values![&new.spki[..]]).await?.is_some() {
        return Err(StoreError::Refused("this key is or was known as a peer's already"));
    }
    let columns = values![
        &new.spki[..],
        peer.as_str(),
        new.certificate.clone(),
        None::<i64>,
        act.now_us,
        &*act.actor.id,
    ];
    session.run(INSERT_KEY, columns).await.map(drop)
}

async fn set_state(
    session: &mut dyn Session,
    act: &Act,
    name: &Name,
    state: PeerState,
) -> Result<(), StoreError> {
    let columns = values![name.as_str(), state.code(), act.now_us, &*act.actor.id];
    session.run(SET_STATE, columns).await.map(drop)
}

fn target(name: &Name) -> Target {
    Target { kind: "peer", id: Some(name.to_string()), channel: None }
}

fn peer(row: &Row, keys: Vec<PeerKey>) -> Result<Peer, StoreError> {
    let channels = match row.text_or_none(2)? {
        Some(text) => {
            Some(read_list(text)?.iter().map(|text| name(text)).collect::<Result<_, _>>()?)
        }
        None => None,
    };
    Ok(Peer {
        name: name(row.text(0)?)?,
        state: row.code(1, PeerState::from_code)?,
        rights: PeerRights {
            channels,
            applications: read_list(row.text(3)?)?,
            facilities: read_list(row.text(4)?)?,
            sources: read_list(row.text(5)?)?,
        },
        keys,
        created_us: row.int(6)?,
        created_by: row.text(7)?.to_owned(),
        changed_us: row.int(8)?,
        changed_by: row.text(9)?.to_owned(),
    })
}

/// A key with the name of its peer.
fn key(row: &Row) -> Result<(String, PeerKey), StoreError> {
    let key = PeerKey {
        spki: fingerprint(row.blob(1)?)?,
        certificate: row.blob_or_none(2)?.map(<[u8]>::to_vec),
        until_us: row.int_or_none(3)?,
        created_us: row.int(4)?,
        created_by: row.text(5)?.to_owned(),
    };
    Ok((row.text(0)?.to_owned(), key))
}

fn texts(list: &[impl AsRef<str>]) -> Json {
    Json::List(list.iter().map(|text| Json::text(text.as_ref())).collect())
}

fn list(list: &[impl AsRef<str>]) -> String {
    audit::canonical(&texts(list))
}

fn read_list(text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text)
        .map_err(|_| StoreError::Internal("a list of the registry is damaged".to_owned()))
}

/// What an audit record says of a peer.
fn shown(peer: &Peer) -> Json {
    let keys = peer.keys.iter().map(|key| {
        Json::object([
            ("spki", digits(&key.spki)),
            ("until_us", key.until_us.map_or(Json::Null, Json::Int)),
        ])
    });
    Json::object([
        ("state", Json::text(peer.state.as_str())),
        ("channels", peer.rights.channels.as_ref().map_or(Json::Null, |names| texts(names))),
        ("applications", texts(&peer.rights.applications)),
        ("facilities", texts(&peer.rights.facilities)),
        ("sources", texts(&peer.rights.sources)),
        ("keys", Json::List(keys.collect())),
    ])
}
