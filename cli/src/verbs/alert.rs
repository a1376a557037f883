//! `hilum alert`: what somebody should look at.

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::alerts::{Alert, AlertVerb, HandleAlert, ListAlerts, State};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::{Table, time};

/// Runs the verb.
pub async fn run(args: Alert) -> Outcome {
    match args.verb {
        AlertVerb::List(args) => show(&args).await,
        AlertVerb::Acknowledge(args) => handle(&args, "acknowledge").await,
        AlertVerb::Resolve(args) => handle(&args, "resolve").await,
    }
}

async fn handle(args: &HandleAlert, verb: &str) -> Outcome {
    let request = json!({ "id": args.id, "reason": args.reason });
    let path = format!("/api/v1/security/alerts/{verb}");
    Api::of(&args.target)?.post(&path, &request).await.map(drop)
}

fn query(args: &ListAlerts) -> Result<String, Failure> {
    let mut query = format!("/api/v1/security/alerts?limit={}", args.limit);
    match args.state {
        State::Open => query.push_str("&state=open"),
        State::Acknowledged => query.push_str("&state=acknowledged"),
        State::Resolved => query.push_str("&state=resolved"),
        State::All => {}
    }
    if let Some(before) = &args.before {
        if !before.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
            let sentence = format!("`{before}` is not the id of an alert");
            return Err(Failure::new(Code::Usage, sentence));
        }
        query.push_str(&format!("&before={before}"));
    }
    Ok(query)
}

async fn show(args: &ListAlerts) -> Outcome {
    let answer = Api::of(&args.target)?.get(&query(args)?).await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let mut table = Table::new(&["SEVERITY", "STATE", "LAST", "#TIMES", "KIND", "WHAT", "ID"]);
    for alert in list(&answer, "alerts") {
        table.row(row(alert));
    }
    say::data(&table.render());
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        say::talk(&format!("there are more: `--before {next}` goes on"));
    }
    Ok(())
}

fn row(alert: &Value) -> Vec<String> {
    let word = |field: &str| safe(text(alert, field));
    vec![
        word("severity"),
        word("state"),
        time(maybe(alert, "last_us")),
        number(alert, "count").to_string(),
        word("kind"),
        word("text"),
        word("id"),
    ]
}
