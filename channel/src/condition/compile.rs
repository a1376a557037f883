use super::ast::{Expression, Literal, Operand, Question, Test, Value, Written};
use super::lexer::Operator;
use super::ordering::Measure;
use super::parse::parse;
use crate::compiler::Compiler;
use crate::place::Place;
use crate::problem::Problem;
use config::{CodeTable, Name, Text};
use regex::Regex;
use std::sync::Arc;

/// A condition, ready to be asked of a message.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(super) root: Node,
}

#[derive(Debug)]
pub(super) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Ask(Place, Check),
}

/// What is asked of a value.
#[derive(Debug)]
pub(super) enum Check {
    Is(Side),
    In(Vec<Side>),
    InTable(Arc<CodeTable>),
    Exists,
    Empty,
    Matches(Regex),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    Order(Sign, Measure),
}

/// What a value may be equal to.
#[derive(Debug)]
pub(super) enum Side {
    Text(String),
    Null,
    Place(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Condition {
    /// Reads and compiles a condition; what is wrong is reported, and gives none.
    pub(crate) fn compile(text: &Text, compiler: &mut Compiler<'_>) -> Option<Condition> {
        match parse(&text.value) {
            Ok(expression) => Some(Condition { root: node(expression, text, compiler)? }),
            Err(problems) => {
                problems.into_iter().for_each(|problem| compiler.report(problem, text));
                None
            }
        }
    }

    /// Whether two conditions that must both hold ask one path to be different texts, so that they never do.
    pub(crate) fn excludes(&self, other: &Condition) -> bool {
        let (mine, theirs) = (self.demands(), other.demands());
        mine.iter().any(|(place, texts)| {
            let same = theirs.iter().filter(|(other, _)| place.path() == other.path());
            same.into_iter().any(|(_, others)| texts.iter().all(|text| !others.contains(text)))
        })
    }

    /// Every place it looks at.
    pub(crate) fn places(&self) -> Vec<&Place> {
        let mut places = Vec::new();
        self.root.places(&mut places);
        places
    }

    /// Whether it contradicts itself.
    pub(crate) fn is_impossible(&self) -> bool {
        self.excludes(self)
    }

    /// The single places that must have one of some texts for it to hold.
    fn demands(&self) -> Vec<(&Place, Vec<&str>)> {
        let mut demands = Vec::new();
        self.root.demands(&mut demands);
        demands
    }
}

impl Node {
    fn places<'n>(&'n self, places: &mut Vec<&'n Place>) {
        match self {
            Node::All(nodes) | Node::Any(nodes) => {
                nodes.iter().for_each(|node| node.places(places))
            }
            Node::Not(node) => node.places(places),
            Node::Ask(place, check) => {
                places.push(place);
                match check {
                    Check::Is(Side::Place(other)) | Check::Order(_, Measure::Place(other, _)) => {
                        places.push(other)
                    }
                    Check::Is(_)
                    | Check::Order(..)
                    | Check::In(_)
                    | Check::InTable(_)
                    | Check::Exists
                    | Check::Empty
                    | Check::Matches(_)
                    | Check::Contains(_)
                    | Check::StartsWith(_)
                    | Check::EndsWith(_) => {}
                }
            }
        }
    }

    fn demands<'n>(&'n self, demands: &mut Vec<(&'n Place, Vec<&'n str>)>) {
        match self {
            Node::All(nodes) => nodes.iter().for_each(|node| node.demands(demands)),
            Node::Ask(place, Check::Is(Side::Text(text))) if !place.is_all() => {
                demands.push((place, vec![text]))
            }
            Node::Ask(place, Check::In(sides)) if !place.is_all() => {
                let texts: Option<Vec<&str>> = sides
                    .iter()
                    .map(|side| match side {
                        Side::Text(text) => Some(text.as_str()),
                        Side::Null | Side::Place(_) => None,
                    })
                    .collect();
                demands.extend(texts.map(|texts| (place, texts)));
            }
            Node::Any(_) | Node::Not(_) | Node::Ask(..) => {}
        }
    }
}

fn node(expression: Expression, text: &Text, compiler: &mut Compiler<'_>) -> Option<Node> {
    let mut several = |parts: Vec<Expression>| {
        let nodes: Vec<Option<Node>> =
            parts.into_iter().map(|part| node(part, text, compiler)).collect();
        nodes.into_iter().collect::<Option<Vec<Node>>>()
    };
    match expression {
        Expression::And(parts) => several(parts).map(Node::All),
        Expression::Or(parts) => several(parts).map(Node::Any),
        Expression::Not(inner) => {
            node(*inner, text, compiler).map(|inner| Node::Not(Box::new(inner)))
        }
        Expression::Test(test) => ask(test, text, compiler),
    }
}

