//! The test bench: a message on the left, the steps in the middle, what comes out on the right.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::pages::{difference, message};
use crate::parts;
use crate::refusal::sentence;
use crate::router::{Outcome, Sheet};
use crate::value::Get;
use crate::visit::Visit;

/// Shows it; what was sent is run.
pub async fn show(visit: &Visit) -> Outcome {
    let channels = visit.ask("/api/v1/channels", &Value::Null).await?;
    let names: Vec<&str> = channels.list("channels").iter().map(|one| one.text("name")).collect();
    let channel = Some(visit.field("channel"))
        .filter(|name| !name.is_empty())
        .or(names.first().copied())
        .unwrap_or("");
    let file = match channel.is_empty() {
        true => None,
        false => {
            visit.ask_if_allowed("/api/v1/channels/file", &json!({ "channel": channel })).await
        }
    };
    let file = file.unwrap_or_default();
    let (text, message) = (text(visit, &file), given(visit).await?);
    let result = match (visit.is_post, message.is_empty()) {
        (true, false) => Some(run(visit, channel, &text, &message).await),
        _ => None,
    };
    let body = html! {
        h1 { "Test bench" }
        @if names.is_empty() { (parts::empty("There is no channel to try.", html! { a href="/channels" { "Channels" } })) } @else {
            form #bench data-bench method="post" action="/bench" {
                (parts::csrf(visit))
                div.row {
                    label for="bench-channel" { "Channel" }
                    select #bench-channel name="channel" { @for name in &names { option value=(name) selected[*name == channel] { (name) } } }
                    button.main name="do" value="run" { "Run" }
                    button name="do" value="load" { "Take the channel's own text" }
                    span.quiet { "Nothing is sent and nothing is stored." }
                }
                div.bench {
                    section aria-labelledby="bench-message-title" {
                        h2 #bench-message-title { label for="bench-message" { "Message, a segment a line" } }
                        textarea #bench-message .hl7 name="text" rows="16" spellcheck="false" wrap="off" { (message.replace("\r\n", "\n").replace('\r', "\n")) }
                        p { label for="bench-file" { "or a file" } " " input #bench-file type="file" data-into="bench-message"; }
                    }
                    section aria-labelledby="bench-text-title" {
                        h2 #bench-text-title { label for="bench-text" { "Channel text" } }
                        textarea #bench-text .toml name="file" rows="16" spellcheck="false" wrap="off" { (text) }
                    }
                }
                div #bench-result aria-live="polite" { @match &result {
                    None => { p.quiet { "Put a message in, and run it: each step says what it did, and why." } }
                    Some(Ok(found)) => { (shown(visit, found)) }
                    Some(Err(why)) => { (not_run(why)) }
                } }
            }
            (keep(visit, channel, &text, &message, &file, result.as_ref().is_some_and(Result::is_ok)))
        }
        (parts::command(&[format!("hilum run {channel} MESSAGE.hl7"), "hilum test --watch".to_owned(), "hilum make-test ID".to_owned()], "POST /api/v1/bench/run, /api/v1/bench/save"))
    };
    Ok(Sheet::new("Test bench", body).into())
}

/// The text of the channel: what was typed, else what is in force.
fn text(visit: &Visit, file: &Value) -> String {
    let own = if file.text("file").is_empty() { file.text("running") } else { file.text("file") };
    let typed = visit
        .fields
        .iter()
        .find(|(name, _)| name == "file")
        .map(|(_, text)| text.replace("\r\n", "\n"));
    typed.filter(|_| visit.is_post && visit.field("do") != "load").unwrap_or_else(|| own.to_owned())
}

/// The message: what was typed, else that of the store.
async fn given(visit: &Visit) -> Result<String, console_api::Refusal> {
    if visit.is_post {
        return Ok(visit.field("text").to_owned());
    }
    let id = visit.field("message");
    if id.is_empty() {
        return Ok(String::new());
    }
    let body = visit.ask("/api/v1/messages/body", &json!({ "id": id })).await?;
    Ok(if visit.masked { String::new() } else { body.text("text").to_owned() })
}

async fn run(
    visit: &Visit,
    channel: &str,
    text: &str,
    message: &str,
) -> Result<Value, console_api::Refusal> {
    let message = message.replace("\r\n", "\r").replace('\n', "\r");
    visit
        .ask(
            "/api/v1/bench/run",
            &json!({ "channel": channel, "text": text, "message": { "text": message } }),
        )
        .await
}

fn not_run(why: &console_api::Refusal) -> Markup {
    html! {
        section.panel.refused role="alert" {
            h2 { (sentence(&why.title)) }
            @if let Some(detail) = &why.detail { pre { (detail) } }
            @if let Some(hint) = &why.hint { p { (sentence(hint)) } }
            p { "Change the message or the text above; it is run again." }
        }
    }
}

