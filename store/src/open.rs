//! Opens a store: key first, then schema, then everything that works on it. Until all checks have passed nothing is written.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use config::{KeySource, StoreUrl};
use tokio::sync::watch;
use uuid::Uuid;

use crate::audit::{self, Act, Actor, ActorKind, Entry, Json, Recorder, Target};
use crate::backend::Backend;
use crate::channels::Channels;
use crate::error::{OpenError, StoreError};
use crate::key::{self, KekId};
use crate::migrate::{self, Stored};
use crate::read::{Pool, Reader, key_row};
use crate::seal::{DataKey, KeyRing, Purpose, Wrapping, Wrappings};
use crate::seats::Seats;
use crate::sql::{Session, row, statements, values};
use crate::store::{Store, Time};
use crate::token::{TokenKeys, Tokens};
use crate::writer::{Share, Writer};

statements! {
    DROP_FACT = "delete from meta where name = $1";
    SET_FACT = "insert into meta (name, value) values ($1, $2) on conflict (name) do update set value = excluded.value";
    FACT = "select value from meta where name = $1";
    LONG_KEYS = "select id, purpose, channel, day, kek_id, wrapped, commitment from data_keys where channel = 0 order by purpose";
}

/// The kinds of key that a store has one of.
const LONG_LIVED: [Purpose; 7] = [
    Purpose::Lane,
    Purpose::Duplicate,
    Purpose::Digest,
    Purpose::Signature,
    Purpose::Index,
    Purpose::Secret,
    Purpose::Auth,
];

/// What a store is opened with.
pub struct Options<'a> {
    /// Where it is.
    pub url: &'a StoreUrl,
    /// Where its key is.
    pub key: &'a KeySource,
    /// Where the key is that is to take its place, or has.
    pub next_key: Option<&'a KeySource>,
    /// The data folder, which must belong to this user alone.
    pub data_dir: &'a Path,
    /// The file to which the checkpoints of the audit log are appended; `anchors/checkpoints.log` in the data folder when it is left out.
    pub anchor: Option<&'a Path>,
    /// The name of this engine among others.
    pub node: &'a str,
    /// The version of this program.
    pub version: &'a str,
}

/// An open store and what there is to say about it.
pub struct Opened {
    /// The store.
    pub store: Store,
    /// It was made just now.
    pub created: bool,
    /// Whoever had it open before closed it; otherwise what was being sent then is in doubt.
    pub clean: bool,
    /// Its key was made just now, here: without it nothing in the store can be read, so a copy belongs somewhere else.
    pub key_made: Option<String>,
    /// The key lies in the data folder: whoever copies the data copies its key.
    pub key_beside_data: bool,
    /// The key was changed: it is the one that was to take its place.
    pub key_moved: bool,
}

/// A database that has been looked at, not changed.
enum Found {
    Sqlite { place: crate::sqlite::Place, lock: crate::sqlite::StoreLock },
    Postgres(Box<crate::postgres::Place>),
}

impl Store {
    /// Opens the store, making it when there is none.
    pub async fn open(options: Options<'_>, now_us: i64) -> Result<Opened, OpenError> {
        prepare_folder(options.data_dir)?;
        let (found, stored) = look(options.url).await?;
        migrate::check(stored.as_ref())?;
        let agreed = key::agree(options.key, options.next_key, stored.as_ref()).await?;
        let wrappings = agreed.wrappings();
        let (mut backends, pool) = connect(found).await?;
        let Some(first) = backends.first_mut() else {
            return Err(OpenError::Unreachable("no connection".to_owned()));
        };
        let started =
            start(&mut **first, &options, (&wrappings, agreed.kek()), stored.as_ref(), now_us)
                .await?;
        let ring = Arc::new(KeyRing::new(wrappings));
        let reader = Reader::new(pool, Arc::clone(&ring));
        let channels = Arc::new(Channels::default());
        let (failed, failing) = watch::channel(false);
        let seats = Arc::new(Seats::new(backends.len()));
        let commits = Arc::new(crate::figures::Commits::of(backends.len()));
        let mut desks = Vec::with_capacity(backends.len());
        for (writer, backend) in backends.into_iter().enumerate() {
            let share = Share { writer, seats: Arc::clone(&seats), commits: Arc::clone(&commits) };
            let (writing, desk) =
                Writer::new(backend, Arc::clone(&channels), failed.clone(), (now_us, share));
            tokio::spawn(writing.run());
            desks.push(desk);
        }
        let store = Store::new(crate::store::Parts {
            desks,
            commits,
            seats,
            channels,
            reader,
            ring,
            tokens: started.tokens,
            secrets: started.secrets,
            auth: started.auth,
            key: std::sync::Mutex::new(agreed.held()),
            rotating: tokio::sync::Mutex::default(),
            recorder: started.recorder,
            standing: audit::Standing::default(),
            failing,
            node: options.node.to_owned(),
            version: options.version.to_owned(),
            time: Time::new(now_us),
        });
        Ok(Opened {
            store,
            created: stored.is_none(),
            clean: started.clean,
            key_made: agreed.made.then(|| options.key.to_string()),
            key_beside_data: options.key.lies_in(options.data_dir),
            key_moved: agreed.moved,
        })
    }
}

