//! How far a person reaches.

use std::collections::BTreeSet;

use config::Name;

/// The channels that a person may see or act on. Every read for people takes one; what lies outside looks as if it were not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every channel.
    All,
    /// These.
    Channels(BTreeSet<Name>),
}

impl Scope {
    /// Whether a channel lies inside.
    pub fn holds(&self, channel: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Channels(names) => names.contains(channel),
        }
    }

    /// Whether another one lies inside, whole.
    pub fn covers(&self, other: &Scope) -> bool {
        match (self, other) {
            (Scope::All, _) => true,
            (Scope::Channels(own), Scope::Channels(asked)) => asked.is_subset(own),
            (Scope::Channels(_), Scope::All) => false,
        }
    }
}
