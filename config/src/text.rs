use crate::source::Span;
use std::ops::Range;

/// A text with the place it was written at, able to point inside itself.
#[derive(Clone, Debug)]
pub struct Text {
    /// What the text says, escapes resolved.
    pub value: String,
    /// Where it is written, quotes included.
    pub span: Span,
    inside: Inside,
}

/// How offsets of the value map to offsets of the source.
#[derive(Clone, Debug)]
enum Inside {
    /// The value is not written down character for character (a default, a joined text).
    Unknown,
    /// The value starts here and follows byte by byte.
    Plain(usize),
    /// Source offset of each byte of the value, and of its end.
    Escaped(Box<[usize]>),
}

impl Text {
    /// A text that was not written where the span is, such as a default.
    pub fn new(value: impl Into<String>, span: Span) -> Text {
        Text { value: value.into(), span, inside: Inside::Unknown }
    }

    /// A text read from a TOML literal or key; `raw` is what stands at `span`.
    pub(crate) fn from_toml(value: String, span: Span, raw: &str) -> Text {
        let inside = match mapping(raw, &value) {
            None => Inside::Unknown,
            Some(offsets) => match offsets.first() {
                Some(first)
                    if offsets.iter().enumerate().all(|(at, offset)| *offset == first + at) =>
                {
                    Inside::Plain(span.start + first)
                }
                _ => {
                    Inside::Escaped(offsets.into_iter().map(|offset| span.start + offset).collect())
                }
            },
        };
        Text { value, span, inside }
    }

    /// The value.
    pub fn as_str(&self) -> &str {
        &self.value
    }

    /// The place of a range of the value in the source, also where escapes make the two differ.
    pub fn at(&self, range: Range<usize>) -> Span {
        let end = range.end.min(self.value.len());
        let start = range.start.min(end);
        match &self.inside {
            Inside::Unknown => self.span,
            Inside::Plain(first) => Span { start: first + start, end: first + end, ..self.span },
            Inside::Escaped(offsets) => match (offsets.get(start), offsets.get(end)) {
                (Some(from), Some(to)) => Span { start: *from, end: *to, ..self.span },
                _ => self.span,
            },
        }
    }
}

/// Two texts are equal when they say the same, wherever they stand; a reload that only moved a line changes nothing.
impl PartialEq for Text {
    fn eq(&self, other: &Text) -> bool {
        self.value == other.value
    }
}

impl Eq for Text {}

/// For each byte of the value, the offset in `raw` of the character or escape it came from, then the offset of the closing quote.
///
/// None when the literal does not decode to the value: then the whole literal is pointed at instead of a wrong part.
fn mapping(raw: &str, value: &str) -> Option<Vec<usize>> {
    let (open, close, escapes) = quotes(raw);
    let body = raw.get(open..raw.len().checked_sub(close)?)?;
    let mut offsets = Vec::with_capacity(value.len() + 1);
    let mut decoded = String::with_capacity(value.len());
    let mut at = 0;
    while let Some(next) = body.get(at..).and_then(|rest| rest.chars().next()) {
        let (character, length) = if escapes && next == '\\' {
            escape(&body[at..])?
        } else {
            (Some(next), next.len_utf8())
        };
        if let Some(character) = character {
            let plain = length == character.len_utf8();
            offsets.extend(
                (0..character.len_utf8()).map(|byte| open + at + if plain { byte } else { 0 }),
            );
            decoded.push(character);
        }
        at += length;
    }
    offsets.push(open + at);
    (decoded == value).then_some(offsets)
}

/// Lengths of the opening and closing quotes, and whether backslashes escape.
fn quotes(raw: &str) -> (usize, usize, bool) {
    for (quote, escapes) in [("\"\"\"", true), ("'''", false)] {
        if let Some(rest) = raw.strip_prefix(quote) {
            let newline =
                if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
            return (3 + newline, 3, escapes);
        }
    }
    match raw.as_bytes().first() {
        Some(b'"') => (1, 1, true),
        Some(b'\'') => (1, 1, false),
        _ => (0, 0, false),
    }
}

/// The character an escape stands for (none for a line continuation) and how many bytes it takes.
fn escape(text: &str) -> Option<(Option<char>, usize)> {
    let kind = text.get(1..)?.chars().next()?;
    let hex = |digits: usize| {
        let code = u32::from_str_radix(text.get(2..2 + digits)?, 16).ok()?;
        Some((Some(char::from_u32(code)?), 2 + digits))
    };
    match kind {
        'b' => Some((Some('\u{8}'), 2)),
        't' => Some((Some('\t'), 2)),
        'n' => Some((Some('\n'), 2)),
        'f' => Some((Some('\u{c}'), 2)),
        'r' => Some((Some('\r'), 2)),
        'e' => Some((Some('\u{1b}'), 2)),
        '"' | '\\' => Some((Some(kind), 2)),
        'x' => hex(2),
        'u' => hex(4),
        'U' => hex(8),
        ' ' | '\t' | '\r' | '\n' => {
            let blank =
                text[1..].len() - text[1..].trim_start_matches([' ', '\t', '\r', '\n']).len();
            Some((None, 1 + blank))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Files;

    fn part(raw: &str, value: &str, needle: &str) -> String {
        let mut files = Files::default();
        let source = format!("k = {raw}");
        let file = files.add("a.toml", source.clone());
        let text =
            Text::from_toml(value.to_owned(), Span { file, start: 4, end: source.len() }, raw);
        let start = value.find(needle).unwrap();
        files.slice(text.at(start..start + needle.len())).to_owned()
    }

    #[test]
    fn a_part_of_a_text_is_found_behind_escapes() {
        assert_eq!(part("'a == b'", "a == b", "=="), "==");
        assert_eq!(part(r#""a\\\u00e4 == b""#, "a\\ä == b", "=="), "==");
        assert_eq!(part(r#""a\\\u00e4 == b""#, "a\\ä == b", "ä"), "\\u00e4");
        assert_eq!(part("\"\"\"\na \\\n   == b\"\"\"", "a == b", "== b"), "== b");
        assert_eq!(part("'''\r\nä==b'''", "ä==b", "=="), "==");
        assert_eq!(part("bare", "bare", "are"), "are");
        assert_eq!(part(r#""\x41\e[""#, "A\u{1b}[", "["), "[");
    }

    #[test]
    fn what_cannot_be_mapped_points_at_the_whole() {
        let mut files = Files::default();
        let file = files.add("a.toml", "'abc'");
        let whole = Span { file, start: 0, end: 5 };
        assert_eq!(Text::from_toml("other".into(), whole, "'abc'").at(0..1), whole);
        assert_eq!(Text::new("abc", whole).at(0..1), whole);
    }
}
