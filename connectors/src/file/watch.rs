//! Hearing of changes to a folder, where the system tells of them.

use std::path::Path;
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Wakes whoever waits when something comes into the folder. Looking from time to time remains necessary: network file systems tell nothing.
pub(super) struct FolderWatch {
    changed: Arc<Notify>,
    _watcher: Option<RecommendedWatcher>,
}

impl FolderWatch {
    pub(super) fn of(folder: &Path) -> FolderWatch {
        let changed = Arc::new(Notify::new());
        let tell = Arc::clone(&changed);
        let begin = || {
            let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
                if event.is_ok_and(|event| brings_something(&event.kind)) {
                    tell.notify_one();
                }
            })?;
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
            notify::Result::Ok(watcher)
        };
        let watcher = begin();
        if let Err(error) = &watcher {
            tracing::debug!(folder = %folder.display(), error = %error, "file.not_watched");
        }
        FolderWatch { changed, _watcher: watcher.ok() }
    }

    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

fn brings_something(kind: &EventKind) -> bool {
    match kind {
        EventKind::Modify(ModifyKind::Name(mode)) => *mode != RenameMode::From,
        EventKind::Access(access) => *access == AccessKind::Close(AccessMode::Write),
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => true,
        EventKind::Remove(_) => false,
    }
}
