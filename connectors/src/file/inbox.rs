//! The folder of a source: what lies in it, what is claimed, and where it goes.
//!
//! A file is claimed by moving it into a hidden folder inside the folder, so that whoever put it there cannot touch it by its name any more,
//! and a crash leaves it where the next start looks first. Only what is opened is believed: a regular file of this file system, with
//! one name, and with the size and time that it was claimed with.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::folder::{create, open_folder, open_inside, rename};
use super::source_settings::{Order, Place, SourceSettings};

/// Where claimed files are.
const WORKING: &str = ".hilum";
/// Files that are looked at in one round, the first ones in order; the others wait, so that memory is bounded.
const LOOK_MAX: usize = 10_000;

/// What makes a file the same file with the same content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified_s: i64,
    modified_ns: u64,
}

impl Stamp {
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    #[cfg(test)]
    pub(super) fn of_size(size: u64) -> Stamp {
        Stamp { device: 1, inode: 1, size, modified_s: 0, modified_ns: 0 }
    }
}

/// A file that may be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) name: Vec<u8>,
    pub(super) stamp: Stamp,
}

/// Why something in the folder is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Unfit {
    /// A link, a pipe, a device, a socket or a folder.
    NotAFile,
    /// It has another name somewhere.
    HardLinked,
    /// Something is mounted there.
    Mounted,
    /// It became something else between two looks.
    Changed,
    /// A file of its name is claimed and not finished.
    NameClaimed,
    /// The system does not let us move it.
    NotOurs,
}

impl Unfit {
    pub(super) fn text(self) -> &'static str {
        match self {
            Unfit::NotAFile => "it is no regular file",
            Unfit::HardLinked => "it has another name somewhere (a hard link)",
            Unfit::Mounted => "it is on another file system",
            Unfit::Changed => "it changed while it was taken",
            Unfit::NameClaimed => "another file of its name is still being taken",
            Unfit::NotOurs => "the engine may not move it",
        }
    }
}

/// What one look has found.
#[derive(Default)]
pub(super) struct Look {
    /// The first files in order.
    pub(super) candidates: Vec<Candidate>,
    /// What is left alone.
    pub(super) unfit: Vec<(Vec<u8>, Unfit)>,
}

/// The open folders of a source. While it lives no other source reads the folder.
pub(super) struct Inbox {
    settings: Arc<SourceSettings>,
    folder: File,
    working: File,
    done: Option<File>,
    errors: File,
    acks: Option<File>,
    device: u64,
    inode: u64,
}

impl Inbox {
    /// Opens the folders. They must be there and lie on one file system.
    pub(super) fn open(settings: &Arc<SourceSettings>) -> io::Result<Inbox> {
        let folder = open_named(&settings.folder)?;
        let about = rustix::fs::fstat(&folder)?;
        let within = |place: &Place| {
            let opened = open_named(place)?;
            match rustix::fs::fstat(&opened)?.st_dev == about.st_dev {
                true => Ok(opened),
                false => Err(named(place, "it is on another file system than `folder`")),
            }
        };
        Ok(Inbox {
            working: open_inside(&folder, WORKING)?,
            done: settings.done.as_ref().map(within).transpose()?,
            errors: within(&settings.errors)?,
            acks: settings.acks.as_ref().map(open_named).transpose()?,
            folder,
            device: about.st_dev,
            inode: about.st_ino,
            settings: Arc::clone(settings),
        })
    }

