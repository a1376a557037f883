//! How long messages stay in the store.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::diagnostics::Diagnostics;
use crate::field::{Field, Kind};
use crate::name::Name;
use crate::section::Section;
use crate::source::Span;

/// Set in the environment, it overrules `bodies` and `messages`, of every channel.
const YEARS_VARIABLE: &str = "DATA_RETENTION_YEARS";
const DAY: Duration = Duration::from_secs(86_400);

/// The settings of retention.
#[derive(Clone, Debug)]
pub struct Retention {
    /// Of channels that say nothing else.
    pub general: Stay,
    /// Of single channels, those of which there is no file any more too.
    pub channels: BTreeMap<Name, Stay>,
}

/// How long what belongs to a message stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stay {
    /// Bodies, responses and error texts, from when the message came to rest.
    pub bodies: Duration,
    /// The same of what was a dead letter, from when somebody replayed or discarded it.
    pub dead_letters: Duration,
    /// Rows of messages, deliveries and tries.
    pub messages: Duration,
    /// So many bytes of bodies may stay.
    pub bodies_max: Option<u64>,
}

const BODIES: &str = "How long bodies, responses and error texts stay, from when the message came to rest. `DATA_RETENTION_YEARS` in the environment overrules it.";
const DEAD_LETTERS: &str = "How long they stay of what was a dead letter, from when somebody replayed or discarded it. Until then it stays whole.";
const MESSAGES: &str = "How long it stays known that there was a message, where it came from, where it went, and when. `DATA_RETENTION_YEARS` in the environment overrules it.";
const BODIES_MAX: &str = "So many bytes of bodies may stay, as received. When there are more, the oldest leave before their time; never one that is not delivered.";
const DAYS: Kind = Kind::Duration { min: "1d", max: "36525d" };
/// Repeats of a message are recognised for seven days, by its row.
const WEEK: Kind = Kind::Duration { min: "8d", max: "36525d" };
const SIZE: Kind = Kind::Size { min: "1 MiB", max: "1048576 GiB" };

/// The settings of `[retention]`.
pub(crate) const RETENTION_FIELDS: &[Field] = &[
    Field::default("bodies", BODIES, DAYS, "90d").examples(&["\"30d\""]),
    Field::default("dead_letters", DEAD_LETTERS, DAYS, "90d").examples(&["\"180d\""]),
    Field::default("messages", MESSAGES, WEEK, "2557d").examples(&["\"3653d\""]),
    Field::optional("bodies_max", BODIES_MAX, SIZE).examples(&["\"200 GiB\""]),
    Field::optional(
        "channel",
        "What is different for single channels, by their names.",
        Kind::Map(&Kind::Section(CHANNEL_FIELDS)),
    )
    .examples(&["{ lab-results = { bodies = \"30d\", bodies_max = \"20 GiB\" } }"]),
];

/// The settings of `[retention.channel.NAME]`.
const CHANNEL_FIELDS: &[Field] = &[
    Field::optional("bodies", BODIES, DAYS).examples(&["\"30d\""]),
    Field::optional("dead_letters", DEAD_LETTERS, DAYS).examples(&["\"180d\""]),
    Field::optional("messages", MESSAGES, WEEK).examples(&["\"3653d\""]),
    Field::optional("bodies_max", BODIES_MAX, SIZE).examples(&["\"20 GiB\""]),
];

impl Retention {
    pub(crate) fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Retention> {
        let years = match std::env::var(YEARS_VARIABLE) {
            Ok(text) => Some(years(&text).or_else(|| {
                diags
                    .error(
                        "C0108",
                        section.span_of("messages"),
                        format!("`{YEARS_VARIABLE}` is `{text}`"),
                    )
                    .label("a number of years from 1 to 100");
                None
            })?),
            Err(_) => None,
        };
        let general = Stay {
            bodies: section.duration("bodies")?,
            dead_letters: section.duration("dead_letters")?,
            messages: section.duration("messages")?,
            bodies_max: section.size("bodies_max"),
        };
        let general = general.for_years(years).checked(section.span_of("messages"), diags)?;
        let mut channels = BTreeMap::new();
        for (name, value) in section.map("channel") {
            let stay = general.but(value.section()?);
            let stay = stay.for_years(years).checked(value.span(), diags)?;
            let Ok(name) = Name::new(&name.value) else {
                diags.error(
                    "C0108",
                    name.span,
                    format!("`{}` is no name of a channel", name.value),
                );
                return None;
            };
            channels.insert(name, stay);
        }
        Some(Retention { general, channels })
    }

    /// How long what belongs to a message of a channel stays.
    pub fn of(&self, channel: &Name) -> Stay {
        self.channels.get(channel).copied().unwrap_or(self.general)
    }
}

impl Stay {
    /// The same where a section says nothing else.
    fn but(self, section: &Section<'_>) -> Stay {
        Stay {
            bodies: section.duration("bodies").unwrap_or(self.bodies),
            dead_letters: section.duration("dead_letters").unwrap_or(self.dead_letters),
            messages: section.duration("messages").unwrap_or(self.messages),
            bodies_max: section.size("bodies_max").or(self.bodies_max),
        }
    }

    fn for_years(self, years: Option<Duration>) -> Stay {
        match years {
            Some(years) => Stay { bodies: years, messages: years, ..self },
            None => self,
        }
    }

    /// The row of a message is what its body is found by.
    fn checked(self, span: Span, diags: &mut Diagnostics) -> Option<Stay> {
        if self.messages >= self.bodies && self.messages >= self.dead_letters {
            return Some(self);
        }
        diags
            .error("C0417", span, "messages would leave the store before their bodies")
            .label("`messages` must be as long as `bodies` and `dead_letters`, or longer");
        None
    }
}

/// Years with their leap days.
fn years(text: &str) -> Option<Duration> {
    let years: u32 = text.trim().parse().ok().filter(|years| (1..=100).contains(years))?;
    Some(DAY * (years * 1_461).div_ceil(4))
}
