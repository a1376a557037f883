//! From when on what passes through channels, or does not, is an alert.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::diagnostics::Diagnostics;
use crate::field::{Choice, Field, Kind};
use crate::name::Name;
use crate::section::Section;

/// The limits of a channel and its destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowLimits {
    /// Deliveries that wait at one destination.
    pub depth: u64,
    /// The age of the oldest of them.
    pub age: Duration,
    /// How long a destination is down.
    pub down: Duration,
    /// Dead letters of one destination.
    pub dead: u64,
    /// Of a hundred answers of the last five minutes, so many negative ones: those that senders get, and those that receivers give.
    pub negative: u64,
    /// How long nothing comes in; never an alert when it is left out.
    pub silence: Option<Duration>,
    /// Silence counts on these days only, Monday first.
    pub days: [bool; 7],
    /// And from this minute of the day on, in the site's zone.
    pub from: u16,
    /// Until before this one; when it is earlier than `from`, of the next day.
    pub to: u16,
}

/// Those of every channel.
#[derive(Clone, Debug)]
pub struct Flows {
    /// Of channels that say nothing else.
    pub general: FlowLimits,
    /// Of single channels.
    pub channels: BTreeMap<Name, FlowLimits>,
}

const DEPTH: &str = "Deliveries that wait at one destination, and are an alert.";
const AGE: &str = "The oldest delivery that waits at a destination is an alert when it is so old.";
const DOWN: &str = "A destination that is down for so long is an alert.";
const DEAD: &str = "Dead letters of one destination that are an alert.";
const NEGATIVE: &str = "So many negative ones of a hundred answers within five minutes, and at least ten, are an alert.";
const SILENCE: &str = "A channel to which nothing has come for so long is an alert.";
const DAYS: &str = "The days on which silence counts.";
const FROM: &str = "The time of the day from which on silence counts, in the site's zone.";
const TO: &str = "The time until which it counts; one before `from` is that of the next day.";

const COUNT: Kind = Kind::Integer { min: 1, max: 1_000_000_000 };
const PERCENT: Kind = Kind::Integer { min: 1, max: 100 };
const TIME: Kind = Kind::Duration { min: "10s", max: "30d" };
const WHEN: &[Choice] = &[
    Choice { name: "every-day", doc: "Every day." },
    Choice { name: "mon-fri", doc: "Monday to Friday." },
    Choice { name: "mon-sat", doc: "Monday to Saturday." },
    Choice { name: "sat-sun", doc: "Saturday and Sunday." },
];

pub(crate) const GENERAL: [Field; 5] = [
    Field::default("depth", DEPTH, COUNT, "10000"),
    Field::default("age", AGE, TIME, "30m"),
    Field::default("down", DOWN, TIME, "5m"),
    Field::default("dead", DEAD, COUNT, "1"),
    Field::default("negative", NEGATIVE, PERCENT, "20"),
];

/// The settings of `[alerts.channel.NAME]`.
pub(crate) const OF_CHANNEL: &[Field] = &[
    Field::optional("depth", DEPTH, COUNT).examples(&["500"]),
    Field::optional("age", AGE, TIME).examples(&["\"5m\""]),
    Field::optional("down", DOWN, TIME).examples(&["\"1m\""]),
    Field::optional("dead", DEAD, COUNT).examples(&["10"]),
    Field::optional("negative", NEGATIVE, PERCENT).examples(&["5"]),
    Field::optional("silence", SILENCE, TIME).examples(&["\"30m\""]),
    Field::default("days", DAYS, Kind::Choice(WHEN), "every-day"),
    Field::default("from", FROM, Kind::Text, "00:00").examples(&["\"07:00\""]),
    Field::default("to", TO, Kind::Text, "24:00").examples(&["\"19:00\""]),
];

