//! `hilum apply`: the site's files become what runs.

use serde_json::{Value, json};

use crate::answer::{list, text};
use crate::api::Api;
use crate::args::{Apply, Format};
use crate::exit::Outcome;
use crate::say;

/// Runs the verb.
pub async fn run(args: Apply) -> Outcome {
    let (path, request) = match args.preview {
        true => ("/api/v1/apply/preview", json!({ "channels": args.channels })),
        false => ("/api/v1/apply", json!({ "channels": args.channels, "reason": args.reason })),
    };
    let answer = Api::of(&args.target)?.post(path, &request).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => show(&answer, args.preview),
    }
    Ok(())
}

fn show(answer: &Value, preview: bool) {
    let changes = list(answer, "channels");
    if changes.is_empty() {
        say::talk("nothing differs from what runs");
        return;
    }
    for change in changes {
        let parts: Vec<&str> = list(change, "parts").iter().filter_map(Value::as_str).collect();
        let revision = text(change, "revision").get(..12).unwrap_or("");
        say::data(&format!(
            "{} {} {revision}: {}\n",
            text(change, "name"),
            text(change, "change"),
            parts.join("; ")
        ));
    }
    if preview {
        say::talk("hint: without `--preview` this is put into force");
    }
}
