//! Mirth's templates, `${name}`, as texts with values of the message.

use crate::values::{Value, Variables};

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Text(String),
    /// What stands between the braces.
    Name(String),
}

/// Cuts a template at its `${...}`. None when it has directives, which make more of it than a text.
pub(crate) fn parse(template: &str) -> Option<Vec<Part>> {
    let directives = ["#if", "#foreach", "#set", "#else", "#end", "#parse", "#include", "#macro"];
    if directives.iter().any(|directive| template.contains(directive)) {
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        push(&mut parts, before);
        let (name, after) = after.split_once('}')?;
        parts.push(Part::Name(name.trim().to_owned()));
        rest = after;
    }
    push(&mut parts, rest);
    Some(parts)
}

fn push(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.to_owned()));
    }
}

/// Whether a template is the message itself.
pub(crate) fn is_message(template: &str) -> bool {
    let names = ["${message.encodedData}", "${message.rawData}", "${message.transformedData}"];
    names.contains(&template.trim())
}

/// The name of a file as the language writes it, and the names in it that have no equal.
pub(crate) fn file_name(
    template: &str,
    variables: &Variables,
    used: &mut Vec<String>,
) -> Option<(String, Vec<String>)> {
    let mut name = String::new();
    let mut lost = Vec::new();
    for part in parse(template)? {
        match part {
            Part::Text(text) => name.push_str(&text.replace('{', "{{").replace('}', "}}")),
            Part::Name(asked) => match asked.as_str() {
                "message.messageId" | "UUID" | "message.id" => name.push_str("{id}"),
                "SYSTIME" => name.push_str("{received}"),
                "DATE" => name.push_str("{date}"),
                dated if dated.starts_with("date.get(") => {
                    let is_day = !dated.contains('H') && !dated.contains('m');
                    name.push_str(if is_day { "{date}" } else { "{received}" });
                }
                variable => match variables.get(variable).and_then(Value::template) {
                    Some(template) => {
                        used.push(variable.to_owned());
                        name.push_str(&template);
                    }
                    None => lost.push(variable.to_owned()),
                },
            },
        }
    }
    Some((name, lost))
}

/// A template as a script that makes the same body, and the names in it that have no equal.
pub(crate) fn body_script(
    template: &str,
    variables: &Variables,
    used: &mut Vec<String>,
) -> Option<(String, Vec<String>)> {
    let mut terms = Vec::new();
    let mut lost = Vec::new();
    for part in parse(template)? {
        match part {
            Part::Text(text) => terms.push(literal(&text)),
            Part::Name(name) if is_message(&format!("${{{name}}}")) => {
                terms.push("msg.toString()".to_owned())
            }
            Part::Name(name) => match variables.get(&name).filter(|value| value.changes.is_empty())
            {
                Some(value) => {
                    used.push(name);
                    terms.extend(value.pieces.iter().map(|piece| match piece {
                        crate::values::Piece::Text(text) => literal(text),
                        crate::values::Piece::Path(path) => {
                            format!("msg.get({})", literal(&path.to_string()))
                        }
                    }));
                }
                None => {
                    terms.push(format!("missing({})", literal(&name)));
                    lost.push(name);
                }
            },
        }
    }
    if terms.is_empty() {
        terms.push(literal(""));
    }
    let mut script =
        String::from("// The template of the destination, with values of the message.\n");
    script.push_str("export default function (msg) {\n  return [\n");
    terms.iter().for_each(|term| script.push_str(&format!("    {term},\n")));
    script.push_str("  ].join(\"\");\n}\n");
    if !lost.is_empty() {
        script.push_str("\n// By hand: what stood in a map there has no equal here.\n");
        script
            .push_str("function missing(name) {\n  throw new Error(`no value for ${name}`);\n}\n");
    }
    Some((script, lost))
}

/// A text as JavaScript writes it.
pub(crate) fn literal(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\u{2028}' | '\u{2029}' => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
