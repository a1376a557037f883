//! Dates: moved back by the patient's number of days, at the precision and in the notation they were written.
//!
//! 45 CFR 164.514(b)(2)(i)(C): all elements of dates but the year are identifiers, and so is every year that shows an
//! age over 89. A date that has moved keeps its distance to all others of the patient. One that is more than 90 years
//! back after that, is set to the year in which it is 90 years back.

use jiff::{ToSpan, civil::Date};

/// The most days that a date moves.
pub(crate) const DAYS_MAX: usize = 365;
/// Older than this is one class.
const AGE_MAX: i16 = 90;

/// The moved date; `None` for what is none. `today` is what ages are counted to.
pub(crate) fn shift(text: &str, days: i32, today: Date) -> Option<String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 4 && text.len() == 4 {
        return year(text, today);
    }
    let rest = text.get(digits.min(8)..)?;
    match digits {
        4 => {
            let (found, order) = separated(text, ["y", "m", "d"])?;
            written(moved(found, days, today)?, &order)
        }
        6 if rest.is_empty() || rest.starts_with(['+', '-']) => {
            let month = date(text.get(..4)?, text.get(4..6)?, "01")?;
            let new = moved(month, days, today)?;
            Some(format!("{:04}{:02}{rest}", new.year(), new.month()))
        }
        8.. if is_time(rest) => {
            let day = date(text.get(..4)?, text.get(4..6)?, text.get(6..8)?)?;
            let new = moved(day, days, today)?;
            Some(format!("{:04}{:02}{:02}{rest}", new.year(), new.month(), new.day()))
        }
        1 | 2 => {
            let orders = match text.as_bytes().get(digits) {
                Some(b'/') => [["m", "d", "y"], ["d", "m", "y"]],
                _ => [["d", "m", "y"], ["m", "d", "y"]],
            };
            let (found, order) = orders.into_iter().find_map(|order| separated(text, order))?;
            written(moved(found, days, today)?, &order)
        }
        _ => None,
    }
}

/// Whether a text begins with a whole day, so that it names one day of one person.
pub(crate) fn names_a_day(text: &str) -> bool {
    let day = text.get(..8).filter(|day| day.bytes().all(|byte| byte.is_ascii_digit()));
    day.and_then(|day| date(day.get(..4)?, day.get(4..6)?, day.get(6..8)?)).is_some()
}

/// Time of day and zone, which stay.
fn is_time(rest: &str) -> bool {
    rest.bytes().all(|byte| {
        byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b' ' | b'+' | b'-' | b'T' | b'Z')
    })
}

/// A year alone may stay, unless it shows an age over 89.
fn year(text: &str, today: Date) -> Option<String> {
    let year: i16 = text.parse().ok().filter(|year| *year > 0)?;
    let oldest = today.year() - AGE_MAX;
    Some(format!("{:04}", year.max(oldest)))
}

fn date(year: &str, month: &str, day: &str) -> Option<Date> {
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
        .ok()
        .filter(|date| date.year() > 0)
}

/// A date in three parts with one separator, with what has to be written around its parts.
fn separated(text: &str, order: [&'static str; 3]) -> Option<(Date, Order)> {
    let separator = text.chars().find(|letter| !letter.is_ascii_digit())?;
    if !matches!(separator, '-' | '/' | '.') {
        return None;
    }
    let end = text.find([' ', 'T']).unwrap_or(text.len());
    let (day, rest) = text.split_at(end);
    let parts: Vec<&str> = day.split(separator).collect();
    if parts.len() != 3 || !is_time(rest) {
        return None;
    }
    let part = |name: &str| parts.get(order.iter().position(|part| *part == name)?).copied();
    let found = date(part("y").filter(|year| year.len() == 4)?, part("m")?, part("d")?)?;
    let widths = parts.iter().map(|part| part.len()).collect();
    Some((found, Order { order, widths, separator, rest: rest.to_owned() }))
}

/// How a date in three parts was written.
struct Order {
    order: [&'static str; 3],
    widths: Vec<usize>,
    separator: char,
    rest: String,
}

fn written(date: Date, order: &Order) -> Option<String> {
    let mut out = String::new();
    for (name, width) in order.order.iter().zip(&order.widths) {
        if !out.is_empty() {
            out.push(order.separator);
        }
        let number = match *name {
            "y" => date.year(),
            "m" => i16::from(date.month()),
            _ => i16::from(date.day()),
        };
        out.push_str(&format!("{number:0width$}", width = *width));
    }
    out.push_str(&order.rest);
    Some(out)
}

fn moved(date: Date, days: i32, today: Date) -> Option<Date> {
    let new = date.checked_sub(days.days()).ok()?;
    let anniversary = |years: i16| {
        let year = today.year() - years;
        let same = Date::new(year, new.month(), new.day());
        same.or_else(|_| Date::new(year, 2, 28)).ok()
    };
    // The last year in which this day of the year was at least 90 years ago.
    let mut oldest = anniversary(AGE_MAX)?;
    if (oldest.month(), oldest.day()) > (today.month(), today.day()) {
        oldest = anniversary(AGE_MAX + 1)?;
    }
    Some(if new < oldest { oldest } else { new }).filter(|date| date.year() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved_by(text: &str, days: i32) -> Option<String> {
        shift(text, days, jiff::civil::date(2026, 11, 21))
    }

    #[test]
    fn notation_precision_time_and_zone_stay() {
        for (text, new) in [
            ("20240301", "20240220"),
            ("20240301235959.1234-0500", "20240220235959.1234-0500"),
            ("202403010830", "202402200830"),
            ("202403", "202402"),
            ("2024", "2024"),
            ("2024-03-01", "2024-02-20"),
            ("2024-03-01T10:00:00Z", "2024-02-20T10:00:00Z"),
            ("03/01/2024", "02/20/2024"),
            ("3/1/2024", "2/20/2024"),
            ("01.03.2024 10:00", "20.02.2024 10:00"),
            ("31/12/2023", "21/12/2023"),
        ] {
            assert_eq!(moved_by(text, 10).as_deref(), Some(new), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "UNK",
            "00000000",
            "20241301",
            "2024030",
            "1/2",
            "12345678901x",
            "SMITH 1",
            "20240301 at home",
        ] {
            assert_eq!(moved_by(text, 10), None, "{text}");
        }
    }

    #[test]
    fn an_age_over_89_becomes_90() {
        for (text, new) in [
            ("19200615", "19360605"),
            ("19201231", "19351221"),
            ("19361201", "19361121"),
            ("19370615", "19370605"),
            ("1920", "1936"),
            ("192006", "193605"),
        ] {
            assert_eq!(moved_by(text, 10).as_deref(), Some(new), "{text}");
        }
    }
}
