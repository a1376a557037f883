//! Routes of the audit log: reading it, taking it out, and the proof that it is whole.

use auth::grants::{AuditExport, AuditRead, AuditVerify, RetentionManage};
use axum::Json;
use engine::AuditDue;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{AuditFilter, AuditKey, AuditRecord, AuditSegment, Exported};
use uuid::Uuid;

use super::table::{Answer, Call, Route};
use crate::json;
use crate::problem::Problem;
use crate::service::{Service, Why};

/// Records of a page unless asked otherwise, and at most.
const PAGE: usize = 50;
const PAGE_MAX: usize = 1_000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/audit/search", "Audit records, the newest first. Recorded.", search),
        Route::post_fresh(
            "/api/v1/audit/export",
            "Begins an export with a checkpoint behind it: everything before `size` can be taken out. Recorded.",
            export,
        ),
        Route::post(
            "/api/v1/audit/export/part",
            "Records with their seals and the checkpoints over them, in their order.",
            part,
        ),
        Route::post(
            "/api/v1/audit/export/end",
            "Records what was taken out, and gives a signed manifest of it.",
            end,
        ),
        Route::get(
            "/api/v1/security/audit-log/integrity",
            "What the checks of the audit log have found, and how far the one is that is being made.",
            integrity,
        ),
        Route::post(
            "/api/v1/security/audit-log/verify",
            "Asks for a check of the whole audit log; `integrity` says what it finds. Recorded.",
            verify,
        ),
        Route::get(
            "/api/v1/security/audit-log/due",
            "The records of the audit log whose years are over, and where they would go.",
            due,
        ),
        Route::post_fresh(
            "/api/v1/security/audit-log/archive",
            "Takes them out, month by month, each into a file that was read back and checked.",
            archive,
        ),
        Route::get(
            "/api/v1/security/audit-log/keyring",
            "The public halves of the keys that seal the audit log.",
            keyring,
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

async fn search(service: Service, call: Call<AuditRead>, search: Search) -> Answer {
    let Search { actor, action, target, since_us, until_us, before, limit } = search;
    let filter = AuditFilter { actor, action, target, since_us, until_us };
    let limit = limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let records = service.audit_records(&call.permit, &filter, before, limit).await?;
    let record = |record: &AuditRecord| json!({ "seq": record.seq, "text": record.text });
    let next = records.last().filter(|_| records.len() == limit).map(|record| record.seq);
    Ok(Json(json!({ "records": records.iter().map(record).collect::<Vec<_>>(), "next": next })))
}

/// Nothing.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

async fn export(service: Service, call: Call<AuditExport>, _: Nothing) -> Answer {
    let (id, edge) = service.begin_audit_export(&call.permit).await?;
    let from = edge
        .from
        .as_ref()
        .map(|start| json!({ "first": start.first, "chain": start.chain, "tree": start.tree }));
    Ok(Json(
        json!({ "export": id, "log": edge.log, "size": edge.size, "keys": keys(&edge.keys), "from": from }),
    ))
}

/// Which records of an export: those after a number.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    export: String,
    actor: Option<String>,
    action: Option<String>,
    target: Option<String>,
    since_us: Option<i64>,
    until_us: Option<i64>,
    after: Option<i64>,
    limit: Option<usize>,
}

async fn part(service: Service, call: Call<AuditExport>, part: Part) -> Answer {
    let Part { export, actor, action, target, since_us, until_us, after, limit } = part;
    let filter = AuditFilter { actor, action, target, since_us, until_us };
    let limit = limit.unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let of = (begun(&export)?, &filter);
    let part = service.audit_part(&call.permit, of, after.unwrap_or(-1).max(-1), limit).await?;
    let next = part.records.last().filter(|_| part.records.len() == limit);
    let next = next.map(|record| record.seq);
    let records = part.records.iter().map(|record| {
        json!({ "seq": record.seq, "text": record.text, "seal": record.seal, "epoch": record.epoch })
    });
    let records: Vec<Value> = records.collect();
    Ok(Json(json!({ "records": records, "checkpoints": part.checkpoints, "next": next })))
}

fn begun(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::absent("export"))
}

/// What was taken out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    export: String,
    form: String,
    first: Option<i64>,
    last: Option<i64>,
    count: i64,
    sha256: String,
}

/// The forms in which records are taken out.
const FORMS: [&str; 5] = ["ndjson", "json", "csv", "capsule", "bundle"];

async fn end(service: Service, call: Call<AuditExport>, end: End) -> Answer {
    let End { export, form, first, last, count, sha256 } = end;
    if !FORMS.contains(&form.as_str()) {
        return Err(Problem::invalid(format!("`form` is one of {}", FORMS.join(", "))));
    }
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if sha256.len() != 64 || !is_hex(&sha256) || count < 0 {
        return Err(Problem::invalid(
            "`sha256` is 64 hexadecimal digits, and `count` a number of records",
        ));
    }
    let file = Exported { form, first, last, count, sha256 };
    let manifest = service.end_audit_export(&call.permit, begun(&export)?, file).await?;
    Ok(Json(
        json!({ "manifest": manifest.text, "signature": manifest.signature, "key": manifest.key }),
    ))
}

async fn verify(service: Service, call: Call<AuditVerify>, _: Nothing) -> Answer {
    Ok(Json(json!({ "asked_us": service.check_audit(&call.permit) })))
}

async fn due(service: Service, call: Call<RetentionManage>) -> Answer {
    let AuditDue { years, records, due, until_us, folder, needs_a_person } =
        service.audit_due(&call.permit).await?;
    Ok(Json(json!({
        "years": years,
        "records": records,
        "until_us": until_us,
        "due": due.as_ref().map(segment),
        "folder": folder.map(|folder| folder.display().to_string()),
        "needs_a_person": needs_a_person,
    })))
}

fn segment(segment: &AuditSegment) -> Value {
    json!({ "first": segment.first, "next": segment.next })
}

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    reason: Option<String>,
}

async fn archive(service: Service, call: Call<RetentionManage>, asked: Archive) -> Answer {
    let why = Why::because(asked.reason);
    let archived = service.archive_audit(&call.permit, &why).await?;
    let archived = archived.iter().map(|one| {
        json!({
            "segment": segment(&one.segment),
            "file": one.file.display().to_string(),
            "sha256": one.sha256,
        })
    });
    Ok(Json(json!({ "archived": archived.collect::<Vec<_>>() })))
}

async fn keyring(service: Service, call: Call<AuditVerify>) -> Answer {
    Ok(Json(json!({ "keys": keys(&service.audit_keys(&call.permit).await?) })))
}

fn keys(keys: &[AuditKey]) -> Vec<Value> {
    let key = |key: &AuditKey| json!({ "number": key.number, "public": key.public, "first_seq": key.first_seq });
    keys.iter().map(key).collect()
}

async fn integrity(service: Service, call: Call<AuditVerify>) -> Answer {
    Ok(Json(json::audit_standing(&service.audit_standing(&call.permit))))
}
