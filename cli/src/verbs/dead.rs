//! `hilum dead`, `replay` and `discard`: what failed, and what to do about it.

use serde_json::{Value, json};

use crate::answer::{list, number, safe, text};
use crate::api::Api;
use crate::args::{Dead, Discard, Format, Replay, Selection};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::{Table, time};

/// Runs `hilum dead`.
pub async fn list_groups(args: Dead) -> Outcome {
    let filter = json!({ "channel": args.channel, "destination": args.destination });
    let answer = Api::of(&args.target)?.post("/api/v1/dead/search", &filter).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => show(&answer),
    }
    Ok(())
}

fn show(answer: &Value) {
    let groups = list(answer, "groups");
    if groups.is_empty() {
        say::talk("no dead letters");
        return;
    }
    let mut table =
        Table::new(&["DESTINATION", "#COUNT", "ERROR", "CODE", "FIRST", "LAST", "SAMPLE"]);
    for group in groups {
        let destination = match text(group, "destination") {
            "" => text(group, "channel").to_owned(),
            name => format!("{}/{name}", text(group, "channel")),
        };
        table.row(vec![
            destination,
            number(group, "count").to_string(),
            text(group, "error").to_owned(),
            safe(text(group, "code")),
            time(Some(number(group, "first_us"))),
            time(Some(number(group, "last_us"))),
            text(group, "sample").to_owned(),
        ]);
    }
    say::data(&table.render());
    say::talk(
        "hint: `hilum message ID` shows one; `hilum replay --channel C --destination D --error E -m REASON` sends a group again",
    );
}

/// Runs `hilum replay`.
pub async fn replay(args: Replay) -> Outcome {
    let mut request = select(&args.selection)?;
    request["mode"] = json!(if args.raw { "raw" } else { "as_sent" });
    request["destinations"] = json!(args.to);
    request["token"] = json!(args.token);
    request["preview"] = json!(args.preview);
    request["approval"] = json!(args.approval);
    let answer = Api::of(&args.target)?.post("/api/v1/replay", &request).await?;
    report(&answer, args.target.format, if args.preview { "would replay" } else { "replayed" })
}

/// Runs `hilum discard`.
pub async fn discard(args: Discard) -> Outcome {
    let request = select(&args.selection)?;
    let answer = Api::of(&args.target)?.post("/api/v1/discard", &request).await?;
    report(&answer, args.target.format, "discarded")
}

fn select(selection: &Selection) -> Result<Value, Failure> {
    if selection.ids.is_empty() && selection.channel.is_none() {
        return Err(Failure::new(Code::Usage, "name ids, or a group with `--channel`"));
    }
    Ok(json!({
        "ids": selection.ids, "channel": selection.channel, "destination": selection.destination,
        "error": selection.error, "reason": selection.reason,
    }))
}

fn report(answer: &Value, format: Format, done: &str) -> Outcome {
    match format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => {
            say::data(&format!("{done} {}\n", number(answer, "count")));
            for new in list(answer, "messages").iter().take(20) {
                say::data(&format!("{}\n", new.as_str().unwrap_or("")));
            }
            if answer.get("repeated").and_then(Value::as_bool) == Some(true) {
                say::talk(
                    "this token was used before: nothing was done now, the answer is the one of then",
                );
            }
        }
    }
    let refused = list(answer, "refused");
    for refusal in refused {
        say::talk(&format!("refused {}: {}", text(refusal, "id"), text(refusal, "why")));
    }
    if refused.is_empty() { Ok(()) } else { Err(Failure::silent(Code::Problems)) }
}
