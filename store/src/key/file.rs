//! A key in a file: who may read it, and how it is made so that it is never lost or half there.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::StoreKey;
use crate::error::OpenError;

/// More than a key with its line end; a longer file is no key.
const FILE_BYTES_MAX: u64 = 256;

/// Reads the key, or nothing when there is no file.
pub(super) fn read(path: &Path) -> Result<Option<StoreKey>, OpenError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unusable(path, &error)),
    };
    let metadata = file.metadata().map_err(|error| unusable(path, &error))?;
    check(path, &metadata, "others may read or write it: its mode must be 0600")?;
    if let Some(folder) = path.parent() {
        check_folder(folder)?;
    }
    let mut text = zeroize::Zeroizing::new(Vec::new());
    file.take(FILE_BYTES_MAX).read_to_end(&mut text).map_err(|error| unusable(path, &error))?;
    StoreKey::parse(&text)
        .map(Some)
        .ok_or_else(|| OpenError::KeyDamaged(format!("file:{}", path.display())))
}

/// Refuses a folder that others may enter, or that somebody else owns.
pub(crate) fn check_folder(folder: &Path) -> Result<(), OpenError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let metadata = fs::metadata(folder).map_err(|error| unusable(folder, &error))?;
    check(folder, &metadata, "others may enter it: its mode must be 0700")
}

/// Refuses a key in a file, when there is one, that others may read or that somebody else owns.
pub(crate) fn check_key(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(metadata) => {
            check(path, &metadata, "others may read or write it: its mode must be 0600")
        }
        Err(_) => Ok(()),
    }
}

fn check(path: &Path, metadata: &fs::Metadata, problem: &'static str) -> Result<(), OpenError> {
    let refuse = |problem| Err(OpenError::Modes { path: path.to_owned(), problem });
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return refuse("another user owns it");
    }
    if metadata.mode() & 0o077 != 0 {
        return refuse(problem);
    }
    Ok(())
}

/// Makes a key: the file and its folder are on disk before this returns, and it never replaces one.
pub(super) fn make(path: &Path) -> Result<StoreKey, OpenError> {
    let folder = path.parent().map_or_else(|| PathBuf::from("."), Path::to_owned);
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| unusable(&folder, &error))?;
    check_folder(&folder)?;
    let key = StoreKey::random();
    let mut partial = path.as_os_str().to_owned();
    partial.push(".new");
    let partial = PathBuf::from(partial);
    write(&partial, &key).map_err(|error| unusable(&partial, &error))?;
    // A link instead of a rename: when a key appeared meanwhile, it stays.
    let linked = fs::hard_link(&partial, path).map_err(|error| unusable(path, &error));
    let removed = fs::remove_file(&partial).map_err(|error| unusable(&partial, &error));
    linked.and(removed)?;
    sync_folder(&folder).map_err(|error| unusable(&folder, &error))?;
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_folder(parent).map_err(|error| unusable(parent, &error))?;
    }
    Ok(key)
}

fn write(path: &Path, key: &StoreKey) -> std::io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(key.to_text().as_bytes())?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

fn unusable(path: &Path, error: &std::io::Error) -> OpenError {
    OpenError::KeyUnusable {
        name: format!("file:{}", path.display()),
        problem: error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_made_key_is_private_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/store.key");
        let key = make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
        assert_eq!(read(&path).unwrap().unwrap().id(), key.id());
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(make(&path).is_err(), "a key is never replaced");
        assert_eq!(read(&path).unwrap().unwrap().id(), key.id());
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/store.key");
        make(&path).unwrap();
        for mode in [0o640, 0o604, 0o660] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(read(&path), Err(OpenError::Modes { .. })), "{mode:o}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o750)).unwrap();
        assert!(matches!(read(&path), Err(OpenError::Modes { .. })));
    }

    #[test]
    fn a_damaged_key_is_refused_and_a_missing_one_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/store.key");
        assert!(read(&path).unwrap().is_none());
        make(&path).unwrap();
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..40]).unwrap();
        assert!(matches!(read(&path), Err(OpenError::KeyDamaged(_))));
        fs::write(&path, "").unwrap();
        assert!(matches!(read(&path), Err(OpenError::KeyDamaged(_))));
    }
}
