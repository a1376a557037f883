//! A channel: a picture of its way, its file, its revisions.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Shows it.
pub async fn show(visit: &Visit) -> Outcome {
    let name = visit.field("name");
    let status = visit.ask("/api/v1/status", &Value::Null).await?;
    let absent = || console_api::Refusal {
        status: 404,
        code: "not_found".to_owned(),
        title: "no such channel".to_owned(),
        detail: None,
        hint: None,
    };
    let channel =
        status.list("channels").iter().find(|one| one.text("name") == name).ok_or_else(absent)?;
    let day = visit.ask_if_allowed("/api/v1/status/day", &Value::Null).await.unwrap_or_default();
    let day = day
        .list("channels")
        .iter()
        .find(|one| one.text("name") == name)
        .cloned()
        .unwrap_or_default();
    let file = visit.ask_if_allowed("/api/v1/channels/file", &json!({ "channel": name })).await;
    let revisions =
        visit.ask_if_allowed("/api/v1/channels/revisions", &json!({ "channel": name })).await;
    let state = channel.text("state");
    let body = html! {
        p { a href="/channels" { "Channels" } }
        h1 { (name) " " (parts::state(state)) }
        (picture(channel, &day))
        (facts(visit, channel))
        (source_verbs(visit, channel))
        @if let Some(file) = &file { (text(visit, name, file)) } @else { (parts::lacks("channel.read")) }
        @if let Some(revisions) = &revisions { (history(visit, channel, revisions)) }
        (parts::command(&[format!("hilum revisions {name}"), format!("hilum diff {name}"), format!("hilum source stop {name} --reason WHY")], "POST /api/v1/channels/revisions, /api/v1/channels/file"))
    };
    Ok(Sheet::new(format!("{state} - {name}"), body).into())
}

/// Source, steps, destinations, with how much went each way.
fn picture(channel: &Value, day: &Value) -> Markup {
    let name = channel.text("name");
    let destinations = channel.list("destinations");
    let received: i64 = day.list("hours").iter().filter_map(Value::as_i64).sum();
    let of_day = |one: &Value| {
        day.list("destinations")
            .iter()
            .find(|found| found.text("name") == one.text("name"))
            .map(|found| found.int("delivered_day"))
    };
    html! {
        figure.flow aria-label="The way of a message through this channel" {
            div.node { strong { "from" } " " (channel.text("source")) }
            div.edge { "\u{2192} " @if !day.is_null() { (parts::number(received)) " in 24 h" } }
            div.node { strong { "steps" } " " span.quiet { code { (channel.text("revision").get(..8).unwrap_or("")) } } }
            div.branches {
                @for one in destinations {
                    div.branch {
                        span.edge { "\u{2192} " @if let Some(n) = of_day(one) { (parts::number(n)) " in 24 h" } }
                        a.node href={ "/destination?channel=" (name) "&name=" (one.text("name")) } { strong { (one.text("name")) } " " (one.text("to")) " " (parts::state(one.text("state"))) }
                    }
                }
            }
        }
    }
}

fn facts(visit: &Visit, channel: &Value) -> Markup {
    let name = channel.text("name");
    html! {
        dl.facts-list {
            dt { "Last message" } dd { (parts::when(visit, channel.maybe_int("last_in_us"))) }
            dt { "Connected" } dd { (channel.int("peers")) }
            dt { "Acknowledged in" } dd { @match (channel.maybe_real("ack_p50_ms"), channel.maybe_real("ack_p95_ms")) { (Some(half), Some(most)) => { (format!("{half:.1} ms, 95 % within {most:.1} ms")) } _ => { "nothing in the last five minutes" } } }
            dt { "Undecided" } dd { (channel.int("undecided")) }
            dt { "Resends recognised" } dd { (parts::number(channel.int("duplicates"))) }
            dt { "Connections refused" } dd { (parts::number(channel.int("refused_connections"))) @for (why, n) in channel.pairs("refusals") { @if n.as_i64() != Some(0) { " " span.quiet { (why) " " (n) } } } }
            @for (word, n) in channel.pairs("dispositions") {
                dt { (word.replace('_', " ")) } dd { (parts::linked(n.as_i64().unwrap_or(0), &format!("/messages?channel={name}&state={word}&since=30d"))) }
            }
            @for (table, n) in channel.pairs("table_misses") {
                @if n.as_u64() != Some(0) { dt { "Table " code { (table) } } dd { (n) " values were not in it: add them in " code { "tables/" (table) ".csv" } " and apply" } }
            }
        }
    }
}

