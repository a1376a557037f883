//! When a delivery that did not go is tried again, and when it is given up.

use std::time::Duration;

use config::{Choice, Field, Kind, Section};
use connectors::Outcome;

/// How a destination's deliveries are ordered and retried: the lane's part of `[[destination]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneSettings {
    /// Deliveries under way at once; 1 when the destination is a single lane.
    pub parallel: usize,
    /// Nobody waits for anybody.
    pub unordered: bool,
    /// Wait after the first failure.
    pub first: Duration,
    /// Longest wait.
    pub max: Duration,
    /// Age, from the first answered try, at which a delivery is given up.
    pub give_up_after: Option<Duration>,
    /// Answered tries after which a delivery is given up.
    pub attempts: u32,
}

/// Settings that every kind of destination shares.
pub const LANE_FIELDS: &[Field] = &[
    Field::optional(
        "order",
        "`\"none\"` sends up to `parallel` deliveries at once in no particular order; without it, and without `order_by`, the destination \
         is one lane in receipt order.",
        Kind::Choice(&[Choice { name: "none", doc: "No order; status says so." }]),
    ),
    Field::default(
        "parallel",
        "Connections that serve the keys of `order_by`, or the deliveries of `order = \"none\"`.",
        Kind::Integer { min: 1, max: 64 },
        "4",
    ),
    Field::optional(
        "retry",
        "When a delivery that did not go is tried again.",
        Kind::Section(RETRY_FIELDS),
    ),
];

/// The settings under `retry`.
pub const RETRY_FIELDS: &[Field] = &[
    Field::default(
        "first",
        "Wait after the first failure; it doubles from there.",
        Kind::Duration { min: "10ms", max: "1h" },
        "1s",
    ),
    Field::default(
        "max",
        "Longest wait between two tries.",
        Kind::Duration { min: "10ms", max: "24h" },
        "5m",
    ),
    Field::default(
        "give_up_after",
        "Age at which a delivery becomes a dead letter, counted from the first try that the receiver answered or let time out; `\"never\"` \
         keeps it for ever. A receiver that cannot be reached is never given up.",
        Kind::Any(&[
            Kind::Choice(&[Choice { name: "never", doc: "Keep trying." }]),
            Kind::Duration { min: "1s", max: "8760h" },
        ]),
        "24h",
    ),
    Field::default(
        "attempts",
        "Answered tries (AR, CR, no answer in time) after which a delivery becomes a dead letter.",
        Kind::Integer { min: 1, max: 1_000_000 },
        "10",
    ),
];

/// What is known of a delivery when a try has ended.
pub struct Tried {
    /// Tries so far, this one included.
    pub tries: u32,
    /// Answered tries before this one.
    pub answered_tries: u32,
    /// When the first answered try began, microseconds UTC.
    pub first_answered_us: Option<i64>,
    /// When this one began, microseconds UTC.
    pub started_us: i64,
    /// Now, microseconds UTC.
    pub now_us: i64,
    /// Tries in a row that did not reach the receiver, whichever delivery they were for.
    pub failures: u32,
    /// Randomness from 0 to 1, so that lanes do not come back all at once.
    pub jitter: f64,
}

/// What happens to a delivery after a try.
#[derive(Clone, Debug, PartialEq)]
pub enum After {
    /// The receiver has it.
    Delivered,
    /// It is tried again.
    Wait {
        /// Not before this time, microseconds UTC.
        until_us: i64,
        /// The receiver was not reached: everything at this destination waits.
        unreachable: bool,
    },
    /// The receiver has it, and its application acknowledgement decides.
    Committed,
    /// It is a dead letter.
    Dead {
        /// Why.
        code: &'static str,
    },
}

impl LaneSettings {
    /// Reads the lane's part of a `[[destination]]`; `keyed` says that it has an `order_by`.
    pub fn read(section: &Section<'_>, keyed: bool) -> LaneSettings {
        let unordered = section.choice("order") == Some("none");
        let parallel =
            section.integer("parallel").and_then(|n| usize::try_from(n).ok()).unwrap_or(4);
        let standard = LaneSettings {
            parallel: if keyed || unordered { parallel } else { 1 },
            unordered,
            first: Duration::from_secs(1),
            max: Duration::from_secs(300),
            give_up_after: Some(Duration::from_secs(24 * 3600)),
            attempts: 10,
        };
        let Some(retry) = section.section("retry") else { return standard };
        let give_up_after = match retry.choice("give_up_after") {
            Some(_) => None,
            None => retry.duration("give_up_after").or(standard.give_up_after),
        };
        LaneSettings {
            first: retry.duration("first").unwrap_or(standard.first),
            max: retry.duration("max").unwrap_or(standard.max),
            give_up_after,
            attempts: retry
                .integer("attempts")
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(standard.attempts),
            ..standard
        }
    }

    /// Decides what becomes of a delivery (operators.md A6, decisions.md 8).
    pub fn after(&self, outcome: &Outcome, tried: &Tried) -> After {
        let evidence = outcome.evidence();
        match outcome {
            Outcome::Accepted(_) => After::Delivered,
            Outcome::Committed(_) => After::Committed,
            Outcome::Never(_) => After::Dead { code: evidence.code },
            Outcome::Later(_) if !evidence.answered => After::Wait {
                until_us: tried.now_us.saturating_add(self.delay_us(tried.failures, tried.jitter)),
                unreachable: true,
            },
            Outcome::Later(_) => {
                let answered = tried.answered_tries + 1;
                let since = tried.first_answered_us.unwrap_or(tried.started_us);
                let too_old =
                    self.give_up_after.is_some_and(|limit| micros(limit) <= tried.now_us - since);
                if answered >= self.attempts || too_old {
                    return After::Dead { code: evidence.code };
                }
                let wait = self.delay_us(tried.answered_tries, tried.jitter);
                After::Wait { until_us: tried.now_us.saturating_add(wait), unreachable: false }
            }
        }
    }

    /// Exponential from `first` to `max`, shortened by up to a quarter at random.
    fn delay_us(&self, failures: u32, jitter: f64) -> i64 {
        let doubled = micros(self.first).saturating_mul(1_i64 << failures.min(32));
        let capped = doubled.min(micros(self.max)).max(1);
        // A float is exact enough for a wait, and the product stays below the cap.
        capped - (capped as f64 * 0.25 * jitter) as i64
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
