//! Finding messages: one box, and the list of what it finds.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::refusal;
use crate::router::{Outcome, Parts, Sheet, Shown};
use crate::value::Get;
use crate::visit::Visit;

/// Rows of a page.
const PAGE: usize = 50;

/// A search that was sent is kept under an id, and the page is at that id: no word of it is in an address.
pub async fn show(visit: &Visit) -> Outcome {
    if visit.is_post {
        let query = visit.field("query").trim().to_owned();
        let id = visit.console.searches.keep(&visit.me.id, query);
        return Ok(Shown::Elsewhere(format!("/messages?view={id}")));
    }
    let query = query(visit);
    let after = Some(visit.field("after")).filter(|after| !after.is_empty());
    let asked = json!({ "query": query, "limit": PAGE, "after": after });
    let found = visit.ask("/api/v1/messages/search", &asked).await;
    let views = visit.ask_if_allowed("/api/v1/views/search", &json!({})).await;
    let (title, list) = match &found {
        Ok(found) => {
            let count = found.list("messages").len();
            let more = if found.text("next").is_empty() { "" } else { " and more" };
            (format!("{count}{more} - Messages"), results(visit, found))
        }
        Err(refusal) if refusal.status == 422 => {
            ("Not understood - Messages".to_owned(), not_understood(&query, refusal))
        }
        Err(refusal) => return Err(refusal.clone()),
    };
    let body = html! {
        h1 { "Messages" }
        (search_box(visit, &query))
        @if let Some(views) = &views { (saved(visit, &query, views)) }
        (list)
        (parts::command(&[format!("hilum messages {}", parts::quoted(&words_without_numbers(&query)))], "POST /api/v1/messages/search"))
    };
    Ok(Sheet::new(title, body).into())
}

/// How many messages there are in all, from which a page sees how many are new.
pub async fn parts(visit: &Visit) -> Parts {
    let status = visit.ask("/api/v1/status", &Value::Null).await?;
    Ok(vec![("received-in-all".to_owned(), html! { (received(&status)) })])
}

fn received(status: &Value) -> i64 {
    status.list("channels").iter().map(|channel| channel.int("received")).sum()
}

/// What is searched for: that of the view, or what the links of other pages say. Those name channels and states, never people.
fn query(visit: &Visit) -> String {
    if let Some(query) = visit.console.searches.of(&visit.me.id, visit.field("view")) {
        return query;
    }
    let words = ["channel", "state", "type", "destination", "error", "since"];
    let words = words
        .iter()
        .filter(|word| !visit.field(word).is_empty())
        .map(|word| format!("{word}:{}", visit.field(word)));
    words.collect::<Vec<_>>().join(" ")
}

/// The same without what may be a number of a patient: what stands under "As command" may be read over a shoulder.
fn words_without_numbers(query: &str) -> String {
    let plain = |word: &&str| {
        ["channel:", "state:", "type:", "destination:", "since:", "until:", "origin:", "error:"]
            .iter()
            .any(|begin| word.starts_with(begin))
    };
    query
        .split_whitespace()
        .map(|word| if plain(&word) { word } else { "\u{2026}" })
        .collect::<Vec<_>>()
        .join(" ")
}

fn search_box(visit: &Visit, query: &str) -> Markup {
    html! {
        form.finder method="post" action="/messages" {
            (parts::csrf(visit))
            label for="find" { "Find" }
            input #find name="query" type="search" value=(query) autocomplete="off" spellcheck="false" aria-describedby="find-help" list="find-words";
            datalist #find-words { @for word in WORDS { option value=(word) {} } }
            button.main { "Find" }
        }
        p { a href="/scan" { "Look in bodies for any other text" } }
        details #find-help {
            summary { "What can stand here" }
            p { "Words as " code { "name:value" } ", all of which must hold. A bare word is a control id, or else a medical record number. Without " code { "since:" } " the last 24 hours are looked at." }
            ul.plain {
                li { code { "mrn:8001" } " a patient; also " code { "visit:" } " " code { "order:" } " " code { "accession:" } }
                li { code { "id:MSG0001" } " a control id" }
                li { code { "type:ADT^A01" } " or " code { "type:ADT" } }
                li { code { "channel:adt-fanout" } " " code { "destination:lab" } }
                li { code { "state:dead" } " or held, waiting, delivered, failed, filtered, unrouted, rejected, discarded" }
                li { code { "error:refused" } " a code or a group of dead letters" }
                li { code { "since:2h" } " " code { "since:2026-11-21" } " " code { "until:2026-11-21T14:00" } }
            }
        }
    }
}

