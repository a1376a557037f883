use crate::budget::Budget;
use crate::failure::{Fault, Part, StepAt};
use crate::place::{Cursor, Place, countable};
use crate::scene::{self, Scene};
use crate::script::{Broke, Kept, Returned, Script};
use crate::trace::{Change, Did, Recorder, shown};
use hl7::{EditError, Message, Occurrence, Path, SegmentName};
use std::borrow::Cow;

/// Why a list of steps did not run to its end.
pub(crate) enum Stop {
    /// A filter stopped the message at this step.
    Filtered(Option<Mark>),
    /// A step failed; the innermost one.
    Failed(Fault, Option<Mark>),
    /// The budget is over.
    OverBudget,
}

/// A step within its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) number: u16,
    pub(crate) line: u32,
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Stop {
        Stop::Failed(fault, None)
    }
}

/// The list whose steps are running.
#[derive(Debug, Clone)]
pub(crate) struct List {
    pub(crate) part: Part,
    /// How many steps it has.
    pub(crate) of: u16,
}

impl List {
    pub(crate) fn at(&self, mark: Mark) -> StepAt {
        StepAt { number: mark.number, of: self.of, line: mark.line, part: self.part.clone() }
    }
}

/// How many parts, with how many bytes, a split may make of one message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    pub(crate) parts: usize,
    pub(crate) bytes: usize,
}

/// A message that steps work on.
///
/// It is borrowed until something really changes, so that destinations whose steps find everything right already cost no copy.
pub(crate) struct Work<'w> {
    message: Cow<'w, Message>,
    changed: bool,
    list: &'w List,
    cursors: Vec<Cursor>,
    part: u32,
    room: Room,
    /// What a split made of the message, when it made several.
    parts: Vec<Message>,
    /// What scripts have put down for later ones.
    kept: Kept,
    budget: &'w dyn Budget,
    recorder: Option<&'w mut Recorder>,
}

