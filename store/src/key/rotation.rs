//! Changing the store key while messages flow: every data key is wrapped anew, a few at a time between groups; no message is touched.
//!
//! What is to be done is written down before the first row is changed, so that a process that is killed goes on with it at its next start.
//! Until the end both keys open the store, and the one before only unwraps (security.md 2.2).

use std::path::PathBuf;
use std::sync::PoisonError;

use config::KeySource;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::agree::Held;
use super::{KekId, KeyState, StoreKey, find, make, put_down};
use crate::archive::{Recipients, Writing};
use crate::audit::{self, Act, Entry, Json, Target, hex};
use crate::backend::Done;
use crate::error::{OpenError, StoreError};
use crate::open::{drop_fact, set_fact};
use crate::read::key_row;
use crate::seal::{KeyRow, OnTheWay, Wrapping};
use crate::sql::{statements, values};
use crate::store::Store;

/// Data keys of one transaction.
const BATCH: usize = 500;

statements! {
    LEFT = "select count(*) from data_keys where kek_id = $1 and destroyed_us = 9223372036854775807";
    SLICE = "select id, purpose, channel, day, kek_id, wrapped, commitment from data_keys
        where kek_id = $1 and destroyed_us = 9223372036854775807 order by n limit 500";
    /// One that was destroyed meanwhile stays so.
    REWRAP = "update data_keys set kek_id = $3, wrapped = $4 where id = $1 and kek_id = $2 and destroyed_us = 9223372036854775807";
    NEXT = "select value from meta where name = 'kek_next'";
}

/// What a change of the key would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationPlan {
    /// The key in force.
    pub from: String,
    /// The new one; none when it is yet to be made.
    pub to: Option<String>,
    /// Data keys that would be wrapped anew.
    pub keys: i64,
}

/// A change of the key that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The key before.
    pub from: String,
    /// The key in force.
    pub to: String,
    /// Data keys that were wrapped anew, by this process.
    pub keys: i64,
    /// The file that holds both keys for those who keep them; none when this goes on with what another process began.
    pub backup: Option<PathBuf>,
}

