//! A destination: what waits there, what blocks it, and the verbs for it.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::router::{Outcome, Parts, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Shows it.
pub async fn show(visit: &Visit) -> Outcome {
    let (channel, name) = (visit.field("channel"), visit.field("name"));
    let one = find(visit, channel, name).await?;
    let asked = json!({ "channel": channel, "destination": name });
    let queue = visit.ask_if_allowed("/api/v1/destinations/queue", &asked).await;
    let state = one.text("state");
    let body = html! {
        p { a href={ "/channel?name=" (channel) } { (channel) } }
        h1 { (channel) " \u{2192} " (name) }
        (verbs(visit, channel, name, &one))
        div #destination data-live { (standing(visit, channel, &one)) }
        @if let Some(queue) = &queue { (heads(visit, channel, name, queue)) }
        (discard_queue(visit, channel, name, &one))
        (test(visit, channel, name))
        (parts::command(&[
            format!("hilum hold {channel} {name} --reason WHY"), format!("hilum resume {channel} {name}"), format!("hilum retry {channel} {name}"),
            format!("hilum skip {channel} {name} --reason WHY"), format!("hilum test-connection {channel} {name}"),
        ], "POST /api/v1/destinations/hold, resume, retry, skip, queue, discard, test"))
    };
    Ok(Sheet::new(format!("{state} - {channel} \u{2192} {name}"), body).into())
}

/// What is kept up to date.
pub async fn parts(visit: &Visit) -> Parts {
    let (channel, name) = (visit.field("channel"), visit.field("name"));
    let one = find(visit, channel, name).await?;
    Ok(vec![("destination".to_owned(), standing(visit, channel, &one))])
}

async fn find(visit: &Visit, channel: &str, name: &str) -> Result<Value, console_api::Refusal> {
    let status = visit.ask("/api/v1/status", &Value::Null).await?;
    let found = status.list("channels").iter().find(|one| one.text("name") == channel);
    let found =
        found.and_then(|one| one.list("destinations").iter().find(|one| one.text("name") == name));
    found.cloned().ok_or_else(|| console_api::Refusal {
        status: 404,
        code: "not_found".to_owned(),
        title: "no such destination".to_owned(),
        detail: None,
        hint: None,
    })
}

fn standing(visit: &Visit, channel: &str, one: &Value) -> Markup {
    let error = one.member("last_error");
    let name = one.text("name");
    html! {
        p.lead { (parts::state(one.text("state"))) " to " (one.text("to")) }
        dl.facts-list {
            dt { "Queued" } dd { (parts::number(one.int("queued"))) }
            dt { "Waiting for their time" } dd { (parts::number(one.int("waiting"))) }
            dt { "Held" } dd { (parts::number(one.int("held"))) }
            dt { "Oldest" } dd { @match one.maybe_int("oldest_age_ms") { Some(age) => { (parts::span(age * 1_000)) } None => { "nothing waits" } } }
            dt { "Being sent" } dd { (one.int("sending")) }
            dt { "Order" } dd { (if one.flag("ordered") { "kept" } else { "not kept" }) }
            dt { "Down" } dd { @match one.maybe_int("down_since_us") { Some(since) => { "since " (parts::at(visit, since)) } None => { "no" } } }
            dt { "Next try" } dd { @match one.maybe_int("next_try_us") { Some(next) => { (parts::when(visit, Some(next))) } None => { "none is due" } } }
            dt { "Last accepted" } dd { (parts::when(visit, one.maybe_int("last_delivered_us"))) }
            dt { "Answered in" } dd { @match (one.maybe_real("latency_p50_ms"), one.maybe_real("latency_p95_ms")) { (Some(half), Some(most)) => { (format!("{half:.1} ms, 95 % within {most:.1} ms")) } _ => { "nothing in the last five minutes" } } }
            dt { "Accepted" } dd { (parts::number(one.int("delivered"))) }
            dt { "Dead letters" } dd { (parts::linked(one.int("dead"), &format!("/dead?channel={channel}&destination={name}"))) }
            dt { "Last error" } dd { @if error.is_null() { "none since the start" } @else { code { (error.text("code")) } " " (parts::when(visit, error.maybe_int("at_us"))) } }
        }
    }
}

