//! `hilum breakglass`: envelopes for an emergency, and what was done with them.

use serde_json::{Value, json};

use super::account::http;
use super::approval::decide;
use crate::answer::{list, maybe, safe, text};
use crate::api::Api;
use crate::args::accounts::{BreakGlass, BreakGlassVerb, Decide, OpenEnvelope, Seal};
use crate::args::{Format, Query};
use crate::exit::Outcome;
use crate::table::{Table, time};
use crate::{prompt, say, token};

/// Runs the verb.
pub async fn run(args: BreakGlass) -> Outcome {
    match args.verb {
        BreakGlassVerb::Seal(args) => seal(&args).await,
        BreakGlassVerb::Open(args) => open(&args).await,
        BreakGlassVerb::List(query) => show(&query).await,
        BreakGlassVerb::Report(one) => report(&one).await,
        BreakGlassVerb::Review(one) => decide(&one, "/api/v1/break-glass/review").await,
    }
}

async fn seal(args: &Seal) -> Outcome {
    let request = json!({ "count": args.count });
    let answer = Api::of(&args.target)?.post("/api/v1/break-glass/seal", &request).await?;
    for one in list(&answer, "passphrases").iter().filter_map(Value::as_str) {
        say::data(&format!("{one}\n"));
    }
    say::talk(
        "shown once: put each into an envelope of its own; those made before open nothing any more",
    );
    Ok(())
}

async fn open(args: &OpenEnvelope) -> Outcome {
    let api = http(&args.target)?;
    let passphrase = prompt::secret("The words in the envelope: ")?;
    let request = json!({
        "passphrase": passphrase.expose_secret(),
        "name": args.name,
        "reason": args.reason,
        "ticket": args.ticket,
    });
    let answer = api.post("/api/v1/break-glass", &request).await?;
    token::keep(&args.target, text(&answer, "token"))?;
    say::talk(&format!(
        "you are an owner until {}; everything is recorded, and somebody will review it",
        time(maybe(&answer, "until_us"))
    ));
    Ok(())
}

async fn show(query: &Query) -> Outcome {
    let answer = Api::of(&query.target)?.get("/api/v1/break-glass/log").await?;
    let all = list(&answer, "emergencies");
    match query.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text if all.is_empty() => say::talk("no envelope was ever opened"),
        Format::Text => say::data(&table(all)),
    }
    Ok(())
}

fn table(all: &[Value]) -> String {
    let mut table = Table::new(&["ID", "BEGUN", "BY", "TICKET", "NOW", "REVIEWED"]);
    for one in all {
        let now =
            if one.get("in_force") == Some(&Value::Bool(true)) { "in force" } else { "ended" };
        let reviewed = match maybe(one, "reviewed_us") {
            None => "no".to_owned(),
            at => time(at),
        };
        table.row(vec![
            text(one, "id").to_owned(),
            time(maybe(one, "begun_us")),
            safe(text(one, "name")),
            safe(text(one, "ticket")),
            now.to_owned(),
            reviewed,
        ]);
    }
    table.render()
}

/// What was done, from the audit log.
async fn report(one: &Decide) -> Outcome {
    let request = json!({ "actor": format!("break-glass:{}", one.id), "limit": 1_000 });
    let answer = Api::of(&one.target)?.post("/api/v1/audit/search", &request).await?;
    super::audit::show_records(&answer, one.target.format);
    Ok(())
}
