use crate::name::Name;
use phi::Secret;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroize;

/// The longest secret.
const BYTES_MAX: u64 = 64 * 1024;

/// The places where the value of a `{ secret = "name" }` is looked for, in this order: the service manager's credentials, the data folder, the
/// environment.
#[derive(Clone, Debug)]
pub struct Secrets {
    credentials: Option<PathBuf>,
    folder: PathBuf,
    variable: fn(&str) -> Option<OsString>,
}

/// Why a secret has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// None of the places has it.
    #[error("no value for secret `{0}`")]
    Missing(Name),
    /// The file could be read by others.
    #[error("secret file `{path}` has mode {mode:04o}: other users could read it")]
    Exposed {
        /// The file.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// The file belongs to someone else.
    #[error("secret file `{path}` belongs to another user")]
    Foreign {
        /// The file.
        path: String,
    },
    /// It is there and cannot be used.
    #[error("secret `{name}` cannot be used: {problem}")]
    Unusable {
        /// The secret.
        name: Name,
        /// Why.
        problem: String,
    },
}

impl SecretError {
    /// The code for `hilum explain`.
    pub fn code(&self) -> &'static str {
        match self {
            SecretError::Missing(_) => "C0206",
            SecretError::Exposed { .. } | SecretError::Foreign { .. } => "C0412",
            SecretError::Unusable { .. } => "C0415",
        }
    }

    /// What to do about it, one line each.
    pub fn help(&self, name: &Name) -> Vec<String> {
        match self {
            SecretError::Missing(_) => vec![format!(
                "looked in `$CREDENTIALS_DIRECTORY/{name}`, `data/secrets/{name}` and `{}`",
                variable(name)
            )],
            SecretError::Exposed { path, .. } => vec![format!("`chmod 600 {path}`")],
            SecretError::Foreign { path } => {
                vec![format!("`{path}` must belong to the user that runs hilum")]
            }
            SecretError::Unusable { .. } => Vec::new(),
        }
    }
}

impl Secrets {
    /// The data folder's `secrets/` alone.
    pub fn new(data: &Path) -> Secrets {
        Secrets { credentials: None, folder: data.join("secrets"), variable: |_| None }
    }

    /// The places of this process: its credentials and environment beside the data folder.
    pub fn of_process(data: &Path) -> Secrets {
        let secrets = Secrets::new(data).with_environment(|name| std::env::var_os(name));
        match std::env::var_os("CREDENTIALS_DIRECTORY") {
            Some(folder) => secrets.with_credentials(Path::new(&folder)),
            None => secrets,
        }
    }

    /// Also the service manager's credentials in this folder.
    pub fn with_credentials(self, folder: &Path) -> Secrets {
        Secrets { credentials: Some(folder.to_owned()), ..self }
    }

    /// Also environment variables, asked by name; no value is kept.
    pub fn with_environment(self, variable: fn(&str) -> Option<OsString>) -> Secrets {
        Secrets { variable, ..self }
    }

    /// The value of a secret.
    pub fn resolve(&self, name: &Name) -> Result<Secret<String>, SecretError> {
        // The service manager guards its own folder; its modes differ between versions.
        let credential = self.credentials.as_ref().map(|folder| folder.join(name.as_str()));
        if let Some(found) =
            credential.and_then(|path| self.read_file(name, &path, false).transpose())
        {
            return found;
        }
        if let Some(found) = self.read_file(name, &self.folder.join(name.as_str()), true)? {
            return Ok(found);
        }
        match (self.variable)(&variable(name)) {
            Some(value) => text(name, value),
            None => Err(SecretError::Missing(name.clone())),
        }
    }

    /// The names that files exist for, to suggest one.
    pub fn names(&self) -> Vec<Name> {
        let folders = self.credentials.iter().chain([&self.folder]);
        let entries =
            folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
        let mut names: Vec<Name> =
            entries.filter_map(|entry| Name::new(entry.file_name().to_str()?).ok()).collect();
        names.sort();
        names.dedup();
        names
    }

    fn read_file(
        &self,
        name: &Name,
        path: &Path,
        guarded: bool,
    ) -> Result<Option<Secret<String>>, SecretError> {
        let unusable = |problem: String| SecretError::Unusable { name: name.clone(), problem };
        let mut file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(error.to_string())),
        };
        // Asked of the open file, so that what is checked is what is read.
        let facts = file.metadata().map_err(|error| unusable(error.to_string()))?;
        let shown = path.display().to_string();
        if guarded && facts.mode() & 0o077 != 0 {
            return Err(SecretError::Exposed { path: shown, mode: facts.mode() & 0o7777 });
        }
        if guarded && facts.uid() != rustix::process::geteuid().as_raw() {
            return Err(SecretError::Foreign { path: shown });
        }
        if !facts.is_file() || facts.len() > BYTES_MAX {
            return Err(unusable(format!("it is not a file of at most {BYTES_MAX} bytes")));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(facts.len()).unwrap_or(0) + 1);
        file.by_ref()
            .take(BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(|error| unusable(error.to_string()))?;
        let mut value = String::from_utf8(bytes).map_err(|error| {
            error.into_bytes().zeroize();
            unusable("it is not UTF-8 text".to_owned())
        })?;
        // Editors and `echo` end a file with a newline that no password has.
        let length = value
            .strip_suffix('\n')
            .map_or(value.len(), |cut| cut.strip_suffix('\r').unwrap_or(cut).len());
        value.truncate(length);
        if value.is_empty() {
            return Err(unusable("it is empty".to_owned()));
        }
        Ok(Some(Secret::new(value)))
    }
}

/// `results-token` is looked for as `HILUM_SECRET_RESULTS_TOKEN`.
fn variable(name: &Name) -> String {
    let upper = name.as_str().to_ascii_uppercase();
    format!("HILUM_SECRET_{}", upper.replace(['-', '.'], "_"))
}

fn text(name: &Name, value: OsString) -> Result<Secret<String>, SecretError> {
    let problem =
        |problem: &str| SecretError::Unusable { name: name.clone(), problem: problem.to_owned() };
    let value = value.into_string().map_err(|_| problem("it is not UTF-8 text"))?;
    if value.is_empty() { Err(problem("it is empty")) } else { Ok(Secret::new(value)) }
}
