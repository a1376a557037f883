//! `hilum keys`: the store key, its change, and copies of it.

use std::path::Path;
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::answer::{list, maybe, number, safe, text};
use crate::api::Api;
use crate::args::keys::{EscrowKey, Keys, KeysStatus, KeysVerb, ListKeys, Reencrypt};
use crate::args::{Execute, Format};
use crate::begun::{Known, ended};
use crate::exit::{Code, Failure, Outcome};
use crate::private_file::{Place, prepare, write};
use crate::say;
use crate::table::{Table, time};

/// How often it is asked how far what goes on by itself is.
const LOOK: Duration = Duration::from_millis(200);
const ALL: &str = "/api/v1/keys";

/// Runs the verb.
pub async fn run(args: Keys) -> Outcome {
    match args.verb {
        KeysVerb::Status(args) => status(&args).await,
        KeysVerb::Rotate(args) => rotate(&args).await,
        KeysVerb::List(args) => show_keys(&args).await,
        KeysVerb::Reencrypt(args) => reencrypt(&args).await,
        KeysVerb::Escrow(args) => match &args.verify {
            Some(file) => verify(&args, file).await,
            None => escrow(&args).await,
        },
    }
}

async fn status(args: &KeysStatus) -> Outcome {
    let api = Api::of(&args.target)?;
    if args.rows {
        let begun = api.post("/api/v1/keys/count", &json!({})).await?;
        let mut progress = say::Progress::new("looking at sealed values");
        let known = Known { path: ALL, last: "/begun/counted", running: "/begun/counting" };
        ended(&api, &known, number(&begun, "begun_us"), |answer| {
            let values = answer.pointer("/begun/counting/values").and_then(Value::as_i64);
            progress.show(values.unwrap_or(0), values.unwrap_or(0));
        })
        .await?;
    }
    let answer = api.get(ALL).await?;
    match args.target.format {
        Format::Json => say::data(&format!("{answer:#}\n")),
        Format::Text => say::data(&page(&answer, args.rows)),
    }
    let columns = columns(&answer);
    match columns.iter().map(|column| number(column, "in_clear")).sum::<i64>() {
        clear if args.rows && clear > 0 => {
            Err(Failure::new(Code::Problems, format!("{clear} values are in clear")))
        }
        _ => Ok(()),
    }
}

fn columns(answer: &Value) -> &[Value] {
    let counted = answer.get("begun").and_then(|begun| begun.get("counted"));
    counted.map_or(&[], |counted| list(counted, "columns"))
}

fn page(answer: &Value, rows: bool) -> String {
    let mut page =
        format!("store key {} from {}\n", text(answer, "kek"), safe(text(answer, "source")));
    if let Some(next) = answer.get("next").filter(|next| !next.is_null()) {
        page.push_str(&format!(
            "{} is taking its place: {} data keys are left\n",
            text(next, "kek"),
            number(next, "left")
        ));
    }
    page.push_str(&copies(answer));
    let mut table = Table::new(&["DATA KEYS FOR", "WRAPPED BY", "NUMBER", "DESTROYED"]);
    for one in list(answer, "keys") {
        table.row(vec![
            text(one, "purpose").to_owned(),
            text(one, "kek").to_owned(),
            number(one, "live").to_string(),
            number(one, "destroyed").to_string(),
        ]);
    }
    page.push_str(&format!("\n{}", table.render()));
    if rows {
        let mut table = Table::new(&["COLUMN", "VALUES", "SEALED", "IN CLEAR"]);
        for one in columns(answer) {
            let mut row = vec![text(one, "column").to_owned()];
            row.extend(["values", "sealed", "in_clear"].map(|name| number(one, name).to_string()));
            table.row(row);
        }
        page.push_str(&format!("\n{}", table.render()));
    }
    page
}

/// What is known of copies.
fn copies(answer: &Value) -> String {
    let Some(copy) = answer.get("escrowed").filter(|copy| !copy.is_null()) else {
        return "nobody keeps a copy that the engine knows of: `hilum keys escrow`\n".to_owned();
    };
    if text(copy, "kek") != text(answer, "kek") {
        return format!(
            "the last copy is of the key before, {}: `hilum keys escrow`\n",
            text(copy, "kek")
        );
    }
    let made = match maybe(copy, "at_us") {
        Some(at_us) => format!("a copy was made at {}", time(Some(at_us))),
        None => "there is a copy".to_owned(),
    };
    match maybe(answer, "escrow_verified_us") {
        Some(at_us) => format!("{made}, and opened at {}\n", time(Some(at_us))),
        None => format!("{made}; nobody has opened it yet: `hilum keys escrow --verify`\n"),
    }
}

async fn rotate(args: &Execute) -> Outcome {
    let api = Api::of(&args.target)?;
    if !args.execute {
        let plan = api.get("/api/v1/keys/rotation").await?;
        match args.target.format {
            Format::Json => say::data(&format!("{plan:#}\n")),
            Format::Text => say::data(&planned(&plan)),
        }
        return Ok(());
    }
    let asked = json!({ "reason": args.reason, "approval": args.approval });
    let begun = api.post("/api/v1/keys/rotate", &asked).await?;
    let known = Known { path: ALL, last: "/begun/rotated", running: "/begun/rotating_us" };
    let done = ended(&api, &known, number(&begun, "begun_us"), |_| {}).await?;
    let rotated = done.get("rotated").unwrap_or(&Value::Null);
    match args.target.format {
        Format::Json => say::data(&format!("{rotated:#}\n")),
        Format::Text => say::data(&format!(
            "the store key is {} now; {} data keys were wrapped anew; both keys are in {} for those who keep them\n",
            text(rotated, "to"),
            number(rotated, "keys"),
            safe(text(rotated, "backup")),
        )),
    }
    say::talk(
        "name the new one as `key` under `[store]` in server.toml, and take `next_key` out; the old key opens backups from before and nothing else",
    );
    Ok(())
}

