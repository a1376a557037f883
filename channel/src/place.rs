use crate::failure::Fault;
use hl7::{Message, Occurrence, Path, Repetition, SegmentName};
use std::borrow::Cow;
use std::ops::Range;

/// A path of the channel file, bound to the `each` around it when that says which segments it means.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: Path,
    scope: Scope,
}

/// Where the segments of a path are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// In the whole message.
    Message,
    /// It is the segment that a loop is at. Loops are counted from the outside.
    Current(usize),
    /// Among those that belong to the segment that a loop is at.
    Group(usize),
}

/// An `each` as the steps inside it know it.
#[derive(Debug, Clone)]
pub(crate) struct Loop {
    pub(crate) segment: SegmentName,
    /// The segments that belong to the current one.
    pub(crate) with: Vec<SegmentName>,
}

/// The segment a loop is at: its occurrence, from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    pub(crate) segment: SegmentName,
    pub(crate) occurrence: usize,
    /// A step deleted it, and the rest of the loop's steps have nothing to work on.
    pub(crate) gone: bool,
    /// The loop whose group it goes through, when it does not go through the whole message.
    pub(crate) within: Option<usize>,
}

/// The segments of one name that are looked at: so many after so many others of the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) before: usize,
    pub(crate) count: usize,
}

impl Members {
    /// The occurrence of the last one in the message.
    pub(crate) fn last(self) -> usize {
        self.before + self.count
    }
}

/// The positions of what belongs to the segment that a loop is at: what stands after it and before the next of its name, and not
/// beyond the group that the loop itself goes through.
pub(crate) fn group(message: &Message, cursors: &[Cursor], at: usize) -> Range<usize> {
    let Some(cursor) = cursors.get(at) else { return 0..0 };
    let mut positions = message.positions(cursor.segment).skip(cursor.occurrence.saturating_sub(1));
    let Some(current) = positions.next() else { return 0..0 };
    let next = positions.next().unwrap_or(usize::MAX);
    // Loops are inside each other, so what is around one was begun before it.
    match cursor.within.filter(|outer| *outer < at) {
        None => current + 1..next,
        Some(outer) => current + 1..next.min(group(message, cursors, outer).end),
    }
}

/// The segments of a name in a range of positions.
pub(crate) fn members_of(message: &Message, name: SegmentName, range: &Range<usize>) -> Members {
    let mut members = Members { before: 0, count: 0 };
    for at in message.positions(name).take_while(|at| *at < range.end) {
        if at < range.start {
            members.before += 1;
        } else {
            members.count += 1;
        }
    }
    members
}

impl Place {
    pub(crate) fn new(path: Path, loops: &[Loop]) -> Place {
        let first = path.occurrence == Occurrence::First;
        let bound = loops.iter().enumerate().rev().find_map(|(at, around)| {
            if around.segment == path.segment {
                first.then_some(Scope::Current(at))
            } else {
                around.with.contains(&path.segment).then_some(Scope::Group(at))
            }
        });
        Place { path, scope: bound.unwrap_or(Scope::Message) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The loop in whose group it is looked for.
    pub(crate) fn group(&self) -> Option<usize> {
        match self.scope {
            Scope::Group(at) => Some(at),
            Scope::Message | Scope::Current(_) => None,
        }
    }

    /// The segments that it may mean.
    pub(crate) fn members(&self, message: &Message, cursors: &[Cursor]) -> Members {
        match self.scope {
            Scope::Message => {
                Members { before: 0, count: message.count(self.path.segment.as_str()) }
            }
            Scope::Current(at) => {
                let current = cursors.get(at).map_or(1, |cursor| cursor.occurrence);
                Members { before: current.saturating_sub(1), count: 1 }
            }
            Scope::Group(at) => {
                members_of(message, self.path.segment, &group(message, cursors, at))
            }
        }
    }

    /// The path to look at now. In a group it is that of one segment: `[*]` there is asked for with [`Place::by_segment`].
    pub(crate) fn now<'p>(&'p self, message: &Message, cursors: &[Cursor]) -> Cow<'p, Path> {
        let at = match self.scope {
            Scope::Message => return Cow::Borrowed(&self.path),
            Scope::Current(at) => match cursors.get(at) {
                None => return Cow::Borrowed(&self.path),
                Some(cursor) => cursor.occurrence,
            },
            Scope::Group(_) => {
                let members = self.members(message, cursors);
                let nth = match self.path.occurrence {
                    Occurrence::First | Occurrence::All => 1,
                    Occurrence::Nth(n) => usize::from(n),
                };
                if nth <= members.count {
                    members.before + nth
                } else {
                    // There is none in the group: the path of one that the message does not have.
                    message.count(self.path.segment.as_str()) + 1
                }
            }
        };
        Cow::Owned(self.path.at(at))
    }

