//! Expressions as values of a message, and what variables hold.

use crate::foreign::Named;
use crate::js::{Expr, Op};
use crate::path::{self, Loop, Path};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// A part of a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    Path(Path),
}

/// What is done to a value that was read at one place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    Upper,
    Lower,
    Trim,
    /// A text that is replaced, and by what.
    Text(String, String),
    /// A pattern that is replaced, and by what.
    Regex(String, String),
}

/// A value.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Value {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) changes: Vec<Change>,
}

impl Value {
    fn of(piece: Piece) -> Value {
        Value { pieces: vec![piece], changes: Vec::new() }
    }

    /// The text, when it is nothing but one.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] if self.changes.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The place, when it is nothing but what stands there.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self.pieces.as_slice() {
            [Piece::Path(path)] if self.changes.is_empty() => Some(path),
            _ => None,
        }
    }

    /// As a template of the language; none when a change cannot be said in one.
    pub(crate) fn template(&self) -> Option<String> {
        if !self.changes.is_empty() {
            return None;
        }
        let pieces = self.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.replace('{', "{{").replace('}', "}}"),
            Piece::Path(path) => format!("{{{path}}}"),
        });
        Some(pieces.collect())
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Path(path) => Some(path),
            Piece::Text(_) => None,
        })
    }
}

/// What is known about a variable.
#[derive(Debug, Clone, Default)]
struct Known {
    value: Value,
    /// What it was read from has been written since.
    is_stale: bool,
}

/// Variables and what they hold: those of the channel map, and those of one script.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    map: BTreeMap<String, Known>,
    locals: BTreeMap<String, Known>,
    /// Z segments that are there by now.
    pub(crate) made: BTreeSet<String>,
}

impl Variables {
    pub(crate) fn remember(&mut self, name: &str, value: Value) {
        self.map.insert(name.to_owned(), Known { value, is_stale: false });
    }

    pub(crate) fn remember_local(&mut self, name: &str, value: Value) {
        self.locals.insert(name.to_owned(), Known { value, is_stale: false });
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.map.remove(name);
    }

    pub(crate) fn end_script(&mut self) {
        self.locals.clear();
    }

    /// A place is written: what was read from it before is no longer there to be read again.
    pub(crate) fn touch(&mut self, place: &Path) {
        for known in self.map.values_mut().chain(self.locals.values_mut()) {
            known.is_stale |= known.value.paths().any(|path| path.is_touched_by(place));
        }
    }

    /// A script runs that may write to these places.
    pub(crate) fn touch_named(&mut self, named: &Named) {
        for known in self.map.values_mut() {
            known.is_stale |= known.value.paths().any(|path| named.may_hold(path));
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|known| !known.is_stale).map(|known| &known.value)
    }
}

/// Something about a translation that the reader of the notes should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Remark {
    WholeField,
    Number,
    Delimiters,
    Log,
    Deleted,
}

impl Remark {
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Remark::WholeField => {
                "a whole field was read as a piece of XML; here it is the text of its first repetition"
            }
            Remark::Number => "a comparison with a number is one with its text here",
            Remark::Delimiters => {
                "a text with delimiters is one value here, so they are escaped: write the components one by one if they are meant"
            }
            Remark::Log => {
                "what it wrote to the log is left out: values of messages never reach the log"
            }
            Remark::Deleted => {
                "a deleted field becomes empty here, and those after it keep their places, as they did"
            }
        }
    }
}

/// Reads expressions, with everything that names can stand for.
pub(crate) struct Reader<'a> {
    pub(crate) variables: &'a Variables,
    pub(crate) inside: Option<&'a Loop>,
    pub(crate) used: RefCell<BTreeSet<String>>,
    pub(crate) remarks: RefCell<BTreeSet<Remark>>,
}

impl Reader<'_> {
    pub(crate) fn remark(&self, remark: Remark) {
        self.remarks.borrow_mut().insert(remark);
    }

    pub(crate) fn path(&self, expr: &Expr) -> Option<Path> {
        path::read(expr, self.inside)
    }

    /// The value of an expression, when it is made of places, texts and simple changes.
    pub(crate) fn value(&self, expr: &Expr) -> Option<Value> {
        match expr {
            Expr::Text(text) | Expr::Number(text) => Some(Value::of(Piece::Text(text.clone()))),
            Expr::Member(..) => {
                let path = self.path(expr).filter(|path| !path.is_segment())?;
                if path.is_field() {
                    self.remark(Remark::WholeField);
                }
                Some(Value::of(Piece::Path(path)))
            }
            Expr::Name(name) => self.variable(name, true),
            Expr::New(name, arguments) if name == "String" => match arguments.as_slice() {
                [one] => self.value(one),
                _ => None,
            },
            Expr::Binary(Op::Plus, left, right) => self.joined(left, right),
            Expr::Call(..) => self.called(expr),
            Expr::Bool(_)
            | Expr::Null
            | Expr::Regex(..)
            | Expr::New(..)
            | Expr::Array(_)
            | Expr::Not(_)
            | Expr::Minus(_)
            | Expr::Binary(..) => None,
        }
    }

    fn joined(&self, left: &Expr, right: &Expr) -> Option<Value> {
        if matches!((left, right), (Expr::Number(_), Expr::Number(_))) {
            return None;
        }
        let (mut value, right) = (self.value(left)?, self.value(right)?);
        if !value.changes.is_empty() || !right.changes.is_empty() {
            return None;
        }
        for piece in right.pieces {
            match (value.pieces.last_mut(), piece) {
                (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
                (_, piece) => value.pieces.push(piece),
            }
        }
        value.pieces.retain(|piece| *piece != Piece::Text(String::new()));
        Some(value)
    }

    fn variable(&self, name: &str, is_local: bool) -> Option<Value> {
        let variables = if is_local { &self.variables.locals } else { &self.variables.map };
        let known = variables.get(name).filter(|known| !known.is_stale)?;
        if !is_local {
            self.used.borrow_mut().insert(name.to_owned());
        }
        Some(known.value.clone())
    }

    fn called(&self, expr: &Expr) -> Option<Value> {
        if let Some(name) = looked_up(expr) {
            return self.variable(name, false);
        }
        if let Some([one]) = expr.call("String") {
            return self.value(one);
        }
        if let Some([mapping, default, replacements]) = expr.call("validate") {
            let plain = default.text() == Some("") && is_empty_list(replacements);
            return plain.then(|| self.value(mapping))?;
        }
        for (method, change) in [
            ("toString", None),
            ("text", None),
            ("toUpperCase", Some(Change::Upper)),
            ("toLowerCase", Some(Change::Lower)),
            ("trim", Some(Change::Trim)),
        ] {
            if let Some((object, [])) = expr.method(method) {
                let mut value = self.value(object)?;
                value.changes.extend(change);
                return single(value);
            }
        }
        if let Some((object, [what, by])) = expr.method("replace") {
            let mut value = self.value(object)?;
            value.changes.push(replacement(what, by.text()?)?);
            return single(value);
        }
        None
    }
}