fn planned(plan: &Value) -> String {
    let to = match text(plan, "to") {
        "" => "a new key, made there".to_owned(),
        kek => format!("key {kek}"),
    };
    format!(
        "from key {} to that of {}: {to}\n{} data keys are wrapped anew, no message is touched\nboth keys go to {} first, for those who keep them\nnothing was changed; `--execute` with a reason does it\n",
        text(plan, "from"),
        safe(text(plan, "source")),
        number(plan, "keys"),
        safe(text(plan, "backup")),
    )
}

async fn show_keys(args: &ListKeys) -> Outcome {
    let asked = json!({ "channel": args.channel });
    let answer = Api::of(&args.target)?.post("/api/v1/keys/data", &asked).await?;
    if args.target.format == Format::Json {
        say::data(&format!("{answer:#}\n"));
        return Ok(());
    }
    let mut table = Table::new(&["DATA KEY", "FOR", "DAY", "WRAPPED BY", "DESTROYED"]);
    for one in list(&answer, "keys") {
        let day_us = number(one, "day").saturating_mul(86_400 * 1_000_000);
        table.row(vec![
            text(one, "key").to_owned(),
            text(one, "purpose").to_owned(),
            time(Some(day_us)).chars().take(10).collect(),
            text(one, "kek").to_owned(),
            time(maybe(one, "destroyed_us")),
        ]);
    }
    say::data(&table.render());
    Ok(())
}

async fn reencrypt(args: &Reencrypt) -> Outcome {
    let Reencrypt { key, execute: args } = args;
    let api = Api::of(&args.target)?;
    if !args.execute {
        let plan = api.post("/api/v1/keys/reencryption", &json!({ "key": key })).await?;
        match args.target.format {
            Format::Json => say::data(&format!("{plan:#}\n")),
            Format::Text => {
                let mut table = Table::new(&["COLUMN", "VALUES"]);
                for one in list(&plan, "values") {
                    let values = number(one, "values").to_string();
                    table.row(vec![text(one, "column").to_owned(), values]);
                }
                say::data(&table.render());
                say::talk(
                    "nothing was changed; `--execute` with a reason seals them anew and destroys the key",
                );
            }
        }
        return Ok(());
    }
    let asked = json!({ "key": key, "reason": args.reason, "approval": args.approval });
    let begun = api.post("/api/v1/keys/reencrypt", &asked).await?;
    let id = text(&begun, "id").to_owned();
    let mut progress = say::Progress::new("sealing anew");
    let done = loop {
        let answer = api.get(ALL).await?;
        let one = list(&answer, "reencrypted").iter().find(|one| text(one, "id") == id).cloned();
        let one =
            one.ok_or_else(|| Failure::new(Code::Undecided, "the engine knows nothing of it"))?;
        if maybe(&one, "ended_us").is_some() {
            break one;
        }
        progress.show(number(&one, "seq"), number(&one, "last_seq"));
        tokio::time::sleep(LOOK).await;
    };
    drop(progress);
    match args.target.format {
        Format::Json => say::data(&format!("{done:#}\n")),
        Format::Text => say::data(&format!(
            "{} values are sealed with {} now, and {} is destroyed\n",
            number(&done, "resealed"),
            text(&done, "new_key"),
            text(&done, "old_key"),
        )),
    }
    say::talk(
        "whoever has the old key and a copy of the store from before reads that copy all the same",
    );
    Ok(())
}

async fn escrow(args: &EscrowKey) -> Outcome {
    let Some(output) = &args.output else {
        return Err(Failure::new(Code::Usage, "`--output` says where the copy goes"));
    };
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    let place = Place { folder: folder.unwrap_or(Path::new(".")), replace: false };
    let Some(name) = output.file_name().and_then(|name| name.to_str()) else {
        return Err(Failure::new(Code::Usage, "`--output` is no file"));
    };
    prepare(&place, &[name])?;
    let asked = json!({ "to": args.to, "reason": args.reason, "approval": args.approval });
    let copy = Api::of(&args.target)?.post("/api/v1/keys/escrow", &asked).await?;
    let bytes = BASE64.decode(text(&copy, "file").as_bytes()).map_err(|_| {
        Failure::new(Code::Undecided, "the engine has sent something else than a file")
    })?;
    write(&place, name, &bytes)?;
    match args.target.format {
        Format::Json => say::data(&format!(
            "{:#}\n",
            json!({ "kek": text(&copy, "kek"), "sha256": text(&copy, "sha256"), "file": output.display().to_string() })
        )),
        Format::Text => say::data(&format!(
            "a copy of the store key {} is in {}\nSHA-256 {}\n",
            text(&copy, "kek"),
            output.display(),
            text(&copy, "sha256")
        )),
    }
    say::talk(
        "let one of those who keep it open it: `hilum keys escrow --verify FILE --identity KEY`",
    );
    Ok(())
}

async fn verify(args: &EscrowKey, file: &Path) -> Outcome {
    let Some(identity) = &args.identity else {
        return Err(Failure::new(Code::Usage, "`--identity` says what opens it"));
    };
    let kek = store::read_escrow(file, identity).map_err(|error| {
        Failure::new(Code::Undecided, format!("`{}` cannot be opened: {error}", file.display()))
    })?;
    Api::of(&args.target)?.post("/api/v1/keys/verified", &json!({ "kek": kek })).await?;
    say::data(&format!("{} holds the store key in force, {kek}\n", file.display()));
    Ok(())
}
