//! `hilum import`: channels of another engine as files of a site.

use std::fs;
use std::path::Path;

use mirth::{Level, Translation, translate};
use serde_json::json;

use crate::answer::safe;
use crate::args::Format;
use crate::args::bench::{Import, ImportFrom, Mirth};
use crate::exit::{Code, Failure, Outcome};
use crate::load::bytes_of;
use crate::say;

/// Runs the verb.
pub fn run(args: &Import) -> Outcome {
    match &args.from {
        ImportFrom::Mirth(args) => of_mirth(args),
    }
}

fn of_mirth(args: &Mirth) -> Outcome {
    let bytes = bytes_of(&args.file)?;
    let translation = translate(&bytes).map_err(|error| {
        let sentence = format!("`{}` is no export of channels: {error}", args.file.display());
        Failure::new(Code::Problems, sentence)
    })?;
    if let Some(there) =
        translation.files.iter().map(|(name, _)| args.to.join(name)).find(|path| path.exists())
    {
        return Err(Failure::new(Code::Refused, format!("`{}` is there already", there.display()))
            .hint("`--to FOLDER` names another folder"));
    }
    for (name, text) in &translation.files {
        let path = args.to.join(name);
        put(&path, text).map_err(|error| {
            Failure::new(Code::Refused, format!("`{}` cannot be written: {error}", path.display()))
        })?;
    }
    match args.format {
        Format::Json => {
            let notes: Vec<_> = translation
                .notes
                .iter()
                .map(|note| json!({ "level": note.level.to_string(), "note": note.to_string() }))
                .collect();
            let files: Vec<&String> = translation.files.iter().map(|(name, _)| name).collect();
            say::data(&format!("{:#}\n", json!({ "files": files, "notes": notes })));
        }
        Format::Text => show(args, &translation),
    }
    let left = translation.notes.iter().any(|note| note.level == Level::ByHand);
    if left { Err(Failure::silent(Code::Problems)) } else { Ok(()) }
}

fn put(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)
}

/// What is left for a person comes last, where it is seen.
fn show(args: &Mirth, translation: &Translation) {
    for (name, _) in &translation.files {
        say::data(&format!("{}\n", args.to.join(name).display()));
    }
    for level in [Level::Translated, Level::Adapted, Level::ByHand] {
        let notes: Vec<_> = translation.notes.iter().filter(|note| note.level == level).collect();
        if notes.is_empty() || (level == Level::Translated && !args.all) {
            continue;
        }
        say::data(&format!("\n{} ({})\n", level, notes.len()));
        notes.iter().for_each(|note| {
            say::data(&format!("  {}: {}\n", safe(&note.place.to_string()), safe(&note.sentence)))
        });
    }
    let came = translation.notes.iter().filter(|note| note.level == Level::Translated).count();
    if !args.all {
        say::talk(&format!("{came} notes about what came over as it was: `--all` shows them"));
    }
    say::talk(&format!(
        "hint: `hilum check {0}` and `hilum test {0}` come next; addresses are in `vars/`",
        args.to.display()
    ));
}