/// The data folder belongs to this user alone.
fn prepare_folder(folder: &Path) -> Result<(), OpenError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| {
        OpenError::Unreachable(format!("{}: {}", folder.display(), error.kind()))
    })?;
    key::check_folder(folder)?;
    ["keys/audit/epoch.key", "keys/audit/epoch.next"]
        .iter()
        .try_for_each(|name| key::check_key(&folder.join(name)))
}

async fn look(url: &StoreUrl) -> Result<(Found, Option<Stored>), OpenError> {
    match url {
        StoreUrl::Sqlite(file) => {
            let lock = crate::sqlite::StoreLock::take(file)?;
            let place = crate::sqlite::Place { file: file.clone() };
            let stored = crate::sqlite::stored(&place).await?;
            Ok((Found::Sqlite { place, lock }, stored))
        }
        StoreUrl::Postgres { url, password } => {
            let (place, stored) = crate::postgres::look(url, password.as_ref()).await?;
            Ok((Found::Postgres(Box::new(place)), stored))
        }
    }
}

async fn connect(found: Found) -> Result<(Vec<Box<dyn Backend>>, Pool), OpenError> {
    match found {
        Found::Sqlite { place, lock } => {
            let writer = crate::sqlite::open_writer(&place, lock).await?;
            let readers = crate::sqlite::open_readers(&place).await?;
            Ok((vec![Box::new(writer)], Pool::Sqlite(readers)))
        }
        Found::Postgres(place) => {
            let writers = crate::postgres::open_writers(&place).await?;
            let readers = crate::postgres::open_readers(&place).await?;
            let writers =
                writers.into_iter().map(|writer| Box::new(writer) as Box<dyn Backend>).collect();
            Ok((writers, Pool::Postgres(readers)))
        }
    }
}

struct Started {
    recorder: Recorder,
    tokens: Tokens,
    secrets: DataKey,
    auth: DataKey,
    clean: bool,
}

/// Migrates, makes what a new store begins with, and notes that it is open: one transaction.
async fn start(
    backend: &mut dyn Backend,
    options: &Options<'_>,
    (wrappings, kek): (&Wrappings, KekId),
    stored: Option<&Stored>,
    now_us: i64,
) -> Result<Started, OpenError> {
    backend.begin().await.map_err(unopened)?;
    let done = async {
        migrate::migrate(backend, stored.map_or(0, |stored| stored.schema), now_us).await?;
        match stored {
            None => found_store(backend, wrappings.now(), kek, now_us).await?,
            Some(stored) => {
                let later = [(migrate::SECRETS, Purpose::Secret), (migrate::AUTH, Purpose::Auth)];
                for (_, purpose) in later.into_iter().filter(|(first, _)| stored.schema < *first) {
                    make_key(backend, wrappings.now(), purpose, now_us).await?;
                }
            }
        }
        let clean = fact(backend, "clean").await?.is_none_or(|value| value == b"1");
        set_fact(backend, "clean", b"0").await?;
        let log_id = fact(backend, "log_id").await?.and_then(|id| Uuid::from_slice(&id).ok());
        let log_id =
            log_id.ok_or_else(|| StoreError::Internal("the store has no log id".to_owned()))?;
        let LongLived { tokens, secrets, auth } = long_lived(backend, wrappings).await?;
        let place = (options.data_dir, &secrets, log_id);
        let (sealer, begun) = audit::Sealer::open(backend, place, now_us).await?;
        audit::grow_tree(backend).await?;
        let anchor = options
            .anchor
            .map_or_else(|| options.data_dir.join("anchors/checkpoints.log"), Path::to_owned);
        let node = options.node.to_owned();
        let recorder = Recorder::new(log_id, node, sealer, audit::Anchor::new(anchor));
        if let Some(begun) = begun {
            let action = if stored.is_none() { "store.created" } else { begun.action() };
            record_key(backend, &recorder, (options, kek), (action, now_us)).await?;
        }
        Ok(Started { recorder, tokens, secrets, auth, clean })
    };
    match done.await {
        Ok(started) => {
            backend.commit().await.map_err(unopened)?;
            started.recorder.sealer.settle();
            Ok(started)
        }
        Err(error) => {
            backend.rollback().await.map_err(unopened)?;
            Err(unopened(error))
        }
    }
}

