//! `hilum audit`: who did what, and the proof of it.

mod archive;
mod export;
mod verify;

use serde_json::{Value, json};

use crate::answer::{list, number, safe, text};
use crate::api::Api;
use crate::args::accounts::{Audit, AuditVerb, ListAudit, Records};
use crate::args::{Format, Query};
use crate::exit::{Failure, Outcome};
use crate::say;
use crate::table::Table;
use crate::verbs::messages::ago;

/// Runs the verb.
pub async fn run(args: Audit) -> Outcome {
    match args.verb {
        AuditVerb::Verify(args) => verify::run(&args).await,
        AuditVerb::Keyring(query) => keyring(&query).await,
        AuditVerb::List(args) => show(&args).await,
        AuditVerb::Export(args) => export::run(&args).await,
        AuditVerb::Archive(args) => archive::run(&args).await,
    }
}

/// One key a line: its number, its public half, the first record that it seals.
async fn keyring(query: &Query) -> Outcome {
    let answer = Api::of(&query.target)?.get("/api/v1/security/audit-log/keyring").await?;
    match query.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => {
            for key in list(&answer, "keys") {
                let (number, first) = (number(key, "number"), number(key, "first_seq"));
                say::data(&format!("{number} {} {first}\n", text(key, "public")));
            }
        }
    }
    Ok(())
}

/// Which records, as the API takes it.
fn filter(records: &Records) -> Result<Value, Failure> {
    let since_us = records.since.as_deref().map(ago).transpose()?;
    Ok(json!({
        "actor": records.actor,
        "action": records.action,
        "target": records.about,
        "since_us": since_us,
    }))
}

async fn show(args: &ListAudit) -> Outcome {
    let mut request = filter(&args.records)?;
    request["limit"] = json!(args.limit);
    let answer = Api::of(&args.target)?.post("/api/v1/audit/search", &request).await?;
    show_records(&answer, args.target.format);
    Ok(())
}

/// Records as a table, or as they were written.
pub fn show_records(answer: &Value, format: Format) {
    let records: Vec<Value> =
        list(answer, "records").iter().filter_map(|row| record(text(row, "text"))).collect();
    if format == Format::Json {
        say::data(&format!("{:#}\n", json!({ "records": records })));
        return;
    }
    let mut table = Table::new(&["#SEQ", "WHEN", "WHO", "DID", "TO", "OUTCOME", "WHY"]);
    for record in &records {
        let [seq, ts, who, action, target, outcome, code] = cells(record);
        let purpose = record.get("purpose").and_then(Value::as_str).unwrap_or("");
        let outcome = if code.is_empty() { outcome } else { format!("{outcome} ({code})") };
        let when = ts.get(..19).unwrap_or(&ts).replace('T', " ");
        table.row(vec![seq, when, who, action, target, outcome, safe(purpose)]);
    }
    say::data(&table.render());
}

fn record(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// Number, time, actor, act, target, outcome and code.
fn cells(record: &Value) -> [String; 7] {
    let actor = record.get("actor").unwrap_or(&Value::Null);
    let who = match text(actor, "name") {
        "" => text(actor, "id"),
        name => name,
    };
    let target = record.get("target").unwrap_or(&Value::Null);
    // A user is called by name where the record says it.
    let named = ["after", "before"].into_iter().filter_map(|part| record.get(part));
    let named = named.map(|said| text(said, "name")).find(|name| !name.is_empty());
    let id = match text(target, "type") {
        "user" => named.unwrap_or(text(target, "id")),
        _ => text(target, "id"),
    };
    let what = [text(target, "type"), id].join(" ");
    [
        number(record, "seq").to_string(),
        text(record, "ts").to_owned(),
        safe(who),
        text(record, "action").to_owned(),
        safe(what.trim()),
        text(record, "outcome").to_owned(),
        safe(text(record, "code")),
    ]
}
