//! The token of a session, kept in a file that nobody else may read.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use phi::Secret;

use crate::args::Target;
use crate::exit::{Code, Failure};
use crate::private_file::{self, Place};

/// Where it is kept.
fn file(target: &Target) -> Result<PathBuf, Failure> {
    let folder = || {
        let own = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
        own.or_else(|| std::env::home_dir().map(|home| home.join(".config")))
    };
    let named =
        target.reach.token_file.clone().or_else(|| folder().map(|own| own.join("hilum/token")));
    named.ok_or_else(|| {
        Failure::new(Code::Usage, "there is no home folder to keep a token in")
            .hint("`--token-file FILE` names another place")
    })
}

/// The token, when somebody has signed in.
pub fn read(target: &Target) -> Result<Option<Secret<String>>, Failure> {
    let path = file(target)?;
    let unread = |error: std::io::Error| {
        Failure::new(Code::Refused, format!("`{}` cannot be read: {error}", path.display()))
    };
    let metadata = match std::fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(unread)?,
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        let sentence = format!("`{}` can be read by others", path.display());
        return Err(Failure::new(Code::Refused, sentence)
            .hint(format!("`chmod 600 {}`, then sign in anew", path.display())));
    }
    let text = std::fs::read_to_string(&path).map_err(unread)?;
    Ok(Some(Secret::new(text.trim().to_owned())))
}

/// Keeps a new one over the old.
pub fn keep(target: &Target, token: &str) -> Result<(), Failure> {
    let path = file(target)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("token");
    let place = Place { folder, replace: true };
    private_file::prepare(&place, &[name])?;
    private_file::write(&place, name, format!("{token}\n").as_bytes())
}

/// Forgets it.
pub fn forget(target: &Target) -> Result<(), Failure> {
    let path = file(target)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Failure::new(Code::Refused, format!("`{}` stays: {error}", path.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
