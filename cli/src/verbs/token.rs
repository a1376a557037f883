//! `hilum token`: programs that ask the admin API.

use serde_json::{Value, json};

use crate::answer::{list, maybe, text};
use crate::api::Api;
use crate::args::accounts::{Token, TokenVerb};
use crate::args::{Called, Format, Target};
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::table::{Table, time};
use crate::verbs::people::{grant, grants};

/// Runs the verb.
pub async fn run(args: Token) -> Outcome {
    match args.verb {
        TokenVerb::List(query) => {
            let answer = Api::of(&query.target)?.get("/api/v1/tokens").await?;
            match query.target.format {
                Format::Json => say::data(&format!("{answer:#}\n")),
                Format::Text => say::data(&table(list(&answer, "tokens"))),
            }
            Ok(())
        }
        TokenVerb::Add(add) => {
            let span = config::parse_duration(&add.lifetime).ok_or_else(|| {
                let sentence = format!("`{}` is not a length of time such as `24h`", add.lifetime);
                Failure::new(Code::Usage, sentence)
            })?;
            let request = json!({ "name": add.name, "grants": grants(&add.roles)?,
                "networks": add.networks, "ttl_s": span.as_secs(), "reason": add.reason,
                "approval": add.approval });
            made(&add.target, "add", &request).await
        }
        TokenVerb::Rotate(one) => made(&one.target, "rotate", &named(&one)).await,
        TokenVerb::Revoke(one) => {
            Api::of(&one.target)?.post("/api/v1/tokens/revoke", &named(&one)).await.map(drop)
        }
    }
}

fn named(one: &Called) -> Value {
    json!({ "name": one.name, "reason": one.reason })
}

/// Prints the token alone, so that it can go straight into a file.
async fn made(target: &Target, verb: &str, request: &Value) -> Outcome {
    let answer = Api::of(target)?.post(&format!("/api/v1/tokens/{verb}"), request).await?;
    match target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&format!("{}\n", text(&answer, "token"))),
    }
    say::talk("it is not shown again; programs send it as `Authorization: Bearer TOKEN`");
    Ok(())
}

fn table(tokens: &[Value]) -> String {
    let mut table = Table::new(&["NAME", "UNTIL", "LAST USED", "FROM", "MAY"]);
    for token in tokens {
        let from: Vec<&str> = list(token, "networks").iter().filter_map(Value::as_str).collect();
        let may: Vec<String> = list(token, "grants").iter().map(grant).collect();
        table.row(vec![
            text(token, "name").to_owned(),
            time(maybe(token, "until_us")),
            time(maybe(token, "seen_us")),
            from.join(", "),
            may.join("; "),
        ]);
    }
    table.render()
}
