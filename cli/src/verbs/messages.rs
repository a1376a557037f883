//! `hilum messages`: what came in, newest first.

use std::time::Duration;

use serde_json::{Value, json};

use crate::answer::{list, number, safe, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::messages::{Find, Messages, Scan};
use crate::exit::{Code, Failure, Outcome};
use crate::prompt;
use crate::say;
use crate::table::{Table, time};

/// Runs the verb.
pub async fn run(args: Messages) -> Outcome {
    let api = Api::of(&args.target)?;
    let mut request = wanted(&api, &args).await?;
    loop {
        let page = api.post("/api/v1/messages/search", &request).await?;
        let next = page.get("next").cloned().filter(|next| args.all && !next.is_null());
        match args.target.format {
            Format::Json => say::data(&format!("{page:#}\n")),
            Format::Text => {
                show(&page);
                hints(&page, next.is_none());
            }
        }
        match next {
            Some(next) => request["after"] = next,
            None => return Ok(()),
        }
    }
}

/// What is asked for; by words when any is said.
async fn wanted(api: &Api, args: &Messages) -> Result<Value, Failure> {
    let since_us = args.since.as_deref().map(ago).transpose()?;
    let mut request = json!({
        "channel": args.channel, "state": args.state, "type": args.kind, "control_id": args.id,
        "since_us": since_us, "limit": args.limit, "after": args.after,
    });
    let mut query = args.query.join(" ");
    if let Some(name) = &args.view {
        let kept = view_named(api, name).await?;
        query = format!("{kept} {query}");
    }
    if !args.query.is_empty() || args.view.is_some() {
        request["query"] = json!(query);
        request["reason"] = json!(args.reason);
    }
    Ok(request)
}

/// What a kept search asks for; an own one before one that somebody shares.
async fn view_named(api: &Api, name: &str) -> Result<String, Failure> {
    let answer = api.post("/api/v1/views/search", &json!({})).await?;
    let named = list(&answer, "views").iter().filter(|view| text(view, "name") == name);
    let found = named.max_by_key(|view| view.get("own") == Some(&Value::Bool(true)));
    let found = found.ok_or_else(|| {
        Failure::new(Code::Problems, format!("there is no kept search `{name}`"))
            .hint("`hilum views list` shows them")
    })?;
    Ok(text(found, "query").to_owned())
}

/// What is worth knowing about a page besides its rows.
fn hints(page: &Value, last: bool) {
    match number(page, "behind") {
        0 => {}
        behind => say::talk(&format!("{behind} messages are not in the index of numbers yet")),
    }
    if text(page, "not_tried") == "mrn" {
        say::talk(
            "it was looked for as an id and a control id alone: numbers of patients need `message.search`",
        );
    }
    if !last {
        say::data("\n");
    }
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
    let since_us = args.since.as_deref().map(ago).transpose()?;
    let wanted = json!({
        "text": text_wanted, "query": args.query, "channel": args.channel, "since_us": since_us,
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
        progress.show(looked, number(&standing, "of").max(looked));
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
