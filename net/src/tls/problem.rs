//! What is wrong with the files of TLS.

use std::path::Path;

use config::site::SecretError;

/// Why certificates, keys or revocation lists cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsProblem {
    /// It cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    Unreadable {
        /// The setting.
        field: &'static str,
        /// The file.
        path: String,
        /// The system's words.
        reason: String,
    },
    /// A key that others could read.
    #[error("key file `{path}` has mode {mode:04o}: other users could read it")]
    Exposed {
        /// The file.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// A key that belongs to someone else.
    #[error("key file `{path}` belongs to another user")]
    Foreign {
        /// The file.
        path: String,
    },
    /// Nothing can prove to be that.
    #[error("`{name}` cannot be the name in a certificate")]
    Name {
        /// The name.
        name: String,
    },
    /// It holds nothing of the kind that is needed.
    #[error("`{path}` does not hold {what} in PEM form")]
    NotPem {
        /// The setting.
        field: &'static str,
        /// The file.
        path: String,
        /// What is needed.
        what: &'static str,
    },
    /// The key cannot be used, or is not the certificate's.
    #[error("the key does not belong to the certificate `{path}`: {reason}")]
    Key {
        /// The certificate's file.
        path: String,
        /// In the words of the library.
        reason: String,
    },
    /// The secret has no value.
    #[error(transparent)]
    Secret(SecretError),
}

impl TlsProblem {
    pub(super) fn not_pem(field: &'static str, path: &Path) -> TlsProblem {
        let what = match field {
            "crl" => "a revocation list",
            _ => "a certificate",
        };
        TlsProblem::NotPem { field, path: path.display().to_string(), what }
    }

    /// The setting that is to blame.
    pub fn field(&self) -> &'static str {
        match self {
            TlsProblem::Unreadable { field, .. } | TlsProblem::NotPem { field, .. } => field,
            TlsProblem::Name { .. } => "servers",
            TlsProblem::Exposed { .. }
            | TlsProblem::Foreign { .. }
            | TlsProblem::Key { .. }
            | TlsProblem::Secret(_) => "key",
        }
    }

    /// The code for `hilum explain`.
    pub fn code(&self) -> &'static str {
        match self {
            TlsProblem::Unreadable { .. } | TlsProblem::NotPem { .. } => "C0430",
            TlsProblem::Exposed { .. } | TlsProblem::Foreign { .. } => "C0412",
            TlsProblem::Key { .. } => "C0431",
            TlsProblem::Name { .. } => "C0108",
            TlsProblem::Secret(problem) => problem.code(),
        }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            TlsProblem::Exposed { path, .. } => Some(format!("`chmod 600 {path}`")),
            TlsProblem::Foreign { path } => {
                Some(format!("`{path}` must belong to the user that runs hilum"))
            }
            TlsProblem::Unreadable { .. }
            | TlsProblem::NotPem { .. }
            | TlsProblem::Key { .. }
            | TlsProblem::Name { .. }
            | TlsProblem::Secret(_) => None,
        }
    }
}
