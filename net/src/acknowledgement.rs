//! Messages without encryption across a network: only when somebody has written down why, and until when.

use std::time::Duration;

use config::{Diagnostics, Field, Kind, Network, Section};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The settings of `plaintext` on a listener.
pub(crate) const PLAINTEXT_IN: &[Field] = &[
    REASON,
    UNTIL,
    Field::required(
        "from",
        "The networks or addresses that may connect. Everybody else is closed at once.",
        Kind::List(&Kind::Network),
    )
    .examples(&["[\"10.1.0.0/16\"]"]),
];

/// The settings of `plaintext` on a destination.
pub(crate) const PLAINTEXT_OUT: &[Field] = &[REASON, UNTIL];

const REASON: Field = Field::required(
    "reason",
    "Why the other system cannot encrypt, and who has accepted that.",
    Kind::Text,
)
.examples(&["\"analyser firmware without TLS, accepted by J. Doe, ticket 4711\""]);

const UNTIL: Field = Field::required(
    "until",
    "The last day (UTC) on which it holds. Afterwards the configuration is refused and no message crosses.",
    Kind::Date,
)
.examples(&["2027-06-30"]);

/// How often somebody who waits for the end looks at the clock, which people and time servers set.
const LOOK: Duration = Duration::from_secs(1);

/// A written acceptance of messages without encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Date,
    /// Who may connect; of a destination nobody is named.
    pub from: Vec<Network>,
    ends_us: i64,
}

impl Acknowledgement {
    /// Takes it from its section; one that has ended, or says nothing, is refused.
    pub(crate) fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Acknowledgement> {
        let (reason, until) = (section.text("reason")?, section.date("until")?);
        if reason.value.trim().is_empty() {
            diags.error("C0108", reason.span, "`reason` says nothing");
            return None;
        }
        let from = section.networks("from");
        if section.is_given("from") && from.is_empty() {
            diags
                .error("C0108", section.span_of("from"), "`from` names nobody")
                .label("an empty list");
            return None;
        }
        let acknowledgement =
            Acknowledgement { reason: reason.value.clone(), until, from, ends_us: end_of(until)? };
        if acknowledgement.has_ended() {
            diags
                .error(
                    "C0421",
                    section.span_of("until"),
                    format!("the acknowledgement ended on {until}"),
                )
                .label("in the past")
                .help("use TLS, or look at the risk again and write a later day");
            return None;
        }
        Some(acknowledgement)
    }

    /// Whether it holds no more.
    pub fn has_ended(&self) -> bool {
        Timestamp::now().as_microsecond() >= self.ends_us
    }

    /// Waits until it holds no more.
    pub(crate) async fn ended(&self) {
        while !self.has_ended() {
            let left = self.ends_us.saturating_sub(Timestamp::now().as_microsecond());
            let left = Duration::from_micros(u64::try_from(left).unwrap_or(0));
            // A clock that is set forward ends it at once, which a long sleep would not see.
            tokio::time::sleep(left.clamp(Duration::from_millis(10), LOOK)).await;
        }
    }
}

/// The first moment after a day, microseconds UTC.
fn end_of(day: Date) -> Option<i64> {
    let next = day.tomorrow().ok()?;
    next.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp().as_microsecond())
}
