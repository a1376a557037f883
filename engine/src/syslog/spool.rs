//! The queue of the engine's log: lines in numbered files, of which the first go when they were received.
//!
//! A line is in the system's hands when it was logged, so that a killed process loses none; the disk has it within a second.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use connectors::syslog::Severity;

use super::severity_of;

/// A file is ended at this size, in bytes.
const FILE_BYTES: u64 = 4 << 20;
/// What waits on the disk at most, in bytes: the oldest is the most telling, so what comes later has no room.
const BYTES_MAX: u64 = 64 << 20;
/// Lines that are kept in memory until it is known whether anybody wants them.
const EARLY_MAX: usize = 1_000;
/// The file that says what was received.
const MARK: &str = "received";

/// Where lines of the log wait. It takes lines before it is known where, and whether at all.
pub struct Spool {
    state: Mutex<State>,
}

enum State {
    Early(VecDeque<(Severity, Vec<u8>)>),
    Open(Box<Files>),
    Off,
}

/// A place in the queue: a file, and the bytes before it there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    number: u64,
    offset: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.number, self.offset)
    }
}

/// A line with its place.
pub(super) type Line = (Place, Vec<u8>);

struct Files {
    folder: PathBuf,
    least: Severity,
    last: File,
    end: Place,
    received: Place,
    /// Bytes in all files.
    held: u64,
    unsynced: bool,
    dropped: u64,
}

impl Default for Spool {
    fn default() -> Spool {
        Spool { state: Mutex::new(State::Early(VecDeque::new())) }
    }
}

impl Spool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a line of the log, with its line end. It never fails: what cannot be kept is counted.
    pub fn write(&self, level: &str, line: &[u8]) {
        let severity = severity_of(level);
        match &mut *self.lock() {
            State::Early(lines) if lines.len() < EARLY_MAX => {
                lines.push_back((severity, line.to_vec()));
            }
            State::Early(_) | State::Off => {}
            State::Open(files) => files.write(severity, line),
        }
    }

    /// Nobody wants the lines.
    pub(super) fn turn_off(&self) {
        *self.lock() = State::Off;
    }

    /// Keeps lines from this severity on in a folder, behind those that an earlier run has left there.
    pub(super) fn open(&self, folder: &Path, least: Severity) -> io::Result<()> {
        let mut files = Files::open(folder, least)?;
        let mut state = self.lock();
        if let State::Early(lines) = &*state {
            lines.iter().for_each(|(severity, line)| files.write(*severity, line));
        }
        *state = State::Open(Box::new(files));
        Ok(())
    }

    /// Where the first line is that was not received.
    pub(super) fn received(&self) -> Place {
        self.of_files(|files| files.received).unwrap_or_default()
    }

    /// Bytes that wait, and lines that had no room.
    pub(super) fn waiting(&self) -> (u64, u64) {
        self.of_files(|files| (files.waiting(), files.dropped)).unwrap_or_default()
    }

    /// Lines from a place on, each with its own place, up to about so many bytes; and the place behind them.
    pub(super) fn read(&self, from: Place, bytes_max: u64) -> io::Result<(Vec<Line>, Place)> {
        let Some((folder, end)) = self.of_files(|files| (files.folder.clone(), files.end)) else {
            return Ok((Vec::new(), from));
        };
        read(&folder, (from, end), bytes_max)
    }

    /// Everything before a place was received: what is not needed any more goes.
    pub(super) fn was_received(&self, place: Place) -> io::Result<()> {
        self.of_files(|files| files.was_received(place)).unwrap_or(Ok(()))
    }

    /// Waits until the disk has what was taken.
    pub(super) fn sync(&self) -> io::Result<()> {
        let file = self.of_files(|files| {
            let unsynced = std::mem::take(&mut files.unsynced);
            unsynced.then(|| files.last.try_clone())
        });
        // Not under the lock: whoever logs must not wait for a disk.
        match file.flatten() {
            Some(file) => file?.sync_data(),
            None => Ok(()),
        }
    }

    fn of_files<T>(&self, ask: impl FnOnce(&mut Files) -> T) -> Option<T> {
        match &mut *self.lock() {
            State::Open(files) => Some(ask(files)),
            State::Early(_) | State::Off => None,
        }
    }
}

