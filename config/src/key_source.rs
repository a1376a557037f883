use crate::name::Name;
use crate::site::Paths;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where the key that opens the store's data keys comes from. The store opens it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// `file:data/keys/store.key`: a file of mode 0600, made at the first start.
    File(PathBuf),
    /// `cred:name`: a credential of the service manager, `$CREDENTIALS_DIRECTORY/name`.
    Credential(Name),
    /// `env:NAME`: an environment variable.
    Environment(String),
    /// `cmd:/path/to/program argument ...`: a program that prints the key; no shell, arguments separated by blanks.
    Command(Vec<String>),
}

/// Why a text is not the source of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySourceError {
    /// None of the four.
    #[error("a key comes from `file:`, `cred:`, `env:` or `cmd:`")]
    Unknown,
    /// `file:` alone.
    #[error("`file:` is followed by a path")]
    NoPath,
    /// `cred:` with something else.
    #[error("`cred:` is followed by the name of a credential")]
    NoCredential,
    /// `env:` with something else.
    #[error(
        "`env:` is followed by the name of an environment variable in capital letters, digits and `_`"
    )]
    NoVariable,
    /// A program that is searched for could be another one tomorrow.
    #[error("`cmd:` is followed by the absolute path of a program")]
    NoProgram,
    /// What only a shell would understand.
    #[error(
        "no shell runs here: quotes, `$`, `|`, `&`, `;`, `<`, `>` and backticks mean nothing; put them into a script and name that"
    )]
    Shell,
}

impl KeySource {
    /// Reads the source of a key; a relative file is resolved.
    pub fn parse(text: &str, paths: &Paths) -> Result<KeySource, KeySourceError> {
        let (scheme, rest) = text.split_once(':').ok_or(KeySourceError::Unknown)?;
        match scheme {
            "file" if rest.is_empty() => Err(KeySourceError::NoPath),
            "file" => Ok(KeySource::File(paths.resolve(rest))),
            "cred" => {
                Name::new(rest).map(KeySource::Credential).map_err(|_| KeySourceError::NoCredential)
            }
            "env" => {
                let plain = rest
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
                if plain && !rest.is_empty() {
                    Ok(KeySource::Environment(rest.to_owned()))
                } else {
                    Err(KeySourceError::NoVariable)
                }
            }
            "cmd" => command(rest),
            _ => Err(KeySourceError::Unknown),
        }
    }

    /// The file lies in this folder: whoever copies the data copies its key.
    pub fn lies_in(&self, folder: &Path) -> bool {
        match self {
            KeySource::File(path) => path.starts_with(folder),
            KeySource::Credential(_) | KeySource::Environment(_) | KeySource::Command(_) => false,
        }
    }
}

fn command(text: &str) -> Result<KeySource, KeySourceError> {
    if text.contains(['"', '\'', '$', '|', '&', ';', '<', '>', '`', '\\']) {
        return Err(KeySourceError::Shell);
    }
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    match words.first() {
        Some(program) if program.starts_with('/') => Ok(KeySource::Command(words)),
        _ => Err(KeySourceError::NoProgram),
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySource::File(path) => write!(f, "file:{}", path.display()),
            KeySource::Credential(name) => write!(f, "cred:{name}"),
            KeySource::Environment(name) => write!(f, "env:{name}"),
            KeySource::Command(words) => write!(f, "cmd:{}", words.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_four_sources() {
        let paths = Paths::new("site", None);
        let shown = |text| KeySource::parse(text, &paths).map(|source| source.to_string());
        assert_eq!(shown("file:data/keys/store.key").unwrap(), "file:site/data/keys/store.key");
        for good in [
            "file:/etc/hilum/key",
            "cred:store-key",
            "env:HILUM_KEY",
            "cmd:/usr/bin/kms decrypt --key hilum",
        ] {
            assert_eq!(shown(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("", KeySourceError::Unknown),
            ("data/keys/store.key", KeySourceError::Unknown),
            ("vault:x", KeySourceError::Unknown),
            ("file:", KeySourceError::NoPath),
            ("cred:../x", KeySourceError::NoCredential),
            ("env:", KeySourceError::NoVariable),
            ("env:a b", KeySourceError::NoVariable),
            ("cmd:kms decrypt", KeySourceError::NoProgram),
            ("cmd:/bin/sh -c 'cat key'", KeySourceError::Shell),
            ("cmd:/bin/cat $KEY", KeySourceError::Shell),
        ] {
            assert_eq!(shown(bad), Err(why), "{bad:?}");
        }
    }

    #[test]
    fn a_key_beside_its_data_is_seen() {
        let paths = Paths::new("/site", None);
        let beside = |text| KeySource::parse(text, &paths).unwrap().lies_in(&paths.data);
        assert!(beside("file:data/keys/store.key"));
        assert!(!beside("file:/etc/hilum/key"));
        assert!(!beside("env:KEY"));
    }
}
