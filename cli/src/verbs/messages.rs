//! `hilum messages`: what came in, newest first.

use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::{list, number, safe, text};
use crate::api::Api;
use crate::args::{Find, Format, Messages, Scan};
use crate::exit::{Code, Failure, Outcome};
use crate::prompt;
use crate::say;
use crate::table::{Table, time};

/// Runs the verb.
pub async fn run(args: Messages) -> Outcome {
    let since_us = match &args.since {
        None => None,
        Some(since) => Some(ago(since)?),
    };
    let filter = json!({
        "channel": args.channel, "state": args.state, "type": args.kind, "control_id": args.id,
        "since_us": since_us, "limit": args.limit, "after": args.after,
    });
    let page = Api::of(&args.target)?.post("/api/v1/messages/search", &filter).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{page:#}\n")),
        Format::Text => show(&page),
    }
    Ok(())
}

/// Runs `hilum find`.
pub async fn find(args: Find) -> Outcome {
    let value = match &args.value {
        Some(value) => value.clone(),
        None => prompt::secret("The number: ")?.expose_secret().clone(),
    };
    let since_us = args.since.as_deref().map(ago).transpose()?;
    let wanted = json!({
        "by": args.by, "value": value, "channel": args.channel, "since_us": since_us,
        "limit": args.limit, "reason": args.reason,
    });
    let page = Api::of(&args.target)?.post("/api/v1/messages/lookup", &wanted).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{page:#}\n")),
        Format::Text => {
            show(&page);
            if page.get("more") == Some(&Value::Bool(true)) {
                say::talk("hint: there are more; `--limit` and `--since` say how many and of when");
            }
            match number(&page, "behind") {
                0 => {}
                behind => say::talk(&format!("{behind} messages are not in the index yet")),
            }
        }
    }
    Ok(())
}

/// How often it is asked how far a search is.
const LOOK: Duration = Duration::from_millis(200);

/// Runs `hilum scan`.
pub async fn scan(args: Scan) -> Outcome {
    let text_wanted = match &args.text {
        Some(text) => text.clone(),
        None => prompt::secret("The text: ")?.expose_secret().clone(),
    };
    let api = Api::of(&args.target)?;
    let wanted = json!({
        "text": text_wanted, "channel": args.channel, "since_us": ago(&args.since)?,
        "reason": args.reason,
    });
    let begun = api.post("/api/v1/messages/scan", &wanted).await?;
    let one = json!({ "id": text(&begun, "id") });
    let standing = tokio::select! {
        standing = scanned(&api, &one) => standing?,
        _ = tokio::signal::ctrl_c() => {
            api.post("/api/v1/messages/scan/end", &one).await?;
            return Err(Failure::new(Code::Undecided, "the search was ended"));
        }
    };
    match args.target.format {
        Format::Json => say::data(&format!("{standing:#}\n")),
        Format::Text => show(&standing),
    }
    say::talk(&format!("{} messages were looked at", number(&standing, "looked")));
    match number(&standing, "unread") {
        0 => {}
        unread => {
            say::talk(&format!("{unread} of them could not be read, or have lost their bodies"))
        }
    }
    match text(&standing, "ended") {
        "bounded" => Err(Failure::new(
            Code::Undecided,
            "that is as many as one search may look at or find: search in a shorter time",
        )),
        "failed" => Err(Failure::new(Code::Undecided, safe(text(&standing, "error")))),
        _ => Ok(()),
    }
}

/// Waits for the end of a search.
async fn scanned(api: &Api, one: &Value) -> Result<Value, Failure> {
    let mut progress = say::Progress::new("looking into messages");
    loop {
        let standing = api.post("/api/v1/messages/scan/standing", one).await?;
        if !text(&standing, "ended").is_empty() {
            return Ok(standing);
        }
        let looked = number(&standing, "looked");
        progress.show(looked, looked);
        tokio::time::sleep(LOOK).await;
    }
}

/// The time so long ago, microseconds UTC.
pub fn ago(since: &str) -> Result<i64, Failure> {
    let span = config::parse_duration(since).ok_or_else(|| {
        Failure::new(Code::Usage, format!("`{since}` is not a length of time such as `2h`"))
    })?;
    let now = jiff::Timestamp::now().as_microsecond();
    Ok(now - i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
}

fn show(page: &Value) {
    let messages = list(page, "messages");
    if messages.is_empty() {
        say::talk("no messages match");
        return;
    }
    let mut table = Table::new(&[
        "ID",
        "RECEIVED",
        "CHANNEL",
        "#SEQ",
        "TYPE",
        "FROM",
        "ORIGIN",
        "DISPOSITION",
        "REASON",
        "#BYTES",
    ]);
    for message in messages {
        table.row(vec![
            text(message, "id").to_owned(),
            time(Some(number(message, "received_us"))),
            text(message, "channel").to_owned(),
            number(message, "seq").to_string(),
            safe(text(message, "type")),
            safe(&format!("{}/{}", text(message, "application"), text(message, "facility"))),
            text(message, "origin").to_owned(),
            text(message, "disposition").to_owned(),
            safe(text(message, "reason")),
            number(message, "bytes").to_string(),
        ]);
    }
    say::data(&table.render());
    if let Some(next) = page.get("next").and_then(Value::as_str) {
        say::talk(&format!("hint: more with `--after {next}`"));
    }
}
