//! Times of a search: so long ago, a day, or a day and a time, in the site's zone.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// A time as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// So long ago, microseconds.
    Ago(i64),
    /// A day.
    Day(Date),
    /// A day and a time.
    Civil(DateTime),
    /// A moment with its zone.
    Exact(Timestamp),
}

impl Moment {
    pub(super) fn parse(text: &str) -> Option<Moment> {
        if let Some(span) = config::parse_duration(text) {
            return i64::try_from(span.as_micros()).ok().map(Moment::Ago);
        }
        if text.len() <= "2026-11-21".len() {
            return text.parse().ok().map(Moment::Day);
        }
        match text.parse::<Timestamp>() {
            Ok(exact) => Some(Moment::Exact(exact)),
            Err(_) => text.parse().ok().map(Moment::Civil),
        }
    }

    /// Microseconds UTC; a day begins, or has ended when that is asked for.
    pub(super) fn at_us(self, now_us: i64, zone: &TimeZone, ended: bool) -> Option<i64> {
        let of = |civil: DateTime| {
            let zoned = civil.to_zoned(zone.clone()).ok()?;
            Some(zoned.timestamp().as_microsecond())
        };
        match self {
            Moment::Ago(us) => Some(now_us.saturating_sub(us)),
            Moment::Day(day) if ended => of(day.checked_add(1.day()).ok()?.at(0, 0, 0, 0)),
            Moment::Day(day) => of(day.at(0, 0, 0, 0)),
            Moment::Civil(civil) => of(civil),
            Moment::Exact(exact) => Some(exact.as_microsecond()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_of_the_site_s_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let at = |text: &str, ended| Moment::parse(text).unwrap().at_us(0, &berlin, ended).unwrap();
        let exact = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
        assert_eq!(at("2026-11-21", false), exact("2026-11-20T23:00:00Z"));
        assert_eq!(at("2026-11-21", true), exact("2026-11-21T23:00:00Z"));
        assert_eq!(at("2026-11-21T14:03", false), exact("2026-11-21T13:03:00Z"));
        assert_eq!(at("2026-11-21T14:03:30Z", false), exact("2026-11-21T14:03:30Z"));
        assert_eq!(at("1h", false), -3_600_000_000);
        assert_eq!(Moment::parse("3d"), Some(Moment::Ago(3 * 86_400 * 1_000_000)));
        for odd in ["", "yesterday", "2026-02-30", "5", "2026-11-21T"] {
            assert_eq!(Moment::parse(odd), None, "{odd}");
        }
    }
}