    /// Keeps other sources out; false when one is in.
    pub(super) fn lock(&self) -> io::Result<bool> {
        match rustix::fs::flock(&self.working, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether the path still leads to the folder that is open.
    pub(super) fn is_current(&self) -> bool {
        let there = rustix::fs::statat(
            rustix::fs::CWD,
            &self.settings.folder.path,
            AtFlags::SYMLINK_NOFOLLOW,
        );
        there.is_ok_and(|stat| (stat.st_dev, stat.st_ino) == (self.device, self.inode))
    }

    /// What an earlier round, or an earlier life, has claimed and not finished.
    pub(super) fn claimed(&self) -> io::Result<Look> {
        self.look_into(&self.working, |_| true)
    }

    /// What lies in the folder now.
    pub(super) fn look(&self) -> io::Result<Look> {
        let pattern = &self.settings.pattern;
        self.look_into(&self.folder, |name| !name.starts_with(b".") && pattern.matches(name))
    }

    fn look_into(&self, folder: &File, wanted: impl Fn(&[u8]) -> bool) -> io::Result<Look> {
        let mut look = Look::default();
        let mut first: BinaryHeap<(i64, u64, Vec<u8>)> = BinaryHeap::new();
        let mut entries = Dir::read_from(folder)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." || !wanted(name) || self.is_ours(name) {
                continue;
            }
            match entry.file_type() {
                FileType::RegularFile | FileType::Unknown => {}
                _ => {
                    if look.unfit.len() < LOOK_MAX {
                        look.unfit.push((name.to_owned(), Unfit::NotAFile));
                    }
                    continue;
                }
            }
            let (seconds, nanoseconds) = match self.settings.order {
                Order::Name => (0, 0),
                Order::Time => match stat(folder, name) {
                    Ok(stat) => (stat.st_mtime, stat.st_mtime_nsec),
                    Err(_) => continue,
                },
            };
            first.push((seconds, nanoseconds, name.to_owned()));
            if first.len() > LOOK_MAX {
                first.pop();
            }
        }
        for (_, _, name) in first.into_sorted_vec() {
            // One that is gone by now is nobody's concern.
            let Ok(stat) = stat(folder, &name) else { continue };
            match self.fit(&stat) {
                Ok(stamp) => look.candidates.push(Candidate { name, stamp }),
                Err(unfit) => look.unfit.push((name, unfit)),
            }
        }
        Ok(look)
    }

    /// The folders that files are moved to may lie inside.
    fn is_ours(&self, name: &[u8]) -> bool {
        let places =
            [self.settings.done.as_ref(), Some(&self.settings.errors), self.settings.acks.as_ref()];
        places.into_iter().flatten().any(|place| {
            place.path.parent() == Some(&self.settings.folder.path)
                && place.path.file_name().is_some_and(|own| own.as_encoded_bytes() == name)
        })
    }

