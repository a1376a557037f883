//! Writes files so that a reader sees a whole one or none, and a crash loses none.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use phi::Phi;
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use tokio::time::Instant;

use super::settings::Settings;
use crate::{Evidence, Outcome, Outgoing};

/// A file destination.
///
/// A file is written under a temporary name, synced, renamed without replacing anything, and the folder is synced.
/// Delivery is at least once, and a repeat finds the same file and adds nothing.
pub struct Writer {
    settings: Arc<Settings>,
}

/// What became of one file.
enum Written {
    New,
    /// It was there already, byte for byte: an earlier try that was not recorded.
    Same,
    /// The name is taken by something else.
    Taken,
}

impl Writer {
    /// A writer; nothing is touched before the first delivery.
    pub fn new(settings: Settings) -> Writer {
        Writer { settings: Arc::new(settings) }
    }

    /// Writes one message. Disk work happens on a thread of its own, so that a slow disk holds nobody else up.
    pub async fn deliver(&mut self, out: &Outgoing<'_>) -> Outcome {
        let started = Instant::now();
        let name = self.settings.name.render(out);
        let temporary = temporary_name(out.delivery_id);
        let (settings, body, final_name) =
            (Arc::clone(&self.settings), out.body.clone(), name.clone());
        let work =
            tokio::task::spawn_blocking(move || write(&settings, &temporary, &final_name, &body));
        let written =
            work.await.unwrap_or_else(|_| Err(io::Error::other("the disk work was broken off")));
        let evidence = |code, answered, text: Option<String>| Evidence {
            code,
            answered,
            peer: self.settings.folder.display().to_string(),
            duration: started.elapsed(),
            response: None,
            text: text.map(Phi::new),
        };
        match written {
            Ok(Written::New) => Outcome::Accepted(evidence("written", true, Some(name))),
            Ok(Written::Same) => Outcome::Accepted(evidence("written-before", true, Some(name))),
            Ok(Written::Taken) => Outcome::Never(evidence(
                "name-taken",
                true,
                Some(format!("`{name}` exists with other content")),
            )),
            // The folder may be back, or the disk have room, at any time: a file is never given up for that.
            Err(error) => {
                Outcome::Later(evidence(code_of(&error), false, Some(format!("`{name}`: {error}"))))
            }
        }
    }
}

/// A name no reader looks at, one per delivery, so that two writers never share it.
fn temporary_name(delivery_id: &str) -> String {
    let id: String =
        delivery_id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(64).collect();
    format!(".{id}.tmp")
}

fn code_of(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => "no-space",
        Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => "no-folder",
        Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => "not-allowed",
        _ => "unreachable",
    }
}

fn write(settings: &Settings, temporary: &str, name: &str, body: &Bytes) -> io::Result<Written> {
    let folder = open_folder(settings)?;
    let mut file = create(&folder, temporary)?;
    let written = file
        .write_all(body)
        .and_then(|()| file.sync_all())
        .and_then(|()| publish(&folder, temporary, name, body));
    if written.is_err() {
        // Best effort: the error that matters is the first one, and the next try removes what is left.
        let _ = rustix::fs::unlinkat(&folder, temporary, AtFlags::empty());
    }
    written
}

/// The folder itself: a link in its place could lead anywhere, so it is not followed.
fn open_folder(settings: &Settings) -> io::Result<File> {
    let open = || {
        rustix::fs::openat(
            CWD,
            &settings.folder,
            OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )
    };
    match open() {
        Err(Errno::NOENT) if settings.makes_folder => {
            make_folder(&settings.folder)?;
            Ok(open()?.into())
        }
        opened => Ok(opened?.into()),
    }
}

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

/// Gives a synced file its name, and makes that last.
fn publish(folder: &File, temporary: &str, name: &str, body: &Bytes) -> io::Result<Written> {
    let written = match rename(folder, temporary, name) {
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

/// Makes the temporary file and locks it, so that a try that was broken off and still runs cannot get mixed up with this one.
fn create(folder: &File, temporary: &str) -> io::Result<File> {
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

/// Gives the file its name unless something has it already.
fn rename(folder: &File, temporary: &str, name: &str) -> rustix::io::Result<()> {
    match rustix::fs::renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE) {
        // Some network file systems cannot do that in one step; a link does not replace either.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::linkat(folder, temporary, folder, name, AtFlags::empty())?;
            rustix::fs::unlinkat(folder, temporary, AtFlags::empty())
        }
        renamed => renamed,
    }
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
