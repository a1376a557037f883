//! How dates are written: `yyyyMMdd`, `dd.MM.yyyy`, `yyyy-MM-dd'T'HH:mm:ss`.

use crate::problem::Problem;
use hl7::timestamp::{Precision, Timestamp};
use std::ops::Range;

/// The most digits of a fraction of a second that can be read.
const FRACTION_READ_MAX: usize = 9;
/// The most digits of a fraction of a second that a timestamp has.
const FRACTION_MAX: usize = 4;

/// A pattern: letters stand for the parts of a timestamp, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Part(Part),
    Text(String),
}

/// A part of a timestamp, from the coarsest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// So many digits after the point.
    Fraction(usize),
    /// `+0100`.
    Offset,
}

impl Pattern {
    /// Reads a pattern that values are written by.
    pub(crate) fn to_write(text: &str) -> Result<Pattern, Problem> {
        let pattern = Pattern::of(text)?;
        let long = |part: Part| matches!(part, Part::Fraction(digits) if digits > FRACTION_MAX);
        if pattern.parts().any(long) {
            let title = format!("a fraction has at most {FRACTION_MAX} digits in HL7");
            let label = format!("`{}` is as much as there is", "S".repeat(FRACTION_MAX));
            return Err(Problem::new("C0324", 0..text.len(), title, label));
        }
        Ok(pattern)
    }

    /// Reads a pattern that values are read by: each part once, and none left out above the finest.
    pub(crate) fn to_read(text: &str) -> Result<Pattern, Problem> {
        let pattern = Pattern::of(text)?;
        let parts: Vec<Part> = pattern.parts().collect();
        let problem =
            |title: String, label: &str| Err(Problem::new("C0324", 0..text.len(), title, label));
        for (at, part) in parts.iter().enumerate() {
            if parts.iter().skip(at + 1).any(|other| other.letters() == part.letters()) {
                let title = format!("`{text}` has the {} twice", part.name());
                return problem(title, "the two may differ");
            }
            let above = part.needs().filter(|above| !parts.contains(above));
            if let Some(above) = above {
                let title = format!("`{text}` has the {} and no {}", part.name(), above.name());
                return problem(title, &format!("`{}` is missing", above.letters()));
            }
        }
        Ok(pattern)
    }

    fn of(text: &str) -> Result<Pattern, Problem> {
        let pattern = Pattern { pieces: pieces(text)? };
        if pattern.pieces.iter().any(|piece| matches!(piece, Piece::Part(_))) {
            return Ok(pattern);
        }
        let title = format!("`{text}` has no part of a date");
        let label = "letters such as `yyyy` go here";
        Err(Problem::new("C0324", 0..text.len(), title, label)
            .help("write a pattern such as `yyyyMMdd`, or `hl7`"))
    }

    fn parts(&self) -> impl Iterator<Item = Part> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Part(part) => Some(*part),
            Piece::Text(_) => None,
        })
    }

    /// Does it say how far from UTC the clock was?
    pub(crate) fn has_offset(&self) -> bool {
        self.parts().any(|part| part == Part::Offset)
    }

    /// The timestamp that a text is; none unless all of it is as the pattern says.
    pub(crate) fn read(&self, text: &str) -> Option<Timestamp> {
        let mut rest = text;
        // What HL7 writes one after the other, from the year to the offset.
        let mut found: [&str; 8] = [""; 8];
        for piece in &self.pieces {
            rest = match piece {
                Piece::Text(text) => rest.strip_prefix(text.as_str())?,
                Piece::Part(part) => {
                    let (taken, left) = rest.split_at_checked(part.width())?;
                    *found.get_mut(part.place())? = part.read(taken)?;
                    left
                }
            };
        }
        let [date @ .., fraction, offset] = found;
        let point = if fraction.is_empty() { "" } else { "." };
        let whole = [&date.concat(), point, fraction, offset].concat();
        rest.is_empty().then(|| Timestamp::parse(&whole).ok()).flatten()
    }

    /// A timestamp in the form of the pattern; none when it is coarser than the pattern.
    pub(crate) fn write(&self, time: &Timestamp) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Part(part) => text.push_str(&part.write(time)?),
            }
        }
        Some(text)
    }
}

impl Part {
    fn of(letters: &str) -> Option<Part> {
        Some(match letters {
            "yyyy" => Part::Year,
            "MM" => Part::Month,
            "dd" => Part::Day,
            "HH" => Part::Hour,
            "mm" => Part::Minute,
            "ss" => Part::Second,
            "Z" => Part::Offset,
            _ if letters.starts_with('S') && letters.len() <= FRACTION_READ_MAX => {
                Part::Fraction(letters.len())
            }
            _ => return None,
        })
    }

