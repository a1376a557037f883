use std::path::{Path, PathBuf};

/// The two folders that relative paths in a configuration start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The site: what people write.
    pub site: PathBuf,
    /// The data folder: what the engine writes.
    pub data: PathBuf,
}

impl Paths {
    /// The data folder is `data` inside the site unless `--data` names another.
    pub fn new(site: impl Into<PathBuf>, data: Option<PathBuf>) -> Paths {
        let site = site.into();
        let data = data.unwrap_or_else(|| site.join("data"));
        Paths { site, data }
    }

    /// `data/...` lies in the data folder, every other relative path in the site, an absolute one where it says.
    pub fn resolve(&self, written: &str) -> PathBuf {
        match Path::new(written).strip_prefix("data") {
            Ok(rest) if rest.as_os_str().is_empty() => self.data.clone(),
            Ok(rest) => self.data.join(rest),
            Err(_) => self.site.join(written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_moves_with_the_data_folder() {
        let paths = Paths::new("/site", Some("/var/lib/hilum".into()));
        assert_eq!(paths.resolve("data/out"), Path::new("/var/lib/hilum/out"));
        assert_eq!(paths.resolve("data"), Path::new("/var/lib/hilum"));
        assert_eq!(paths.resolve("database"), Path::new("/site/database"));
        assert_eq!(paths.resolve("/abs"), Path::new("/abs"));
        assert_eq!(Paths::new("s", None).resolve("data/x"), Path::new("s/data/x"));
    }
}
