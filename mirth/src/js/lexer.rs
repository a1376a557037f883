//! Source text as tokens.

/// One token, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lexeme {
    pub(crate) token: Token,
    /// The line of the source, from 0.
    pub(crate) line: usize,
    /// A line ends between the token before and this one.
    pub(crate) after_break: bool,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Word(String),
    Text(String),
    Number(String),
    /// Pattern and flags.
    Regex(String, String),
    Sign(&'static str),
    /// Anything else, such as a template literal or a character outside the language.
    Odd,
}

/// A source text in pieces.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) lexemes: Vec<Lexeme>,
    /// What its comments say, a line each.
    pub(crate) comments: Vec<String>,
}

/// Longest first, so that the first that fits is right.
const SIGNS: &[&str] = &[
    ">>>=", "===", "!==", ">>>", "<<=", ">>=", "...", "**=", "==", "!=", "<=", ">=", "&&", "||",
    "??", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "=>", "::", "..", "<<", ">>",
    "(", ")", "[", "]", "{", "}", ".", ",", ";", ":", "?", "=", "!", "<", ">", "+", "-", "*", "/",
    "%", "&", "|", "^", "~", "@",
];

/// Cuts a source into tokens. It never fails: what it does not know becomes [`Token::Odd`].
pub(crate) fn lex(source: &str) -> Lexed {
    let mut lexer = Lexer { rest: source, line: 0, after_break: false, lexed: Lexed::default() };
    while lexer.step() {}
    lexer.lexed
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    after_break: bool,
    lexed: Lexed,
}

impl<'a> Lexer<'a> {
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        if first == '\n' {
            self.after_break = true;
        }
        if first.is_whitespace() || first == '\u{feff}' {
            self.take(first.len_utf8());
        } else if self.rest.starts_with("//") {
            let text = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            self.comment(text.trim_start_matches('/'));
        } else if self.rest.starts_with("/*") {
            let end = self.rest.find("*/").map_or(self.rest.len(), |end| end + 2);
            let text = self.take(end);
            let inside = text.trim_start_matches("/*").trim_end_matches("*/");
            inside.lines().for_each(|line| self.comment(line.trim().trim_start_matches('*')));
        } else {
            let line = self.line;
            let after_break = std::mem::take(&mut self.after_break);
            let token = self.token(first);
            self.lexed.lexemes.push(Lexeme { token, line, after_break });
        }
        true
    }

    fn comment(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.lexed.comments.push(text.trim().to_owned());
        }
    }

    /// The next `length` bytes, which are taken.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn token(&mut self, first: char) -> Token {
        if is_word(first) {
            let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
            let word = self.take(end).to_owned();
            return if first.is_ascii_digit() { self.number(word) } else { Token::Word(word) };
        }
        match first {
            '"' | '\'' => self.text(first),
            '/' if self.may_be_regex() => self.regex(),
            _ => match SIGNS.iter().find(|sign| self.rest.starts_with(**sign)) {
                Some(sign) => {
                    self.take(sign.len());
                    Token::Sign(sign)
                }
                None => {
                    self.take(first.len_utf8());
                    Token::Odd
                }
            },
        }
    }

    fn number(&mut self, mut word: String) -> Token {
        let fraction = self.rest.strip_prefix('.').unwrap_or("");
        let digits =
            fraction.len() - fraction.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 {
            word.push_str(self.take(digits + 1));
        }
        if word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            Token::Number(word)
        } else {
            Token::Odd
        }
    }

    fn text(&mut self, quote: char) -> Token {
        let mut value = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\n' => break,
                c if c == quote => {
                    self.take(at + 1);
                    return Token::Text(value);
                }
                '\\' => match escaped(&mut chars) {
                    Some(c) => value.push(c),
                    None => break,
                },
                c => value.push(c),
            }
        }
        self.take(1);
        Token::Odd
    }

    /// Whether a `/` begins a regular expression here: where a value is expected.
    fn may_be_regex(&self) -> bool {
        match self.lexed.lexemes.last().map(|lexeme| &lexeme.token) {
            None => true,
            Some(Token::Sign(sign)) => !matches!(*sign, ")" | "]" | "}"),
            Some(Token::Word(word)) => word == "return",
            Some(Token::Text(_) | Token::Number(_) | Token::Regex(..) | Token::Odd) => false,
        }
    }

    fn regex(&mut self) -> Token {
        let (mut in_class, mut escape) = (false, false);
        let mut end = None;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                '\n' => break,
                _ if escape => escape = false,
                '\\' => escape = true,
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => {
                    end = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let Some(end) = end else {
            self.take(1);
            return Token::Odd;
        };
        let pattern = self.rest.get(1..end).unwrap_or("").to_owned();
        self.take(end + 1);
        let flags = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
        let flags = self.take(flags).to_owned();
        Token::Regex(pattern, flags)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

/// The character after a backslash; none for what is too rare to be worth reading.
fn escaped(chars: &mut impl Iterator<Item = (usize, char)>) -> Option<char> {
    let (_, c) = chars.next()?;
    let digits = match c {
        'n' => return Some('\n'),
        'r' => return Some('\r'),
        't' => return Some('\t'),
        'x' => 2,
        'u' => 4,
        'b' | 'f' | 'v' | '0'..='9' | '\n' => return None,
        c => return Some(c),
    };
    let hex: String = chars.take(digits).map(|(_, c)| c).collect();
    char::from_u32(u32::from_str_radix(&hex, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_cut_into_tokens() {
        let lexed = lex("a = /x[/]y/g; // why\nb('it\\'s') / 2");
        let tokens: Vec<Token> = lexed.lexemes.iter().map(|l| l.token.clone()).collect();
        assert_eq!(lexed.comments, ["why"]);
        assert_eq!(tokens.get(2), Some(&Token::Regex("x[/]y".into(), "g".into())));
        assert_eq!(tokens.get(6), Some(&Token::Text("it's".into())));
        assert_eq!(tokens.last(), Some(&Token::Number("2".into())));
        assert_eq!(lexed.lexemes.last().map(|l| l.line), Some(1));
    }

    #[test]
    fn nothing_makes_it_fail() {
        for odd in ["'open", "/open", "\"\\", "`a${b}`", "\u{0}", "'\\u12", "1e5", "/*"] {
            lex(odd);
        }
    }
}