    fn letters(self) -> &'static str {
        match self {
            Part::Year => "yyyy",
            Part::Month => "MM",
            Part::Day => "dd",
            Part::Hour => "HH",
            Part::Minute => "mm",
            Part::Second => "ss",
            Part::Fraction(_) => "S",
            Part::Offset => "Z",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Part::Year => "year",
            Part::Month => "month",
            Part::Day => "day",
            Part::Hour => "hour",
            Part::Minute => "minute",
            Part::Second => "second",
            Part::Fraction(_) => "fraction",
            Part::Offset => "offset",
        }
    }

    /// The part without which this one says nothing.
    fn needs(self) -> Option<Part> {
        match self {
            Part::Year => None,
            Part::Month => Some(Part::Year),
            Part::Day => Some(Part::Month),
            Part::Hour => Some(Part::Day),
            Part::Minute | Part::Offset => Some(Part::Hour),
            Part::Second => Some(Part::Minute),
            Part::Fraction(_) => Some(Part::Second),
        }
    }

    /// Where it stands in a timestamp.
    fn place(self) -> usize {
        match self {
            Part::Year => 0,
            Part::Month => 1,
            Part::Day => 2,
            Part::Hour => 3,
            Part::Minute => 4,
            Part::Second => 5,
            Part::Fraction(_) => 6,
            Part::Offset => 7,
        }
    }

    /// How many characters it has.
    fn width(self) -> usize {
        match self {
            Part::Year => 4,
            Part::Month | Part::Day | Part::Hour | Part::Minute | Part::Second => 2,
            Part::Fraction(digits) => digits,
            // A sign and four digits.
            Part::Offset => 5,
        }
    }

    /// The characters as a timestamp has them; none when they are something else.
    fn read(self, taken: &str) -> Option<&str> {
        let digits = match self {
            Part::Offset => taken.strip_prefix(['+', '-'])?,
            Part::Year
            | Part::Month
            | Part::Day
            | Part::Hour
            | Part::Minute
            | Part::Second
            | Part::Fraction(_) => taken,
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // A timestamp has no place for more.
        let fraction = matches!(self, Part::Fraction(_)) && taken.len() > FRACTION_MAX;
        if fraction { taken.get(..FRACTION_MAX) } else { Some(taken) }
    }

    fn write(self, time: &Timestamp) -> Option<String> {
        let (civil, precision) = (time.civil(), time.precision());
        let two =
            |least: Precision, number: i8| (precision >= least).then(|| format!("{number:02}"));
        match self {
            Part::Year => Some(format!("{:04}", civil.year())),
            Part::Month => two(Precision::Month, civil.month()),
            Part::Day => two(Precision::Day, civil.day()),
            Part::Hour => two(Precision::Hour, civil.hour()),
            Part::Minute => two(Precision::Minute, civil.minute()),
            Part::Second => two(Precision::Second, civil.second()),
            Part::Fraction(digits) => {
                let all = format!("{:09}", civil.subsec_nanosecond());
                let written = digits <= usize::from(time.fraction_digits());
                all.get(..digits).filter(|_| written).map(str::to_owned)
            }
            Part::Offset => {
                let minutes = time.offset_minutes()?;
                let sign = if minutes < 0 { '-' } else { '+' };
                Some(format!("{sign}{:02}{:02}", minutes.abs() / 60, minutes.abs() % 60))
            }
        }
    }
}

/// Cuts a pattern into letters and what stands for itself.
fn pieces(text: &str) -> Result<Vec<Piece>, Problem> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let at = text.len() - rest.len();
        let piece = if first == '\'' {
            let (quoted, len) = quoted(rest, at)?;
            rest = rest.get(len..).unwrap_or("");
            Piece::Text(quoted)
        } else if first.is_ascii_alphabetic() {
            let len = rest.find(|next| next != first).unwrap_or(rest.len());
            let (letters, left) = rest.split_at(len);
            rest = left;
            Piece::Part(Part::of(letters).ok_or_else(|| unknown(letters, at..at + len))?)
        } else {
            let end = |next: char| next == '\'' || next.is_ascii_alphabetic();
            let (plain, left) = rest.split_at(rest.find(end).unwrap_or(rest.len()));
            rest = left;
            Piece::Text(plain.to_owned())
        };
        pieces.push(piece);
    }
    Ok(pieces)
}

/// The text that starts with a quote, and how long it is with its quotes; two quotes are one that stands for itself.
fn quoted(rest: &str, at: usize) -> Result<(String, usize), Problem> {
    let inside = rest.get(1..).unwrap_or("");
    let Some(len) = inside.find('\'') else {
        let title = "this quote is not closed";
        return Err(Problem::new("C0324", at..at + 1, title, "a second `'` is missing"));
    };
    let text = inside.get(..len).unwrap_or("");
    Ok((if text.is_empty() { "'".to_owned() } else { text.to_owned() }, len + 2))
}

