//! The fields of a message as a tree, with the names of its version.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::parts;
use crate::value::Get;
use crate::visit::Visit;

/// What can be shown: name in the address, name on the page.
const SHOWN: [(&str, &str); 3] =
    [("populated", "With a value"), ("all", "All"), ("noted", "With a note")];

/// Shows them.
pub async fn show(visit: &Visit, detail: &Value) -> Result<Markup, console_api::Refusal> {
    let id = detail.text("id");
    let which = SHOWN
        .iter()
        .find(|(name, _)| *name == visit.field("show"))
        .map_or("populated", |(name, _)| *name);
    let destination = Some(visit.field("destination")).filter(|name| !name.is_empty());
    let tree = visit
        .ask(
            "/api/v1/messages/fields",
            &json!({ "id": id, "destination": destination, "show": which }),
        )
        .await?;
    let segments = tree.list("segments");
    Ok(html! {
        nav.tabs aria-label="Which fields" { ul { @for (name, text) in SHOWN { li { a href={ "/message?id=" (id) "&tab=fields&show=" (name) } aria-current=[(name == which).then_some("true")] { (text) } } } } }
        p { label for="jump" { "Go to a field, such as PID-5" } " " input #jump data-jump autocomplete="off" spellcheck="false"; }
        @if segments.is_empty() { (parts::empty("No field is like that.", html! { a href={ "/message?id=" (id) "&tab=fields&show=all" } { "Show all" } })) }
        div.tree { @for segment in segments {
            details open {
                summary { code { (segment.text("name")) } " " (segment.text("title")) @if segment.int("index") > 1 { " " span.quiet { (segment.int("index")) } } }
                @for field in segment.list("fields") { (node(visit, field)) }
            }
        } }
    })
}

/// A field, a repetition, a component; and what is within it.
fn node(visit: &Visit, one: &Value) -> Markup {
    let within = ["repetitions", "components", "subcomponents", "parts"].map(|name| one.list(name));
    let within: Vec<&Value> = within.into_iter().flatten().collect();
    html! {
        @if within.is_empty() { div.leaf data-path=(one.text("path")) { (line(visit, one)) } }
        @else { details open[within.len() <= 4] data-path=(one.text("path")) { summary { (line(visit, one)) } @for part in within { (node(visit, part)) } } }
    }
}

fn line(visit: &Visit, one: &Value) -> Markup {
    let folded = one.member("folded");
    let value = one.text("value");
    html! {
        code.path { (one.text("path")) } " " span.title { (one.text("title")) } " "
        @if !one.text("type").is_empty() { span.quiet { (one.text("type")) @if one.flag("required") { " required" } } " " }
        @if !folded.is_null() { span.quiet { (folded.text("type")) ", " (parts::size(folded.int("bytes"))) ", folded" } }
        @else if !value.is_empty() { code.value { (parts::covered(visit, value)) } }
        @if !one.text("table_meaning").is_empty() { " " span { (one.text("table_meaning")) } }
        @if !one.text("note").is_empty() { " " span.state.warn { (one.text("note")) } }
    }
}
