//! Forms: each is a request of one route of the API, and what the API does with it is what is done.

use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use console_api::Refusal;
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::form;
use crate::parts;
use crate::refusal::sentence;
use crate::router::{Sheet, refused, see};
use crate::value::Get;
use crate::visit::{Visit, is_own};
use crate::{cookie, layout};

/// Fields of the form itself; the others are those of the request.
const OWN: [&str; 5] = ["csrf", "route", "next", "step_up_password", "step_up_code"];

/// Does what the form says.
pub async fn run(visit: &Visit) -> Response {
    if !visit.field("switch").is_empty() {
        return switch(visit);
    }
    let route = visit.field("route");
    if visit.desk().shape(route).is_none() {
        let title = "this form is of no route of this engine; nothing was done";
        return refused(visit, &invalid(title));
    }
    // Who they are is proven in the same form, where it must be fresh.
    let mut token = None;
    if !visit.field("step_up_password").is_empty() {
        match step_up(visit).await {
            Ok(stepped) => token = Some(stepped),
            Err(refusal) => return prove(visit, Some(&refusal)),
        }
    }
    let done = match &token {
        Some((_, session)) => ask(visit, Some(session), route).await,
        None => ask(visit, visit.session.as_ref(), route).await,
    };
    let mut response = match done {
        Ok(answer) => after(visit, route, &answer),
        Err(refusal) if refusal.code == "step_up_needed" => prove(visit, None),
        Err(refusal) => refused(visit, &refusal),
    };
    if let Some((token, _)) = token
        && let Some(line) = cookie::set_session(Some(&token), visit.tls)
    {
        response.headers_mut().append(header::SET_COOKIE, line);
    }
    response
}

async fn ask(
    visit: &Visit,
    session: Option<&console_api::Session>,
    route: &str,
) -> Result<Value, Refusal> {
    let request = form::request(visit.desk(), route, &visit.fields)?;
    visit.desk().ask(session, visit.source, route, &request).await
}

/// The page after it: where the form says, with what has come of it.
fn after(visit: &Visit, route: &str, answer: &Value) -> Response {
    if route == "/api/v1/auth/logout" {
        let mut response = see("/sign-in");
        if let Some(line) = cookie::set_session(None, visit.tls) {
            response.headers_mut().append(header::SET_COOKIE, line);
        }
        return response;
    }
    // What is shown once is shown at once, and kept nowhere.
    if let Some(once) = parts::once(visit, route, answer) {
        return Html(layout::whole(visit, "", &Sheet::new("Keep this", once)).into_string())
            .into_response();
    }
    let said = visit.console.said.keep(&visit.me.id, Ok(outcome(route, answer)));
    let next = visit.field("next").replace("{id}", answer.text("id"));
    let next = if is_own(&next) { next.as_str() } else { visit.back() };
    // What was said before is not said again.
    let (path, query) = next.split_once('?').unwrap_or((next, ""));
    let kept = form::read(query.as_bytes()).into_iter().filter(|(name, _)| name != "said");
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(kept).append_pair("said", &said);
    see(&format!("{path}?{}", query.finish()))
}

/// What has been done, in a sentence.
fn outcome(route: &str, answer: &Value) -> String {
    let count = answer.int("count");
    let refused = answer.list("refused");
    let but = match refused.first() {
        Some(first) => format!(" {} could not be: {}.", refused.len(), first.text("why")),
        None => String::new(),
    };
    match route.trim_start_matches("/api/v1/") {
        "destinations/hold" => {
            "Held. Its deliveries queue, in order, until somebody resumes it.".to_owned()
        }
        "destinations/resume" => {
            "Resumed. What has queued is being sent, the oldest first.".to_owned()
        }
        "destinations/retry" => "Everything that waits there is being tried now.".to_owned(),
        "replay" if answer.flag("repeated") => {
            "This was done already; nothing was sent a second time.".to_owned()
        }
        "replay" => format!("{count} sent again, as new messages.{but}"),
        "discard" => format!("{count} discarded.{but}"),
        "security/alerts/acknowledge" => "You look after it now.".to_owned(),
        "security/alerts/resolve" => "The alert is over.".to_owned(),
        "security/audit-log/verify" => {
            "The whole audit log is being checked; the result appears below.".to_owned()
        }
        "apply" => "Applied.".to_owned(),
        "channels/revert" => {
            "The revision is in force again. The file still holds the other one.".to_owned()
        }
        "destinations/test" => trial(answer),
        "jobs/replay" | "jobs/discard" => {
            "The job has begun; it goes on when you leave this page.".to_owned()
        }
        "jobs/pause" => "Paused.".to_owned(),
        "jobs/resume" => "It goes on.".to_owned(),
        "jobs/cancel" => "Cancelled. What it has done stays done.".to_owned(),
        "sources/stop" => "Stopped. Senders are refused until somebody starts it.".to_owned(),
        "sources/start" => "Started. It listens again.".to_owned(),
        "messages/scan" => "The search has begun; it goes on when you leave this page.".to_owned(),
        "messages/scan/end" => "The search has ended.".to_owned(),
        _ => {
            let said = answer.get("sentence").or_else(|| answer.get("outcome"));
            said.and_then(Value::as_str).map_or_else(|| "Done.".to_owned(), sentence)
        }
    }
}

