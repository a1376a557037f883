//! A site, read and checked as a whole: what the channel language, the connectors and the lanes
//! each declare, joined into one reader, one check and one schema.

mod acks;
mod channel_file;
mod hops;
mod kinds;
pub mod reference;
mod schema;
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::channel::Tables;
use config::{
    CodeTable, Companion, Diagnostics, Name, Paths, Profile, Secrets, Server, Severity, SiteFile,
    SiteFiles, Vars,
};
use jiff::tz::TimeZone;
use store::Recipients;

pub use channel_file::{ChannelFile, ChannelPlan, DestinationPlan, compile};
pub use hops::Hops;
pub use kinds::{destinations, sources};
pub use schema::{channel_schema, server_schema};
pub use tests::{Tested, test};

use crate::alerts::SinkSettings;
use connectors::http::TracesSettings;
use connectors::syslog::SyslogSettings;

/// A site as its files say.
pub struct Site {
    /// Where its files and its data are.
    pub paths: Paths,
    /// `server.toml`.
    pub server: Server,
    /// What channel files may refer to.
    pub surroundings: Surroundings,
    /// The channels by name, as their files say.
    pub channels: BTreeMap<Name, ChannelPlan>,
    /// The channels whose files, or the code tables they use, have errors.
    pub broken: Vec<Name>,
    /// What the admin API shows to those who connect to it.
    pub api_tls: Option<net::tls::Server>,
    /// The same for figures.
    pub metrics_tls: Option<net::tls::Server>,
    /// Where records of the audit log go when their years are over, and who can read them there.
    pub audit_archive: Option<(PathBuf, Recipients)>,
    /// Where backups go, and who can read them there.
    pub backup_to: Option<(PathBuf, Recipients)>,
    /// Who is told of alerts.
    pub alert_sinks: Vec<SinkSettings>,
    /// Where the audit log and the engine's own go besides.
    pub syslog: Option<SyslogSettings>,
    /// Where traces are posted.
    pub telemetry: Option<TracesSettings>,
}

/// What a channel file may refer to, apart from its code tables.
pub struct Surroundings {
    /// The variables of the environment.
    pub vars: Vars,
    /// Secrets by reference.
    pub secrets: Secrets,
    /// Where relative paths lead.
    pub paths: Paths,
    /// The site's time zone.
    pub zone: TimeZone,
}

impl Surroundings {
    /// As the site's folder says now.
    pub fn read(paths: &Paths, server: &Server) -> Surroundings {
        let mut unseen = Diagnostics::new();
        let files = SiteFiles::read(&paths.site, &mut unseen);
        Surroundings::new(files.vars(&server.environment, &mut unseen), paths, Some(server))
    }

    fn new(vars: Vars, paths: &Paths, server: Option<&Server>) -> Surroundings {
        // The name was checked when the server's settings were read.
        let zone =
            server.and_then(|server| TimeZone::get(&server.zone).ok()).unwrap_or(TimeZone::UTC);
        Surroundings { vars, secrets: Secrets::of_process(&paths.data), paths: paths.clone(), zone }
    }
}

/// The code tables of a site's folder.
struct FolderTables<'a> {
    tables: BTreeMap<Name, Arc<CodeTable>>,
    names: Vec<Name>,
    companions: &'a [Companion],
    zone: TimeZone,
}

impl Tables for FolderTables<'_> {
    fn table(&self, name: &Name) -> Option<Arc<CodeTable>> {
        self.tables.get(name).cloned()
    }

    fn names(&self) -> Vec<Name> {
        self.names.clone()
    }

    fn companion(&self, path: &str) -> Option<Arc<str>> {
        channel_file::companion(self.companions, path)
    }

    fn zone(&self) -> TimeZone {
        self.zone.clone()
    }
}

/// Reads a site and reports everything that is wrong with it.
///
/// There is no site when the folder, `server.toml` or the variables are wrong; a channel with errors is in `broken`.
pub fn check(root: &Path, data: Option<&Path>) -> (Option<Site>, Diagnostics) {
    check_as(root, data, None)
}

