//! The anchor: a file elsewhere, to which every checkpoint is appended. Whoever changes the database alone contradicts it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Take, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::checkpoint::{Checkpoint, LINES};

/// No line of a note is longer.
const LINE_BYTES_MAX: u64 = 400;
/// The end of the file that surely holds a whole note.
const TAIL_BYTES: u64 = 4 * LINE_BYTES_MAX;

/// The file of one engine.
#[derive(Clone, Debug)]
pub(crate) struct Anchor {
    path: PathBuf,
    /// The size of the newest checkpoint in it; none before it was looked at.
    newest: Arc<Mutex<Option<i64>>>,
}

impl Anchor {
    pub(crate) fn new(path: PathBuf) -> Anchor {
        Anchor { path, newest: Arc::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The size of the newest checkpoint in the file, 0 in a new one. What an interrupted write left at its end is cut off.
    pub(super) async fn newest(&self) -> io::Result<i64> {
        self.blocking(|path, newest| {
            if let Some(size) = *newest {
                return Ok(size);
            }
            let size = mend(path)?;
            *newest = Some(size);
            Ok(size)
        })
        .await
    }

    /// What stands in it, not in the middle of an append.
    pub(super) async fn notes(&self) -> io::Result<Option<Notes>> {
        self.blocking(|path, _| Notes::open(path)).await
    }

    /// Appends notes, the newest of which is over `size` records, and waits for the disk.
    pub(super) async fn append(&self, notes: String, size: i64) -> io::Result<()> {
        self.blocking(move |path, newest| {
            // What a failure leaves half written is cut off before the next one.
            *newest = None;
            append(path, notes.as_bytes())?;
            *newest = Some(size);
            Ok(())
        })
        .await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path, &mut Option<i64>) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (path, newest) = (self.path.clone(), Arc::clone(&self.newest));
        let work = move || work(&path, &mut newest.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    File::open(folder)?.sync_all()
}

/// Cuts off a note that was not written whole, and gives the size of the last whole one.
fn mend(path: &Path) -> io::Result<i64> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let tail = String::from_utf8_lossy(&tail);
    let lines: Vec<&str> = tail.split_inclusive('\n').collect();
    // The last lines that are a note, whatever stands behind them.
    let ends = (LINES..=lines.len()).rev();
    let found = ends.filter_map(|end| {
        let note = lines.get(end - LINES..end)?.concat();
        Some((Checkpoint::read(&note)?.size, lines.get(end..)?.concat().len()))
    });
    match found.into_iter().next() {
        Some((size, 0)) => Ok(size),
        Some((size, more)) => {
            let kept = length.saturating_sub(u64::try_from(more).unwrap_or(0));
            OpenOptions::new().write(true).open(path)?.set_len(kept)?;
            Ok(size)
        }
        None => Ok(0),
    }
}

/// What stands in an anchor, note by note.
pub(super) struct Notes {
    /// Not further than it was when the walk began: what is written meanwhile is about later records.
    file: BufReader<Take<File>>,
}

/// One note, or what stands in its place.
pub(super) enum Note {
    Whole(Checkpoint),
    Odd,
}

impl Notes {
    /// Opens an anchor; nothing when there is none.
    pub(super) fn open(path: &Path) -> io::Result<Option<Notes>> {
        match File::open(path) {
            Ok(file) => {
                let length = file.metadata()?.len();
                Ok(Some(Notes { file: BufReader::new(file.take(length)) }))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next note; nothing at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Note>> {
        let mut note = Vec::new();
        for line in 0..LINES {
            let read = (&mut self.file).take(LINE_BYTES_MAX).read_until(b'\n', &mut note)?;
            if read == 0 && line == 0 {
                return Ok(None);
            }
            if read == 0 || note.last() != Some(&b'\n') {
                return Ok(Some(Note::Odd));
            }
        }
        let read = std::str::from_utf8(&note).ok().and_then(Checkpoint::read);
        Ok(Some(read.map_or(Note::Odd, Note::Whole)))
    }
}
