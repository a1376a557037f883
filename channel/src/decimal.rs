use std::cmp::Ordering;

/// A number as HL7 writes it (`NM`: a sign, digits, a point), compared digit by digit.
///
/// A binary fraction would make `0.1` something else and round a long identifier; nothing here ever rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// Reads a number; blanks around it are allowed, an exponent is not.
    pub(crate) fn read(text: &'a str) -> Option<Decimal<'a>> {
        let text = text.trim_matches(' ');
        let (negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !plain(whole) || !plain(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Decimal { negative: negative && !zero, whole, fraction })
    }

    pub(crate) fn order(self, other: Decimal<'_>) -> Ordering {
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.magnitude(other),
            (true, true) => self.magnitude(other).reverse(),
        }
    }

    fn magnitude(self, other: Decimal<'_>) -> Ordering {
        let whole =
            self.whole.len().cmp(&other.whole.len()).then_with(|| self.whole.cmp(other.whole));
        whole.then_with(|| self.fraction.cmp(other.fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(a: &str, b: &str) -> Option<Ordering> {
        Some(Decimal::read(a)?.order(Decimal::read(b)?))
    }

    #[test]
    fn numbers_are_equal_however_they_are_written() {
        for (a, b) in [("5", "5.0"), ("0012", "+12"), ("-0", "0.00"), (".5", "0.50"), ("5.", "5")] {
            assert_eq!(order(a, b), Some(Ordering::Equal), "{a} {b}");
        }
        assert_eq!(order("90071992547409931", "90071992547409930"), Some(Ordering::Greater));
        assert_eq!(order("-2", "-10"), Some(Ordering::Greater));
        assert_eq!(order("0.1", "0.09"), Some(Ordering::Greater));
    }

    #[test]
    fn what_is_no_number_is_not_guessed() {
        for text in ["", ".", "-", "1e5", "<5", "1,5", "1 000", "0x1F", "NaN", "1.2.3", "--1"] {
            assert!(Decimal::read(text).is_none(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_whole_numbers(a in any::<i64>(), b in any::<i64>()) {
            prop_assert_eq!(order(&a.to_string(), &b.to_string()), Some(a.cmp(&b)));
        }
    }
}