/// Changes are only said of what stands at one place.
fn single(value: Value) -> Option<Value> {
    let one = matches!(value.pieces.as_slice(), [Piece::Path(_)]);
    (one || value.changes.is_empty()).then_some(value)
}

/// The name that `channelMap.get('name')`, `$c('name')` or `$('name')` asks for.
fn looked_up(expr: &Expr) -> Option<&str> {
    let ask = |arguments: &'_ [Expr]| matches!(arguments, [Expr::Text(_)]);
    if let Some((object, arguments)) = expr.method("get") {
        let is_map = object.is_name("channelMap") || object.is_name("connectorMap");
        return match arguments {
            [Expr::Text(name)] if is_map => Some(name),
            _ => None,
        };
    }
    let arguments = ["$", "$c", "$co"].iter().find_map(|function| expr.call(function))?;
    ask(arguments).then(|| arguments.first().and_then(Expr::text))?
}

/// The name and the value of `channelMap.put('name', value)` or `$c('name', value)`.
pub(crate) fn put(expr: &Expr) -> Option<(&str, &Expr)> {
    let arguments = match expr.method("put") {
        Some((object, arguments))
            if object.is_name("channelMap") || object.is_name("connectorMap") =>
        {
            arguments
        }
        Some(_) => return None,
        None => ["$c", "$co"].iter().find_map(|function| expr.call(function))?,
    };
    match arguments {
        [Expr::Text(name), value] => Some((name, value)),
        _ => None,
    }
}

pub(crate) fn is_empty_list(expr: &Expr) -> bool {
    match expr {
        Expr::New(name, values) => name == "Array" && values.is_empty(),
        Expr::Array(values) => values.is_empty(),
        _ => false,
    }
}

/// `text.replace(/pattern/g, by)`. Without `g` only the first place is replaced, which has no equal.
fn replacement(what: &Expr, by: &str) -> Option<Change> {
    let Expr::Regex(pattern, flags) = what else { return None };
    let pattern = match flags.as_str() {
        "g" => pattern.clone(),
        "gi" | "ig" => format!("(?i){pattern}"),
        _ => return None,
    };
    let pattern = pattern.replace("\\/", "/");
    if !is_common(&pattern) || !is_plain(by) {
        return None;
    }
    Some(Change::Regex(pattern, by.to_owned()))
}

/// The pairs of a mapper or message builder: Java patterns, and what takes the place of what they match.
pub(crate) fn replacements(expr: &Expr) -> Option<Vec<Change>> {
    let list = |expr: &Expr| match expr {
        Expr::New(name, values) if name == "Array" => Some(values.clone()),
        Expr::Array(values) => Some(values.clone()),
        _ => None,
    };
    let pairs = list(expr)?;
    let mut changes = Vec::new();
    for pair in &pairs {
        let pair = list(pair)?;
        let [Expr::Text(what), Expr::Text(by)] = pair.as_slice() else { return None };
        let has_signs = what.contains(|c: char| "\\^$.|?*+()[]{}".contains(c));
        changes.push(match has_signs {
            _ if what.is_empty() || !is_plain(by) => return None,
            false if !by.contains('$') => Change::Text(what.clone(), by.clone()),
            _ if is_common(what) => Change::Regex(what.clone(), by.clone()),
            _ => return None,
        });
    }
    Some(changes)
}

/// Whether a pattern means the same in the three dialects: no looking around, no back references, no possessive counts.
pub(crate) fn is_common(pattern: &str) -> bool {
    let odd = [
        "(?=", "(?!", "(?<", "*+", "++", "?+", "}+", "\\G", "\\Z", "\\h", "\\R", "&&", "\\Q", "\\p",
    ];
    let back = pattern
        .as_bytes()
        .windows(2)
        .any(|pair| matches!(pair, [b'\\', digit] if digit.is_ascii_digit() && *digit != b'0'));
    !back && !odd.iter().any(|odd| pattern.contains(odd)) && !pattern.contains("(?<")
}

/// A replacement in which `$` only stands for a group.
fn is_plain(by: &str) -> bool {
    !by.contains('\\')
        && by.split('$').skip(1).all(|rest| {
            let mut chars = rest.chars();
            chars.next().is_some_and(|c| c.is_ascii_digit())
                && !chars.next().is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
}
