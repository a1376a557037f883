//! The store key while the engine runs: changed without a stop, and copied for those who keep it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use config::{Diagnostics, KeySource, Server, SiteFiles};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{Act, Actor, ActorKind, Recipients, RotateError, Rotated, RotationPlan, SealedColumn};

use crate::engine::Engine;

/// How often it is looked whether something is to be sealed anew.
const ROUND: Duration = Duration::from_secs(2);
/// For each moment that the writer spends on it, it has so many for everybody else.
const PAUSES: u32 = 3;

/// Seals anew what data keys have sealed that somebody may have, until it is dropped.
pub async fn keep_reseals(engine: Engine) {
    loop {
        match engine.store().reseal(engine.now_us()).await {
            Ok(Some(took)) => tokio::time::sleep(took * PAUSES).await,
            Ok(None) => tokio::time::sleep(ROUND).await,
            Err(error) => {
                tracing::error!(code = "key.reencrypt", %error, "what a data key has sealed is not sealed anew yet; trying again");
                tokio::time::sleep(ROUND).await;
            }
        }
    }
}

/// What is known of the store key without looking again.
#[derive(Default)]
pub struct KeyJobs {
    known: Mutex<KeyWork>,
}

/// Work on keys that was begun, and what came of it.
#[derive(Clone, Debug, Default)]
pub struct KeyWork {
    /// When the change of the key that is being made was begun, microseconds UTC.
    pub rotating_us: Option<i64>,
    /// The last change of this process, and what came of it.
    pub rotated: Option<(i64, Result<Rotated, String>)>,
    /// When the count that is being made was begun, and how many values it has seen.
    pub counting: Option<(i64, i64)>,
    /// The last count, and what it found.
    pub counted: Option<(i64, Result<Vec<SealedColumn>, String>)>,
}

/// Why the key is not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyRefused {
    /// Nothing says where the new key comes from.
    #[error("`next_key` under `[store]` in server.toml says where the new key comes from")]
    NoNext,
    /// Nobody would have a copy.
    #[error("`[backup]` in server.toml says who keeps a copy of both keys, and where it goes")]
    NoKeepers,
    /// The file cannot be read.
    #[error("server.toml cannot be used; `hilum check` says why")]
    Unusable,
    /// It failed.
    #[error(transparent)]
    Rotate(#[from] RotateError),
}

impl KeyJobs {
    fn known(&self) -> MutexGuard<'_, KeyWork> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Work on keys that was begun, and what came of it.
    pub fn key_work(&self) -> KeyWork {
        self.inner.key_jobs.known().clone()
    }

    /// Where the new key comes from, as server.toml says now.
    fn next_key(&self) -> Result<KeySource, KeyRefused> {
        let mut unseen = Diagnostics::new();
        let files = SiteFiles::read(&self.inner.paths.site, &mut unseen);
        let server = Server::read(&files, &self.inner.paths, &mut unseen);
        server.ok_or(KeyRefused::Unusable)?.next_store_key.ok_or(KeyRefused::NoNext)
    }

    /// What a change of the key would do, and where the copy of both keys would go. Nothing is changed.
    pub async fn plan_rotation(&self) -> Result<(RotationPlan, KeySource, PathBuf), KeyRefused> {
        let source = self.next_key()?;
        let (file, _) = self.key_file(self.now_us())?;
        let plan = self.store().plan_rotation(&source).await?;
        Ok((plan, source, file))
    }

    fn key_file(&self, now_us: i64) -> Result<(PathBuf, Recipients), KeyRefused> {
        let (folder, recipients) = self.inner.backup_to.as_ref().ok_or(KeyRefused::NoKeepers)?;
        let at = Timestamp::from_microsecond(now_us).unwrap_or_default().to_zoned(TimeZone::UTC);
        let name = format!("hilum-keys-{}.zst.age", at.strftime("%Y%m%dT%H%M%S.%6fZ"));
        Ok((folder.join(name), recipients.clone()))
    }

    /// Changes the key. What comes of it is in [`Engine::key_work`].
    pub async fn rotate_key(&self, act: &Act) -> Result<Rotated, KeyRefused> {
        let source = self.next_key()?;
        let (file, recipients) = self.key_file(act.now_us)?;
        self.inner.key_jobs.known().rotating_us = Some(act.now_us);
        let rotated = self.store().rotate_key(act, &source, (file, &recipients)).await;
        self.remember(act.now_us, &rotated);
        Ok(rotated?)
    }

    fn remember(&self, begun_us: i64, rotated: &Result<Rotated, RotateError>) {
        let kept = match rotated {
            Ok(rotated) => Ok(rotated.clone()),
            Err(error) => Err(error.to_string()),
        };
        let mut known = self.inner.key_jobs.known();
        known.rotating_us = None;
        known.rotated = Some((begun_us, kept));
    }

    /// Goes on with a change of the key that was under way when the process before this one ended.
    pub(crate) fn resume_rotation(&self) {
        let Some(source) = self.inner.server.next_store_key.clone() else { return };
        let (engine, now_us) = (self.clone(), self.now_us());
        let actor = Actor::new(ActorKind::System, "engine");
        let action = "key.rotated";
        let act = Act { actor, action, purpose: None, approval: None, request: None, now_us };
        let task = tokio::spawn(async move {
            match engine.store().resume_rotation(&act, &source).await {
                Ok(Some(rotated)) => {
                    tracing::info!(code = "key.rotated", from = %rotated.from, to = %rotated.to, keys = rotated.keys, "the change of the store key is done: name the new one as `key` in server.toml");
                    engine.remember(now_us, &Ok(rotated));
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(code = "key.rotation", %error, "the change of the store key is not done; the next start goes on with it");
                }
            }
        });
        self.tasks().push(task);
    }

    /// Looks at what is sealed and what is not. What comes of it is in [`Engine::key_work`].
    pub async fn count_sealed(&self, begun_us: i64) {
        self.inner.key_jobs.known().counting = Some((begun_us, 0));
        let inner = Arc::clone(&self.inner);
        let counted = self
            .store()
            .count_sealed(move |values| inner.key_jobs.known().counting = Some((begun_us, values)))
            .await;
        let mut known = self.inner.key_jobs.known();
        known.counting = None;
        known.counted = Some((begun_us, counted.map_err(|error| error.to_string())));
    }
}
