//! Cuts what was typed into words and values.

use phi::Phi;

use super::word::{WORDS, Word};
use super::{QueryError, Said};

/// The words, and what cannot be read.
pub(super) fn read(text: &str) -> (Vec<Said>, Vec<QueryError>) {
    let mut reader = Reader { chars: text.chars().collect(), at: 0 };
    let (mut said, mut errors) = (Vec::new(), Vec::new());
    while reader.skip_blanks() {
        match reader.one() {
            Ok(one) => said.push(one),
            Err(error) => errors.push(error),
        }
    }
    (said, errors)
}

struct Reader {
    chars: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Whether anything is left.
    fn skip_blanks(&mut self) -> bool {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        self.peek().is_some()
    }

    fn one(&mut self) -> Result<Said, QueryError> {
        let start = self.at;
        let Some(name) = self.name() else {
            let value = self.value()?;
            return Ok(Said { word: None, value: Phi::new(value), at: start..self.at });
        };
        let known = name.to_lowercase();
        let decl = WORDS.iter().find(|decl| decl.name == known);
        let value = self.value();
        let at = start..self.at;
        let Some(decl) = decl else {
            let error = QueryError::new(format!("`{name}:` is no word of a search"), &at);
            let nearest = config::nearest(&known, WORDS.iter().map(|decl| decl.name));
            return Err(error.hint(match nearest {
                Some(nearest) => format!("did you mean `{nearest}:`?"),
                None => "in quotes it is looked for as it stands".to_owned(),
            }));
        };
        let value = value?;
        if value.trim().is_empty() {
            let error = QueryError::new(format!("`{}:` needs a value behind it", decl.name), &at);
            return Err(error.hint(format!("such as `{}`", decl.example)));
        }
        Ok(Said { word: Some(decl.word), value: Phi::new(value), at })
    }

    /// Letters before a colon, which is then behind the reader.
    fn name(&mut self) -> Option<String> {
        let rest = self.chars.get(self.at..)?;
        let length = rest.iter().take_while(|c| c.is_ascii_alphabetic() || **c == '_').count();
        if length == 0 || rest.get(length) != Some(&':') {
            return None;
        }
        let name = rest.iter().take(length).collect();
        self.at += length + 1;
        Some(name)
    }

    /// Up to the next blank, or what stands in quotes.
    fn value(&mut self) -> Result<String, QueryError> {
        let start = self.at;
        if self.peek() != Some('"') {
            let mut value = String::new();
            while let Some(c) = self.peek().filter(|c| !c.is_whitespace()) {
                value.push(c);
                self.at += 1;
            }
            return Ok(value);
        }
        self.at += 1;
        let mut value = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '"' => return self.closed(value, start),
                '\\' => {
                    if let Some(escaped) = self.peek() {
                        value.push(escaped);
                        self.at += 1;
                    }
                }
                c => value.push(c),
            }
        }
        Err(QueryError::new("the quotes are not closed", &(start..self.at)))
    }

    /// Behind quotes comes a blank or nothing.
    fn closed(&mut self, value: String, start: usize) -> Result<String, QueryError> {
        if self.peek().is_none_or(char::is_whitespace) {
            return match value.trim().is_empty() {
                true => Err(QueryError::new("nothing stands in the quotes", &(start..self.at))),
                false => Ok(value),
            };
        }
        let behind = self.at;
        while self.peek().is_some_and(|c| !c.is_whitespace()) {
            self.at += 1;
        }
        Err(QueryError::new("something stands right behind the quotes", &(behind..self.at))
            .hint("a blank goes between words; `\\\"` is a quote inside of quotes"))
    }
}

impl Word {
    pub(super) fn takes(self) -> String {
        format!("`{}:` takes {}", self.name(), self.decl().takes)
    }
}
