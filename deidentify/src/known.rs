//! The identifying values of one message, and finding them in a text.

use std::collections::HashMap;
use std::ops::Range;

use crate::{date, part::Place};

/// Fewest letters and digits of a text that is looked for.
const TEXT_MIN: usize = 3;
/// Fewest digits of a number that is looked for.
const NUMBER_MIN: usize = 4;
/// Fewest digits of a number that is looked for inside of a word, or over several words.
const PIECE_MIN: usize = 6;
/// Words that digits with separators may be spread over: `555 010 44 77`.
const WORDS_MAX: usize = 5;

/// Words in the place of a name that name nobody.
const NOBODY: &[&str] = &[
    "unknown",
    "none",
    "null",
    "test",
    "tests",
    "testing",
    "self",
    "same",
    "other",
    "others",
    "patient",
    "doctor",
    "mother",
    "father",
    "baby",
    "boy",
    "girl",
    "spouse",
    "hospital",
    "clinic",
    "anonymous",
    "not",
    "and",
    "the",
    "for",
    "von",
    "van",
    "der",
    "den",
    "del",
    "usa",
    "iso",
    "dns",
    "guid",
    "uuid",
    "uri",
    "urn",
    "hl7",
];

/// What a value is, which decides in what forms it is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Each long word of it counts.
    Name,
    /// It counts as a whole.
    Other,
    /// Its day counts, in every order of its parts.
    Date,
}

/// The identifying values, each with where it was.
#[derive(Default)]
pub(crate) struct Known {
    /// By their first word: the words after it, and the source.
    texts: HashMap<String, Vec<(Vec<String>, usize)>>,
    numbers: HashMap<String, usize>,
    sources: Vec<String>,
}

/// One of them in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Hit {
    pub(crate) range: Range<usize>,
    source: usize,
}

impl Known {
    /// Adds a value, in the forms in which it could stand elsewhere.
    pub(crate) fn add(&mut self, text: &str, class: Class, place: &Place) {
        let source = self.sources.len();
        self.sources.push(place.to_string());
        if class == Class::Date {
            return self.add_day(text, source);
        }
        let words: Vec<String> = words(text).into_iter().map(|(_, word)| word).collect();
        if class == Class::Name {
            for word in words.iter().filter(|word| word.chars().count() > TEXT_MIN) {
                self.add_words(vec![word.clone()], source);
            }
        }
        let whole = words.concat();
        if is_number(&whole) {
            let least = if words.len() == 1 { NUMBER_MIN } else { PIECE_MIN };
            if whole.len() >= least {
                self.numbers.entry(whole).or_insert(source);
            }
            return;
        }
        for (_, run) in digit_runs(&whole).into_iter().filter(|(_, run)| run.len() >= PIECE_MIN) {
            self.numbers.entry(run).or_insert(source);
        }
        if whole.chars().count() >= TEXT_MIN {
            self.add_words(words, source);
        }
    }

    fn add_words(&mut self, words: Vec<String>, source: usize) {
        if words.iter().all(|word| NOBODY.contains(&word.as_str()) || word.chars().count() < 2) {
            return;
        }
        let mut words = words.into_iter();
        let Some(first) = words.next() else { return };
        if first.len() < NUMBER_MIN && is_number(&first) && words.len() == 0 {
            return;
        }
        let rest: Vec<String> = words.collect();
        let found = self.texts.entry(first).or_default();
        if !found.iter().any(|(known, _)| *known == rest) {
            found.push((rest, source));
        }
    }

    fn add_day(&mut self, text: &str, source: usize) {
        let compact: String = text
            .chars()
            .take_while(|letter| !matches!(letter, 'T' | ' '))
            .filter(char::is_ascii_digit)
            .collect();
        if !date::names_a_day(&compact) {
            return;
        }
        let (year, month, day) = (compact.get(..4), compact.get(4..6), compact.get(6..8));
        let (Some(year), Some(month), Some(day)) = (year, month, day) else { return };
        for form in [[year, month, day], [month, day, year], [day, month, year]] {
            self.numbers.entry(form.concat()).or_insert(source);
        }
    }

    /// Where a value was that has been found.
    pub(crate) fn source(&self, hit: &Hit) -> &str {
        self.sources.get(hit.source).map_or("", String::as_str)
    }

    /// Every place in a text where one of the values stands, in order and without overlaps.
    pub(crate) fn find(&self, text: &str) -> Vec<Hit> {
        let words = words(text);
        let mut hits = Vec::new();
        for at in 0..words.len() {
            hits.extend(self.text_at(&words, at));
            hits.extend(self.number_at(text, &words, at));
            hits.extend(self.numbers_in(&words, at));
        }
        hits.sort_by_key(|hit| (hit.range.start, std::cmp::Reverse(hit.range.end)));
        let mut end = 0;
        hits.retain(|hit| {
            let apart = hit.range.start >= end;
            end = end.max(hit.range.end);
            apart
        });
        hits
    }

    fn text_at(&self, words: &[(Range<usize>, String)], at: usize) -> Option<Hit> {
        let (range, first) = words.get(at)?;
        let candidates = self.texts.get(first)?;
        let fits = |(rest, _): &&(Vec<String>, usize)| {
            rest.iter()
                .enumerate()
                .all(|(n, word)| words.get(at + 1 + n).is_some_and(|(_, other)| other == word))
        };
        let (rest, source) = candidates.iter().filter(fits).max_by_key(|(rest, _)| rest.len())?;
        let end = words.get(at + rest.len())?.0.end;
        Some(Hit { range: range.start..end, source: *source })
    }

