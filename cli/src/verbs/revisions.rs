//! `hilum diff`, `hilum revisions` and `hilum revert`: what a channel's file would change, and what ran before.

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::bench::{Diff, Revert, Revisions};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::{Table, time};
use crate::verbs::apply;

/// `hilum diff`.
pub async fn diff(args: Diff) -> Outcome {
    let api = Api::of(&args.target)?;
    let request = json!({ "channels": args.channels });
    let mut answer = api.post("/api/v1/apply/preview", &request).await?;
    if let Some(count) = args.replay {
        for change in answer["channels"].as_array_mut().into_iter().flatten() {
            if text(change, "change") == "changed" {
                let request = json!({ "channel": text(change, "name"), "count": count });
                change["messages"] = api.post("/api/v1/apply/compare", &request).await?;
            }
        }
    }
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => {
            apply::show(&answer);
            list(&answer, "channels").iter().for_each(|change| {
                if let Some(found) = change.get("messages") {
                    say::data(&compared(text(change, "name"), found));
                }
            });
        }
    }
    match list(&answer, "channels").is_empty() {
        true => Ok(()),
        false => Err(Failure::silent(Code::Problems)),
    }
}

/// What would change for the last messages.
fn compared(channel: &str, found: &Value) -> String {
    let looked = number(found, "looked");
    let mut out = format!(
        "\n{channel}: {} of the last {looked} messages would be otherwise\n",
        number(found, "differ")
    );
    let unreadable = number(found, "unreadable");
    if unreadable > 0 {
        out.push_str(&format!("{unreadable} more have no body any more\n"));
    }
    let fates = list(found, "dispositions");
    if !fates.is_empty() {
        let mut table = Table::new(&["NOW", "WOULD BE", "#MESSAGES"]);
        for fate in fates {
            let count = number(fate, "messages").to_string();
            table.row(vec![text(fate, "was").to_owned(), text(fate, "is").to_owned(), count]);
        }
        out.push_str(&table.render());
    }
    let fields = list(found, "fields");
    if !fields.is_empty() {
        let mut table = Table::new(&["DESTINATION", "WHAT DIFFERS", "#MESSAGES"]);
        for field in fields {
            let count = number(field, "messages").to_string();
            table.row(vec![
                text(field, "destination").to_owned(),
                safe(text(field, "path")),
                count,
            ]);
        }
        out.push_str(&table.render());
    }
    out
}

/// `hilum revisions`.
pub async fn list_revisions(args: Revisions) -> Outcome {
    let request = json!({ "channel": args.channel, "limit": args.limit });
    let answer = Api::of(&args.target)?.post("/api/v1/channels/revisions", &request).await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let mut table = Table::new(&["#NUMBER", "HASH", "SINCE", "BY", "WHY"]);
    for one in list(&answer, "revisions") {
        table.row(vec![
            number(one, "id").to_string(),
            text(one, "hash").get(..12).unwrap_or_default().to_owned(),
            time(maybe(one, "created_us")),
            safe(text(one, "author")),
            safe(text(one, "reason")),
        ]);
    }
    say::data(&table.render());
    Ok(())
}

/// `hilum revert`.
pub async fn revert(args: Revert) -> Outcome {
    let request =
        json!({ "channel": args.channel, "revision": args.revision, "reason": args.reason });
    let answer = Api::of(&args.target)?.post("/api/v1/channels/revert", &request).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => {
            say::data(&apply::line(&answer));
            say::talk(
                "hint: the channel's file still says what ran before; the next `hilum apply` would put that into force",
            );
        }
    }
    Ok(())
}