fn ask(test: Test, text: &Text, compiler: &mut Compiler<'_>) -> Option<Node> {
    let Test { path, question } = test;
    let bare = path.path.field.is_none();
    if bare && !matches!(question, Question::Exists) {
        compiler.report(bare_segment(&path, &question), text);
        return None;
    }
    let place = compiler.place(path.path);
    let check = match question {
        Question::Exists => Check::Exists,
        Question::Empty => Check::Empty,
        Question::Compare(operator, operand) => {
            return compare(place, operator, operand, text, compiler);
        }
        Question::In(operands) => {
            let sides: Vec<Option<Side>> =
                operands.into_iter().map(|operand| side(operand, text, compiler)).collect();
            Check::In(sides.into_iter().collect::<Option<Vec<Side>>>()?)
        }
        Question::InTable(name) => Check::InTable(table(&name, text, compiler)?),
        Question::Matches(literal) => {
            Check::Matches(compiler.regex(&literal.text, literal.range, text)?)
        }
        Question::Contains(literal) => Check::Contains(part(literal, text, compiler)?),
        Question::StartsWith(literal) => Check::StartsWith(part(literal, text, compiler)?),
        Question::EndsWith(literal) => Check::EndsWith(part(literal, text, compiler)?),
    };
    Some(Node::Ask(place, check))
}

fn bare_segment(path: &Written, question: &Question) -> Problem {
    let shown = path.path.to_string();
    let problem = Problem::new(
        "C0304",
        path.range.clone(),
        format!("`{shown}` is a segment, not a value"),
        "a field is missing",
    );
    match question {
        Question::Empty => problem.help(format!("write `not ({shown} exists)`")),
        Question::Compare(..)
        | Question::In(_)
        | Question::InTable(_)
        | Question::Exists
        | Question::Matches(_)
        | Question::Contains(_)
        | Question::StartsWith(_)
        | Question::EndsWith(_) => {
            problem.help(format!("write a field such as `{shown}-1`, or `{shown} exists`"))
        }
    }
}

/// Every text contains the empty one: such a test says nothing and was meant otherwise.
fn part(literal: Literal, text: &Text, compiler: &mut Compiler<'_>) -> Option<String> {
    if literal.text.is_empty() {
        let problem = Problem::new(
            "C0308",
            literal.range,
            "every value has the empty text in it",
            "this is always true",
        );
        compiler.report(problem.help("write `exists`, or `empty`"), text);
        return None;
    }
    Some(literal.text)
}

fn compare(
    place: Place,
    operator: Operator,
    operand: Operand,
    text: &Text,
    compiler: &mut Compiler<'_>,
) -> Option<Node> {
    let sign = match operator {
        Operator::Equal => {
            return Some(Node::Ask(place, Check::Is(side(operand, text, compiler)?)));
        }
        Operator::NotEqual => {
            let equal = Node::Ask(place, Check::Is(side(operand, text, compiler)?));
            return Some(Node::Not(Box::new(equal)));
        }
        Operator::Less => Sign::Less,
        Operator::LessOrEqual => Sign::LessOrEqual,
        Operator::Greater => Sign::Greater,
        Operator::GreaterOrEqual => Sign::GreaterOrEqual,
    };
    let range = operand.range.clone();
    let zone = compiler.tables().zone();
    let measure = match operand.value {
        Value::Number(number) => Measure::Number(number),
        Value::Text(value) => match Measure::of_text(&value, zone) {
            Some(measure) => measure,
            None => {
                let title = format!("`{value}` is neither a number nor a timestamp");
                let problem =
                    Problem::new("C0308", range, title, "nothing is more or less than this");
                compiler.report(
                    problem.help(
                        "write a number such as `5.0`, or a timestamp such as `\"20260131\"`",
                    ),
                    text,
                );
                return None;
            }
        },
        Value::Path(path) => Measure::Place(value_place(path, &range, text, compiler)?, zone),
        Value::Null => return None,
    };
    Some(Node::Ask(place, Check::Order(sign, measure)))
}

fn side(operand: Operand, text: &Text, compiler: &mut Compiler<'_>) -> Option<Side> {
    Some(match operand.value {
        Value::Text(value) | Value::Number(value) => Side::Text(value),
        Value::Null => Side::Null,
        Value::Path(path) => Side::Place(value_place(path, &operand.range, text, compiler)?),
    })
}

/// A path on the right side means one value.
fn value_place(
    path: hl7::Path,
    range: &std::ops::Range<usize>,
    text: &Text,
    compiler: &mut Compiler<'_>,
) -> Option<Place> {
    let written = Written { path, range: range.clone() };
    if written.path.field.is_none() {
        compiler.report(bare_segment(&written, &Question::Exists), text);
        return None;
    }
    let place = compiler.place(written.path);
    if place.is_all() {
        let title = format!("`{}` means several values", place.path());
        compiler.report(
            Problem::new("C0322", range.clone(), title, "one value is compared with")
                .help("put `[*]` on the left side"),
            text,
        );
        return None;
    }
    Some(place)
}

fn table(name: &Literal, text: &Text, compiler: &mut Compiler<'_>) -> Option<Arc<CodeTable>> {
    let found = Name::new(&name.text).ok().and_then(|name| compiler.tables().table(&name));
    if found.is_none() {
        let names = compiler.tables().names();
        let near = config::nearest(&name.text, names.iter().map(Name::as_str));
        let title = format!("unknown code table `{}`", name.text);
        let problem =
            Problem::new("C0207", name.range.clone(), title, "no file in `tables/` has this name");
        compiler.report(
            match near {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!(
                    "a code table is a file `tables/{}.csv` with the columns `from,to,note`",
                    name.text
                )),
            },
            text,
        );
    }
    found
}