impl<'w> Work<'w> {
    pub(crate) fn new(
        message: Cow<'w, Message>,
        list: &'w List,
        part: u32,
        budget: &'w dyn Budget,
        recorder: Option<&'w mut Recorder>,
    ) -> Work<'w> {
        Work {
            message,
            changed: false,
            kept: Kept::new(),
            list,
            cursors: Vec::new(),
            part,
            // Only `[transform]` splits, which says how much room there is.
            room: Room { parts: 1, bytes: usize::MAX },
            parts: Vec::new(),
            budget,
            recorder,
        }
    }

    /// Lets a split make so many parts of the message.
    /// With what earlier scripts of the message have put down.
    pub(crate) fn keeping(self, kept: Kept) -> Work<'w> {
        Work { kept, ..self }
    }

    pub(crate) fn make_room(&mut self, room: Room) {
        self.room = room;
    }

    pub(crate) fn room(&self) -> Room {
        self.room
    }

    /// Puts several messages in the place of the one.
    pub(crate) fn split(&mut self, parts: Vec<Message>) {
        self.parts = parts;
    }

    /// What the message became, and whether it is another than before: itself, or the parts of a split.
    pub(crate) fn finish_parts(self) -> Vec<(Message, bool, Kept)> {
        if self.parts.is_empty() {
            return vec![(self.message.into_owned(), self.changed, self.kept)];
        }
        self.parts.into_iter().map(|part| (part, true, self.kept.clone())).collect()
    }

    /// The message and whether it was changed.
    pub(crate) fn finish(self) -> (Cow<'w, Message>, bool) {
        (self.message, self.changed)
    }

    pub(crate) fn message(&self) -> &Message {
        &self.message
    }

    /// The message as conditions and templates see it now.
    pub(crate) fn scene(&self) -> Scene<'_> {
        let seen = self.recorder.as_ref().map(|recorder| &recorder.seen);
        Scene { message: &self.message, cursors: &self.cursors, part: self.part, seen }
    }

    /// Fails the run when its time is over; asked between steps and in every loop.
    pub(crate) fn check_budget(&self) -> Result<(), Stop> {
        if self.budget.over() { Err(Stop::OverBudget) } else { Ok(()) }
    }

    /// The path that a place means now, for a place that means only one.
    pub(crate) fn path<'p>(&self, place: &'p Place) -> Cow<'p, Path> {
        place.now(&self.message, &self.cursors)
    }

    /// Does something at every place that `[*]` or a selector means, or at the one place.
    pub(crate) fn at_each(
        &mut self,
        place: &Place,
        mut act: impl FnMut(&mut Work<'w>, &Path) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        if !place.is_many() {
            return act(self, &place.now(&self.message, &self.cursors));
        }
        for path in place.each(&self.message, &self.cursors)? {
            self.check_budget()?;
            act(self, &path)?;
        }
        Ok(())
    }

    /// The path for each segment that a place means now.
    pub(crate) fn by_segment(&self, place: &Place) -> Result<Vec<Path>, Fault> {
        let places = place.by_segment(&self.message, &self.cursors)?;
        Ok(places.into_iter().map(Cow::into_owned).collect())
    }

    /// Every single place that a place means now.
    pub(crate) fn each(&self, place: &Place) -> Result<Vec<Path>, Fault> {
        let places = place.each(&self.message, &self.cursors)?;
        Ok(places.into_iter().map(Cow::into_owned).collect())
    }

    /// The value as text.
    pub(crate) fn text(&self, path: &Path) -> Result<Cow<'_, str>, Fault> {
        scene::text(&self.message, path)
    }

    /// The value as text; none for the HL7 null, which is no text.
    pub(crate) fn value(&self, path: &Path) -> Result<Option<Cow<'_, str>>, Fault> {
        scene::value(&self.message, path)
    }

    /// Writes one value, escaped. Nothing happens when it stands there already.
    pub(crate) fn set(&mut self, path: &Path, value: &str) -> Result<(), Fault> {
        let raw = self.message.raw(path).unwrap_or_default();
        if raw == value.as_bytes() && scene::is_plain(raw) {
            return Ok(());
        }
        self.edit(path, |message| message.set(path, value))
    }

    /// Writes bytes that keep their structure. Nothing happens when they stand there already.
    pub(crate) fn set_raw(&mut self, path: &Path, raw: &[u8]) -> Result<(), Fault> {
        if self.message.raw(path).unwrap_or_default() == raw {
            return Ok(());
        }
        self.edit(path, |message| message.set_raw(path, raw))
    }

    /// Writes the HL7 null.
    pub(crate) fn set_null(&mut self, path: &Path) -> Result<(), Fault> {
        if self.message.is_null(path) {
            return Ok(());
        }
        self.edit(path, |message| message.set_null(path))
    }

    /// Empties a value; what is not there is empty already.
    pub(crate) fn clear(&mut self, path: &Path) -> Result<(), Fault> {
        if self.message.raw_all(path).iter().all(|raw| raw.is_empty()) {
            return Ok(());
        }
        self.edit(path, |message| Ok(message.clear(path)))
    }

    /// Removes segments or repetitions.
    pub(crate) fn delete(&mut self, path: &Path) {
        if self.message.raw(path).is_none() {
            return;
        }
        let before = self.recorder.is_some().then(|| shown(&self.message, path));
        if self.message.to_mut().delete(path) == 0 {
            return;
        }
        self.changed = true;
        if let (Some(recorder), Some(before)) = (self.recorder.as_mut(), before) {
            recorder.change(Change::new(path, before, None));
        }
        if path.field.is_none() {
            self.move_cursors(path);
        }
    }

    /// Adds a segment and says where it is.
    pub(crate) fn insert(
        &mut self,
        segment: SegmentName,
        place: hl7::Place<'_>,
    ) -> Result<Path, Fault> {
        let inserted =
            self.message.to_mut().insert(segment.as_str(), place).map_err(|error| fault(&error))?;
        self.changed = true;
        let segment = Path::of_segment(segment);
        let path = segment.at(usize::from(countable(inserted, &segment)?));
        if let Some(recorder) = self.recorder.as_mut() {
            recorder.change(Change::new(&path, None, shown(&self.message, &path)));
        }
        Ok(path)
    }

    /// Says something in the trace, where someone wants one.
    pub(crate) fn say(&mut self, all: Vec<String>) {
        if let Some(recorder) = self.recorder.as_mut() {
            recorder.said(all);
        }
    }

    /// Runs a script; what it changed is the message from now on.
    pub(crate) fn call(&mut self, script: &Script) -> Result<Returned, Broke> {
        let recorded = self.recorder.is_some();
        let kept = std::mem::take(&mut self.kept);
        let called = script.call((&self.message, self.part), kept, recorded, self.budget)?;
        self.kept = called.kept;
        if let Some(recorder) = self.recorder.as_mut() {
            called.changes.into_iter().for_each(|change| recorder.change(change));
            recorder.said(called.notes);
        }
        if let Some(message) = called.message
            && message.as_bytes() != self.message.as_bytes()
        {
            self.message = Cow::Owned(message);
            self.changed = true;
        }
        Ok(called.returned)
    }

    fn edit<T>(
        &mut self,
        path: &Path,
        act: impl FnOnce(&mut Message) -> Result<T, EditError>,
    ) -> Result<(), Fault> {
        let before = self.recorder.is_some().then(|| shown(&self.message, path));
        act(self.message.to_mut()).map_err(|error| fault(&error))?;
        self.changed = true;
        if let (Some(recorder), Some(before)) = (self.recorder.as_mut(), before) {
            recorder.change(Change::new(path, before, shown(&self.message, path)));
        }
        Ok(())
    }

    /// Loops go on at the segment that they were at, unless it was deleted.
    fn move_cursors(&mut self, path: &Path) {
        for cursor in self.cursors.iter_mut().filter(|cursor| cursor.segment == path.segment) {
            match path.occurrence {
                Occurrence::First | Occurrence::All => cursor.gone = true,
                Occurrence::Nth(n) if usize::from(n) == cursor.occurrence => cursor.gone = true,
                Occurrence::Nth(n) if usize::from(n) < cursor.occurrence => cursor.occurrence -= 1,
                Occurrence::Nth(_) => {}
            }
        }
    }

    pub(crate) fn cursors(&self) -> &[Cursor] {
        &self.cursors
    }

    pub(crate) fn cursors_mut(&mut self) -> &mut Vec<Cursor> {
        &mut self.cursors
    }

    /// Was a segment deleted that a loop is at? Then the rest of the loop's steps have nothing to work on.
    pub(crate) fn is_gone(&self) -> bool {
        self.cursors.iter().any(|cursor| cursor.gone)
    }

    pub(crate) fn begin(&mut self, mark: Mark, verb: &'static str) {
        if let Some(recorder) = self.recorder.as_mut() {
            recorder.begin(self.list.part.clone(), Some(self.list.at(mark)), verb);
        }
    }

    /// The same for what is no step of the list.
    pub(crate) fn begin_unnumbered(&mut self, verb: &'static str) {
        if let Some(recorder) = self.recorder.as_mut() {
            recorder.begin(self.list.part.clone(), None, verb);
        }
    }

    pub(crate) fn end(&mut self, did: Did) {
        if let Some(recorder) = self.recorder.as_mut() {
            recorder.end(did);
        }
    }

    /// What was looked at until now belongs to the step that is running, not to the steps inside it.
    pub(crate) fn settle(&mut self) {
        if let Some(recorder) = self.recorder.as_mut() {
            recorder.settle();
        }
    }
}

/// What the model refuses, in the words and codes of a failed step. None of these texts holds a value of the message.
pub(crate) fn fault(error: &EditError) -> Fault {
    let code = match error {
        EditError::NoSegment { .. } | EditError::NoMatch { .. } => "R0103",
        EditError::Unmappable { .. } => "R0102",
        EditError::Structure => "R0104",
        EditError::NotAValue { .. }
        | EditError::Header
        | EditError::NoDelimiter { .. }
        | EditError::NoEscape
        | EditError::Name { .. } => "R0106",
    };
    Fault::new(code, error.to_string())
}
