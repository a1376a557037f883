//! Statements of a script as steps.

use crate::ask::condition;
use crate::condition::Cond;
use crate::js::{Expr, Stmt, Target};
use crate::path::{Loop, Path};
use crate::toml_text::{Item, Step, Val};
use crate::values::{
    Change, Piece, Reader, Remark, Value, Variables, is_empty_list, put, replacements,
};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// Destinations that a script takes out of those that get a message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Removal {
    pub(crate) when: Cond,
    pub(crate) what: Removed,
}

/// Which destinations are taken out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Removed {
    All,
    /// Names, or the numbers that the export gives destinations.
    These(Vec<String>),
    AllExcept(Vec<String>),
}

/// What a script became.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    pub(crate) items: Vec<Item>,
    pub(crate) removals: Vec<Removal>,
    pub(crate) remarks: BTreeSet<Remark>,
    /// Variables of the map that were inlined.
    pub(crate) used: BTreeSet<String>,
    /// Variables of the map that were remembered.
    pub(crate) put: Vec<String>,
    pub(crate) written: Vec<Path>,
}

/// Turns statements into steps, or gives none when one of them has no equal. `variables` is changed only when there is a result.
pub(crate) fn walk(
    statements: &[Stmt],
    variables: &mut Variables,
    inside: Option<&Loop>,
) -> Option<Walked> {
    let mut walker =
        Walker { variables: variables.clone(), inside, under: Cond::True, done: Walked::default() };
    let items = walker.list(statements)?;
    walker.variables.end_script();
    *variables = walker.variables;
    Some(Walked { items, ..walker.done })
}

struct Walker<'a> {
    variables: Variables,
    inside: Option<&'a Loop>,
    /// What the branches around it ask.
    under: Cond,
    done: Walked,
}