/// Why the key is still the one before.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The new key cannot be read or made.
    #[error(transparent)]
    Key(#[from] OpenError),
    /// It is the key in force.
    #[error("that is the key in force")]
    Same,
    /// Another change is not done yet.
    #[error("another change of the key is under way")]
    UnderWay,
    /// The copy for those who keep the keys cannot be written and read back.
    #[error("`{}` cannot be written: {error}", file.display())]
    Backup {
        /// Which file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The store cannot do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    pub(crate) fn held_key(&self) -> Held {
        self.inner.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key in force, read again from where it is kept.
    pub(super) async fn key_in_force(&self) -> Result<StoreKey, OpenError> {
        let Held { kek, source } = self.held_key();
        match find(&source).await? {
            KeyState::Found(key) if key.id() == kek => Ok(key),
            KeyState::Found(key) => {
                Err(OpenError::KeyWrong { expected: kek.to_string(), found: key.id().to_string() })
            }
            KeyState::Missing => Err(OpenError::KeyMissing {
                source_name: source.to_string(),
                expected: kek.to_string(),
            }),
        }
    }

    /// What a change to the key of a source would do. Nothing is changed.
    pub async fn plan_rotation(&self, source: &KeySource) -> Result<RotationPlan, RotateError> {
        let from = self.held_key().kek;
        let to = match find(source).await? {
            KeyState::Found(key) if key.id() == from => return Err(RotateError::Same),
            KeyState::Found(key) => Some(key.id().to_string()),
            KeyState::Missing => None,
        };
        if self.next_key().await?.is_some() {
            return Err(RotateError::UnderWay);
        }
        Ok(RotationPlan { from: from.to_string(), to, keys: self.wrapped_by(from).await? })
    }

    /// Changes the store key to that of a source, which is made there when the source is a file that is not there yet.
    ///
    /// Both keys are first written to a file for those who keep them, and read back.
    ///
    /// # Errors
    /// Before the first data key is wrapped anew: then nothing has changed. Later a next start goes on with it.
    pub async fn rotate_key(
        &self,
        act: &Act,
        source: &KeySource,
        (file, recipients): (PathBuf, &Recipients),
    ) -> Result<Rotated, RotateError> {
        let one = self.inner.rotating.try_lock();
        let _one = one.map_err(|_| RotateError::UnderWay)?;
        let plan = self.plan_rotation(source).await?;
        let before = self.key_in_force().await?;
        let next = match find(source).await? {
            KeyState::Found(key) => key,
            KeyState::Missing => make(source)?,
        };
        let sha256 = self.keep_both((&before, &next), (file.clone(), recipients)).await?;
        let to = Held { kek: next.id(), source: source.clone() };
        let after = Json::object([
            ("from", Json::text(plan.from)),
            ("to", Json::text(to.kek.to_string())),
            ("keys", Json::Int(plan.keys)),
            ("source", Json::text(to.source.to_string())),
            ("backup", Json::text(file.display().to_string())),
            ("sha256", Json::text(sha256)),
        ]);
        self.note(act, "key.rotation", after, {
            let id = to.kek.0.to_vec();
            move |facts| facts.push(("kek_next", Some(id)))
        })
        .await?;
        let on_the_way = self.inner.ring.change_to(Wrapping::new(&next))?;
        let keys = self.finish_rotation(act, before.id(), to.clone(), on_the_way).await?;
        let (from, to) = (before.id().to_string(), to.kek.to_string());
        Ok(Rotated { from, to, keys, backup: Some(file) })
    }

    /// Goes on with a change of the key that another process of this store has begun, when there is one.
    ///
    /// `source`: where the key is that was opened with as the next one.
    pub async fn resume_rotation(
        &self,
        act: &Act,
        source: &KeySource,
    ) -> Result<Option<Rotated>, RotateError> {
        let _one = self.inner.rotating.lock().await;
        let Some(kek) = self.next_key().await? else { return Ok(None) };
        let to = Held { kek, source: source.clone() };
        let from = self.held_key().kek;
        let keys = self.finish_rotation(act, from, to.clone(), OnTheWay::default()).await?;
        Ok(Some(Rotated { from: from.to_string(), to: to.kek.to_string(), keys, backup: None }))
    }

    /// The key that is to take the place of the one in force.
    pub(crate) async fn next_key(&self) -> Result<Option<KekId>, StoreError> {
        let Some(row) = self.inner.reader.row(NEXT, values![]).await? else { return Ok(None) };
        let odd = |_| StoreError::Internal("the id of a store key has an odd length".to_owned());
        Ok(Some(KekId(row.blob(0)?.try_into().map_err(odd)?)))
    }

    /// Data keys that a store key wraps.
    pub(crate) async fn wrapped_by(&self, kek: KekId) -> Result<i64, StoreError> {
        let row = self.inner.reader.row(LEFT, values![&kek.0[..]]).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    /// Writes both keys to a file that only those who keep them can open; gives its SHA-256.
    async fn keep_both(
        &self,
        (before, next): (&StoreKey, &StoreKey),
        (file, recipients): (PathBuf, &Recipients),
    ) -> Result<String, RotateError> {
        let failed = |error| RotateError::Backup { file: file.clone(), error };
        let mut text = Zeroizing::new(String::from("store keys of Hilum, the newest last\n"));
        for key in [before, next] {
            text.push_str(&format!("{} {}", key.id(), &*key.to_text()));
        }
        let writing = Writing::begin(file.clone(), recipients.clone());
        writing.put(text.as_bytes().to_vec()).await;
        let written = writing.end().await.map_err(failed)?;
        let mut again = Zeroizing::new(String::new());
        std::io::Read::read_to_string(&mut written.read().map_err(failed)?, &mut again)
            .map_err(failed)?;
        if *again != *text {
            return Err(failed(std::io::Error::other("something else was read back")));
        }
        let sha256 = hex(&written.sha256());
        written.keep().map_err(failed)?;
        Ok(sha256)
    }

    async fn finish_rotation(
        &self,
        act: &Act,
        from: KekId,
        to: Held,
        on_the_way: OnTheWay,
    ) -> Result<i64, StoreError> {
        let mut keys = self.rewrap_all(from, to.kek).await?;
        // Everybody who seals now has the new one; whoever held the row of a fresh key of before puts it down.
        put_down(&on_the_way).await?;
        self.flush().await;
        keys += self.rewrap_all(from, to.kek).await?;
        let after = Json::object([
            ("from", Json::text(from.to_string())),
            ("to", Json::text(to.kek.to_string())),
            ("keys", Json::Int(keys)),
        ]);
        if self.wrapped_by(from).await? > 0 {
            return Err(StoreError::Internal("a data key needs the key before".to_owned()));
        }
        let id = to.kek.0.to_vec();
        self.note(act, "key.rotated", after, move |facts| {
            facts.push(("kek_id", Some(id)));
            facts.push(("kek_next", None));
        })
        .await?;
        self.inner.ring.changed();
        *self.inner.key.lock().unwrap_or_else(PoisonError::into_inner) = to;
        Ok(keys)
    }

    async fn rewrap_all(&self, from: KekId, to: KekId) -> Result<i64, StoreError> {
        let mut keys = 0;
        loop {
            let done = self.rewrap_some(from, to).await?;
            keys += i64::try_from(done).unwrap_or(0);
            if done < BATCH {
                return Ok(keys);
            }
        }
    }

    async fn rewrap_some(&self, from: KekId, to: KekId) -> Result<usize, StoreError> {
        let ring = std::sync::Arc::clone(&self.inner.ring);
        let desk = self.inner.desks.first().ok_or(StoreError::Closed)?;
        desk.run(move |session| {
            Box::pin(async move {
                let rows = session.rows(SLICE, values![&from.0[..]]).await?;
                let rows: Vec<KeyRow> = rows.iter().map(key_row).collect::<Result<_, _>>()?;
                session.erase(true).await?;
                for again in ring.rewrap(&rows)? {
                    if again.kek_id != to {
                        return Err(StoreError::Internal("another key wraps".to_owned()));
                    }
                    let columns =
                        values![&again.id[..], &from.0[..], &again.kek_id.0[..], again.wrapped];
                    session.run(REWRAP, columns).await?;
                }
                session.erase(false).await?;
                Ok(Done::new(rows.len()))
            })
        })
        .await
    }

    /// Ends when everything that was put before is written.
    async fn flush(&self) {
        for desk in &self.inner.desks {
            let (flushed, done) = oneshot::channel();
            desk.flush(flushed);
            // A writer that has ended has nothing left to write.
            let _ended = done.await;
        }
    }

    /// Changes facts of the store with a record, in one transaction.
    pub(super) async fn note<F>(
        &self,
        act: &Act,
        action: &'static str,
        after: Json,
        facts: F,
    ) -> Result<(), StoreError>
    where
        F: FnOnce(&mut Vec<(&'static str, Option<Vec<u8>>)>),
    {
        let mut changes = Vec::new();
        facts(&mut changes);
        let act = Act { action, ..act.clone() };
        let target = Target { kind: "store-key", id: None, channel: None };
        let entry = Entry::success(&act, target, Json::Null, after);
        self.act(0, &act, move |session, parts| {
            Box::pin(async move {
                for (name, value) in changes {
                    match value {
                        Some(value) => set_fact(session, name, &value).await?,
                        None => drop_fact(session, name).await?,
                    }
                }
                audit::append(session, &parts.recorder, &entry).await?;
                Ok(Done::new(()))
            })
        })
        .await
    }
}
