//! `hilum fmt`: channel files as everybody writes them, comments kept.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{Array, Decor, DocumentMut, InlineTable, Item, RawString, Table, Value};

use crate::args::bench::Fmt;
use crate::exit::{Code, Failure, Outcome};
use crate::load::gather;
use crate::say;

/// How far the steps of a list stand in.
const INDENT: usize = 2;

/// Runs the verb.
pub fn run(args: &Fmt) -> Outcome {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in &args.paths {
        let channels = path.join("channels");
        match channels.is_dir() {
            true => gather(&channels, &mut files)?,
            false => gather(path, &mut files)?,
        }
    }
    files.retain(|file| file.extension().is_some_and(|kind| kind == "toml"));
    files.retain(|file| file.file_name().is_none_or(|name| name != "outcome.toml"));
    let (mut changed, mut odd) = (0, false);
    for file in &files {
        match one(file, args.check) {
            Ok(false) => {}
            Ok(true) => {
                changed += 1;
                say::data(&format!("{}\n", file.display()));
            }
            Err(problem) => {
                odd = true;
                say::talk(&format!("`{}` is left as it is: {problem}", file.display()));
            }
        }
    }
    if odd || (args.check && changed > 0) { Err(Failure::silent(Code::Problems)) } else { Ok(()) }
}

/// Whether a file is not tidy; unless it is only looked at, it is afterwards.
fn one(file: &Path, look: bool) -> Result<bool, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let tidy = tidied(&text)?;
    if tidy == text {
        return Ok(false);
    }
    if !look {
        // Beside the file first: whoever reads it meanwhile sees one of both.
        let beside = file.with_extension("toml.new");
        let written = fs::write(&beside, tidy).and_then(|()| fs::rename(&beside, file));
        written.map_err(|error| error.to_string())?;
    }
    Ok(true)
}

/// The same text, tidy.
fn tidied(text: &str) -> Result<String, String> {
    let mut document: DocumentMut =
        text.parse().map_err(|_| "it is no TOML; `hilum check` shows where".to_owned())?;
    tables(document.as_table_mut());
    let tidy = lines(&document.to_string(), text.contains("\"\"\"") || text.contains("'''"));
    // Whatever else, it must say the same.
    let read = |text: &str| text.parse::<DocumentMut>().map(|document| said(document.as_item()));
    let same = matches!((read(text), read(&tidy)), (Ok(before), Ok(after)) if before == after);
    match same {
        true => Ok(tidy),
        false => Err("it would not say the same any more".to_owned()),
    }
}

/// What a document says, whatever it looks like.
fn said(item: &Item) -> String {
    let of_pairs = |pairs: Vec<String>| format!("{{{}}}", pairs.join(","));
    match item {
        Item::None => String::new(),
        Item::Value(value) => value_said(value),
        Item::Table(table) => {
            of_pairs(table.iter().map(|(key, item)| format!("{key:?}:{}", said(item))).collect())
        }
        Item::ArrayOfTables(array) => {
            let tables = array.iter().map(|table| said(&Item::Table(table.clone())));
            format!("[{}]", tables.collect::<Vec<_>>().join(","))
        }
    }
}

