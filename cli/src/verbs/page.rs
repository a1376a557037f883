//! What `hilum message` shows besides the trace: fields by name, lines, differences, the timeline and who looked.

use std::path::Path;

use serde_json::Value;

use crate::answer::{list, maybe, number, safe, text};
use crate::exit::{Code, Failure, Outcome};
use crate::private_file::{self, Place};
use crate::table::{Table, time};
use crate::verbs::deidentify::body_bytes;

/// The fields, each with its path, its value and its name.
pub fn fields(answer: &Value) -> String {
    let mut out = format!("version {}, {}\n", text(answer, "version"), text(answer, "charset"));
    for segment in list(answer, "segments") {
        out.push_str(&format!("{}  {}\n", text(segment, "path"), text(segment, "title")));
        note(segment, &mut out, 2);
        for field in list(segment, "fields") {
            part(field, 1, &mut out);
        }
    }
    out
}

fn part(shown: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    let value = match (maybe_text(shown, "value"), shown.get("folded")) {
        (Some(value), _) => format!("`{}`", safe(value)),
        (None, Some(folded)) => {
            format!("({}, {} bytes)", safe(text(folded, "type")), number(folded, "bytes"))
        }
        (None, None) => String::new(),
    };
    let mut name = text(shown, "title").to_owned();
    if let Some(meaning) = maybe_text(shown, "table_meaning") {
        name.push_str(&format!(": {meaning}"));
    }
    let row = format!("{:<24}  {value:<28}  {name}", format!("{indent}{}", text(shown, "path")));
    out.push_str(row.trim_end());
    out.push('\n');
    note(shown, out, depth * 2 + 2);
    for inside in ["repetitions", "components", "subcomponents"] {
        for one in list(shown, inside) {
            part(one, depth + 1, out);
        }
    }
}

fn note(shown: &Value, out: &mut String, indent: usize) {
    if let Some(note) = maybe_text(shown, "note") {
        out.push_str(&format!("{:indent$}note: {note}\n", ""));
    }
}

fn maybe_text<'a>(shown: &'a Value, name: &str) -> Option<&'a str> {
    shown.get(name).and_then(Value::as_str)
}

/// The lines, and below each its values with their places.
pub fn raw(answer: &Value) -> String {
    let mut out = String::new();
    for line in list(answer, "lines") {
        out.push_str(&format!("{}\n", safe(text(line, "text"))));
        let shown: Vec<char> = text(line, "text").chars().collect();
        for span in list(line, "spans") {
            let place = |name: &str| usize::try_from(number(span, name)).unwrap_or(0);
            let value: String =
                shown.get(place("start")..place("end")).unwrap_or_default().iter().collect();
            if !value.is_empty() {
                out.push_str(&format!("    `{}`  {}\n", safe(&value), text(span, "about")));
            }
        }
    }
    out
}

/// Where two messages differ.
pub fn difference(answer: &Value) -> String {
    let mut out = String::new();
    for one in list(answer, "differences") {
        let value = |name: &str| match maybe_text(one, name) {
            Some(value) => format!("`{}`", safe(value)),
            None => "(not there)".to_owned(),
        };
        let what = match text(one, "kind") {
            "moved" => format!("moved from {}", text(one, "before")),
            kind => format!("{kind}: {} -> {}", value("before"), value("after")),
        };
        let row = format!("{:<16}  {what}  {}", text(one, "path"), text(one, "title"));
        out.push_str(row.trim_end());
        out.push('\n');
    }
    if out.is_empty() {
        out.push_str("no differences\n");
    }
    if answer.get("cut") == Some(&Value::Bool(true)) {
        out.push_str("(and more)\n");
    }
    out
}

/// What happened, in order.
pub fn timeline(answer: &Value) -> String {
    let events = list(answer, "timeline").iter();
    let line =
        |event: &Value| format!("{}  {}\n", time(maybe(event, "at_us")), safe(text(event, "text")));
    events.map(line).collect()
}

/// Who has looked at a message.
pub fn looks(answer: &Value) -> String {
    if answer.get("looks_masked") == Some(&Value::Bool(true)) {
        return "who looked is in the audit log: the permission `audit.read` is missing\n"
            .to_owned();
    }
    let mut table = Table::new(&["TIME", "WHO", "ACT", "REASON"]);
    for look in list(answer, "looks") {
        table.row(vec![
            time(maybe(look, "at_us")),
            safe(text(look, "actor")),
            text(look, "action").to_owned(),
            safe(text(look, "reason")),
        ]);
    }
    table.render()
}

/// Writes a body to a file that only its owner can read, byte for byte.
pub fn write(file: &Path, answer: &Value) -> Outcome {
    let bytes = body_bytes(answer).ok_or_else(|| {
        Failure::new(Code::Undecided, "there is no body that can be read back as it was")
            .hint("`--to` goes with `--body`, `--sent` or `--response`")
    })?;
    let folder = match file.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Failure::new(Code::Usage, "`--to` takes the name of a file"))?;
    let place = Place { folder, replace: false };
    private_file::prepare(&place, &[name])?;
    private_file::write(&place, name, &bytes)
}
