//! Alerts: what somebody should look at, and who does.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// States that can be chosen.
const STATES: [&str; 3] = ["open", "acknowledged", "resolved"];

/// Shows them.
pub async fn show(visit: &Visit) -> Outcome {
    let state =
        STATES.iter().find(|state| **state == visit.field("state")).copied().unwrap_or("open");
    let before = visit.field("before");
    let more = if before.is_empty() { String::new() } else { format!("&before={before}") };
    let found =
        visit.ask(&format!("/api/v1/security/alerts?state={state}{more}"), &Value::Null).await?;
    let rules = visit.ask_if_allowed("/api/v1/security/alerts/rules", &Value::Null).await;
    let windows = visit.ask_if_allowed("/api/v1/security/alerts/maintenance", &json!({})).await;
    let alerts = found.list("alerts");
    let body = html! {
        h1 { "Alerts" }
        nav.tabs aria-label="Which alerts" { ul { @for one in STATES { li { a href={ "/alerts?state=" (one) } aria-current=[(one == state).then_some("true")] { (one) } } } } }
        @if alerts.is_empty() {
            (parts::empty(&format!("No alert is {state}."), html! { "The rules below say what makes one." }))
        } @else {
            @for alert in alerts { (one(visit, alert)) }
            @if !found.text("next").is_empty() { p { a.main href={ "/alerts?state=" (state) "&before=" (found.text("next")) } { "Older" } } }
        }
        (maintenance(visit, windows.as_ref()))
        @if let Some(rules) = &rules { (list(rules)) }
        (test(visit))
        (parts::command(&["hilum alert list".to_owned(), "hilum alert acknowledge ID".to_owned(), "hilum alert snooze ID --minutes 60".to_owned(), "hilum alert maintenance list".to_owned()], "GET /api/v1/security/alerts"))
    };
    Ok(Sheet::new(format!("{} {state} - Alerts", alerts.len()), body).into())
}

fn one(visit: &Visit, alert: &Value) -> Markup {
    let id = alert.text("id");
    let state = alert.text("state");
    html! {
        article.panel aria-labelledby={ "alert-" (id) } {
            h2 #{ "alert-" (id) } { (parts::state(alert.text("severity"))) " " (alert.text("text")) }
            p.quiet {
                code { (alert.text("kind")) } " about " (alert.text("object"))
                ", first " (parts::when(visit, alert.maybe_int("first_us"))) ", last " (parts::when(visit, alert.maybe_int("last_us")))
                ", " (alert.int("count")) " times"
                @if let Some(until) = alert.maybe_int("snoozed_until_us") { ", snoozed: ends " (parts::when(visit, Some(until))) }
                @if !alert.text("assigned_to").is_empty() { ", looked after by " (alert.text("assigned_to")) }
                @else if !alert.text("acknowledged_by").is_empty() { ", acknowledged by " (alert.text("acknowledged_by")) }
                @if !alert.text("resolved_by").is_empty() { ", over " (parts::when(visit, alert.maybe_int("resolved_us"))) " by " (alert.text("resolved_by")) }
            }
            @if state != "resolved" { (verbs(visit, alert, id, state)) }
        }
    }
}

fn verbs(visit: &Visit, alert: &Value, id: &str, state: &str) -> Markup {
    html! {
        @if visit.may("alert.manage") {
            div.verbs {
                @if state == "open" {
                    form method="post" action="/act" { (parts::asks(visit, "/api/v1/security/alerts/acknowledge", &visit.here)) (parts::hidden("id", id)) button { "I look after it" } }
                }
                details.act { summary { "Snooze\u{2026}" }
                    form.row method="post" action="/act" {
                        (parts::asks(visit, "/api/v1/security/alerts/snooze", &visit.here)) (parts::hidden("id", id))
                        label for={ "minutes-" (id) } { "Minutes" } input #{ "minutes-" (id) } name="minutes" type="number" min="1" max="10080" value="60";
                        (parts::reason(&format!("snooze-{id}"))) button { "Snooze" }
                    }
                }
                details.act { summary { "It is over\u{2026}" }
                    form.row method="post" action="/act" { (parts::asks(visit, "/api/v1/security/alerts/resolve", &visit.here)) (parts::hidden("id", id)) (parts::reason(&format!("resolve-{id}"))) button { "Resolve" } }
                }
                @if !alert.text("channel").is_empty() { a href={ "/channel?name=" (alert.text("channel")) } { "Look at the channel" } }
            }
        } @else { (parts::lacks("alert.manage")) }
    }
}

