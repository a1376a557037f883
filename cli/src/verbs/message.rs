//! `hilum message ID`: one message from bytes to disposition.

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::messages::Message;
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::{span, time};
use crate::verbs::page;

/// Runs the verb.
pub async fn run(args: Message) -> Outcome {
    let api = Api::of(&args.target)?;
    let found = api.post("/api/v1/messages/find", &json!({ "id": args.id })).await?;
    let id = text(&found, "id").to_owned();
    let reason = &args.reason;
    let (answer, shown): (Value, fn(&Value) -> String) = if args.body || args.sent.is_some() {
        let request = json!({ "id": id, "destination": args.sent, "reason": reason });
        (api.post("/api/v1/messages/body", &request).await?, body)
    } else if args.steps {
        let request = json!({ "id": id, "reason": reason });
        (api.post("/api/v1/messages/steps", &request).await?, steps)
    } else if args.fields {
        let request =
            json!({ "id": id, "destination": args.of, "show": args.show, "reason": reason });
        (api.post("/api/v1/messages/fields", &request).await?, page::fields)
    } else if args.raw {
        let request = json!({ "id": id, "destination": args.of, "reason": reason });
        (api.post("/api/v1/messages/raw", &request).await?, page::raw)
    } else if let Some(other) = &args.diff {
        let request = json!({
            "left": { "id": id }, "right": other_side(&api, &found, other).await?, "reason": reason,
        });
        (api.post("/api/v1/messages/difference", &request).await?, page::difference)
    } else if let Some(which) = &args.response {
        let odd = || Failure::new(Code::Usage, "`--response` takes a delivery and a try: `ID:1`");
        let (delivery, attempt) = which.rsplit_once(':').ok_or_else(odd)?;
        let attempt: u32 = attempt.parse().map_err(|_| odd())?;
        let request = json!({ "delivery": delivery, "attempt": attempt, "reason": reason });
        (api.post("/api/v1/messages/response", &request).await?, body)
    } else if args.timeline {
        (found, page::timeline)
    } else if args.looks {
        (found, page::looks)
    } else {
        (found, trace)
    };
    if let Some(file) = &args.to {
        return page::write(file, &answer);
    }
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&shown(&answer)),
    }
    Ok(())
}

/// What a message is compared with: what went to a destination of it, or another message.
async fn other_side(api: &Api, found: &Value, other: &str) -> Result<Value, Failure> {
    let mut deliveries = list(found, "deliveries").iter();
    if deliveries.any(|delivery| text(delivery, "destination") == other) {
        return Ok(json!({ "id": text(found, "id"), "destination": other }));
    }
    let other = api.post("/api/v1/messages/find", &json!({ "id": other })).await?;
    Ok(json!({ "id": text(&other, "id") }))
}

/// The body a segment a line; control characters shown as what they are.
fn body(answer: &Value) -> String {
    let mut out = String::new();
    let mut previous = ' ';
    for c in text(answer, "text").chars() {
        match c {
            '\n' if previous == '\r' => {}
            '\r' | '\n' => out.push('\n'),
            c if c.is_control() => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            c => out.push(c),
        }
        previous = c;
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn trace(message: &Value) -> String {
    let mut out = format!(
        "{}  {}  {}\n",
        text(message, "id"),
        safe(text(message, "type")),
        text(message, "disposition").to_uppercase().replace('_', " ")
    );
    let from = format!("{}/{}", text(message, "application"), text(message, "facility"));
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            out.push_str(&format!("{name:<14}{value}\n"));
        }
    };
    line("channel", format!("{} (number {})", text(message, "channel"), number(message, "seq")));
    line("revision", text(message, "revision").to_owned());
    line("control id", safe(text(message, "control_id")));
    line("from", format!("{} at {}", safe(&from), text(message, "peer")));
    line("batch", safe(text(message, "batch")));
    line("origin", text(message, "origin").to_owned());
    line(made_from(text(message, "origin")), text(message, "parent").to_owned());
    line("acknowledges", text(message, "acknowledges").to_owned());
    line("bytes", number(message, "bytes").to_string());
    line("reason", safe(text(message, "reason")));
    line("error", safe(text(message, "error")));
    for child in list(message, "children") {
        let (name, id) = (made_into(text(child, "origin")), text(child, "id"));
        line(name, format!("{id} in {} ({})", text(child, "channel"), text(child, "disposition")));
    }
    out.push('\n');
    out.push_str(&timeline(message));
    out
}

