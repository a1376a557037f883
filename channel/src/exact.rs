use std::fmt;

/// A number with all of its digits, to calculate with.
///
/// A binary fraction cannot hold `0.1`: a result that was multiplied by one could round to another than the one on the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exact {
    negative: bool,
    /// From 0 to 9, the most significant first.
    digits: Vec<u8>,
    /// How many of them stand after the point.
    scale: usize,
}

impl Exact {
    /// Reads a number as HL7 writes it: a sign, digits, a point. An exponent is no part of it.
    pub(crate) fn read(text: &str) -> Option<Exact> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits: Option<Vec<u8>> = whole.chars().chain(fraction.chars()).map(digit).collect();
        let digits = digits.filter(|digits| !digits.is_empty())?;
        Some(Exact { negative, digits, scale: fraction.len() })
    }

    /// How many digits it was written with.
    pub(crate) fn len(&self) -> usize {
        self.digits.len()
    }

    /// The product, exactly, without zeros at its end that nobody has measured.
    pub(crate) fn times(&self, other: &Exact) -> Exact {
        // The least significant first, carried over afterwards: no sum of so few products of digits is too large.
        let mut sums = vec![0u64; self.digits.len() + other.digits.len()];
        for (at, left) in self.digits.iter().rev().enumerate() {
            for (sum, right) in sums.iter_mut().skip(at).zip(other.digits.iter().rev()) {
                *sum += u64::from(*left) * u64::from(*right);
            }
        }
        let mut digits = Vec::with_capacity(sums.len());
        let mut carried = 0;
        for sum in sums {
            carried += sum;
            digits.push(low_digit(carried));
            carried /= 10;
        }
        digits.reverse();
        let mut scale = self.scale + other.scale;
        while scale > 0 && digits.last() == Some(&0) {
            digits.pop();
            scale -= 1;
        }
        Exact { negative: self.negative != other.negative, digits, scale }
    }

    /// The number with so many digits after the point: rounded half away from zero, or filled up with zeros.
    pub(crate) fn rounded(mut self, places: usize) -> Exact {
        if self.scale <= places {
            self.digits.resize(self.digits.len() + places - self.scale, 0);
            self.scale = places;
            return self;
        }
        // `0.5` may have no digit before the ones that go.
        let missing = (self.scale + 1).saturating_sub(self.digits.len());
        self.digits.splice(0..0, std::iter::repeat_n(0, missing));
        let kept = self.digits.len() - (self.scale - places);
        let up = self.digits.get(kept).is_some_and(|first| *first >= 5);
        self.digits.truncate(kept);
        self.scale = places;
        if up {
            self.add_one();
        }
        self
    }

    /// One more in the last digit.
    fn add_one(&mut self) {
        for digit in self.digits.iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                return;
            }
            *digit = 0;
        }
        self.digits.insert(0, 1);
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.digits.len().saturating_sub(self.scale);
        let (whole, fraction) = self.digits.split_at(whole);
        let text = |digits: &[u8]| digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        let (whole, fraction): (String, String) = (text(whole), text(fraction));
        let whole = match whole.trim_start_matches('0') {
            "" => "0",
            significant => significant,
        };
        if self.negative && self.digits.iter().any(|digit| *digit > 0) {
            f.write_str("-")?;
        }
        f.write_str(whole)?;
        if self.scale > 0 {
            // A fraction may have been written with fewer digits than it has places.
            write!(f, ".{fraction:0>width$}", width = self.scale)?;
        }
        Ok(())
    }
}

fn digit(character: char) -> Option<u8> {
    character.to_digit(10).and_then(|digit| u8::try_from(digit).ok())
}

fn low_digit(number: u64) -> u8 {
    u8::try_from(number % 10).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Exact {
        Exact::read(text).unwrap()
    }

    #[test]
    fn a_number_is_written_as_it_was_meant() {
        for (text, plain) in [
            ("5", "5"),
            ("+005.50", "5.50"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-0.0", "0.0"),
            ("-0.01", "-0.01"),
            ("90071992547409931.000000000000000000001", "90071992547409931.000000000000000000001"),
        ] {
            assert_eq!(read(text).to_string(), plain);
        }
        for text in ["", ".", "-", "+", "1e5", "<5", "1,5", " 5", "--1", "1.2.3", "٣"] {
            assert!(Exact::read(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_product_is_exact() {
        let product = |a: &str, b: &str| read(a).times(&read(b)).to_string();
        assert_eq!(product("100", "0.0555"), "5.55");
        assert_eq!(product("0.1", "-0.2"), "-0.02");
        assert_eq!(product("-3", "-3"), "9");
        assert_eq!(product("0", "-12.5"), "0");
        assert_eq!(
            product("99999999999999999999", "99999999999999999999"),
            "9999999999999999999800000000000000000001"
        );
    }

    #[test]
    fn half_is_rounded_away_from_zero() {
        let rounded = |text: &str, places| read(text).rounded(places).to_string();
        for (text, places, expected) in [
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("2.4999", 0, "2"),
            ("0.5", 0, "1"),
            (".05", 1, "0.1"),
            (".004", 2, "0.00"),
            ("-0.004", 2, "0.00"),
            ("9.995", 2, "10.00"),
            ("999.9", 0, "1000"),
            ("5", 2, "5.00"),
            ("1.005", 2, "1.01"),
        ] {
            assert_eq!(rounded(text, places), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_whole_numbers(a in any::<i32>(), b in any::<i32>(), places in 0usize..6) {
            let product = i64::from(a) * i64::from(b);
            prop_assert_eq!(read(&a.to_string()).times(&read(&b.to_string())).to_string(), product.to_string());
            let divisor = 10_i64.pow(u32::try_from(places).unwrap());
            let away = (product.abs() + divisor / 2) / divisor * product.signum();
            let exact = Exact { scale: places, ..read(&product.to_string()) };
            prop_assert_eq!(exact.rounded(0).to_string(), away.to_string());
        }
    }
}
