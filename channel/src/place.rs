use crate::failure::Fault;
use hl7::{Message, Occurrence, Path, Repetition, SegmentName};
use std::borrow::Cow;

/// A path of the channel file, bound to the `each` around it when it names that segment without an index.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: Path,
    /// Which of the loops around it, from the outside.
    cursor: Option<usize>,
}

/// The segment a loop is at: its occurrence, from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    pub(crate) segment: SegmentName,
    pub(crate) occurrence: usize,
    /// A step deleted it, and the rest of the loop's steps have nothing to work on.
    pub(crate) gone: bool,
}

impl Place {
    pub(crate) fn new(path: Path, loops: &[SegmentName]) -> Place {
        let cursor = match path.occurrence {
            Occurrence::First => loops.iter().rposition(|segment| *segment == path.segment),
            Occurrence::Nth(_) | Occurrence::All => None,
        };
        Place { path, cursor }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path to look at now.
    pub(crate) fn now<'p>(&'p self, cursors: &[Cursor]) -> Cow<'p, Path> {
        match self.cursor.and_then(|at| cursors.get(at)) {
            None => Cow::Borrowed(&self.path),
            Some(cursor) => Cow::Owned(self.path.at(cursor.occurrence)),
        }
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
            return Ok(vec![self.now(cursors)]);
        }
        let path = self.now(cursors);
        let mut places = Vec::new();
        match path.occurrence {
            Occurrence::All => {
                for occurrence in 1..=countable(message.count(path.segment.as_str()), &path)? {
                    repetitions(message, path.at(usize::from(occurrence)), &mut places)?;
                }
            }
            Occurrence::First | Occurrence::Nth(_) => {
                repetitions(message, path.into_owned(), &mut places)?
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
