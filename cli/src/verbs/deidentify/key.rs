//! `--key`: what makes the copies of several runs fit together.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use config::{KeySource, Paths};
use deidentify::Key;
use phi::Secret;

use crate::exit::{Code, Failure};

/// More than any key; a longer file is something else.
const BYTES_MAX: u64 = 4096;

/// Reads a key from `env:NAME`, `file:PATH` or `cred:NAME`.
pub fn read(source: &str) -> Result<Key, Failure> {
    let parsed = KeySource::parse(source, &Paths::new("", None))
        .map_err(|error| Failure::new(Code::Usage, format!("`--key`: {error}")))?;
    let bytes = match &parsed {
        KeySource::File(path) => file(path)?,
        KeySource::Environment(name) => match std::env::var(name) {
            Ok(text) => Secret::new(text.into_bytes()),
            Err(_) => return Err(refused(format!("the variable `{name}` is not set"))),
        },
        KeySource::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) => file(&PathBuf::from(folder).join(name.as_str()))?,
            None => {
                return Err(refused(
                    "there are no credentials: `CREDENTIALS_DIRECTORY` is not set",
                ));
            }
        },
        KeySource::Command(_) => {
            return Err(Failure::new(Code::Usage, "`--key` comes from `file:`, `env:` or `cred:`"));
        }
    };
    Key::from_bytes(bytes.expose_secret())
        .map_err(|error| refused(error).hint("`openssl rand -hex 32` prints a good one"))
}

fn file(path: &Path) -> Result<Secret<Vec<u8>>, Failure> {
    let unread =
        |error: std::io::Error| refused(format!("`{}` cannot be read: {error}", path.display()));
    let file = File::open(path).map_err(unread)?;
    if file.metadata().map_err(unread)?.permissions().mode() & 0o077 != 0 {
        return Err(refused(format!("`{}` can be read by others", path.display()))
            .hint(format!("`chmod 600 {}`", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(unread)?;
    Ok(Secret::new(bytes))
}

fn refused(sentence: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Refused, sentence)
}
