//! Diagnostics as text for people and as JSON for editors.

use crate::diagnostics::{Diagnostic, Diagnostics, Severity};
use crate::source::{FileId, Files, Span};
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};
use std::borrow::Cow;

impl Diagnostics {
    /// As a compiler shows them, sorted by file and line, ending with `N errors`; empty when there is nothing to say.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let sorted = self.sorted();
        let mut out = String::new();
        for diagnostic in &sorted {
            let text = renderer.render(&[group(self.files(), diagnostic)]);
            // The gutter of an empty source line ends in blanks, which editors and diffs complain about.
            for line in text.lines() {
                out.push_str(line.trim_end());
                out.push('\n');
            }
            out.push('\n');
        }
        if !sorted.is_empty() {
            out.push_str(&summary(&sorted));
            out.push('\n');
        }
        out
    }

    /// One object per problem, in the same order, for editors and scripts.
    pub fn to_json(&self) -> Value {
        let sorted = self.sorted();
        let count =
            |severity| sorted.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        json!({
            "errors": count(Severity::Error),
            "warnings": count(Severity::Warning),
            "diagnostics": sorted.iter().map(|diagnostic| self.one_json(diagnostic)).collect::<Vec<_>>(),
        })
    }

    fn one_json(&self, diagnostic: &Diagnostic) -> Value {
        let mut value = self.place(diagnostic.span);
        let related = diagnostic.related.iter().map(|(span, label)| {
            let mut place = self.place(*span);
            place["label"] = json!(label);
            place
        });
        value["severity"] = json!(word(diagnostic.severity));
        value["code"] = json!(diagnostic.code);
        value["title"] = json!(diagnostic.title);
        value["label"] = json!(diagnostic.label);
        value["help"] = json!(diagnostic.help);
        value["related"] = related.collect();
        value
    }

    fn place(&self, span: Span) -> Value {
        let from = self.files().position(span);
        let to = self.files().position(Span { start: span.end, ..span });
        json!({ "file": self.files().shown_path(span.file), "line": from.line, "column": from.column, "end_line": to.line, "end_column": to.column })
    }
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn summary(sorted: &[&Diagnostic]) -> String {
    let part = |severity| {
        let count = sorted.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        match count {
            0 => None,
            1 => Some(format!("1 {}", word(severity))),
            many => Some(format!("{many} {}s", word(severity))),
        }
    };
    [part(Severity::Error), part(Severity::Warning)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

fn group<'a>(files: &'a Files, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level
        .primary_title(visible(&diagnostic.title))
        .id(diagnostic.code)
        .elements(places(files, diagnostic));
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(visible(help)));
    }
    group
}

type Place<'a> = (AnnotationKind, Span, &'a str);

/// The primary place first, then related ones; those of one file share a snippet.
fn places<'a>(files: &'a Files, diagnostic: &'a Diagnostic) -> Vec<Element<'a>> {
    let mut places: Vec<(FileId, Vec<Place<'a>>)> = vec![(diagnostic.span.file, Vec::new())];
    let primary = (AnnotationKind::Primary, diagnostic.span, diagnostic.label.as_str());
    let related = diagnostic
        .related
        .iter()
        .map(|(span, label)| (AnnotationKind::Context, *span, label.as_str()));
    for place in std::iter::once(primary).chain(related) {
        match places.iter_mut().find(|(file, _)| *file == place.1.file) {
            Some((_, list)) => list.push(place),
            None => places.push((place.1.file, vec![place])),
        }
    }
    let mut elements: Vec<Element<'a>> = Vec::new();
    for (file, list) in places {
        let path = files.shown_path(file);
        if files.text(file).is_empty() {
            elements.push(Origin::path(path).into());
            let labels = list.into_iter().filter(|(_, _, label)| !label.is_empty());
            elements.extend(
                labels.map(|(_, _, label)| Element::from(Level::NOTE.message(visible(label)))),
            );
            continue;
        }
        let text = files.shown_text(file);
        let annotations: Vec<_> = list
            .into_iter()
            .map(|(kind, span, label)| {
                let annotation = kind.span(first_line(&text, span));
                if label.is_empty() { annotation } else { annotation.label(visible(label)) }
            })
            .collect();
        elements.push(Snippet::source(text).path(path).annotations(annotations).into());
    }
    elements
}

/// An underline stays on one line: a table of twenty lines is pointed at by its first one.
fn first_line(text: &str, span: Span) -> std::ops::Range<usize> {
    let end = span.end.min(text.len());
    let start = span.start.min(end);
    let line = text.get(start..end).and_then(|part| part.find('\n')).map_or(end, |at| start + at);
    start..line
}

/// Control characters from a file must not reach a terminal.
fn visible(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(
            text.chars()
                .map(|character| if character.is_control() { '\u{fffd}' } else { character })
                .collect(),
        )
    } else {
        Cow::Borrowed(text)
    }
}
