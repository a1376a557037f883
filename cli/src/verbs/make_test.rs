//! `hilum make-test`: a test of a channel out of a message that came, without the people in it.

use std::fs;

use deidentify::{Deidentifier, Key, Options, Rules, TextRule, copy_file};
use serde_json::json;

use crate::answer::text;
use crate::api::Api;
use crate::args::bench::MakeTest;
use crate::exit::{Code, Failure, Outcome};
use crate::say;
use crate::verbs::deidentify::{body_of, key, rules};
use crate::verbs::run::site_of;

/// Runs the verb.
pub async fn run(args: MakeTest) -> Outcome {
    let site = site_of(&args.into)?;
    let api = Api::of(&args.target)?;
    let found = api.post("/api/v1/messages/find", &json!({ "id": args.message })).await?;
    let channel = text(&found, "channel").to_owned();
    let plan = site.channels.values().find(|plan| plan.file.name.as_str() == channel);
    let plan = plan.ok_or_else(|| {
        let sentence =
            format!("the message is of channel `{channel}`, which the site does not have");
        Failure::new(Code::Problems, sentence)
    })?;
    let folder = args.into.join("channels").join(&channel).join("tests").join(&args.name);
    if args.name.contains(['/', '\\']) || args.name.starts_with('.') {
        let sentence = format!("`{}` is not the name of a folder", args.name);
        return Err(Failure::new(Code::Usage, sentence));
    }
    if folder.exists() {
        let sentence = format!("`{}` is there already", folder.display());
        return Err(Failure::new(Code::Refused, sentence));
    }
    let body = body_of(&api, text(&found, "id")).await?;
    let copy = copy_file(&deidentifier(&args)?, &body);
    if copy.copied != 1 || !copy.refused.is_empty() {
        let why = copy.refused.first().map_or_else(String::new, |one| format!(": {}", one.reason));
        return Err(Failure::new(Code::Problems, format!("the message is not copied{why}"))
            .hint("`--rules FILE` empties or replaces a field that would give somebody away"));
    }
    let run = plan.dry_run(&copy.bytes);
    let mut files = channel::kept(&run);
    files.push(("in.hl7".to_owned(), copy.bytes));
    let written = || {
        fs::create_dir_all(&folder)?;
        files.iter().try_for_each(|(name, bytes)| fs::write(folder.join(name), bytes))
    };
    written().map_err(|error: std::io::Error| {
        Failure::new(Code::Refused, format!("`{}` cannot be written: {error}", folder.display()))
    })?;
    for (name, _) in &files {
        say::data(&format!("{}\n", folder.join(name).display()));
    }
    say::talk(&format!(
        "it would be {} now; look at the files: what came out is what is expected from now on",
        run.fate.as_str()
    ));
    Ok(())
}

fn deidentifier(args: &MakeTest) -> Result<Deidentifier, Failure> {
    let rules = match &args.rules {
        Some(file) => rules::read(file)?,
        None => Rules::default(),
    };
    let key = match &args.key {
        Some(source) => key::read(source)?,
        None => Key::random(),
    };
    let today = jiff::Zoned::now().date();
    Ok(Deidentifier::new(key, Options { today, text: TextRule::Replace, rules }))
}