fn verbs(visit: &Visit, channel: &str, name: &str, one: &Value) -> Markup {
    let held = one.text("state") == "held";
    html! {
        @if visit.may_in("connection.control", channel) {
            div.verbs {
                @if held { (verb(visit, (channel, name), "resume", "Resume", "What has queued is sent, the oldest first.")) }
                @else { (verb(visit, (channel, name), "hold", "Hold", "Nothing more is sent; deliveries queue in order.")) }
                (verb(visit, (channel, name), "retry", "Retry now", "Everything that waits for its time is tried at once."))
            }
        } @else { (parts::lacks("connection.control")) }
    }
}

fn verb(
    visit: &Visit,
    (channel, name): (&str, &str),
    verb: &str,
    shown: &str,
    what: &str,
) -> Markup {
    html! {
        form.row method="post" action="/act" {
            (parts::asks(visit, &format!("/api/v1/destinations/{verb}"), &here(channel, name)))
            (parts::hidden("channel", channel)) (parts::hidden("destination", name))
            (parts::reason(&format!("{verb}-why")))
            button { (shown) }
            span.quiet { (what) }
        }
    }
}

fn here(channel: &str, name: &str) -> String {
    format!("/destination?channel={channel}&name={name}")
}

fn heads(visit: &Visit, channel: &str, name: &str, queue: &Value) -> Markup {
    let heads = queue.list("heads");
    html! {
        h2 { "What stands first" }
        @if heads.is_empty() { (parts::empty("Nothing waits.", html! { a href={ "/messages?channel=" (channel) } { "Messages of the channel" } })) } @else {
            div.wide tabindex="0" role="region" aria-labelledby="heads-caption" {
                table.rows {
                    caption #heads-caption { "The first of each lane; those behind it wait for it" }
                    thead { tr { th scope="col" { "Message" } th scope="col" { "State" } th.number scope="col" { "Behind it" } th.number scope="col" { "Tries" } th scope="col" { "Why" } th scope="col" { "Next try" } th scope="col" { "What to do" } } }
                    tbody { @for head in heads { tr {
                        th scope="row" { a.open href={ "/message?id=" (head.text("message")) } { (head.text("message").get(..13).unwrap_or("")) "\u{2026}" } }
                        td { (parts::state(head.text("state"))) }
                        td.number { (parts::number((head.int("lane_length") - 1).max(0))) }
                        td.number { (head.int("tries")) }
                        td { code { (head.text("code")) } }
                        td { @if let Some(next) = head.maybe_int("next_us") { (parts::when(visit, Some(next))) } }
                        td { @if visit.may_in("connection.control", channel) {
                            details.act { summary { "Skip\u{2026}" }
                                form.row method="post" action="/act" {
                                    (parts::asks(visit, "/api/v1/destinations/skip", &here(channel, name)))
                                    (parts::hidden("channel", channel)) (parts::hidden("destination", name)) (parts::hidden("delivery", head.text("delivery")))
                                    (parts::reason(&format!("skip-{}", head.text("delivery"))))
                                    button { "Make it a dead letter" }
                                }
                            }
                        } }
                    } } }
                }
            }
        }
    }
}

fn discard_queue(visit: &Visit, channel: &str, name: &str, one: &Value) -> Markup {
    let waiting = one.int("queued") + one.int("waiting") + one.int("held");
    let waiting = if one.text("state") == "held" { one.int("held") } else { waiting };
    html! {
        @if waiting > 0 && visit.may_in("message.discard", channel) {
            details.act { summary { "Discard everything that waits\u{2026}" }
                form.panel method="post" action="/act" {
                    (parts::asks(visit, "/api/v1/destinations/discard", &here(channel, name)))
                    (parts::hidden("channel", channel)) (parts::hidden("destination", name))
                    p { "None of the " (parts::number(waiting)) " that wait will be sent. The messages stay and can be replayed." }
                    p { (parts::reason("discard-why")) }
                    p { label for="discard-count" { "Type how many" } input #discard-count name="count" inputmode="numeric" required autocomplete="off"; }
                    p { button.danger { "Discard them" } }
                }
            }
        }
    }
}

fn test(visit: &Visit, channel: &str, name: &str) -> Markup {
    html! {
        h2 { "Try the way there" }
        @if visit.may_in("connection.test", channel) {
            form.row method="post" action="/act" {
                (parts::asks(visit, "/api/v1/destinations/test", &here(channel, name)))
                (parts::hidden("channel", channel)) (parts::hidden("destination", name))
                button { "Test the connection" }
                span.quiet { "Its name, the connection, TLS. No message is sent." }
            }
        } @else { (parts::lacks("connection.test")) }
    }
}