    /// The path for each of the segments that it means: one path, but for `[*]` in a group, which no path of a message can say.
    pub(crate) fn by_segment<'p>(
        &'p self,
        message: &Message,
        cursors: &[Cursor],
    ) -> Result<Vec<Cow<'p, Path>>, Fault> {
        if self.group().is_none() || self.path.occurrence != Occurrence::All {
            return Ok(vec![self.now(message, cursors)]);
        }
        Ok(self.occurrences(message, cursors)?.map(Cow::Owned).collect())
    }

    /// The path at each of the segments that it may mean.
    fn occurrences(
        &self,
        message: &Message,
        cursors: &[Cursor],
    ) -> Result<impl DoubleEndedIterator<Item = Path>, Fault> {
        let members = self.members(message, cursors);
        countable(members.last(), &self.path)?;
        Ok((members.before + 1..=members.last()).map(|occurrence| self.path.at(occurrence)))
    }

    /// What deleting it removes, in the order in which it has to be removed so that the paths stay right.
    pub(crate) fn doomed(&self, message: &Message, cursors: &[Cursor]) -> Result<Vec<Path>, Fault> {
        let all = match self.path.occurrence {
            Occurrence::First => self.path.field.is_none(),
            Occurrence::All => true,
            Occurrence::Nth(_) => false,
        };
        if self.group().is_some() && all {
            return Ok(self.occurrences(message, cursors)?.rev().collect());
        }
        Ok(vec![self.now(message, cursors).into_owned()])
    }

    /// Does `[*]` make it mean several places?
    pub(crate) fn is_all(&self) -> bool {
        self.path.occurrence == Occurrence::All || self.path.repetition == Repetition::All
    }

    /// Can a step that writes find several places to write?
    pub(crate) fn is_many(&self) -> bool {
        self.path.is_many()
    }

    /// Does writing at the one change what is read at the other? It may, whenever the segment and field are the same.
    pub(crate) fn may_touch(&self, other: &Place) -> bool {
        let same_field = self.path.field.is_none()
            || other.path.field.is_none()
            || self.path.field == other.path.field;
        self.path.segment == other.path.segment && same_field
    }

    /// Every single place it means now, in the order of the message. A selector that matches nothing still means itself, so that
    /// writing there says what is missing.
    pub(crate) fn each<'p>(
        &'p self,
        message: &Message,
        cursors: &[Cursor],
    ) -> Result<Vec<Cow<'p, Path>>, Fault> {
        if !self.is_many() {
            return Ok(vec![self.now(message, cursors)]);
        }
        let mut places = Vec::new();
        match self.path.occurrence {
            Occurrence::All => {
                for path in self.occurrences(message, cursors)? {
                    repetitions(message, path, &mut places)?;
                }
            }
            Occurrence::First | Occurrence::Nth(_) => {
                repetitions(message, self.now(message, cursors).into_owned(), &mut places)?
            }
        }
        Ok(places.into_iter().map(Cow::Owned).collect())
    }
}

/// The most places that a path can count.
pub(crate) fn countable(count: usize, path: &Path) -> Result<u16, Fault> {
    u16::try_from(count).map_err(|_| {
        Fault::new("R0107", format!("the message has more than {} of {path}", u16::MAX))
    })
}

fn repetitions(message: &Message, path: Path, places: &mut Vec<Path>) -> Result<(), Fault> {
    let nth = |n: u16| Path { repetition: Repetition::Nth(n), ..path.clone() };
    let before = places.len();
    match &path.repetition {
        Repetition::First | Repetition::Nth(_) => places.push(path),
        Repetition::All => {
            places.extend((1..=countable(message.repetitions(&path), &path)?).map(nth))
        }
        Repetition::Where { component, subcomponent, value } => {
            for n in 1..=countable(message.repetitions(&path), &path)? {
                let chooser =
                    Path { component: Some(*component), subcomponent: *subcomponent, ..nth(n) };
                if message.text(&chooser).is_ok_and(|text| text == *value) {
                    places.push(nth(n));
                }
            }
            if places.len() == before && path.occurrence != Occurrence::All {
                places.push(path);
            }
        }
    }
    Ok(())
}
