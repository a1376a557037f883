//! The last look: does the copy still hold an identifying value of the original?

use std::fmt;

use hl7::{Message, ParseOptions};

use crate::known::Known;
use crate::part::{self, Part};

/// Letters and digits from which on a match in an invented value is no chance.
const NO_CHANCE: usize = 8;

/// An identifying value that is still there. It says where, and never what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leak {
    /// Where it still is.
    pub place: String,
    /// Where the original has it.
    pub source: String,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place == self.source {
            true => write!(f, "{} is still what it was", self.place),
            false => write!(f, "{} still holds a value of {}", self.place, self.source),
        }
    }
}

/// How a value of the copy came to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// As it was, or with pieces of what was: nothing known may be in it.
    Original,
    /// Made up: it may look like something known by chance only, and never like what it stands for.
    Invented,
    /// A date that has moved, maybe to where another date was.
    Moved,
}

/// A value of the original and what it has become.
pub(crate) struct Treated<'a> {
    pub(crate) part: &'a Part,
    pub(crate) fate: Fate,
}

/// Reads the copy again; `None` when it is not built as the original is.
pub(crate) fn check(
    original: &Message,
    copy: &[u8],
    treated: &[Treated<'_>],
    known: &Known,
) -> Option<Vec<Leak>> {
    let copy = Message::parse(copy, &options());
    let parts = part::parts(&copy);
    let mut parts = parts.iter();
    let mut leaks = Vec::new();
    for Treated { part, fate } in treated {
        // A line that was no segment and is empty now is no value any more.
        let gone = part.place.field == 0 && *fate != Fate::Original;
        if gone {
            continue;
        }
        let now = parts.next().filter(|now| is_same_place(part, now))?;
        let (text, _) = part::text(&copy, &now.range);
        let (before, _) = part::text(original, &part.range);
        let place = part.place.to_string();
        let same = text.trim().to_lowercase() == before.trim().to_lowercase();
        for hit in known.find(&text) {
            let length = text
                .get(hit.range.clone())
                .map_or(0, |found| found.chars().filter(|letter| letter.is_alphanumeric()).count());
            let found = match fate {
                Fate::Original => true,
                Fate::Invented => same || length >= NO_CHANCE,
                Fate::Moved => same,
            };
            if found {
                leaks.push(Leak { place: place.clone(), source: known.source(&hit).to_owned() });
            }
        }
    }
    leaks.dedup();
    parts.next().is_none().then_some(leaks)
}

/// How originals and copies are cut: a line feed before what looks like a segment begins one, so that no field of it
/// is taken for a field of the segment before.
pub(crate) fn options() -> ParseOptions {
    ParseOptions { lf_ends_segments: true }
}

fn is_same_place(before: &Part, now: &Part) -> bool {
    let (a, b) = (&before.place, &now.place);
    a.segment == b.segment
        && (a.index, a.field, a.repetition) == (b.index, b.field, b.repetition)
        && (a.component, a.subcomponent) == (b.component, b.subcomponent)
}
