//! Channel files as text: one step a line, single quotes where the language has them.

use std::fmt::Write as _;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    /// HL7, a condition or an expression: in single quotes where that can be.
    Code(String),
    /// A text: in double quotes.
    Text(String),
    /// A number or a switch, as it stands.
    Bare(String),
    List(Vec<Val>),
    Table(Vec<(String, Val)>),
    Steps(Vec<Item>),
}

/// A line of a list of steps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Comment(String),
    Step(Step),
}

/// A step: its keys, the verb first.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step(Vec<(&'static str, Val)>);

impl Step {
    pub(crate) fn new(verb: &'static str, value: Val) -> Step {
        Step(vec![(verb, value)])
    }

    pub(crate) fn with(mut self, key: &'static str, value: Val) -> Step {
        self.0.push((key, value));
        self
    }

    pub(crate) fn verb(&self) -> &'static str {
        self.0.first().map_or("", |(verb, _)| verb)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.0.iter().any(|(name, _)| *name == key)
    }
}

/// A table that is being written, `[source]` or `[[destination]]`, with comments between its keys.
#[derive(Debug, Default)]
pub(crate) struct Block {
    lines: Vec<Line>,
    /// Written as comments, because nothing of it may be in force.
    pub(crate) is_off: bool,
}

#[derive(Debug)]
enum Line {
    Comment(String),
    Head(String),
    Key(String, Val),
}

impl Block {
    pub(crate) fn off() -> Block {
        Block { lines: Vec::new(), is_off: true }
    }

    pub(crate) fn head(&mut self, head: &str) {
        self.lines.push(Line::Head(head.to_owned()));
    }

    pub(crate) fn comment(&mut self, text: impl Into<String>) {
        self.lines.push(Line::Comment(text.into()));
    }

    pub(crate) fn key(&mut self, name: &str, value: Val) {
        self.lines.push(Line::Key(name.to_owned(), value));
    }

    pub(crate) fn text(&mut self, name: &str, value: impl Into<String>) {
        self.key(name, Val::Text(value.into()));
    }

    pub(crate) fn bare(&mut self, name: &str, value: impl ToString) {
        self.key(name, Val::Bare(value.to_string()));
    }

    pub(crate) fn write(&self, out: &mut String) {
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Comment(comment) => write_comment(comment, 0, &mut text),
                Line::Head(head) => push_line(&mut text, head),
                Line::Key(name, value) => {
                    let _ = write!(text, "{} = ", key(name));
                    write_value(value, 0, &mut text);
                    text.push('\n');
                }
            }
        }
        for line in text.lines() {
            match (self.is_off, line.starts_with('#')) {
                (true, false) => push_line(out, &format!("# {line}")),
                (true, true) | (false, _) => push_line(out, line),
            }
        }
    }
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

/// A comment of as many lines as the text has. Nothing in it can end the comment.
pub(crate) fn write_comment(text: &str, indent: usize, out: &mut String) {
    for line in text.split(['\n', '\r', '\u{2028}', '\u{2029}']) {
        let clean: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let line = format!("{:indent$}# {}", "", clean.trim_end());
        push_line(out, &line);
    }
}

/// A key, quoted where it has to be.
pub(crate) fn key(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { double(name) }
}

fn write_value(value: &Val, indent: usize, out: &mut String) {
    match value {
        Val::Code(text) => out.push_str(&single(text)),
        Val::Text(text) => out.push_str(&double(text)),
        Val::Bare(text) => out.push_str(text),
        Val::List(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                write_value(value, indent, out);
            }
            out.push(']');
        }
        Val::Table(entries) => {
            let entries: Vec<(&str, &Val)> =
                entries.iter().map(|(name, value)| (name.as_str(), value)).collect();
            write_table(&entries, indent, out);
        }
        Val::Steps(items) => write_steps(items, indent, out),
    }
}

fn write_table(entries: &[(&str, &Val)], indent: usize, out: &mut String) {
    out.push_str("{ ");
    for (index, (name, value)) in entries.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { ", " });
        out.push_str(&key(name));
        out.push_str(" = ");
        write_value(value, indent, out);
    }
    out.push_str(" }");
}

fn write_steps(items: &[Item], indent: usize, out: &mut String) {
    out.push_str("[\n");
    for item in items {
        match item {
            Item::Comment(text) => write_comment(text, indent + 2, out),
            Item::Step(Step(entries)) => {
                let _ = write!(out, "{:1$}", "", indent + 2);
                let entries: Vec<(&str, &Val)> =
                    entries.iter().map(|(name, value)| (*name, value)).collect();
                write_table(&entries, indent + 2, out);
                out.push_str(",\n");
            }
        }
    }
    let _ = write!(out, "{:indent$}]", "");
}

/// In single quotes, where nothing has a special meaning; in double quotes when it holds what those cannot.
fn single(text: &str) -> String {
    if text.chars().any(|c| c == '\'' || c.is_control()) {
        double(text)
    } else {
        format!("'{text}'")
    }
}

fn double(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_text_holds_it_comes_back() {
        for text in ["", "it's \"so\"", "a\\b\r\n\t\u{7f}\u{1}", "'''", "é\u{2028}"] {
            let mut block = Block::default();
            block.comment(text);
            block.text("a", text);
            block.key("b", Val::Code(text.to_owned()));
            block.key(text, Val::Bare("1".to_owned()));
            let mut out = String::new();
            block.write(&mut out);
            let table = toml::de::DeTable::parse(&out).unwrap();
            let value =
                |key: &str| table.get_ref().get(key).and_then(|value| value.get_ref().as_str());
            assert_eq!(value("a"), Some(text));
            assert_eq!(value("b"), Some(text));
            assert!(table.get_ref().get(text).is_some());
        }
    }

    #[test]
    fn what_is_off_is_all_comment() {
        let mut block = Block::off();
        block.comment("by hand");
        block.head("[[destination]]");
        block.key("steps", Val::Steps(vec![Item::Comment("x".into())]));
        let mut out = String::new();
        block.write(&mut out);
        assert!(out.lines().all(|line| line.starts_with('#')), "{out}");
    }
}
