//! Files that nobody else may read, whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use crate::exit::{Code, Failure};

/// Where files are put.
pub struct Place<'a> {
    /// The folder, which is made when it is not there.
    pub folder: &'a Path,
    /// Files that are there are replaced.
    pub replace: bool,
}

/// Makes the folder, and refuses to go on where a file would be replaced that must not be.
pub fn prepare(place: &Place<'_>, names: &[&str]) -> Result<(), Failure> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(place.folder);
    made.map_err(|error| unwritten(place.folder, &error))?;
    match names.iter().map(|name| place.folder.join(name)).find(|path| path.exists()) {
        Some(there) if !place.replace => {
            Err(Failure::new(Code::Refused, format!("`{}` is there already", there.display()))
                .hint("`--out DIR` names another folder, `--force` replaces it"))
        }
        _ => Ok(()),
    }
}

/// Writes one: 0600, synced before it gets its name, and never over another one unless that was asked for.
pub fn write(place: &Place<'_>, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = place.folder.join(name);
    put(place, &path, bytes).map_err(|error| unwritten(&path, &error))
}

fn put(place: &Place<'_>, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    if place.replace {
        fs::rename(&partial, path)?;
    } else {
        // A link instead of a rename: a file that has appeared meanwhile stays.
        let linked = fs::hard_link(&partial, path);
        fs::remove_file(&partial)?;
        linked?;
    }
    File::open(place.folder)?.sync_all()
}

fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::Refused, format!("`{}` cannot be written: {error}", path.display()))
}
