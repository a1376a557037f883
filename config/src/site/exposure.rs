use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder or file of the site that other users of the machine could read or change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// The folder or file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: ExposureKind,
}

/// What is wrong with a file's owner or mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExposureKind {
    /// It belongs to another user.
    Owner(u32),
    /// Its mode lets others in.
    Mode(u32),
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            ExposureKind::Owner(uid) => {
                write!(f, "`{}` belongs to user {uid}", self.path.display())
            }
            ExposureKind::Mode(mode) => write!(
                f,
                "`{}` has mode {mode:04o}: other users can read or change it",
                self.path.display()
            ),
        }
    }
}

/// The exposed parts of a site's configuration: the folder itself, `server.toml`, and the folders of channels, variables and tables.
///
/// `profile = "production"` refuses to start with any; development starts and warns.
pub fn exposures(root: &Path) -> io::Result<Vec<Exposure>> {
    exposures_of(root, rustix::process::geteuid().as_raw())
}

/// The same, where the engine is another user's than the one who looks.
pub fn exposures_of(root: &Path, own: u32) -> io::Result<Vec<Exposure>> {
    let mut found = Vec::new();
    for part in ["", "server.toml", "channels", "vars", "tables"] {
        let path = if part.is_empty() { root.to_owned() } else { root.join(part) };
        let facts = match fs::metadata(&path) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !part.is_empty() => continue,
            Err(error) => return Err(error),
        };
        if facts.uid() != own {
            found.push(Exposure { path: path.clone(), problem: ExposureKind::Owner(facts.uid()) });
        }
        if facts.mode() & 0o077 != 0 {
            found.push(Exposure { path, problem: ExposureKind::Mode(facts.mode() & 0o7777) });
        }
    }
    Ok(found)
}
