use super::lexer::Operator;
use std::ops::Range;

/// A condition as it is written, before tables and expressions are looked up.
#[derive(Debug, Clone)]
pub(super) enum Expression {
    And(Vec<Expression>),
    Or(Vec<Expression>),
    Not(Box<Expression>),
    Test(Test),
}

/// One question about one path.
#[derive(Debug, Clone)]
pub(super) struct Test {
    pub(super) path: Written,
    pub(super) question: Question,
}

/// A path with its place in the text.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) path: hl7::Path,
    pub(super) range: Range<usize>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) enum Question {
    Compare(Operator, Operand),
    In(Vec<Operand>),
    InTable(Literal),
    Exists,
    Empty,
    Matches(Literal),
    Contains(Literal),
    StartsWith(Literal),
    EndsWith(Literal),
}

/// The right side of a comparison.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) value: Value,
    pub(super) range: Range<usize>,
}

/// What a value is compared with.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    /// Written without quotes, so it compares as a number.
    Number(String),
    /// The HL7 null, `""` on the wire.
    Null,
    Path(hl7::Path),
}

/// A quoted text with its place, quotes included.
#[derive(Debug, Clone)]
pub(super) struct Literal {
    pub(super) text: String,
    pub(super) range: Range<usize>,
}
