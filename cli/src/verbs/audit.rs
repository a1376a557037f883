//! `hilum audit`: who did what, and the proof of it.

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::Query;
use crate::args::accounts::{Audit, AuditVerb, ExportAs, ExportAudit, ListAudit, Records};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::Table;
use crate::verbs::messages::ago;

/// Records that are asked for at once.
const PAGE: usize = 1_000;

/// Runs the verb.
pub async fn run(args: Audit) -> Outcome {
    match args.verb {
        AuditVerb::Verify(query) => verify(&query).await,
        AuditVerb::List(args) => show(&args).await,
        AuditVerb::Export(args) => export(&args).await,
    }
}

async fn verify(query: &Query) -> Outcome {
    let answer = Api::of(&query.target)?.get("/api/v1/security/audit-log/integrity").await?;
    let checked = number(&answer, "checked");
    if query.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
    }
    if let Some(fault) = answer.get("fault").filter(|fault| !fault.is_null()) {
        let sentence = format!("{}; the {checked} records before are whole", text(fault, "text"));
        return Err(Failure::new(Code::Problems, sentence));
    }
    let restarts: Vec<String> = list(&answer, "restarts").iter().map(ToString::to_string).collect();
    if !restarts.is_empty() {
        let sentence = format!(
            "{checked} records are as they were written, but from {} on another key seals, for the one before was lost: nothing proves that they follow what came before",
            restarts.join(", ")
        );
        return Err(Failure::new(Code::Undecided, sentence));
    }
    if query.target.format == Format::Text {
        let key = text(&answer, "key");
        say::data(&format!(
            "whole: {checked} records, every one as it was written; sealed by key {key}\n"
        ));
    }
    Ok(())
}

fn request(records: &Records, before: Option<i64>, limit: usize) -> Result<Value, Failure> {
    let since_us = records.since.as_deref().map(ago).transpose()?;
    Ok(json!({
        "actor": records.actor,
        "action": records.action,
        "target": records.about,
        "since_us": since_us,
        "before": before,
        "limit": limit,
    }))
}

async fn show(args: &ListAudit) -> Outcome {
    let request = request(&args.records, None, args.limit)?;
    let answer = Api::of(&args.target)?.post("/api/v1/audit/search", &request).await?;
    let records: Vec<Value> = list(&answer, "records").iter().filter_map(record).collect();
    if args.target.format == Format::Json {
        say::data(&format!("{:#}\n", json!({ "records": records })));
        return Ok(());
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
    Ok(())
}

async fn export(args: &ExportAudit) -> Outcome {
    let api = Api::of(&args.target)?;
    let mut before = None;
    let mut first = true;
    if args.form == ExportAs::Csv {
        say::data("seq,ts,actor,action,target,outcome,code\r\n");
    }
    loop {
        let request = request(&args.records, before, PAGE)?;
        let answer = api.post("/api/v1/audit/export", &request).await?;
        for row in list(&answer, "records") {
            match (args.form, record(row)) {
                (ExportAs::Ndjson, _) => say::data(&format!("{}\n", text(row, "text"))),
                (ExportAs::Json, _) => {
                    say::data(&format!("{}{}", if first { "[" } else { ",\n" }, text(row, "text")));
                }
                (ExportAs::Csv, Some(record)) => {
                    let cells: Vec<String> =
                        cells(&record).iter().map(|cell| quoted(cell)).collect();
                    say::data(&format!("{}\r\n", cells.join(",")));
                }
                (ExportAs::Csv, None) => {}
            }
            first = false;
        }
        before = maybe(&answer, "next");
        if before.is_none() {
            break;
        }
    }
    if args.form == ExportAs::Json {
        say::data(if first { "[]\n" } else { "]\n" });
    }
    Ok(())
}

fn record(row: &Value) -> Option<Value> {
    serde_json::from_str(text(row, "text")).ok()
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

/// A cell that no spreadsheet takes for a formula.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        assert_eq!(quoted("=cmd()"), "\"'=cmd()\"");
        assert_eq!(quoted("-1"), "\"'-1\"");
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }
}
