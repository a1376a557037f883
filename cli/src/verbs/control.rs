//! `hilum hold`, `resume`, `retry`, `queue` and `skip`: one destination's queue. `hilum source`: a channel's source.

use serde_json::{Value, json};

use crate::answer::{list, maybe, number, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::acts::{Control, Queue, Skip, Source, SourceVerb};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::Table;

/// What to do with a destination.
#[derive(Clone, Copy)]
pub enum Act {
    Hold,
    Resume,
    Retry,
}

/// Runs the verb.
pub async fn run(args: Control, act: Act) -> Outcome {
    let (channel, destination) = place(&args.destination)?;
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
            let done = match text(&answer, "outcome") {
                "goes_on" => "goes on behind this answer",
                _ => done,
            };
            let queued = number(&answer, "queued");
            say::data(&format!(
                "{done}: {channel}/{destination}, {queued} queued, state {}\n",
                text(&answer, "state")
            ));
        }
    }
    Ok(())
}

fn place(text: &str) -> Result<(&str, &str), Failure> {
    let sentence = || format!("`{text}` is not CHANNEL/DESTINATION");
    text.split_once('/').ok_or_else(|| Failure::new(Code::Usage, sentence()))
}

/// Runs `hilum queue`.
pub async fn queue(args: Queue) -> Outcome {
    let (channel, destination) = place(&args.destination)?;
    let request = json!({ "channel": channel, "destination": destination });
    let answer = Api::of(&args.target)?.post("/api/v1/destinations/queue", &request).await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let figure = |name: &str| number(&answer, name);
    say::data(&format!(
        "{} wait up to mark {}, {} being sent, {} of {} lanes blocked, circuit {}\n",
        figure("count"),
        figure("mark"),
        figure("sending"),
        figure("blocked"),
        figure("lanes"),
        text(&answer, "circuit")
    ));
    let mut table = Table::new(&["DELIVERY", "LANE", "BEHIND", "STATE", "TRIES", "CODE"]);
    for head in list(&answer, "heads") {
        table.row(vec![
            text(head, "delivery").to_owned(),
            text(head, "lane").to_owned(),
            (number(head, "lane_length") - 1).max(0).to_string(),
            text(head, "state").to_owned(),
            maybe(head, "tries").unwrap_or(0).to_string(),
            text(head, "code").to_owned(),
        ]);
    }
    say::data(&table.render());
    Ok(())
}

/// Runs `hilum skip`.
pub async fn skip(args: Skip) -> Outcome {
    let (channel, destination) = place(&args.destination)?;
    let request = json!({
        "channel": channel, "destination": destination, "delivery": args.delivery, "reason": args.reason,
    });
    let answer = Api::of(&args.target)?.post("/api/v1/destinations/skip", &request).await?;
    told(&answer, args.target.format, text(&answer, "delivery"));
    Ok(())
}

/// Runs `hilum source stop` and `start`.
pub async fn source(args: Source) -> Outcome {
    let (verb, channel, reason, target) = match args.verb {
        SourceVerb::Stop(args) => ("stop", args.channel, Some(args.reason), args.target),
        SourceVerb::Start(args) => ("start", args.channel, args.reason, args.target),
    };
    let request = json!({ "channel": channel, "reason": reason });
    let answer = Api::of(&target)?.post(&format!("/api/v1/sources/{verb}"), &request).await?;
    told(&answer, target.format, &channel);
    Ok(())
}

fn told(answer: &Value, format: Format, what: &str) {
    match format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => match text(answer, "outcome") {
            "goes_on" => say::data("goes on behind this answer\n"),
            outcome => say::data(&format!("{outcome} {what}\n")),
        },
    }
}