fn unopened(error: StoreError) -> OpenError {
    match error {
        StoreError::Internal(text) => OpenError::Damaged(text),
        StoreError::Unreadable(_) => {
            OpenError::Damaged("a key of the store does not unwrap".to_owned())
        }
        other => OpenError::Unreachable(other.to_string()),
    }
}

/// What a new store begins with: its facts, its long-lived keys, and an empty audit log.
async fn found_store(
    backend: &mut dyn Backend,
    wrapping: &Wrapping,
    kek: KekId,
    now_us: i64,
) -> Result<(), StoreError> {
    let log_id = Uuid::new_v4();
    set_fact(backend, "log_id", log_id.as_bytes()).await?;
    set_fact(backend, "kek_id", &kek.0).await?;
    set_fact(backend, "clean", b"1").await?;
    for purpose in LONG_LIVED {
        make_key(backend, wrapping, purpose, now_us).await?;
    }
    audit::begin(backend, log_id).await
}

/// The record that names the key by which it and those after it are sealed; of a new store it is the first one.
async fn record_key(
    backend: &mut dyn Backend,
    recorder: &Recorder,
    (options, kek): (&Options<'_>, KekId),
    (action, now_us): (&'static str, i64),
) -> Result<(), StoreError> {
    let actor = Actor::new(ActorKind::System, "engine");
    let act = Act { actor, action, purpose: None, approval: None, request: None, now_us };
    let id = Some(recorder.log_id.to_string());
    let target = Target { kind: "store", id, channel: None };
    let public = recorder.sealer.newest().unwrap_or_default();
    let after = Json::object([
        ("kek", Json::text(kek.to_string())),
        ("schema", Json::Int(migrate::KNOWN)),
        ("version", Json::text(options.version)),
        ("seal_key", Json::text(audit::hex(&public))),
    ]);
    audit::append(backend, recorder, &Entry::success(&act, target, Json::Null, after)).await
}

async fn make_key(
    session: &mut dyn Session,
    wrapping: &Wrapping,
    purpose: Purpose,
    now_us: i64,
) -> Result<(), StoreError> {
    let (_, key) = wrapping.make_bytes(purpose).map_err(|_| StoreError::Unreadable("a key"))?;
    crate::store::insert_key(session, &key, now_us).await
}

/// The keys that the store has one of.
struct LongLived {
    tokens: Tokens,
    secrets: DataKey,
    auth: DataKey,
}

async fn long_lived(
    session: &mut dyn Session,
    wrappings: &Wrappings,
) -> Result<LongLived, StoreError> {
    let mut found = std::collections::HashMap::new();
    let (mut secrets, mut auth) = (None, None);
    for row in session.rows(LONG_KEYS, values![]).await? {
        let key = key_row(&row)?;
        match key.purpose {
            Purpose::Secret => secrets = wrappings.unwrap(&key).ok(),
            Purpose::Auth => auth = wrappings.unwrap(&key).ok(),
            _ => {}
        }
        let bytes = wrappings.unwrap_bytes(&key).map_err(|_| StoreError::Unreadable("a key"))?;
        found.insert(key.purpose, bytes);
    }
    let key = |purpose: Purpose| {
        found.get(&purpose).map(|bytes| &**bytes).ok_or(StoreError::Unreadable("a key"))
    };
    let tokens = Tokens::new(&TokenKeys {
        lane: key(Purpose::Lane)?,
        duplicate: key(Purpose::Duplicate)?,
        digest: key(Purpose::Digest)?,
        signature: key(Purpose::Signature)?,
        index: key(Purpose::Index)?,
    })?;
    let missing = || StoreError::Unreadable("a key");
    Ok(LongLived { tokens, secrets: secrets.ok_or_else(missing)?, auth: auth.ok_or_else(missing)? })
}

pub(crate) async fn fact(
    session: &mut dyn Session,
    name: &'static str,
) -> Result<Option<Vec<u8>>, StoreError> {
    match row(session, FACT, values![name]).await? {
        Some(row) => row.blob(0).map(|value| Some(value.to_vec())),
        None => Ok(None),
    }
}

pub(crate) async fn set_fact(
    session: &mut dyn Session,
    name: &'static str,
    value: &[u8],
) -> Result<(), StoreError> {
    session.run(SET_FACT, values![name, value]).await.map(drop)
}

pub(crate) async fn drop_fact(
    session: &mut dyn Session,
    name: &'static str,
) -> Result<(), StoreError> {
    session.run(DROP_FACT, values![name]).await.map(drop)
}