fn unknown(letters: &str, range: Range<usize>) -> Problem {
    let title = format!("`{letters}` is no part of a date");
    let label = "`yyyy`, `MM`, `dd`, `HH`, `mm`, `ss`, `S` and `Z` are";
    let problem = Problem::new("C0324", range, title, label);
    match letters.chars().next() {
        Some('y') => problem.help("years have four digits: `yyyy`"),
        Some('Y') => problem.help("did you mean `yyyy`?"),
        Some('D' | 'd') => problem.help("did you mean `dd`?"),
        Some('M') => problem.help("months have two digits: `MM`"),
        Some('h' | 'H') => problem.help("hours are counted to 24: `HH`"),
        Some('m') => problem.help("minutes have two digits: `mm`"),
        Some('s') => problem.help("seconds have two digits: `ss`"),
        _ => problem.help(format!("a letter that stands for itself goes in quotes: `'{letters}'`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, text: &str) -> Option<String> {
        Pattern::to_read(pattern).unwrap().read(text).map(|time| time.to_string())
    }

    fn write(pattern: &str, text: &str) -> Option<String> {
        Pattern::to_write(pattern).unwrap().write(&Timestamp::parse(text).unwrap())
    }

    #[test]
    fn a_text_is_read_by_its_pattern() {
        for (pattern, text, time) in [
            ("yyyyMMdd", "20260131", "20260131"),
            ("dd.MM.yyyy", "31.01.2026", "20260131"),
            ("yyyy", "2026", "2026"),
            (
                "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
                "2026-01-31T12:30:15.250-0600",
                "20260131123015.250-0600",
            ),
            ("yyyyMMddHHmmss.SSSSSSS", "20260131123015.1234567", "20260131123015.1234"),
            ("HH'h am ü '''dd/MM/yyyy", "07h am ü '31/01/2026", "2026013107"),
        ] {
            assert_eq!(read(pattern, text).as_deref(), Some(time), "{pattern}");
        }
    }

    #[test]
    fn a_text_of_another_form_is_not_read() {
        for (pattern, text) in [
            ("yyyyMMdd", "2026013"),
            ("yyyyMMdd", "202601311"),
            ("yyyyMMdd", "20260230"),
            ("dd.MM.yyyy", "3.1.2026"),
            ("dd.MM.yyyy", "31-01-2026"),
            ("yyyyMMdd", "2026ü131"),
            ("yyyyMMddHHZ", "202601311201000"),
            ("yyyyMMddHHZ", "2026013112+9900"),
            ("yyyyMM", "+26-01"),
            ("yyyy", ""),
        ] {
            assert_eq!(read(pattern, text), None, "{pattern} {text}");
        }
    }

    #[test]
    fn what_was_not_written_is_not_invented() {
        assert_eq!(write("dd.MM.yyyy", "20260131123000").as_deref(), Some("31.01.2026"));
        assert_eq!(write("HH:mm", "202601310730").as_deref(), Some("07:30"));
        assert_eq!(write("ss.SS", "20260131123015.2599").as_deref(), Some("15.25"));
        assert_eq!(write("yyyyMMddHHZ", "2026013112-0330").as_deref(), Some("2026013112-0330"));
        for (pattern, text) in [
            ("yyyyMMdd", "202601"),
            ("yyyyMMddHHmm", "2026013112"),
            ("ss.SSS", "20260131123015.25"),
            ("HHZ", "2026013112"),
        ] {
            assert_eq!(write(pattern, text), None, "{pattern} {text}");
        }
    }

    #[test]
    fn mistakes_are_pointed_out() {
        let wrong = |pattern: &str| Pattern::to_read(pattern).unwrap_err().title;
        assert_eq!(wrong("YYYYMMDD"), "`YYYY` is no part of a date");
        assert_eq!(wrong("yyMMdd"), "`yy` is no part of a date");
        assert_eq!(wrong("yyyy-MM-ddTHH"), "`T` is no part of a date");
        assert_eq!(wrong("yyyy'T"), "this quote is not closed");
        assert_eq!(wrong("yyyydd"), "`yyyydd` has the day and no month");
        assert_eq!(wrong("yyyyMMddZ"), "`yyyyMMddZ` has the offset and no hour");
        assert_eq!(
            wrong("yyyyMMddHHmmssSSSS.SS"),
            "`yyyyMMddHHmmssSSSS.SS` has the fraction twice"
        );
        assert_eq!(wrong(" / "), "` / ` has no part of a date");
        assert_eq!(wrong("yyyyMMddHHmmssSSSSSSSSSS"), "`SSSSSSSSSS` is no part of a date");
        let title = Pattern::to_write("SSSSS").unwrap_err().title;
        assert_eq!(title, "a fraction has at most 4 digits in HL7");
    }
}