fn shown(visit: &Visit, found: &Value) -> Markup {
    let problems = found.list("diagnostics");
    let run = found.member("run");
    html! {
        @if !problems.is_empty() {
            section.panel.refused { h2 { "The text has " (problems.len()) @if problems.len() == 1 { " problem" } @else { " problems" } }
                ul { @for one in problems { (problem(one)) } }
            }
        }
        @if run.is_null() { p { "It is run again when the text has no error." } } @else {
            div.bench {
                section { h2 { "Steps" } p { (fate(visit, run)) } (message::step_list(visit, run.list("steps"), None)) }
                section { h2 { "What comes out" }
                    @let outputs = run.list("outputs");
                    @if outputs.is_empty() { p { "Nothing is sent." } }
                    @for one in outputs { (output(visit, one)) }
                    h2 { "The acknowledgement" }
                    @match run.member("ack") {
                        Value::Null => { p.quiet { "None is sent." } }
                        Value::String(text) => { pre.hl7 { code { (parts::covered(visit, text.replace('\r', "\n").trim_end())) } } }
                        other => { pre.hl7 { code { (parts::covered(visit, &acknowledgement(other))) } } }
                    }
                }
            }
        }
    }
}

/// What an acknowledgement says, member by member.
fn acknowledgement(ack: &Value) -> String {
    let members = ack.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    members
        .map(|(name, value)| {
            format!("{name}: {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn problem(one: &Value) -> Markup {
    let text = ["text", "title", "message", "sentence"]
        .iter()
        .map(|name| one.text(name))
        .find(|text| !text.is_empty());
    html! { li {
        code { (one.text("code")) } @if let Some(line) = one.maybe_int("line") { " line " (line) ", column " (one.int("column")) } ": "
        (sentence(text.unwrap_or("")))
        @let help = if one.text("help").is_empty() { one.text("hint") } else { one.text("help") };
        @if !help.is_empty() { " " (sentence(help)) }
    } }
}

/// What becomes of the message, and by which step.
fn fate(visit: &Visit, run: &Value) -> Markup {
    html! {
        (parts::state(run.text("disposition")))
        @if let Some(line) = run.maybe_int("line") { " by the step in line " (line) }
        @if !run.text("error").is_empty() { ": " (parts::covered(visit, run.text("error"))) }
        @else if !run.text("reason").is_empty() { " (" (run.text("reason")) ")" }
    }
}

fn output(visit: &Visit, one: &Value) -> Markup {
    html! {
        article {
            h3 { (one.text("destination")) @if one.int("part") > 1 { " part " (one.int("part")) } }
            @if !one.text("error").is_empty() { p.outcome.bad { (sentence(one.text("error"))) } }
            @let differs = one.list("differences");
            @if differs.is_empty() && !one.text("text").is_empty() { p.quiet { "Byte for byte as it came." } } @else if !differs.is_empty() { (difference::table(visit, &json!({ "differences": differs }))) }
            details { summary { "The whole of it" } pre.hl7 { code { (parts::covered(visit, one.text("text").replace('\r', "\n").trim_end())) } } }
        }
    }
}

/// Saving as a test, and the text into the channel's file, where the site allows edits from pages.
fn keep(
    visit: &Visit,
    channel: &str,
    text: &str,
    message: &str,
    file: &Value,
    ran: bool,
) -> Markup {
    if !file.flag("edits") {
        return html! { p.quiet { "This site takes no edits from pages: " code { "edits = \"files\"" } " under " code { "[api]" } " in server.toml allows them." } };
    }
    let message = message.replace("\r\n", "\r").replace('\n', "\r");
    html! {
        @if ran {
            details.act { summary { "Save as a test\u{2026}" }
                form.panel method="post" action="/act" {
                    (parts::asks(visit, "/api/v1/bench/save", &format!("/bench?channel={channel}"))) (parts::hidden("channel", channel))
                    input type="hidden" name="message" value=(message);
                    p { label for="test-name" { "Name of the test" } input #test-name name="name" required pattern="[a-z0-9][a-z0-9-]*"; }
                    p { (parts::reason("test-why")) }
                    p.quiet { "People are taken out of the message first." }
                    p { button.main { "Save" } }
                }
            }
        }
        details.act { summary { "Write the text into the channel's file\u{2026}" }
            form.panel method="post" action="/act" {
                (parts::asks(visit, "/api/v1/channels/edit", &format!("/apply?channels={channel}"))) (parts::hidden("channel", channel))
                input type="hidden" name="text" value=(text) data-from="bench-text"; (parts::hidden("expected_hash", file.text("hash")))
                p { (parts::reason("write-why")) }
                p { button.main { "Write it, then see what differs" } }
            }
        }
    }
}
