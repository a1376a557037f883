//! A channel's text as somebody edits it: the one that runs, the one in its file, and what another one would do.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use config::{Diagnostics, Name, Profile, SiteFiles};
use store::{Act, Scope, StoreError};

use crate::engine::Engine;
use crate::site::{self, ChannelFile, ChannelPlan, Surroundings};

/// A longer channel file is none that a person edits.
const TEXT_MAX: usize = 1 << 20;

/// The texts of a channel.
pub struct ChannelTexts {
    /// What runs, and the hash of its revision; nothing when it does not run.
    pub running: Option<(String, String)>,
    /// What its file says, and the hash of that text; nothing when there is none.
    pub file: Option<(String, String)>,
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The site does not allow it.
    #[error("this site's files are not written by the engine")]
    NotAllowed,
    /// There is no such channel.
    #[error("there is no channel `{0}`")]
    NoChannel(String),
    /// Somebody has written another text since.
    #[error("the file of channel `{channel}` says something else by now")]
    Overtaken {
        /// The channel.
        channel: Name,
        /// The hash of what it says; nothing when there is no file.
        is: Option<String>,
    },
    /// The text has errors, or the name is none.
    #[error("{0}")]
    Refused(String),
    /// The file system did not take it.
    #[error("`{path}` cannot be written: {problem}")]
    File {
        /// Relative to the site.
        path: String,
        /// What the system said.
        problem: String,
    },
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Engine {
    /// What runs and what the file says.
    pub fn channel_texts(&self, scope: &Scope, channel: &Name) -> Result<ChannelTexts, EditError> {
        let absent = || EditError::NoChannel(channel.to_string());
        if !scope.holds(channel.as_str()) {
            return Err(absent());
        }
        let running = self.channel(channel).map(|running| {
            let file = running.file();
            let hash = file.hash();
            (file.text, hash)
        });
        let file = fs::read_to_string(self.file_of(channel)).ok();
        let file = file.map(|text| {
            let hash = hash_of(channel, &text);
            (text, hash)
        });
        match running.is_none() && file.is_none() {
            true => Err(absent()),
            false => Ok(ChannelTexts { running, file }),
        }
    }

    /// What a text of a channel means beside the site's tables and scripts, and what is wrong with it.
    pub fn compile_text(
        &self,
        scope: &Scope,
        channel: &Name,
        text: String,
    ) -> Result<(Option<ChannelPlan>, Diagnostics), EditError> {
        if !scope.holds(channel.as_str()) {
            return Err(EditError::NoChannel(channel.to_string()));
        }
        if text.len() > TEXT_MAX {
            return Err(EditError::Refused("a channel file has at most 1 MiB".to_owned()));
        }
        let files = SiteFiles::read(&self.inner.paths.site, &mut Diagnostics::new());
        let surroundings = Surroundings::read(&self.inner.paths, &self.inner.server);
        let (tables, companions) = (files.tables, files.companions);
        let file = ChannelFile { name: channel.clone(), text, tables, companions };
        Ok(site::compile(file, &surroundings))
    }

    /// The plan that runs.
    pub fn running_plan(&self, scope: &Scope, channel: &Name) -> Option<ChannelPlan> {
        let running = self.channel(channel).filter(|_| scope.holds(channel.as_str()))?;
        let file = running.file();
        let surroundings = Surroundings::read(&self.inner.paths, &self.inner.server);
        site::compile(file, &surroundings).0
    }

    /// Writes a channel's file: whole, and only over the text that whoever writes has seen. Recorded before it is there; what runs
    /// stays as it is until it is applied.
    pub async fn edit_channel(
        &self,
        scope: &Scope,
        act: &Act,
        (channel, text): (&Name, &str),
        expected: Option<&str>,
    ) -> Result<String, EditError> {
        self.edits_allowed()?;
        let _one_at_a_time = self.inner.applying.lock().await;
        let (plan, diagnostics) = self.compile_text(scope, channel, text.to_owned())?;
        if plan.is_none() {
            return Err(EditError::Refused(diagnostics.render(false)));
        }
        let is = fs::read_to_string(self.file_of(channel)).ok();
        let is = is.map(|text| hash_of(channel, &text));
        if is.as_deref() != expected {
            return Err(EditError::Overtaken { channel: channel.clone(), is });
        }
        let hash = hash_of(channel, text);
        let hashes = (is.as_deref(), hash.as_str());
        self.store().record_edit(act, channel, "channel", hashes).await?;
        let path = format!("channels/{channel}.toml");
        self.write(&path, text.as_bytes(), expected.is_some())?;
        Ok(hash)
    }

    /// Writes a test beside a channel, in a folder that is not there yet. Recorded before it is there.
    pub async fn save_test(
        &self,
        scope: &Scope,
        act: &Act,
        (channel, name): (&Name, &Name),
        files: &[(String, Vec<u8>)],
    ) -> Result<String, EditError> {
        self.edits_allowed()?;
        let _one_at_a_time = self.inner.applying.lock().await;
        if !scope.holds(channel.as_str()) || !self.file_of(channel).exists() {
            return Err(EditError::NoChannel(channel.to_string()));
        }
        let relative = format!("channels/{channel}/tests/{name}");
        let folder = self.inner.paths.site.join(&relative);
        if folder.exists() {
            return Err(EditError::Refused(format!("`{relative}` is there already")));
        }
        let what = format!("test {name}");
        self.store().record_edit(act, channel, &what, (None, "")).await?;
        fs::create_dir_all(&folder).map_err(|error| unwritten(&relative, &error))?;
        for (file, bytes) in files {
            self.write(&format!("{relative}/{file}"), bytes, false)?;
        }
        Ok(relative)
    }

    /// Whether the site's files may be written over the admin API.
    pub fn allows_edits(&self) -> bool {
        self.inner.server.api.edits
    }

    /// The profile that the engine runs in.
    pub fn profile(&self) -> Profile {
        self.inner.server.profile
    }

    fn edits_allowed(&self) -> Result<(), EditError> {
        if self.allows_edits() { Ok(()) } else { Err(EditError::NotAllowed) }
    }

    fn file_of(&self, channel: &Name) -> PathBuf {
        self.inner.paths.site.join("channels").join(format!("{channel}.toml"))
    }

    fn write(&self, relative: &str, bytes: &[u8], replace: bool) -> Result<(), EditError> {
        let path = self.inner.paths.site.join(relative);
        put(&path, bytes, replace).map_err(|error| unwritten(relative, &error))
    }
}

fn unwritten(path: &str, error: &io::Error) -> EditError {
    EditError::File { path: path.to_owned(), problem: error.to_string() }
}

/// The hash of a channel's text alone: equal texts have equal hashes.
fn hash_of(name: &Name, text: &str) -> String {
    let file = ChannelFile {
        name: name.clone(),
        text: text.to_owned(),
        tables: Vec::new(),
        companions: Vec::new(),
    };
    file.hash()
}

/// Writes a file whole or not at all; its mode stays as it was.
fn put(path: &Path, bytes: &[u8], replace: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // What begins with a dot is no file of the site.
    let partial = folder.join(format!(".{name}.new"));
    let mode = fs::metadata(path).map_or(0o640, |known| known.mode() & 0o777);
    drop(fs::remove_file(&partial));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    let placed = match replace {
        true => fs::rename(&partial, path),
        // A link instead of a rename: a file that has appeared meanwhile stays.
        false => fs::hard_link(&partial, path).and_then(|()| fs::remove_file(&partial)),
    };
    if placed.is_err() {
        drop(fs::remove_file(&partial));
    }
    placed?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_keeps_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adt.toml");
        put(&path, b"one", false).unwrap();
        assert!(put(&path, b"two", false).is_err(), "it is there");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        put(&path, b"three", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o644);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }
}
