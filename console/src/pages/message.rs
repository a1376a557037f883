//! One message: its way from bytes to disposition, and everything that is known about it.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::pages::{difference, fields, raw};
use crate::parts;
use crate::refusal;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// The parts of the page: name in the address, name on the page.
const TABS: [(&str, &str); 6] = [
    ("raw", "Raw"),
    ("fields", "Fields"),
    ("steps", "Steps"),
    ("deliveries", "Deliveries"),
    ("diff", "Diff"),
    ("history", "History"),
];

/// Shows it.
pub async fn show(visit: &Visit) -> Outcome {
    let detail = visit.ask("/api/v1/messages/find", &json!({ "id": visit.field("id") })).await?;
    let id = detail.text("id");
    let tab = TABS
        .iter()
        .find(|(name, _)| *name == visit.field("tab"))
        .map_or("deliveries", |(name, _)| *name);
    let shown = match tab {
        "raw" => raw::show(visit, &detail).await,
        "fields" => fields::show(visit, &detail).await,
        "steps" => steps(visit, id).await,
        "diff" => difference::show(visit, &detail).await,
        "history" => Ok(history(visit, &detail)),
        _ => Ok(deliveries(visit, &detail)),
    };
    let shown = shown.unwrap_or_else(|why| refusal::panel(visit, &why));
    let disposition = detail.text("disposition");
    let body = html! {
        (heading(visit, &detail))
        (timeline(visit, &detail))
        nav.tabs aria-label="Parts of the message" {
            ul { @for (key, (name, text)) in (1..).zip(TABS) {
                li { a href={ "/message?id=" (id) "&tab=" (name) } data-tab=(key) aria-current=[(name == tab).then_some("true")] { kbd aria-hidden="true" { (key) } " " (text) } }
            } }
        }
        (shown)
        (parts::command(&commands(id, tab), "POST /api/v1/messages/find, body, fields, raw, steps, difference"))
    };
    let title = format!(
        "{} - {} {}",
        disposition.replace('_', " "),
        detail.text("type"),
        parts::covered(visit, detail.text("control_id"))
    );
    Ok(Sheet::new(title, body).into())
}

fn commands(id: &str, tab: &str) -> Vec<String> {
    let flag = match tab {
        "raw" => " --raw",
        "fields" => " --fields",
        "steps" => " --steps",
        "diff" => " --diff DESTINATION",
        "history" => " --looks",
        _ => "",
    };
    vec![
        format!("hilum message {id}{flag}"),
        format!("hilum replay {id} --reason WHY"),
        format!("hilum edit {id} --file NEW.hl7 --reason WHY"),
    ]
}

fn heading(visit: &Visit, detail: &Value) -> Markup {
    let (id, channel) = (detail.text("id"), detail.text("channel"));
    let error = detail.text("error");
    html! {
        p.way {
            a href={ "/messages?channel=" (channel) } { "Messages of " (channel) }
            @if !detail.text("previous").is_empty() { " \u{b7} " a rel="prev" data-previous href={ "/message?id=" (detail.text("previous")) } { "Previous" } }
            @if !detail.text("next").is_empty() { " \u{b7} " a rel="next" data-next href={ "/message?id=" (detail.text("next")) } { "Next" } }
        }
        h1 { @if detail.text("control_id").is_empty() { "(no control id)" } @else { (parts::covered(visit, detail.text("control_id"))) } " " (detail.text("type")) " " (parts::state(detail.text("disposition"))) }
        p {
            "from " (detail.text("application")) "/" (detail.text("facility")) " \u{b7} "
            a href={ "/channel?name=" (channel) } { (channel) } " @ " code { (detail.text("revision").get(..8).unwrap_or("undecided")) }
            " \u{b7} " (parts::at(visit, detail.int("received_us"))) " \u{b7} " (parts::size(detail.int("bytes")))
            @if !detail.text("version").is_empty() { " \u{b7} version " (detail.text("version")) }
        }
        @if !detail.text("reason").is_empty() { p.outcome.warn { code { (detail.text("reason")) } @if !error.is_empty() { " " (parts::covered(visit, error)) } @else if detail.flag("errors_masked") { " " span.quiet { "the text needs the permission message.error" } } } }
        @if detail.int("lone_lf") > 0 { p.outcome.warn { (detail.int("lone_lf")) " line feeds stand where a segment seems to begin; " code { "lf_ends_segments = true" } " on the listener splits there." } }
        div.verbs {
            @if visit.may_in("message.replay", channel) { a.main data-verb="replay" href={ "/replay?ids=" (id) "&mode=raw" } { "Replay\u{2026}" } } @else { (parts::lacks("message.replay")) }
            @if visit.may_in("message.edit", channel) { " " a href={ "/message?id=" (id) "&tab=raw&edit=1" } { "Edit a copy\u{2026}" } }
            @if visit.may_in("message.body", channel) { " " a href={ "/bench?message=" (id) "&channel=" (channel) } { "Try it on the bench" } }
        }
    }
}