/// The same as another environment than `server.toml` names.
pub fn check_as(
    root: &Path,
    data: Option<&Path>,
    environment: Option<&str>,
) -> (Option<Site>, Diagnostics) {
    let mut diagnostics = Diagnostics::new();
    let files = SiteFiles::read(root, &mut diagnostics);
    let paths = Paths::new(root, data.map(Path::to_owned));
    let server = Server::read(&files, &paths, &mut diagnostics);
    if let Some(directory) = server.as_ref().and_then(|server| server.directory.as_ref()) {
        check_directory(directory, &mut diagnostics);
    }
    let api_tls = server.as_ref().and_then(|server| server.api.tls.as_ref());
    let api_tls = api_tls.and_then(|tls| open_api(tls, &mut diagnostics));
    let metrics_tls = server.as_ref().and_then(|server| server.metrics.as_ref()?.tls.as_ref());
    let metrics_tls = metrics_tls.and_then(|tls| open_api(tls, &mut diagnostics));
    let audit_archive = server.as_ref().and_then(|server| server.audit.archive.as_ref());
    let audit_archive = audit_archive.and_then(|archive| {
        let keys = (&archive.recipients[..], archive.recipients_span);
        Some((archive.folder.clone(), read_recipients(keys, &mut diagnostics)?))
    });
    let backup_to = server.as_ref().and_then(|server| server.backup.as_ref());
    let backup_to = backup_to.and_then(|backup| {
        let keys = (&backup.recipients[..], backup.recipients_span);
        Some((backup.folder.clone(), read_recipients(keys, &mut diagnostics)?))
    });
    let own = server.as_ref().map_or("development", |server| server.environment.as_str());
    let environment = environment.unwrap_or(own);
    let vars = files.vars(environment, &mut diagnostics);
    let surroundings = Surroundings::new(vars, &paths, server.as_ref());
    let (mut channels, mut broken) = compile_all(&files, &surroundings, &mut diagnostics);
    let profile = server.as_ref().map_or(Profile::Development, |server| server.profile);
    hops::check(&mut channels, &mut broken, profile, &mut diagnostics);
    acks::check(&channels, &mut broken, &mut diagnostics);
    check_places(&channels, &mut diagnostics);
    let sinks = server
        .as_ref()
        .map(|server| crate::alerts::read_all(server, &surroundings, &mut diagnostics));
    let alert_sinks = sinks.unwrap_or_default();
    let syslog = server
        .as_ref()
        .and_then(|server| crate::syslog::read(server, &surroundings, &mut diagnostics));
    let telemetry = server
        .as_ref()
        .and_then(|server| crate::traces::read(server, &surroundings, &mut diagnostics));
    let errors = errors_by_file(&diagnostics);
    broken.extend(errors.iter().filter_map(|path| channel_of(path)));
    let sound =
        errors.iter().all(|path| path.starts_with("channels/") || path.starts_with("tables/"));
    let site = server.filter(|_| sound);
    (
        site.map(|server| Site {
            paths,
            server,
            surroundings,
            channels,
            broken,
            api_tls,
            metrics_tls,
            audit_archive,
            backup_to,
            alert_sinks,
            syslog,
            telemetry,
        }),
        diagnostics,
    )
}

/// Reports files of the directory's TLS that cannot be used.
fn check_directory(directory: &config::Directory, diagnostics: &mut Diagnostics) {
    for server in &directory.servers {
        if let Err(problem) = net::Target::of_directory(directory, server) {
            diagnostics.error(problem.code(), directory.ca_span, problem.to_string());
            return;
        }
    }
}

/// Opens the certificate of the admin API, or reports why it cannot be used.
fn open_api(tls: &config::ApiTls, diagnostics: &mut Diagnostics) -> Option<net::tls::Server> {
    let opened = net::tls::Server::of_api(tls);
    let opened = opened.map_err(|problem| {
        let span = if problem.field() == "key" { tls.key_span } else { tls.cert_span };
        let diagnostic = diagnostics.error(problem.code(), span, problem.to_string());
        if let Some(help) = problem.help() {
            diagnostic.help(help);
        }
    });
    opened.ok()
}

