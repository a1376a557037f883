//! Signing in.

use axum::http::header;
use axum::response::IntoResponse;
use maud::{Markup, html};
use phi::Secret;
use serde_json::json;

use crate::cookie;
use crate::refusal::sentence;
use crate::router::{Outcome, Sheet, Shown, see};
use crate::value::Get;
use crate::visit::{Visit, is_own};

/// The form; and, when it was sent, the way in.
pub async fn show(visit: &Visit) -> Outcome {
    if visit.desk().is_unclaimed() && !visit.is_post {
        return Ok(Shown::Elsewhere("/setup".to_owned()));
    }
    if !visit.is_post {
        return Ok(sheet(visit, None).into());
    }
    let code = Some(visit.field("code").trim()).filter(|code| !code.is_empty());
    let proof = json!({ "name": visit.field("name").trim(), "password": visit.field("password"), "code": code });
    match visit.desk().ask(None, visit.source, "/api/v1/auth/login", &proof).await {
        Ok(answer) => {
            let next = visit.field("next");
            let must_enrol = answer.flag("must_enrol");
            let next = if must_enrol {
                "/account"
            } else if is_own(next) {
                next
            } else {
                "/"
            };
            let token = Secret::new(answer.text("token").to_owned());
            let mut response = see(next);
            if let Some(line) = cookie::set_session(Some(&token), visit.tls) {
                response.headers_mut().insert(header::SET_COOKIE, line);
            }
            Ok(Shown::Answer(response))
        }
        Err(refusal) => {
            let said = html! { p.outcome.bad role="alert" { (sentence(&refusal.title)) @if let Some(hint) = &refusal.hint { " " (sentence(hint)) } } };
            let page = sheet(visit, Some(said));
            let page = crate::layout::whole(visit, "", &page).into_string();
            let status = axum::http::StatusCode::FORBIDDEN;
            Ok(Shown::Answer((status, axum::response::Html(page)).into_response()))
        }
    }
}

fn sheet(visit: &Visit, said: Option<Markup>) -> Sheet {
    let body = html! {
        h1 { "Sign in" }
        @if let Some(said) = said { (said) }
        form.panel.narrow method="post" action="/sign-in" {
            (crate::parts::csrf(visit))
            (crate::parts::hidden("next", visit.field("next")))
            p { label for="name" { "Name" } input #name name="name" autocomplete="username" required autofocus value=(visit.field("name")); }
            p { label for="password" { "Password" } input #password name="password" type="password" autocomplete="current-password" required; }
            p { label for="code" { "Code of the second factor" } input #code name="code" inputmode="numeric" autocomplete="one-time-code" aria-describedby="code-help"; }
            p #code-help .quiet { "Six digits, or a recovery code. Leave it empty if you have none." }
            p { button.main { "Sign in" } }
        }
        p.quiet { "No account? Whoever manages people makes one: " code { "hilum user add" } "." }
    };
    Sheet::new("Sign in", body)
}
