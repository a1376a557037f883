//! Durations and sizes that carry their unit in the value: `"24h"`, `"1 MiB"`.

use std::time::Duration;

const TIMES: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads `"24h"`, `"5m"`, `"1h 30m"`, `"250ms"`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    let mut smallest = u64::MAX;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = number(rest)?;
        let letters =
            after.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(after.len());
        let factor = factor(&TIMES, &after[..letters])?;
        // Units fall, so that `30m 1h` and `1h 1h` are slips and not sums.
        if factor >= smallest {
            return None;
        }
        smallest = factor;
        total = total.checked_add(number.checked_mul(factor)?)?;
        rest = after[letters..].trim_start();
    }
    Some(Duration::from_millis(total))
}

/// Reads `"1 MiB"`, `"512 KiB"`, `"100 B"`.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = number(text.trim())?;
    number.checked_mul(factor(&SIZES, unit)?)
}

/// A duration as it would be written.
pub fn show_duration(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut shown = String::new();
    for (unit, factor) in TIMES.iter().rev() {
        if rest >= *factor {
            shown.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    if shown.is_empty() { "0s".to_owned() } else { shown }
}

/// A size as it would be written, in the largest unit that divides it.
pub fn show_size(bytes: u64) -> String {
    let (unit, factor) = SIZES
        .iter()
        .rev()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .unwrap_or(&SIZES[0]);
    format!("{} {unit}", bytes / factor)
}

fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let number = text[..digits].parse().ok()?;
    Some((number, text[digits..].trim_start()))
}

fn factor(units: &[(&str, u64)], word: &str) -> Option<u64> {
    units.iter().find(|(unit, _)| *unit == word).map(|(_, factor)| *factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_name_their_unit() {
        assert_eq!(parse_duration("24h"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse_duration("1h 30m"), Some(Duration::from_secs(5_400)));
        assert_eq!(parse_duration("250 ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("0s"), Some(Duration::ZERO));
        for bad in [
            "",
            "5",
            "h",
            "5 hours",
            "-5s",
            "1.5s",
            "30m 1h",
            "1h 1h",
            "5M",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn sizes_name_their_unit() {
        assert_eq!(parse_size("1 MiB"), Some(1 << 20));
        assert_eq!(parse_size("16MiB"), Some(16 << 20));
        assert_eq!(parse_size("100 B"), Some(100));
        for bad in ["", "1", "1 MB", "1 mib", "1.5 MiB", "99999999999 GiB", "1 MiB 1 B"] {
            assert_eq!(parse_size(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(millis in 0u64..1 << 50) {
            prop_assert_eq!(parse_duration(&show_duration(Duration::from_millis(millis))), Some(Duration::from_millis(millis)));
            prop_assert_eq!(parse_size(&show_size(millis)), Some(millis));
        }
    }
}
