//! Dead letters, grouped by where they could not go and why.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Letters of a page.
const PAGE: usize = 50;

/// The groups; of one of them, the letters.
pub async fn show(visit: &Visit) -> Outcome {
    let some =
        |name: &str| Some(visit.field(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let (channel, destination) = (some("channel"), some("destination"));
    let asked = json!({ "channel": channel, "destination": destination });
    let found = visit.ask("/api/v1/dead/search", &asked).await?;
    let groups = found.list("groups");
    let count: i64 = groups.iter().map(|group| group.int("count")).sum();
    let body = html! {
        h1 { "Dead letters" }
        p { "What could not be delivered and is tried no more. Nothing of it is lost: it can be sent again, changed, or discarded." }
        @if channel.is_some() { p { a href="/dead" { "Show all groups" } } }
        @if groups.is_empty() {
            (parts::empty("There are no dead letters here.", html! { "A receiver that refuses a message, or a step that fails, makes one. " a href="/" { "Overview" } }))
        } @else {
            div.wide tabindex="0" role="region" aria-labelledby="dead-caption" {
                table.rows {
                    caption #dead-caption { "Dead letters by destination and error" }
                    thead { tr {
                        th scope="col" { "Destination" } th scope="col" { "Error" } th.number scope="col" { "Count" }
                        th scope="col" { "First" } th scope="col" { "Last" } th scope="col" { "What to do" }
                    } }
                    tbody { @for group in groups { (group_row(visit, group)) } }
                }
            }
        }
        @if let (Some(channel), Some(error)) = (&channel, some("error")) { (letters(visit, channel, destination.as_deref(), &error).await?) }
        (parts::command(&["hilum dead".to_owned(), "hilum replay --channel CHANNEL --destination NAME --error ERROR --reason WHY".to_owned()], "POST /api/v1/dead/search"))
    };
    let title = if count == 0 {
        "None - Dead letters".to_owned()
    } else {
        format!("{count} - Dead letters")
    };
    Ok(Sheet::new(title, body).into())
}

/// Where a group is replayed and discarded.
pub fn address(page: &str, group: &Value) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("channel", group.text("channel"));
    if !group.text("destination").is_empty() {
        query.append_pair("destination", group.text("destination"));
    }
    query.append_pair("error", group.text("error"));
    format!("{page}?{}", query.finish())
}

fn group_row(visit: &Visit, group: &Value) -> Markup {
    let destination = group.text("destination");
    html! {
        tr {
            th scope="row" {
                a.open href=(address("/dead", group)) { (group.text("channel")) @if destination.is_empty() { ", before any destination" } @else { " \u{2192} " (destination) } }
            }
            td {
                code { (group.text("code")) } @if let Some(step) = group.maybe_int("step") { " at step " (step) }
                @if !group.text("sentence").is_empty() { br; span.quiet { (group.text("sentence")) } }
            }
            td.number { (parts::number(group.int("count"))) }
            td { (parts::when(visit, group.maybe_int("first_us"))) }
            td { (parts::when(visit, group.maybe_int("last_us"))) }
            td.verbs {
                a href={ "/message?id=" (group.text("sample")) } { "Look at one" }
                @if visit.may_in("message.replay", group.text("channel")) { " " a.main data-verb="replay" href=(address("/replay", group)) { "Replay\u{2026}" } }
                @if visit.may_in("message.discard", group.text("channel")) { " " a href={ (address("/replay", group)) "&what=discard" } { "Discard\u{2026}" } }
            }
        }
    }
}

async fn letters(
    visit: &Visit,
    channel: &str,
    destination: Option<&str>,
    error: &str,
) -> Result<Markup, console_api::Refusal> {
    let after = Some(visit.field("after")).filter(|after| !after.is_empty());
    let asked = json!({ "channel": channel, "destination": destination, "error": error, "after": after, "limit": PAGE });
    let found = visit.ask("/api/v1/dead/letters", &asked).await?;
    let group = json!({ "channel": channel, "destination": destination, "error": error });
    let next = found.text("next");
    Ok(html! {
        h2 { "Letters of this group" }
        form method="get" action="/replay" {
            (parts::hidden("channel", channel))
            div.wide tabindex="0" role="region" aria-labelledby="letters-caption" {
                table.rows data-select {
                    caption #letters-caption { "The oldest first" }
                    thead { tr {
                        th scope="col" { span.unseen { "Selected" } } th scope="col" { "Control id" } th scope="col" { "Type" }
                        th scope="col" { "Received" } th scope="col" { "Dead" } th.number scope="col" { "Tries" }
                    } }
                    tbody { @for letter in found.list("letters") { (letter_row(visit, letter)) } }
                }
            }
            p {
                button.main { "Replay the selected\u{2026}" } " "
                a href=(address("/replay", &group)) { "Replay all of the group\u{2026}" }
                @if !next.is_empty() { " " a href={ (address("/dead", &group)) "&after=" (next) } { "More" } }
            }
        }
    })
}

fn letter_row(visit: &Visit, letter: &Value) -> Markup {
    let id = if letter.text("delivery").is_empty() {
        letter.text("message")
    } else {
        letter.text("delivery")
    };
    let name = parts::covered(visit, letter.text("control_id"));
    html! {
        tr {
            td { input type="checkbox" name="ids" value=(id) aria-label={ "Select " (name) }; }
            th scope="row" { a.open href={ "/message?id=" (letter.text("message")) } { @if name.is_empty() { "(none)" } @else { (name) } } }
            td { (letter.text("type")) }
            td { (parts::when(visit, letter.maybe_int("received_us"))) }
            td { (parts::when(visit, letter.maybe_int("died_us"))) }
            td.number { (letter.int("tries")) }
        }
    }
}
