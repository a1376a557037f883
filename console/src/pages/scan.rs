//! Looking for a text in the bodies of a channel's messages: work with a bound, that can be watched and ended.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::pages::messages::message_row;
use crate::parts;
use crate::router::{Outcome, Parts, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// How far back can be looked, in hours, and what that is called.
const BACK: [(i64, &str); 5] = [
    (1, "the last hour"),
    (24, "the last day"),
    (168, "the last week"),
    (720, "the last 30 days"),
    (8_760, "the last year"),
];

/// The form; or how far a search is, and what it has found.
pub async fn show(visit: &Visit) -> Outcome {
    let id = visit.field("id");
    if id.is_empty() {
        return form(visit).await;
    }
    let standing = visit.ask("/api/v1/messages/scan/standing", &json!({ "id": id })).await?;
    let body = html! {
        p { a href="/messages" { "Messages" } }
        h1 { "Looking in bodies" }
        div #scan data-live { (progress(visit, id, &standing)) }
        (parts::command(&["hilum scan --channel CHANNEL --since 2d -m WHY".to_owned()], "POST /api/v1/messages/scan, scan/standing, scan/end"))
    };
    let count = standing.list("messages").len();
    Ok(Sheet::new(format!("{count} found - Looking in bodies"), body).into())
}

/// What is kept up to date.
pub async fn parts(visit: &Visit) -> Parts {
    let id = visit.field("id");
    if id.is_empty() {
        return Ok(Vec::new());
    }
    let standing = visit.ask("/api/v1/messages/scan/standing", &json!({ "id": id })).await?;
    Ok(vec![("scan".to_owned(), progress(visit, id, &standing))])
}

async fn form(visit: &Visit) -> Outcome {
    let channels = visit.ask_if_allowed("/api/v1/channels", &Value::Null).await.unwrap_or_default();
    let body = html! {
        p { a href="/messages" { "Messages" } }
        h1 { "Look in bodies" }
        @if !visit.may("message.search") { (parts::lacks("message.search")) } @else {
            p { "Every body of a channel is opened and looked at, so it takes a while. Numbers of patients, visits and orders are found at once by the box above. The search is recorded, without the text." }
            form.panel.narrow method="post" action="/act" {
                (parts::asks(visit, "/api/v1/messages/scan", "/scan?id={id}"))
                p { label for="scan-text" { "Text, as it stands in the message" } input #scan-text name="text" required minlength="3" maxlength="256" autocomplete="off" spellcheck="false"; }
                p { label for="scan-channel" { "Channel" } select #scan-channel name="channel" { @for one in channels.list("channels") { option value=(one.text("name")) { (one.text("name")) } } } }
                p { label for="scan-since" { "Received in" } select #scan-since name="since_us" { @for (hours, text) in BACK { option value=(visit.now_us - hours * 3_600_000_000) selected[hours == 24] { (text) } } } }
                p { (parts::reason("scan-why")) }
                p { button.main { "Look" } }
            }
        }
        (parts::command(&["hilum scan --channel CHANNEL --since 2d -m WHY".to_owned()], "POST /api/v1/messages/scan"))
    };
    Ok(Sheet::new("Look in bodies", body).into())
}

fn progress(visit: &Visit, id: &str, standing: &Value) -> Markup {
    let found = standing.list("messages");
    let ended = standing.text("ended");
    html! {
        p {
            (parts::state(if ended.is_empty() { "running" } else { ended })) " "
            (parts::number(standing.int("looked"))) " of about " (parts::number(standing.int("of"))) " messages looked at, " (found.len()) " found"
            @if standing.int("unread") > 0 { ", " (parts::number(standing.int("unread"))) " whose body is gone or does not open" }
        }
        @if ended.is_empty() { progress max=(standing.int("of").max(1)) value=(standing.int("looked")) aria-label="Messages looked at" {} }
        @if ended == "bounded" { p.outcome.warn { "As many were looked at, or found, as one search may. Look in a shorter time." } }
        @if !standing.text("error").is_empty() { p.outcome.bad { (standing.text("error")) } }
        form method="post" action="/act" {
            (parts::asks(visit, "/api/v1/messages/scan/end", "/scan")) (parts::hidden("id", id))
            button { (if ended.is_empty() { "End it" } else { "Forget what it has found" }) }
        }
        @if !found.is_empty() {
            div.wide tabindex="0" role="region" aria-labelledby="found-caption" {
                table.rows {
                    caption #found-caption { "Messages in which it stands, the newest first" }
                    thead { tr {
                        th scope="col" { "Received" } th scope="col" { "Type" } th scope="col" { "Control id" } th scope="col" { "From" }
                        th scope="col" { "Channel" } th scope="col" { "State" } th scope="col" { "Why" } th.number scope="col" { "Size" }
                    } }
                    tbody { @for row in found { (message_row(visit, row)) } }
                }
            }
        }
    }
}