/// Reads the public keys of those who can read files that leave the engine, or reports the first that is none.
fn read_recipients(
    (keys, span): (&[String], config::Span),
    diagnostics: &mut Diagnostics,
) -> Option<Recipients> {
    let mut odd = |sentence: String| {
        diagnostics
            .error("C0108", span, sentence)
            .help("`age-keygen` makes a pair of keys and shows the public one, `age1...`");
    };
    match Recipients::parse(keys) {
        Ok(_) if keys.is_empty() => odd("nobody could read the files".to_owned()),
        Ok(recipients) => return Some(recipients),
        Err(key) => odd(format!("`{key}` is not a public key of age")),
    }
    None
}

/// The files that have errors, relative to the site.
fn errors_by_file(diagnostics: &Diagnostics) -> Vec<String> {
    let errors = diagnostics.sorted().into_iter().filter(|d| d.severity() == Severity::Error);
    errors.map(|d| diagnostics.files().path(d.span().file).to_owned()).collect()
}

/// The channel of a file's path; one that cannot even be read counts, so that it is not taken for one whose file is gone.
fn channel_of(path: &str) -> Option<Name> {
    Name::new(path.strip_prefix("channels/")?.strip_suffix(".toml")?).ok()
}

fn compile_all(
    files: &SiteFiles,
    surroundings: &Surroundings,
    diagnostics: &mut Diagnostics,
) -> (BTreeMap<Name, ChannelPlan>, Vec<Name>) {
    let tables = FolderTables {
        tables: files.tables(diagnostics),
        names: files.table_names(),
        companions: &files.companions,
        zone: surroundings.zone.clone(),
    };
    let mut used: Vec<Name> = Vec::new();
    let (mut channels, mut broken) = (BTreeMap::new(), Vec::new());
    for file in &files.channels {
        let errors_before = diagnostics.error_count();
        let watched = channel_file::Watched::new(&tables);
        let plan = channel_file::read(&file.path, &file.text, &watched, surroundings, diagnostics);
        let (names, paths) = watched.used();
        used.extend(names.iter().cloned());
        match plan {
            Some(read) if diagnostics.error_count() == errors_before => {
                let texts = texts_of(files, &names);
                let companions = files.companions.iter().filter(|file| paths.contains(&file.path));
                let text = ChannelFile {
                    name: file.name.clone(),
                    text: file.text.clone(),
                    tables: texts,
                    companions: companions.cloned().collect(),
                };
                channels.insert(file.name.clone(), ChannelPlan::new(text, read));
            }
            Some(_) | None => broken.push(file.name.clone()),
        }
    }
    warn_of_unused(files, &used, diagnostics);
    (channels, broken)
}

fn texts_of(files: &SiteFiles, names: &[Name]) -> Vec<SiteFile> {
    files.tables.iter().filter(|file| names.contains(&file.name)).cloned().collect()
}

fn warn_of_unused(files: &SiteFiles, used: &[Name], diagnostics: &mut Diagnostics) {
    for file in files.tables.iter().filter(|file| !used.contains(&file.name)) {
        let id = diagnostics.add_file(file.path.as_str(), "");
        let whole = diagnostics.files().whole(id);
        diagnostics.warning(
            "C0210",
            whole,
            format!("no channel uses the code table `{}`", file.name),
        );
    }
}

/// Two sources cannot listen on one address, nor take files from one folder.
fn check_places(channels: &BTreeMap<Name, ChannelPlan>, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<String, &ChannelPlan> = BTreeMap::new();
    for plan in channels.values() {
        let Some((does, place)) = plan.source.as_ref().and_then(|source| source.occupies()) else {
            continue;
        };
        match taken.get(&place) {
            Some(first) => {
                let said = format!("two channels {does} {place}");
                let error = diagnostics.error("C0208", plan.source_span, said).label("taken");
                let words = format!("channel `{}` has it", first.file.name);
                error.related(first.source_span, words);
            }
            None => {
                taken.insert(place, plan);
            }
        }
    }
}
