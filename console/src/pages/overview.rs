//! The overview: a row for each channel and destination, the sick ones first.

use maud::{Markup, html};
use serde_json::Value;

use crate::parts;
use crate::router::{Outcome, Parts, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Shows it.
pub async fn show(visit: &Visit) -> Outcome {
    let status = visit.ask("/api/v1/status", &Value::Null).await?;
    let day = visit.ask_if_allowed("/api/v1/status/day", &Value::Null).await;
    let alerts = visit.ask_if_allowed("/api/v1/security/alerts?state=open", &Value::Null).await;
    let mut rows = rows(visit, &status);
    rows.sort_by_key(|row| row.sickness);
    let failing = rows.iter().filter(|row| row.sickness == 0).count();
    let title = match failing {
        0 => "All well - Overview".to_owned(),
        n => format!("{n} failing - Overview"),
    };
    let body = html! {
        h1 { "Overview" }
        div #warnings { (warnings(&status)) }
        @if let Some(alerts) = &alerts { (open_alerts(visit, alerts)) }
        @if rows.is_empty() {
            (parts::empty("No channel runs yet.", html! { "A file in the folder " code { "channels" } " of the site makes one; " code { "hilum init" } " writes an example. " a href="/apply" { "Apply" } " puts it into force." }))
        } @else {
            (table(&rows))
        }
        @if let Some(day) = &day { (last_day(day)) }
        (parts::command(&["hilum status".to_owned(), "hilum top".to_owned()], "GET /api/v1/status, and /api/v1/events as it changes"))
    };
    Ok(Sheet::new(title, body).into())
}

/// What is kept up to date: each row by itself, so that none moves.
pub async fn parts(visit: &Visit) -> Parts {
    let status = visit.ask("/api/v1/status", &Value::Null).await?;
    let mut parts = vec![("warnings".to_owned(), warnings(&status))];
    parts.extend(rows(visit, &status).into_iter().map(|row| (row.id, row.cells)));
    Ok(parts)
}

/// A row, before it is put in order.
struct Row {
    id: String,
    sickness: u8,
    cells: Markup,
}

fn rows(visit: &Visit, status: &Value) -> Vec<Row> {
    let channels = status.list("channels").iter();
    channels
        .flat_map(|channel| {
            let own = std::iter::once(source_row(visit, channel));
            let name = channel.text("name");
            own.chain(
                channel
                    .list("destinations")
                    .iter()
                    .map(move |one| destination_row(visit, name, one)),
            )
        })
        .collect()
}

fn source_row(visit: &Visit, channel: &Value) -> Row {
    let name = channel.text("name");
    let state = channel.text("state");
    let failed = channel.member("dispositions").int("failed");
    let rate = channel.maybe_real("rate_in_per_minute");
    let cells = html! {
        th scope="row" { a href={ "/channel?name=" (name) } { (name) } }
        td { "from " (channel.text("source")) }
        td { (parts::state(state)) @if channel.int("peers") > 0 { " " span.quiet { (channel.int("peers")) " connected" } } }
        td.number { (parts::linked(channel.int("undecided"), &format!("/messages?channel={name}&state=received"))) }
        td.number {}
        td { (parts::when(visit, channel.maybe_int("last_in_us"))) }
        td.number { (rated(rate)) }
        td.number { (parts::linked(failed, &format!("/messages?channel={name}&state=failed"))) }
        td { @if channel.int("received") == 0 { span.quiet { "nothing has come yet" } } @else { (parts::linked(channel.int("received"), &format!("/messages?channel={name}"))) " received" } }
    };
    let sickness = if failed > 0 { parts::sickness(state).min(1) } else { parts::sickness(state) };
    Row { id: format!("row-{name}"), sickness, cells }
}

fn destination_row(visit: &Visit, channel: &str, one: &Value) -> Row {
    let name = one.text("name");
    let state = one.text("state");
    let error = one.member("last_error");
    let waiting =
        one.int("queued") + one.int("waiting") + if state == "held" { 0 } else { one.int("held") };
    let depth = if state == "held" { one.int("held") } else { waiting };
    let page = format!("/destination?channel={channel}&name={name}");
    let cells = html! {
        th scope="row" { a href=(page) { (channel) " \u{2192} " (name) } }
        td { "to " (one.text("to")) }
        td { (parts::state(state)) @if let Some(since) = one.maybe_int("down_since_us") { " " span.quiet { "since " (parts::when(visit, Some(since))) } } }
        td.number { (parts::linked(depth, &page)) }
        td.number { @if let Some(age) = one.maybe_int("oldest_age_ms") { (parts::span(age * 1_000)) } }
        td { (parts::when(visit, one.maybe_int("last_delivered_us"))) }
        td.number { (rated(one.maybe_real("rate_out_per_minute"))) }
        td.number { (parts::linked(one.int("dead"), &format!("/dead?channel={channel}&destination={name}"))) }
        td { @if !error.is_null() { code { (error.text("code")) } " " (parts::when(visit, error.maybe_int("at_us"))) } }
    };
    let dead = one.int("dead") > 0;
    let sickness = if dead { parts::sickness(state).min(1) } else { parts::sickness(state) };
    Row { id: format!("row-{channel}-{name}"), sickness, cells }
}

fn rated(rate: Option<f64>) -> String {
    match rate {
        None => String::new(),
        Some(rate) if rate < 10.0 => format!("{rate:.1}"),
        Some(rate) => format!("{rate:.0}"),
    }
}

fn table(rows: &[Row]) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-labelledby="overview-caption" {
            table.rows {
                caption #overview-caption { "Channels and their destinations, the sick ones first" }
                thead { tr {
                    th scope="col" { "Name" } th scope="col" { "Way" } th scope="col" { "State" }
                    th.number scope="col" { "Waiting" } th.number scope="col" { "Oldest" } th scope="col" { "Last" }
                    th.number scope="col" { "A minute" } th.number scope="col" { "Failed" } th scope="col" { "Note" }
                } }
                tbody { @for row in rows { tr #(row.id) data-live { (row.cells) } } }
            }
        }
    }
}

fn warnings(status: &Value) -> Markup {
    let warnings = status.list("warnings");
    html! {
        @if !warnings.is_empty() {
            section.panel.warned aria-label="Warnings" {
                ul { @for one in warnings.iter().filter_map(Value::as_str) { li { (one) } } }
            }
        }
    }
}

fn open_alerts(visit: &Visit, alerts: &Value) -> Markup {
    let open = alerts.list("alerts");
    html! {
        @if !open.is_empty() {
            section.panel aria-labelledby="alerts-title" {
                h2 #alerts-title { a href="/alerts" { (open.len()) " open " (if open.len() == 1 { "alert" } else { "alerts" }) } }
                ul.plain { @for one in open.iter().take(5) { li { (parts::state(one.text("severity"))) " " (one.text("text")) " " (parts::when(visit, one.maybe_int("last_us"))) } } }
            }
        }
    }
}

fn last_day(day: &Value) -> Markup {
    let channels = day.list("channels");
    html! {
        @if !channels.is_empty() {
            h2 { "The last 24 hours" }
            div.wide tabindex="0" role="region" aria-labelledby="day-caption" {
                table {
                    caption #day-caption { "Messages of the last 24 hours by what became of them" }
                    thead { tr { th scope="col" { "Channel" } th scope="col" { "By the hour" }
                        @for word in DISPOSITIONS { th.number scope="col" { (word.replace('_', " ")) } } } }
                    tbody { @for one in channels {
                        @let name = one.text("name");
                        tr {
                            th scope="row" { a href={ "/channel?name=" (name) } { (name) } }
                            td { (parts::spark(&one.list("hours").iter().filter_map(Value::as_i64).collect::<Vec<_>>(), "received each hour")) }
                            @for word in DISPOSITIONS {
                                td.number { (parts::linked(counted(one, word), &format!("/messages?channel={name}&state={word}"))) }
                            }
                        }
                    } }
                }
            }
        }
    }
}

fn counted(one: &Value, word: &str) -> i64 {
    one.member("dispositions").int(word)
}

const DISPOSITIONS: [&str; 7] =
    ["delivered", "partly_delivered", "failed", "filtered", "unrouted", "rejected", "discarded"];