fn maintenance(visit: &Visit, windows: Option<&Value>) -> Markup {
    let windows = windows.map_or(&[][..], |windows| windows.list("windows"));
    html! {
        h2 { "Maintenance" }
        p { "During a window alerts are kept and nobody is told; what is still so at its end is told then." }
        @if windows.is_empty() { p.quiet { "No window is planned." } } @else {
            div.wide tabindex="0" role="region" aria-label="Windows" { table { caption { "Windows" } thead { tr { th scope="col" { "From" } th scope="col" { "Until" } th scope="col" { "For" } th scope="col" { "Why" } th scope="col" { "What to do" } } }
                tbody { @for one in windows { tr {
                    td { (parts::exact(visit, one.int("from_us"))) } td { (parts::exact(visit, one.int("until_us"))) }
                    td { (crate::value::texts(one.list("channels")).join(", ")) " " (one.text("destination")) " " (crate::value::texts(one.list("rules")).join(", ")) }
                    td { (one.text("reason")) }
                    td { @if visit.may("alert.manage") { form method="post" action="/act" { (parts::asks(visit, "/api/v1/security/alerts/maintenance/end", "/alerts")) (parts::hidden("id", one.text("id"))) button { "End it" } } } }
                } } }
            } }
        }
        @if visit.may("alert.manage") {
            details.act { summary { "Plan a window\u{2026}" }
                form.row method="post" action="/act" {
                    (parts::asks(visit, "/api/v1/security/alerts/maintenance/add", "/alerts"))
                    (parts::hidden("from_us", &visit.now_us.to_string()))
                    label for="window" { "From now for" }
                    select #window name="until_us" { @for (hours, text) in [(1, "1 hour"), (4, "4 hours"), (12, "12 hours"), (24, "a day")] { option value=(visit.now_us + hours * 3_600_000_000) { (text) } } }
                    label for="window-channels" { "Channels (all when empty)" } input #window-channels name="channels";
                    (parts::reason("window-why")) button { "Plan it" }
                }
            }
        }
    }
}

fn list(rules: &Value) -> Markup {
    html! {
        h2 { "Rules" }
        div.wide tabindex="0" role="region" aria-labelledby="rules-caption" {
            table { caption #rules-caption { "What makes an alert; the limits are set in server.toml and in channel files" }
                thead { tr { th scope="col" { "Rule" } th scope="col" { "How bad" } th scope="col" { "When" } th scope="col" { "Limit" } } }
                tbody { @for rule in rules.list("rules") { tr {
                    th scope="row" { code { (rule.text("kind")) } } td { (parts::state(rule.text("severity"))) } td { (rule.text("doc")) }
                    td { @match rule.member("limit") { Value::Null => {} Value::String(text) => { (text) } other => { (other) } } @if !rule.text("set").is_empty() { " " span.quiet { (rule.text("set")) } } }
                } } }
            }
        }
    }
}

fn test(visit: &Visit) -> Markup {
    html! {
        @if visit.may("alert.manage") {
            details.act { summary { "Send a test to a sink\u{2026}" }
                form.row method="post" action="/act" {
                    (parts::asks(visit, "/api/v1/security/alerts/test", "/alerts"))
                    label for="sink" { "Sink" } input #sink name="sink" required; button { "Send" }
                }
            }
        }
    }
}
