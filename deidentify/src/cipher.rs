//! Numbers for numbers: the same length and the same class at each place.
//!
//! A Feistel network over the letters and digits of a value, as in FF1 of NIST SP 800-38G but with a radix of its own
//! at each place. It is a permutation of all values of one shape, so two numbers never become the same one, whatever
//! there is of them; and it is turned around one step that always changes the first place, so no number becomes
//! itself. Letters outside of ASCII are the exception: they become ASCII letters that depend on the whole value.

use crate::key::Key;

/// Enough for a network whose halves may be a single digit.
const ROUNDS: usize = 10;

/// One place that changes.
struct Slot {
    at: usize,
    base: u8,
    radix: u8,
    value: u8,
}

/// The value that stands for another one; the same for a value without letters and digits.
pub(crate) fn replace(key: &Key, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let mut slots = slots(&chars);
    let shape = shape(&chars);
    foreign(key, text, &mut chars);
    if !slots.is_empty() {
        for round in 0..ROUNDS {
            turn(key, &shape, round, &mut slots, true);
        }
        step(key, &shape, &mut slots);
        for round in (0..ROUNDS).rev() {
            turn(key, &shape, round, &mut slots, false);
        }
    }
    for slot in &slots {
        if let Some(place) = chars.get_mut(slot.at) {
            *place = char::from(slot.base + slot.value);
        }
    }
    chars.into_iter().collect()
}

fn class(letter: char) -> Option<(u8, u8)> {
    match letter {
        '0'..='9' => Some((b'0', 10)),
        'A'..='Z' => Some((b'A', 26)),
        'a'..='z' => Some((b'a', 26)),
        _ => None,
    }
}

fn slots(chars: &[char]) -> Vec<Slot> {
    let slot = |(at, letter): (usize, &char)| {
        let (base, radix) = class(*letter)?;
        Some(Slot { at, base, radix, value: (*letter as u8).saturating_sub(base) })
    };
    chars.iter().enumerate().filter_map(slot).collect()
}

/// What stays, and of which class the rest is.
fn shape(chars: &[char]) -> String {
    let kept = |letter: &char| match (class(*letter), letter.is_alphanumeric()) {
        (Some((base, _)), _) => char::from(base),
        (None, true) => '\u{1}',
        (None, false) => *letter,
    };
    chars.iter().map(kept).collect()
}

/// Letters that have no alphabet here.
fn foreign(key: &Key, text: &str, chars: &mut [char]) {
    for (at, letter) in chars.iter_mut().enumerate() {
        if letter.is_alphanumeric() && class(*letter).is_none() {
            let place = (at as u64).to_be_bytes();
            let number = key.number("foreign letter", &[text.as_bytes(), &place], 26) as u8;
            *letter = char::from(if letter.is_uppercase() { b'A' } else { b'a' } + number);
        }
    }
}

/// Adds to one half what the other half gives, or takes it away again.
fn turn(key: &Key, shape: &str, round: usize, slots: &mut [Slot], forward: bool) {
    let (left, right) = slots.split_at_mut(slots.len() / 2);
    let (from, to) = if round.is_multiple_of(2) { (left, right) } else { (right, left) };
    let from: Vec<u8> = from.iter().map(|slot| slot.value).collect();
    let round = [round as u8];
    for (block, slots) in to.chunks_mut(16).enumerate() {
        let block = (block as u64).to_be_bytes();
        let stream = key.digest("identifier", &[shape.as_bytes(), &round, &from, &block]);
        for (slot, pair) in slots.iter_mut().zip(stream.chunks_exact(2)) {
            let number = pair.iter().fold(0_u16, |number, byte| number << 8 | u16::from(*byte));
            let radix = u16::from(slot.radix);
            let by = number % radix;
            let by = if forward { by } else { radix - by };
            slot.value = ((u16::from(slot.value) + by) % radix) as u8;
        }
    }
}

/// Changes the first place by an amount that is never nothing.
fn step(key: &Key, shape: &str, slots: &mut [Slot]) {
    let Some((first, rest)) = slots.split_first_mut() else { return };
    let rest: Vec<u8> = rest.iter().map(|slot| slot.value).collect();
    let below = usize::from(first.radix) - 1;
    let by = 1 + key.number("identifier step", &[shape.as_bytes(), &rest], below) as u16;
    first.value = ((u16::from(first.value) + by) % u16::from(first.radix)) as u8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn key() -> Key {
        Key::from_bytes(b"a key that is no secret").unwrap()
    }

    #[test]
    fn every_number_of_a_length_becomes_another_one_and_no_two_the_same() {
        let key = key();
        for width in 1..=4_usize {
            let all = 10_usize.pow(width as u32);
            let mut seen = HashSet::new();
            for number in 0..all {
                let text = format!("{number:0width$}");
                let made = replace(&key, &text);
                assert_ne!(made, text);
                assert!(made.len() == width && made.bytes().all(|byte| byte.is_ascii_digit()));
                seen.insert(made);
            }
            assert_eq!(seen.len(), all);
        }
    }

    #[test]
    fn the_shape_stays() {
        let made = replace(&key(), "MRN-00x17/\u{C9}\u{E9}");
        let classes: String = made
            .chars()
            .map(|letter| match letter {
                '0'..='9' => '9',
                'A'..='Z' => 'A',
                'a'..='z' => 'a',
                other => other,
            })
            .collect();
        assert_eq!(classes, "AAA-99a99/Aa");
        assert_eq!(replace(&key(), "--"), "--");
        assert_eq!(replace(&key(), ""), "");
    }

    #[test]
    fn another_key_gives_other_numbers() {
        let other = Key::from_bytes(b"another key that is none").unwrap();
        assert_ne!(replace(&key(), "1234567890"), replace(&other, "1234567890"));
        assert_ne!(replace(&Key::random(), "1234567890"), replace(&Key::random(), "1234567890"));
        let long = "7".repeat(5_000);
        assert_eq!(replace(&other, &long).len(), 5_000);
    }
}