impl Flows {
    pub(crate) fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Flows> {
        let count = |name: &str| u64::try_from(section.integer(name)?).ok();
        let general = FlowLimits {
            depth: count("depth")?,
            age: section.duration("age")?,
            down: section.duration("down")?,
            dead: count("dead")?,
            negative: count("negative")?,
            silence: None,
            days: [true; 7],
            from: 0,
            to: 24 * 60,
        };
        let mut channels = BTreeMap::new();
        for (name, value) in section.map("channel") {
            let Ok(channel) = Name::new(&name.value) else {
                let text = format!("`{}` is no name of a channel", name.value);
                diags.error("C0108", name.span, text);
                return None;
            };
            channels.insert(channel, general.but(value.section()?, diags)?);
        }
        Some(Flows { general, channels })
    }

    /// Those of a channel.
    pub fn of(&self, channel: &Name) -> FlowLimits {
        self.channels.get(channel).copied().unwrap_or(self.general)
    }
}

impl FlowLimits {
    fn but(self, section: &Section<'_>, diags: &mut Diagnostics) -> Option<FlowLimits> {
        let count = |name: &str| section.integer(name).and_then(|n| u64::try_from(n).ok());
        let mut minute = |name: &str| {
            let text = section.text(name)?;
            let read = minute_of_day(&text.value);
            if read.is_none() {
                diags
                    .error("C0108", text.span, format!("`{}` is no time of the day", text.value))
                    .label("hours and minutes, such as `07:30`");
            }
            read
        };
        Some(FlowLimits {
            depth: count("depth").unwrap_or(self.depth),
            age: section.duration("age").unwrap_or(self.age),
            down: section.duration("down").unwrap_or(self.down),
            dead: count("dead").unwrap_or(self.dead),
            negative: count("negative").unwrap_or(self.negative),
            silence: section.duration("silence"),
            days: match section.choice("days")? {
                "mon-fri" => [true, true, true, true, true, false, false],
                "mon-sat" => [true, true, true, true, true, true, false],
                "sat-sun" => [false, false, false, false, false, true, true],
                _ => [true; 7],
            },
            from: minute("from")?,
            to: minute("to")?,
        })
    }

    /// Each with its name in the file, as it would be written.
    pub fn named(&self) -> [(&'static str, String); 6] {
        let time = |time: Duration| format!("{}s", time.as_secs());
        [
            ("depth", self.depth.to_string()),
            ("age", time(self.age)),
            ("down", time(self.down)),
            ("dead", self.dead.to_string()),
            ("negative", self.negative.to_string()),
            ("silence", self.silence.map_or_else(|| "off".to_owned(), time)),
        ]
    }

    /// Whether silence counts at a minute of a day of the week, Monday being 0.
    pub fn counts_silence(&self, weekday: usize, minute: u16) -> bool {
        let on = |day: usize| self.days.get(day % 7).copied().unwrap_or(false);
        match self.from <= self.to {
            true => on(weekday) && (self.from..self.to).contains(&minute),
            // Over midnight: of the evening's day.
            false => (on(weekday) && minute >= self.from) || (on(weekday + 6) && minute < self.to),
        }
    }
}

fn minute_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some(hours * 60 + minutes).filter(|at| minutes < 60 && *at <= 24 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_within_its_days_and_hours() {
        let week = [true, true, true, true, true, false, false];
        let limits = FlowLimits {
            depth: 1,
            age: Duration::ZERO,
            down: Duration::ZERO,
            dead: 1,
            negative: 1,
            silence: None,
            days: week,
            from: 7 * 60,
            to: 19 * 60,
        };
        for (day, minute, counts) in
            [(0, 420, true), (0, 419, false), (4, 1_139, true), (4, 1_140, false), (5, 600, false)]
        {
            assert_eq!(limits.counts_silence(day, minute), counts, "{day} {minute}");
        }
        let nights = FlowLimits { from: 22 * 60, to: 6 * 60, ..limits };
        for (day, minute, counts) in
            [(4, 1_330, true), (5, 100, true), (6, 100, false), (0, 100, false), (0, 700, false)]
        {
            assert_eq!(nights.counts_silence(day, minute), counts, "{day} {minute}");
        }
        assert_eq!(
            (minute_of_day("24:00"), minute_of_day("7:61"), minute_of_day("noon")),
            (Some(1_440), None, None)
        );
    }
}
