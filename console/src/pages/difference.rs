//! What differs between two bodies, by path.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::value::Get;
use crate::visit::Visit;

/// Shows it: what was received against what was sent, or against another message.
pub async fn show(visit: &Visit, detail: &Value) -> Result<Markup, console_api::Refusal> {
    let id = detail.text("id");
    let other = visit.field("other").trim();
    let destinations: Vec<&str> =
        detail.list("deliveries").iter().map(|one| one.text("destination")).collect();
    let chosen = Some(visit.field("destination"))
        .filter(|name| !name.is_empty())
        .or(destinations.first().copied());
    let right = match (other.is_empty(), chosen) {
        (false, _) => Some(json!({ "id": other })),
        (true, Some(name)) => Some(json!({ "id": id, "destination": name })),
        (true, None) => None,
    };
    let found = match &right {
        Some(right) => Some(
            visit
                .ask(
                    "/api/v1/messages/difference",
                    &json!({ "left": { "id": id }, "right": right }),
                )
                .await?,
        ),
        None => None,
    };
    Ok(html! {
        form.row method="get" action="/message" {
            (parts::hidden("id", id)) (parts::hidden("tab", "diff"))
            @if !destinations.is_empty() {
                label for="against" { "What was received, against what was sent to" }
                select #against name="destination" { @for name in &destinations { option value=(name) selected[chosen == Some(*name)] { (name) } } }
            }
            label for="other" { "or against the message with the id" } input #other name="other" value=(other);
            button { "Compare" }
        }
        @match &found {
            None => { (parts::empty("There is nothing to compare it with.", html! { "Give the id of another message." })) }
            Some(found) if found.list("changes").is_empty() && found.list("differences").is_empty() => { p.outcome.good { "The two are the same." } }
            Some(found) => { (table(visit, found)) }
        }
    })
}

/// A difference in a line: where, what it was, what it is.
pub fn table(visit: &Visit, found: &Value) -> Markup {
    let all = if found.list("changes").is_empty() {
        found.list("differences")
    } else {
        found.list("changes")
    };
    html! {
        div.wide tabindex="0" role="region" aria-label="What differs" {
            table.rows { caption { "By path" }
                thead { tr { th scope="col" { "Field" } th scope="col" { "How" } th scope="col" { "Was" } th scope="col" { "Is" } } }
                tbody { @for one in all { tr {
                    th scope="row" { code { (one.text("path")) } " " span.quiet { (one.text("title")) } }
                    td { (one.text("kind")) }
                    td { del { (parts::covered(visit, one.text("before"))) } }
                    td { ins { (parts::covered(visit, one.text("after"))) } }
                } } }
            }
        }
    }
}