fn timeline(visit: &Visit, detail: &Value) -> Markup {
    html! {
        section.panel.timeline aria-labelledby="timeline-title" {
            h2 #timeline-title { "Timeline" }
            ol { @for one in detail.list("timeline") { li {
                time { (parts::clock(visit, one.int("at_us"))) } " "
                (one.text("text"))
            } } }
        }
    }
}

fn deliveries(visit: &Visit, detail: &Value) -> Markup {
    let all = detail.list("deliveries");
    html! {
        @if all.is_empty() { (parts::empty("It went nowhere.", html! { "The steps say why. " a href={ "/message?id=" (detail.text("id")) "&tab=steps" } { "Steps" } })) }
        @for one in all { (delivery(visit, detail, one)) }
    }
}

fn delivery(visit: &Visit, detail: &Value, one: &Value) -> Markup {
    let (channel, name) = (detail.text("channel"), one.text("destination"));
    let attempts = one.list("attempts");
    html! {
        section.panel {
            h2 { a href={ "/destination?channel=" (channel) "&name=" (name) } { (name) } @if one.int("part") > 1 { " part " (one.int("part")) } " " (parts::state(one.text("state"))) }
            @if !one.text("why").is_empty() { p { (refusal::sentence(one.text("why"))) } }
            @if !one.text("reason").is_empty() { p { code { (one.text("reason")) } " " (parts::covered(visit, one.text("error"))) } }
            @if let Some(next) = one.maybe_int("next_us") { p { "Next try " (parts::when(visit, Some(next))) "." } }
            @if !one.text("superseded_by").is_empty() { p { "Sent again as " a href={ "/message?id=" (one.text("superseded_by")) } { (one.text("superseded_by")) } "." } }
            @if !one.text("ack").is_empty() { p { "Ended by the acknowledgement " a href={ "/message?id=" (one.text("ack")) } { (one.text("ack")) } "." } }
            p { a href={ "/message?id=" (detail.text("id")) "&tab=raw&destination=" (name) } { "What was sent" } " \u{b7} "
                a href={ "/message?id=" (detail.text("id")) "&tab=diff&destination=" (name) } { "What differs from what was received" } }
            @if !attempts.is_empty() {
                div.wide tabindex="0" role="region" aria-label="Tries" { table.rows { caption { "Tries" }
                    thead { tr { th.number scope="col" { "Try" } th scope="col" { "When" } th scope="col" { "Who was asked" } th.number scope="col" { "Took" } th scope="col" { "How it ended" } th scope="col" { "Answer" } } }
                    tbody { @for attempt in attempts { tr {
                        th.number scope="row" { (attempt.int("number")) }
                        td { (parts::exact(visit, attempt.int("started_us"))) }
                        td { (attempt.text("peer")) }
                        td.number { (parts::short(attempt.int("duration_us"))) }
                        td { code { (attempt.text("code")) } " " (parts::covered(visit, attempt.text("error"))) }
                        td { @if attempt.flag("has_response") { a href={ "/message?id=" (detail.text("id")) "&tab=raw&delivery=" (one.text("id")) "&attempt=" (attempt.int("number")) } { "read it" } } @else { span.quiet { "none" } } }
                    } } }
                } }
            }
            @if !one.text("reproduce").is_empty() { details.command { summary { "Do the same by hand" } pre { code { (one.text("reproduce")) } } } }
        }
    }
}

