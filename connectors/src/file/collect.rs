//! Messages collected into batches: files with headers, trailers and right counts.
//!
//! Until a batch is closed its messages lie in a hidden folder, a synced file each. To close it, that folder gets another name, the
//! batch is put together from it under a hidden name, synced and published, and the folder is removed. Each step can be repeated
//! after a crash and comes to the same bytes, so a batch is published once.

use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

use bytes::Bytes;
use hl7::batch::BatchWriter;
use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::folder::{create, open_folder, open_inside, rename, temporary_name};
use super::settings::{BatchLimits, Settings};
use super::writer::Written;

const OPEN: &str = ".hilum-batch";
const CLOSING: &str = ".hilum-batch-closing";
const TEMPORARY: &str = ".hilum-batch.tmp";
/// Names that are tried for a batch whose own is taken.
const NAMES_MAX: u32 = 10_000;

/// One message of a batch, by the name of its file: when it came, its delivery, and the name a batch gets that begins with it.
struct Piece {
    file: String,
    came_us: i64,
    delivery: String,
    batch: String,
}

/// Adds a message to the open batch, and closes it when it is full.
pub(super) fn add(
    settings: &Settings,
    limits: BatchLimits,
    batch: &str,
    body: &Bytes,
    delivery_id: &str,
) -> io::Result<Written> {
    let folder = locked(settings)?;
    finish(&folder)?;
    let open = open_inside(&folder, OPEN)?;
    let pieces = pieces(&open)?;
    let delivery: String =
        delivery_id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    if pieces.iter().any(|piece| piece.delivery == delivery) {
        return Ok(Written::Same);
    }
    let after = pieces.last().map_or(0, |piece| piece.came_us + 1);
    let came_us = Timestamp::now().as_microsecond().max(after);
    let temporary = temporary_name(&delivery);
    let mut file = create(&open, &temporary)?;
    file.write_all(body)?;
    file.sync_all()?;
    let name = format!("{came_us:020}.{delivery}.{batch}");
    rename((&open, temporary.as_bytes()), (&open, name.as_bytes()))?;
    open.sync_all()?;
    let bytes = sizes(&open, &pieces)? + body.len() as u64;
    if pieces.len() + 1 >= limits.messages_max || bytes >= limits.bytes_max {
        close(&folder)?;
    }
    Ok(Written::New)
}

/// Closes a batch that is old enough, or any that is open.
pub(super) fn close_due(settings: &Settings, limits: BatchLimits, any: bool) -> io::Result<()> {
    let folder = match locked(settings) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        folder => folder?,
    };
    finish(&folder)?;
    let Some(open) = there(&folder, OPEN)? else { return Ok(()) };
    let first_us = pieces(&open)?.first().map(|piece| piece.came_us);
    let age = |us: i64| {
        let micros = Timestamp::now().as_microsecond().saturating_sub(us);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    match first_us {
        Some(us) if any || age(us) >= limits.age_max => close(&folder),
        Some(_) | None => Ok(()),
    }
}

/// The folder, for one writer at a time.
fn locked(settings: &Settings) -> io::Result<File> {
    let folder = open_folder(&settings.folder, settings.makes_folder)?;
    rustix::fs::flock(&folder, FlockOperation::LockExclusive)?;
    Ok(folder)
}

fn there(folder: &File, name: &str) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(open) => Ok(Some(open.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// What is collected, oldest first. Files of other names are not ours, or not whole.
fn pieces(open: &File) -> io::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut entries = Dir::read_from(open)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let Ok(file) = entry.file_name().to_str() else { continue };
        let mut parts = file.splitn(3, '.');
        let (time, delivery, batch) = (parts.next(), parts.next(), parts.next());
        if let (Some(Ok(came_us)), Some(delivery), Some(batch)) =
            (time.map(str::parse), delivery, batch)
        {
            pieces.push(Piece {
                file: file.to_owned(),
                came_us,
                delivery: delivery.to_owned(),
                batch: batch.to_owned(),
            });
        }
    }
    pieces.sort_by_key(|piece| piece.came_us);
    Ok(pieces)
}

