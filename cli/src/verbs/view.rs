//! `hilum view`: messages as trees of their parts, with their paths and positions, and the headers around them.

use hl7::batch::{PartKind, count, parts};
use hl7::dictionary::{Version, dictionary};
use hl7::{Message, Node, NodeLevel, ParseOptions, Path};

use crate::args::View;
use crate::exit::{Code, Failure, Outcome};
use crate::load::{bytes_of, messages};
use crate::say;

/// Runs the verb.
pub fn run(args: &View) -> Outcome {
    let bytes = bytes_of(&args.file)?;
    let messages = messages(&bytes);
    if messages.is_empty() && !hl7::is_batch(&bytes) {
        return Err(Failure::new(
            Code::Problems,
            format!("`{}` holds no message", args.file.display()),
        ));
    }
    let has_parts = parts(&bytes).any(|part| part.kind != PartKind::Foreign);
    if !has_parts {
        return show(&bytes, args, String::new());
    }
    let mut number = 0;
    for part in parts(&bytes) {
        let inside = bytes.get(part.range).unwrap_or_default();
        match part.kind {
            PartKind::Message => {
                number += 1;
                let title = format!("message {number} of {}\n", messages.len());
                show(inside, args, if messages.len() > 1 { title } else { String::new() })?;
            }
            PartKind::FileHeader => show(inside, args, "file header\n".to_owned())?,
            PartKind::BatchHeader => show(inside, args, "batch header\n".to_owned())?,
            PartKind::BatchTrailer | PartKind::FileTrailer | PartKind::Foreign
                if args.path.is_none() =>
            {
                let text = String::from_utf8_lossy(inside.trim_ascii_end());
                say::data(&format!("{}\n", visible(&text)));
            }
            PartKind::BatchTrailer
            | PartKind::FileTrailer
            | PartKind::Foreign
            | PartKind::Blank => {}
        }
    }
    count(&bytes).map(drop).map_err(|fault| Failure::new(Code::Problems, fault.to_string()))
}

/// One message or header: what a path selects in it, or all of it under a title.
fn show(bytes: &[u8], args: &View, title: String) -> Outcome {
    let message = Message::parse(bytes, &ParseOptions::default());
    let mut out = String::new();
    match &args.path {
        Some(path) => select(&message, path, &mut out)?,
        None => {
            out.push_str(&title);
            tree(&message, &mut out);
        }
    }
    say::data(&out);
    Ok(())
}

fn tree(message: &Message, out: &mut String) {
    let charset = message.charset();
    out.push_str(&format!("{} bytes, {}\n", message.as_bytes().len(), charset.name()));
    let header = hl7::peek(message.as_bytes());
    let said = header.map(|header| header.field(message.as_bytes(), 12).to_vec());
    let said = said.unwrap_or_default();
    let version =
        String::from_utf8_lossy(said.split(|byte| *byte == b'^').next().unwrap_or_default());
    let version = Version::of(&version);
    for node in message.outline() {
        line(message, &node, version, out);
    }
}

/// One part: its path, where it is in the file, and its value when it has no parts of its own.
fn line(message: &Message, node: &Node<'_>, version: Version, out: &mut String) {
    let depth = match node.level {
        NodeLevel::Segment => 0,
        NodeLevel::Field => 1,
        NodeLevel::Repetition => 2,
        NodeLevel::Component => 3,
        NodeLevel::Subcomponent => 4,
    };
    // Empty parts are only counted delimiters: showing each would hide the rest.
    if depth > 0 && node.value.is_empty() {
        return;
    }
    let path = node.path.as_ref().map_or_else(|| "?".to_owned(), ToString::to_string);
    let place = format!("{}..{}", node.range.start, node.range.end);
    let indent = "  ".repeat(depth);
    let value = if node.has_parts { String::new() } else { shown(message, node.value) };
    let name = named(message, node, version);
    let row = format!("{:<28}{place:>13}  {value:<24}  {name}", format!("{indent}{path}"));
    out.push_str(row.trim_end());
    out.push('\n');
}

/// What the standard calls a part, and what its code means.
fn named(message: &Message, node: &Node<'_>, version: Version) -> String {
    let Some(path) = &node.path else { return String::new() };
    if path.field.is_none() {
        return dictionary().segment(version, path.segment.as_str()).unwrap_or("").to_owned();
    }
    let Some(element) = dictionary().element(version, path) else { return String::new() };
    let text = (!node.has_parts).then(|| message.charset().decode(node.value).ok()).flatten();
    let code =
        text.zip(element.table).and_then(|(text, table)| dictionary().code(version, table, &text));
    match code.filter(|code| !code.is_empty()) {
        Some(code) => format!("{}: {code}", element.name),
        None => element.name.to_owned(),
    }
}

fn select(message: &Message, path: &str, out: &mut String) -> Result<(), Failure> {
    let parsed = Path::parse(path).map_err(|error| {
        let failure = Failure::new(Code::Usage, format!("`{path}`: {}", error.problem));
        match &error.help {
            Some(help) => failure.hint(help),
            None => failure,
        }
    })?;
    for value in message.raw_all(&parsed) {
        out.push_str(&shown(message, value));
        out.push('\n');
    }
    Ok(())
}

/// A value for the terminal: decoded, with control characters shown as what they are.
fn shown(message: &Message, value: &[u8]) -> String {
    let text = match message.charset().decode(value) {
        Ok(text) => text.into_owned(),
        Err(_) => String::from_utf8_lossy(value).into_owned(),
    };
    format!("`{}`", visible(&text))
}

fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => out.push_str(&format!("\\x{:02X}", u32::from(c))),
            false => out.push(c),
        }
    }
    out
}
