//! Messages one after the other in a file, such as one a day.
//!
//! Beside each file a hidden one holds how much of it is whole and synced. What is behind that at the next delivery was torn by a crash
//! and is cut off: its message was not settled, and comes again.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use bytes::Bytes;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::folder::open_folder;
use super::settings::Settings;
use super::writer::Written;

/// As long as any two numbers of 64 bits, so that writing the note again never leaves a rest of the old one.
const NOTE_LEN: usize = 42;

pub(super) fn write(settings: &Settings, name: &str, body: &Bytes) -> io::Result<Written> {
    let folder = open_folder(&settings.folder, settings.makes_folder)?;
    let note = open(&folder, &format!(".{name}.length"))?;
    let Some(note) = plain(note)? else { return Ok(Written::Taken) };
    // Another lane of this destination may be writing: it takes a moment.
    rustix::fs::flock(&note, FlockOperation::LockExclusive)?;
    let file = match open(&folder, name) {
        Err(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => return Ok(Written::Taken),
        opened => opened?,
    };
    let Some(file) = plain(file)? else { return Ok(Written::Taken) };
    let mut end = whole(&file, &note)?;
    if end > 0 && !ends_a_line(&file, end)? {
        file.write_all_at(b"\r", end)?;
        end += 1;
    }
    file.write_all_at(body, end)?;
    end += body.len() as u64;
    if !body.ends_with(b"\r") && !body.ends_with(b"\n") {
        file.write_all_at(b"\r", end)?;
        end += 1;
    }
    file.sync_all()?;
    let said = format!("{:020} {end:020}\n", file.metadata()?.ino());
    note.write_all_at(said.as_bytes(), 0)?;
    note.sync_all()?;
    // Their names, the first time.
    folder.sync_all()?;
    Ok(Written::New)
}

fn open(folder: &File, name: &str) -> rustix::io::Result<File> {
    let flags =
        OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP).map(File::from)
}

/// The file, when it is a regular one with one name: what has another name elsewhere is not ours to change.
fn plain(file: File) -> io::Result<Option<File>> {
    let about = file.metadata()?;
    Ok((about.is_file() && about.nlink() == 1).then_some(file))
}

/// How much of the file is whole; what is behind it is cut off.
fn whole(file: &File, note: &File) -> io::Result<u64> {
    let about = file.metadata()?;
    let mut said = [0; NOTE_LEN];
    let read = note.read_exact_at(&mut said, 0).ok().and_then(|()| {
        let (inode, length) = std::str::from_utf8(&said).ok()?.trim_end().split_once(' ')?;
        Some((inode.parse::<u64>().ok()?, length.parse::<u64>().ok()?))
    });
    match read {
        Some((inode, length)) if inode == about.ino() && length < about.len() => {
            tracing::warn!(cut_bytes = about.len() - length, "file.torn_end_cut");
            file.set_len(length)?;
            Ok(length)
        }
        // A first delivery, or a file that somebody else put there or shortened: it is gone on with as it is.
        Some(_) | None => Ok(about.len()),
    }
}

fn ends_a_line(file: &File, end: u64) -> io::Result<bool> {
    let mut last = [0];
    file.read_exact_at(&mut last, end - 1)?;
    Ok(matches!(last[0], b'\r' | b'\n'))
}
