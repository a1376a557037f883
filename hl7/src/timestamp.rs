//! HL7 timestamps: `YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]`.
//!
//! The fields are read by `hl7_parser::datetime`. In front of it stands a check of the shape, behind it one of the
//! calendar: alone it takes `+` without digits, fractions after any precision and the 30th of February, and reads
//! `-0030` as half an hour east.

use std::{cmp::Ordering, fmt};

use hl7_parser::datetime::parse_timestamp;
use jiff::{
    civil::DateTime,
    tz::{Offset, TimeZone},
};

/// What an offset that can be written is below, in minutes.
const OFFSET_MINUTES_END: i32 = 15 * 60;

/// How much of a timestamp was written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Precision {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Fraction,
}

/// A point in time as precisely as it was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timestamp {
    civil: DateTime,
    precision: Precision,
    /// Digits of the fraction, 1 to 4.
    fraction_digits: u8,
    offset_minutes: Option<i16>,
}

/// Why a text is no timestamp. It does not repeat the text, which may be a date of birth.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TimestampError {
    /// Not the digits of a timestamp.
    #[error("not an HL7 timestamp (`YYYYMMDDHHMMSS.SSSS+ZZZZ`, cut off anywhere after the year)")]
    Shape,
    /// The digits name no day, time or offset.
    #[error("an HL7 timestamp that is in no calendar")]
    Calendar,
}

impl Timestamp {
    /// Reads a timestamp, strictly.
    pub fn parse(text: &str) -> Result<Timestamp, TimestampError> {
        let shape = Shape::of(text).ok_or(TimestampError::Shape)?;
        let read = parse_timestamp(shape.local, false).map_err(|_| TimestampError::Shape)?;
        let calendar = |number: Option<u8>, least: i8| match number {
            None => Ok(least),
            Some(number) => i8::try_from(number).map_err(|_| TimestampError::Calendar),
        };
        let nanosecond = read.microsecond.unwrap_or(0) * 1_000;
        let civil = DateTime::new(
            i16::try_from(read.year).map_err(|_| TimestampError::Calendar)?,
            calendar(read.month, 1)?,
            calendar(read.day, 1)?,
            calendar(read.hour, 0)?,
            calendar(read.minute, 0)?,
            calendar(read.second, 0)?,
            i32::try_from(nanosecond).map_err(|_| TimestampError::Calendar)?,
        )
        .map_err(|_| TimestampError::Calendar)?;
        Ok(Timestamp {
            civil,
            precision: shape.precision,
            fraction_digits: shape.fraction_digits,
            offset_minutes: shape.offset_minutes()?,
        })
    }

    /// The time now for MSH-7: milliseconds, UTC.
    pub fn from_unix_micros(micros: i64) -> Timestamp {
        let time = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Timestamp {
            civil: Offset::UTC.to_datetime(time),
            precision: Precision::Fraction,
            fraction_digits: 3,
            offset_minutes: Some(0),
        }
    }

    /// How much of it was written.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Date and time as written; what was left out is the first month, day, hour...
    pub fn civil(&self) -> DateTime {
        self.civil
    }

    /// Minutes east of UTC, when it was written.
    pub fn offset_minutes(&self) -> Option<i16> {
        self.offset_minutes
    }

    /// The instant, with the given zone for a timestamp without an offset; `None` outside of what can be counted.
    pub fn instant(&self, zone: &TimeZone) -> Option<jiff::Timestamp> {
        match self.offset_minutes {
            Some(minutes) => {
                let offset = Offset::from_seconds(i32::from(minutes) * 60).ok()?;
                offset.to_timestamp(self.civil).ok()
            }
            None => {
                zone.to_ambiguous_zoned(self.civil).compatible().ok().map(|zoned| zoned.timestamp())
            }
        }
    }

    /// Digits of the fraction of a second that were written: 0 to 4.
    pub fn fraction_digits(&self) -> u8 {
        self.fraction_digits
    }

