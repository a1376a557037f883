//! Conditions: `MSH-9.1 = "ADT" and PV1-2 in ("I", "E")`.

mod ast;
mod compile;
mod eval;
mod lexer;
mod ordering;
mod parse;
mod values;

pub(crate) use compile::Condition;
