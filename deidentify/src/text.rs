//! Free text: replaced line by line, or scrubbed.

use std::sync::LazyLock;

use regex::Regex;

use crate::known::Known;

/// What stands for a line of text.
const PHRASE: &str = "text removed";
/// What stands for a piece of text.
const PIECE: &str = "(removed)";

/// Results in words, which say nothing about who has them.
const RESULTS: &[&str] = &[
    "positive",
    "negative",
    "pos",
    "neg",
    "reactive",
    "nonreactive",
    "non-reactive",
    "non reactive",
    "detected",
    "not detected",
    "none detected",
    "present",
    "absent",
    "normal",
    "abnormal",
    "high",
    "low",
    "none",
    "trace",
    "rare",
    "few",
    "moderate",
    "many",
    "small",
    "large",
    "clear",
    "cloudy",
    "hazy",
    "turbid",
    "yellow",
    "amber",
    "straw",
    "colorless",
    "red",
    "brown",
    "resistant",
    "intermediate",
    "susceptible",
    "sensitive",
    "equivocal",
    "indeterminate",
    "inconclusive",
    "invalid",
    "pending",
    "final",
    "preliminary",
    "see note",
    "yes",
    "no",
    "male",
    "female",
    "unknown",
    "growth",
    "no growth",
    "a",
    "b",
    "ab",
    "o",
    "rh positive",
    "rh negative",
    "a positive",
    "a negative",
    "b positive",
    "b negative",
    "ab positive",
    "ab negative",
    "o positive",
    "o negative",
    "n/a",
];

/// The same count of lines, each with the same words; blank lines stay. `escape` is the message's escape character,
/// which stands around the `.br` of a line break.
pub(crate) fn replace(text: &str, escape: &str) -> String {
    let mut out = String::new();
    for (line, end) in lines(text, escape) {
        if !line.trim().is_empty() {
            out.push_str(PHRASE);
        }
        out.push_str(end);
    }
    out
}

/// Each line with what ends it.
fn lines<'a>(text: &'a str, escape: &str) -> Vec<(&'a str, &'a str)> {
    let formatted = format!("{escape}.br{escape}");
    let mut breaks = vec!["\r\n", "\n", "\r"];
    if !escape.is_empty() {
        breaks.push(&formatted);
    }
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let next = breaks
            .iter()
            .filter_map(|end| Some((rest.find(end)?, end.len())))
            .min_by_key(|(at, len)| (*at, usize::MAX - len));
        let Some((at, len)) = next else {
            found.push((rest, ""));
            return found;
        };
        let (line, after) = rest.split_at(at);
        let (end, after) = after.split_at(len);
        found.push((line, end));
        rest = after;
    }
}

/// The text without the values that are known and without what looks like a date, a number of five digits or more, an
/// e-mail address, a telephone number, a URL or a network address.
pub(crate) fn scrub(text: &str, known: &Known) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for hit in known.find(text) {
        out.push_str(text.get(from..hit.range.start).unwrap_or_default());
        out.push_str(PIECE);
        from = hit.range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    match PATTERNS.as_ref() {
        Some(patterns) => patterns.replace_all(&out, PIECE).into_owned(),
        None => PHRASE.to_owned(),
    }
}

static PATTERNS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    const MONTH: &str = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?";
    let patterns = [
        r"\b[a-z][a-z0-9+.-]*://\S+".to_owned(),
        r"\bwww\.\S+".to_owned(),
        r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*".to_owned(),
        r"\b\d{1,3}(?:\.\d{1,3}){3}\b".to_owned(),
        r"\b\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b".to_owned(),
        format!(r"\b\d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?[\s-]+{MONTH}(?:,?[\s-]+\d{{2,4}})?\b"),
        format!(r"\b{MONTH}[\s-]+\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s+\d{{4}}\b)?"),
        format!(r"\b{MONTH}\s+\d{{4}}\b"),
        r"\+?\(?\d{2,4}\)?(?:[ ./-]{1,2}\d{2,4}){2,4}".to_owned(),
        r"\b\d{3}[ .-]\d{4}\b".to_owned(),
        r"\b(?:9\d|1[0-4]\d)[\s-]*(?:years?|yrs?|y/?o)\b".to_owned(),
        r"\d{5,}".to_owned(),
    ];
    Regex::new(&format!("(?i){}", patterns.join("|"))).ok()
});

/// Whether a short result is a number, a ratio, or a word of results.
pub(crate) fn is_result(text: &str) -> bool {
    let text = text.trim();
    let letters = text.chars().any(char::is_alphanumeric);
    if !letters || RESULTS.contains(&text.to_lowercase().as_str()) {
        return true;
    }
    let number =
        text.trim_start_matches(['<', '>', '=', '+', '-', ' ']).trim_end_matches(['%', '+', ' ']);
    let parts: Vec<&str> = number.split([':', '/', '-']).map(str::trim).collect();
    parts.len() <= 2 && parts.iter().all(|part| is_quantity(part))
}

/// Whether a number is short enough to be one that was measured: seven digits before the point.
pub(crate) fn is_quantity(text: &str) -> bool {
    let text = text.trim().trim_start_matches(['+', '-', '<', '>', '=']);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    whole.len() <= 7
        && digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
}

/// Whether a code without a system looks like one: one short word, as codes are.
pub(crate) fn is_code(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let code = |letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_' | '/' | '*' | '+')
    };
    text.len() <= 12 && digits <= 7 && text.chars().all(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_lines_stays() {
        assert_eq!(
            replace("John\\.br\\\\.br\\Smith", "\\"),
            "text removed\\.br\\\\.br\\text removed"
        );
        assert_eq!(replace("a\r\nb\nc", "\\"), "text removed\r\ntext removed\ntext removed");
        assert_eq!(replace("a\\.br\\b", ""), "text removed");
    }

    #[test]
    fn patterns_go_and_the_rest_stays() {
        let known = Known::default();
        for (text, scrubbed) in [
            ("call 555-010-4477 or (555) 010-4477", "call (removed) or (removed)"),
            ("on 3/14/2024, and March 14, 2024", "on (removed), and (removed)"),
            ("14 Mar 2024; 14th of March", "(removed); (removed)"),
            ("mail j.doe@example.com now", "mail (removed) now"),
            ("see https://example.com/x?y=1 and www.example.com", "see (removed) and (removed)"),
            ("host 10.0.0.1", "host (removed)"),
            ("MRN 123456 acc A98765", "MRN (removed) acc A(removed)"),
            ("a 93 year old man, 45 years", "a (removed) old man, 45 years"),
            ("BP 120/80, dose 2.5 mg, 1200 ml", "BP 120/80, dose 2.5 mg, 1200 ml"),
        ] {
            assert_eq!(scrub(text, &known), scrubbed);
        }
    }

    #[test]
    fn results_are_told_from_text() {
        for text in [
            "7.2",
            "<0.5",
            ">= 100",
            "1:40",
            "120/80",
            "2-5",
            "10%",
            "3+",
            "Not Detected",
            "-",
            "250000",
        ] {
            assert!(is_result(text), "{text}");
        }
        for text in ["John", "12345678", "555-010-4477", "7 by Dr. Smith", "1.2.3"] {
            assert!(!is_result(text), "{text}");
        }
        assert!(
            is_code("J18.9") && is_code("UNK") && !is_code("John Smith") && !is_code("123456789")
        );
    }
}
