//! Code tables: what each says, and what was looked up in it in vain.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Rows that are shown as a grid.
const ROWS: usize = 500;

/// The tables; or one of them.
pub async fn show(visit: &Visit) -> Outcome {
    let name = visit.field("name");
    if !name.is_empty() {
        return one(visit, name).await;
    }
    let found = visit.ask("/api/v1/tables", &Value::Null).await?;
    let tables = found.list("tables");
    let body = html! {
        h1 { "Code tables" }
        @if tables.is_empty() {
            (parts::empty("The site has no code table.", html! { "A file in the folder " code { "tables" } " with the columns " code { "from,to,note" } " is one; the step " code { "map" } " looks values up in it." }))
        } @else {
            div.wide tabindex="0" role="region" aria-labelledby="tables-caption" {
                table.rows {
                    caption #tables-caption { "Tables by name" }
                    thead { tr { th scope="col" { "Table" } th.number scope="col" { "Rows" } th scope="col" { "Used by" } th.number scope="col" { "Not found" } } }
                    tbody { @for table in tables { tr {
                        th scope="row" { a.open href={ "/tables?name=" (table.text("name")) } { (table.text("name")) } }
                        td.number { (parts::number(table.int("rows"))) }
                        td { (uses(table)) }
                        td.number { (parts::number(misses(table))) }
                    } } }
                }
            }
        }
        (parts::command(&["hilum status".to_owned(), "hilum apply --reason WHY".to_owned()], "GET /api/v1/tables"))
    };
    Ok(Sheet::new("Code tables", body).into())
}

fn misses(table: &Value) -> i64 {
    table.list("used_by").iter().map(|one| one.int("misses")).sum()
}

fn uses(table: &Value) -> Markup {
    html! { @for one in table.list("used_by") {
        a href={ "/channel?name=" (one.text("channel")) } { (one.text("channel")) }
        @if !one.flag("runs_this_text") { " " span.state.warn { span aria-hidden="true" { "\u{25b2} " } "runs an older text" } }
        " "
    } }
}

async fn one(visit: &Visit, name: &str) -> Outcome {
    let table = visit.ask("/api/v1/tables/file", &json!({ "table": name })).await?;
    let text = table.text("text");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split(',').map(|cell| cell.trim_matches('"')).collect())
        .collect();
    let older = table.list("used_by").iter().any(|one| !one.flag("runs_this_text"));
    let body = html! {
        p { a href="/tables" { "Code tables" } }
        h1 { (name) }
        p { "Used by: " (uses(&table)) }
        @if misses(&table) > 0 { p.outcome.warn { (parts::number(misses(&table))) " values were looked up here and not found since the channels were applied. Steps of a message show which; add them below." } }
        @if older { p.outcome.warn { "What runs is an older text. " a href="/apply" { "See what differs, and apply" } } }
        div.wide tabindex="0" role="region" aria-labelledby="grid-caption" {
            table.rows {
                caption #grid-caption { "The first " (ROWS) " rows at most" }
                @if let Some(heading) = rows.first() { thead { tr { @for cell in heading { th scope="col" { (cell) } } } } }
                tbody { @for row in rows.iter().skip(1).take(ROWS) { tr { @for (at, cell) in row.iter().enumerate() { @if at == 0 { th scope="row" { code { (cell) } } } @else { td { (cell) } } } } } }
            }
        }
        @if !visit.may("channel.apply") { (parts::lacks("channel.apply")) }
        @else if !table.flag("edits") { p.quiet { "This site takes no edits from pages: " code { "edits = \"files\"" } " under " code { "[api]" } " in server.toml allows them." } }
        @else { (editor(visit, name, &table)) }
        (parts::command(&[format!("$EDITOR tables/{name}.csv"), "hilum check".to_owned()], "POST /api/v1/tables/file, /api/v1/tables/edit"))
    };
    Ok(Sheet::new(format!("{name} - Code tables"), body).into())
}

fn editor(visit: &Visit, name: &str, table: &Value) -> Markup {
    html! {
        details.act { summary { "Edit\u{2026}" }
            form.panel method="post" action="/act" {
                (parts::asks(visit, "/api/v1/tables/edit", &format!("/tables?name={name}"))) (parts::hidden("table", name)) (parts::hidden("expected_hash", table.text("hash")))
                label for="csv" { "The file, " code { "from,to,note" } }
                textarea #csv name="text" rows="16" spellcheck="false" wrap="off" { (table.text("text")) }
                p { label for="csv-file" { "or take another file" } " " input #csv-file type="file" accept=".csv" data-into="csv"; }
                p { (parts::reason("table-why")) }
                p { button.main { "Write it" } }
            }
        }
    }
}
