use config::{Diagnostics, Text};
use hl7::dictionary::dictionary;
use std::ops::Range;

/// One problem inside a quoted text of the language, located by offsets of that text.
///
/// The parsers of conditions and templates know nothing of files; whoever holds the text reports what they found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) range: Range<usize>,
    pub(crate) title: String,
    pub(crate) label: String,
    pub(crate) help: Option<String>,
}

impl Problem {
    pub(crate) fn new(
        code: &'static str,
        range: Range<usize>,
        title: impl Into<String>,
        label: impl Into<String>,
    ) -> Problem {
        Problem { code, range, title: title.into(), label: label.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// Adds it to what is wrong with the site, pointing into `text`.
    pub(crate) fn report(self, text: &Text, diags: &mut Diagnostics) {
        // An empty range would underline nothing: the last character shows where something is missing.
        let at = if self.range.is_empty() {
            last_character(&text.value, self.range.end)
        } else {
            self.range
        };
        let diagnostic = diags.error(self.code, text.at(at), self.title).label(self.label);
        if let Some(help) = self.help {
            diagnostic.help(help);
        }
    }
}

/// Reads a path that stands at `start` of a longer text.
pub(crate) fn path(text: &str, start: usize) -> Result<hl7::Path, Problem> {
    let path = parsed(text, start)?;
    match beyond(&path) {
        None => Ok(path),
        Some((title, label)) => Err(Problem::new("C0203", start..start + text.len(), title, label)),
    }
}

/// A field that no version of the standard gives its segment is a slip of the pen, or a site's own, which belongs into a Z segment.
fn beyond(path: &hl7::Path) -> Option<(String, String)> {
    let field = path.field?;
    let (segment, d) = (path.segment.as_str(), dictionary());
    let (last, newest) = d.last_field(segment)?;
    if field > last {
        let label = format!("{segment} has fields 1 to {last} in HL7 {}", newest.as_str());
        return Some((format!("{segment} has no field {field}"), label));
    }
    None
}

fn parsed(text: &str, start: usize) -> Result<hl7::Path, Problem> {
    hl7::Path::parse(text).map_err(|error| {
        let wrong = text.get(error.range.clone()).filter(|part| !part.is_empty()).unwrap_or(text);
        Problem {
            code: "C0202",
            range: start + error.range.start..start + error.range.end,
            title: format!("`{wrong}` is not a field path"),
            label: error.problem,
            help: error.help,
        }
    })
}

fn last_character(text: &str, end: usize) -> Range<usize> {
    let before = text.get(..end).unwrap_or(text);
    let start = before.char_indices().next_back().map_or(0, |(at, _)| at);
    start..before.len()
}