    /// Digits, also with separators between them.
    fn number_at(&self, text: &str, words: &[(Range<usize>, String)], at: usize) -> Option<Hit> {
        let mut digits = String::new();
        let mut last: Option<&Range<usize>> = None;
        let start = words.get(at)?.0.start;
        let mut found = None;
        for (range, word) in words.iter().skip(at).take(WORDS_MAX) {
            let near = last.is_none_or(|last| {
                text.get(last.end..range.start).is_some_and(|between| between.chars().count() <= 2)
            });
            if !near || !is_number(word) {
                break;
            }
            digits.push_str(word);
            if last.is_none() || digits.len() >= PIECE_MIN {
                found = self.numbers.get(&digits).map(|source| (range.end, *source)).or(found);
            }
            last = Some(range);
        }
        let (end, source) = found?;
        let short = text.get(start..end).is_some_and(|number| number.len() < PIECE_MIN);
        let joints: &[char] = if short { &['-', '.', '_', '/'] } else { &['.'] };
        (!is_joined(text, start..end, joints)).then_some(Hit { range: start..end, source })
    }

    /// Digits inside of a word: a number with a prefix, or a day with its time.
    fn numbers_in(&self, words: &[(Range<usize>, String)], at: usize) -> Option<Hit> {
        let (range, word) = words.get(at)?;
        digit_runs(word).into_iter().find_map(|(_, run)| {
            let whole = run.len() >= PIECE_MIN;
            let day = run.get(..8).filter(|_| run.len() >= 10);
            let source = whole
                .then(|| self.numbers.get(&run))
                .flatten()
                .or_else(|| self.numbers.get(day?))?;
            Some(Hit { range: range.clone(), source: *source })
        })
    }
}

/// Letters and digits that stand together, in lower case.
fn words(text: &str) -> Vec<(Range<usize>, String)> {
    let mut found: Vec<(Range<usize>, String)> = Vec::new();
    let mut open = false;
    for (at, letter) in text.char_indices() {
        if !letter.is_alphanumeric() {
            open = false;
            continue;
        }
        let end = at + letter.len_utf8();
        match found.last_mut().filter(|_| open) {
            Some((range, word)) => {
                range.end = end;
                word.extend(letter.to_lowercase());
            }
            None => found.push((at..end, letter.to_lowercase().collect())),
        }
        open = true;
    }
    found
}

/// Whether a number is one part of a code, such as `4711` in `4711-7`, or of an object identifier.
fn is_joined(text: &str, range: Range<usize>, joints: &[char]) -> bool {
    let mut before = text.get(..range.start).unwrap_or_default().chars().rev();
    let mut after = text.get(range.end..).unwrap_or_default().chars();
    let joined = |around: &mut dyn Iterator<Item = char>| {
        around.next().is_some_and(|letter| joints.contains(&letter))
            && around.next().is_some_and(char::is_alphanumeric)
    };
    joined(&mut before) || joined(&mut after)
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn digit_runs(word: &str) -> Vec<(usize, String)> {
    let mut runs: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (at, letter) in word.char_indices() {
        let digit = letter.is_ascii_digit();
        match runs.last_mut().filter(|_| open && digit) {
            Some((_, run)) => run.push(letter),
            None if digit => runs.push((at, letter.to_string())),
            None => {}
        }
        open = digit;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(values: &[(&str, Class)]) -> Known {
        let place = Place {
            index: 0,
            segment: "PID".into(),
            occurrence: 1,
            field: 5,
            repetition: 1,
            component: 1,
            subcomponent: 1,
        };
        let mut known = Known::default();
        for (text, class) in values {
            known.add(text, *class, &place);
        }
        known
    }

    #[test]
    fn values_are_found_in_other_forms() {
        let known = known(&[
            ("Anna Maria", Class::Name),
            ("O'Neil", Class::Name),
            ("123-45-6789", Class::Other),
            ("MRN0012345", Class::Other),
            ("4711", Class::Other),
            ("12 Elm St", Class::Other),
            ("196106151200", Class::Date),
        ]);
        for text in [
            "seen ANNA today",
            "Mrs. O'NEIL",
            "ssn 123456789",
            "ssn 123 45 6789",
            "no. 0012345",
            "id=X0012345",
            "(4711)",
            "lives at 12 elm st.",
            "born 06/15/1961",
            "born 15.06.1961",
            "19610615",
            "1961-06-15",
            "19610615083000",
        ] {
            assert_eq!(known.find(text).len(), 1, "{text}");
        }
        for text in ["annals", "47110", "4711-7", "2.4711", "elm st", "1961", "6789", "banana"] {
            assert!(known.find(text).is_empty(), "{text}");
        }
        assert_eq!(known.source(&known.find("anna")[0]), "PID-5");
    }

    #[test]
    fn what_names_nobody_or_is_too_short_is_not_looked_for() {
        let known = known(&[
            ("UNKNOWN", Class::Name),
            ("Al", Class::Name),
            ("123", Class::Other),
            ("van der", Class::Name),
            ("2024", Class::Date),
        ]);
        assert!(known.find("unknown al 123 van der 2024").is_empty());
    }
}
