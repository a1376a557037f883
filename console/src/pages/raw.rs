//! The bytes of a message, a segment a line, with the name of the field under the pointer; and the edited copy.

use maud::{Markup, html};
use serde_json::{Value, json};

use crate::pages::replay::token;
use crate::parts;
use crate::value::Get;
use crate::visit::Visit;

/// Shows what was received, what was sent, or what was answered.
pub async fn show(visit: &Visit, detail: &Value) -> Result<Markup, console_api::Refusal> {
    let id = detail.text("id");
    if !visit.field("delivery").is_empty() {
        return response(visit).await;
    }
    let destination = Some(visit.field("destination")).filter(|name| !name.is_empty());
    let asked = json!({ "id": id, "destination": destination });
    if visit.field("edit") == "1" {
        let body = visit.ask("/api/v1/messages/body", &asked).await?;
        return Ok(editor(visit, detail, &body));
    }
    let raw = visit.ask("/api/v1/messages/raw", &asked).await?;
    Ok(html! {
        p { @match destination { Some(name) => { "As it was sent to " strong { (name) } ". " a href={ "/message?id=" (id) "&tab=raw" } { "As it was received" } } None => { "As it was received." } }
            " " a href={ (visit.here) "&hex=1" } { "Hexadecimal" } }
        (lines(visit, &raw))
        @if visit.field("hex") == "1" { @if visit.masked { p { "Covered." } } @else { pre.hex { (hex(raw.text("hex"))) } } }
    })
}

/// The lines, each field a part that can be pointed at.
pub fn lines(visit: &Visit, raw: &Value) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label="The message, a segment a line" {
            ol.hl7 data-hl7 { @for line in raw.list("lines") { li { (segment(visit, line)) } } }
        }
        p #field-name .field-name role="status" { "Point at a field, or move to it with the arrow keys, and its name stands here." }
    }
}

fn segment(visit: &Visit, line: &Value) -> Markup {
    let text = line.text("text");
    let characters: Vec<char> = text.chars().collect();
    let part = |from: usize, to: usize| {
        characters
            .get(from..to.min(characters.len()))
            .map(|all| all.iter().collect::<String>())
            .unwrap_or_default()
    };
    let mut at = 0;
    let mut pieces: Vec<Markup> = Vec::new();
    for span in line.list("spans") {
        let (start, end) = (
            usize::try_from(span.int("start")).unwrap_or(0),
            usize::try_from(span.int("end")).unwrap_or(0),
        );
        if start < at || end < start {
            continue;
        }
        pieces.push(html! { span.delimiter { (visible(&part(at, start))) } });
        let value = part(start, end);
        pieces.push(html! { span.field data-path=(span.text("path")) data-name=(span.text("name")) { (visible(parts::covered(visit, &value))) } });
        at = end;
    }
    pieces.push(html! { span.delimiter { (visible(&part(at, characters.len()))) } });
    html! { code { @for piece in pieces { (piece) } } }
}

/// Characters that cannot be seen, as pictures of them.
fn visible(text: &str) -> String {
    let picture = |c: char| match c {
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' => '\u{fffd}',
        other => other,
    };
    text.chars().map(picture).collect()
}

/// Sixteen bytes a line.
fn hex(digits: &str) -> String {
    let bytes: Vec<&str> =
        digits.as_bytes().chunks(2).filter_map(|pair| std::str::from_utf8(pair).ok()).collect();
    let lines = bytes
        .chunks(16)
        .enumerate()
        .map(|(row, line)| format!("{:06x}  {}", row * 16, line.join(" ")));
    lines.collect::<Vec<_>>().join("\n")
}

async fn response(visit: &Visit) -> Result<Markup, console_api::Refusal> {
    let attempt = visit.field("attempt").parse::<u64>().unwrap_or(1);
    let asked = json!({ "delivery": visit.field("delivery"), "attempt": attempt });
    let answer = visit.ask("/api/v1/messages/response", &asked).await?;
    let text = answer.text("text").replace('\r', "\n");
    Ok(html! {
        h2 { "What the receiver answered" }
        pre.hl7 { code { (visible(parts::covered(visit, text.trim_end())).replace('\u{240a}', "\n")) } }
    })
}

fn editor(visit: &Visit, detail: &Value, body: &Value) -> Markup {
    let id = detail.text("id");
    let text = body.text("text").replace("\r\n", "\n").replace('\r', "\n");
    html! {
        @if visit.masked { p.outcome.warn { "Values are covered; uncover them to edit a copy." } } @else {
            form.panel method="post" action="/act" {
                (parts::asks(visit, "/api/v1/messages/edit", "/message?id={id}"))
                (parts::hidden("id", id)) (parts::hidden("token", &token()))
                label for="copy" { "The copy, a segment a line" }
                textarea #copy .hl7 name="text" rows="18" spellcheck="false" wrap="off" { (text) }
                fieldset { legend { "Where it goes" }
                    p.quiet { "None chosen: it goes through the channel as if it had just come in." }
                    @for one in detail.list("deliveries") { label { input type="checkbox" name="destinations" value=(one.text("destination")); " " (one.text("destination")) } }
                }
                p { (parts::reason("edit-why")) }
                p { button.main { "Send the copy" } " " a href={ "/message?id=" (id) } { "Leave it" } }
                p.quiet { "The message itself stays as it is; the copy is a new one that is linked to it." }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_cannot_be_seen_stays_unseen() {
        assert_eq!(visible("a\u{b}b\u{202e}c\u{0}"), "a\u{240b}b\u{fffd}c\u{2400}");
        assert_eq!(hex("4d5348"), "000000  4d 53 48");
    }
}
