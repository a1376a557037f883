use crate::problem::Problem;
use std::ops::Range;

/// What a condition is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// `PID-3.1`, `OBX[2]-5`, and also whatever was meant to be one.
    Path,
    /// A word without a path's punctuation: a keyword, a segment, or a text whose quotes are missing.
    Word,
    /// `"..."`, doubled quotes undone.
    Text(String),
    /// `5`, `-0.25`.
    Number,
    /// A comparison.
    Operator(Operator),
    Open,
    Close,
    Comma,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A token with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) token: Token,
    pub(super) range: Range<usize>,
}

/// Operators of other languages, and what is written here. Longer ones come first.
const FOREIGN: &[(&str, &str)] = &[
    ("===", "="),
    ("!==", "!="),
    ("==", "="),
    ("=~", "matches"),
    ("=>", ">="),
    ("=<", "<="),
    ("<>", "!="),
    ("&&", "and"),
    ("||", "or"),
];

const OPERATORS: &[(&str, Operator)] = &[
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// Cuts a condition into tokens; what is wrong is reported and read as what was probably meant, so that the parser finds more.
pub(super) fn lex(text: &str, problems: &mut Vec<Problem>) -> Vec<Lexeme> {
    let mut lexemes = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let end = match next {
            _ if next.is_whitespace() => {
                at += next.len_utf8();
                continue;
            }
            '(' => push(&mut lexemes, Token::Open, at, at + 1),
            ')' => push(&mut lexemes, Token::Close, at, at + 1),
            ',' => push(&mut lexemes, Token::Comma, at, at + 1),
            '"' => {
                let (value, end) = quoted(text, at, problems);
                push(&mut lexemes, Token::Text(value), at, end)
            }
            '\'' => {
                let end = single_quoted(text, at, problems);
                let value = text.get(at + 1..end.saturating_sub(1)).unwrap_or("").to_owned();
                push(&mut lexemes, Token::Text(value), at, end)
            }
            _ if starts_number(text, at) => number(text, at, &mut lexemes),
            _ if next.is_alphanumeric() || matches!(next, '_' | '[') => {
                word(text, at, &mut lexemes)
            }
            _ => operator(text, at, &mut lexemes, problems),
        };
        at = end;
    }
    lexemes
}

fn push(lexemes: &mut Vec<Lexeme>, token: Token, start: usize, end: usize) -> usize {
    lexemes.push(Lexeme { token, range: start..end });
    end
}

/// A text in double quotes; a quote inside it is doubled, and a backslash is only a backslash because HL7 and expressions are full of them.
fn quoted(text: &str, start: usize, problems: &mut Vec<Problem>) -> (String, usize) {
    let mut value = String::new();
    let mut rest = text.char_indices().skip_while(|(at, _)| *at <= start).peekable();
    while let Some((at, character)) = rest.next() {
        match character {
            '"' if rest.peek().is_some_and(|(_, next)| *next == '"') => {
                value.push('"');
                rest.next();
            }
            '"' => return (value, at + 1),
            _ => value.push(character),
        }
    }
    problems.push(Problem::new(
        "C0303",
        start..start + 1,
        "this text has no end",
        "no closing `\"` follows",
    ));
    (value, text.len())
}

fn single_quoted(text: &str, start: usize, problems: &mut Vec<Problem>) -> usize {
    let end = text
        .get(start + 1..)
        .and_then(|rest| rest.find('\''))
        .map_or(text.len(), |at| start + at + 2);
    problems.push(
        Problem::new(
            "C0303",
            start..end,
            "single quotes do not quote a text in a condition",
            "use double quotes",
        )
        .help(
            "put the condition in single quotes and its texts in double quotes: `'PV1-2 = \"I\"'`",
        ),
    );
    end
}

fn starts_number(text: &str, at: usize) -> bool {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    match rest {
        [b'+' | b'-', digit, ..] => digit.is_ascii_digit(),
        [digit, ..] => digit.is_ascii_digit(),
        [] => false,
    }
}

/// Digits with one point; `5E` or `12:30` is left whole as a word, so that the parser can ask for its quotes.
fn number(text: &str, start: usize, lexemes: &mut Vec<Lexeme>) -> usize {
    let rest = text.get(start + 1..).unwrap_or("");
    let length = rest
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | ':' | '_')))
        .unwrap_or(rest.len());
    let end = start + 1 + length;
    let digits = text.get(start..end).unwrap_or("").trim_start_matches(['+', '-']);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.matches('.').count() <= 1
        && !digits.ends_with('.');
    push(lexemes, if plain { Token::Number } else { Token::Word }, start, end)
}