/// The way to a destination, step by step.
fn trial(answer: &Value) -> String {
    let steps = answer.list("steps").iter().map(|step| {
        let how = if step.flag("ok") { "well" } else { "NOT" };
        format!("{}: {how}, {}.", step.text("step"), step.text("text"))
    });
    let begin = if answer.flag("ok") { "The way is clear. " } else { "The way is not clear. " };
    begin.to_owned() + &steps.collect::<Vec<_>>().join(" ")
}

/// A new session, in which who they are was proven a moment ago.
async fn step_up(visit: &Visit) -> Result<(phi::Secret<String>, console_api::Session), Refusal> {
    let code = Some(visit.field("step_up_code")).filter(|code| !code.is_empty());
    let proof =
        json!({ "name": visit.me.name, "password": visit.field("step_up_password"), "code": code });
    let answer = visit.ask("/api/v1/auth/step-up", &proof).await?;
    let token = phi::Secret::new(answer.text("token").to_owned());
    let session = visit.desk().recognise(&token, visit.source, true).await?;
    match session {
        Some(session) => Ok((token, session)),
        None => Err(invalid("the new session is not there")),
    }
}

/// Asks for the proof, with everything that the form held.
fn prove(visit: &Visit, why: Option<&Refusal>) -> Response {
    let body = html! {
        h1 { "Prove that it is you" }
        @if let Some(why) = why { p.outcome.bad role="alert" { (sentence(&why.title)) @if let Some(hint) = &why.hint { " " (sentence(hint)) } } }
        p { "This needs a sign-in of the last five minutes. Nothing has been done so far." }
        form.panel method="post" action="/act" {
            (carried(visit))
            (parts::csrf(visit))
            p { label for="step-password" { "Password of " (visit.me.name) }
                input #step-password name="step_up_password" type="password" autocomplete="current-password" required autofocus; }
            p { label for="step-code" { "Code of the second factor" }
                input #step-code name="step_up_code" inputmode="numeric" autocomplete="one-time-code"; }
            p { button.main { "Go on" } " " a href=(visit.back()) { "Leave it" } }
        }
    };
    Html(layout::whole(visit, "", &Sheet::new("Prove that it is you", body)).into_string())
        .into_response()
}

/// The fields of the form, once more.
fn carried(visit: &Visit) -> Markup {
    let fields = visit
        .fields
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()) || name == "route" || name == "next");
    html! { @for (name, value) in fields { input type="hidden" name=(name) value=(value); } }
}

/// Changes how pages are shown in this browser.
fn switch(visit: &Visit) -> Response {
    let change = match visit.field("switch") {
        "mask" => cookie::set_switch(cookie::MASK, !visit.masked),
        "utc" => cookie::set_switch(cookie::UTC, !visit.utc),
        "nokeys" => cookie::set_switch(cookie::NO_KEYS, !visit.no_keys),
        _ => None,
    };
    let mut response = see(visit.back());
    if let Some(line) = change {
        response.headers_mut().insert(header::SET_COOKIE, line);
    }
    response
}

fn invalid(title: &str) -> Refusal {
    Refusal {
        status: 422,
        code: "invalid".to_owned(),
        title: title.to_owned(),
        detail: None,
        hint: None,
    }
}
