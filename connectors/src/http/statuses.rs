//! What each status means for a delivery.

use config::{Choice, Diagnostics, Kind, Section, Value};

use crate::mllp::Action;

/// One status, or a hundred of them.
pub(super) const STATUS: Kind = Kind::Any(&[
    Kind::Integer { min: 200, max: 599 },
    Kind::Choice(&[
        Choice { name: "2xx", doc: "200 to 299." },
        Choice { name: "3xx", doc: "300 to 399." },
        Choice { name: "4xx", doc: "400 to 499." },
        Choice { name: "5xx", doc: "500 to 599." },
    ]),
]);

/// What may be tried again.
pub(super) const RETRIED: Kind = Kind::Any(&[
    Kind::Integer { min: 200, max: 599 },
    Kind::Choice(&[
        Choice { name: "timeout", doc: "The request was sent, and no whole answer came." },
        Choice { name: "connect", doc: "No connection: always tried again." },
        Choice { name: "3xx", doc: "300 to 399." },
        Choice { name: "4xx", doc: "400 to 499." },
        Choice { name: "5xx", doc: "500 to 599." },
    ]),
]);

/// A status, or all with its first digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Exactly(u16),
    Class(u16),
}

/// The statuses that accept and those that are tried again; all others make a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses {
    accept: Vec<Rule>,
    retry: Vec<Rule>,
    /// What became of a request without an answer is not known; it is sent again.
    pub retries_unanswered: bool,
}

impl Default for Statuses {
    fn default() -> Statuses {
        Statuses {
            accept: vec![Rule::Class(2)],
            retry: vec![Rule::Exactly(408), Rule::Exactly(425), Rule::Exactly(429), Rule::Class(5)],
            retries_unanswered: true,
        }
    }
}

impl Statuses {
    /// Takes `accept` and `retry_on` from a section.
    pub(super) fn read(section: &Section<'_>, diags: &mut Diagnostics) -> Option<Statuses> {
        let mut statuses = Statuses::default();
        if section.is_given("accept") {
            statuses.accept = section.list("accept").iter().filter_map(Rule::read).collect();
        }
        if section.is_given("retry_on") {
            let retried = section.list("retry_on");
            statuses.retry = retried.iter().filter_map(Rule::read).collect();
            statuses.retries_unanswered =
                retried.iter().any(|value| value.choice() == Some("timeout"));
        }
        let both = section
            .list("retry_on")
            .iter()
            .find(|value| Rule::read(value).is_some_and(|rule| statuses.accept.contains(&rule)));
        let Some(both) = both else { return Some(statuses) };
        diags
            .error("C0107", both.span(), "one status cannot be accepted and tried again")
            .label("it is in `accept` as well")
            .help("leave it out here or there");
        None
    }

    /// What a status means. One that is named counts before a hundred of them.
    pub(super) fn action(&self, status: u16) -> Action {
        let named = [Rule::Exactly(status), Rule::Class(status / 100)];
        let found = named.iter().find_map(|rule| {
            let accepts = self.accept.contains(rule).then_some(Action::Accept);
            accepts.or(self.retry.contains(rule).then_some(Action::Retry))
        });
        found.unwrap_or(Action::DeadLetter)
    }
}

impl Rule {
    fn read(value: &Value<'_>) -> Option<Rule> {
        match (value.integer(), value.choice()) {
            (Some(status), _) => u16::try_from(status).ok().map(Rule::Exactly),
            (None, Some("2xx")) => Some(Rule::Class(2)),
            (None, Some("3xx")) => Some(Rule::Class(3)),
            (None, Some("4xx")) => Some(Rule::Class(4)),
            (None, Some("5xx")) => Some(Rule::Class(5)),
            (None, Some(_) | None) => None,
        }
    }
}

/// The service behind the status is away, or asks to be left alone: it has not read the message and is not given up for that.
pub(super) fn is_unavailable(status: u16) -> bool {
    matches!(status, 429 | 502 | 503 | 504)
}

const LAST: usize = 999;
static DIGITS: [[u8; 3]; LAST + 1] = digits();

const fn digits() -> [[u8; 3]; LAST + 1] {
    let mut all = [[b'0'; 3]; LAST + 1];
    let mut number = 0;
    while number <= LAST {
        all[number] = [digit(number / 100), digit(number / 10), digit(number)];
        number += 1;
    }
    all
}

const fn digit(number: usize) -> u8 {
    b'0' + (number % 10) as u8
}

/// A status as the code of an attempt.
pub(super) fn code(status: u16) -> &'static str {
    DIGITS
        .get(usize::from(status))
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .unwrap_or("status")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_its_own_code() {
        assert_eq!([200, 404, 999].map(code), ["200", "404", "999"]);
    }

    #[test]
    fn what_is_said_of_one_status_counts_before_what_is_said_of_many() {
        let statuses = Statuses {
            accept: vec![Rule::Class(2), Rule::Exactly(409)],
            retry: vec![Rule::Class(4), Rule::Exactly(202)],
            retries_unanswered: true,
        };
        let actions = [200, 202, 409, 404, 500, 302].map(|status| statuses.action(status));
        let (accept, retry, dead) = (Action::Accept, Action::Retry, Action::DeadLetter);
        assert_eq!(actions, [accept, retry, accept, retry, dead, dead]);
        let standard = Statuses::default();
        let actions = [200, 204, 301, 400, 404, 408, 429, 500, 503].map(|s| standard.action(s));
        assert_eq!(actions, [accept, accept, dead, dead, dead, retry, retry, retry, retry]);
    }
}
