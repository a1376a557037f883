//! How many values became what.

use std::collections::BTreeMap;

/// What became of a value, for the count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Treatment {
    /// A name of a person or an organisation.
    Name,
    /// A number or another identifier.
    Identifier,
    /// A part of an address.
    Address,
    /// A telephone number, e-mail address, URL or network address.
    Contact,
    /// A date or an age.
    Date,
    /// Free text that was replaced.
    Text,
    /// Free text that was scrubbed.
    Scrubbed,
    /// A document or picture.
    Document,
    /// Emptied.
    Cleared,
    /// Left as it was.
    Kept,
}

impl Treatment {
    /// What is counted, in the plural.
    pub fn name(self) -> &'static str {
        match self {
            Treatment::Name => "names",
            Treatment::Identifier => "identifiers",
            Treatment::Address => "addresses",
            Treatment::Contact => "contacts",
            Treatment::Date => "dates",
            Treatment::Text => "texts",
            Treatment::Scrubbed => "scrubbed texts",
            Treatment::Document => "documents",
            Treatment::Cleared => "emptied",
            Treatment::Kept => "kept",
        }
    }
}

/// Values by treatment; empty ones are not counted.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    counts: BTreeMap<Treatment, u64>,
}

impl Tally {
    pub(crate) fn count(&mut self, treatment: Treatment) {
        *self.counts.entry(treatment).or_default() += 1;
    }

    /// Adds what another one has counted.
    pub fn add(&mut self, other: &Tally) {
        for (treatment, count) in &other.counts {
            *self.counts.entry(*treatment).or_default() += count;
        }
    }

    /// The counts that are not zero, in a fixed order.
    pub fn counts(&self) -> impl Iterator<Item = (Treatment, u64)> {
        self.counts.iter().map(|(treatment, count)| (*treatment, *count))
    }
}
