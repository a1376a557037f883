//! `hilum approval`: what one person asks for and another agrees to.

use serde_json::{Value, json};

use crate::answer::{list, maybe, safe, text};
use crate::api::Api;
use crate::args::accounts::{Approval, ApprovalVerb, Decide};
use crate::args::{Format, Query};
use crate::exit::Outcome;
use crate::say;
use crate::table::{Table, time};

/// Runs the verb.
pub async fn run(args: Approval) -> Outcome {
    match args.verb {
        ApprovalVerb::List(query) => show(&query).await,
        ApprovalVerb::Approve(one) => decide(&one, "/api/v1/approvals/approve").await,
        ApprovalVerb::Refuse(one) => decide(&one, "/api/v1/approvals/refuse").await,
    }
}

/// Posts an id with a reason.
pub async fn decide(one: &Decide, path: &str) -> Outcome {
    let request = json!({ "id": one.id, "reason": one.reason });
    let answer = Api::of(&one.target)?.post(path, &request).await?;
    if one.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
    }
    Ok(())
}

async fn show(query: &Query) -> Outcome {
    let answer = Api::of(&query.target)?.get("/api/v1/approvals").await?;
    let all = list(&answer, "approvals");
    match query.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text if all.is_empty() => say::talk("nothing was asked for"),
        Format::Text => say::data(&table(all)),
    }
    Ok(())
}

fn table(all: &[Value]) -> String {
    let mut table = Table::new(&["ID", "STATE", "ASKED", "BY", "WHAT"]);
    for one in all {
        table.row(vec![
            text(one, "id").to_owned(),
            text(one, "state").to_owned(),
            time(maybe(one, "asked_us")),
            safe(text(one, "requester")),
            safe(text(one, "summary")),
        ]);
    }
    table.render()
}
