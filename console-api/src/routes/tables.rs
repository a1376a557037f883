//! Routes of code tables.

use auth::grants::{ChannelApply, ChannelRead};
use axum::Json;
use engine::TableText;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::name;
use super::table::{Answer, Call, Route};
use crate::problem::Problem;
use crate::service::{Service, Why};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(
            "/api/v1/tables",
            "The code tables of the site, which channels run with each, and how many values each has not found in it.",
            list,
        ),
        Route::post("/api/v1/tables/file", "What the file of a code table says.", file),
        Route::post(
            "/api/v1/tables/edit",
            "Writes a code table's file, where the site allows it (`edits`), after a check. Recorded; what runs stays as it is until the channels that use it are applied. For whoever may apply every channel.",
            edit,
        ),
    ]
}

fn shown(table: &TableText) -> Value {
    let uses = table.used_by.iter().map(|(channel, same, misses)| {
        json!({ "channel": channel.as_str(), "runs_this_text": same, "misses": misses })
    });
    json!({
        "name": table.name.as_str(),
        "hash": table.hash,
        "rows": table.text.lines().skip(1).filter(|line| !line.trim().is_empty()).count(),
        "used_by": uses.collect::<Vec<_>>(),
    })
}

async fn list(service: Service, call: Call<ChannelRead>) -> Answer {
    let tables = service.tables(&call.permit);
    Ok(Json(json!({ "tables": tables.iter().map(shown).collect::<Vec<_>>() })))
}

/// Which table.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    table: String,
}

async fn file(service: Service, call: Call<ChannelRead>, which: Which) -> Answer {
    let table = name(&which.table, "table")?;
    let tables = service.tables(&call.permit);
    let found = tables.iter().find(|one| one.name == table);
    let found = found.ok_or_else(|| Problem::absent("table"))?;
    let mut answer = shown(found);
    answer["text"] = json!(found.text);
    answer["edits"] = json!(service.allows_edits());
    Ok(Json(answer))
}

/// What a table's file is to say; `expected_hash` is that of the text it was made from, none for a new file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    table: String,
    text: String,
    expected_hash: Option<String>,
    reason: Option<String>,
}

async fn edit(service: Service, call: Call<ChannelApply>, edit: Edit) -> Answer {
    let table = name(&edit.table, "table")?;
    let (expected, why) = (edit.expected_hash.as_deref(), Why::because(edit.reason));
    let text = edit.text.replace("\r\n", "\n");
    let edited = service.edit_table(&call.permit, (&table, &text), expected, &why);
    Ok(Json(json!({ "table": table.as_str(), "hash": edited.await? })))
}