/// What a message is to the one that it was made from.
fn made_from(origin: &str) -> &'static str {
    match origin {
        "replay" => "replay of",
        "channel" => "handed on from",
        "acknowledgement" => "answer to",
        _ => "made from",
    }
}

/// What a message has become another one by.
fn made_into(origin: &str) -> &'static str {
    match origin {
        "replay" => "replayed as",
        "channel" => "handed on as",
        "acknowledgement" => "answered by",
        _ => "made into",
    }
}

/// Everything that happened, in the order it happened.
fn timeline(message: &Value) -> String {
    let received = number(message, "received_us");
    let came = match text(message, "peer") {
        "" => "made".to_owned(),
        peer => format!("received from {peer}"),
    };
    let mut events = vec![(received, came)];
    match text(message, "ack_code") {
        "" => {}
        code => events.push((received, format!("on disk, then {code} sent"))),
    }
    let mut ends = String::new();
    for delivery in list(message, "deliveries") {
        let name = safe(text(delivery, "destination"));
        let part = match number(delivery, "part") {
            0 | 1 => String::new(),
            part => format!(" part {part}"),
        };
        for attempt in list(delivery, "attempts") {
            events
                .push((number(attempt, "started_us"), format!("{name}{part}: {}", tried(attempt))));
        }
        ends.push_str(&format!("{:<26}{}{part}: {}", "", name, text(delivery, "state")));
        for (label, value) in
            [("reason", text(delivery, "reason")), ("error", text(delivery, "error"))]
        {
            if !value.is_empty() {
                ends.push_str(&format!(", {label} {}", safe(value)));
            }
        }
        if let Some(next) = maybe(delivery, "next_us") {
            ends.push_str(&format!(", next try {}", time(Some(next))));
        }
        if !text(delivery, "ack").is_empty() {
            ends.push_str(&format!(", acknowledged by {}", text(delivery, "ack")));
        }
        if !text(delivery, "superseded_by").is_empty() {
            ends.push_str(&format!(", replayed as {}", text(delivery, "superseded_by")));
        }
        ends.push_str(&format!(" (delivery {})\n", text(delivery, "id")));
    }
    events.sort_by_key(|(at, _)| *at);
    let mut out: String =
        events.iter().map(|(at, what)| format!("{}  {what}\n", time(Some(*at)))).collect();
    out.push_str(&ends);
    out
}

fn tried(attempt: &Value) -> String {
    let mut out = format!(
        "attempt {} at {}: {} in {}",
        number(attempt, "number"),
        text(attempt, "peer"),
        text(attempt, "code"),
        span(number(attempt, "duration_us") / 1000)
    );
    if !text(attempt, "error").is_empty() {
        out.push_str(&format!(" ({})", safe(text(attempt, "error"))));
    }
    out
}

fn steps(answer: &Value) -> String {
    let mut out = String::new();
    for note in list(answer, "steps") {
        let indent = "  ".repeat(usize::try_from(number(note, "depth")).unwrap_or(0));
        let place = match maybe(note, "step") {
            Some(step) => format!("{} {step} (line {})", text(note, "part"), number(note, "line")),
            None => text(note, "part").to_owned(),
        };
        let place = match maybe(note, "number") {
            Some(part) => format!("part {part}, {place}"),
            None => place,
        };
        out.push_str(&format!("{indent}{place}: {} {}\n", text(note, "verb"), text(note, "did")));
        for operand in list(note, "operands") {
            out.push_str(&format!(
                "{indent}    {} = {}\n",
                text(operand, "path"),
                value(operand, "value")
            ));
        }
        for change in list(note, "changes") {
            let (before, after) = (value(change, "before"), value(change, "after"));
            out.push_str(&format!("{indent}    {}: {before} -> {after}\n", text(change, "path")));
        }
        for said in list(note, "said").iter().filter_map(Value::as_str) {
            out.push_str(&format!("{indent}    says: {}\n", safe(said)));
        }
    }
    out.push_str(&format!("verdict: {}\n", text(answer, "verdict")));
    out
}

fn value(object: &Value, name: &str) -> String {
    match object.get(name).and_then(Value::as_str) {
        Some(text) => format!("\"{}\"", safe(text)),
        None => "(not there)".to_owned(),
    }
}
