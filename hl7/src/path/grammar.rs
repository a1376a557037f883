//! Reading a path, with errors that point at the characters that are wrong and say what to write.

use super::{Occurrence, Path, PathError, Repetition, SegmentName};

const OCCURRENCE_MAX: u16 = 9_999;
const FIELD_MAX: u16 = 999;
const COMPONENT_MAX: u16 = 999;

pub(super) fn parse(text: &str) -> Result<Path, PathError> {
    let mut reader = Reader { text, at: 0 };
    let path = reader.path()?;
    if reader.at < text.len() {
        return Err(reader.left_over(&path));
    }
    Ok(path)
}

pub(super) fn parse_prefix(text: &str) -> Result<(Path, usize), PathError> {
    let mut reader = Reader { text, at: 0 };
    let path = reader.path()?;
    if reader.text[reader.at..]
        .starts_with(|next: char| next.is_alphanumeric() || matches!(next, '.' | '-' | '[' | '_'))
    {
        return Err(reader.left_over(&path));
    }
    Ok((path, reader.at))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn path(&mut self) -> Result<Path, PathError> {
        let mut path = Path::of_segment(self.segment()?);
        if self.eat('[') {
            path.occurrence = self.occurrence()?;
        }
        if !self.eat('-') {
            self.refuse_other_joint(&path)?;
            return Ok(path);
        }
        path.field = Some(self.number("a field", FIELD_MAX)?);
        if self.eat('[') {
            path.repetition = self.repetition()?;
        }
        if self.eat('.') {
            path.component = Some(self.number("a component", COMPONENT_MAX)?);
            if self.eat('.') {
                path.subcomponent = Some(self.number("a subcomponent", COMPONENT_MAX)?);
            }
        }
        Ok(path)
    }

    fn segment(&mut self) -> Result<SegmentName, PathError> {
        let word = self.word();
        let range = self.at..self.at + word.len();
        if let Some(name) = SegmentName::new(word) {
            self.at = range.end;
            return Ok(name);
        }
        let upper = word.to_ascii_uppercase();
        match SegmentName::new(&upper) {
            Some(_) => Err(PathError {
                range,
                problem: "segment names are upper case".to_owned(),
                help: Some(format!("write `{upper}`")),
            }),
            None => Err(PathError {
                range: if word.is_empty() { self.next_range() } else { range },
                problem: "a path starts with the three characters of a segment".to_owned(),
                help: Some("a path reads like `PID-3.1`".to_owned()),
            }),
        }
    }

    /// `PID.3`, `PID 3`, `PID_3`, `PID/3`: other engines' ways of joining a segment and a field.
    fn refuse_other_joint(&self, path: &Path) -> Result<(), PathError> {
        let rest = &self.text[self.at..];
        let Some(joint) =
            rest.chars().next().filter(|joint| matches!(joint, '.' | '_' | '/' | ':' | ' '))
        else {
            return Ok(());
        };
        let digits: String =
            rest[joint.len_utf8()..].chars().take_while(char::is_ascii_digit).collect();
        if digits.is_empty() {
            return Ok(());
        }
        Err(PathError {
            range: 0..self.at + joint.len_utf8() + digits.len(),
            problem: "a segment and a field are joined by `-`".to_owned(),
            help: Some(format!("write `{path}-{digits}`")),
        })
    }

    fn occurrence(&mut self) -> Result<Occurrence, PathError> {
        let occurrence = match self.eat('*') {
            true => Occurrence::All,
            false => Occurrence::Nth(self.number("a segment", OCCURRENCE_MAX)?),
        };
        self.close()?;
        Ok(occurrence)
    }

    fn repetition(&mut self) -> Result<Repetition, PathError> {
        self.space();
        let repetition = if self.eat('*') {
            Repetition::All
        } else if self.eat('.') {
            let component = self.number("a component", COMPONENT_MAX)?;
            let subcomponent = match self.eat('.') {
                true => Some(self.number("a subcomponent", COMPONENT_MAX)?),
                false => None,
            };
            self.space();
            self.equals()?;
            self.space();
            Repetition::Where { component, subcomponent, value: self.quoted()? }
        } else {
            Repetition::Nth(self.number("a repetition", OCCURRENCE_MAX)?)
        };
        self.space();
        self.close()?;
        Ok(repetition)
    }

    fn equals(&mut self) -> Result<(), PathError> {
        let start = self.at;
        if !self.eat('=') {
            return Err(self.expected("`=`", "a repetition is chosen like `[.5 = \"MR\"]`"));
        }
        if self.eat('=') {
            return Err(PathError {
                range: start..self.at,
                problem: "`==` is not an operator here".to_owned(),
                help: Some("a repetition is chosen with a single `=`".to_owned()),
            });
        }
        Ok(())
    }

    /// A text in double quotes; a quote inside it is written twice.
    fn quoted(&mut self) -> Result<String, PathError> {
        let start = self.at;
        if !self.eat('"') {
            return Err(self.expected(
                "a text in double quotes",
                "a repetition is chosen like `[.5 = \"MR\"]`",
            ));
        }
        let mut value = String::new();
        loop {
            let Some(next) = self.text[self.at..].chars().next() else {
                return Err(PathError {
                    range: start..self.text.len(),
                    problem: "this text has no closing quote".to_owned(),
                    help: None,
                });
            };
            self.at += next.len_utf8();
            if next != '"' || self.eat('"') {
                value.push(next);
            } else {
                return Ok(value);
            }
        }
    }

    fn number(&mut self, what: &str, max: u16) -> Result<u16, PathError> {
        let word = self.word();
        let range = self.at..self.at + word.len();
        if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_digit()) {
            let range = if word.is_empty() { self.next_range() } else { range };
            return Err(PathError { range, problem: format!("{what} is a number"), help: None });
        }
        let problem = match word.parse::<u16>() {
            Ok(0) => format!("{what} is counted from 1"),
            Ok(_) if word.starts_with('0') => format!("the number of {what} has no leading zero"),
            Ok(number) if number <= max => {
                self.at = range.end;
                return Ok(number);
            }
            _ => format!("the number of {what} is at most {max}"),
        };
        Err(PathError { range, problem, help: None })
    }

    fn close(&mut self) -> Result<(), PathError> {
        match self.eat(']') {
            true => Ok(()),
            false => {
                Err(self.expected("`]`", "an index reads like `[2]`, `[*]` or `[.5 = \"MR\"]`"))
            }
        }
    }

    fn expected(&self, what: &str, help: &str) -> PathError {
        PathError {
            range: self.next_range(),
            problem: format!("expected {what}"),
            help: Some(help.to_owned()),
        }
    }

    fn left_over(&self, path: &Path) -> PathError {
        let rest = &self.text[self.at..];
        let deepest = path.subcomponent.is_some() && rest.starts_with('.');
        let problem = match deepest {
            true => "there is nothing below a subcomponent",
            false => "this does not belong to a path",
        };
        PathError {
            range: self.at..self.text.len(),
            problem: problem.to_owned(),
            help: Some(format!("the path would be `{path}`")),
        }
    }

    fn word(&self) -> &str {
        let rest = &self.text[self.at..];
        &rest[..rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len())]
    }

    /// The next character, or the place after the end.
    fn next_range(&self) -> std::ops::Range<usize> {
        let len = self.text[self.at..].chars().next().map_or(0, char::len_utf8);
        self.at..self.at + len
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.text[self.at..].starts_with(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn space(&mut self) {
        while self.eat(' ') {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (String, String, Option<String>) {
        let error = parse(text).unwrap_err();
        (text[error.range].to_owned(), error.problem, error.help)
    }

    #[test]
    fn paths_read_back_as_they_were_written() {
        for text in [
            "PID",
            "PID[2]",
            "OBX[*]",
            "PID-3",
            "PID-3[2].1",
            "OBX[2]-5",
            "OBX[*]-5",
            "PID-3[*].4.2",
            "PID-3[.5 = \"MR\"].1",
            "ZX1[9999]-999[9999].999.999",
            "PID-3[.4.2 = \"a\"\"b]\"]",
        ] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Path::parse("PID-3[ .5=\"MR\" ].1").unwrap().to_string(),
            "PID-3[.5 = \"MR\"].1"
        );
    }

    #[test]
    fn errors_point_and_help() {
        let joined = "a segment and a field are joined by `-`".to_owned();
        assert_eq!(
            error("PID.3.1"),
            ("PID.3".into(), joined.clone(), Some("write `PID-3`".into()))
        );
        assert_eq!(error("OBX[2].5"), ("OBX[2].5".into(), joined, Some("write `OBX[2]-5`".into())));
        assert_eq!(error("pid-3").2, Some("write `PID`".into()));
        assert_eq!(error("PID-0").1, "a field is counted from 1");
        assert_eq!(error("PID-3.x"), ("x".into(), "a component is a number".into(), None));
        assert_eq!(error("PID-99999999999999999999").1, "the number of a field is at most 999");
        assert_eq!(error("PID-3[.5 == \"MR\"]").0, "==");
        assert_eq!(error("PID-3[.5 = MR]").1, "expected a text in double quotes");
        assert_eq!(error("PID-3.1.2.3").1, "there is nothing below a subcomponent");
        assert_eq!(error("PID-3[2").1, "expected `]`");
        assert_eq!(error("").1, "a path starts with the three characters of a segment");
    }

    #[test]
    fn a_prefix_ends_where_the_path_ends() {
        assert_eq!(parse_prefix("PID-3.1 = \"x\"").unwrap().1, 7);
        assert_eq!(parse_prefix("PV1-2 in (\"I\")").unwrap().1, 5);
        assert_eq!(parse_prefix("OBX exists").unwrap().1, 3);
        assert_eq!(parse_prefix("PID-3}").unwrap().1, 5);
        assert!(parse_prefix("PID.3 exists").is_err());
        assert!(parse_prefix("PID-3x").is_err());
    }
}
