//! The audit log's integrity in words of JSON.

use serde_json::{Value, json};
use store::{AuditCheck, AuditReport, AuditStanding};

/// What is known about the integrity of the log.
pub fn audit_standing(standing: &AuditStanding) -> Value {
    let AuditStanding { running, full, tail, anchor, anchored } = standing;
    let newest = [full, tail].into_iter().flatten().max_by_key(|check| check.begun_us);
    let whole = |check: &AuditCheck| check.outcome.as_ref().is_ok_and(AuditReport::is_whole);
    let size = anchored.as_ref().and_then(|anchored| anchored.as_ref().ok());
    let error = anchored.as_ref().and_then(|anchored| anchored.as_ref().err());
    json!({
        "verified": newest.map(whole),
        "running": running.as_ref().map(|running| json!({
            "begun_us": running.begun_us, "checked": running.checked, "total": running.total,
        })),
        "full": full.as_ref().map(check),
        "tail": tail.as_ref().map(check),
        "anchor": { "name": anchor, "size": size, "error": error },
    })
}

fn check(check: &AuditCheck) -> Value {
    let mut shown = match &check.outcome {
        Ok(report) => audit_report(report),
        Err(error) => json!({ "error": error }),
    };
    shown["begun_us"] = json!(check.begun_us);
    shown
}

/// What a walk along the log has found.
pub fn audit_report(report: &AuditReport) -> Value {
    let fault = report.fault.as_ref().map(|fault| {
        let (seq, kind) = fault.parts();
        json!({ "kind": kind, "seq": seq, "text": fault.to_string() })
    });
    let anchors = report.anchors.iter().map(|anchor| {
        json!({ "name": anchor.name, "checkpoints": anchor.checkpoints, "size": anchor.size })
    });
    json!({
        "whole": report.is_whole(),
        "first": report.first,
        "checked": report.checked,
        "fault": fault,
        "doubts": report.doubts,
        "key": report.key,
        "size": report.size,
        "root": report.root_digits(),
        "checkpoints": report.checkpoints,
        "anchors": anchors.collect::<Vec<_>>(),
        "history": report.history.map(|history| json!({
            "messages": history.messages, "attempts": history.attempts,
        })),
    })
}
