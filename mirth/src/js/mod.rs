//! As much of JavaScript as channels are usually written in. What is not understood here stays a script.

mod lexer;
mod parse;
mod tree;

pub(crate) use lexer::{Token, lex};
pub(crate) use parse::{expression, program};
pub(crate) use tree::{Expr, Key, Op, Stmt, Target};

/// What the comments of a source say, a line each.
pub(crate) fn comments(source: &str) -> Vec<String> {
    lex(source).comments
}
