//! `hilum status`: how everything is, sick things first.

use serde_json::Value;

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::{Format, Query};
use crate::exit::Outcome;
use crate::say;
use crate::table::{Table, span, time};

/// Runs the verb.
pub async fn run(args: Query) -> Outcome {
    let status = Api::of(&args.target)?.get("/api/v1/status").await?;
    match args.target.format {
        Format::Json => say::data(&format!("{status:#}\n")),
        Format::Text => say::data(&render(&status)),
    }
    Ok(())
}

fn render(status: &Value) -> String {
    let mut out = format!(
        "environment {} ({}), node {}, hilum {}, store {}, since {}\n",
        text(status, "environment"),
        text(status, "profile"),
        text(status, "node"),
        text(status, "version"),
        text(status, "store"),
        time(maybe(status, "started_us")),
    );
    for warning in list(status, "warnings") {
        out.push_str(&format!("warning: {}\n", warning.as_str().unwrap_or("")));
    }
    for peer in list(status, "peers") {
        out.push_str(&format!(
            "peer {} is connected to {} from {} since {}\n",
            text(peer, "peer"),
            text(peer, "channel"),
            text(peer, "address"),
            time(maybe(peer, "since_us")),
        ));
    }
    out.push('\n');
    out.push_str(&channels(status));
    out.push('\n');
    out.push_str(&destinations(status));
    for section in [refusals(status), misses(status), certificates(status)] {
        if !section.is_empty() {
            out.push('\n');
            out.push_str(&section);
        }
    }
    out
}

/// Connections that were not let in, by reason; nothing when there are none.
fn refusals(status: &Value) -> String {
    let mut table = Table::new(&["REFUSED AT", "REASON", "#TIMES"]);
    let mut any = false;
    for channel in list(status, "channels") {
        let reasons = channel.get("refusals").and_then(Value::as_object);
        for (reason, times) in reasons.into_iter().flatten() {
            any = true;
            table.row(vec![text(channel, "name").to_owned(), reason.clone(), times.to_string()]);
        }
    }
    if any { table.render() } else { String::new() }
}

/// Values that were in no code table, by table; nothing when there are none.
fn misses(status: &Value) -> String {
    let mut table = Table::new(&["CODE TABLE", "CHANNEL", "#MISSES"]);
    let mut any = false;
    for channel in list(status, "channels") {
        let tables = channel.get("table_misses").and_then(Value::as_object);
        for (name, count) in tables.into_iter().flatten().filter(|(_, count)| **count != 0) {
            any = true;
            table.row(vec![name.clone(), text(channel, "name").to_owned(), count.to_string()]);
        }
    }
    if any { table.render() } else { String::new() }
}

/// Whose something is, as an answer says: `adt`, `adt/lab`, or the admin API when it is no channel's.
pub(crate) fn place(one: &Value) -> String {
    match (
        one.get("channel").and_then(Value::as_str),
        one.get("destination").and_then(Value::as_str),
    ) {
        (Some(channel), Some(destination)) => format!("{channel}/{destination}"),
        (Some(channel), None) => channel.to_owned(),
        (None, _) => "admin API".to_owned(),
    }
}

/// The certificates in use, the next to end first; nothing when there are none.
pub(crate) fn certificates(status: &Value) -> String {
    let mut table = Table::new(&["CERTIFICATE OF", "WHAT", "SUBJECT", "#DAYS", "UNTIL"]);
    let all = list(status, "certificates");
    for one in all {
        table.row(vec![
            place(one),
            text(one, "what").to_owned(),
            safe(text(one, "subject")),
            number(one, "days").to_string(),
            time(maybe(one, "until_us")),
        ]);
    }
    if all.is_empty() { String::new() } else { table.render() }
}

fn channels(status: &Value) -> String {
    let heading = [
        "CHANNEL",
        "STATE",
        "SOURCE",
        "#PEERS",
        "#RECEIVED",
        "#DUPLICATES",
        "#OPEN",
        "#DELIVERED",
        "#PARTLY",
        "#FILTERED",
        "#UNROUTED",
        "#REJECTED",
        "#FAILED",
        "#DISCARDED",
        "LAST IN",
    ];
    let mut table = Table::new(&heading);
    for channel in list(status, "channels") {
        let dispositions = channel.get("dispositions").cloned().unwrap_or_default();
        let count = |name: &str| number(&dispositions, name).to_string();
        table.row(vec![
            text(channel, "name").to_owned(),
            text(channel, "state").to_owned(),
            text(channel, "source").to_owned(),
            number(channel, "peers").to_string(),
            number(channel, "received").to_string(),
            number(channel, "duplicates").to_string(),
            count("received"),
            count("delivered"),
            count("partly_delivered"),
            count("filtered"),
            count("unrouted"),
            count("rejected"),
            count("failed"),
            count("discarded"),
            time(maybe(channel, "last_in_us")),
        ]);
    }
    table.render()
}

fn destinations(status: &Value) -> String {
    let heading = [
        "DESTINATION",
        "STATE",
        "#QUEUED",
        "#WAITING",
        "#HELD",
        "#DELIVERED",
        "#DEAD",
        "OLDEST",
        "LAST ERROR",
        "TO",
    ];
    let mut rows = Vec::new();
    for channel in list(status, "channels") {
        for destination in list(channel, "destinations") {
            let name = format!("{}/{}", text(channel, "name"), text(destination, "name"));
            rows.push((sick(destination), name, destination));
        }
    }
    rows.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let mut table = Table::new(&heading);
    for (_, name, destination) in rows {
        let count = |field: &str| number(destination, field).to_string();
        table.row(vec![
            name,
            text(destination, "state").to_owned(),
            count("queued"),
            count("waiting"),
            count("held"),
            count("delivered"),
            count("dead"),
            maybe(destination, "oldest_age_ms").map(span).unwrap_or_default(),
            last_error(destination),
            text(destination, "to").to_owned(),
        ]);
    }
    table.render()
}

/// How much a destination wants to be looked at.
fn sick(destination: &Value) -> u8 {
    match text(destination, "state") {
        "down" => 3,
        "held" => 2,
        _ if number(destination, "dead") > 0 => 1,
        _ => 0,
    }
}

fn last_error(destination: &Value) -> String {
    match destination.get("last_error") {
        Some(error) if error.is_object() => {
            format!("{} {}", text(error, "code"), time(maybe(error, "at_us")))
        }
        _ => String::new(),
    }
}