    /// The same instant on the clocks of another zone, with its offset; `from` is the zone of a timestamp without one.
    ///
    /// Without a time of day it stays as it is. `None` when the instant is not known, because clocks were changed and the local time
    /// does not exist or exists twice, or when the other clocks need a precision that was not written.
    pub fn in_zone(&self, from: &TimeZone, to: &TimeZone) -> Option<Timestamp> {
        if self.precision <= Precision::Day {
            return Some(*self);
        }
        let instant = match self.offset_minutes {
            Some(_) => self.instant(from)?,
            None => from.to_ambiguous_zoned(self.civil).unambiguous().ok()?.timestamp(),
        };
        let civil = to.to_datetime(instant);
        let seconds = to.to_offset(instant).seconds();
        let whole_minutes = seconds % 60 == 0 && (seconds / 60).abs() < OFFSET_MINUTES_END;
        let fits = match self.precision {
            Precision::Year | Precision::Month | Precision::Day => true,
            Precision::Hour => civil.minute() == 0 && civil.second() == 0,
            Precision::Minute => civil.second() == 0,
            Precision::Second | Precision::Fraction => true,
        };
        if !whole_minutes || !fits || civil.year() < 0 {
            return None;
        }
        let offset_minutes = i16::try_from(seconds / 60).ok();
        Some(Timestamp { civil, offset_minutes, ..*self })
    }

    /// Compares at the coarser of both precisions. Days, months and years are compared as they are written; times
    /// of day as instants, a missing offset being that of the zone.
    pub fn compare(&self, other: &Timestamp, zone: &TimeZone) -> Ordering {
        let precision = self.precision.min(other.precision);
        let same_clock = self.offset_minutes == other.offset_minutes;
        if precision > Precision::Day
            && !same_clock
            && let (Some(left), Some(right)) = (self.instant(zone), other.instant(zone))
        {
            let (left, right) = (Offset::UTC.to_datetime(left), Offset::UTC.to_datetime(right));
            return cut(left, precision).cmp(&cut(right, precision));
        }
        let digits = self.fraction_digits.min(other.fraction_digits);
        let fraction =
            |time: DateTime| time.subsec_nanosecond() / 10_i32.pow(9 - u32::from(digits));
        let order = cut(self.civil, precision.min(Precision::Second))
            .cmp(&cut(other.civil, precision.min(Precision::Second)));
        match precision {
            Precision::Fraction => order.then(fraction(self.civil).cmp(&fraction(other.civil))),
            _ => order,
        }
    }
}

/// The time with everything below a precision left out.
fn cut(time: DateTime, precision: Precision) -> (i16, i8, i8, i8, i8, i8, i32) {
    let keep = |at: Precision, value: i8| if precision >= at { value } else { 0 };
    (
        time.year(),
        keep(Precision::Month, time.month()),
        keep(Precision::Day, time.day()),
        keep(Precision::Hour, time.hour()),
        keep(Precision::Minute, time.minute()),
        keep(Precision::Second, time.second()),
        if precision == Precision::Fraction { time.subsec_nanosecond() } else { 0 },
    )
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.civil.year())?;
        let parts = [
            (Precision::Month, self.civil.month()),
            (Precision::Day, self.civil.day()),
            (Precision::Hour, self.civil.hour()),
            (Precision::Minute, self.civil.minute()),
            (Precision::Second, self.civil.second()),
        ];
        for (_, value) in parts.iter().take_while(|(precision, _)| *precision <= self.precision) {
            write!(f, "{value:02}")?;
        }
        if self.precision == Precision::Fraction {
            let digits = usize::from(self.fraction_digits);
            let all = format!("{:09}", self.civil.subsec_nanosecond());
            write!(f, ".{}", &all[..digits])?;
        }
        match self.offset_minutes {
            Some(minutes) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
            None => Ok(()),
        }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Timestamp, TimestampError> {
        Timestamp::parse(text)
    }
}

/// What the text looks like, before its numbers are read.
struct Shape<'a> {
    /// The part before the offset.
    local: &'a str,
    /// Sign and four digits.
    offset: Option<(bool, &'a str)>,
    precision: Precision,
    fraction_digits: u8,
}

