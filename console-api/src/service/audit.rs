//! Services of the audit log. Nobody reads a record before the record of that is on disk.

use auth::{Permit, grants};
use engine::{AuditDue, RetentionError};
use store::{
    AUDIT_ARCHIVED, ActOutcome, ArchiveError, AuditArchived, AuditEdge, AuditFilter, AuditKey,
    AuditPart, AuditRecord, AuditStanding, Exported, Manifest, Target,
};

use uuid::Uuid;

use super::{Service, Why, reason_needed};
use crate::problem::Problem;

impl Service {
    /// Records, the newest first.
    pub async fn audit_records(
        &self,
        permit: &Permit<grants::AuditRead>,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, Problem> {
        let store = self.engine.store();
        // One record for a walk through the log, not one for each of its pages.
        if before.is_none() {
            let act = self.act(permit, "audit.read", &Why::default());
            let target = Target { kind: "audit-log", id: None, channel: None };
            store.record(&act, target, ActOutcome::Success, None).await?;
        }
        Ok(store.audit_records(filter, before, limit).await?)
    }

    /// Begins to take records out, to be kept elsewhere; gives the export and what it can hold.
    pub async fn begin_audit_export(
        &self,
        permit: &Permit<grants::AuditExport>,
    ) -> Result<(Uuid, AuditEdge), Problem> {
        let act = self.act(permit, "audit.export", &Why::default());
        let edge = self.engine.store().begin_audit_export(&act).await?;
        Ok((self.exports.begin(&act.actor.id, edge.size, act.now_us)?, edge))
    }

    /// Records in their order, of an export that its own actor has begun.
    pub async fn audit_part(
        &self,
        permit: &Permit<grants::AuditExport>,
        (export, filter): (Uuid, &AuditFilter),
        after: i64,
        limit: usize,
    ) -> Result<AuditPart, Problem> {
        let size = self.exports.size(export, &permit.actor().id, self.now_us())?;
        Ok(self.engine.store().audit_part(filter, (after, size), limit).await?)
    }

    /// Records what was taken out, and signs that.
    pub async fn end_audit_export(
        &self,
        permit: &Permit<grants::AuditExport>,
        export: Uuid,
        file: Exported,
    ) -> Result<Manifest, Problem> {
        self.exports.end(export, &permit.actor().id, self.now_us())?;
        let act = self.act(permit, "audit.exported", &Why::default());
        Ok(self.engine.store().end_audit_export(&act, file).await?)
    }

    /// Asks for a check of the whole audit log; gives when the check was asked for that will answer this.
    pub fn check_audit(&self, permit: &Permit<grants::AuditVerify>) -> i64 {
        let act = self.act(permit, "audit.verified", &Why::default());
        let store = self.engine.store().clone();
        let (asked_us, is_ours) = store.ask_for_audit_check(act.now_us);
        if is_ours {
            tokio::spawn(async move {
                if let Err(error) = store.check_audit(&act, true).await {
                    tracing::error!(code = "audit.verify", %error, "the audit log could not be checked");
                }
            });
        }
        asked_us
    }

    /// What of the audit log is over.
    pub async fn audit_due(
        &self,
        _permit: &Permit<grants::RetentionManage>,
    ) -> Result<AuditDue, Problem> {
        Ok(self.engine.audit_due().await?)
    }

    /// Takes out of the audit log what is over.
    pub async fn archive_audit(
        &self,
        permit: &Permit<grants::RetentionManage>,
        why: &Why,
    ) -> Result<Vec<AuditArchived>, Problem> {
        let act = self.act(permit, AUDIT_ARCHIVED, &reason_needed(why)?);
        self.engine.archive_audit(&act, true).await.map_err(|error| match error {
            RetentionError::Archive(ArchiveError::Store(error)) => error.into(),
            refused => Problem::conflict("not_archived", refused.to_string()),
        })
    }

    /// What is known about the integrity of the audit log.
    pub fn audit_standing(&self, _permit: &Permit<grants::AuditVerify>) -> AuditStanding {
        self.engine.store().audit_standing()
    }

    /// The public halves of the keys that seal the audit log.
    pub async fn audit_keys(
        &self,
        _permit: &Permit<grants::AuditVerify>,
    ) -> Result<Vec<AuditKey>, Problem> {
        Ok(self.engine.store().audit_keys().await?)
    }
}
