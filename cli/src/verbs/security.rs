//! `hilum security`: what protects the engine, and what does not.

use serde_json::Value;

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::alerts::{Security, SecurityVerb};
use crate::exit::Outcome;
use crate::say;
use crate::table::time;
use crate::verbs::status::{certificates, place};

/// How bad an alert is, the worst first.
const SEVERITIES: [&str; 4] = ["critical", "high", "medium", "low"];

/// Runs the verb.
pub async fn run(args: Security) -> Outcome {
    let SecurityVerb::Status(query) = args.verb;
    let answer = Api::of(&query.target)?.get("/api/v1/security/status").await?;
    match query.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&page(&answer)),
    }
    Ok(())
}

fn page(answer: &Value) -> String {
    let mut page = format!(
        "profile {}, environment {}\n",
        text(answer, "profile"),
        safe(text(answer, "environment"))
    );
    let none = Value::Null;
    let of = |value: &Value, name: &str| value.get(name).unwrap_or(&none).clone();
    let alerts = of(answer, "alerts");
    let counts: Vec<String> = SEVERITIES
        .iter()
        .map(|severity| {
            let counts = of(&alerts, severity);
            let (open, taken) = (number(&counts, "open"), number(&counts, "acknowledged"));
            format!("{severity} {open} open and {taken} acknowledged")
        })
        .collect();
    page.push_str(&format!("alerts: {}\n", counts.join(", ")));
    let system = of(answer, "system");
    if !system.is_null() {
        page.push_str(&of_system(&system));
    }
    for one in list(&of(answer, "acknowledgements"), "plaintext") {
        let (place, reason) = (place(one), safe(text(one, "reason")));
        page.push_str(&format!(
            "without encryption until {}: {place}: {reason}\n",
            text(one, "until")
        ));
    }
    let certificates = certificates(answer);
    if !certificates.is_empty() {
        page.push_str(&format!("\n{certificates}"));
    }
    page
}

/// What is about the engine as a whole.
fn of_system(system: &Value) -> String {
    let none = Value::Null;
    let of = |name: &str| system.get(name).unwrap_or(&none);
    let (factor, audit) = (of("second_factor"), of("audit"));
    let mut page = format!(
        "people: {}, {} with a second factor (policy {}), {} locked; {} sessions, {} tokens\n",
        number(factor, "users"),
        number(factor, "with"),
        text(factor, "policy"),
        number(system, "locked"),
        number(system, "sessions"),
        number(system, "tokens"),
    );
    let verified =
        match (audit.get("verified").and_then(Value::as_bool), maybe(audit, "verified_us")) {
            (Some(true), at) => format!("verified {}", time(at)),
            (Some(false), at) => format!("NOT as it was written, verified {}", time(at)),
            (None, _) => "never verified".to_owned(),
        };
    page.push_str(&format!("audit log: {} records, {verified}\n", number(audit, "records")));
    for sink in list(system, "sinks").iter().filter(|sink| number(sink, "waiting") > 0) {
        let (name, waiting) = (safe(text(sink, "name")), number(sink, "waiting"));
        page.push_str(&format!("{waiting} alerts wait to be told to `{name}`\n"));
    }
    for warning in list(system, "warnings").iter().filter_map(Value::as_str) {
        page.push_str(&format!("warning: {}\n", safe(warning)));
    }
    page
}
