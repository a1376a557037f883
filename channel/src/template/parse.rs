use crate::problem::{self, Problem};
use std::ops::Range;

/// The longest template, in bytes.
pub(crate) const TEMPLATE_BYTES_MAX: usize = 64 * 1024;

/// A template as it is written.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// Stands as it is, doubled braces undone.
    Text(String),
    /// `{PID-5.1}`.
    Path(hl7::Path, Range<usize>),
    /// `{part}`.
    Part,
}

/// Cuts a template at its braces, or says everything that is wrong with it.
pub(super) fn parse(text: &str) -> Result<Vec<Piece>, Vec<Problem>> {
    if text.len() > TEMPLATE_BYTES_MAX {
        let title = format!("a text is at most {TEMPLATE_BYTES_MAX} bytes long");
        return Err(vec![Problem::new("C0313", 0..text.len(), title, "too long")]);
    }
    let mut problems = Vec::new();
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(brace) =
        text.get(at..).and_then(|rest| rest.find(['{', '}'])).map(|offset| at + offset)
    {
        plain.push_str(text.get(at..brace).unwrap_or(""));
        let rest = text.get(brace..).unwrap_or("");
        if rest.starts_with("{{") || rest.starts_with("}}") {
            plain.push_str(&rest[..1]);
            at = brace + 2;
        } else if rest.starts_with('}') {
            let label = "no `{` is open";
            problems.push(
                Problem::new("C0310", brace..brace + 1, "this `}` closes nothing", label)
                    .help("a `}` that is text is written `}}`"),
            );
            at = brace + 1;
        } else {
            let Some(end) = closing(rest).map(|offset| brace + offset) else {
                let label = "no `}` follows";
                problems.push(
                    Problem::new("C0310", brace..brace + 1, "this `{` is not closed", label)
                        .help("a `{` that is text is written `{{`"),
                );
                break;
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            match value(text.get(brace + 1..end).unwrap_or(""), brace + 1) {
                Ok(piece) => pieces.push(piece),
                Err(problem) => problems.push(problem),
            }
            at = end + 1;
        }
    }
    plain.push_str(text.get(at..).unwrap_or(""));
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    if problems.is_empty() { Ok(pieces) } else { Err(problems) }
}

/// Offset of the `}` that ends the value which starts at 0; one inside a quoted text of a selector is text.
fn closing(rest: &str) -> Option<usize> {
    let mut in_text = false;
    for (offset, character) in rest.char_indices() {
        match character {
            '"' => in_text = !in_text,
            '}' if !in_text => return Some(offset),
            _ => {}
        }
    }
    None
}

fn value(inside: &str, start: usize) -> Result<Piece, Problem> {
    let range = start..start + inside.len();
    match inside {
        "part" => Ok(Piece::Part),
        "" => Err(Problem::new(
            "C0311",
            start - 1..start + 1,
            "no value is named here",
            "write a path such as `{PID-3.1}`",
        )
        .help("braces that are text are doubled: `{{` and `}}`")),
        _ if inside.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
            let label = "a path such as `PID-3.1`, or `part`, goes here";
            let problem =
                Problem::new("C0311", range, format!("a text knows no value `{inside}`"), label);
            Err(match config::nearest(inside, ["part"]) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help("braces that are text are doubled: `{{` and `}}`"),
            })
        }
        _ => problem::path(inside, start).map(|path| Piece::Path(path, range)),
    }
}
