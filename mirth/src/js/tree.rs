//! Statements and expressions.

/// A value, or how it is made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expr {
    Text(String),
    Number(String),
    Bool(bool),
    Null,
    /// Pattern and flags.
    Regex(String, String),
    Name(String),
    Member(Box<Expr>, Key),
    Call(Box<Expr>, Vec<Expr>),
    New(String, Vec<Expr>),
    Array(Vec<Expr>),
    Not(Box<Expr>),
    Minus(Box<Expr>),
    Binary(Op, Box<Expr>, Box<Expr>),
}

/// What a member is chosen by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    /// `.name` or `['name']`.
    Name(String),
    /// `[1]`.
    Index(usize),
    /// `[i]` or any other value.
    Value(Box<Expr>),
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Plus,
}

/// What is assigned to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Target {
    /// `var name = `.
    New(String),
    /// Any other.
    Old(Expr),
}

/// A statement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stmt {
    Assign(Target, Expr),
    Run(Expr),
    Delete(Expr),
    Return(Option<Expr>),
    If(Expr, Vec<Stmt>, Vec<Stmt>),
}

impl Expr {
    /// `object.method(...)`: the object and the arguments of a call of this method.
    pub(crate) fn method(&self, name: &str) -> Option<(&Expr, &[Expr])> {
        match self {
            Expr::Call(callee, arguments) => match callee.as_ref() {
                Expr::Member(object, Key::Name(called)) if called == name => {
                    Some((object, arguments))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// `name(...)`: the arguments of a call of this function.
    pub(crate) fn call(&self, name: &str) -> Option<&[Expr]> {
        match self {
            Expr::Call(callee, arguments) if **callee == Expr::Name(name.to_owned()) => {
                Some(arguments)
            }
            _ => None,
        }
    }

    pub(crate) fn is_name(&self, name: &str) -> bool {
        matches!(self, Expr::Name(own) if own == name)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Expr::Text(text) => Some(text),
            _ => None,
        }
    }
}
