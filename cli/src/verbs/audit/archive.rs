//! What of the log is over, and taking it out.

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::accounts::ArchiveAudit;
use crate::exit::Outcome;
use crate::say;
use crate::table::time;

/// Runs the verb.
pub async fn run(args: &ArchiveAudit) -> Outcome {
    let api = Api::of(&args.target)?;
    let (answer, page): (Value, fn(&Value) -> String) = match args.execute {
        false => (api.get("/api/v1/security/audit-log/due").await?, due),
        true => {
            let asked = json!({ "reason": args.reason });
            (api.post("/api/v1/security/audit-log/archive", &asked).await?, archived)
        }
    };
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&page(&answer)),
    }
    Ok(())
}

fn due(answer: &Value) -> String {
    let (years, records) = (number(answer, "years"), number(answer, "records"));
    let Some(segment) = answer.get("due").filter(|due| !due.is_null()) else {
        return format!("{records} records, none of them in the log for {years} years\n");
    };
    let (first, next) = (number(segment, "first"), number(segment, "next"));
    let until = time(maybe(answer, "until_us"));
    let mut page = format!(
        "{} of {records} records have been in the log for {years} years: {first} to {}, from before {until}\n",
        next - first,
        next - 1,
    );
    match text(answer, "folder") {
        "" => page.push_str("they stay: `archive` under `[audit]` in server.toml says where they would go, and who can read them there\n"),
        folder => page.push_str(&format!("they go to files in {}\n", safe(folder))),
    }
    if answer.get("needs_a_person") == Some(&Value::Bool(true)) {
        page.push_str("that is so much of the log that it does not go by itself: if the clock is right, `--execute` with a reason takes it out\n");
    }
    page
}

fn archived(answer: &Value) -> String {
    let all = list(answer, "archived");
    if all.is_empty() {
        return "nothing is over\n".to_owned();
    }
    let line = |one: &Value| {
        let segment = one.get("segment").unwrap_or(&Value::Null);
        let (first, next) = (number(segment, "first"), number(segment, "next"));
        format!(
            "{} records, {first} to {}, are in {} (SHA-256 {})\n",
            next - first,
            next - 1,
            safe(text(one, "file")),
            text(one, "sha256"),
        )
    };
    all.iter().map(line).collect()
}
