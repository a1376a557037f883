//! One engine per store.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::OpenError;

/// Holds the store's lock file for the life of the process: the system lets go of it however the process ends.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock beside a store's file, or says that somebody else has it.
    pub(crate) fn take(store: &Path) -> Result<StoreLock, OpenError> {
        let mut path = store.as_os_str().to_owned();
        path.push(".lock");
        let unreachable = |error: std::io::Error| {
            OpenError::Unreachable(format!("{}: {}", path.display(), error.kind()))
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unreachable)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(OpenError::Locked(path.display().to_string()));
            }
            Err(error) => return Err(unreachable(error.into())),
        }
        // Only for a person who wonders; nothing reads it.
        let noted = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        noted.map_err(unreachable)?;
        Ok(StoreLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_engine_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("hilum.db");
        let first = StoreLock::take(&store).unwrap();
        assert!(matches!(StoreLock::take(&store), Err(OpenError::Locked(_))));
        drop(first);
        StoreLock::take(&store).unwrap();
    }
}