fn sizes(open: &File, pieces: &[Piece]) -> io::Result<u64> {
    let size = |piece: &Piece| {
        let stat = rustix::fs::statat(open, &piece.file, AtFlags::SYMLINK_NOFOLLOW)?;
        io::Result::Ok(u64::try_from(stat.st_size).unwrap_or(0))
    };
    pieces.iter().map(size).sum()
}

fn close(folder: &File) -> io::Result<()> {
    rename((folder, OPEN.as_bytes()), (folder, CLOSING.as_bytes()))?;
    folder.sync_all()?;
    finish(folder)
}

/// Publishes a batch that is being closed, from wherever a crash has left it.
fn finish(folder: &File) -> io::Result<()> {
    let Some(closing) = there(folder, CLOSING)? else { return Ok(()) };
    let pieces = pieces(&closing)?;
    if let Some(first) = pieces.first() {
        put_together(folder, &closing, &pieces)?;
        publish(folder, &first.batch)?;
    }
    let mut entries = Dir::read_from(&closing)?;
    while let Some(entry) = entries.read() {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            rustix::fs::unlinkat(&closing, name, AtFlags::empty())?;
        }
    }
    rustix::fs::unlinkat(folder, CLOSING, AtFlags::REMOVEDIR)?;
    folder.sync_all()
}

/// Writes the whole batch under the hidden name, and syncs it.
fn put_together(folder: &File, closing: &File, pieces: &[Piece]) -> io::Result<()> {
    let mut file = create(folder, TEMPORARY)?;
    let mut writer: Option<BatchWriter> = None;
    let mut out = Vec::new();
    for piece in pieces {
        let mut body = Vec::new();
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        File::from(rustix::fs::openat(closing, &piece.file, flags, Mode::empty())?)
            .read_to_end(&mut body)?;
        let batch = writer.get_or_insert_with(|| {
            let time = Timestamp::from_microsecond(piece.came_us).unwrap_or_default();
            let now = time.strftime("%Y%m%d%H%M%S+0000").to_string();
            let mut batch = BatchWriter::of(&body, &now, &format!("B{:X}", piece.came_us));
            batch.file_header(&mut out);
            batch.batch_header(&mut out);
            batch
        });
        batch.message(&body, &mut out);
        file.write_all(&out)?;
        out.clear();
    }
    if let Some(batch) = writer {
        batch.batch_trailer(&mut out);
        batch.file_trailer(&mut out);
    }
    file.write_all(&out)?;
    file.sync_all()
}

/// Gives the batch its name, or that name with a number when it is taken. A batch that is there already is not put there twice.
fn publish(folder: &File, name: &str) -> io::Result<()> {
    let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
    for number in 1..=NAMES_MAX {
        let candidate = match (number, ending) {
            (1, _) => name.to_owned(),
            (_, "") => format!("{stem}-{number}"),
            _ => format!("{stem}-{number}.{ending}"),
        };
        match rename((folder, TEMPORARY.as_bytes()), (folder, candidate.as_bytes())) {
            Ok(()) => return folder.sync_all(),
            Err(Errno::EXIST) if same(folder, TEMPORARY, &candidate)? => {
                return Ok(rustix::fs::unlinkat(folder, TEMPORARY, AtFlags::empty())?);
            }
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(io::Error::other(format!("there are {NAMES_MAX} files of the name `{name}`")))
}

/// Whether two files have the same bytes; a link or a pipe has none.
fn same(folder: &File, one: &str, other: &str) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let open = |name| rustix::fs::openat(folder, name, flags, Mode::empty()).map(File::from);
    let (mut one, mut other) = match (open(one), open(other)) {
        (Ok(one), Ok(other)) => (one, other),
        (_, Err(Errno::LOOP | Errno::NXIO)) => return Ok(false),
        (one, other) => (one?, other?),
    };
    let (size, other_about) = (one.metadata()?.len(), other.metadata()?);
    if !other_about.is_file() || other_about.len() != size {
        return Ok(false);
    }
    let (mut left, mut a, mut b) = (size, [0; 16 * 1024], [0; 16 * 1024]);
    while left > 0 {
        let step = usize::try_from(left.min(a.len() as u64)).unwrap_or(a.len());
        one.read_exact(&mut a[..step])?;
        other.read_exact(&mut b[..step])?;
        if a[..step] != b[..step] {
            return Ok(false);
        }
        left -= step as u64;
    }
    Ok(true)
}
