//! What a site wants differently.

use std::collections::HashMap;

use hl7::{Occurrence, Path, PathError, Repetition, SegmentName};

use crate::kind::Leaf;

/// What a rule makes of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// It stays as it is. The leak check still looks at it.
    Keep,
    /// As the table says; what the table would keep or empty becomes another value of the same shape.
    Replace,
    /// It is emptied.
    Clear,
    /// It stays without the known values of its message and without what looks like a date, number or address.
    Scrub,
    /// Another name.
    Name,
    /// The date moves with the patient's others.
    Date,
}

/// The words that a rules file uses, in the order of the documentation.
const WORDS: [(&str, Action); 6] = [
    ("keep", Action::Keep),
    ("replace", Action::Replace),
    ("clear", Action::Clear),
    ("scrub", Action::Scrub),
    ("name", Action::Name),
    ("date", Action::Date),
];

impl Action {
    /// The action that a word means.
    pub fn of(word: &str) -> Option<Action> {
        WORDS.iter().find(|(name, _)| *name == word).map(|(_, action)| *action)
    }

    /// All words.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|(word, _)| *word)
    }

    /// What becomes of a value for which the table has said something.
    pub(crate) fn leaf(self, by_table: Leaf) -> Leaf {
        match (self, by_table) {
            (Action::Keep, _) => Leaf::Keep,
            (Action::Clear, _) => Leaf::Clear,
            (Action::Scrub, _) => Leaf::Scrub,
            (Action::Name, _) => Leaf::Family,
            (Action::Date, _) => Leaf::Date,
            (Action::Replace, Leaf::Keep | Leaf::Clear) => Leaf::Id,
            (Action::Replace, by_table) => by_table,
        }
    }
}

/// Why a path can have no rule.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RuleError {
    /// Not a path.
    #[error("{0}")]
    Path(#[from] PathError),
    /// A rule is for every segment of the name and every repetition.
    #[error("a rule is for all segments of a name and all repetitions")]
    Index,
    /// The delimiters of a header stay what they are.
    #[error("MSH-1 and MSH-2 say how the rest is read")]
    Delimiters,
    /// There is one already.
    #[error("there is a rule for this path already")]
    Twice,
}

type Target = (SegmentName, Option<u16>, Option<u16>, Option<u16>);

/// Rules by path; the longest path that fits decides.
#[derive(Clone, Default, Debug)]
pub struct Rules {
    actions: HashMap<Target, Action>,
}

impl Rules {
    /// Adds a rule for a segment (`ZPI`), a field (`ZPI-3`), a component (`PID-11.3`) or a subcomponent.
    pub fn add(&mut self, path: &str, action: Action) -> Result<(), RuleError> {
        let path = Path::parse(path)?;
        let first = path.occurrence == Occurrence::First && path.repetition == Repetition::First;
        if !first {
            return Err(RuleError::Index);
        }
        let header = matches!(path.segment.as_str(), "MSH" | "FHS" | "BHS");
        if header && matches!(path.field, None | Some(1 | 2)) {
            return Err(RuleError::Delimiters);
        }
        let target = (path.segment, path.field, path.component, path.subcomponent);
        match self.actions.insert(target, action) {
            None => Ok(()),
            Some(_) => Err(RuleError::Twice),
        }
    }

    /// What the rules say about a value.
    pub(crate) fn find(&self, place: &crate::part::Place) -> Option<Action> {
        if self.actions.is_empty() {
            return None;
        }
        let segment = SegmentName::new(&place.segment)?;
        let number = |number: usize| u16::try_from(number).ok();
        let (field, component, subcomponent) =
            (number(place.field)?, number(place.component)?, number(place.subcomponent)?);
        [
            (segment, Some(field), Some(component), Some(subcomponent)),
            (segment, Some(field), Some(component), None),
            (segment, Some(field), None, None),
            (segment, None, None, None),
        ]
        .iter()
        .find_map(|target| self.actions.get(target).copied())
    }
}
