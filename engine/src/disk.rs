//! Watches the space left where the store lives.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;

/// How often the space is looked at.
const EVERY: Duration = Duration::from_secs(1);
const RESERVE_MIN: u64 = 256 << 20;
const RESERVE_MAX: u64 = 4 << 30;

/// The state of the disk that status shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that the engine may still write.
    pub free: u64,
    /// Bytes kept free; below them the sources pause. Settles and audit may use the lower half.
    pub reserve: u64,
}

impl Disk {
    /// Whether the reserve is reached.
    pub fn is_low(&self) -> bool {
        self.free < self.reserve
    }
}

/// Looks at the file system of a folder; the reserve is 5 % of it, at least 256 MiB and at most
/// 4 GiB (decisions.md 8), unless the site sets it.
pub fn look(folder: &Path, reserve: Option<u64>) -> std::io::Result<Disk> {
    let fs = rustix::fs::statvfs(folder)?;
    let size = fs.f_blocks.saturating_mul(fs.f_frsize);
    let free = fs.f_bavail.saturating_mul(fs.f_frsize);
    Ok(Disk {
        free,
        reserve: reserve.unwrap_or_else(|| (size / 20).clamp(RESERVE_MIN, RESERVE_MAX)),
    })
}

/// Looks again and again and tells whoever listens, as long as anybody does.
pub async fn watch(folder: PathBuf, reserve: Option<u64>, state: watch::Sender<Disk>) {
    while !state.is_closed() {
        match look(&folder, reserve) {
            Ok(disk) => {
                let was_low = state.borrow().is_low();
                if disk.is_low() != was_low {
                    tell(&disk);
                }
                state.send_if_modified(|now| std::mem::replace(now, disk) != disk);
            }
            Err(error) => tracing::warn!(error = %error, "cannot see how much disk is left"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Says how the disk is, for whoever has to act.
pub fn tell(disk: &Disk) {
    let (free_mib, reserve_mib) = (disk.free >> 20, disk.reserve >> 20);
    if disk.is_low() {
        tracing::error!(
            code = "disk.low",
            free_mib,
            reserve_mib,
            "disk reserve reached: sources pause"
        );
    } else {
        tracing::info!(
            code = "disk.ok",
            free_mib,
            reserve_mib,
            "disk has space again: sources read"
        );
    }
}