impl Walker<'_> {
    /// Asks a question with what is known now, and keeps what the answer used.
    fn ask<T>(&mut self, question: impl FnOnce(&Reader<'_>) -> Option<T>) -> Option<T> {
        let reader = Reader {
            variables: &self.variables,
            inside: self.inside,
            used: RefCell::default(),
            remarks: RefCell::default(),
        };
        let answer = question(&reader)?;
        self.done.used.extend(reader.used.take());
        self.done.remarks.extend(reader.remarks.take());
        Some(answer)
    }

    fn list(&mut self, statements: &[Stmt]) -> Option<Vec<Item>> {
        let mut items = Vec::new();
        for (index, statement) in statements.iter().enumerate() {
            if let Stmt::Return(_) = statement {
                // At the end of a step it means nothing.
                let last = index + 1 == statements.len() && self.under == Cond::True;
                return last.then_some(items);
            }
            items.extend(self.statement(statement)?);
        }
        Some(items)
    }

    fn statement(&mut self, statement: &Stmt) -> Option<Vec<Item>> {
        match statement {
            Stmt::Assign(Target::New(name) | Target::Old(Expr::Name(name)), value) => {
                // Which branch was taken is not known afterwards.
                if self.under != Cond::True {
                    return None;
                }
                let value = self.ask(|reader| reader.value(value))?;
                self.variables.remember_local(name, value);
                Some(Vec::new())
            }
            Stmt::Assign(Target::Old(target), value) => self.assign(target, value),
            Stmt::Delete(place) => self.delete(place),
            Stmt::Run(call) => self.run(call),
            Stmt::If(asked, then, otherwise) => self.branch(asked, then, otherwise),
            Stmt::Return(_) => None,
        }
    }

    fn assign(&mut self, target: &Expr, value: &Expr) -> Option<Vec<Item>> {
        let place = self.ask(|reader| reader.path(target))?;
        if place.is_segment() || !place.is_writable() {
            return None;
        }
        let (mapping, default, after) = validated(value)?;
        let mut value = self.ask(|reader| reader.value(mapping))?;
        let mut default = match default {
            Some(default) => self.ask(|reader| reader.value(default))?,
            None => Value::default(),
        };
        if value.literal() == Some("") {
            value = std::mem::take(&mut default);
        }
        let mut steps = self.written(&place, &value)?;
        if default.literal() != Some("") {
            steps.push(
                Step::new("default", code(&place)).with("to", Val::Text(default.template()?)),
            );
        }
        steps.extend(after.iter().map(|change| changed(&place, change)));
        let mut items = self.segment_for(&place);
        items.extend(steps.into_iter().map(Item::Step));
        self.variables.touch(&place);
        self.done.written.push(place);
        Some(items)
    }

    /// A Z segment that Mirth would have made by writing to it.
    fn segment_for(&mut self, place: &Path) -> Vec<Item> {
        let segment = place.segment().to_owned();
        if !segment.starts_with('Z')
            || self.inside.is_some()
            || self.variables.made.contains(&segment)
        {
            return Vec::new();
        }
        let insert = Step::new("insert", Val::Code(segment.clone()))
            .with("when", Val::Code(format!("not ({segment} exists)")));
        if self.under == Cond::True {
            self.variables.made.insert(segment);
        }
        vec![Item::Step(insert)]
    }

    /// The steps that write a value to a place.
    fn written(&mut self, place: &Path, value: &Value) -> Option<Vec<Step>> {
        if let Some(text) = value.literal() {
            if text.contains(['|', '^', '~', '&', '\\']) {
                self.done.remarks.insert(Remark::Delimiters);
            }
            return Some(vec![if text.is_empty() {
                Step::new("clear", code(place))
            } else {
                Step::new("set", code(place)).with("to", Val::Text(value.template()?))
            }]);
        }
        let [Piece::Path(from)] = value.pieces.as_slice() else {
            let template = Val::Text(value.template()?);
            return Some(vec![Step::new("set", code(place)).with("to", template)]);
        };
        let mut steps = Vec::new();
        if from != place {
            steps.push(Step::new("copy", code(from)).with("to", code(place)));
        }
        steps.extend(value.changes.iter().map(|change| changed(place, change)));
        Some(steps)
    }

    fn delete(&mut self, place: &Expr) -> Option<Vec<Item>> {
        let place = self.ask(|reader| reader.path(place))?;
        // Deleting while the index runs on skips every second segment there.
        let is_current = self.inside.is_some_and(|inside| inside.segment == place.segment());
        if !place.is_writable() || (place.is_segment() && is_current) {
            return None;
        }
        let step = if place.is_segment() {
            Step::new("delete", code(&place))
        } else {
            self.done.remarks.insert(Remark::Deleted);
            let what =
                if place.is_field() { place.with_all_repetitions() } else { place.to_string() };
            Step::new("clear", Val::Code(what))
        };
        self.variables.touch(&place);
        self.done.written.push(place);
        Some(vec![Item::Step(step)])
    }

    fn run(&mut self, call: &Expr) -> Option<Vec<Item>> {
        if let Some((name, value)) = put(call) {
            if self.under != Cond::True || self.inside.is_some() {
                return None;
            }
            let (mapping, default, after) = validated(value)?;
            let has_default = default.is_some_and(|default| default.text() != Some(""));
            if has_default || !after.is_empty() {
                return None;
            }
            let value = self.ask(|reader| reader.value(mapping))?;
            self.variables.remember(name, value);
            self.done.put.push(name.to_owned());
            return Some(Vec::new());
        }
        if let Some((removed, arguments)) = self.removal(call) {
            let listed = || match arguments {
                [Expr::Array(values)] => values.iter().map(destination).collect::<Option<Vec<_>>>(),
                [one] => Some(vec![destination(one)?]),
                _ => None,
            };
            let what = match removed {
                "removeAll" if arguments.is_empty() => Removed::All,
                "remove" => Removed::These(listed()?),
                "removeAllExcept" => Removed::AllExcept(listed()?),
                _ => return None,
            };
            self.done.removals.push(Removal { when: self.under.clone(), what });
            return Some(Vec::new());
        }
        let is_log = ["trace", "debug", "info", "warn", "error"]
            .iter()
            .any(|level| call.method(level).is_some_and(|(object, _)| object.is_name("logger")));
        if !is_log {
            return None;
        }
        self.done.remarks.insert(Remark::Log);
        Some(Vec::new())
    }

    fn removal<'e>(&self, call: &'e Expr) -> Option<(&'static str, &'e [Expr])> {
        ["removeAllExcept", "removeAll", "remove"].into_iter().find_map(|method| {
            let (object, arguments) = call.method(method)?;
            object.is_name("destinationSet").then_some((method, arguments))
        })
    }

    fn branch(&mut self, asked: &Expr, then: &[Stmt], otherwise: &[Stmt]) -> Option<Vec<Item>> {
        let cond = self.ask(|reader| condition(asked, reader)).filter(Cond::is_short)?;
        if matches!(cond, Cond::True | Cond::False) {
            return None;
        }
        let outer = self.under.clone();
        self.under = outer.clone().and(cond.clone());
        let yes = self.list(then)?;
        self.under = outer.clone().and(cond.clone().negated());
        let no = self.list(otherwise)?;
        self.under = outer;
        Some(match (yes.as_slice(), no.as_slice()) {
            ([], []) => Vec::new(),
            ([Item::Step(step)], []) if !step.has("when") => {
                vec![Item::Step(step.clone().with("when", Val::Code(cond.text())))]
            }
            ([], _) => {
                let step = Step::new("if", Val::Code(cond.negated().text()));
                vec![Item::Step(step.with("then", Val::Steps(no)))]
            }
            (_, []) => {
                let step = Step::new("if", Val::Code(cond.text()));
                vec![Item::Step(step.with("then", Val::Steps(yes)))]
            }
            (_, _) => {
                let step = Step::new("if", Val::Code(cond.text())).with("then", Val::Steps(yes));
                vec![Item::Step(step.with("else", Val::Steps(no)))]
            }
        })
    }
}

/// A destination by its name or number.
fn destination(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Text(text) | Expr::Number(text) => Some(text.clone()),
        _ => None,
    }
}

/// `validate(mapping, default, replacements)` taken apart, or the value itself.
fn validated(value: &Expr) -> Option<(&Expr, Option<&Expr>, Vec<Change>)> {
    match value.call("validate") {
        None => Some((value, None, Vec::new())),
        Some([mapping, default, list]) if is_empty_list(list) => {
            Some((mapping, Some(default), Vec::new()))
        }
        Some([mapping, default, list]) => Some((mapping, Some(default), replacements(list)?)),
        Some([mapping, default]) => Some((mapping, Some(default), Vec::new())),
        Some(_) => None,
    }
}

fn code(path: &Path) -> Val {
    Val::Code(path.to_string())
}

fn changed(place: &Path, change: &Change) -> Step {
    match change {
        Change::Upper => Step::new("upper", code(place)),
        Change::Lower => Step::new("lower", code(place)),
        Change::Trim => Step::new("trim", code(place)),
        Change::Text(text, by) => Step::new("replace", code(place))
            .with("text", Val::Text(text.clone()))
            .with("to", Val::Text(by.clone())),
        Change::Regex(pattern, by) => Step::new("replace", code(place))
            .with("regex", Val::Code(pattern.clone()))
            .with("to", Val::Text(by.clone())),
    }
}
