//! Expressions that are true or false, as conditions.

use crate::condition::{Cond, quoted};
use crate::js::{Expr, Key, Op, Stmt, Target};
use crate::path::Path;
use crate::values::{Reader, Remark, Variables, is_common};
use std::cell::RefCell;

/// The most statements that the ways through a rule's script may have in all.
const WAYS_MAX: usize = 200;

/// The condition that an expression is.
pub(crate) fn condition(expr: &Expr, reader: &Reader<'_>) -> Option<Cond> {
    match expr {
        Expr::Bool(true) => Some(Cond::True),
        Expr::Bool(false) => Some(Cond::False),
        Expr::Not(inner) => Some(condition(inner, reader)?.negated()),
        Expr::Binary(Op::And, left, right) => {
            Some(condition(left, reader)?.and(condition(right, reader)?))
        }
        Expr::Binary(Op::Or, left, right) => {
            Some(condition(left, reader)?.or(condition(right, reader)?))
        }
        Expr::Binary(op, left, right) => compared(*op, left, right, reader),
        Expr::Call(..) => called(expr, reader),
        Expr::Name(_) => truth(expr, reader),
        // A list of elements is true whether or not it holds any, so this says something else than it seems to.
        Expr::Member(..) => None,
        Expr::Text(_)
        | Expr::Number(_)
        | Expr::Null
        | Expr::Regex(..)
        | Expr::New(..)
        | Expr::Array(_)
        | Expr::Minus(_) => None,
    }
}

fn compared(op: Op, left: &Expr, right: &Expr, reader: &Reader<'_>) -> Option<Cond> {
    if let Some(found) = counted(op, left, right, reader) {
        return Some(found);
    }
    let equal = match op {
        Op::Equal => true,
        Op::NotEqual => false,
        _ => return None,
    };
    // A constant on the left is turned round.
    let (left, right) = match left {
        Expr::Text(_) | Expr::Number(_) | Expr::Null | Expr::Bool(_) => (right, left),
        _ => (left, right),
    };
    if let Expr::Bool(wanted) = right {
        let asked = condition(left, reader)?;
        return Some(if *wanted == equal { asked } else { asked.negated() });
    }
    if matches!(right, Expr::Number(_)) {
        reader.remark(Remark::Number);
    }
    let (left, right) = (reader.value(left)?, reader.value(right)?);
    let path = left.path()?;
    if let Some(text) = right.literal() {
        return Some(is(path, text, equal));
    }
    let other = right.path()?;
    let (yes, no) = (format!("{path} = {other}"), format!("{path} != {other}"));
    Some(if equal { Cond::both(yes, no) } else { Cond::both(no, yes) })
}

fn is(path: &Path, text: &str, equal: bool) -> Cond {
    let cond = match text {
        "" => Cond::both(format!("{path} empty"), format!("{path} exists")),
        "\"\"" => Cond::both(format!("{path} = null"), format!("{path} != null")),
        text => Cond::Is { path: path.to_string(), text: text.to_owned(), equal: true },
    };
    if equal { cond } else { cond.negated() }
}

/// `length > 0`, `indexOf(x) != -1` and the other ways of asking whether something is there.
fn counted(op: Op, left: &Expr, right: &Expr, reader: &Reader<'_>) -> Option<Cond> {
    let number = match right {
        Expr::Number(number) => number.parse::<i64>().ok()?,
        Expr::Minus(inner) => match inner.as_ref() {
            Expr::Number(number) => -number.parse::<i64>().ok()?,
            _ => return None,
        },
        _ => return None,
    };
    if let Some((object, arguments)) = left.method("indexOf") {
        let found = match (op, number) {
            (Op::NotEqual | Op::Greater, -1) | (Op::GreaterEqual, 0) => true,
            (Op::Equal | Op::LessEqual, -1) | (Op::Less, 0) => false,
            _ => return None,
        };
        let [sought] = arguments else { return None };
        let cond = holds(object, sought, reader)?;
        return Some(if found { cond } else { cond.negated() });
    }
    let object = match left {
        Expr::Member(object, Key::Name(name)) if name == "length" => object.as_ref(),
        _ => match left.method("length") {
            Some((object, [])) => object,
            _ => left.method("size").filter(|(_, none)| none.is_empty())?.0,
        },
    };
    let there = match (op, number) {
        (Op::Greater | Op::NotEqual, 0) | (Op::GreaterEqual, 1) => true,
        (Op::Equal | Op::LessEqual, 0) | (Op::Less, 1) => false,
        _ => return None,
    };
    let cond = exists(object, reader)?;
    Some(if there { cond } else { cond.negated() })
}

/// Whether anything is at a place, a segment among them.
fn exists(expr: &Expr, reader: &Reader<'_>) -> Option<Cond> {
    let place = match expr.method("toString") {
        Some((object, [])) => object,
        _ => expr,
    };
    let path = match reader.path(place) {
        Some(path) => path,
        None => reader.value(place)?.path()?.clone(),
    };
    let there = format!("{path} exists");
    Some(match path.is_segment() {
        true => Cond::both(there, format!("not ({path} exists)")),
        false => Cond::both(there, format!("{path} empty")),
    })
}

