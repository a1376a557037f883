//! `hilum apply`: the site's files become what runs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::answer::{list, number, safe, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::bench::Apply;
use crate::exit::{Code, Failure, Outcome};
use crate::say;

/// Runs the verb.
pub async fn run(args: Apply) -> Outcome {
    let (path, request) = match args.preview {
        true => ("/api/v1/apply/preview", json!({ "channels": args.channels })),
        false => {
            let expected = expected(&args.expect)?;
            let request = json!({ "channels": args.channels, "reason": args.reason, "expected": expected, "approval": args.approval });
            ("/api/v1/apply", request)
        }
    };
    let answer = Api::of(&args.target)?.post(path, &request).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => {
            show(&answer);
            tests(&answer);
            if args.preview && !list(&answer, "channels").is_empty() {
                say::talk("hint: without `--preview` this is put into force");
            }
        }
    }
    Ok(())
}

/// The revisions that are expected to run, by channel.
fn expected(said: &[String]) -> Result<BTreeMap<&str, &str>, Failure> {
    let mut all = BTreeMap::new();
    for text in said {
        let (channel, hash) = text
            .split_once('=')
            .ok_or_else(|| Failure::new(Code::Usage, format!("`{text}` is not CHANNEL=HASH")))?;
        all.insert(channel, hash);
    }
    Ok(all)
}

/// What differs, or was changed, a line for each channel.
pub fn show(answer: &Value) {
    let changes = list(answer, "channels");
    if changes.is_empty() {
        say::talk("nothing differs from what runs");
    }
    changes.iter().for_each(|change| say::data(&line(change)));
}

/// One channel.
pub fn line(change: &Value) -> String {
    let parts: Vec<&str> = list(change, "parts").iter().filter_map(Value::as_str).collect();
    let revision = text(change, "revision").get(..12).unwrap_or("");
    let (name, what) = (text(change, "name"), text(change, "change"));
    format!("{name} {what} {revision}: {}\n", parts.join("; "))
}

/// What the tests beside the channels have said.
fn tests(answer: &Value) {
    let Some(tests) = answer.get("tests") else { return };
    let failed: Vec<String> =
        list(tests, "failed").iter().filter_map(Value::as_str).map(safe).collect();
    if !failed.is_empty() {
        say::talk(&format!("warning: {} tests fail: {}", failed.len(), failed.join(", ")));
        say::talk(
            "hint: `hilum test` shows why; `tests = \"require\"` under `[apply]` would have refused this",
        );
    } else if number(tests, "passed") > 0 {
        say::talk(&format!("{} tests passed", number(tests, "passed")));
    }
}
