//! What a script can do: everything here works on one message and gives plain values or a sentence.

use std::collections::BTreeMap;
use std::sync::Arc;

use config::{CodeTable, Name};
use hl7::timestamp::{Precision, Timestamp};
use hl7::{Message, Occurrence, Path, Repetition, SegmentName};
use jiff::tz::TimeZone;

use super::{GROWTH_MAX, KEPT_MAX, Kept};
use crate::decimal::Decimal;
use crate::trace::{Change, shown};

/// What a script asks for, or why it does not get it.
pub(super) type Answer<T> = Result<T, String>;

/// A message with what scripts hold of it.
pub(super) struct Host {
    message: Message,
    bytes_max: usize,
    changed: bool,
    handles: Vec<Handle>,
    tables: BTreeMap<Name, Arc<CodeTable>>,
    zone: TimeZone,
    pub(super) part: u32,
    pub(super) notes: Vec<String>,
    kept: Kept,
    recorded: bool,
    changes: Vec<Change>,
}

/// A segment that a script holds on to, wherever it stands now.
#[derive(Clone, Copy)]
struct Handle {
    segment: SegmentName,
    /// From 1; none when it was removed.
    occurrence: Option<usize>,
}

impl Host {
    pub(super) fn new(
        message: Message,
        tables: BTreeMap<Name, Arc<CodeTable>>,
        zone: TimeZone,
        part: u32,
    ) -> Host {
        Host {
            bytes_max: message.as_bytes().len() + GROWTH_MAX,
            message,
            changed: false,
            handles: Vec::new(),
            tables,
            zone,
            part,
            notes: Vec::new(),
            kept: Kept::new(),
            recorded: false,
            changes: Vec::new(),
        }
    }

    pub(super) fn recording(self, recorded: bool) -> Host {
        Host { recorded, ..self }
    }

    pub(super) fn keeping(self, kept: Kept) -> Host {
        Host { kept, ..self }
    }

    /// What an earlier script of the same message has put down, as JSON.
    pub(super) fn kept(&self, name: &str) -> Option<String> {
        self.kept.get(name).cloned()
    }

    /// Puts something down for the later scripts of the same message, as JSON.
    pub(super) fn keep(&mut self, name: String, json: Option<String>) -> Answer<()> {
        match json {
            Some(json) => self.kept.insert(name, json),
            None => self.kept.remove(&name),
        };
        let bytes: usize = self.kept.iter().map(|(name, json)| name.len() + json.len()).sum();
        match bytes > KEPT_MAX {
            true => Err("the maps of one message hold too much".to_owned()),
            false => Ok(()),
        }
    }

    /// The message if it was changed, what was said, and what was changed.
    ///
    /// Objects of the call may be there until the machine cleans up, so nothing of the message stays with them.
    pub(super) fn finish(&mut self) -> (Option<Message>, Vec<String>, Vec<Change>, Kept) {
        let empty = Message::parse(Vec::new(), &hl7::ParseOptions::default());
        let message = std::mem::replace(&mut self.message, empty);
        let (notes, changes) = (std::mem::take(&mut self.notes), std::mem::take(&mut self.changes));
        (self.changed.then_some(message), notes, changes, std::mem::take(&mut self.kept))
    }

    /// The whole message as text.
    pub(super) fn whole(&self) -> String {
        self.message.charset().decode_lossy(self.message.as_bytes()).into_owned()
    }

    /// The text at a path; none for the HL7 null.
    pub(super) fn get(&self, of: Option<usize>, path: &str) -> Answer<Option<String>> {
        let path = self.one_value(of, path)?;
        if self.message.is_null(&path) {
            return Ok(None);
        }
        self.text(&path).map(Some)
    }

    /// Every repetition of a field, as it was sent.
    pub(super) fn repeats(&self, of: Option<usize>, path: &str) -> Answer<Vec<String>> {
        let path = self.path(of, path)?;
        if path.occurrence == Occurrence::All {
            return Err(format!("{path} may stand in several segments: ask each of them"));
        }
        let nth = |n: u16| Path { repetition: Repetition::Nth(n), ..path.clone() };
        let count = u16::try_from(self.message.repetitions(&path)).unwrap_or(u16::MAX);
        (1..=count).map(|n| self.text(&nth(n))).collect()
    }

    /// Writes one value.
    pub(super) fn set(&mut self, of: Option<usize>, path: &str, value: &str) -> Answer<()> {
        let path = self.path(of, path)?;
        self.edit(&path, |message| message.set(&path, value))
    }

    /// Writes the HL7 null.
    pub(super) fn set_null(&mut self, of: Option<usize>, path: &str) -> Answer<()> {
        let path = self.path(of, path)?;
        self.edit(&path, |message| message.set_null(&path))
    }

