//! `hilum view`: messages as trees of their parts, with their paths and positions, and the headers around them.

use hl7::batch::{PartKind, count, parts};
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
    for node in message.outline() {
        line(message, &node, out);
    }
}

/// One part: its path, where it is in the file, and its value when it has no parts of its own.
fn line(message: &Message, node: &Node<'_>, out: &mut String) {
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
    out.push_str(format!("{:<28}{place:>13}  {value}", format!("{indent}{path}")).trim_end());
    out.push('\n');
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
