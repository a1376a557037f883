//! The settings of `[alerts]`: from when on something is an alert, and who is told.

use crate::diagnostics::Diagnostics;
use crate::field::{Field, Kind};
use crate::flow_limits::{Flows, GENERAL, OF_CHANNEL};
use crate::item::Table;
use crate::section::Section;

/// From when on something is an alert (security.md 2.14). Every number is at least 1: a rule cannot be switched off by a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertLimits {
    /// Refused sign-ins of one person within an hour.
    pub failed_logins: u64,
    /// Refused sign-ins from one address within an hour.
    pub failed_logins_source: u64,
    /// People for whom sign-ins from one address were refused within ten minutes.
    pub spray_people: u64,
    /// Refused sign-ins in a row before one that succeeds.
    pub failures_before_login: u64,
    /// Days without a sign-in before one.
    pub idle_days: u64,
    /// Requests of one person or program within an hour that were denied for a missing permission.
    pub denied: u64,
    /// Acts of administration of one person or program within an hour.
    pub admin_acts: u64,
    /// Bodies and steps that one person or program has read within 24 hours.
    pub views_day: u64,
    /// The same within a minute: more are refused.
    pub views_minute: u64,
}

/// `[alerts]` as it was read.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// From when on something is an alert.
    pub limits: AlertLimits,
    /// From when on what passes through channels is an alert.
    pub flows: Flows,
    /// The tables of `[[alerts.sink]]`; whoever tells them reads them.
    pub sinks: Vec<Table>,
}

const COUNT: Kind = Kind::Integer { min: 1, max: 1_000_000 };

pub(crate) const ALERT_FIELDS: &[Field] = &[
    Field::default("failed_logins", "Refused sign-ins of one person within an hour that are an alert.", COUNT, "5"),
    Field::default("failed_logins_source", "Refused sign-ins from one address within an hour that are an alert.", COUNT, "10"),
    Field::default(
        "spray_people",
        "When sign-ins from one address are refused for so many people within ten minutes, it is an alert.",
        COUNT,
        "10",
    ),
    Field::default("failures_before_login", "A sign-in after so many refused ones in a row is an alert.", COUNT, "3"),
    Field::default("idle_days", "A sign-in after so many days without one is an alert.", COUNT, "60"),
    Field::default("denied", "Requests of one person or program within an hour that were denied for a missing permission, and are an alert.", COUNT, "20"),
    Field::default("admin_acts", "Acts of administration of one person or program within an hour that are an alert.", COUNT, "50"),
    Field::default("views_day", "Bodies and steps that one person or program has read within 24 hours, and that are an alert.", COUNT, "500"),
    Field::default("views_minute", "Bodies and steps that one person or program may read within a minute; more are refused.", COUNT, "120"),
    GENERAL[0],
    GENERAL[1],
    GENERAL[2],
    GENERAL[3],
    GENERAL[4],
    Field::optional(
        "channel",
        "What is different for single channels, by their names, and when silence is an alert.",
        Kind::Map(&Kind::Section(OF_CHANNEL)),
    )
    .examples(&["{ adt = { silence = \"30m\", days = \"mon-fri\", from = \"07:00\", to = \"19:00\" } }"]),
    Field::optional(
        "sink",
        "Who is told besides the log: `type = \"file\"` adds a line to a file, `type = \"webhook\"` posts to a system, `type = \"email\"` sends mail, `type = \"syslog\"` tells a collector.",
        Kind::Tables("sink"),
    )
    .examples(&["[{ type = \"file\", name = \"siem\", path = \"data/alerts.ndjson\" }]"]),
];

impl Alerts {
    /// Takes the settings from a section read by [`ALERT_FIELDS`].
    pub(crate) fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Alerts> {
        let count = |name: &str| u64::try_from(section.integer(name)?).ok();
        let limits = AlertLimits {
            failed_logins: count("failed_logins")?,
            failed_logins_source: count("failed_logins_source")?,
            spray_people: count("spray_people")?,
            failures_before_login: count("failures_before_login")?,
            idle_days: count("idle_days")?,
            denied: count("denied")?,
            admin_acts: count("admin_acts")?,
            views_day: count("views_day")?,
            views_minute: count("views_minute")?,
        };
        let flows = Flows::read(section, diags)?;
        Some(Alerts { limits, flows, sinks: section.tables("sink").into_iter().cloned().collect() })
    }
}

impl AlertLimits {
    /// Each with its name in the file.
    pub fn named(&self) -> [(&'static str, u64); 9] {
        [
            ("failed_logins", self.failed_logins),
            ("failed_logins_source", self.failed_logins_source),
            ("spray_people", self.spray_people),
            ("failures_before_login", self.failures_before_login),
            ("idle_days", self.idle_days),
            ("denied", self.denied),
            ("admin_acts", self.admin_acts),
            ("views_day", self.views_day),
            ("views_minute", self.views_minute),
        ]
    }
}

impl Default for AlertLimits {
    fn default() -> AlertLimits {
        AlertLimits {
            failed_logins: 5,
            failed_logins_source: 10,
            spray_people: 10,
            failures_before_login: 3,
            idle_days: 60,
            denied: 20,
            admin_acts: 50,
            views_day: 500,
            views_minute: 120,
        }
    }
}
