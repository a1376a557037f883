//! `hilum deidentify`: copies of messages without the people in them, from files or from the store.
//!
//! What is said on the way says where something is, and never what.

pub mod key;
pub mod rules;

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use deidentify::{Deidentifier, FileCopy, Options, Refused, Tally, TextRule, copy_file};
use serde_json::{Value, json};

use crate::answer::text;
use crate::api::Api;
use crate::args::{Deidentify, Format, FreeText};
use crate::exit::{Code, Failure, Outcome};
use crate::load::{bytes_of, gather};
use crate::private_file::{self, Place};
use crate::say;

/// Something to copy: a file, or a message of the store.
struct Source {
    name: String,
    bytes: Vec<u8>,
}

/// What all inputs came to.
#[derive(Default)]
struct Sum {
    messages: usize,
    copied: usize,
    /// At least one was withheld because it still held something.
    leaks: bool,
    tally: Tally,
}

/// Runs the verb.
pub async fn run(args: Deidentify) -> Outcome {
    let deidentifier = deidentifier(&args)?;
    let files = files(&args.files)?;
    if let Some(folder) = &args.to {
        prepare(folder, files.len() + args.message.len())?;
    }
    let mut sum = Sum::default();
    let mut output = Output { folder: args.to.as_deref(), unended: false };
    for (number, path) in files.iter().enumerate() {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let source = Source { name, bytes: bytes_of(path)? };
        one(&deidentifier, &source, number + 1, &mut output, &mut sum)?;
    }
    for (number, id) in args.message.iter().enumerate() {
        let source = stored(&args, id).await?;
        one(&deidentifier, &source, files.len() + number + 1, &mut output, &mut sum)?;
    }
    report(&args, &sum)
}

fn deidentifier(args: &Deidentify) -> Result<Deidentifier, Failure> {
    let rules = match &args.rules {
        Some(file) => rules::read(file)?,
        None => deidentify::Rules::default(),
    };
    let key = match &args.key {
        Some(source) => key::read(source)?,
        None => deidentify::Key::random(),
    };
    let text = match args.text {
        FreeText::Replace => TextRule::Replace,
        FreeText::Scrub => TextRule::Scrub,
    };
    let today = jiff::Zoned::now().date();
    Ok(Deidentifier::new(key, Options { today, text, rules }))
}

fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        gather(path, &mut files)?;
    }
    Ok(files)
}

/// Copies one input, says what was refused, and gives the copy out.
fn one(
    deidentifier: &Deidentifier,
    source: &Source,
    number: usize,
    output: &mut Output<'_>,
    sum: &mut Sum,
) -> Outcome {
    let copy: FileCopy = copy_file(deidentifier, &source.bytes);
    for refusal in &copy.refused {
        sum.leaks |= matches!(refusal.reason, Refused::Leak(_));
        let name = match refusal.number {
            0 => format!("`{}`, a batch header", source.name),
            number => format!("`{}`, message {number}", source.name),
        };
        say::talk(&format!("{name}: not copied: {}", refusal.reason));
    }
    if copy.left_out > 0 {
        let left_out = copy.left_out;
        say::talk(&format!(
            "`{}`: {left_out} pieces of text that belong to no message were left out",
            source.name
        ));
    }
    sum.messages += copy.copied + copy.refused.len();
    sum.copied += copy.copied;
    sum.tally.add(&copy.tally);
    match copy.copied {
        0 => Ok(()),
        _ => output.put(number, &copy.bytes),
    }
}

/// The body of a message as it was received, which the engine records as any other look at one.
async fn stored(args: &Deidentify, id: &str) -> Result<Source, Failure> {
    let api = Api::of(&args.target)?;
    let found = api.post("/api/v1/messages/find", &json!({ "id": id })).await?;
    let id = text(&found, "id").to_owned();
    let bytes = body_of(&api, &id).await?;
    Ok(Source { name: id, bytes })
}

/// The body of a message as it was received.
pub async fn body_of(api: &Api, id: &str) -> Result<Vec<u8>, Failure> {
    let body = api.post("/api/v1/messages/body", &json!({ "id": id, "destination": null })).await?;
    body_bytes(&body).ok_or_else(|| {
        Failure::new(Code::Undecided, format!("the body of `{id}` cannot be read back as it was"))
    })
}

