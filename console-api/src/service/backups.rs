//! Services of backups.

use auth::{Permit, grants};
use engine::BackupStanding;

use super::{Service, Why};
use crate::problem::Problem;

impl Service {
    /// Begins a backup; gives when, by which it is known. What comes of it is in [`Service::backups`].
    pub fn begin_backup(
        &self,
        permit: &Permit<grants::BackupCreate>,
        why: &Why,
    ) -> Result<i64, Problem> {
        if !self.engine.makes_backups() {
            return Err(Problem::conflict(
                "no_backups",
                "`[backup]` in server.toml says where backups go, and who can read them",
            ));
        }
        let act = self.act(permit, "backup.created", why);
        let (engine, begun_us) = (self.engine.clone(), act.now_us);
        tokio::spawn(async move {
            if let Err(error) = engine.back_up(&act).await {
                tracing::error!(code = "backup.failed", %error, "there is no new backup");
            }
        });
        Ok(begun_us)
    }

    /// What is known of backups.
    pub fn backups(&self, _permit: &Permit<grants::BackupCreate>) -> BackupStanding {
        self.engine.backups()
    }
}
