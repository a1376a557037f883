//! Texts with values of a delivery in them: the names of files, the keys that a receiver knows a repetition by.

use std::fmt;
use std::ops::Range;

use config::{Diagnostics, Text};
use hl7::{Message, ParseOptions, Path};
use jiff::Timestamp;

use crate::Outgoing;

/// A text with values in braces, such as `{received}-{id}.hl7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Received,
    Date,
    MessageId,
    DeliveryId,
    Part,
    Field(Path),
}

/// What is wrong with a template, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// The code of the problem, the same as for the templates of steps.
    pub code: &'static str,
    /// The bytes of the template it is about.
    pub range: Range<usize>,
    /// What is wrong.
    pub problem: String,
    /// What to write instead, when that is known.
    pub help: Option<String>,
}

impl Template {
    /// Reads a template. As in the templates of steps, a brace that is text is doubled.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut at = 0;
        while let Some(brace) = text[at..].find(['{', '}']).map(|found| at + found) {
            literal.push_str(&text[at..brace]);
            let rest = &text[brace..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                literal.push_str(&rest[..1]);
                at = brace + 2;
                continue;
            }
            let close = match rest.starts_with('{') {
                true => rest.find('}').ok_or("this brace is not closed"),
                false => Err("this brace closes nothing"),
            };
            let close = brace
                + close
                    .map_err(|problem| TemplateError::new("C0310", brace..brace + 1, problem))?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::parse(&text[brace + 1..close], brace + 1)?);
            at = close + 1;
        }
        literal.push_str(&text[at..]);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        match pieces.is_empty() {
            true => Err(TemplateError::new("C0105", 0..0, "a template has at least one character")),
            false => Ok(Template { pieces }),
        }
    }

    /// The text for a delivery. Bytes of the message become the characters of their number: no charset is guessed.
    pub(crate) fn fill(&self, out: &Outgoing<'_>) -> String {
        let mut text = String::new();
        let message = self
            .reads_fields()
            .then(|| Message::parse(out.body.to_vec(), &ParseOptions::default()));
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Received => text.push_str(&time(out.received_us, "%Y%m%dT%H%M%S.%6fZ")),
                Piece::Date => text.push_str(&time(out.received_us, "%Y%m%d")),
                Piece::MessageId => text.push_str(out.message_id),
                Piece::DeliveryId => text.push_str(out.delivery_id),
                Piece::Part => text.push_str(&out.part.to_string()),
                Piece::Field(path) => {
                    let value =
                        message.as_ref().and_then(|message| message.raw(path)).unwrap_or_default();
                    text.extend(value.iter().map(|&byte| char::from(byte)));
                }
            }
        }
        text
    }

    /// Whether anything of the text belongs to this delivery: an id, or a field that the message has.
    pub(crate) fn says_something(&self, out: &Outgoing<'_>) -> bool {
        let message = Message::parse(out.body.to_vec(), &ParseOptions::default());
        self.pieces.iter().any(|piece| match piece {
            Piece::Literal(_) | Piece::Part | Piece::Received | Piece::Date => false,
            Piece::MessageId | Piece::DeliveryId => true,
            Piece::Field(path) => message.raw(path).is_some_and(|value| !value.is_empty()),
        })
    }

    /// Whether the parts of a split message get texts of their own.
    pub(crate) fn tells_parts_apart(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Part | Piece::DeliveryId))
    }

    fn reads_fields(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Field(_)))
    }
}

impl Piece {
    /// Reads what stands between the braces; `start` is where, for errors.
    fn parse(inside: &str, start: usize) -> Result<Piece, TemplateError> {
        match inside {
            "received" => Ok(Piece::Received),
            "date" => Ok(Piece::Date),
            "id" => Ok(Piece::MessageId),
            "delivery" => Ok(Piece::DeliveryId),
            "part" => Ok(Piece::Part),
            path if path.contains('-') => Piece::field(path, start),
            other => Err(TemplateError {
                help: Some("write `{received}`, `{date}`, `{id}`, `{delivery}`, `{part}` or a field such as `{MSH-10}`".to_owned()),
                ..TemplateError::new("C0311", start..start + other.len(), &format!("`{other}` is not a value of a delivery"))
            }),
        }
    }

    fn field(text: &str, start: usize) -> Result<Piece, TemplateError> {
        match Path::parse(text) {
            Ok(path) if path.is_many() => Err(TemplateError::new(
                "C0322",
                start..start + text.len(),
                "one value goes here, and this path may have several",
            )),
            Ok(path) => Ok(Piece::Field(path)),
            Err(error) => Err(TemplateError {
                help: error.help,
                ..TemplateError::new(
                    "C0202",
                    start + error.range.start..start + error.range.end,
                    &error.problem,
                )
            }),
        }
    }
}

impl TemplateError {
    fn new(code: &'static str, range: Range<usize>, problem: &str) -> TemplateError {
        TemplateError { code, range, problem: problem.to_owned(), help: None }
    }

    pub(crate) fn report(self, written: &Text, title: String, diags: &mut Diagnostics) {
        let diagnostic = diags.error(self.code, written.at(self.range), title).label(self.problem);
        if let Some(help) = self.help {
            diagnostic.help(help);
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Literal(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}")),
            Piece::Received => f.write_str("{received}"),
            Piece::Date => f.write_str("{date}"),
            Piece::MessageId => f.write_str("{id}"),
            Piece::DeliveryId => f.write_str("{delivery}"),
            Piece::Part => f.write_str("{part}"),
            Piece::Field(path) => write!(f, "{{{path}}}"),
        })
    }
}

/// A time that sorts as text and needs no character a file name cannot have.
fn time(us: i64, format: &str) -> String {
    match Timestamp::from_microsecond(us) {
        Ok(time) => time.strftime(format).to_string(),
        Err(_) => us.to_string(),
    }
}
