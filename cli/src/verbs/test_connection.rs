//! `hilum test-connection`: the way to a destination, as the running engine goes it.

use std::path::Path;

use serde_json::{Value, json};

use crate::answer::{list, safe, text};
use crate::api::Api;
use crate::args::{Format, TestConnection};
use crate::exit::{Code, Failure, Outcome};
use crate::load;
use crate::say;

/// Runs the verb.
pub async fn run(args: TestConnection) -> Outcome {
    let message = args.message.as_deref().map(message).transpose()?;
    let request = json!({
        "channel": args.channel, "destination": args.destination,
        "message": message, "reason": args.reason,
    });
    let answer = Api::of(&args.target)?.post("/api/v1/destinations/test", &request).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&render(&answer)),
    }
    match answer.get("ok").and_then(Value::as_bool) {
        Some(true) => Ok(()),
        Some(false) | None => Err(Failure::silent(Code::Problems)),
    }
}

/// The one message of a file.
fn message(file: &Path) -> Result<String, Failure> {
    let sources = load::read(&[file.to_owned()], false)?;
    let [source] = sources.as_slice() else {
        return Err(Failure::new(
            Code::Usage,
            format!("`{}` holds {} messages, and one is sent", file.display(), sources.len()),
        ));
    };
    String::from_utf8(source.template.as_is().to_vec())
        .map_err(|_| Failure::new(Code::Usage, format!("`{}` is not UTF-8", file.display())))
}

fn render(answer: &Value) -> String {
    let mut out = String::new();
    for step in list(answer, "steps") {
        let ok = step.get("ok").and_then(Value::as_bool).unwrap_or(false);
        let ms = step.get("ms").and_then(Value::as_f64).unwrap_or(0.0);
        let (mark, name) = (if ok { "ok    " } else { "FAILED" }, text(step, "step"));
        out.push_str(&format!("{mark}  {name:<8}  {ms:>8.1} ms  {}\n", safe(text(step, "text"))));
        for line in list(step, "detail") {
            out.push_str(&format!("{:30}{}\n", "", safe(line.as_str().unwrap_or(""))));
        }
    }
    if let Some(reply) = answer.get("answer").and_then(Value::as_str) {
        for segment in reply.split(['\r', '\n']).filter(|segment| !segment.is_empty()) {
            out.push_str(&format!("{}\n", safe(segment)));
        }
    }
    out
}
