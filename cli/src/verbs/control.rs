//! `hilum hold`, `resume` and `retry`: one destination's queue.

use serde_json::json;

use crate::answer::{number, text};
use crate::api::Api;
use crate::args::{Control, Format};
use crate::exit::{Code, Failure, Outcome};
use crate::say;

/// What to do with a destination.
#[derive(Clone, Copy)]
pub enum Act {
    Hold,
    Resume,
    Retry,
}

/// Runs the verb.
pub async fn run(args: Control, act: Act) -> Outcome {
    let Some((channel, destination)) = args.destination.split_once('/') else {
        return Err(Failure::new(
            Code::Usage,
            format!("`{}` is not CHANNEL/DESTINATION", args.destination),
        ));
    };
    let (verb, done) = match act {
        Act::Hold => ("hold", "held"),
        Act::Resume => ("resume", "resumed"),
        Act::Retry => ("retry", "trying now"),
    };
    let request = json!({ "channel": channel, "destination": destination, "reason": args.reason });
    let answer =
        Api::of(&args.target)?.post(&format!("/api/v1/destinations/{verb}"), &request).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => {
            let queued = number(&answer, "queued");
            say::data(&format!(
                "{done}: {channel}/{destination}, {queued} queued, state {}\n",
                text(&answer, "state")
            ));
        }
    }
    Ok(())
}
