use crate::code_table::CodeTable;
use crate::diagnostics::Diagnostics;
use crate::name::{Name, NameError};
use crate::vars::Vars;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The largest file of a site; a code table of a national catalogue fits well.
const BYTES_MAX: u64 = 64 << 20;

/// The most files in one folder of a site.
const FILES_MAX: usize = 10_000;

/// One file of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteFile {
    /// The file's stem: the name of the channel, table or environment.
    pub name: Name,
    /// Relative to the site, as diagnostics and revisions call it.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// A file that a channel refers to: a script, or a profile of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Companion {
    /// Below the folder of the channels, as channel files name it: `adt/names.js`.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl Companion {
    /// SHA-256 of its text, in hexadecimal.
    pub fn hash(&self) -> String {
        crate::code_table::sha256_hex(self.text.as_bytes())
    }
}

/// All texts of a site as they were read at one moment; nothing is parsed yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteFiles {
    /// The folder.
    pub root: PathBuf,
    /// `server.toml`, which may be missing, with its path.
    pub server: Option<(String, String)>,
    /// `vars/*.toml`, by environment.
    pub vars: Vec<SiteFile>,
    /// `channels/*.toml`, by name.
    pub channels: Vec<SiteFile>,
    /// `tables/*.csv`, by name.
    pub tables: Vec<SiteFile>,
    /// `channels/NAME/*.js` and `*.toml`, by path.
    pub companions: Vec<Companion>,
}

impl SiteFiles {
    /// Reads the folder; what cannot be read is reported and left out.
    pub fn read(root: &Path, diags: &mut Diagnostics) -> SiteFiles {
        diags.files_mut().set_root(root.display().to_string());
        let mut site = SiteFiles { root: root.to_owned(), ..SiteFiles::default() };
        if let Err(error) = fs::read_dir(root) {
            unreadable("", &error, diags).help("a site is a folder with `channels/` and, if you like, `server.toml`, `vars/` and `tables/`");
            return site;
        }
        site.server = match read_text(&root.join("server.toml")) {
            Ok(text) => Some(("server.toml".to_owned(), text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                unreadable("server.toml", &error, diags);
                None
            }
        };
        site.vars = folder(root, "vars", "toml", diags);
        site.channels = folder(root, "channels", "toml", diags);
        site.tables = folder(root, "tables", "csv", diags);
        site.companions = companions(root, diags);
        site
    }

    /// The variables of an environment.
    pub fn vars(&self, environment: &str, diags: &mut Diagnostics) -> Vars {
        match self.vars.iter().find(|file| file.name.as_str() == environment) {
            Some(file) => Vars::parse(&file.path, file.text.clone(), diags),
            None => Vars::none(format!("vars/{environment}.toml")),
        }
    }

    /// The code tables; one with errors is left out, and [`SiteFiles::table_names`] still knows it.
    pub fn tables(&self, diags: &mut Diagnostics) -> BTreeMap<Name, Arc<CodeTable>> {
        let parsed = self
            .tables
            .iter()
            .filter_map(|file| CodeTable::parse(file.name.clone(), &file.path, &file.text, diags));
        parsed.map(|table| (table.name().clone(), Arc::new(table))).collect()
    }

    /// The names of all code tables, so that a table with a bad row is not also called unknown.
    pub fn table_names(&self) -> Vec<Name> {
        self.tables.iter().map(|file| file.name.clone()).collect()
    }
}

/// The files of one kind in a folder, sorted by name. Folders (tests, scripts and profiles of a channel) and hidden files are someone else's.
fn folder(root: &Path, folder: &str, extension: &str, diags: &mut Diagnostics) -> Vec<SiteFile> {
    let mut names = match file_names(&root.join(folder)) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            unreadable(folder, &error, diags);
            return Vec::new();
        }
    };
    names.sort();
    if names.len() > FILES_MAX {
        let file = diags.add_file(folder, "");
        let whole = diags.files().whole(file);
        diags.error("C0002", whole, format!("`{folder}` holds more than {FILES_MAX} files"));
        names.truncate(FILES_MAX);
    }
    names.into_iter().filter_map(|name| one_file(root, folder, &name, extension, diags)).collect()
}

/// The scripts and profiles in the folders of the channels, by path.
fn companions(root: &Path, diags: &mut Diagnostics) -> Vec<Companion> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(root.join("channels")).into_iter().flatten().flatten() {
        let folder = entry.file_name().to_string_lossy().into_owned();
        if folder.starts_with('.') || !entry.path().is_dir() {
            continue;
        }
        let names = file_names(&entry.path()).unwrap_or_default();
        let companions =
            names.iter().filter(|name| name.ends_with(".js") || name.ends_with(".toml"));
        paths.extend(companions.map(|name| format!("{folder}/{name}")));
    }
    paths.sort();
    paths.truncate(FILES_MAX);
    let mut companions = Vec::with_capacity(paths.len());
    for path in paths {
        let shown = format!("channels/{path}");
        match read_text(&root.join(&shown)) {
            Ok(text) => companions.push(Companion { path, text }),
            Err(error) => {
                unreadable(&shown, &error, diags);
            }
        }
    }
    companions
}

fn one_file(
    root: &Path,
    folder: &str,
    file_name: &str,
    extension: &str,
    diags: &mut Diagnostics,
) -> Option<SiteFile> {
    let path = format!("{folder}/{file_name}");
    let Some(stem) = file_name.strip_suffix(extension).and_then(|stem| stem.strip_suffix('.'))
    else {
        let file = diags.add_file(path.as_str(), "");
        let whole = diags.files().whole(file);
        diags
            .warning("C0007", whole, format!("`{path}` is not read"))
            .help(format!("files in `{folder}/` end in `.{extension}`"));
        return None;
    };
    let name = match Name::new(stem) {
        Ok(name) => name,
        Err(error) => {
            bad_name(&path, stem, &error, diags);
            return None;
        }
    };
    match read_text(&root.join(&path)) {
        Ok(text) => Some(SiteFile { name, path, text }),
        Err(error) => {
            unreadable(&path, &error, diags);
            None
        }
    }
}

fn bad_name(path: &str, stem: &str, error: &NameError, diags: &mut Diagnostics) {
    let file = diags.add_file(path, "");
    let whole = diags.files().whole(file);
    diags.error("C0004", whole, format!("`{stem}` is not a name")).help(error.to_string());
}

fn unreadable<'d>(
    path: &str,
    error: &io::Error,
    diags: &'d mut Diagnostics,
) -> &'d mut crate::Diagnostic {
    let file = diags.add_file(path, "");
    let whole = diags.files().whole(file);
    let code = if error.kind() == io::ErrorKind::InvalidData { "C0003" } else { "C0002" };
    let shown = diags.files().shown_path(file);
    diags.error(code, whole, format!("cannot read `{}`: {error}", shown.trim_end_matches('/')))
}

fn file_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)?.take(FILES_MAX + 1) {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let ours = !name.starts_with('.') && !name.ends_with('~');
        // Links are followed: clusters mount a site as links to a folder that they swap.
        if ours && !entry.path().is_dir() {
            names.push(name);
        }
    }
    Ok(names)
}

fn read_text(path: &Path) -> io::Result<String> {
    let facts = fs::metadata(path)?;
    if !facts.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > BYTES_MAX {
        return Err(io::Error::other(format!(
            "it is larger than {}",
            crate::units::show_size(BYTES_MAX)
        )));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        io::Error::new(io::ErrorKind::InvalidData, format!("byte {at} is not UTF-8"))
    })
}
