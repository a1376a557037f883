//! The right sides of conditions: texts, numbers, `null`, paths and lists.

use super::ast::{Literal, Operand, Question, Value};
use super::lexer::{Lexeme, Operator, Token};
use super::parse::{KEYWORDS, Parser};
use crate::problem::{self, Problem};
use std::ops::Range;

/// The most values in one `in (...)`.
const LIST_MAX: usize = 1_000;

impl Parser<'_> {
    pub(super) fn operand(&mut self, operator: Operator) -> Option<Operand> {
        let Some(next) = self.lexemes.get(self.at) else {
            self.missing("a value");
            return None;
        };
        let range = next.range.clone();
        let shown = self.slice(&range).to_owned();
        let exact = matches!(operator, Operator::Equal | Operator::NotEqual);
        self.at += 1;
        let value = match &next.token {
            Token::Text(text) => Value::Text(text.clone()),
            Token::Number if exact => {
                let help = format!(
                    "`=` compares text exactly, so `5` and `5.0` differ: write `\"{shown}\"`"
                );
                self.problems.push(
                    Problem::new("C0305", range.clone(), "a text goes in quotes", "not in quotes")
                        .help(help),
                );
                Value::Text(shown)
            }
            Token::Number => Value::Number(shown),
            Token::Word if shown == "null" && !exact => {
                self.problem(
                    "C0305",
                    range,
                    "the HL7 null is neither more nor less than a value",
                    "compare with `=` or `!=`",
                );
                return None;
            }
            Token::Word if shown == "null" => Value::Null,
            Token::Path => match problem::path(&shown, range.start) {
                Ok(path) => Value::Path(path),
                Err(problem) => {
                    self.problems.push(problem);
                    Value::Null
                }
            },
            Token::Word | Token::Operator(_) | Token::Open | Token::Close | Token::Comma => {
                if !self.not_a_value(&range, &shown, &next.token) {
                    return None;
                }
                Value::Text(shown)
            }
        };
        Some(Operand { value, range })
    }

    /// Reports what is no value, and says whether it was a text without its quotes, so that the rest can be read.
    fn not_a_value(&mut self, range: &Range<usize>, shown: &str, token: &Token) -> bool {
        let unquoted = matches!(token, Token::Word) && !KEYWORDS.contains(&shown);
        if self.reported(range) {
            return false;
        }
        if !unquoted {
            let title = format!("`{shown}` is not a value");
            self.problem("C0301", range.clone(), title, "a text in quotes goes here");
            return false;
        }
        let problem =
            Problem::new("C0305", range.clone(), "a text goes in quotes", "not in quotes");
        self.problems.push(match shown.eq_ignore_ascii_case("null") {
            true => problem.help("the HL7 null is written `null`"),
            false => problem.help(format!("write `\"{shown}\"`")),
        });
        true
    }

    pub(super) fn list(&mut self) -> Option<Question> {
        if self.take_word("table") {
            return self.literal("the name of a code table").map(Question::InTable);
        }
        let open = self.lexemes.get(self.at).map(|next| next.range.clone());
        if !self.take(&Token::Open) {
            match open {
                None => self.missing("`(\"A\", \"B\")` or `table \"name\"`"),
                Some(range) => {
                    let shown = self.slice(&range).to_owned();
                    let label = "`(\"A\", \"B\")` or `table \"name\"` goes here";
                    self.problem("C0301", range, format!("`{shown}` is not a list"), label);
                }
            }
            return None;
        }
        let mut values = Vec::new();
        loop {
            let operand = self.operand(Operator::Equal)?;
            if let Value::Path(_) = operand.value {
                let help = "compare with `=`, joined by `or`";
                self.problems.push(
                    Problem::new(
                        "C0301",
                        operand.range.clone(),
                        "a list holds texts",
                        "this is a path",
                    )
                    .help(help),
                );
            }
            values.push(operand);
            if values.len() > LIST_MAX {
                let help = "put the values into a code table: `in table \"name\"`";
                let title = format!("a list has at most {LIST_MAX} values");
                self.problems.push(
                    Problem::new("C0306", open.unwrap_or(0..0), title, "too long").help(help),
                );
                return None;
            }
            if self.take(&Token::Close) {
                return Some(Question::In(values));
            }
            if !self.take(&Token::Comma) {
                match self.lexemes.get(self.at) {
                    None => self.problem(
                        "C0301",
                        open.unwrap_or(0..0),
                        "this `(` is not closed",
                        "a `)` is missing",
                    ),
                    Some(next) => {
                        let range = next.range.clone();
                        let shown = self.slice(&range).to_owned();
                        self.problem(
                            "C0301",
                            range,
                            format!("`{shown}` is not expected here"),
                            "a `,` goes between two values",
                        );
                    }
                }
                return None;
            }
        }
    }

    pub(super) fn literal(&mut self, what: &str) -> Option<Literal> {
        match self.lexemes.get(self.at) {
            None => {
                self.missing(what);
                None
            }
            Some(Lexeme { token: Token::Text(text), range }) => {
                self.at += 1;
                Some(Literal { text: text.clone(), range: range.clone() })
            }
            Some(next) => {
                let range = next.range.clone();
                let shown = self.slice(&range).to_owned();
                let title = format!("{what} in quotes goes here");
                self.problems.push(
                    Problem::new("C0305", range, title, "not in quotes")
                        .help(format!("write `\"{shown}\"`")),
                );
                None
            }
        }
    }
}
