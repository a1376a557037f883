//! TOML text to [`Table`], every value with its place.

use crate::diagnostics::Diagnostics;
use crate::item::{Item, Table};
use crate::source::{FileId, Span, position};
use crate::text::Text;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Reads one TOML file; several syntax errors are reported in one run.
///
/// A file with syntax errors gives no table: what the parser guessed behind the first error would only add errors that are not there.
pub fn parse_toml(diags: &mut Diagnostics, path: &str, text: String) -> Option<Table> {
    let file = diags.add_file(path, text.as_str());
    let (root, errors) = DeTable::parse_recoverable(&text);
    let failed = !errors.is_empty();
    report(&errors, file, &text, diags);
    let mut reading = Reading { file, text: &text, diags };
    let table = reading.table(root.get_ref(), 0..0);
    (!failed).then_some(table)
}

/// The parser reports follow-up errors of one slip; the first of each line is the one that helps.
fn report(errors: &[toml::de::Error], file: FileId, text: &str, diags: &mut Diagnostics) {
    let mut errors: Vec<_> =
        errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    let mut lines = BTreeSet::new();
    for (range, message) in errors {
        if !lines.insert(position(text, range.start).line) {
            continue;
        }
        let (title, expected) = message
            .split_once(", expected ")
            .map_or((message, None), |(title, expected)| (title, Some(expected)));
        let span = Span { file, start: range.start, end: range.end };
        let diagnostic = diags.error("C0001", span, format!("not valid TOML: {title}"));
        match expected {
            Some("nothing") | None => {}
            Some("literal string") => {
                diagnostic.label("expected a text in quotes");
            }
            Some(expected) => {
                diagnostic.label(format!("expected {expected}"));
            }
        }
        if title.contains("must be quoted") {
            diagnostic.help(
                "write texts in quotes: `\"text\"`, or `'text'` where backslashes mean themselves",
            );
        }
    }
}

struct Reading<'t, 'd> {
    file: FileId,
    text: &'t str,
    diags: &'d mut Diagnostics,
}

impl Reading<'_, '_> {
    fn span(&self, range: &Range<usize>) -> Span {
        Span { file: self.file, start: range.start, end: range.end }
    }

    fn text(&self, value: &str, range: &Range<usize>) -> Text {
        let raw = self.text.get(range.clone()).unwrap_or("");
        Text::from_toml(value.to_owned(), self.span(range), raw)
    }

    /// The parser keeps keys sorted by name; people read them in the order they were written.
    fn table(&mut self, table: &DeTable<'_>, range: Range<usize>) -> Table {
        let mut entries: Vec<(Text, Item)> = table
            .iter()
            .map(|(key, value)| {
                (self.text(key.get_ref(), &key.span()), self.item(value.get_ref(), value.span()))
            })
            .collect();
        entries.sort_by_key(|(key, _)| key.span.start);
        Table { span: self.span(&range), entries }
    }

    fn item(&mut self, value: &DeValue<'_>, range: Range<usize>) -> Item {
        let span = self.span(&range);
        match value {
            DeValue::String(value) => Item::Text(self.text(value, &range)),
            DeValue::Integer(value) => {
                Item::Integer(self.integer(value.as_str(), value.radix(), span), span)
            }
            DeValue::Float(value) => Item::Float(value.as_str().parse().unwrap_or(f64::NAN), span),
            DeValue::Boolean(value) => Item::Bool(*value, span),
            DeValue::Datetime(value) => Item::Datetime(value.to_string(), span),
            DeValue::Array(values) => Item::List(
                values.iter().map(|value| self.item(value.get_ref(), value.span())).collect(),
                span,
            ),
            DeValue::Table(table) => Item::Table(self.table(table, range)),
        }
    }

    fn integer(&mut self, digits: &str, radix: u32, span: Span) -> i64 {
        i64::from_str_radix(digits, radix).unwrap_or_else(|_| {
            self.diags
                .error("C0105", span, "this number is too large")
                .label("a whole number has at most 64 bits");
            0
        })
    }
}
