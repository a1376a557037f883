//! What `hilum send` sends: messages from files, repeated with a control id of their own each.

mod split;
mod template;

use std::io::Read;
use std::path::{Path, PathBuf};

pub use split::messages;
pub use template::Template;

use crate::exit::{Code, Failure};

/// A message with the name of where it came from.
pub struct Source {
    /// The file, and the number of the message when it holds several.
    pub name: String,
    /// Its bytes and where its control id stands.
    pub template: Template,
}

/// Reads files and folders; a file may hold several messages, in a batch or one after the other. With `whole` it is one all the same.
pub fn read(paths: &[PathBuf], whole: bool) -> Result<Vec<Source>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        gather(path, &mut files)?;
    }
    let mut sources = Vec::new();
    for file in files {
        let bytes = bytes_of(&file)?;
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        let messages = if whole { vec![bytes.as_slice()] } else { messages(&bytes) };
        let several = messages.len() > 1;
        for (index, message) in messages.into_iter().enumerate() {
            let name = if several { format!("{name}#{}", index + 1) } else { name.clone() };
            sources.push(Source { name, template: Template::new(message) });
        }
    }
    match sources.is_empty() {
        true => Err(Failure::new(Code::Usage, "there is nothing to send in what was named")),
        false => Ok(sources),
    }
}

/// Adds a file, or the files of a folder in the order of their names; hidden ones are left out.
pub fn gather(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable =
        |error| Failure::new(Code::Usage, format!("cannot read `{}`: {error}", path.display()));
    if path.as_os_str() == "-" || !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut inside: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if entry.is_file() && !hidden {
            inside.push(entry);
        }
    }
    inside.sort();
    files.extend(inside);
    Ok(())
}

/// The bytes of a file, or of standard input for `-`.
pub fn bytes_of(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = match path.as_os_str() == "-" {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
        }
        false => std::fs::read(path),
    };
    read.map_err(|error| {
        Failure::new(Code::Usage, format!("cannot read `{}`: {error}", path.display()))
    })
}
