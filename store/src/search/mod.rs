//! Finding messages by the numbers in them, without their being readable: a keyed token for each, under the day of its message.
//!
//! Tokens are written after the messages, in slices between groups, so that receiving a message costs nothing for it. A value is looked up
//! day by day, each a single place in the index; what two equal values tell whoever reads the store is that they are equal, on one day.

mod ask;
mod facts;
mod find;
mod scan;
mod seek;
mod texts;
mod views;
mod write;

pub use ask::{Place, SearchFilter, SearchPage, Sender, WantedError};
pub use facts::Facts;
pub use find::FoundBy;
pub use scan::WithBody;
pub use views::{SavedView, ViewContent};
pub use write::{Unindexed, Values};

/// What a message can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchField {
    /// MSH-10.
    ControlId,
    /// The patient: PID-3.1, each of them.
    Mrn,
    /// The visit or encounter: PV1-19.1.
    Visit,
    /// The placer's order number: ORC-2.1, OBR-2.1.
    Order,
    /// The filler's order number or accession: ORC-3.1, OBR-3.1, OBR-18.
    Accession,
}

impl SearchField {
    /// All of them.
    pub const ALL: &[SearchField] = &[
        SearchField::ControlId,
        SearchField::Mrn,
        SearchField::Visit,
        SearchField::Order,
        SearchField::Accession,
    ];

    /// The word that people see and type; part of every token, so never another.
    pub const fn as_str(self) -> &'static str {
        match self {
            SearchField::ControlId => "control-id",
            SearchField::Mrn => "mrn",
            SearchField::Visit => "visit",
            SearchField::Order => "order",
            SearchField::Accession => "accession",
        }
    }

    /// The one with this word.
    pub fn parse(text: &str) -> Option<SearchField> {
        SearchField::ALL.iter().copied().find(|field| field.as_str() == text)
    }
}

/// Microseconds of a day.
const DAY_US: i64 = 86_400 * 1_000_000;

/// A value as it is compared: blanks around it and the case of its letters say nothing.
fn normal(value: &str) -> String {
    value.trim().to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_without_blanks_and_case() {
        assert_eq!(normal(" ab-12 "), normal("AB-12"));
        assert_ne!(normal("0012"), normal("12"));
    }
}