    fn fit(&self, stat: &Stat) -> Result<Stamp, Unfit> {
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Unfit::NotAFile);
        }
        if stat.st_dev != self.device {
            return Err(Unfit::Mounted);
        }
        if stat.st_nlink != 1 {
            return Err(Unfit::HardLinked);
        }
        Ok(Stamp {
            device: stat.st_dev,
            inode: stat.st_ino,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified_s: stat.st_mtime,
            modified_ns: stat.st_mtime_nsec,
        })
    }

    /// Moves a file out of everybody's reach; nothing when it is gone.
    pub(super) fn claim(&self, candidate: &Candidate) -> io::Result<Option<Result<(), Unfit>>> {
        let name = candidate.name.as_slice();
        match rename((&self.folder, name), (&self.working, name)) {
            Ok(()) => Ok(Some(Ok(()))),
            Err(Errno::NOENT) => Ok(None),
            Err(Errno::BUSY | Errno::XDEV) => Ok(Some(Err(Unfit::Mounted))),
            Err(Errno::EXIST) => Ok(Some(Err(Unfit::NameClaimed))),
            Err(Errno::ACCESS | Errno::PERM) => Ok(Some(Err(Unfit::NotOurs))),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Reads a claimed file whole; one that is not what was seen goes back to where it was.
    pub(super) fn read(&self, candidate: &Candidate) -> io::Result<Result<Contents, Unfit>> {
        let name = candidate.name.as_slice();
        let mut file = match open_beneath(&self.working, name) {
            Ok(file) => file,
            Err(Errno::LOOP | Errno::NXIO | Errno::XDEV | Errno::NODEV) => {
                return self.give_back(name, Unfit::NotAFile);
            }
            Err(Errno::ACCESS | Errno::PERM) => return Ok(Ok(Contents::NotAllowed)),
            Err(errno) => return Err(errno.into()),
        };
        match self.fit(&rustix::fs::fstat(&file)?) {
            Ok(stamp) if stamp != candidate.stamp => return self.give_back(name, Unfit::Changed),
            Err(unfit) => return self.give_back(name, unfit),
            Ok(stamp) if stamp.size > self.settings.file_bytes_max => {
                return Ok(Ok(Contents::TooLarge));
            }
            Ok(_) => {}
        }
        let mut bytes = Vec::with_capacity(usize::try_from(candidate.stamp.size).unwrap_or(0));
        (&mut file).take(candidate.stamp.size + 1).read_to_end(&mut bytes)?;
        let after = self.fit(&rustix::fs::fstat(&file)?);
        if after != Ok(candidate.stamp) || bytes.len() as u64 != candidate.stamp.size {
            return self.give_back(name, Unfit::Changed);
        }
        Ok(Ok(Contents::Read(bytes.into())))
    }

    fn give_back(&self, name: &[u8], unfit: Unfit) -> io::Result<Result<Contents, Unfit>> {
        match rename((&self.working, name), (&self.folder, name)) {
            Ok(()) | Err(Errno::NOENT) => Ok(Err(unfit)),
            // A new file has its name: it waits in the hidden folder for somebody to look at it.
            Err(Errno::EXIST) => Ok(Err(unfit)),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Ends a claimed file whose messages are all on disk.
    pub(super) fn finish(&self, name: &[u8]) -> io::Result<()> {
        match &self.done {
            Some(done) => self.put(name, done).map(drop),
            None => match rustix::fs::unlinkat(&self.working, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => Ok(()),
                Err(errno) => Err(errno.into()),
            },
        }
    }

    /// Puts a claimed file among the errors, with the reason beside it.
    pub(super) fn fail(&self, name: &[u8], code: &str, sentence: &str) -> io::Result<()> {
        let placed = self.put(name, &self.errors)?;
        let kept = &placed[..placed.len().min(200)];
        let why = [kept, b".why"].concat();
        let text = format!("code: {code}\ntime: {}\n{sentence}\n", Timestamp::now());
        // Whatever has its name makes way, and is not written through.
        let _ = rustix::fs::unlinkat(&self.errors, why.as_slice(), AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP;
        let mut file: File = rustix::fs::openat(&self.errors, why.as_slice(), flags, mode)?.into();
        file.write_all(text.as_bytes())
    }

    /// Moves a claimed file, under a name with the time in it when its own is taken; gives the name.
    fn put(&self, name: &[u8], folder: &File) -> io::Result<Vec<u8>> {
        match rename((&self.working, name), (folder, name)) {
            Ok(()) => return Ok(name.to_owned()),
            // Somebody has taken it away: then it is no concern of ours. Else the folder is gone, and that is.
            Err(Errno::NOENT) if stat(&self.working, name).err() == Some(Errno::NOENT) => {
                return Ok(name.to_owned());
            }
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
        let other = with_time(name);
        rename((&self.working, name), (folder, other.as_slice()))?;
        Ok(other)
    }

    /// Begins the file of acknowledgements for a claimed file, when they are wanted.
    pub(super) fn begin_acks(&self, name: &[u8]) -> io::Result<Option<AckFile>> {
        let Some(acks) = &self.acks else { return Ok(None) };
        let temporary = format!(".{:x}.tmp", self.inode_of(name));
        let file = create(acks, &temporary)?;
        let name = [&name[..name.len().min(200)], b".ack"].concat();
        Ok(Some(AckFile { file, folder: acks.try_clone()?, temporary, name }))
    }

    fn inode_of(&self, name: &[u8]) -> u64 {
        stat(&self.working, name).map_or(0, |stat| stat.st_ino)
    }
}

/// What a claimed file holds.
pub(super) enum Contents {
    Read(Bytes),
    TooLarge,
    /// The system does not let us read it.
    NotAllowed,
}

/// A file of acknowledgements that grows under a hidden name.
pub(super) struct AckFile {
    file: File,
    folder: File,
    temporary: String,
    name: Vec<u8>,
}

impl AckFile {
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives it its name.
    pub(super) fn publish(self) -> io::Result<()> {
        self.file.sync_all()?;
        let from = (&self.folder, self.temporary.as_bytes());
        match rename(from, (&self.folder, &self.name)) {
            Err(Errno::EXIST) => rename(from, (&self.folder, &with_time(&self.name)))?,
            renamed => renamed?,
        }
        self.folder.sync_all()
    }

    /// Leaves nothing behind.
    pub(super) fn give_up(self) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.folder, &self.temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn stat(folder: &File, name: &[u8]) -> rustix::io::Result<Stat> {
    rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// Opens a name of the folder and nothing else, whatever has been put in its place.
fn open_beneath(folder: &File, name: &[u8]) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    match rustix::fs::openat2(folder, name, flags, Mode::empty(), resolve) {
        // Before Linux 5.6, or in a sandbox that does not know it. The name is one name, so the flags say the same.
        Err(Errno::NOSYS | Errno::PERM) => {
            rustix::fs::openat(folder, name, flags, Mode::empty()).map(File::from)
        }
        opened => opened.map(File::from),
    }
}

fn open_named(place: &Place) -> io::Result<File> {
    open_folder(&place.path, place.is_made).map_err(|error| named(place, &error.to_string()))
}

fn named(place: &Place, problem: &str) -> io::Error {
    io::Error::other(format!("folder `{}`: {problem}", place.path.display()))
}

/// `orders-20261125T224306.123456Z.hl7`.
fn with_time(name: &[u8]) -> Vec<u8> {
    let time = Timestamp::now().strftime("-%Y%m%dT%H%M%S.%6fZ").to_string();
    let dot = name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0);
    let (stem, ending) = name.split_at(dot.unwrap_or(name.len()));
    let stem = &stem[..stem.len().min(200)];
    let ending = &ending[..ending.len().min(16)];
    [stem, time.as_bytes(), ending].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    /// Sees `a.hl7`, lets it be swapped, and takes it.
    fn swapped(
        after_look: impl FnOnce(&Path),
        after_claim: impl FnOnce(&Path),
    ) -> (Result<Vec<u8>, Unfit>, tempfile::TempDir) {
        let root = tempfile::TempDir::new().unwrap();
        let folder = root.path().join("in");
        fs::create_dir(&folder).unwrap();
        fs::write(root.path().join("outside"), "MSH|outside\r").unwrap();
        fs::write(folder.join("a.hl7"), "MSH|inside\r").unwrap();
        let inbox = Inbox::open(&Arc::new(SourceSettings::new(&folder))).unwrap();
        let found = inbox.look().unwrap().candidates.remove(0);
        after_look(&folder.join("a.hl7"));
        assert_eq!(inbox.claim(&found).unwrap(), Some(Ok(())));
        after_claim(&folder.join(".hilum/a.hl7"));
        let read = inbox.read(&found).unwrap().map(|contents| match contents {
            Contents::Read(bytes) => bytes.to_vec(),
            Contents::TooLarge | Contents::NotAllowed => panic!("it is small and ours"),
        });
        (read, root)
    }

    #[test]
    fn what_is_swapped_after_a_look_is_not_read_and_goes_back() {
        let outside = |path: &Path| {
            path.ancestors().find(|a| a.join("outside").exists()).unwrap().join("outside")
        };
        let link = |path: &Path| {
            let target = outside(path);
            fs::remove_file(path).unwrap();
            symlink(target, path).unwrap();
        };
        let pipe = |path: &Path| {
            fs::remove_file(path).unwrap();
            let (kind, mode) = (FileType::Fifo, Mode::RUSR);
            rustix::fs::mknodat(rustix::fs::CWD, path, kind, mode, 0).unwrap();
        };
        let folder = |path: &Path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        };
        let other = |path: &Path| fs::rename(outside(path), path).unwrap();
        let second_name = |path: &Path| fs::hard_link(path, path.with_extension("x")).unwrap();
        let longer = |path: &Path| fs::write(path, "MSH|inside and more\r").unwrap();
        type Swap<'a> = &'a dyn Fn(&Path);
        let cases: [(Swap<'_>, Unfit); 6] = [
            (&link, Unfit::NotAFile),
            (&pipe, Unfit::NotAFile),
            (&folder, Unfit::NotAFile),
            (&other, Unfit::Changed),
            (&second_name, Unfit::HardLinked),
            (&longer, Unfit::Changed),
        ];
        for (number, (swap, expected)) in cases.into_iter().enumerate() {
            for early in [true, false] {
                let nothing = |_: &Path| {};
                let (first, then): (Swap<'_>, Swap<'_>) =
                    if early { (swap, &nothing) } else { (&nothing, swap) };
                let (read, root) = swapped(first, then);
                assert_eq!(read, Err(expected), "case {number}, early {early}");
                assert!(fs::symlink_metadata(root.path().join("in/a.hl7")).is_ok(), "it goes back");
            }
        }
        assert_eq!(swapped(|_| {}, |_| {}).0, Ok(b"MSH|inside\r".to_vec()));
    }
}
