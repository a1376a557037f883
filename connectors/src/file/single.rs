//! One file for each message, so that a reader sees a whole one or none, and a crash loses none.
//!
//! A file is written under a temporary name, synced, renamed without replacing anything, and the folder is synced. A repeat finds the
//! same file and adds nothing.

use std::fs::File;
use std::io::{self, Read, Write};

use bytes::Bytes;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::folder::{create, open_folder, rename, temporary_name};
use super::settings::Settings;
use super::writer::Written;

pub(super) fn write(
    settings: &Settings,
    name: &str,
    body: &Bytes,
    delivery_id: &str,
) -> io::Result<Written> {
    let folder = open_folder(&settings.folder, settings.makes_folder)?;
    let temporary = temporary_name(delivery_id);
    let mut file = create(&folder, &temporary)?;
    let written = file
        .write_all(body)
        .and_then(|()| file.sync_all())
        .and_then(|()| publish(&folder, &temporary, name, body));
    if written.is_err() {
        // Best effort: the error that matters is the first one, and the next try removes what is left.
        let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
    }
    written
}

/// Gives a synced file its name, and makes that last.
fn publish(folder: &File, temporary: &str, name: &str, body: &Bytes) -> io::Result<Written> {
    let written = match rename((folder, temporary.as_bytes()), (folder, name.as_bytes())) {
        Ok(()) => Written::New,
        Err(Errno::EXIST) => {
            rustix::fs::unlinkat(folder, temporary, AtFlags::empty())?;
            if holds(folder, name, body)? { Written::Same } else { Written::Taken }
        }
        Err(errno) => return Err(errno.into()),
    };
    folder.sync_all()?;
    Ok(written)
}

/// Whether a file is there with just these bytes.
fn holds(folder: &File, name: &str, body: &Bytes) -> io::Result<bool> {
    // A pipe in its place must not make us wait, nor a link lead us away.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: File = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
        Ok(file) => file.into(),
        Err(Errno::LOOP | Errno::NXIO) => return Ok(false),
        Err(errno) => return Err(errno.into()),
    };
    let about = file.metadata()?;
    if !about.is_file() || about.len() != body.len() as u64 {
        return Ok(false);
    }
    let mut bytes = Vec::with_capacity(body.len());
    file.take(about.len() + 1).read_to_end(&mut bytes)?;
    Ok(bytes == body.as_ref())
}
