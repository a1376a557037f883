//! Folders as sources and destinations use them: opened without following a link, filled without replacing anything.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

/// The folder itself: a link in its place could lead anywhere, so it is not followed.
pub(super) fn open_folder(path: &Path, makes_folder: bool) -> io::Result<File> {
    let open = || rustix::fs::openat(CWD, path, FOLDER, Mode::empty());
    match open() {
        Err(Errno::NOENT) if makes_folder => {
            make_folder(path)?;
            Ok(open()?.into())
        }
        opened => Ok(opened?.into()),
    }
}

/// A folder inside an open one, made when it is missing.
pub(super) fn open_inside(folder: &File, name: &str) -> io::Result<File> {
    let open = || rustix::fs::openat(folder, name, FOLDER, Mode::empty());
    match open() {
        Err(Errno::NOENT) => {
            match rustix::fs::mkdirat(folder, name, Mode::RWXU) {
                Ok(()) => folder.sync_all()?,
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
            Ok(open()?.into())
        }
        opened => Ok(opened?.into()),
    }
}

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Makes a folder and what is missing above it, each synced into its parent before anything is put in.
fn make_folder(path: &Path) -> io::Result<()> {
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) => File::open(parent)?.sync_all(),
        Err(Errno::EXIST) => Ok(()),
        Err(Errno::NOENT) if parent != path => {
            make_folder(parent)?;
            make_folder(path)
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Makes a temporary file and locks it, so that a try that was broken off and still runs cannot get mixed up with this one.
pub(super) fn create(folder: &File, temporary: &str) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let create = || {
        rustix::fs::openat(
            folder,
            temporary,
            flags | OFlags::CREATE | OFlags::EXCL,
            Mode::RUSR | Mode::WUSR | Mode::RGRP,
        )
    };
    let file: File = match create() {
        Err(Errno::EXIST) => {
            let left: File = rustix::fs::openat(folder, temporary, flags, Mode::empty())?.into();
            rustix::fs::flock(&left, FlockOperation::NonBlockingLockExclusive)?;
            // Nobody writes it: a crash left it, and it is this delivery's own.
            rustix::fs::unlinkat(folder, temporary, AtFlags::empty())?;
            create()?.into()
        }
        created => created?.into(),
    };
    rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Gives a file its name in a folder unless something has that name already.
pub(super) fn rename(from: (&File, &[u8]), to: (&File, &[u8])) -> rustix::io::Result<()> {
    let ((from, old), (to, new)) = (from, to);
    match rustix::fs::renameat_with(from, old, to, new, RenameFlags::NOREPLACE) {
        // Some network file systems cannot do that in one step; a link does not replace either.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::linkat(from, old, to, new, AtFlags::empty())?;
            rustix::fs::unlinkat(from, old, AtFlags::empty())
        }
        renamed => renamed,
    }
}

/// A name no reader looks at, one per delivery, so that two writers never share it.
pub(super) fn temporary_name(delivery_id: &str) -> String {
    let id: String =
        delivery_id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    format!(".{id}.tmp")
}
