//! What a page says when the API has refused: a sentence, and what to do next.

use console_api::{Refusal, roles_with};
use maud::{Markup, html};

use crate::visit::Visit;

/// The refusal as a part of a page. It always ends with a next step.
pub fn panel(visit: &Visit, refusal: &Refusal) -> Markup {
    html! {
        section.panel.refused role="alert" {
            h2 { (sentence(&refusal.title)) }
            @if let Some(detail) = &refusal.detail { pre.said { (detail) } }
            @if let Some(hint) = &refusal.hint { p { (sentence(hint)) } }
            p { (next_step(visit, refusal)) }
        }
    }
}

/// With a capital letter and a full stop.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let begin: String =
        letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?', ')']) { "" } else { "." };
    format!("{begin}{}{end}", letters.as_str())
}

fn next_step(visit: &Visit, refusal: &Refusal) -> Markup {
    let missing = refusal.title.split('`').nth(1).filter(|_| refusal.code == "denied");
    if let Some(permission) = missing {
        return html! { "Roles that hold it: " (roles_with(permission).join(", ")) ". Whoever manages roles can give you one: " a href="/account" { "what you may do now" } "." };
    }
    match refusal.code.as_str() {
        "unauthenticated" => html! { a href="/sign-in" { "Sign in" } "." },
        "second_factor_needed" => html! { a href="/account" { "Add a second factor" } "." },
        "not_found" => {
            html! { "It may be out of what you may see, or gone. " a href="/messages" { "Search for it" } ", or go back to the " a href="/" { "overview" } "." }
        }
        "approval_needed" => {
            html! { "See " a href="/approvals" { "what waits for agreement" } "." }
        }
        "store" | "audit_unavailable" => {
            html! { "Look at " a href="/system" { "the system page" } ", then try again." }
        }
        _ => {
            html! { a href=(visit.back()) { "Go back" } ", or to the " a href="/" { "overview" } "." }
        }
    }
}
