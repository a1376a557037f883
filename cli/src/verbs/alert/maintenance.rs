//! `hilum alert maintenance`: times in which alerts are written down and not told.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::answer::{list, maybe, safe, text};
use crate::api::Api;
use crate::args::alerts::{AddMaintenance, EndMaintenance, Maintenance, MaintenanceVerb};
use crate::args::{Format, Query};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::{Table, time};

const PATH: &str = "/api/v1/security/alerts/maintenance";

/// Runs the verb.
pub async fn run(args: Maintenance) -> Outcome {
    match args.verb {
        MaintenanceVerb::List(args) => show(&args).await,
        MaintenanceVerb::Add(args) => add(&args).await,
        MaintenanceVerb::End(args) => end(&args).await,
    }
}

async fn show(args: &Query) -> Outcome {
    let answer = Api::of(&args.target)?.post(PATH, &json!({})).await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let mut table =
        Table::new(&["FROM", "UNTIL", "RULES", "CHANNELS", "DESTINATION", "REASON", "ID"]);
    for window in list(&answer, "windows") {
        table.row(vec![
            time(maybe(window, "from_us")),
            time(maybe(window, "until_us")),
            names(window, "rules"),
            names(window, "channels"),
            safe(text(window, "destination")),
            safe(text(window, "reason")),
            safe(text(window, "id")),
        ]);
    }
    say::data(&table.render());
    Ok(())
}

/// What it is about; `all` when it names nothing.
fn names(window: &Value, field: &str) -> String {
    let named: Vec<&str> = list(window, field).iter().filter_map(Value::as_str).collect();
    if named.is_empty() { "all".to_owned() } else { safe(&named.join(" ")) }
}

async fn add(args: &AddMaintenance) -> Outcome {
    let from = args.from.unwrap_or_else(Timestamp::now);
    let until = match args.minutes {
        Some(minutes) => from.checked_add(i64::from(minutes).minutes()).ok(),
        None => args.until,
    };
    let Some(until) = until else {
        return Err(Failure::new(Code::Usage, "it would end too late"));
    };
    let request = json!({
        "from_us": from.as_microsecond(),
        "until_us": until.as_microsecond(),
        "rules": args.rules,
        "channels": args.channels,
        "destination": args.destination,
        "reason": args.reason,
    });
    let answer = Api::of(&args.target)?.post(&format!("{PATH}/add"), &request).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&format!("{}\n", safe(text(&answer, "id")))),
    }
    Ok(())
}

async fn end(args: &EndMaintenance) -> Outcome {
    let request = json!({ "id": args.id, "reason": args.reason });
    super::done(&args.target, &format!("{PATH}/end"), &request).await
}
