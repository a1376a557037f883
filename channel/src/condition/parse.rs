use super::ast::{Expression, Question, Test, Written};
use super::lexer::{Lexeme, Token, lex};
use crate::problem::{self, Problem};
use std::ops::Range;

/// The longest condition, in bytes.
pub(crate) const CONDITION_BYTES_MAX: usize = 8 * 1024;
/// The most parentheses and `not` inside each other.
const DEPTH_MAX: usize = 32;

pub(super) const KEYWORDS: &[&str] = &[
    "and", "or", "not", "in", "table", "exists", "empty", "matches", "contains", "starts", "ends",
    "with", "null",
];

/// Reads a condition, or says everything that is wrong with it.
pub(super) fn parse(text: &str) -> Result<Expression, Vec<Problem>> {
    if text.len() > CONDITION_BYTES_MAX {
        let title = format!("a condition is at most {CONDITION_BYTES_MAX} bytes long");
        let help = "put lists of values into a code table: `in table \"name\"`";
        return Err(vec![Problem::new("C0306", 0..text.len(), title, "too long").help(help)]);
    }
    let mut problems = Vec::new();
    let lexemes = lex(text, &mut problems);
    let mut parser = Parser { text, lexemes: &lexemes, at: 0, depth: 0, problems };
    let expression = parser.whole();
    match expression {
        Some(expression) if parser.problems.is_empty() => Ok(expression),
        _ => Err(parser.problems),
    }
}

pub(super) struct Parser<'a> {
    text: &'a str,
    pub(super) lexemes: &'a [Lexeme],
    pub(super) at: usize,
    depth: usize,
    pub(super) problems: Vec<Problem>,
}