async fn steps(visit: &Visit, id: &str) -> Result<Markup, console_api::Refusal> {
    let trace = visit.ask("/api/v1/messages/steps", &json!({ "id": id })).await?;
    Ok(html! {
        p { "By the revision that handled it. " strong { (trace.text("verdict")) } }
        (step_list(visit, trace.list("steps"), None))
    })
}

/// What each step did: whether it fired, by which values, what it changed.
pub fn step_list(visit: &Visit, steps: &[Value], channel: Option<&str>) -> Markup {
    html! {
        ol.steps { @for step in steps { li.{ "depth-" (step.int("depth").min(6)) } {
            p {
                code { (step.text("verb")) } " " (did(step.text("did")))
                @if let Some(line) = step.maybe_int("line") { " " @match channel { Some(name) => { a href={ "/channel?name=" (name) "#L" (line) } { "line " (line) } } None => { span.quiet { "line " (line) } } } }
                @if !step.text("part").is_empty() { " " span.quiet { (step.text("part")) } }
            }
            @for operand in step.list("operands") { p.operand { code { (operand.text("path")) } " is " @if operand.text("value").is_empty() { span.quiet { "empty" } } @else { code.value { (parts::covered(visit, operand.text("value"))) } } } }
            @for change in step.list("changes") { p.change { code { (change.text("path")) } " " del { (parts::covered(visit, change.text("before"))) } " \u{2192} " ins { (parts::covered(visit, change.text("after"))) } } }
            @for said in step.list("said").iter().filter_map(Value::as_str) { p.quiet { (parts::covered(visit, said)) } }
        } } }
    }
}

fn did(word: &str) -> Markup {
    let class = match word {
        "ran" => "good",
        "was not asked" => "idle",
        "stopped it here" => "warn",
        _ => "bad",
    };
    html! { span.state.(class) { (word) } }
}

fn history(visit: &Visit, detail: &Value) -> Markup {
    let (children, ancestors, looks) =
        (detail.list("children"), detail.list("ancestors"), detail.list("looks"));
    html! {
        h2 { "Where it comes from" }
        @if ancestors.is_empty() { p { "It came from a sender; nothing was before it." } } @else { (line(visit, ancestors)) }
        @if !detail.text("acknowledges").is_empty() { p { "It acknowledges " a href={ "/message?id=" (detail.text("acknowledges")) } { (detail.text("acknowledges")) } "." } }
        h2 { "What was made of it" }
        @if children.is_empty() { p { "No replay, no edited copy, no hop to another channel." } } @else { (line(visit, children)) }
        h2 { "Who has looked" }
        @if detail.flag("looks_masked") { (parts::lacks("audit.read")) }
        @else if looks.is_empty() { p { "Nobody has read its content so far." } }
        @else { div.wide tabindex="0" role="region" aria-label="The newest first" { table { caption { "The newest first" }
            thead { tr { th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "Why" } } }
            tbody { @for look in looks { tr {
                th scope="row" { (parts::exact(visit, look.int("at_us"))) }
                td { @if look.text("name").is_empty() { (look.text("actor")) } @else { (look.text("name")) } }
                td { code { (look.text("action")) } }
                td { @if look.text("reason").is_empty() { (look.text("purpose")) } @else { (look.text("reason")) } }
            } } }
        } } }
    }
}

fn line(visit: &Visit, messages: &[Value]) -> Markup {
    html! { ul.plain { @for one in messages { li {
        a href={ "/message?id=" (one.text("id")) } { (one.text("id")) } " " span.quiet { (one.text("origin")) " in " (one.text("channel")) } " " (parts::state(one.text("disposition"))) " " (parts::when(visit, one.maybe_int("received_us")))
    } } } }
}
