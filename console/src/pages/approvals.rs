//! What waits for the agreement of a second person.

use maud::{Markup, html};
use serde_json::Value;

use crate::parts;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Shows them.
pub async fn show(visit: &Visit) -> Outcome {
    let found = visit.ask("/api/v1/approvals", &Value::Null).await?;
    let all = found.list("approvals");
    let open = all.iter().filter(|one| one.text("state") == "open").count();
    let body = html! {
        h1 { "Approvals" }
        @if all.is_empty() { (parts::empty("Nothing waits for agreement.", html! { "What needs a second person asks for it by itself." })) }
        @for one in all { (shown(visit, one)) }
        (parts::command(&["hilum approval list".to_owned(), "hilum approval approve ID".to_owned()], "GET /api/v1/approvals"))
    };
    Ok(Sheet::new(format!("{open} open - Approvals"), body).into())
}

fn shown(visit: &Visit, one: &Value) -> Markup {
    let id = one.text("id");
    html! {
        article.panel aria-labelledby={ "approval-" (id) } {
            h2 #{ "approval-" (id) } { (parts::state(one.text("state"))) " " (one.text("summary")) }
            p.quiet { "asked by " (one.text("requester")) " " (parts::when(visit, one.maybe_int("asked_us"))) ", until " (parts::exact(visit, one.int("until_us"))) " \u{b7} request " code { (id) } }
            @if !one.text("reason").is_empty() { p { "Why: " (one.text("reason")) } }
            @if !one.text("decided_by").is_empty() { p { "decided by " (one.text("decided_by")) " " (parts::when(visit, one.maybe_int("decided_us"))) } }
            @if ["open", "asked", "pending"].contains(&one.text("state")) {
                @if visit.may("approval.decide") {
                    div.verbs {
                        form.row method="post" action="/act" { (parts::asks(visit, "/api/v1/approvals/approve", "/approvals")) (parts::hidden("id", id)) (parts::reason(&format!("agree-{id}"))) button.main { "Agree" } }
                        form.row method="post" action="/act" { (parts::asks(visit, "/api/v1/approvals/refuse", "/approvals")) (parts::hidden("id", id)) (parts::reason(&format!("refuse-{id}"))) button { "Refuse" } }
                    }
                } @else { (parts::lacks("approval.decide")) }
            }
        }
    }
}
