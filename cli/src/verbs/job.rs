//! `hilum job`: long replays and discards.

use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, text};
use crate::api::Api;
use crate::args::acts::{Job, JobVerb, OneJob};
use crate::args::{Format, Query};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::Table;

/// How often a job is looked at that somebody waits for.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Outcomes that are read in one go.
const PAGE: i64 = 500;

/// Runs the verb.
pub async fn run(args: Job) -> Outcome {
    match args.verb {
        JobVerb::List(args) => list_jobs(args).await,
        JobVerb::Show(args) => show(args).await,
        JobVerb::Pause(args) => control(args, "pause").await,
        JobVerb::Resume(args) => control(args, "resume").await,
        JobVerb::Cancel(args) => control(args, "cancel").await,
        JobVerb::Wait(args) => wait(&Api::of(&args.target)?, &args.id, args.target.format).await,
    }
}

async fn list_jobs(args: Query) -> Outcome {
    let answer = Api::of(&args.target)?.post("/api/v1/jobs/search", &json!({})).await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let mut table = Table::new(&["JOB", "KIND", "STATE", "DONE", "OF", "REFUSED", "BY", "REASON"]);
    for job in list(&answer, "jobs") {
        table.row(vec![
            text(job, "id").to_owned(),
            text(job, "kind").to_owned(),
            text(job, "state").to_owned(),
            number(job, "done").to_string(),
            number(job, "total").to_string(),
            number(job, "refused").to_string(),
            text(job, "by").to_owned(),
            text(job, "reason").to_owned(),
        ]);
    }
    say::data(&table.render());
    Ok(())
}

async fn show(args: OneJob) -> Outcome {
    let api = Api::of(&args.target)?;
    let mut job = api.post("/api/v1/jobs/find", &json!({ "id": args.id })).await?;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let asked = json!({ "id": args.id, "after": after, "limit": PAGE });
        let page = api.post("/api/v1/jobs/outcomes", &asked).await?;
        all.extend(list(&page, "outcomes").iter().cloned());
        after = maybe(&page, "next");
        if after.is_none() {
            break;
        }
    }
    if args.target.format == Format::Json {
        job["outcomes"] = Value::Array(all);
        say::data(&format!("{job:#}\n"));
        return Ok(());
    }
    say::data(&format!("{}\n", line(&job)));
    for one in all {
        let became = match (text(&one, "refused"), text(&one, "message")) {
            ("", "") => "ended".to_owned(),
            ("", message) => format!("{message} {}", text(&one, "disposition")),
            (why, _) => format!("refused: {why}"),
        };
        say::data(&format!("{} {became}\n", text(&one, "id")));
    }
    Ok(())
}

async fn control(args: OneJob, verb: &str) -> Outcome {
    let request = json!({ "id": args.id, "reason": args.reason });
    let job = Api::of(&args.target)?.post(&format!("/api/v1/jobs/{verb}"), &request).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{job:#}\n")),
        Format::Text => say::data(&format!("{}\n", line(&job))),
    }
    Ok(())
}

/// Waits until a job ends, with a bar on a terminal. A paused one is waited for too.
pub async fn wait(api: &Api, id: &str, format: Format) -> Outcome {
    let mut progress = say::Progress::new("job");
    let job = loop {
        let job = api.post("/api/v1/jobs/find", &json!({ "id": id })).await?;
        if !matches!(text(&job, "state"), "running" | "paused") {
            break job;
        }
        progress.show(number(&job, "done") + number(&job, "refused"), number(&job, "total"));
        tokio::time::sleep(LOOK_EVERY).await;
    };
    drop(progress);
    match format {
        Format::Json => say::data(&format!("{job:#}\n")),
        Format::Text => say::data(&format!("{}\n", line(&job))),
    }
    match (text(&job, "state"), number(&job, "refused")) {
        ("done", 0) => Ok(()),
        ("failed", _) => Err(Failure::new(Code::Problems, text(&job, "error"))),
        _ => Err(Failure::silent(Code::Problems)),
    }
}

fn line(job: &Value) -> String {
    let figure = |name: &str| number(job, name);
    format!(
        "{} {} {}: {} of {} done, {} refused",
        text(job, "kind"),
        text(job, "id"),
        text(job, "state"),
        figure("done"),
        figure("total"),
        figure("refused")
    )
}
