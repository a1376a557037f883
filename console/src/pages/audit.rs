//! The audit log: who did what, and the proof that nothing of it is missing.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::router::{Outcome, Parts, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Records of a page.
const PAGE: usize = 50;

/// Shows it.
pub async fn show(visit: &Visit) -> Outcome {
    let some =
        |name: &str| Some(visit.field(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let before = visit.field("before").parse::<i64>().ok();
    let asked = json!({ "actor": some("actor"), "action": some("action"), "target": some("target"), "before": before, "limit": PAGE });
    let found = visit.ask("/api/v1/audit/search", &asked).await?;
    let records: Vec<Value> = found
        .list("records")
        .iter()
        .filter_map(|one| serde_json::from_str(one.text("text")).ok())
        .collect();
    let standing = visit.ask_if_allowed("/api/v1/security/audit-log/integrity", &Value::Null).await;
    let body = html! {
        h1 { "Audit" }
        div #integrity data-live { @if let Some(standing) = &standing { (integrity(visit, standing)) } @else { (parts::lacks("audit.verify")) } }
        @if visit.may("audit.verify") {
            form method="post" action="/act" { (parts::asks(visit, "/api/v1/security/audit-log/verify", "/audit")) button.main { "Check the whole log now" } }
        }
        h2 { "Records" }
        form.row method="get" action="/audit" {
            label for="actor" { "Who, as user:\u{2026}" } input #actor name="actor" value=(visit.field("actor"));
            label for="action" { "What, as message.body.read" } input #action name="action" value=(visit.field("action"));
            label for="target" { "On which" } input #target name="target" value=(visit.field("target"));
            button { "Show" }
        }
        @if records.is_empty() { (parts::empty("No record is like that.", html! { a href="/audit" { "Show all" } })) } @else { (table(visit, &records)) }
        @if let Some(next) = found.maybe_int("next") { p { a.main rel="next" href=(older(visit, next)) { "Older" } } }
        (parts::command(&["hilum audit list".to_owned(), "hilum audit verify".to_owned(), "hilum audit export --to FILE".to_owned()], "POST /api/v1/audit/search, GET /api/v1/security/audit-log/integrity"))
    };
    let title = match standing
        .as_ref()
        .and_then(|standing| standing.get("verified"))
        .and_then(Value::as_bool)
    {
        Some(true) => "Whole - Audit",
        Some(false) => "BROKEN - Audit",
        None => "Audit",
    };
    Ok(Sheet::new(title, body).into())
}

/// What is kept up to date.
pub async fn parts(visit: &Visit) -> Parts {
    match visit.ask_if_allowed("/api/v1/security/audit-log/integrity", &Value::Null).await {
        Some(standing) => Ok(vec![("integrity".to_owned(), integrity(visit, &standing))]),
        None => Ok(Vec::new()),
    }
}

fn integrity(visit: &Visit, standing: &Value) -> Markup {
    let running = standing.member("running");
    let newest = ["full", "tail"].map(|name| standing.member(name));
    let newest =
        newest.into_iter().max_by_key(|check| check.int("begun_us")).unwrap_or(&Value::Null);
    html! {
        @match standing.get("verified").and_then(Value::as_bool) {
            Some(true) => { p.outcome.good { (parts::state("verified")) " The log is whole: " (parts::number(newest.int("checked"))) " records checked " (parts::when(visit, newest.maybe_int("begun_us"))) "." } }
            Some(false) => { p.outcome.bad { (parts::state("broken")) " " (newest.member("fault").text("text")) (newest.text("error")) " The runbook in SECURITY.md says what to do." } }
            None => { p.outcome.warn { "It has not been checked since the start." } }
        }
        @for doubt in newest.list("doubts").iter().filter_map(Value::as_str) { p.outcome.warn { (doubt) } }
        @if !running.is_null() {
            progress max=(running.int("total").max(1)) value=(running.int("checked")) aria-label="Records checked" {}
            p { (parts::number(running.int("checked"))) " of " (parts::number(running.int("total"))) " records" }
        }
        @let anchor = standing.member("anchor");
        @if !anchor.text("error").is_empty() { p.outcome.warn { "The anchor: " (anchor.text("error")) } }
    }
}

fn table(visit: &Visit, records: &[Value]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-labelledby="records-caption" {
            table.rows {
                caption #records-caption { "Records, the newest first" }
                thead { tr { th scope="col" { "Number" } th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "On which" } th scope="col" { "Outcome" } th scope="col" { "Why" } } }
                tbody { @for record in records {
                    @let (actor, target) = (record.member("actor"), record.member("target"));
                    tr {
                        th scope="row" { (record.int("seq")) }
                        td { (stamp(visit, record.text("ts"))) }
                        td { @if actor.text("name").is_empty() { (actor.text("id")) } @else { (actor.text("name")) } " " span.quiet { (record.member("src").text("ip")) } }
                        td { code { (record.text("action")) } }
                        td { (target.text("type")) " " (object(target)) @if !target.text("channel").is_empty() { " " span.quiet { (target.text("channel")) } } }
                        td { (parts::state(record.text("outcome"))) " " (record.text("code")) }
                        td { (record.text("purpose")) }
                    }
                } }
            }
        }
    }
}

fn object(target: &Value) -> Markup {
    let id = target.text("id");
    html! { @if target.text("type") == "message" { a href={ "/message?id=" (id) } { (id) } } @else { (id) } }
}

fn stamp(visit: &Visit, text: &str) -> Markup {
    match text.parse::<jiff::Timestamp>() {
        Ok(at) => html! { (parts::exact(visit, at.as_microsecond())) },
        Err(_) => html! { (text) },
    }
}

fn older(visit: &Visit, next: i64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(visit.fields.iter().filter(|(name, _)| name != "before" && name != "said"));
    query.append_pair("before", &next.to_string());
    format!("/audit?{}", query.finish())
}