const WORDS: [&str; 8] =
    ["mrn:", "id:", "type:", "channel:", "state:dead", "state:failed", "since:2h", "error:"];

fn not_understood(query: &str, refusal: &console_api::Refusal) -> Markup {
    html! {
        section.panel.refused role="alert" {
            h2 { (refusal::sentence(&refusal.title)) }
            @if let Some(detail) = &refusal.detail { pre { (query) "\n" (detail) } }
            @if let Some(hint) = &refusal.hint { p { (refusal::sentence(hint)) } }
            p { "Change the words above and search again, or " a href="/messages" { "show the last 24 hours" } "." }
        }
    }
}

fn saved(visit: &Visit, query: &str, views: &Value) -> Markup {
    html! {
        div.views {
            @for view in views.list("views") {
                form method="post" action="/messages" {
                    (parts::csrf(visit)) (parts::hidden("query", view.text("query")))
                    button.plain { (view.text("name")) }
                }
            }
            details {
                summary { "Save this search" }
                form.row method="post" action="/act" {
                    (parts::asks(visit, "/api/v1/views/add", &visit.here))
                    (parts::hidden("query", query))
                    label for="view-name" { "Name" } input #view-name name="name" required maxlength="60";
                    label { input type="checkbox" name="shared"; " for everybody" }
                    button { "Save" }
                }
            }
        }
    }
}

fn results(visit: &Visit, found: &Value) -> Markup {
    let rows = found.list("messages");
    let next = found.text("next");
    html! {
        div.facts {
            @if !found.text("tried").is_empty() { span { "looked for as " (found.text("tried")) } }
            @let window = found.member("window");
            @if let Some(since) = window.maybe_int("since_us") { span { "since " (parts::exact(visit, since)) } }
            span #new-messages data-new="received-in-all" hidden { a href=(visit.here) {} }
            span #received-in-all hidden {}
            @if found.int("behind") > 0 { span { (found.int("behind")) " messages are not in the index yet" } }
        }
        @if rows.is_empty() {
            @if next.is_empty() {
                (parts::empty("No message is like that.", html! { "Try fewer words, or a longer time such as " code { "since:30d" } ". " a href="/messages" { "Show the last 24 hours" } "." }))
            } @else {
                (parts::empty("None among those that were looked at.", html! { (older(visit, next)) }))
            }
        } @else {
            div.wide tabindex="0" role="region" aria-labelledby="list-caption" {
                table.rows {
                    caption #list-caption { "Messages, the newest first" }
                    thead { tr {
                        th scope="col" { "Received" } th scope="col" { "Type" } th scope="col" { "Control id" } th scope="col" { "From" }
                        th scope="col" { "Channel" } th scope="col" { "State" } th scope="col" { "Why" } th.number scope="col" { "Size" }
                    } }
                    tbody { @for row in rows { (message_row(visit, row)) } }
                }
            }
            @if !next.is_empty() { p { (older(visit, next)) } }
        }
    }
}

fn older(visit: &Visit, next: &str) -> Markup {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(visit.fields.iter().filter(|(name, _)| name != "after" && name != "said"));
    query.append_pair("after", next);
    html! { a.main rel="next" href={ "/messages?" (query.finish()) } { "Older" } }
}

/// A message in a list.
pub fn message_row(visit: &Visit, row: &Value) -> Markup {
    html! {
        tr {
            td { (parts::when(visit, row.maybe_int("received_us"))) }
            td { (row.text("type")) }
            th scope="row" { a.open href={ "/message?id=" (row.text("id")) } { @if row.text("control_id").is_empty() { "(none)" } @else { (parts::covered(visit, row.text("control_id"))) } } }
            td { (row.text("application")) @if !row.text("facility").is_empty() { "/" (row.text("facility")) } }
            td { a href={ "/channel?name=" (row.text("channel")) } { (row.text("channel")) } @if row.text("origin") != "peer" { " " span.quiet { (row.text("origin")) } } }
            td { (parts::state(row.text("disposition"))) }
            td { (row.text("reason")) }
            td.number { (parts::size(row.int("bytes"))) }
        }
    }
}
