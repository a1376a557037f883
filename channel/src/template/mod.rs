//! Texts with values in them: `{PID-5.1}, {PID-5.2}`.

mod parse;

use crate::compiler::Compiler;
use crate::failure::Fault;
use crate::place::Place;
use crate::problem::Problem;
use crate::scene::Scene;
use config::Text;
use parse::{Piece, parse};
use std::borrow::Cow;

/// A text whose `{paths}` are replaced by values, ready to be written.
#[derive(Debug)]
pub(crate) struct Template {
    pieces: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Value(Place),
    Number,
}

impl Template {
    /// Reads and compiles a template; what is wrong is reported, and gives none.
    pub(crate) fn compile(text: &Text, compiler: &mut Compiler<'_>) -> Option<Template> {
        let pieces = match parse(&text.value) {
            Ok(pieces) => pieces,
            Err(problems) => {
                problems.into_iter().for_each(|problem| compiler.report(problem, text));
                return None;
            }
        };
        let parts: Vec<Option<Part>> =
            pieces.into_iter().map(|piece| part(piece, text, compiler)).collect();
        Some(Template { pieces: parts.into_iter().collect::<Option<Vec<Part>>>()? })
    }

    /// The text, when it is the same for every message.
    pub(crate) fn fixed(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with the values of a message. What is absent, or the HL7 null, is an empty text.
    pub(crate) fn render<'r>(&'r self, scene: &Scene<'r>) -> Result<Cow<'r, str>, Fault> {
        match self.pieces.as_slice() {
            [] => Ok(Cow::Borrowed("")),
            [one] => one.render(scene),
            several => {
                let mut text = String::new();
                for piece in several {
                    text.push_str(&piece.render(scene)?);
                }
                Ok(Cow::Owned(text))
            }
        }
    }
}

impl Part {
    fn render<'r>(&'r self, scene: &Scene<'r>) -> Result<Cow<'r, str>, Fault> {
        match self {
            Part::Text(text) => Ok(Cow::Borrowed(text)),
            Part::Number => Ok(Cow::Owned(scene.part.to_string())),
            Part::Value(place) => {
                let path = scene.path(place);
                scene.note(&path);
                if scene.message.is_null(&path) {
                    return Ok(Cow::Borrowed(""));
                }
                scene.text(&path)
            }
        }
    }
}

fn part(piece: Piece, text: &Text, compiler: &mut Compiler<'_>) -> Option<Part> {
    match piece {
        Piece::Text(text) => Some(Part::Text(text)),
        Piece::Part => Some(Part::Number),
        Piece::Path(path, range) => {
            let title = format!("`{path}` is not one value");
            let problem = if path.field.is_none() {
                Some(
                    Problem::new("C0304", range, title, "a field is missing")
                        .help(format!("write a field such as `{path}-1`")),
                )
            } else if Place::new(path.clone(), &[]).is_all() {
                Some(
                    Problem::new("C0322", range, title, "`[*]` means several")
                        .help("name one of them by its number"),
                )
            } else {
                None
            };
            match problem {
                None => Some(Part::Value(compiler.place(path))),
                Some(problem) => {
                    compiler.report(problem, text);
                    None
                }
            }
        }
    }
}
