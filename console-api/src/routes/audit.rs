//! Routes of the audit log: reading it, taking it out, and the proof that it is whole.

use auth::grants::{AuditExport, AuditRead, AuditVerify};
use axum::Json;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{AuditFilter, AuditRecord};

use super::table::{Answer, Call, Route};
use crate::service::Service;

/// Records of a page unless asked otherwise, and at most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 1_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/audit/search", "Audit records, the newest first. Recorded.", search),
        Route::post("/api/v1/audit/export", "The same, to be kept elsewhere. Recorded.", export),
        Route::get(
            "/api/v1/security/audit-log/integrity",
            "Checks the whole audit log.",
            integrity,
        ),
    ]
}

/// Which records; `before` is the number of the last one of the page before.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Search {
    actor: Option<String>,
    action: Option<String>,
    target: Option<String>,
    since_us: Option<i64>,
    until_us: Option<i64>,
    before: Option<i64>,
    limit: Option<usize>,
}

impl Search {
    fn read(self) -> (AuditFilter, Option<i64>, usize) {
        let Search { actor, action, target, since_us, until_us, before, limit } = self;
        let filter = AuditFilter { actor, action, target, since_us, until_us };
        (filter, before, limit.unwrap_or(PAGE).clamp(1, PAGE_MAX))
    }
}

async fn search(service: Service, call: Call<AuditRead>, search: Search) -> Answer {
    let (filter, before, limit) = search.read();
    Ok(page(&service.audit_records(&call.permit, &filter, before, limit).await?, limit))
}

async fn export(service: Service, call: Call<AuditExport>, search: Search) -> Answer {
    let (filter, before, limit) = search.read();
    Ok(page(&service.export_audit(&call.permit, &filter, before, limit).await?, limit))
}

fn page(records: &[AuditRecord], limit: usize) -> Json<Value> {
    let shown: Vec<Value> =
        records.iter().map(|record| json!({ "seq": record.seq, "text": record.text })).collect();
    let next = records.last().filter(|_| records.len() == limit).map(|record| record.seq);
    Json(json!({ "records": shown, "next": next }))
}

async fn integrity(service: Service, call: Call<AuditVerify>) -> Answer {
    let report = service.verify_audit(&call.permit).await?;
    let fault = report.fault.as_ref().map(|fault| {
        let (seq, kind) = fault.parts();
        json!({ "kind": kind, "seq": seq, "text": fault.to_string() })
    });
    Ok(Json(json!({
        "verified": report.fault.is_none(),
        "mode": "full",
        "checked": report.checked,
        "fault": fault,
        "restarts": report.restarts,
        "key": report.key,
    })))
}
