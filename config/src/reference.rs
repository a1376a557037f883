//! The reference page of some settings, in Markdown, out of the declarations.

use crate::field::{Field, Kind, Need};
use std::fmt::Write;

/// A page that lists settings in the order they are declared; nested tables follow their own heading.
pub fn reference(title: &str, introduction: &str, fields: &[&'static [Field]]) -> String {
    let mut page = format!("# {title}\n\n{introduction}\n");
    let fields: Vec<&Field> = fields.iter().flat_map(|list| list.iter()).collect();
    section(&mut page, "", &fields);
    page
}

fn section(page: &mut String, prefix: &str, fields: &[&Field]) {
    for field in fields {
        let name = format!("{prefix}{}", field.name);
        let _ = write!(page, "\n## `{name}`\n\n{}\n", field.doc);
        let need = match field.need {
            Need::Required => "Required.".to_owned(),
            Need::Optional => "Optional.".to_owned(),
            Need::Default(text) => format!("Default: {}.", shown_default(&field.kind, text)),
        };
        let _ = write!(page, "\n{need} {}\n", kind_line(&field.kind));
        if let Kind::Choice(choices) = &field.kind {
            page.push('\n');
            for choice in *choices {
                let _ = writeln!(page, "- `\"{}\"`: {}", choice.name, choice.doc);
            }
        }
        if !field.examples.is_empty() {
            let lines: Vec<String> = field
                .examples
                .iter()
                .map(|example| format!("{} = {example}", field.name))
                .collect();
            let _ = write!(page, "\n```toml\n{}\n```\n", lines.join("\n"));
        }
        if let Kind::Section(inner) = &field.kind {
            section(page, &format!("{name}."), &inner.iter().collect::<Vec<_>>());
        }
    }
}

fn shown_default(kind: &Kind, text: &str) -> String {
    if matches!(kind, Kind::Bool | Kind::Integer { .. }) {
        format!("`{text}`")
    } else {
        format!("`\"{text}\"`")
    }
}

fn kind_line(kind: &Kind) -> String {
    let mut line = kind.expected();
    if let Some(first) = line.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    if let Kind::Integer { min, max } = kind {
        let _ = write!(line, ", from {min} to {max}");
    }
    if let Kind::Duration { min, max } | Kind::Size { min, max } = kind {
        let _ = write!(line, ", from {min} to {max}");
    }
    line.push('.');
    line
}
