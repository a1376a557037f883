//! `hilum alert`: what somebody should look at.

mod maintenance;

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::alerts::{
    Alert, AlertVerb, AssignAlert, HandleAlert, ListAlerts, SnoozeAlert, State, TestSink,
};
use crate::args::{Format, Query, Target};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::{Table, time};

/// Runs the verb.
pub async fn run(args: Alert) -> Outcome {
    match args.verb {
        AlertVerb::List(args) => show(&args).await,
        AlertVerb::Acknowledge(args) => handle(&args, "acknowledge").await,
        AlertVerb::Resolve(args) => handle(&args, "resolve").await,
        AlertVerb::Snooze(args) => snooze(&args).await,
        AlertVerb::Assign(args) => assign(&args).await,
        AlertVerb::Rules(args) => rules(&args).await,
        AlertVerb::Test(args) => test(&args).await,
        AlertVerb::Maintenance(args) => maintenance::run(args).await,
    }
}

async fn snooze(args: &SnoozeAlert) -> Outcome {
    let until_us = args.until.map(jiff::Timestamp::as_microsecond);
    let request = json!({ "id": args.id, "minutes": args.minutes, "until_us": until_us, "reason": args.reason });
    done(&args.target, "/api/v1/security/alerts/snooze", &request).await
}

async fn assign(args: &AssignAlert) -> Outcome {
    let request = json!({ "id": args.id, "to": args.to, "reason": args.reason });
    done(&args.target, "/api/v1/security/alerts/assign", &request).await
}

/// An act about which there is nothing to say to people.
async fn done(target: &Target, path: &str, request: &Value) -> Outcome {
    let answer = Api::of(target)?.post(path, request).await?;
    if target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
    }
    Ok(())
}

async fn rules(args: &Query) -> Outcome {
    let answer = Api::of(&args.target)?.get("/api/v1/security/alerts/rules").await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let mut table = Table::new(&["RULE", "SEVERITY", "SETTING", "LIMIT", "WHEN"]);
    for rule in list(&answer, "rules") {
        table.row(
            ["kind", "severity", "set", "limit", "doc"].map(|one| safe(text(rule, one))).into(),
        );
    }
    say::data(&table.render());
    Ok(())
}

async fn test(args: &TestSink) -> Outcome {
    let request = json!({ "sink": args.sink });
    let answer = Api::of(&args.target)?.post("/api/v1/security/alerts/test", &request).await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
    }
    match text(&answer, "outcome") {
        "told" => {
            say::talk(&format!("`{}` was told", safe(&args.sink)));
            Ok(())
        }
        _ => {
            let problem = safe(text(&answer, "problem"));
            Err(Failure::new(
                Code::Problems,
                format!("`{}` was not told: {problem}", safe(&args.sink)),
            ))
        }
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
