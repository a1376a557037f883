use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::name::Name;

/// The most tests of one channel, and the most bytes of one file of a test.
const TESTS_MAX: usize = 10_000;
const BYTES_MAX: u64 = 64 << 20;

/// A folder beside a channel that holds one test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFolder {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its files by name; hidden ones are left out.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// The tests of a channel, `channels/NAME/tests/*`, by name; none when there is no such folder.
pub fn test_folders(root: &Path, channel: &Name) -> io::Result<Vec<TestFolder>> {
    let folder = root.join("channels").join(channel.as_str()).join("tests");
    let mut folders = Vec::new();
    for path in entries(&folder)? {
        if !path.is_dir() {
            continue;
        }
        let mut files = BTreeMap::new();
        for file in entries(&path)? {
            if fs::metadata(&file)?.len() > BYTES_MAX {
                return Err(io::Error::other(format!("`{}` is too large", file.display())));
            }
            files.insert(name_of(&file), fs::read(&file)?);
        }
        folders.push(TestFolder { name: name_of(&path), path, files });
    }
    Ok(folders)
}

/// What is in a folder and not hidden, by name.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let listed = match fs::read_dir(folder) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in listed.take(TESTS_MAX) {
        let path = entry?.path();
        let name = name_of(&path);
        if !name.starts_with('.') && !name.ends_with('~') {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
