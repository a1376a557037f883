//! The first owner, made with the token in the data folder.

use maud::{Markup, PreEscaped, html};
use qrcode::QrCode;
use qrcode::render::svg;
use serde_json::json;

use crate::parts;
use crate::refusal::sentence;
use crate::router::{Outcome, Sheet, Shown};
use crate::value::{Get, texts};
use crate::visit::Visit;

/// Asks for the token and a name, then for a password and the first code, and shows the recovery codes.
pub async fn show(visit: &Visit) -> Outcome {
    if !visit.desk().is_unclaimed() {
        return Ok(Shown::Elsewhere("/sign-in".to_owned()));
    }
    let said = match (visit.is_post, visit.field("step")) {
        (true, "begin") => match begin(visit).await {
            Ok(page) => return Ok(page.into()),
            Err(refusal) => Some(refusal),
        },
        (true, _) => match finish(visit).await {
            Ok(page) => return Ok(page.into()),
            Err(refusal) => match begin(visit).await {
                // The form again, with what was wrong.
                Ok(page) => {
                    let body = html! { (wrong(&refusal)) (page.body) };
                    return Ok(Sheet::new(page.title, body).into());
                }
                Err(_) => Some(refusal),
            },
        },
        (false, _) => None,
    };
    let body = html! {
        h1 { "The first owner" }
        @if let Some(refusal) = &said { (wrong(refusal)) }
        p { "Nobody can sign in yet. The engine has written a token into " code { "setup-token" } " in its data folder; whoever can read that file makes the first owner, once." }
        form.panel.narrow method="post" action="/setup" {
            (parts::csrf(visit)) (parts::hidden("step", "begin"))
            p { label for="token" { "Token" } input #token name="token" required autocomplete="off" spellcheck="false" value=(visit.field("token")); }
            p { label for="name" { "Your name here" } input #name name="name" required autocomplete="username" value=(visit.field("name")); }
            p { button.main { "Go on" } }
        }
        (parts::command(&["hilum setup".to_owned()], "POST /api/v1/setup/begin, then /api/v1/setup"))
    };
    Ok(Sheet::new("The first owner", body).into())
}

fn wrong(refusal: &console_api::Refusal) -> Markup {
    html! { p.outcome.bad role="alert" { (sentence(&refusal.title)) @if let Some(hint) = &refusal.hint { " " (sentence(hint)) } } }
}

async fn begin(visit: &Visit) -> Result<Sheet, console_api::Refusal> {
    let asked = json!({ "token": visit.field("token").trim(), "name": visit.field("name").trim() });
    let begun = visit.desk().ask(None, visit.source, "/api/v1/setup/begin", &asked).await?;
    let body = html! {
        h1 { "The first owner" }
        form.panel.narrow method="post" action="/setup" {
            (parts::csrf(visit)) (parts::hidden("step", "finish"))
            (parts::hidden("token", visit.field("token"))) (parts::hidden("name", visit.field("name")))
            (second_factor(&begun))
            p { label for="code" { "The six digits that it shows now" } input #code name="code" inputmode="numeric" autocomplete="one-time-code" required; }
            p { label for="password" { "A password" } input #password name="password" type="password" autocomplete="new-password" required aria-describedby="password-help"; }
            p #password-help .quiet { "At least 12 characters; a sentence is easier to keep than signs." }
            p { button.main { "Make the owner" } }
        }
    };
    Ok(Sheet::new("The first owner", body))
}

async fn finish(visit: &Visit) -> Result<Sheet, console_api::Refusal> {
    let owner = json!({
        "token": visit.field("token").trim(), "name": visit.field("name").trim(),
        "password": visit.field("password"), "code": visit.field("code").trim(),
    });
    let made = visit.desk().ask(None, visit.source, "/api/v1/setup", &owner).await?;
    let body = html! {
        h1 { "Recovery codes" }
        p { "You are the first owner. Each of these signs you in once, in place of the second factor. They are shown this one time: print them, or write them down." }
        ul.codes { @for code in texts(made.list("recovery_codes")) { li { code { (code) } } } }
        p { a.main href="/sign-in" { "I have them: sign in" } }
    };
    Ok(Sheet::new("Recovery codes", body))
}

/// What an app for codes reads, as a picture and as text.
pub fn second_factor(begun: &serde_json::Value) -> Markup {
    // The picture is made here of squares alone; no text of anybody is in it.
    let picture = QrCode::new(begun.text("uri").as_bytes()).ok().map(|code| {
        code.render::<svg::Color<'_>>().min_dimensions(180, 180).quiet_zone(true).build()
    });
    let picture =
        picture.map(|svg| svg.split_once("?>").map_or(svg.clone(), |(_, rest)| rest.to_owned()));
    html! {
        p { "Add this to an app for codes on your phone." }
        @if let Some(picture) = picture { div.qr role="img" aria-label="The second factor as a picture for a phone" { (PreEscaped(picture)) } }
        p { "Or type it there: " code.wrap { (begun.text("secret")) } }
    }
}