impl Parser<'_> {
    fn whole(&mut self) -> Option<Expression> {
        if self.lexemes.is_empty() {
            self.problem(
                "C0301",
                0..self.text.len(),
                "this condition is empty",
                "write a condition such as `PV1-2 = \"I\"`",
            );
            return None;
        }
        let expression = self.any()?;
        if let Some(extra) = self.lexemes.get(self.at) {
            let range = extra.range.clone();
            let shown = self.slice(&range).to_owned();
            match extra.token {
                Token::Close => {
                    self.problem("C0301", range, "this `)` closes nothing", "no `(` is open")
                }
                _ => self.unexpected_after(range, &shown),
            }
            return None;
        }
        Some(expression)
    }

    fn unexpected_after(&mut self, range: Range<usize>, shown: &str) {
        // A foreign operator between two conditions was already reported by the lexer.
        if self.reported(&range) {
            return;
        }
        let lower = shown.to_ascii_lowercase();
        let problem = Problem::new(
            "C0301",
            range,
            format!("`{shown}` is not expected here"),
            "`and` or `or` goes between two conditions",
        );
        self.problems.push(match lower.as_str() {
            "and" | "or" => problem.help(format!("keywords are lower case: write `{lower}`")),
            _ => problem,
        });
    }

    fn any(&mut self) -> Option<Expression> {
        let mut parts = vec![self.all()?];
        while self.take_word("or") {
            parts.push(self.all()?);
        }
        if parts.len() == 1 { parts.pop() } else { Some(Expression::Or(parts)) }
    }

    fn all(&mut self) -> Option<Expression> {
        let mut parts = vec![self.one()?];
        while self.take_word("and") {
            parts.push(self.one()?);
        }
        if parts.len() == 1 { parts.pop() } else { Some(Expression::And(parts)) }
    }

    fn one(&mut self) -> Option<Expression> {
        let Some(next) = self.lexemes.get(self.at) else {
            self.missing("a condition");
            return None;
        };
        let range = next.range.clone();
        if self.depth >= DEPTH_MAX {
            self.problem(
                "C0306",
                range,
                format!("a condition has at most {DEPTH_MAX} levels"),
                "too deep",
            );
            return None;
        }
        self.depth += 1;
        let expression = if self.take_word("not") {
            self.one().map(|inner| Expression::Not(Box::new(inner)))
        } else if self.take(&Token::Open) {
            let inner = self.any()?;
            if !self.take(&Token::Close) {
                self.unclosed(range);
                return None;
            }
            Some(inner)
        } else {
            self.test()
        };
        self.depth -= 1;
        expression
    }

    fn unclosed(&mut self, open: Range<usize>) {
        match self.lexemes.get(self.at) {
            None => self.problem("C0301", open, "this `(` is not closed", "a `)` is missing"),
            Some(next) => {
                let range = next.range.clone();
                let shown = self.slice(&range).to_owned();
                self.unexpected_after(range, &shown);
            }
        }
    }

    fn test(&mut self) -> Option<Expression> {
        let path = self.path()?;
        let question = self.question(path.as_ref())?;
        Some(match path {
            Some(path) => Expression::Test(Test { path, question }),
            // It was reported; the rest of the condition is still read for more problems.
            None => Expression::And(Vec::new()),
        })
    }

    /// The path at the cursor: outer None when there is none at all, inner None when it is wrong.
    fn path(&mut self) -> Option<Option<Written>> {
        let Some(next) = self.lexemes.get(self.at) else {
            self.missing("a path");
            return None;
        };
        let range = next.range.clone();
        let shown = self.slice(&range).to_owned();
        match &next.token {
            Token::Path => {}
            Token::Word if looks_like_segment(&shown) => {}
            Token::Word if self.reported(&range) => return None,
            Token::Word
            | Token::Text(_)
            | Token::Number
            | Token::Operator(_)
            | Token::Open
            | Token::Close
            | Token::Comma => {
                let problem = Problem::new(
                    "C0301",
                    range,
                    format!("`{shown}` is not expected here"),
                    "a path such as `PID-3.1` goes here",
                );
                let help = match next.token {
                    Token::Text(_) | Token::Number => {
                        Some("a condition starts with the path: `PV1-2 = \"I\"`".to_owned())
                    }
                    Token::Word
                        if KEYWORDS.contains(&shown.to_ascii_lowercase().as_str())
                            && !KEYWORDS.contains(&shown.as_str()) =>
                    {
                        Some(format!(
                            "keywords are lower case: write `{}`",
                            shown.to_ascii_lowercase()
                        ))
                    }
                    _ => None,
                };
                self.problems.push(Problem { help, ..problem });
                return None;
            }
        }
        self.at += 1;
        Some(match problem::path(&shown, range.start) {
            Ok(path) => Some(Written { path, range }),
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        })
    }

    fn question(&mut self, path: Option<&Written>) -> Option<Question> {
        let Some(next) = self.lexemes.get(self.at) else {
            self.missing("a comparison such as `= \"I\"`, or `exists`,");
            return None;
        };
        let range = next.range.clone();
        if let Token::Operator(operator) = next.token {
            self.at += 1;
            let operand = self.operand(operator)?;
            return Some(Question::Compare(operator, operand));
        }
        let word = self.slice(&range).to_owned();
        self.at += 1;
        match word.as_str() {
            "exists" => Some(Question::Exists),
            "empty" => Some(Question::Empty),
            "in" => self.list(),
            "matches" => self.literal("an expression").map(Question::Matches),
            "contains" => self.literal("a text").map(Question::Contains),
            "starts" | "ends" => {
                if !self.take_word("with") {
                    self.problem(
                        "C0301",
                        range,
                        format!("`{word}` is not a comparison"),
                        format!("write `{word} with`"),
                    );
                    return None;
                }
                let text = self.literal("a text")?;
                Some(if word == "starts" {
                    Question::StartsWith(text)
                } else {
                    Question::EndsWith(text)
                })
            }
            _ => {
                self.at -= 1;
                self.not_a_question(range, &word, path);
                None
            }
        }
    }

    fn not_a_question(&mut self, range: Range<usize>, word: &str, path: Option<&Written>) {
        if self.reported(&range) {
            return;
        }
        let shown = path.map_or("PV1-2", |path| self.slice(&path.range));
        let help = match word.to_ascii_lowercase().as_str() {
            "not" => Some(format!("`not` goes first: write `not ({shown} ...)`")),
            "is" | "eq" | "equals" => Some("conditions compare with `=`".to_owned()),
            "like" => Some("write `contains`, `starts with`, `ends with` or `matches`".to_owned()),
            "and" | "or" => Some(format!("write `{shown} exists` to ask whether it was sent")),
            lower if lower != word && KEYWORDS.contains(&lower) => {
                Some(format!("keywords are lower case: write `{lower}`"))
            }
            lower => config::nearest(lower, KEYWORDS.iter().copied())
                .map(|near| format!("did you mean `{near}`?")),
        };
        let label = "a comparison such as `= \"I\"`, or `exists`, goes here";
        let problem = Problem::new("C0301", range, format!("`{word}` is not a comparison"), label);
        self.problems.push(Problem { help, ..problem });
    }

    pub(super) fn missing(&mut self, what: &str) {
        let end = self.lexemes.last().map_or(0, |last| last.range.end);
        self.problem(
            "C0301",
            end..end,
            "this condition is not complete",
            format!("{what} is missing after this"),
        );
    }

    pub(super) fn problem(
        &mut self,
        code: &'static str,
        range: Range<usize>,
        title: impl Into<String>,
        label: impl Into<String>,
    ) {
        self.problems.push(Problem::new(code, range, title, label));
    }

    pub(super) fn reported(&self, range: &Range<usize>) -> bool {
        self.problems.iter().any(|problem| problem.range == *range)
    }

    pub(super) fn take(&mut self, token: &Token) -> bool {
        let found = self.lexemes.get(self.at).is_some_and(|next| next.token == *token);
        self.at += usize::from(found);
        found
    }

    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self
            .lexemes
            .get(self.at)
            .is_some_and(|next| next.token == Token::Word && self.slice(&next.range) == word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or("")
    }
}

fn looks_like_segment(word: &str) -> bool {
    match word.as_bytes() {
        [first, rest @ ..] if rest.len() == 2 => {
            first.is_ascii_uppercase()
                && rest.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        }
        _ => false,
    }
}
