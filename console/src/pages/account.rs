//! One's own account: what one may do, the second factor, the password, the sessions.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::pages::setup::second_factor;
use crate::parts;
use crate::refusal::sentence;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Shows it.
pub async fn show(visit: &Visit) -> Outcome {
    let sessions = match visit.me.must_enrol {
        true => Value::Null,
        false => visit.ask("/api/v1/me/sessions", &json!({})).await.unwrap_or_default(),
    };
    let adding = visit.me.must_enrol || visit.field("add") == "factor";
    let body = html! {
        h1 { (visit.me.name) }
        @if visit.me.must_enrol { p.outcome.warn { "Your role needs a second factor. Add one; until then nothing else is open to you." } }
        @if let Some(until) = visit.me.until_us { p.quiet { "This session ends at the latest " (parts::exact(visit, until)) ", and after half an hour without a page." } }
        @if adding { (enrolment(visit).await?) } @else { p { a href="/account?add=factor" { "Put another second factor in place of the one you have" } } }
        (password(visit))
        @if !visit.me.must_enrol { (held(visit)) (own_sessions(visit, &sessions)) }
        (parts::command(&["hilum whoami".to_owned(), "hilum password".to_owned(), "hilum second-factor".to_owned()], "POST /api/v1/me"))
    };
    Ok(Sheet::new("Account", body).into())
}

async fn enrolment(visit: &Visit) -> Result<Markup, console_api::Refusal> {
    let begun = match visit.ask("/api/v1/me/second-factor/begin", &json!({})).await {
        Ok(begun) => begun,
        Err(refusal) => return Ok(html! { p.outcome.bad { (sentence(&refusal.title)) } }),
    };
    Ok(html! {
        h2 { "Second factor" }
        form.panel.narrow method="post" action="/act" {
            (parts::asks(visit, "/api/v1/me/second-factor/confirm", "/"))
            (second_factor(&begun))
            p { label for="code" { "The six digits that it shows now" } input #code name="code" inputmode="numeric" autocomplete="one-time-code" required; }
            p { button.main { "It is mine" } }
        }
    })
}

fn password(visit: &Visit) -> Markup {
    html! {
        details.act { summary { "Change the password\u{2026}" }
            form.panel.narrow method="post" action="/act" {
                (parts::asks(visit, "/api/v1/me/password", "/account"))
                p { label for="current" { "As it is" } input #current name="current" type="password" autocomplete="current-password" required; }
                p { label for="new" { "As it will be" } input #new name="new" type="password" autocomplete="new-password" required; }
                p { button.main { "Change it" } }
            }
        }
    }
}

fn held(visit: &Visit) -> Markup {
    html! {
        h2 { "What you may do" }
        div.wide tabindex="0" role="region" aria-label="Your permissions" { table { caption { "Your permissions" }
            thead { tr { th scope="col" { "Permission" } th scope="col" { "Channels" } } }
            tbody { @for (name, channels) in visit.held() { tr {
                th scope="row" { code { (name) } }
                td { @match channels { None => { "every channel" } Some(names) => { (names.join(", ")) } } }
            } } }
        } }
    }
}

fn own_sessions(visit: &Visit, sessions: &Value) -> Markup {
    html! {
        h2 { "Your sessions" }
        div.wide tabindex="0" role="region" aria-label="Where you are signed in" { table { caption { "Where you are signed in" }
            thead { tr { th scope="col" { "From" } th scope="col" { "Since" } th scope="col" { "Last seen" } th scope="col" { "What to do" } } }
            tbody { @for one in sessions.list("sessions") { tr {
                th scope="row" { (one.text("address")) } td { (parts::when(visit, one.maybe_int("created_us"))) } td { (parts::when(visit, one.maybe_int("seen_us"))) }
                td { form method="post" action="/act" { (parts::asks(visit, "/api/v1/me/sessions/end", "/account")) (parts::hidden("id", one.text("id"))) button { "End it" } } }
            } } }
        } }
    }
}
