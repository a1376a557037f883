//! Putting files into force: what differs, and why.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::refusal;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Messages that are run again to see what would change.
const COMPARED: usize = 200;

/// Shows the difference and the form.
pub async fn show(visit: &Visit) -> Outcome {
    let one = visit.field("channels");
    let channels: Vec<&str> = Some(one).filter(|one| !one.is_empty()).into_iter().collect();
    let preview = match visit.ask("/api/v1/apply/preview", &json!({ "channels": channels })).await {
        Ok(preview) => preview,
        // Files that cannot be read: the place, and the way on.
        Err(refusal) if refusal.code == "broken" => return Ok(broken(&refusal).into()),
        Err(refusal) => return Err(refusal),
    };
    let changes: Vec<&Value> =
        preview.list("channels").iter().filter(|one| one.text("change") != "unchanged").collect();
    let mut compared = Vec::new();
    for change in changes.iter().filter(|one| visit.field("compare") == one.text("name")) {
        let asked = json!({ "channel": change.text("name"), "count": COMPARED });
        compared.push((change.text("name"), visit.ask("/api/v1/apply/compare", &asked).await?));
    }
    let body = html! {
        h1 { "Apply" }
        @if changes.is_empty() {
            (parts::empty("The files are what runs.", html! { "Change a file in the site's folder, and come back. " a href="/channels" { "Channels" } }))
        } @else {
            @for change in &changes { (shown(change)) }
            @for (name, comparison) in &compared { (difference(name, comparison)) }
            @if visit.may("channel.apply") { (form(visit, &changes)) } @else { (parts::lacks("channel.apply")) }
        }
        (parts::command(&["hilum diff --replay 200".to_owned(), "hilum apply --reason WHY".to_owned()], "POST /api/v1/apply/preview, /api/v1/apply/compare, /api/v1/apply"))
    };
    let title = if changes.is_empty() {
        "Nothing differs - Apply".to_owned()
    } else {
        format!("{} differ - Apply", changes.len())
    };
    Ok(Sheet::new(title, body).into())
}

fn broken(refusal: &console_api::Refusal) -> Sheet {
    let body = html! {
        h1 { "Apply" }
        section.panel.refused role="alert" {
            h2 { (refusal::sentence(&refusal.title)) }
            @if let Some(detail) = &refusal.detail { pre { (detail) } }
            p { "What runs goes on unchanged. Mend the file, then " a href="/apply" { "look again" } "." }
        }
    };
    Sheet::new("Broken - Apply", body)
}

fn shown(change: &Value) -> Markup {
    let name = change.text("name");
    html! {
        section.panel {
            h2 { (name) " " span.quiet { (change.text("change")) } }
            ul { @for part in change.list("parts").iter().filter_map(Value::as_str) { li { (part) } } }
            p { a href={ "/apply?compare=" (name) } { "Run the last " (COMPARED) " messages through it and see what differs" } }
        }
    }
}

fn difference(name: &str, found: &Value) -> Markup {
    html! {
        section.panel {
            h2 { "What it would change for " (name) }
            p { "Of " (found.int("looked")) " messages, " (found.int("differ")) " would leave otherwise." @if found.int("unreadable") > 0 { " " (found.int("unreadable")) " are not there any more." } }
            @for fate in found.list("dispositions") { p { (fate.int("messages")) " would be " strong { (fate.text("is")) } " instead of " (fate.text("was")) } }
            @let fields = found.list("fields");
            @if !fields.is_empty() {
                div.wide tabindex="0" role="region" aria-label="Fields that differ; no value is shown" { table { caption { "Fields that differ; no value is shown" }
                    thead { tr { th scope="col" { "Destination" } th scope="col" { "Field" } th.number scope="col" { "Messages" } } }
                    tbody { @for field in fields { tr { td { (field.text("destination")) } th scope="row" { code { (field.text("path")) } } td.number { (field.int("messages")) } } } }
                } }
            }
        }
    }
}

fn form(visit: &Visit, changes: &[&Value]) -> Markup {
    html! {
        form.panel method="post" action="/act" {
            (parts::asks(visit, "/api/v1/apply", "/apply"))
            fieldset { legend { "Which" }
                @for change in changes { label { input type="checkbox" name="channels" value=(change.text("name")) checked; " " (change.text("name")) } }
            }
            p { (parts::reason("apply-why")) }
            p { label for="approval" { "Agreed request, where a script is new" } input #approval name="approval" autocomplete="off"; }
            p { button.main { "Apply" } }
            p.quiet { "Messages in hand finish on the old revision. Sockets of sources that do not change stay open." }
        }
    }
}
