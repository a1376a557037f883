//! `hilum retention`: how long messages stay, what is over, and what must stay.

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::retention::{Hold, Lift, Retention, RetentionVerb};
use crate::args::{Execute, Format, Query};
use crate::begun::{Known, ended};
use crate::exit::Outcome;
use crate::say;
use crate::table::{Table, time};

const ALL: &str = "/api/v1/retention";

/// Runs the verb.
pub async fn run(args: Retention) -> Outcome {
    match args.verb {
        RetentionVerb::Status(query) => status(&query).await,
        RetentionVerb::Run(args) => take(&args).await,
        RetentionVerb::Shorten(args) => shorten(&args).await,
        RetentionVerb::Hold(args) => hold(&args).await,
        RetentionVerb::Lift(args) => lift(&args).await,
    }
}

async fn status(query: &Query) -> Outcome {
    let answer = Api::of(&query.target)?.get(ALL).await?;
    show(&answer, query.target.format);
    Ok(())
}

fn show(answer: &Value, format: Format) {
    match format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&page(answer)),
    }
}

async fn take(args: &Execute) -> Outcome {
    let api = Api::of(&args.target)?;
    if !args.execute {
        let answer = api.get(ALL).await?;
        show(&answer, args.target.format);
        if args.target.format == Format::Text {
            say::talk("nothing was changed; `--execute` with a reason takes out what is over");
        }
        return Ok(());
    }
    let asked = json!({ "reason": args.reason, "approval": args.approval });
    let begun = api.post("/api/v1/retention/run", &asked).await?;
    let begun_us = number(&begun, "begun_us");
    let mut progress = say::Progress::new("purging");
    let known = Known { path: ALL, last: "/last", running: "/running" };
    let last = ended(&api, &known, begun_us, |answer| {
        if let Some(running) = answer.get("running").filter(|running| !running.is_null()) {
            progress.show(number(running, "done"), number(running, "all"));
        }
    });
    let last = last.await?;
    drop(progress);
    match args.target.format {
        Format::Json => say::data(&format!("{last:#}\n")),
        Format::Text => say::data(&cleared(last.get("cleared").unwrap_or(&Value::Null))),
    }
    Ok(())
}

fn cleared(cleared: &Value) -> String {
    let mut page = String::new();
    for one in list(cleared, "channels") {
        let (bodies, messages) = (number(one, "bodies"), number(one, "messages"));
        let mut line = format!(
            "{}: the bodies of {bodies} messages and {messages} messages left",
            safe(text(one, "channel"))
        );
        match number(one, "keys") {
            0 => {}
            1 => line.push_str("; the key of a day was destroyed"),
            keys => line.push_str(&format!("; {keys} keys of days were destroyed")),
        }
        if text(one, "standstill") == "legal_hold" {
            line.push_str("; a legal hold is in force");
        }
        page.push_str(&format!("{line}\n"));
    }
    if page.is_empty() {
        page.push_str("nothing was over\n");
    }
    let size = |name| cleared.get(name).map_or(0, |size| number(size, "bytes"));
    let (before, after) = (size("before"), size("after"));
    page.push_str(&format!(
        "the store takes {}, {} less than before\n",
        mib(after),
        mib((before - after).max(0))
    ));
    page
}

async fn shorten(args: &Execute) -> Outcome {
    let api = Api::of(&args.target)?;
    if !args.execute {
        let answer = api.get(ALL).await?;
        match args.target.format {
            Format::Json => say::data(&format!("{answer:#}\n")),
            Format::Text => say::data(&shorter(&answer)),
        }
        return Ok(());
    }
    let asked = json!({ "reason": args.reason, "approval": args.approval });
    let answer = api.post("/api/v1/retention/shorten", &asked).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => {
            for channel in list(&answer, "channels").iter().filter_map(Value::as_str) {
                say::data(&format!("{}\n", safe(channel)));
            }
        }
    }
    Ok(())
}

fn shorter(answer: &Value) -> String {
    let is_shorter = |one: &&Value| one.get("is_shorter") == Some(&Value::Bool(true));
    let mut page = String::new();
    for one in list(answer, "channels").iter().filter(is_shorter) {
        let words = |name| one.get(name).map(periods).unwrap_or_default();
        page.push_str(&format!(
            "{}: {} instead of {}\n",
            safe(text(one, "channel")),
            words("asked").join(", "),
            words("in_force").join(", "),
        ));
    }
    if page.is_empty() { "server.toml asks for no shorter periods\n".to_owned() } else { page }
}

async fn hold(args: &Hold) -> Outcome {
    let asked = json!({ "channel": args.channel, "reason": args.reason });
    let answer = Api::of(&args.target)?.post("/api/v1/retention/hold", &asked).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&format!("{}\n", text(&answer, "id"))),
    }
    Ok(())
}

async fn lift(args: &Lift) -> Outcome {
    let asked = json!({ "id": args.id, "reason": args.reason });
    Api::of(&args.target)?.post("/api/v1/retention/lift", &asked).await?;
    say::talk("lifted; what is over leaves with the next purge");
    Ok(())
}

fn page(answer: &Value) -> String {
    let mut table = Table::new(&[
        "CHANNEL",
        "BODIES",
        "DEAD LETTERS",
        "MESSAGES",
        "BODIES OVER",
        "OF",
        "KEPT",
        "MESSAGES OVER",
        "OF",
    ]);
    for one in list(answer, "channels") {
        let in_force = one.get("in_force").filter(|periods| !periods.is_null());
        let mut row = vec![safe(text(one, "channel"))];
        row.extend(periods(in_force.unwrap_or_else(|| one.get("asked").unwrap_or(&Value::Null))));
        let due = one.get("due").unwrap_or(&Value::Null);
        row.extend(
            ["bodies", "with_bodies", "kept", "messages", "all"]
                .map(|name| number(due, name).to_string()),
        );
        table.row(row);
    }
    let mut page = table.render();
    let size = answer.get("size").unwrap_or(&Value::Null);
    page.push_str(&format!(
        "\nthe store takes {}, of which nothing is in {}\n",
        mib(number(size, "bytes")),
        mib(number(size, "free"))
    ));
    if answer.get("needs_a_person") == Some(&Value::Bool(true)) {
        page.push_str("more than a quarter of the bodies is over, which does not leave by itself: if the clock is right, `hilum retention run --execute` takes it out\n");
    }
    if list(answer, "channels").iter().any(|one| one.get("is_shorter") == Some(&Value::Bool(true)))
    {
        page.push_str("server.toml asks for shorter periods, which are not in force: `hilum retention shorten`\n");
    }
    for hold in list(answer, "holds").iter().filter(|hold| maybe(hold, "lifted_us").is_none()) {
        let of = match text(hold, "channel") {
            "" => "nothing leaves".to_owned(),
            channel => format!("nothing of {} leaves", safe(channel)),
        };
        page.push_str(&format!(
            "LEGAL HOLD {} since {} by {}: {of}: {}\n",
            text(hold, "id"),
            time(maybe(hold, "placed_us")),
            safe(text(hold, "placed_by")),
            safe(text(hold, "reason")),
        ));
    }
    page
}

/// How long bodies, dead letters and messages stay.
fn periods(periods: &Value) -> Vec<String> {
    const DAY_US: i64 = 86_400 * 1_000_000;
    let days = |name| format!("{} d", number(periods, name) / DAY_US);
    let mut bodies = days("bodies_us");
    if let Some(max) = maybe(periods, "bodies_max") {
        bodies.push_str(&format!(" or {}", mib(max)));
    }
    vec![bodies, days("dead_letters_us"), days("messages_us")]
}

fn mib(bytes: i64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
