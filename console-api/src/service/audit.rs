//! Services of the audit log. Nobody reads a record before the record of that is on disk.

use auth::{Grant, Permit, grants};
use store::{ActOutcome, AuditFilter, AuditRecord, AuditReport, Target};

use super::{Service, Why};
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
        self.read_audit(permit, "audit.read", filter, (before, limit)).await
    }

    /// The same, to be kept elsewhere.
    pub async fn export_audit(
        &self,
        permit: &Permit<grants::AuditExport>,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditRecord>, Problem> {
        self.read_audit(permit, "audit.export", filter, (before, limit)).await
    }

    async fn read_audit<G: Grant>(
        &self,
        permit: &Permit<G>,
        action: &'static str,
        filter: &AuditFilter,
        (before, limit): (Option<i64>, usize),
    ) -> Result<Vec<AuditRecord>, Problem> {
        let store = self.engine.store();
        // One record for a walk through the log, not one for each of its pages.
        if before.is_none() {
            let act = self.act(permit, action, &Why::default());
            let target = Target { kind: "audit-log", id: None, channel: None };
            store.record(&act, target, ActOutcome::Success, None).await?;
        }
        Ok(store.audit_records(filter, before, limit).await?)
    }

    /// Checks the whole audit log.
    pub async fn verify_audit(
        &self,
        _permit: &Permit<grants::AuditVerify>,
    ) -> Result<AuditReport, Problem> {
        Ok(self.engine.store().verify_audit().await?)
    }
}
