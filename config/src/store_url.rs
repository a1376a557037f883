use crate::site::Paths;
use phi::Secret;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;

/// Where the message store is.
#[derive(Clone)]
pub enum StoreUrl {
    /// An SQLite file, `sqlite:data/hilum.db`.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres {
        /// `postgres://user@host/database`, without a password.
        url: String,
        /// The password, from a secret.
        password: Option<Secret<String>>,
    },
}

/// Why a text is not the address of a store.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// Neither of the two.
    #[error("a store is `sqlite:data/hilum.db` or `postgres://user@host/database`")]
    Unknown,
    /// A store that forgets.
    #[error("a store is a file: what is acknowledged must outlive the process")]
    NotAFile,
    /// A literal secret, at this range of the text.
    #[error("the password of the store cannot be written here")]
    Password(Range<usize>),
    /// Message bodies are sealed; names, types and times are not.
    #[error("a database on another machine needs `?sslmode=verify-full`")]
    Unencrypted,
}

impl StoreUrlError {
    /// The code for `hilum explain`.
    pub fn code(&self) -> &'static str {
        match self {
            StoreUrlError::Unknown | StoreUrlError::NotAFile => "C0108",
            StoreUrlError::Password(_) => "C0410",
            StoreUrlError::Unencrypted => "C0413",
        }
    }
}

impl StoreUrl {
    /// Reads the address of a store; a relative file is resolved.
    pub fn parse(text: &str, paths: &Paths) -> Result<StoreUrl, StoreUrlError> {
        if let Some(file) = text.strip_prefix("sqlite:") {
            let file = file.strip_prefix("//").unwrap_or(file);
            if file.is_empty() || file.contains(":memory:") || file.contains('?') {
                return Err(StoreUrlError::NotAFile);
            }
            return Ok(StoreUrl::Sqlite(paths.resolve(file)));
        }
        let rest = ["postgres://", "postgresql://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .ok_or(StoreUrlError::Unknown)?;
        check_postgres(rest, text.len() - rest.len())?;
        Ok(StoreUrl::Postgres { url: text.to_owned(), password: None })
    }

    /// The same store with its password.
    pub fn with_password(self, password: Option<Secret<String>>) -> StoreUrl {
        match self {
            StoreUrl::Sqlite(path) => StoreUrl::Sqlite(path),
            StoreUrl::Postgres { url, .. } => StoreUrl::Postgres { url, password },
        }
    }
}

fn check_postgres(rest: &str, scheme: usize) -> Result<(), StoreUrlError> {
    let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = location.split_once('/').ok_or(StoreUrlError::Unknown)?;
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if let Some((name, password)) = user.split_once(':') {
        let start = scheme + name.len() + 1;
        return Err(StoreUrlError::Password(start..start + password.len()));
    }
    if database.is_empty() {
        return Err(StoreUrlError::Unknown);
    }
    let mut hosts = vec![host];
    let mut modes = Vec::new();
    let mut at = scheme + location.len() + 1;
    for option in query.split('&') {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        match key {
            "password" | "sslpassword" => {
                return Err(StoreUrlError::Password(at + key.len() + 1..at + option.len()));
            }
            "host" | "hostaddr" => hosts.push(value),
            "sslmode" | "ssl-mode" => modes.push(value),
            _ => {}
        }
        at += option.len() + 1;
    }
    // An option given twice is decided by the driver; every one of them must do.
    let verified =
        !modes.is_empty() && modes.iter().all(|mode| matches!(*mode, "verify-full" | "verify-ca"));
    if verified || hosts.iter().all(|host| is_local(host)) {
        Ok(())
    } else {
        Err(StoreUrlError::Unencrypted)
    }
}

/// This machine: a unix socket (a path, perhaps percent-encoded), no host at all, or a loopback address.
fn is_local(host: &str) -> bool {
    let socket =
        host.is_empty() || host.starts_with('/') || host.to_ascii_lowercase().starts_with("%2f");
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    socket
        || name.is_empty()
        || name == "localhost"
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            StoreUrl::Postgres { url, .. } => f.write_str(url),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, StoreUrlError> {
        StoreUrl::parse(text, &Paths::new("site", None)).map(|url| url.to_string())
    }

    #[test]
    fn a_file_is_found_in_the_data_folder() {
        assert_eq!(parse("sqlite:data/hilum.db").unwrap(), "sqlite:site/data/hilum.db");
        assert_eq!(parse("sqlite:///var/lib/h.db").unwrap(), "sqlite:/var/lib/h.db");
        for bad in ["sqlite:", "sqlite::memory:", "sqlite:data/h.db?mode=memory"] {
            assert_eq!(parse(bad), Err(StoreUrlError::NotAFile), "{bad}");
        }
    }

    #[test]
    fn a_database_elsewhere_is_reached_encrypted_only() {
        for good in [
            "postgres://hilum@127.0.0.1/hilum",
            "postgresql://hilum@localhost:5433/hilum",
            "postgres://hilum@[::1]:5432/hilum",
            "postgres:///hilum?host=/run/postgresql",
            "postgres://hilum@%2Frun%2Fpg/hilum",
            "postgres://hilum@db.example/hilum?sslmode=verify-full",
        ] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
        for bad in [
            "postgres://db.example/hilum",
            "postgres://db.example/hilum?sslmode=require",
            "postgres://127.0.0.1/hilum?host=db.example",
            "postgres://db.example/hilum?sslmode=verify-full&sslmode=disable",
        ] {
            assert_eq!(parse(bad), Err(StoreUrlError::Unencrypted), "{bad}");
        }
    }

    #[test]
    fn a_password_is_found_where_it_stands() {
        let text = "postgres://hilum:s3cret@127.0.0.1/hilum";
        assert_eq!(parse(text), Err(StoreUrlError::Password(17..23)));
        assert_eq!(&text[17..23], "s3cret");
        let text = "postgres://hilum@127.0.0.1/hilum?password=s3cret";
        assert_eq!(parse(text), Err(StoreUrlError::Password(42..48)));
        assert_eq!(&text[42..48], "s3cret");
    }

    #[test]
    fn other_texts_are_not_stores() {
        for bad in ["", "mysql://x/y", "postgres://host", "postgres://127.0.0.1/", "data/hilum.db"]
        {
            assert_eq!(parse(bad), Err(StoreUrlError::Unknown), "{bad}");
        }
    }
}
