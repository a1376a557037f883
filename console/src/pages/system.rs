//! The system: store, disk, certificates, backups, retention, limits.

use maud::{Markup, html};
use serde_json::Value;

use crate::parts;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Shows it.
pub async fn show(visit: &Visit) -> Outcome {
    let security = visit.ask("/api/v1/security/status", &Value::Null).await?;
    let status = visit.ask("/api/v1/status", &Value::Null).await?;
    let backups = visit.ask_if_allowed("/api/v1/backups", &Value::Null).await;
    let retention = visit.ask_if_allowed("/api/v1/retention", &Value::Null).await;
    let disk = status.member("disk");
    let system = security.member("system");
    let body = html! {
        h1 { "System" }
        @let warnings = status.list("warnings");
        @if !warnings.is_empty() { section.panel.warned { ul { @for one in warnings.iter().filter_map(Value::as_str) { li { (one) } } } } }
        dl.facts-list {
            dt { "Engine" } dd { (status.text("node")) ", version " (status.text("version")) }
            dt { "Profile" } dd { (status.text("profile")) ", environment " (status.text("environment")) }
            dt { "Store" } dd { (status.text("store")) }
            dt { "Running" } dd { "since " (parts::at(visit, status.int("started_us"))) }
            dt { "Disk free" } dd { (parts::size(disk.int("free"))) ", sources pause at " (parts::size(disk.int("reserve"))) }
            @if !system.is_null() {
                @let factor = system.member("second_factor");
                dt { "Second factor" } dd { (factor.int("with")) " of " (factor.int("users")) " accounts have one; the rule is " (factor.text("policy")) }
                dt { "Sessions" } dd { (system.int("sessions")) }
                dt { "Audit log" } dd { a href="/audit" { (parts::number(system.member("audit").int("records"))) " records" } }
            }
        }
        (certificates(visit, &security))
        @if let Some(backups) = &backups { (of_backups(visit, backups)) } @else { h2 { "Backups" } (parts::lacks("backup.create")) }
        @if let Some(retention) = &retention { (of_retention(visit, retention)) } @else { h2 { "Retention" } (parts::lacks("retention.manage")) }
        (limits(&security))
        (parts::command(&["hilum status".to_owned(), "hilum security".to_owned(), "hilum doctor".to_owned(), "hilum backup create".to_owned(), "hilum retention status".to_owned()], "GET /api/v1/security/status, /api/v1/backups, /api/v1/retention"))
    };
    Ok(Sheet::new("System", body).into())
}

fn certificates(visit: &Visit, security: &Value) -> Markup {
    let all = security.list("certificates");
    html! {
        h2 { "Certificates" }
        @if all.is_empty() { p.quiet { "No certificate is in use." } } @else {
            div.wide tabindex="0" role="region" aria-label="The next to end first" { table { caption { "The next to end first" }
                thead { tr { th scope="col" { "For" } th scope="col" { "Subject" } th scope="col" { "Ends" } th.number scope="col" { "Days" } } }
                tbody { @for one in all { tr {
                    th scope="row" { @if one.text("channel").is_empty() { "admin API" } @else { (one.text("channel")) " " (one.text("destination")) } " " span.quiet { (one.text("what")) } }
                    td { (one.text("subject")) } td { (parts::exact(visit, one.int("until_us"))) } td.number { (one.int("days")) }
                } } }
            } }
        }
    }
}

fn of_backups(visit: &Visit, backups: &Value) -> Markup {
    let last = backups.member("last");
    html! {
        h2 { "Backups" }
        p { "The newest is from " (parts::when(visit, backups.maybe_int("newest_us"))) "." @if backups.maybe_int("running_us").is_some() { " One is being made." } }
        @if !last.text("error").is_empty() { p.outcome.bad { "The last one failed: " (last.text("error")) } }
        form.row method="post" action="/act" { (parts::asks(visit, "/api/v1/backups/create", "/system")) (parts::reason("backup-why")) button { "Make a backup now" } }
    }
}

fn of_retention(visit: &Visit, retention: &Value) -> Markup {
    let size = retention.member("size");
    html! {
        h2 { "Retention" }
        p { "The store has " (parts::size(size.int("bytes"))) ", of which " (parts::size(size.int("free"))) " are free." }
        div.wide tabindex="0" role="region" aria-label="What would leave the store today" { table { caption { "What would leave the store today" }
            thead { tr { th scope="col" { "Channel" } th.number scope="col" { "Bodies" } th.number scope="col" { "Messages" } th.number scope="col" { "Of all" } th scope="col" { "Last run" } } }
            tbody { @for one in retention.list("channels") {
                @let due = one.member("due");
                tr { th scope="row" { (one.text("channel")) } td.number { (parts::number(due.int("bodies"))) } td.number { (parts::number(due.int("messages"))) } td.number { (parts::number(due.int("all"))) } td { (parts::when(visit, one.maybe_int("ran_us"))) } }
            } }
        } }
    }
}

fn limits(security: &Value) -> Markup {
    html! {
        h2 { "Limits of alerts" }
        div.wide tabindex="0" role="region" aria-label="From when on something is an alert; set under " { table { caption { "From when on something is an alert; set under " code { "[alerts]" } " in server.toml" }
            thead { tr { th scope="col" { "Limit" } th.number scope="col" { "Value" } } }
            tbody { @for (name, value) in security.pairs("limits") { tr { th scope="row" { code { (name) } } td.number { (value) } } } }
        } }
    }
}