/// `object` holds `sought`: a list one of its values, or a text a part of it.
fn holds(object: &Expr, sought: &Expr, reader: &Reader<'_>) -> Option<Cond> {
    let list = match object {
        Expr::Array(values) => Some(values),
        Expr::New(name, values) if name == "Array" => Some(values),
        _ => None,
    };
    if let Some(values) = list {
        let value = reader.value(sought)?;
        let path = value.path()?;
        return values
            .iter()
            .try_fold(Cond::False, |any, value| Some(any.or(is(path, value.text()?, true))));
    }
    let (value, part) = (reader.value(object)?, reader.value(sought)?);
    Some(part_of(value.path()?, "contains", part.literal().filter(|part| !part.is_empty())?))
}

fn part_of(path: &Path, how: &str, text: &str) -> Cond {
    Cond::test(format!("{path} {how} {}", quoted(text)))
}

fn called(expr: &Expr, reader: &Reader<'_>) -> Option<Cond> {
    for method in ["contains", "includes"] {
        if let Some((object, [sought])) = expr.method(method) {
            return holds(object, sought, reader);
        }
    }
    for (method, how) in [("startsWith", "starts with"), ("endsWith", "ends with")] {
        if let Some((object, [sought])) = expr.method(method) {
            let value = reader.value(object)?;
            return Some(part_of(
                value.path()?,
                how,
                sought.text().filter(|text| !text.is_empty())?,
            ));
        }
    }
    for method in ["equals", "equalsIgnoreCase"] {
        if let Some((object, [sought])) = expr.method(method) {
            let value = reader.value(object)?;
            let (path, text) = (value.path()?, sought.text()?);
            return Some(match method {
                "equals" => is(path, text, true),
                _ => Cond::test(format!("{path} matches {}", quoted(&ignoring_case(text)))),
            });
        }
    }
    if let Some((object, [])) = expr.method("isEmpty") {
        return Some(exists(object, reader)?.negated());
    }
    let matched = match (expr.method("test"), expr.method("match")) {
        (Some((regex, [object])), _) | (_, Some((object, [regex]))) => Some((regex, object)),
        _ => None,
    };
    if let Some((Expr::Regex(pattern, flags), object)) = matched {
        let pattern = match flags.as_str() {
            "" | "g" => pattern.clone(),
            "i" | "gi" | "ig" => format!("(?i){pattern}"),
            _ => return None,
        };
        let value = reader.value(object)?;
        let pattern = Some(pattern.replace("\\/", "/")).filter(|pattern| is_common(pattern))?;
        return Some(part_of(value.path()?, "matches", &pattern));
    }
    truth(expr, reader)
}

/// A pattern that matches exactly a text, in capitals or not.
fn ignoring_case(text: &str) -> String {
    let mut pattern = String::from("(?i)^");
    for c in text.chars() {
        if "\\^$.|?*+()[]{}".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('$');
    pattern
}

/// A text is true when it is not empty.
fn truth(expr: &Expr, reader: &Reader<'_>) -> Option<Cond> {
    let value = reader.value(expr)?;
    if let Some(text) = value.literal() {
        return Some(if text.is_empty() { Cond::False } else { Cond::True });
    }
    let path = value.path()?;
    Some(Cond::both(format!("{path} exists"), format!("{path} empty")))
}

/// The condition under which a rule's script returns true.
pub(crate) fn returned(statements: &[Stmt], reader: &Reader<'_>) -> Option<Cond> {
    let mut ways = 0;
    ways_through(statements, &[], reader.variables.clone(), reader, &mut ways)
}

fn ways_through(
    statements: &[Stmt],
    then: &[&[Stmt]],
    mut variables: Variables,
    outer: &Reader<'_>,
    ways: &mut usize,
) -> Option<Cond> {
    *ways += 1;
    if *ways > WAYS_MAX {
        return None;
    }
    for (index, statement) in statements.iter().enumerate() {
        let reader = Reader {
            variables: &variables,
            inside: outer.inside,
            used: RefCell::default(),
            remarks: RefCell::default(),
        };
        let mut named = None;
        let found = match statement {
            Stmt::Return(Some(value)) => Some(condition(value, &reader)?),
            Stmt::Return(None) => Some(Cond::False),
            Stmt::Assign(Target::New(name), value) => {
                named = Some((name, reader.value(value)?));
                None
            }
            Stmt::If(asked, yes, no) => {
                let asked = condition(asked, &reader)?;
                let rest = statements.get(index + 1..).unwrap_or(&[]);
                let after: Vec<&[Stmt]> =
                    std::iter::once(rest).chain(then.iter().copied()).collect();
                let yes = ways_through(yes, &after, variables.clone(), outer, ways)?;
                let no = ways_through(no, &after, variables.clone(), outer, ways)?;
                let both =
                    (asked.clone().and(yes.clone())).or(asked.clone().negated().and(no.clone()));
                Some(match (yes, no) {
                    // `if (a) return true; return b;` is `a or b`.
                    (Cond::True, no) => asked.or(no),
                    (yes, Cond::True) => asked.negated().or(yes),
                    _ => both,
                })
            }
            Stmt::Assign(Target::Old(_), _) | Stmt::Run(_) | Stmt::Delete(_) => return None,
        };
        outer.used.borrow_mut().extend(reader.used.take());
        outer.remarks.borrow_mut().extend(reader.remarks.take());
        if let Some(found) = found {
            return Some(found);
        }
        if let Some((name, value)) = named {
            variables.remember_local(name, value);
        }
    }
    match then.split_first() {
        Some((next, rest)) => ways_through(next, rest, variables, outer, ways),
        None => Some(Cond::False),
    }
}
