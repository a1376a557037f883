//! `hilum dead`, `replay` and `discard`: what failed, and what to do about it.

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::acts::{AsJob, Dead, Discard, Replay, Selection};
use crate::args::{Format, Target};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::{Table, time};

/// Runs `hilum dead`.
pub async fn list_groups(args: Dead) -> Outcome {
    if args.error.is_some() {
        return list_letters(args).await;
    }
    let filter = json!({ "channel": args.channel, "destination": args.destination });
    let answer = Api::of(&args.target)?.post("/api/v1/dead/search", &filter).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => show(&answer),
    }
    Ok(())
}

async fn list_letters(args: Dead) -> Outcome {
    let asked = json!({
        "channel": args.channel, "destination": args.destination, "error": args.error,
        "after": args.after, "limit": args.limit,
    });
    let answer = Api::of(&args.target)?.post("/api/v1/dead/letters", &asked).await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let mut table = Table::new(&["ID", "CONTROL ID", "TYPE", "RECEIVED", "DIED", "#TRIES"]);
    for letter in list(&answer, "letters") {
        table.row(vec![
            text(letter, "id").to_owned(),
            safe(text(letter, "control_id")),
            safe(text(letter, "type")),
            time(maybe(letter, "received_us")),
            time(maybe(letter, "died_us")),
            number(letter, "tries").to_string(),
        ]);
    }
    say::data(&table.render());
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        say::talk(&format!("more: `--after {next}`"));
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
    let api = Api::of(&args.target)?;
    if args.preview {
        request["rate_per_second"] = json!(args.job.rate);
        return preview(&api, "replay", &request, args.target.format).await;
    }
    request["token"] = json!(args.token);
    request["approval"] = json!(args.approval);
    if args.job.job {
        request["rate_per_second"] = json!(args.job.rate);
        return begin(&api, "replay", (request, &args.job), &args.target).await;
    }
    let answer = api.post("/api/v1/replay", &request).await?;
    report(&answer, args.target.format, "replayed")
}

/// Runs `hilum discard`.
pub async fn discard(args: Discard) -> Outcome {
    let request = select(&args.selection)?;
    let api = Api::of(&args.target)?;
    if args.queue {
        return empty(&api, &args).await;
    }
    if args.preview {
        return preview(&api, "discard", &request, args.target.format).await;
    }
    if args.job.job {
        return begin(&api, "discard", (request, &args.job), &args.target).await;
    }
    let answer = api.post("/api/v1/discard", &request).await?;
    report(&answer, args.target.format, "discarded")
}

/// Shows what would be done.
async fn preview(api: &Api, what: &str, request: &Value, format: Format) -> Outcome {
    let answer = api.post(&format!("/api/v1/{what}/preview"), request).await?;
    if format == Format::Text {
        say::data(&format!("would {what} {}\n", number(&answer, "count")));
        say::data(&format!("{}\n", text(&answer, "sentence")));
        if let Some(looked) = maybe(&answer, "looked") {
            let (differ, stay) = (number(&answer, "differ"), number(&answer, "would_not_go"));
            say::data(&format!(
                "of {looked} run through the revision in force {differ} would differ, and {stay} would not go\n"
            ));
        }
        return refusals(&answer);
    }
    say::data(&format!("{answer:#}\n"));
    refusals(&answer)
}

/// Begins a job and says its id.
async fn begin(
    api: &Api,
    kind: &str,
    (mut request, job): (Value, &AsJob),
    target: &Target,
) -> Outcome {
    request["count"] = json!(job.count);
    let answer = api.post(&format!("/api/v1/jobs/{kind}"), &request).await?;
    match target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => {
            say::data(&format!("{}\n", text(&answer, "id")));
            if answer.get("repeated").and_then(Value::as_bool) == Some(true) {
                say::talk("this token was used before: the job is the one of then");
            }
            say::talk("`hilum job wait` waits for it, `hilum job show` says what became of it");
        }
    }
    Ok(())
}

/// Ends what waits at a destination.
async fn empty(api: &Api, args: &Discard) -> Outcome {
    let request = json!({
        "channel": args.selection.channel, "destination": args.selection.destination,
        "count": args.job.count, "mark": args.mark, "reason": args.selection.reason,
    });
    let answer = api.post("/api/v1/destinations/discard", &request).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => match text(&answer, "job") {
            "" => {
                say::data(&format!("{} {}\n", text(&answer, "outcome"), number(&answer, "count")))
            }
            job => say::data(&format!("goes on as job {job}\n")),
        },
    }
    Ok(())
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
    refusals(answer)
}

fn refusals(answer: &Value) -> Outcome {
    let refused = list(answer, "refused");
    for refusal in refused {
        say::talk(&format!("refused {}: {}", text(refusal, "id"), text(refusal, "why")));
    }
    if refused.is_empty() { Ok(()) } else { Err(Failure::silent(Code::Problems)) }
}
