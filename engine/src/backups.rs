//! Backups while the engine runs: by themselves, and when somebody asks.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use config::{Diagnostics, SiteFiles};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use store::{Act, ActOutcome, Actor, ActorKind, BackedUp, BackupError, Target};

use crate::engine::Engine;

/// How often there may be something to do.
const ROUND: Duration = Duration::from_secs(20);
/// After one that failed the next is tried so much later.
const AGAIN: Duration = Duration::from_secs(600);
/// What the files are called.
const PREFIX: &str = "hilum-";
const SUFFIX: &str = ".backup.zst.age";
/// The act of making one.
const CREATED: &str = "backup.created";

/// What is known of backups.
#[derive(Default)]
pub struct Backups {
    /// Held while one is being made.
    one: tokio::sync::Mutex<()>,
    known: Mutex<BackupStanding>,
}

/// What is known of backups without looking again.
#[derive(Clone, Debug, Default)]
pub struct BackupStanding {
    /// When the one that is being made was begun, microseconds UTC.
    pub running_us: Option<i64>,
    /// When the last one was begun, and what came of it.
    pub last: Option<(i64, Result<BackedUp, String>)>,
    /// When the newest one in the folder was made, microseconds UTC.
    pub newest_us: Option<i64>,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupRefused {
    /// Nothing says where to.
    #[error("`[backup]` in server.toml says where backups go, and who can read them")]
    NoPlace,
    /// It failed.
    #[error(transparent)]
    Failed(#[from] BackupError),
}

impl Backups {
    fn known(&self) -> MutexGuard<'_, BackupStanding> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// What is known of backups.
    pub fn backups(&self) -> BackupStanding {
        self.inner.backups.known().clone()
    }

    /// Whether somebody has said where backups go.
    pub fn makes_backups(&self) -> bool {
        self.inner.backup_to.is_some()
    }

    /// Makes a backup. One is made at a time; whoever asks meanwhile waits, and gets one of their own.
    pub async fn back_up(&self, act: &Act) -> Result<BackedUp, BackupRefused> {
        let backups = &self.inner.backups;
        let (folder, recipients) = self.inner.backup_to.as_ref().ok_or(BackupRefused::NoPlace)?;
        let _one = backups.one.lock().await;
        backups.known().running_us = Some(act.now_us);
        forget_halves(folder);
        let file = folder.join(name(act.now_us));
        let url = &self.inner.server.store_url;
        let made = self.store().back_up(act, url, (file, recipients), self.beside()).await;
        let mut known = backups.known();
        known.running_us = None;
        let kept = made.as_ref().map(Clone::clone).map_err(ToString::to_string);
        if kept.is_ok() {
            known.newest_us = Some(act.now_us);
        }
        known.last = Some((act.now_us, kept));
        drop(known);
        let made = made?;
        self.forget_old_backups(folder);
        Ok(made)
    }

    /// The files that belong to the store: the site's, and the key of the audit log's day, which is sealed with the store's key.
    fn beside(&self) -> Vec<(String, Vec<u8>)> {
        let paths = &self.inner.paths;
        let mut unseen = Diagnostics::new();
        let site = SiteFiles::read(&paths.site, &mut unseen);
        let server = site.server.map(|(path, text)| (path, text.into_bytes()));
        let others = [site.vars, site.channels, site.tables].into_iter().flatten();
        let others = others.map(|file| (file.path, file.text.into_bytes()));
        let companions = site.companions.into_iter();
        let companions =
            companions.map(|file| (format!("channels/{}", file.path), file.text.into_bytes()));
        let others = others.chain(companions);
        let mut all: Vec<(String, Vec<u8>)> = server.into_iter().chain(others).collect();
        all.iter_mut().for_each(|(name, _)| name.insert_str(0, "site/"));
        let day_key = "keys/audit/epoch.key";
        if let Ok(bytes) = std::fs::read(paths.data.join(day_key)) {
            all.push((format!("data/{day_key}"), bytes));
        }
        all
    }

    /// Removes the oldest backups, as many as there are too many.
    fn forget_old_backups(&self, folder: &Path) {
        let keep = self.inner.server.backup.as_ref().map_or(usize::MAX, |backup| backup.keep);
        let mut all = files(folder);
        // Their names are their times.
        all.sort();
        for old in all.iter().take(all.len().saturating_sub(keep)) {
            if let Err(error) = std::fs::remove_file(old) {
                tracing::warn!(code = "backup.old", file = %old.display(), %error, "an old backup could not be removed");
            }
        }
    }
}

/// Makes backups until it is dropped, when the site says so.
pub async fn keep_backups(engine: Engine) {
    let Some(settings) = engine.inner.server.backup.clone() else { return };
    let newest = files(&settings.folder).iter().filter_map(|file| made_us(file)).max();
    engine.inner.backups.known().newest_us = newest;
    let every_us = i64::try_from(settings.every.as_micros()).unwrap_or(i64::MAX);
    let mut not_before_us = 0;
    loop {
        tokio::time::sleep(ROUND).await;
        let now_us = engine.now_us();
        let due_us = engine.backups().newest_us.map_or(0, |us| us.saturating_add(every_us));
        if now_us < due_us.max(not_before_us) {
            continue;
        }
        let actor = Actor::new(ActorKind::System, "engine");
        let action = CREATED;
        let act = Act { actor, action, purpose: None, approval: None, request: None, now_us };
        match engine.back_up(&act).await {
            Ok(made) => {
                tracing::info!(code = "backup.created", file = %made.file.display(), rows = made.rows, "a backup was made and read back");
            }
            Err(error) => {
                tracing::error!(code = "backup.failed", %error, "there is no new backup; trying again in ten minutes");
                not_before_us = now_us + i64::try_from(AGAIN.as_micros()).unwrap_or(0);
                let target = Target { kind: "store", id: None, channel: None };
                let recorded = engine.store().record(&act, target, ActOutcome::Failure, None).await;
                if let Err(error) = recorded {
                    tracing::error!(code = "backup.failed", %error, "that could not be recorded");
                }
            }
        }
    }
}

/// `hilum-20261126T233000.123456Z.backup.zst.age`.
fn name(now_us: i64) -> String {
    let at = Timestamp::from_microsecond(now_us).unwrap_or_default().to_zoned(TimeZone::UTC);
    format!("{PREFIX}{}{SUFFIX}", at.strftime("%Y%m%dT%H%M%S.%6fZ"))
}

/// Removes what an engine has left that was killed while it made one: nobody else makes any here.
fn forget_halves(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(PREFIX) && name.ends_with(".backup.zst.age.part") {
            let _gone = std::fs::remove_file(&path);
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let ours = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with(PREFIX) && name.ends_with(SUFFIX)
    };
    paths.filter(ours).collect()
}

fn made_us(file: &Path) -> Option<i64> {
    let made = file.metadata().ok()?.modified().ok()?;
    let since = made.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_micros()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_times() {
        let (one, other) = (name(1_790_000_000_000_001), name(1_790_000_000_000_002));
        assert!(one < other && one.starts_with("hilum-2026") && one.ends_with("Z.backup.zst.age"));
    }
}