/// The bytes of a body that was given as text in its own charset, or in hexadecimal.
pub fn body_bytes(body: &Value) -> Option<Vec<u8>> {
    if let Some(hex) = body.get("hex").and_then(Value::as_str) {
        return HEXLOWER.decode(hex.as_bytes()).ok();
    }
    let text = body.get("text").and_then(Value::as_str)?;
    let charset = hl7::peek(text.as_bytes()).ok()?.charset();
    let bytes = charset.encode(text).ok()?.into_owned();
    let length = body.get("bytes").and_then(Value::as_u64)?;
    (u64::try_from(bytes.len()) == Ok(length)).then_some(bytes)
}

/// Where copies go.
struct Output<'a> {
    folder: Option<&'a Path>,
    /// What was written last has no end of line.
    unended: bool,
}

impl Output<'_> {
    fn put(&mut self, number: usize, bytes: &[u8]) -> Outcome {
        let Some(folder) = self.folder else {
            if self.unended {
                say::bytes(b"\r");
            }
            self.unended = !matches!(bytes.last(), Some(b'\r' | b'\n'));
            say::bytes(bytes);
            return Ok(());
        };
        private_file::write(&Place { folder, replace: false }, &name(number), bytes)
    }
}

/// Not the name of the input: that often holds the number of a patient.
fn name(number: usize) -> String {
    format!("{number:04}.hl7")
}

/// Makes the folder, and refuses one with a copy of the same number before anything is written.
fn prepare(folder: &Path, count: usize) -> Outcome {
    private_file::prepare(&Place { folder, replace: false }, &[])?;
    match (1..=count).map(|number| folder.join(name(number))).find(|path| path.exists()) {
        None => Ok(()),
        Some(there) => {
            Err(Failure::new(Code::Refused, format!("`{}` is there already", there.display()))
                .hint("`--to FOLDER` names another folder"))
        }
    }
}

fn report(args: &Deidentify, sum: &Sum) -> Outcome {
    if sum.messages == 0 {
        return Err(Failure::new(Code::Usage, "there is no message in what was named"));
    }
    let said = match args.target.format {
        Format::Json => {
            let counts: serde_json::Map<String, Value> = sum
                .tally
                .counts()
                .map(|(treatment, count)| (treatment.name().replace(' ', "_"), json!(count)))
                .collect();
            json!({ "messages": sum.messages, "copied": sum.copied, "values": counts }).to_string()
        }
        Format::Text => {
            let counts = sum.tally.counts().map(|(what, count)| format!("{} {count}", what.name()));
            let counts: Vec<String> = counts.collect();
            let counts = counts.join(", ");
            let separator = if counts.is_empty() { "" } else { "; " };
            format!("{} of {} messages copied{separator}{counts}", sum.copied, sum.messages)
        }
    };
    // Without a folder the copies themselves are the data.
    match args.to {
        Some(_) => say::data(&format!("{said}\n")),
        None => say::talk(&said),
    }
    match sum.copied == sum.messages {
        true => Ok(()),
        false if sum.leaks => Err(Failure::silent(Code::Problems)
            .hint("`--rules FILE` empties or replaces a field that would give somebody away")),
        false => Err(Failure::silent(Code::Problems)),
    }
}

#[cfg(test)]
mod tests {
    use super::body_bytes;
    use serde_json::json;

    #[test]
    fn a_body_comes_back_in_its_charset() {
        let text = "MSH|^~\\&|A||||||ADT^A01|1|P|2.5||||||8859/1\rPID|1||||M\u{FC}ller\r";
        let answer = json!({ "text": text, "bytes": text.chars().count() });
        assert!(body_bytes(&answer).unwrap().contains(&0xFC));
        assert_eq!(
            body_bytes(&json!({ "text": "?", "bytes": 1, "hex": "4d53ff" })).unwrap(),
            b"MS\xff"
        );
        assert_eq!(body_bytes(&json!({ "text": text, "bytes": 1 })), None);
    }
}
