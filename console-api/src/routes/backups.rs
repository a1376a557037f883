//! Routes of backups.

use auth::grants::BackupCreate;
use axum::Json;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::table::{Answer, Call, Route};
use crate::service::{Service, Why};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/backups",
            "The backup that is being made, what came of the last one, and when the newest was made.",
            backups,
        ),
        Route::post("/api/v1/backups/create", "Begins a backup. Recorded.", create),
    ]
}

async fn backups(service: Service, call: Call<BackupCreate>) -> Answer {
    let known = service.backups(&call.permit);
    let last = known.last.as_ref().map(|(begun_us, outcome)| {
        let made = outcome.as_ref().ok();
        json!({
            "begun_us": begun_us,
            "error": outcome.as_ref().err(),
            "file": made.map(|made| made.file.display().to_string()),
            "sha256": made.map(|made| &made.sha256),
            "rows": made.map(|made| made.rows),
            "audit": made.map(|made| made.audit),
        })
    });
    Ok(Json(json!({
        "running_us": known.running_us,
        "last": last,
        "newest_us": known.newest_us,
    })))
}

/// Why.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Create {
    reason: Option<String>,
}

async fn create(service: Service, call: Call<BackupCreate>, asked: Create) -> Answer {
    let begun_us = service.begin_backup(&call.permit, &Why::because(asked.reason))?;
    Ok(Json(json!({ "begun_us": begun_us })))
}