    /// Writes a value with its structure: components, repetitions.
    pub(super) fn set_raw(&mut self, of: Option<usize>, path: &str, value: &str) -> Answer<()> {
        let path = self.path(of, path)?;
        let bytes = self.message.charset().encode(value);
        let bytes = bytes.map_err(|_| {
            format!("the charset of the message lacks a character of what {path} would get")
        })?;
        let bytes = bytes.into_owned();
        self.edit(&path, |message| message.set_raw(&path, &bytes))
    }

    /// A number; none when there is none.
    pub(super) fn number(&self, of: Option<usize>, path: &str) -> Answer<Option<f64>> {
        let Some(text) = self.get(of, path)?.filter(|text| !text.trim_matches(' ').is_empty())
        else {
            return Ok(None);
        };
        let number = Decimal::read(&text).and_then(|_| text.trim_matches(' ').parse::<f64>().ok());
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{path} is not a number: \"{text}\"")),
        }
    }

    /// A point in time in the form of ISO 8601, as precise as it was sent; none when there is none.
    pub(super) fn time(
        &self,
        of: Option<usize>,
        path: &str,
        zone: Option<&str>,
    ) -> Answer<Option<String>> {
        let zone = match zone {
            None => self.zone.clone(),
            Some(name) => {
                TimeZone::get(name).map_err(|_| format!("there is no time zone `{name}`"))?
            }
        };
        let Some(text) = self.get(of, path)?.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let time = Timestamp::parse(&text).map_err(|error| format!("{path} is {error}"))?;
        iso(&time, &zone)
            .map(Some)
            .ok_or_else(|| format!("{path} is a time that cannot be counted"))
    }

    /// A hold on every segment of a name.
    pub(super) fn all(&mut self, name: &str) -> Answer<Vec<usize>> {
        let segment = segment(name)?;
        let count = self.message.count(name);
        Ok((1..=count).map(|occurrence| self.hold(segment, occurrence)).collect())
    }

    /// A hold on the first segment of a name, if there is one.
    pub(super) fn first(&mut self, name: &str) -> Answer<Option<usize>> {
        let segment = segment(name)?;
        Ok((self.message.count(name) > 0).then(|| self.hold(segment, 1)))
    }

    /// A hold on the segments of a name behind one, up to the next of that one's own name.
    pub(super) fn behind(&mut self, of: usize, name: &str) -> Answer<Vec<usize>> {
        let wanted = segment(name)?;
        let Handle { segment: own, .. } = self.handle(of)?;
        let start = self.occurrence(of)?;
        let (mut own_seen, mut wanted_seen, mut found) = (0, 0, Vec::new());
        for one in self.message.segments() {
            let name = one.name;
            if name == wanted.as_str().as_bytes() {
                wanted_seen += 1;
                if own_seen == start {
                    found.push(wanted_seen);
                }
            }
            if name == own.as_str().as_bytes() {
                own_seen += 1;
                if own_seen > start {
                    break;
                }
            }
        }
        Ok(found.into_iter().map(|occurrence| self.hold(wanted, occurrence)).collect())
    }

    /// Adds a segment behind one, or behind the last of its name, or at the end.
    pub(super) fn add(&mut self, name: &str, after: Option<usize>) -> Answer<usize> {
        let segment = segment(name)?;
        self.grows(name.len() + 2)?;
        let count = self.message.count(name);
        let behind = match after {
            Some(of) => Some(self.whole_of(of)?),
            None => (count > 0).then(|| Path::of_segment(segment).at(count)),
        };
        let place = behind.as_ref().map_or(hl7::Place::End, hl7::Place::After);
        let inserted = self.message.insert(name, place).map_err(|error| error.to_string())?;
        self.changed = true;
        for handle in self.handles.iter_mut().filter(|handle| handle.segment == segment) {
            handle.occurrence = handle.occurrence.map(|n| if n >= inserted { n + 1 } else { n });
        }
        if self.recorded {
            let path = Path::of_segment(segment).at(inserted);
            self.changes.push(Change::new(&path, None, shown(&self.message, &path)));
        }
        Ok(self.hold(segment, inserted))
    }

    /// Removes a segment.
    pub(super) fn remove(&mut self, of: usize) -> Answer<()> {
        let path = self.whole_of(of)?;
        let (segment, gone) = (path.segment, self.occurrence(of)?);
        let before = self.recorded.then(|| shown(&self.message, &path));
        if self.message.delete(&path) == 0 {
            return Err(format!("{segment} cannot be removed"));
        }
        self.changed = true;
        if let Some(before) = before {
            self.changes.push(Change::new(&path, before, None));
        }
        for handle in self.handles.iter_mut().filter(|handle| handle.segment == segment) {
            handle.occurrence = match handle.occurrence {
                Some(n) if n == gone => None,
                Some(n) if n > gone => Some(n - 1),
                other => other,
            };
        }
        Ok(())
    }

    /// The name of a segment that is held.
    pub(super) fn name_of(&self, of: usize) -> Answer<String> {
        Ok(self.handle(of)?.segment.as_str().to_owned())
    }

    /// What a code table says of a value; none when it says nothing.
    pub(super) fn look_up(&self, table: &str, value: &str) -> Answer<Option<String>> {
        let name = Name::new(table).map_err(|_| format!("`{table}` is not the name of a table"))?;
        match self.tables.get(&name) {
            Some(table) => Ok(table.get(value).map(str::to_owned)),
            None => Err(format!(
                "the code table `{table}` is not known: write its name in quotes, as `ctx.table(\"{table}\")`"
            )),
        }
    }

    fn hold(&mut self, segment: SegmentName, occurrence: usize) -> usize {
        self.handles.push(Handle { segment, occurrence: Some(occurrence) });
        self.handles.len() - 1
    }

    fn handle(&self, of: usize) -> Answer<Handle> {
        self.handles.get(of).copied().ok_or_else(|| "this is not a segment".to_owned())
    }

    fn occurrence(&self, of: usize) -> Answer<usize> {
        let handle = self.handle(of)?;
        handle.occurrence.ok_or_else(|| format!("this {} was removed", handle.segment))
    }

    fn whole_of(&self, of: usize) -> Answer<Path> {
        Ok(Path::of_segment(self.handle(of)?.segment).at(self.occurrence(of)?))
    }

    /// A path as the script writes it; of a segment that is held it means that one.
    fn path(&self, of: Option<usize>, text: &str) -> Answer<Path> {
        let path = Path::parse(text).map_err(|error| match error.help {
            Some(help) => format!("`{text}` is not a field path: {}; {help}", error.problem),
            None => format!("`{text}` is not a field path: {}", error.problem),
        })?;
        let Some(of) = of else { return Ok(path) };
        let own = self.handle(of)?.segment;
        if path.segment != own {
            return Err(format!("this is a segment {own}, and `{path}` lies in another"));
        }
        Ok(path.at(self.occurrence(of)?))
    }

    fn one_value(&self, of: Option<usize>, text: &str) -> Answer<Path> {
        let path = self.path(of, text)?;
        if path.occurrence == Occurrence::All || path.repetition == Repetition::All {
            return Err(format!("{path} may have several values: `repeats` and `all` give them"));
        }
        Ok(path)
    }

    fn text(&self, path: &Path) -> Answer<String> {
        match self.message.text(path) {
            Ok(text) => Ok(text.into_owned()),
            Err(error) => Err(format!("{path} holds bytes that are not {}", error.charset)),
        }
    }

    fn edit<T>(
        &mut self,
        path: &Path,
        act: impl FnOnce(&mut Message) -> Result<T, hl7::EditError>,
    ) -> Answer<()> {
        let before = self.recorded.then(|| shown(&self.message, path));
        act(&mut self.message).map_err(|error| error.to_string())?;
        self.changed = true;
        self.grows(0)?;
        if let Some(before) = before {
            let after = shown(&self.message, path);
            if before != after {
                self.changes.push(Change::new(path, before, after));
            }
        }
        Ok(())
    }

    /// The memory of the message is not the script's own, so it has a limit of its own.
    fn grows(&self, by: usize) -> Answer<()> {
        match self.message.as_bytes().len() + by > self.bytes_max {
            true => Err("the message grows beyond what one script may add".to_owned()),
            false => Ok(()),
        }
    }
}

fn segment(name: &str) -> Answer<SegmentName> {
    SegmentName::new(name).ok_or_else(|| format!("`{name}` is not the name of a segment"))
}

/// ISO 8601, cut off where the value was; with an offset where there is a time of day.
fn iso(time: &Timestamp, zone: &TimeZone) -> Option<String> {
    let civil = time.civil();
    let format = match time.precision() {
        Precision::Year => "%Y",
        Precision::Month => "%Y-%m",
        Precision::Day => "%Y-%m-%d",
        Precision::Hour => "%Y-%m-%dT%H",
        Precision::Minute => "%Y-%m-%dT%H:%M",
        Precision::Second => "%Y-%m-%dT%H:%M:%S",
        Precision::Fraction => "%Y-%m-%dT%H:%M:%S%.f",
    };
    let mut text = civil.strftime(format).to_string();
    if time.precision() > Precision::Day {
        let minutes = match time.offset_minutes() {
            Some(minutes) => i32::from(minutes),
            None => zone.to_offset(time.instant(zone)?).seconds() / 60,
        };
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.abs();
        text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
    }
    Some(text)
}
