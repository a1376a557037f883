use super::compile::Sign;
use crate::decimal::Decimal;
use crate::place::Place;
use hl7::timestamp::Timestamp;
use jiff::tz::TimeZone;
use std::cmp::Ordering;

/// What a value is measured against by `<` `<=` `>` `>=`.
#[derive(Debug)]
pub(super) enum Measure {
    /// Written without quotes.
    Number(String),
    /// Written in quotes; the zone is for timestamps without an offset.
    Timestamp(String, TimeZone),
    /// Another value of the message, which decides what both are.
    Place(Place, TimeZone),
}

impl Measure {
    /// What a quoted text measures: a timestamp if it can be one, else a number.
    pub(super) fn of_text(text: &str, zone: TimeZone) -> Option<Measure> {
        if timestamp(text).is_some() {
            Some(Measure::Timestamp(text.to_owned(), zone))
        } else {
            Decimal::read(text).map(|_| Measure::Number(text.to_owned()))
        }
    }
}

impl Sign {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Sign::Less => ordering == Ordering::Less,
            Sign::LessOrEqual => ordering != Ordering::Greater,
            Sign::Greater => ordering == Ordering::Greater,
            Sign::GreaterOrEqual => ordering != Ordering::Less,
        }
    }
}

pub(super) fn numbers(a: &str, b: &str) -> Option<Ordering> {
    Some(Decimal::read(a)?.order(Decimal::read(b)?))
}

/// At the coarser precision: `202601311200` is neither before nor after `20260131`.
pub(super) fn timestamps(a: &str, b: &str, zone: &TimeZone) -> Option<Ordering> {
    Some(timestamp(a)?.compare(&timestamp(b)?, zone))
}

fn timestamp(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).ok()
}

/// Two values of the message: timestamps when both are at least a whole day, since a shorter one may as well be a number.
pub(super) fn alike(a: &str, b: &str, zone: &TimeZone) -> Option<Ordering> {
    const DAY: usize = "20260131".len();
    if a.trim().len() >= DAY
        && b.trim().len() >= DAY
        && let Some(ordering) = timestamps(a, b, zone)
    {
        return Some(ordering);
    }
    numbers(a, b).or_else(|| timestamps(a, b, zone))
}
