//! What is plain of messages, block by block: where something rare can be, without a row for each message.

use crate::error::StoreError;
use crate::sql::Row;
use crate::state::Origin;

/// Messages of one channel that lie together; the migration has the same number.
pub(crate) const BLOCK: i64 = 256;

/// A block with this may hold messages for any destination: they were not decided when they were taken up.
pub(crate) const UNDECIDED: &str = "undecided";

/// What is plain of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(Vec<String>);

/// A message with this MSH-9, whole.
pub(crate) fn kind(text: &str) -> String {
    format!("kind {text}")
}

/// With this MSH-3.
pub(crate) fn application(text: &str) -> String {
    format!("application {text}")
}

/// With this MSH-4.
pub(crate) fn facility(text: &str) -> String {
    format!("facility {text}")
}

/// Answered like this.
pub(crate) fn ack(code: &str) -> String {
    format!("ack {code}")
}

/// That came to be like this.
pub(crate) fn origin(origin: Origin) -> String {
    format!("origin {}", origin.code())
}

/// For this destination.
pub(crate) fn destination(number: i64) -> String {
    format!("destination {number}")
}

impl Facts {
    /// From six columns: MSH-9, MSH-3, MSH-4, acknowledgement, origin and revision.
    pub(super) fn of(row: &Row, at: usize) -> Result<Facts, StoreError> {
        let mut facts = vec![
            kind(row.text(at)?),
            application(row.text(at + 1)?),
            facility(row.text(at + 2)?),
            ack(row.text(at + 3)?),
            origin(row.code(at + 4, Origin::from_code)?),
        ];
        if row.int_or_none(at + 5)?.is_none() {
            facts.push(UNDECIDED.to_owned());
        }
        Ok(Facts(facts))
    }

    pub(super) fn goes_to(&mut self, number: i64) {
        self.0.push(destination(number));
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}