/// A keyword or a path. Blanks inside `[...]` belong to the path, and so does a quoted text there.
fn word(text: &str, start: usize, lexemes: &mut Vec<Lexeme>) -> usize {
    let mut depth = 0_usize;
    let mut in_text = false;
    let mut end = text.len();
    for (offset, character) in text.get(start..).unwrap_or("").char_indices() {
        let inside = depth > 0;
        match character {
            '"' if inside => in_text = !in_text,
            _ if in_text => {}
            '[' => depth += 1,
            ']' if inside => depth -= 1,
            _ if inside => {}
            _ if character.is_alphanumeric()
                || matches!(character, '-' | '.' | '_' | '*' | ':' | '/') => {}
            _ => {
                end = start + offset;
                break;
            }
        }
    }
    let path = text.get(start..end).unwrap_or("").contains(['-', '.', '[', ':', '/']);
    push(lexemes, if path { Token::Path } else { Token::Word }, start, end)
}

fn operator(
    text: &str,
    start: usize,
    lexemes: &mut Vec<Lexeme>,
    problems: &mut Vec<Problem>,
) -> usize {
    let rest = text.get(start..).unwrap_or("");
    if let Some((written, meant)) = FOREIGN.iter().find(|(written, _)| rest.starts_with(written)) {
        let end = start + written.len();
        problems.push(foreign(written, meant, start..end));
        if let Some((_, operator)) = OPERATORS.iter().find(|(name, _)| name == meant) {
            return push(lexemes, Token::Operator(*operator), start, end);
        }
        return push(lexemes, Token::Word, start, end);
    }
    if let Some((written, operator)) =
        OPERATORS.iter().find(|(written, _)| rest.starts_with(written))
    {
        return push(lexemes, Token::Operator(*operator), start, start + written.len());
    }
    let end = start + rest.chars().next().map_or(1, char::len_utf8);
    let problem = match rest.chars().next() {
        Some('!') => foreign("!", "not", start..end),
        Some('~') => foreign("~", "matches", start..end),
        other => {
            let shown = other.map(String::from).unwrap_or_default();
            Problem::new(
                "C0301",
                start..end,
                format!("`{shown}` has no meaning in a condition"),
                "not understood",
            )
        }
    };
    problems.push(problem);
    push(lexemes, Token::Word, start, end)
}

fn foreign(written: &str, meant: &str, range: Range<usize>) -> Problem {
    let help = match meant {
        "=" => "conditions compare with a single `=`".to_owned(),
        _ => format!("conditions write `{meant}`"),
    };
    Problem::new(
        "C0302",
        range,
        format!("`{written}` is not an operator here"),
        format!("use `{meant}`"),
    )
    .help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> (Vec<(Token, String)>, Vec<String>) {
        let mut problems = Vec::new();
        let lexemes = lex(text, &mut problems);
        let shown = |lexeme: Lexeme| (lexeme.token, text[lexeme.range].to_owned());
        (
            lexemes.into_iter().map(shown).collect(),
            problems.into_iter().map(|problem| problem.title).collect(),
        )
    }

    #[test]
    fn a_path_keeps_its_selector_whole() {
        let (tokens, problems) = tokens("PID-3[.5 = \"M] R\"].1 exists and(OBX)");
        assert_eq!(problems, Vec::<String>::new());
        let texts: Vec<_> = tokens.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["PID-3[.5 = \"M] R\"].1", "exists", "and", "(", "OBX", ")"]);
        assert_eq!(tokens[0].0, Token::Path);
    }

    #[test]
    fn a_doubled_quote_is_one_quote() {
        let (tokens, _) = tokens(r#"PID-5 = "a""b\" and PID-5 = "" or PID-6="""""#);
        let texts: Vec<_> = tokens
            .into_iter()
            .filter_map(|(token, _)| match token {
                Token::Text(text) => Some(text),
                _ => None,
            })
            .collect();
        assert_eq!(texts, ["a\"b\\", "", "\""]);
    }

    #[test]
    fn an_operator_of_another_language_is_read_as_ours() {
        let (tokens, problems) = tokens("PID-8 == \"F\"");
        assert_eq!(tokens[1].0, Token::Operator(Operator::Equal));
        assert_eq!(problems, ["`==` is not an operator here"]);
    }

    #[test]
    fn digits_are_a_number_only_when_nothing_else_is_there() {
        let (tokens, _) = tokens("-5.25 2.16.840 12A 0012");
        let kinds: Vec<_> = tokens.into_iter().map(|(token, _)| token).collect();
        assert_eq!(kinds, [Token::Number, Token::Word, Token::Word, Token::Number]);
    }
}