impl Files {
    fn open(folder: &Path, least: Severity) -> io::Result<Files> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let numbers = numbers(folder)?;
        let marked = fs::read_to_string(folder.join(MARK)).ok().and_then(|text| parse(text.trim()));
        let first = numbers.first().copied().unwrap_or(1);
        let received = marked.unwrap_or_default().max(Place { number: first, offset: 0 });
        let number = numbers.last().copied().unwrap_or(1).max(received.number);
        let mut held = 0;
        for number in &numbers {
            held += fs::metadata(folder.join(name(*number)))?.len();
        }
        let mut last = open_last(folder, number)?;
        let length = last.seek(SeekFrom::End(0))?;
        let mut files = Files {
            folder: folder.to_owned(),
            least,
            last,
            end: Place { number, offset: length },
            received,
            held,
            unsynced: false,
            dropped: 0,
        };
        // Half a line that a power failure has left ends here.
        if length > 0 {
            files.put(b"\n");
        }
        Ok(files)
    }

    fn waiting(&self) -> u64 {
        let before = if self.received.number >= self.end.number {
            self.end.offset.saturating_sub(self.received.offset)
        } else {
            self.held.saturating_sub(self.received.offset)
        };
        // An empty line stands for each start.
        if before <= 1 { 0 } else { before }
    }

    fn write(&mut self, severity: Severity, line: &[u8]) {
        if severity > self.least {
            return;
        }
        if self.held >= BYTES_MAX {
            self.dropped += 1;
            return;
        }
        if self.end.offset >= FILE_BYTES {
            match open_last(&self.folder, self.end.number + 1) {
                Ok(file) => {
                    // What the file before holds is on the disk before anything follows it.
                    let _late = self.last.sync_data();
                    self.last = file;
                    self.end = Place { number: self.end.number + 1, offset: 0 };
                }
                Err(_) => {
                    self.dropped += 1;
                    return;
                }
            }
        }
        self.put(line);
    }

    /// A disk without space keeps a part of a line, or none; the next line begins on its own.
    fn put(&mut self, line: &[u8]) {
        self.unsynced = true;
        let written = self.last.write_all(line).is_ok();
        let grown = self.last.metadata().map_or(self.end.offset, |about| about.len());
        self.held += grown.saturating_sub(self.end.offset);
        self.end.offset = grown;
        if !written {
            self.dropped += 1;
            let _again = self.last.write_all(b"\n");
        }
    }

    fn was_received(&mut self, place: Place) -> io::Result<()> {
        if place <= self.received {
            return Ok(());
        }
        let new = self.folder.join(format!("{MARK}.new"));
        let mut file =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(place.to_string().as_bytes())?;
        // Not synced: an older mark sends again, and no more.
        fs::rename(&new, self.folder.join(MARK))?;
        self.received = place;
        for number in numbers(&self.folder)?.into_iter().filter(|number| *number < place.number) {
            let path = self.folder.join(name(number));
            self.held = self.held.saturating_sub(fs::metadata(&path)?.len());
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

fn read(
    folder: &Path,
    (from, end): (Place, Place),
    bytes_max: u64,
) -> io::Result<(Vec<Line>, Place)> {
    let (mut lines, mut at, mut taken) = (Vec::new(), from, 0);
    while at < end && taken < bytes_max {
        let mut file = File::open(folder.join(name(at.number)))?;
        file.seek(SeekFrom::Start(at.offset))?;
        let mut file = BufReader::new(file);
        while taken < bytes_max {
            let mut line = Vec::new();
            let length = file.read_until(b'\n', &mut line)? as u64;
            // The rest of a line that is being written comes with the next look.
            if line.last() != Some(&b'\n') {
                break;
            }
            lines.push((at, line));
            at.offset += length;
            taken += length;
        }
        if taken < bytes_max {
            if at.number >= end.number {
                break;
            }
            at = Place { number: at.number + 1, offset: 0 };
        }
    }
    Ok((lines, at))
}

fn open_last(folder: &Path, number: u64) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(folder.join(name(number)))
}

fn name(number: u64) -> String {
    format!("log-{number:08}.ndjson")
}

fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.file_name();
        let number = file.to_str().and_then(|file| {
            file.strip_prefix("log-")?.strip_suffix(".ndjson")?.parse::<u64>().ok()
        });
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn parse(text: &str) -> Option<Place> {
    let (number, offset) = text.split_once('-')?;
    Some(Place { number: number.parse().ok()?, offset: offset.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(spool: &Spool, from: Place) -> (Vec<String>, Place) {
        let (lines, end) = spool.read(from, 1 << 20).unwrap();
        let texts = lines.into_iter().map(|(_, line)| String::from_utf8(line).unwrap());
        (texts.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect(), end)
    }

    #[test]
    fn lines_wait_over_a_restart_until_they_were_received() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::default();
        spool.write("WARN", b"early\n");
        spool.open(folder.path(), Severity::Warning).unwrap();
        spool.write("INFO", b"as usual\n");
        spool.write("ERROR", b"bad\n");
        let (lines, end) = texts(&spool, spool.received());
        assert_eq!(lines, ["early", "bad"]);
        spool.was_received(end).unwrap();
        spool.write("WARN", b"later\n");
        // A process that was killed, and half a line.
        fs::OpenOptions::new()
            .append(true)
            .open(folder.path().join(name(1)))
            .unwrap()
            .write_all(b"half")
            .unwrap();
        let spool = Spool::default();
        spool.open(folder.path(), Severity::Warning).unwrap();
        spool.write("WARN", b"after\n");
        assert_eq!(texts(&spool, spool.received()).0, ["later", "half", "after"]);
        assert!(spool.waiting().0 > 0);
    }

    #[test]
    fn files_end_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::default();
        spool.open(folder.path(), Severity::Warning).unwrap();
        let line = [vec![b'x'; 1 << 20], b"\n".to_vec()].concat();
        (0..10).for_each(|_| spool.write("WARN", &line));
        assert_eq!(numbers(folder.path()).unwrap(), [1, 2, 3]);
        let (mut seen, mut at) = (0, spool.received());
        loop {
            let (lines, end) = spool.read(at, 1 << 20).unwrap();
            if lines.is_empty() {
                break;
            }
            seen += lines.len();
            at = end;
        }
        assert_eq!(seen, 10);
        spool.was_received(at).unwrap();
        assert_eq!(numbers(folder.path()).unwrap(), [3]);
        assert_eq!(spool.waiting(), (0, 0));
    }

    #[test]
    fn what_has_no_room_is_counted_and_the_oldest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::default();
        spool.open(folder.path(), Severity::Warning).unwrap();
        spool.write("WARN", b"the first\n");
        let line = [vec![b'x'; 1 << 20], b"\n".to_vec()].concat();
        (0..70).for_each(|_| spool.write("WARN", &line));
        let (held, dropped) = spool.waiting();
        assert!(held <= BYTES_MAX + (2 << 20), "{held}");
        assert!((5..10).contains(&dropped), "{dropped}");
        assert_eq!(texts(&spool, spool.received()).0.first().unwrap(), "the first");
    }
}
