//! Postal codes and states.
//!
//! 45 CFR 164.514(b)(2)(i)(B): subdivisions smaller than a state go; the first three digits of a ZIP code may stay
//! where more than 20,000 people live in all of them.

use crate::{cipher, key::Key};

/// The prefixes with 20,000 people or fewer, by the Census of 2000, as the guidance of HHS on 164.514(b) lists them.
const SPARSE: [&str; 17] = [
    "036", "059", "063", "102", "203", "556", "692", "790", "821", "823", "830", "831", "878",
    "879", "884", "890", "893",
];

const UNITED_STATES: &[&str] = &["", "US", "USA", "U.S.", "U.S.A.", "UNITED STATES", "840"];

/// A ZIP code keeps three digits or none, and its length; the code of another country is replaced.
pub(crate) fn postal_code(key: &Key, text: &str, country: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let plain =
        text.trim().chars().all(|letter| letter.is_ascii_digit() || matches!(letter, '-' | ' '));
    let domestic = UNITED_STATES.contains(&country.trim().to_uppercase().as_str());
    if !domestic || !plain || !matches!(digits.len(), 5 | 9) {
        return cipher::replace(key, text);
    }
    let head = digits.get(..3).unwrap_or_default();
    let kept = if SPARSE.contains(&head) { 0 } else { 3 };
    let mut seen = 0;
    let cut = |letter: char| {
        seen += usize::from(letter.is_ascii_digit());
        if letter.is_ascii_digit() && seen > kept { '0' } else { letter }
    };
    text.chars().map(cut).collect()
}

/// The code of a state stays; a longer text may be anything.
pub(crate) fn is_state_code(text: &str) -> bool {
    let text = text.trim();
    text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_code_keeps_three_digits_unless_few_people_live_there() {
        let key = Key::from_bytes(b"a key that is no secret").unwrap();
        for (text, country, new) in [
            ("48334", "USA", "48300"),
            ("48334-1234", "", "48300-0000"),
            ("03601", "us", "00000"),
            ("893011234", "US", "000000000"),
        ] {
            assert_eq!(postal_code(&key, text, country), new, "{text}");
        }
        for (text, country) in [("48334", "DEU"), ("SW1A 1AA", "GBR"), ("1234", "")] {
            let made = postal_code(&key, text, country);
            assert!(made != text && made.len() == text.len(), "{text}");
        }
    }
}