impl<'a> Shape<'a> {
    fn of(text: &'a str) -> Option<Shape<'a>> {
        let (local, offset) = match text.find(['+', '-']) {
            Some(at) => (
                text.get(..at)?,
                Some((text.as_bytes().get(at) == Some(&b'-'), text.get(at + 1..)?)),
            ),
            None => (text, None),
        };
        let (digits, fraction) = match local.split_once('.') {
            Some((digits, fraction)) => (digits, Some(fraction)),
            None => (local, None),
        };
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let precision = match (digits.len(), fraction.map(str::len)) {
            (4, None) => Precision::Year,
            (6, None) => Precision::Month,
            (8, None) => Precision::Day,
            (10, None) => Precision::Hour,
            (12, None) => Precision::Minute,
            (14, None) => Precision::Second,
            (14, Some(1..=4)) => Precision::Fraction,
            _ => return None,
        };
        let offset_is_whole =
            offset.is_none_or(|(_, digits)| digits.len() == 4 && all_digits(digits));
        let whole = all_digits(digits) && fraction.is_none_or(all_digits) && offset_is_whole;
        let fraction_digits = fraction.map_or(0, |fraction| fraction.len() as u8);
        whole.then_some(Shape { local, offset, precision, fraction_digits })
    }

    fn offset_minutes(&self) -> Result<Option<i16>, TimestampError> {
        let Some((west, digits)) = self.offset else { return Ok(None) };
        let number: i16 = digits.parse().map_err(|_| TimestampError::Shape)?;
        let (hours, minutes) = (number / 100, number % 100);
        if hours > 14 || minutes > 59 {
            return Err(TimestampError::Calendar);
        }
        let east = hours * 60 + minutes;
        Ok(Some(if west { -east } else { east }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn what_was_written_is_written_again() {
        for text in [
            "2024",
            "202402",
            "20240229",
            "2024022923",
            "202402292359",
            "20240229235959",
            "20240229235959.1",
            "20240229235959.0123-0030",
            "2024+0530",
            "20240229235959+0000",
        ] {
            assert_eq!(read(text).to_string(), text);
        }
        assert_eq!(read("20240229235959.0123-0030").offset_minutes(), Some(-30));
        assert_eq!(
            Timestamp::from_unix_micros(1_700_000_000_123_456).to_string(),
            "20231114221320.123+0000"
        );
    }

    #[test]
    fn what_is_no_timestamp_is_refused() {
        for text in [
            "",
            "23",
            "20240",
            "2024.1",
            "20240229235959.",
            "20240229235959.12345",
            "2024+",
            "2024+05",
            "2024 ",
            "\u{662F}024",
        ] {
            assert_eq!(Timestamp::parse(text), Err(TimestampError::Shape), "{text}");
        }
        for text in [
            "20230229",
            "202413",
            "2024022925",
            "202402292360",
            "2024+1500",
            "2024-0060",
            "0000\u{0}",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn comparison_is_at_the_coarser_precision() {
        let zone = TimeZone::UTC;
        let compare = |left: &str, right: &str| read(left).compare(&read(right), &zone);
        assert_eq!(compare("2024", "20240229"), Ordering::Equal);
        assert_eq!(compare("20240228", "20240229235959"), Ordering::Less);
        assert_eq!(compare("202402291200+0100", "202402291100"), Ordering::Equal);
        assert_eq!(compare("202402291200+0100", "202402291100-0100"), Ordering::Less);
        assert_eq!(compare("20240229120000.12", "20240229120000.1239"), Ordering::Equal);
        assert_eq!(compare("20240229120000.13", "20240229120000.1239"), Ordering::Greater);
        assert_eq!(compare("20240229120000", "20240229120000.9"), Ordering::Equal);
    }
    #[test]
    fn the_clocks_of_another_zone_show_the_same_instant() {
        let chicago = TimeZone::get("America/Chicago").unwrap();
        let kolkata = TimeZone::get("Asia/Kolkata").unwrap();
        let moved = |text: &str, to: &TimeZone| {
            read(text).in_zone(&chicago, to).map(|time| time.to_string())
        };
        let utc = |text: &str| moved(text, &TimeZone::UTC);
        assert_eq!(utc("202601311200").as_deref(), Some("202601311800+0000"));
        assert_eq!(utc("20260131203000.25").as_deref(), Some("20260201023000.25+0000"));
        assert_eq!(utc("2026073112+0200").as_deref(), Some("2026073110+0000"));
        assert_eq!(moved("202607311200", &chicago).as_deref(), Some("202607311200-0500"));
        for coarse in ["2026", "202601", "20260131", "20260131+0100"] {
            assert_eq!(utc(coarse).as_deref(), Some(coarse));
        }
        // Clocks went from 02:00 to 03:00, and from 02:00 back to 01:00.
        assert_eq!(utc("202603080230"), None);
        assert_eq!(utc("202611010130"), None);
        assert_eq!(utc("202611010130-0600").as_deref(), Some("202611010730+0000"));
        // Half past the hour is nothing that an hour alone can say.
        assert_eq!(moved("2026013112", &kolkata), None);
        assert_eq!(moved("202601311200", &kolkata).as_deref(), Some("202601312330+0530"));
        // Local mean time had seconds.
        assert_eq!(utc("188001011200"), None);
        assert_eq!(read("000001010000+0000").in_zone(&chicago, &chicago), None);
    }
}
