//! The one language of searches, for the API, the command line and pages: `mrn:8001 state:dead since:2h`.
//!
//! Reading is pure. Words are ANDed; each is said once; a word without a colon is an id or a number.

mod meaning;
mod moment;
mod read;
mod word;

use std::fmt;
use std::ops::Range;

use phi::Phi;

pub use meaning::Asked;
pub use word::{WORDS, Word, WordDecl, table};

/// A search as it was typed.
#[derive(Clone, Default)]
pub struct Query {
    said: Vec<Said>,
}

/// A word and what was said with it.
#[derive(Clone)]
pub(crate) struct Said {
    /// Which word; none for what stands alone.
    pub word: Option<Word>,
    /// What stands behind the colon.
    pub value: Phi<String>,
    /// Where, in characters.
    pub at: Range<usize>,
}

/// What is wrong with a search. What was typed is quoted only where it can be no value of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// A sentence.
    pub text: String,
    /// What to do.
    pub hint: Option<String>,
    /// Where it begins, in characters.
    pub offset: usize,
    /// How many characters it has.
    pub length: usize,
}

impl QueryError {
    fn new(text: impl Into<String>, at: &Range<usize>) -> QueryError {
        QueryError { text: text.into(), hint: None, offset: at.start, length: at.len() }
    }

    fn hint(mut self, hint: impl Into<String>) -> QueryError {
        self.hint = Some(hint.into());
        self
    }
}

impl Query {
    /// Reads a search; all that is wrong with it otherwise.
    pub fn parse(text: &str) -> Result<Query, Vec<QueryError>> {
        let (said, mut errors) = read::read(text);
        errors.extend(meaning::problems(&said));
        errors.sort_by_key(|error| error.offset);
        if errors.is_empty() { Ok(Query { said }) } else { Err(errors) }
    }

    /// The words that are said, in order; none for what stands alone.
    pub fn words(&self) -> impl Iterator<Item = (Option<Word>, &Phi<String>)> {
        self.said.iter().map(|said| (said.word, &said.value))
    }

    /// Whether it holds what may be the number of a patient, visit or order.
    pub fn holds_a_number(&self) -> bool {
        self.said.iter().any(|said| said.word.is_none_or(Word::is_number))
    }

    /// The search as everybody would write it: words in their order, what stands alone last.
    pub fn canonical(&self) -> Phi<String> {
        let mut said: Vec<&Said> = self.said.iter().collect();
        said.sort_by_key(|said| (said.word.is_none(), said.word));
        let words = said.into_iter().map(|said| said_as(said.word, said.value.expose_phi()));
        Phi::new(words.collect::<Vec<_>>().join(" "))
    }
}

/// A word as it is read back: its value in quotes when it would be taken for more than one, or for a word.
pub fn said_as(word: Option<Word>, value: &str) -> String {
    let odd =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\\') || (c == ':' && word.is_none());
    let value = match value.is_empty() || value.contains(odd) {
        true => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        false => value.to_owned(),
    };
    match word {
        Some(word) => format!("{}:{value}", word.name()),
        None => value,
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        let query = Query::parse(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
        query.canonical().expose_phi().clone()
    }

    fn refused(text: &str) -> (String, String, usize, usize) {
        let errors = Query::parse(text).err().unwrap_or_else(|| panic!("{text} is taken"));
        let first = &errors[0];
        let hint = first.hint.clone().unwrap_or_default();
        (first.text.clone(), hint, first.offset, first.length)
    }

    #[test]
    fn one_way_of_writing_is_everybody_s() {
        for (text, expected) in [
            ("", ""),
            ("  state:dead   mrn:8001 ", "mrn:8001 state:dead"),
            ("MSG0001", "MSG0001"),
            ("MSG0001 since:2h", "since:2h MSG0001"),
            ("type:ADT^* from:\"LAB 1/MAIN\"", "type:ADT^* from:\"LAB 1/MAIN\""),
            ("since:2026-11-21T14:03", "since:2026-11-21T14:03"),
            ("\"a:b\"", "\"a:b\""),
            ("STATE:dead", "state:dead"),
            (r#""a \"b\\ mrn:x""#, r#""a \"b\\ mrn:x""#),
        ] {
            assert_eq!(canonical(text), expected);
            assert_eq!(canonical(expected), expected);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let (text, hint, offset, length) = refused("type:ADT chanel:adt");
        assert_eq!(text, "`chanel:` is no word of a search");
        assert_eq!((&*hint, offset, length), ("did you mean `channel:`?", 9, 10));
        assert_eq!(refused("mrn:").0, "`mrn:` needs a value behind it");
        assert_eq!(refused("mrn:1 mrn:2").0, "`mrn:` is said twice");
        assert_eq!(refused("1 2").0, "two words stand alone");
        assert_eq!(refused("id:1 2").0, "an id and a word that stands alone are both said");
        assert_eq!(refused("state:deed").1, "did you mean `dead`?");
        assert!(refused("since:yesterday").0.starts_with("`since:` takes"));
        assert_eq!(refused("mrn:\"8001").0, "the quotes are not closed");
        assert_eq!(refused("since:2026-11-22 until:2026-11-20").0, "`until:` lies before `since:`");
        assert_eq!(refused("since:1h until:2h").0, "`until:` lies before `since:`");
        assert_eq!(refused("ä mrn:").2, 2, "characters are counted, not bytes");
    }

    /// Texts of words, quotes and what else people type, by a counter in place of chance.
    #[test]
    fn nothing_that_is_typed_panics_and_what_is_taken_reads_back() {
        let parts = [
            "mrn",
            ":",
            "\"",
            "\\",
            " ",
            "state",
            "dead",
            "since",
            "2h",
            "2026-02-30",
            "ä",
            "\u{0}",
            "^",
            "*",
            "ADT",
            "type",
            "/",
            "-",
            "9999999999999d",
            "from",
            "id",
            "until",
            "\u{2028}",
            "1",
        ];
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..8 {
                seed = seed
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let at = usize::try_from(seed >> 40).unwrap_or(0) % parts.len();
                text.push_str(parts[at]);
            }
            let total = text.chars().count();
            match Query::parse(&text) {
                Ok(query) => {
                    let once = query.canonical().expose_phi().clone();
                    assert_eq!(canonical(&once), once, "{text}");
                    let _ = query.asked(i64::MAX, &jiff::tz::TimeZone::UTC);
                    let _ = query.asked(i64::MIN, &jiff::tz::TimeZone::UTC);
                }
                Err(errors) => {
                    assert!(
                        errors.iter().all(|error| error.offset + error.length <= total),
                        "{text}: {errors:?}"
                    );
                }
            }
        }
    }
}
