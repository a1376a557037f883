//! Checking the log: by a running engine, or a file of it without one.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use store::{BundleProof, read_archive, verify_bundle};

use crate::answer::{list, number, safe, text};
use crate::api::Api;
use crate::args::Format;
use crate::args::accounts::VerifyAudit;
use crate::capsule::Chain;
use crate::exit::{Code, Failure, Outcome};
use crate::say;

/// How often a running engine is asked how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// Runs the verb.
pub async fn run(args: &VerifyAudit) -> Outcome {
    match (&args.bundle, &args.capsules) {
        (Some(bundle), _) => conclude(args, &of_bundle(bundle, args)?),
        (_, Some(capsules)) => of_capsules(capsules),
        (None, None) => conclude(args, &of_engine(args).await?),
    }
}

/// Asks a running engine for a check, and waits for it.
async fn of_engine(args: &VerifyAudit) -> Result<Value, Failure> {
    let api = Api::of(&args.target)?;
    let asked = api.post("/api/v1/security/audit-log/verify", &json!({})).await?;
    let asked_us = number(&asked, "asked_us");
    let mut progress = say::Progress::new("checking");
    loop {
        let standing = api.get("/api/v1/security/audit-log/integrity").await?;
        if let Some(check) =
            standing.get("full").filter(|full| number(full, "begun_us") >= asked_us)
        {
            return Ok(check.clone());
        }
        if let Some(running) = standing.get("running") {
            progress.show(number(running, "checked"), number(running, "total"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Says what a check has found, and ends as it did.
fn conclude(args: &VerifyAudit, check: &Value) -> Outcome {
    if args.target.format == Format::Json {
        say::data(&format!("{check:#}\n"));
    }
    let error = text(check, "error");
    if !error.is_empty() {
        return Err(Failure::new(Code::Undecided, format!("the log could not be read: {error}")));
    }
    let checked = number(check, "checked");
    if let Some(fault) = check.get("fault").filter(|fault| !fault.is_null()) {
        let said = text(fault, "text");
        let sentence = match text(fault, "kind") {
            "history" => format!("{said}; the {checked} records of the log are whole"),
            _ => format!("{said}; the {checked} records before are whole"),
        };
        return Err(Failure::new(Code::Problems, sentence));
    }
    let doubts: Vec<&str> = list(check, "doubts").iter().filter_map(Value::as_str).collect();
    if !doubts.is_empty() {
        let sentence = format!(
            "{checked} records are as they were written, but that is not the whole proof: {}",
            safe(&doubts.join("; "))
        );
        return Err(Failure::new(Code::Undecided, sentence));
    }
    if args.target.format == Format::Text {
        say::data(&whole(check));
    }
    Ok(())
}

fn whole(check: &Value) -> String {
    let (checked, key) = (number(check, "checked"), text(check, "key"));
    let mut out =
        format!("whole: {checked} records, every one as it was written; sealed by key {key}\n");
    let root = text(check, "root");
    out.push_str(&format!("root of the tree over them: {root}\n"));
    let noted = |one: &Value| format!("{} checkpoints", number(one, "checkpoints"));
    out.push_str(&format!("agrees with {} of the log\n", noted(check)));
    if let Some(history) = check.get("history").filter(|history| !history.is_null()) {
        let (messages, attempts) = (number(history, "messages"), number(history, "attempts"));
        out.push_str(&format!(
            "agrees with {messages} messages and {attempts} attempts to deliver them\n"
        ));
    }
    for anchor in list(check, "anchors") {
        let (name, size) = (safe(text(anchor, "name")), number(anchor, "size"));
        out.push_str(&format!(
            "agrees with {} in {name}, the newest over {size} records\n",
            noted(anchor)
        ));
    }
    out
}

/// Checks a bundle where there is no engine.
fn of_bundle(path: &Path, args: &VerifyAudit) -> Result<Value, Failure> {
    let keyring = args.keyring.as_deref().map(keyring).transpose()?;
    let proof = BundleProof { keyring, anchors: args.anchor.clone() };
    let total = lines(path, args)?.lines().map_while(Result::ok);
    let total = total.filter(|line| line.starts_with("{\"record\"")).count();
    let total = i64::try_from(total).unwrap_or(0);
    let mut progress = say::Progress::new("checking");
    let told = |checked: i64| {
        if checked % 1_000 == 0 {
            progress.show(checked, total);
        }
    };
    let report = verify_bundle(lines(path, args)?, &proof, told)
        .map_err(|error| Failure::new(Code::Undecided, format!("`{}`: {error}", path.display())))?;
    Ok(console_api::audit_report(&report))
}

/// The bundle as text: opened with a key when it is an archive.
fn lines(path: &Path, args: &VerifyAudit) -> Result<Box<dyn BufRead>, Failure> {
    match &args.identity {
        None => Ok(Box::new(BufReader::new(open(path)?))),
        Some(keys) => match read_archive(path, keys) {
            Ok(lines) => Ok(Box::new(lines)),
            Err(error) => Err(unread(path, &error)),
        },
    }
}

/// The second word of each line: the public half of a key.
fn keyring(path: &Path) -> Result<Vec<String>, Failure> {
    let mut keys = Vec::new();
    for line in BufReader::new(open(path)?).lines() {
        let line = line.map_err(|error| unread(path, &error))?;
        let key = line.split_whitespace().nth(1).filter(|key| key.len() == 64);
        let odd = || {
            let sentence = format!("`{}` is no keyring", path.display());
            Failure::new(Code::Undecided, sentence).hint("`hilum audit keyring` shows one")
        };
        keys.push(key.ok_or_else(odd)?.to_owned());
    }
    Ok(keys)
}

fn of_capsules(path: &Path) -> Outcome {
    let mut chain = Chain::default();
    let mut count = 0;
    for line in BufReader::new(open(path)?).lines() {
        let line = line.map_err(|error| unread(path, &error))?;
        count += 1;
        let capsule: Value = serde_json::from_str(&line).map_err(|_| {
            Failure::new(Code::Problems, format!("line {count} of `{}` is no JSON", path.display()))
        })?;
        chain.step(&capsule).map_err(|refusal| {
            let (kind, field) = (refusal.kind, &refusal.field);
            Failure::new(Code::Problems, format!("capsule {count}: {kind} at `{field}`"))
        })?;
    }
    say::data(&format!("whole: {count} capsules, each following the one before\n"));
    Ok(())
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| unread(path, &error))
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Code::Undecided, format!("`{}` cannot be read: {error}", path.display()))
}
