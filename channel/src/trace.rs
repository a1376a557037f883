use crate::failure::{Part, StepAt};
use hl7::{Message, Path};
use phi::Phi;
use std::cell::RefCell;

/// What one step did, for people: `hilum message --steps` and dry runs.
#[derive(Clone)]
pub struct Note {
    /// The list.
    pub part: Part,
    /// Which part of the message, from 1; none before a `split`.
    pub number: Option<u32>,
    /// The step; none for a destination's `when` and `order_by`.
    pub step: Option<StepAt>,
    /// The step's verb, `when` or `order_by`.
    pub verb: &'static str,
    /// How many steps it is inside of.
    pub depth: u8,
    /// What became of it.
    pub did: Did,
    /// The values that conditions looked at, in the order they were looked at.
    pub operands: Vec<Operand>,
    /// The values that it changed.
    pub changes: Vec<Change>,
    /// What a script has said.
    pub said: Vec<Phi<String>>,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    /// Its own `when` did not hold.
    NotAsked,
    /// It ran and the message went on: a filter let it pass, a value was changed or was right already.
    Ran,
    /// A filter stopped the message here; the destination did not want it.
    Stopped,
    /// It failed.
    Failed,
    /// The budget was over before it had finished.
    OutOfTime,
}

/// A value that a condition looked at.
#[derive(Clone)]
pub struct Operand {
    /// Where it stands.
    pub path: String,
    /// What it was, as sent; none when it was not there.
    pub value: Phi<Option<String>>,
}

/// A value that a step changed.
#[derive(Clone)]
pub struct Change {
    /// Where it stands.
    pub path: String,
    /// What was sent there before; none when there was no such place.
    pub before: Phi<Option<String>>,
    /// What is there now.
    pub after: Phi<Option<String>>,
}

/// What conditions have looked at so far.
pub(crate) type Seen = RefCell<Vec<Operand>>;

/// The notes of a run that someone asked for.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) notes: Vec<Note>,
    pub(crate) seen: Seen,
    /// The part of the message that notes are about, once it was split.
    pub(crate) number: Option<u32>,
    /// The notes of the steps that are running, the innermost last.
    open: Vec<usize>,
}

impl Recorder {
    pub(crate) fn begin(&mut self, part: Part, step: Option<StepAt>, verb: &'static str) {
        let depth = u8::try_from(self.open.len()).unwrap_or(u8::MAX);
        self.open.push(self.notes.len());
        let note = Note {
            part,
            number: self.number,
            step,
            verb,
            depth,
            did: Did::Ran,
            operands: Vec::new(),
            changes: Vec::new(),
            said: Vec::new(),
        };
        self.notes.push(note);
    }

    /// Gives what was looked at to the innermost step.
    pub(crate) fn settle(&mut self) {
        let operands = std::mem::take(self.seen.get_mut());
        if let Some(note) = self.open.last().and_then(|at| self.notes.get_mut(*at)) {
            note.operands.extend(operands);
        }
    }

    pub(crate) fn change(&mut self, change: Change) {
        if let Some(note) = self.open.last().and_then(|at| self.notes.get_mut(*at)) {
            note.changes.push(change);
        }
    }

    pub(crate) fn said(&mut self, all: Vec<String>) {
        if let Some(note) = self.open.last().and_then(|at| self.notes.get_mut(*at)) {
            note.said.extend(all.into_iter().map(Phi::new));
        }
    }

    pub(crate) fn end(&mut self, did: Did) {
        self.settle();
        if let Some(note) = self.open.pop().and_then(|at| self.notes.get_mut(at)) {
            note.did = did;
        }
    }
}

impl Operand {
    pub(crate) fn of(message: &Message, path: &Path) -> Operand {
        Operand { path: path.to_string(), value: Phi::new(shown(message, path)) }
    }
}

/// A value as it was sent, readable even where its charset is broken.
pub(crate) fn shown(message: &Message, path: &Path) -> Option<String> {
    message.raw(path).map(|raw| message.charset().decode_lossy(raw).into_owned())
}

impl Change {
    pub(crate) fn new(path: &Path, before: Option<String>, after: Option<String>) -> Change {
        Change { path: path.to_string(), before: Phi::new(before), after: Phi::new(after) }
    }
}