fn value_said(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.value()),
        Value::Integer(number) => number.value().to_string(),
        Value::Float(number) => number.value().to_string(),
        Value::Boolean(truth) => truth.value().to_string(),
        Value::Datetime(time) => time.value().to_string(),
        Value::Array(array) => {
            format!("[{}]", array.iter().map(value_said).collect::<Vec<_>>().join(","))
        }
        Value::InlineTable(table) => {
            let pairs = table.iter().map(|(key, value)| format!("{key:?}:{}", value_said(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        }
    }
}

fn tables(table: &mut Table) {
    for (mut key, item) in table.iter_mut() {
        match item {
            Item::Value(value) => {
                key.leaf_decor_mut().set_suffix(" ");
                let suffix =
                    value.decor().suffix().and_then(RawString::as_str).unwrap_or("").to_owned();
                written(value, 0);
                *value.decor_mut() = Decor::new(" ", suffix);
            }
            Item::Table(table) => tables(table),
            Item::ArrayOfTables(array) => array.iter_mut().for_each(tables),
            Item::None => {}
        }
    }
}

/// A value `depth` lists deep.
fn written(value: &mut Value, depth: usize) {
    match value {
        Value::InlineTable(table) => inline(table, depth),
        Value::Array(array) => list(array, depth),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}

/// `{ a = 1, b = 2 }`.
fn inline(table: &mut InlineTable, depth: usize) {
    let last = table.len().saturating_sub(1);
    for (at, (mut key, value)) in table.iter_mut().enumerate() {
        key.leaf_decor_mut().set_prefix(" ");
        key.leaf_decor_mut().set_suffix(" ");
        written(value, depth);
        *value.decor_mut() = Decor::new(" ", if at == last { " " } else { "" });
    }
}

/// One element a line where they stand on lines of their own, else all on one.
fn list(array: &mut Array, depth: usize) {
    let own_lines = array.trailing().as_str().is_some_and(|text| text.contains('\n'))
        || array.iter().any(|value| before(value).contains('\n'));
    let inner = " ".repeat(INDENT * (depth + 1));
    for (at, value) in array.iter_mut().enumerate() {
        let prefix = before(value);
        written(value, depth + 1);
        let prefix = match own_lines {
            true => indented(&prefix, &inner),
            false if at == 0 => String::new(),
            false => " ".to_owned(),
        };
        *value.decor_mut() = Decor::new(prefix, "");
    }
    let trailing = array.trailing().as_str().unwrap_or("").to_owned();
    if own_lines && !array.is_empty() {
        array.set_trailing(indented(&trailing, &" ".repeat(INDENT * depth)));
        array.set_trailing_comma(true);
    } else if !own_lines {
        array.set_trailing("");
        array.set_trailing_comma(false);
    }
}

/// What stands before a value of a list, and belongs to the line before it as well.
fn before(value: &Value) -> String {
    value.decor().prefix().and_then(RawString::as_str).unwrap_or("").to_owned()
}

/// Comments keep their lines and stand in as far as what they are about.
fn indented(text: &str, indent: &str) -> String {
    let mut lines = text.split('\n');
    let mut out = lines.next().unwrap_or("").trim_end().to_owned();
    let rest: Vec<&str> = lines.collect();
    let comments = rest.split_last().map_or(&[][..], |(_, comments)| comments);
    for comment in comments {
        out.push('\n');
        if !comment.trim().is_empty() {
            out.push_str(indent);
            out.push_str(comment.trim());
        }
    }
    out.push('\n');
    out.push_str(indent);
    out
}

/// No blanks at the ends of lines, no two empty lines, one line end at the end. Texts of several lines are left alone.
fn lines(text: &str, left_alone: bool) -> String {
    if left_alone {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut empty = true;
    for line in text.lines() {
        let line = line.trim_end();
        if line.is_empty() && empty {
            continue;
        }
        empty = line.is_empty();
        out.push_str(line);
        out.push('\n');
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::tidied;

    #[test]
    fn what_is_written_anyhow_becomes_tidy_and_keeps_its_comments() {
        let messy = "\n\n# The first.\ndescription=\"x\"   # why\n\n\n[source]\ntype =\"mllp\"  \nlisten= '127.0.0.1:1'\n[transform]\nsteps=[{keep='MSH'},   # all\n # about trim\n      {trim=['PID-5.1','PID-5.2'],when='PID exists'},\n\n  {each=\"OBX\",do=[\n{clear='OBX-5'}, # gone\n]}]\n";
        let tidy = "# The first.\ndescription = \"x\"   # why\n\n[source]\ntype = \"mllp\"\nlisten = '127.0.0.1:1'\n[transform]\nsteps = [\n  { keep = 'MSH' },   # all\n  # about trim\n  { trim = ['PID-5.1', 'PID-5.2'], when = 'PID exists' },\n\n  { each = \"OBX\", do = [\n    { clear = 'OBX-5' }, # gone\n  ] },\n]\n";
        assert_eq!(tidied(messy).unwrap(), tidy);
        assert_eq!(tidied(tidy).unwrap(), tidy, "once is enough");
        assert!(tidied("a = ").is_err());
        assert_eq!(tidied("a = [1,2]\n").unwrap(), "a = [1, 2]\n");
    }
}