fn source_verbs(visit: &Visit, channel: &Value) -> Markup {
    let name = channel.text("name");
    let here = format!("/channel?name={name}");
    let stopped = channel.text("state") == "stopped";
    html! {
        @if visit.may_in("connection.control", name) {
            details.act { summary { (if stopped { "Start the source\u{2026}" } else { "Stop the source\u{2026}" }) }
                form.row method="post" action="/act" {
                    (parts::asks(visit, if stopped { "/api/v1/sources/start" } else { "/api/v1/sources/stop" }, &here))
                    (parts::hidden("channel", name))
                    (parts::reason("source-why"))
                    button { (if stopped { "Start" } else { "Stop" }) }
                    p.quiet { (if stopped { "It listens again, and senders connect by themselves." } else { "Senders are refused until somebody starts it again, also after a restart. What is in hand is finished and acknowledged first." }) }
                }
            }
        } @else { (parts::lacks("connection.control")) }
    }
}

fn text(visit: &Visit, name: &str, file: &Value) -> Markup {
    let running = file.text("running");
    let shown = if running.is_empty() { file.text("file") } else { running };
    let differs = !file.text("file").is_empty() && file.text("file") != running;
    html! {
        h2 { "Its file" }
        @if differs { p.outcome.warn { "The file differs from what runs. " a href={ "/apply?channels=" (name) } { "See the difference and apply" } } }
        p { a href={ "/bench?channel=" (name) } { "Try it on the test bench" } }
        div.wide tabindex="0" role="region" aria-label="The channel's file" {
            ol.code { @for (number, line) in (1..).zip(shown.lines()) { li #{ "L" (number) } { code { (line) } } } }
        }
        @if visit.may("channel.apply") { p.quiet { "Revision " code { (file.text("revision").get(..12).unwrap_or("")) } } }
    }
}

fn history(visit: &Visit, channel: &Value, revisions: &Value) -> Markup {
    let name = channel.text("name");
    let running = channel.text("revision");
    html! {
        h2 { "Revisions" }
        div.wide tabindex="0" role="region" aria-labelledby="revisions-caption" {
            table.rows {
                caption #revisions-caption { "The newest first" }
                thead { tr { th scope="col" { "When" } th scope="col" { "Revision" } th scope="col" { "By" } th scope="col" { "Why" } th scope="col" { "What to do" } } }
                tbody { @for one in revisions.list("revisions") { tr {
                    td { (parts::when(visit, one.maybe_int("created_us"))) }
                    th scope="row" { code { (one.text("hash").get(..8).unwrap_or("")) } @if one.text("hash").starts_with(running) || running.starts_with(one.text("hash")) { " in force" } }
                    td { (one.text("author")) } td { (one.text("reason")) }
                    td { @if visit.may_in("channel.apply", name) && !running.is_empty() && !one.text("hash").starts_with(running) {
                        details.act { summary { "Revert\u{2026}" }
                            form.row method="post" action="/act" {
                                (parts::asks(visit, "/api/v1/channels/revert", &format!("/channel?name={name}")))
                                (parts::hidden("channel", name)) (parts::hidden("revision", one.text("hash")))
                                (parts::reason(&format!("revert-{}", one.int("id"))))
                                button { "Put it into force again" }
                            }
                        }
                    } }
                } } }
            }
        }
    }
}
