use crate::alerts::{ALERT_FIELDS, Alerts};
use crate::api::{API_FIELDS, Api};
use crate::applying::{APPLY_FIELDS, Applying};
use crate::audit::{AUDIT_FIELDS, Audit, SHORT_AUDIT};
use crate::backup::{BACKUP_FIELDS, Backup};
use crate::diagnostics::Diagnostics;
use crate::directory::{DIRECTORY_FIELDS, Directory};
use crate::field::{Choice, Field, Kind};
use crate::item::Table;
use crate::key_source::KeySource;
use crate::metrics::{METRICS_FIELDS, Metrics};
use crate::parse::parse_toml;
use crate::retention::{RETENTION_FIELDS, Retention};
use crate::scope::Scope;
use crate::section::Section;
use crate::site::{Paths, Secrets, SiteFiles, host_name};
use crate::store_url::{StoreUrl, StoreUrlError};
use crate::text::Text;

/// How much the engine insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For trying things out on one machine.
    Development,
    /// For patients' data.
    Production,
}

impl Profile {
    /// The word in the file.
    pub fn as_str(self) -> &'static str {
        match self {
            Profile::Development => "development",
            Profile::Production => "production",
        }
    }
}

/// The settings of the whole engine, `server.toml`.
#[derive(Clone, Debug)]
pub struct Server {
    /// A label shown everywhere; `vars/<environment>.toml` is read.
    pub environment: String,
    /// How much the engine insists on.
    pub profile: Profile,
    /// The name of this engine in audit records.
    pub node: String,
    /// The site's time zone.
    pub zone: String,
    /// Where the message store is.
    pub store_url: StoreUrl,
    /// Where its key comes from.
    pub store_key: KeySource,
    /// Where the key comes from that is to take its place.
    pub next_store_key: Option<KeySource>,
    /// The key lies in the data folder, so whoever copies the data copies its key.
    pub key_beside_data: bool,
    /// Where the admin API listens, and what protects it.
    pub api: Api,
    /// By which people may sign in who have no account here.
    pub directory: Option<Directory>,
    /// The audit log.
    pub audit: Audit,
    /// How long messages stay.
    pub retention: Retention,
    /// How backups are made by themselves.
    pub backup: Option<Backup>,
    /// Bytes of the store's disk to keep free; `None` = 5 % of it, at least 256 MiB and at most 4 GiB.
    pub disk_reserve: Option<u64>,
    /// From when on something is an alert, and who is told.
    pub alerts: Alerts,
    /// What is looked at before a channel is put into force.
    pub applying: Applying,
    /// Where figures are asked for; nowhere when it is left out.
    pub metrics: Option<Metrics>,
    /// The table of `[telemetry]`; whoever posts there reads it.
    pub telemetry: Option<Table>,
    /// The table of `[syslog]`; whoever sends there reads it.
    pub syslog: Option<Table>,
}

/// The settings of `server.toml`.
pub const SERVER_FIELDS: &[Field] = &[
    Field::default(
        "environment",
        "A label that is shown everywhere, such as `test` or `prod`. The variables of `vars/<environment>.toml` are read.",
        Kind::Name,
        "development",
    )
    .examples(&["\"test\""]),
    Field::default("zone", "The site's time zone, for timestamps that carry none.", Kind::Zone, "UTC").examples(&["\"Europe/Berlin\""]),
    Field::optional("server", "The engine itself.", Kind::Section(ENGINE_FIELDS)),
    Field::optional("store", "The message store.", Kind::Section(STORE_FIELDS)),
    Field::optional("api", "The admin API.", Kind::Section(API_FIELDS)),
    Field::optional("directory", "An Active Directory or another LDAP server, by which people may sign in.", Kind::Section(DIRECTORY_FIELDS)),
    Field::optional("audit", "The audit log.", Kind::Section(AUDIT_FIELDS)),
    Field::optional("retention", "How long messages stay in the store.", Kind::Section(RETENTION_FIELDS)),
    Field::optional("backup", "Backups of the store.", Kind::Section(BACKUP_FIELDS)),
    Field::optional("limits", "What the engine may use.", Kind::Section(LIMIT_FIELDS)),
    Field::optional("apply", "What is looked at before a channel is put into force.", Kind::Section(APPLY_FIELDS)),
    Field::optional("metrics", "Where a monitoring system asks for figures, and whether the engine is well.", Kind::Section(METRICS_FIELDS)),
    Field::optional("telemetry", "Where traces are posted, for OpenTelemetry; nowhere when it is left out.", Kind::Table("telemetry")),
    Field::optional("syslog", "Where the audit log and the engine's own are sent besides.", Kind::Table("syslog")),
    Field::optional("alerts", "What somebody should look at, and who is told.", Kind::Section(ALERT_FIELDS)),
];

const ENGINE_FIELDS: &[Field] = &[
    Field::default(
        "profile",
        "How much the engine insists on before it starts.",
        Kind::Choice(PROFILES),
        "development",
    ),
    Field::optional(
        "node",
        "The name of this engine in audit records. The host name when it is left out.",
        Kind::Text,
    )
    .examples(&["\"hilum-a\""]),
    Field::optional(
        "acknowledge",
        "Risks that were looked at and accepted; each is shown in the status.",
        Kind::List(&Kind::Choice(RISKS)),
    ),
];

const PROFILES: &[Choice] = &[
    Choice {
        name: "development",
        doc: "For trying things out: listeners on this machine only, and warnings where production refuses.",
    },
    Choice {
        name: "production",
        doc: "For patients' data: whatever would weaken the protection of messages is refused unless it is acknowledged.",
    },
];

const KEY_BESIDE_DATA: &str = "key-beside-data";

const RISKS: &[Choice] = &[
    Choice {
        name: KEY_BESIDE_DATA,
        doc: "The store's key lies in the data folder: a copy of the folder can be read.",
    },
    Choice { name: SHORT_AUDIT, doc: "Records of the audit log stay for less than six years." },
];

const STORE_FIELDS: &[Field] = &[
    Field::default("url", "An SQLite file or a PostgreSQL database. A relative file is relative to the site; `data/` is the data folder.", Kind::Text, "sqlite:data/hilum.db")
        .examples(&["\"sqlite:data/hilum.db\"", "\"postgres://hilum@127.0.0.1/hilum\""]),
    Field::optional("password", "The password of the PostgreSQL user.", Kind::Secret).examples(&["{ secret = \"store-password\" }"]),
    Field::default(
        "key",
        "Where the key that opens the store comes from: `file:` (made at the first start, mode 0600), `cred:` (a credential of the service manager), `env:` (an environment variable) or `cmd:` (a program, without a shell). Keep a copy of the key apart from the backups: without it no message can be read.",
        Kind::Text,
        "file:data/keys/store.key",
    )
    .examples(&["\"file:/etc/hilum/store.key\"", "\"cred:store-key\"", "\"env:HILUM_STORE_KEY\"", "\"cmd:/usr/local/bin/unwrap-key hilum\""]),
    Field::optional(
        "next_key",
        "Where the key comes from that is to take the place of `key`, while it is being changed; `hilum keys rotate` does that. A file that is not there yet is made then.",
        Kind::Text,
    )
    .examples(&["\"file:/etc/hilum/store-2.key\""]),
];

const LIMIT_FIELDS: &[Field] = &[
    Field::optional(
        "disk_reserve",
        "Space on the store's disk to keep free: below it no more messages are accepted, and half of it is kept for what must still be written. 5 % of the disk, at least 256 MiB and at most 4 GiB, when it is left out.",
        Kind::Size { min: "1 MiB", max: "1024 GiB" },
    )
    .examples(&["\"1 GiB\""]),
];

impl Server {
    /// Reads `server.toml`; a missing or empty file is the defaults.
    pub fn read(site: &SiteFiles, paths: &Paths, diags: &mut Diagnostics) -> Option<Server> {
        let (path, text) =
            site.server.clone().unwrap_or_else(|| ("server.toml".to_owned(), String::new()));
        let table = parse_toml(diags, &path, text)?;
        let secrets = Secrets::of_process(&paths.data);
        let scope = Scope::none().with_secrets(&secrets).with_paths(paths);
        let section = Section::read(&table, &[SERVER_FIELDS], &scope, diags);
        // A table that was left out has its defaults too.
        let empty = Table { span: table.span, entries: Vec::new() };
        let mut part = |name: &str, fields| {
            section
                .section(name)
                .cloned()
                .unwrap_or_else(|| Section::read(&empty, &[fields], &scope, diags))
        };
        let (engine, store) = (part("server", ENGINE_FIELDS), part("store", STORE_FIELDS));
        let (api, limits) = (part("api", API_FIELDS), part("limits", LIMIT_FIELDS));
        let (audit, applying) = (part("audit", AUDIT_FIELDS), part("apply", APPLY_FIELDS));
        let (alerts, retention) =
            (part("alerts", ALERT_FIELDS), part("retention", RETENTION_FIELDS));

        let directory = section.section("directory");
        let directory = directory.map(|directory| Directory::read(directory, diags).ok_or(()));
        let backup = section.section("backup");
        let backup = backup.map(|backup| Backup::read(backup).ok_or(()));
        let metrics = section.section("metrics");
        let metrics = metrics.map(|metrics| Metrics::read(metrics, diags).ok_or(()));
        let store_url = store_url(&store, paths, &secrets, diags);
        let store_key = key_of_store(store.text("key")?, paths, diags);
        let next_store_key = match store.text("next_key") {
            Some(text) => Some(key_of_store(text, paths, diags)?),
            None => None,
        };
        let profile = if engine.choice("profile")? == Profile::Production.as_str() {
            Profile::Production
        } else {
            Profile::Development
        };
        let server = Server {
            environment: section.text("environment")?.value.clone(),
            zone: section.text("zone")?.value.clone(),
            profile,
            node: engine.text("node").map_or_else(host_name, |node| node.value.clone()),
            key_beside_data: store_key.as_ref()?.lies_in(&paths.data),
            store_url: store_url?,
            store_key: store_key?,
            next_store_key,
            api: Api::read(&api, profile, diags)?,
            directory: directory.transpose().ok()?,
            audit: Audit::read(&audit, acknowledges(&engine, SHORT_AUDIT), diags)?,
            retention: Retention::read(&retention, diags)?,
            backup: backup.transpose().ok()?,
            disk_reserve: limits.size("disk_reserve"),
            alerts: Alerts::read(&alerts, diags)?,
            applying: Applying::read(&applying),
            metrics: metrics.transpose().ok()?,
            telemetry: section.table_of("telemetry").cloned(),
            syslog: section.table_of("syslog").cloned(),
        };
        let accepted = server.check_key(&engine, &store, diags);
        (accepted && section.is_sound()).then_some(server)
    }

    /// A copy of the data folder with its key in it can be read by whoever holds the copy.
    fn check_key(
        &self,
        engine: &Section<'_>,
        store: &Section<'_>,
        diags: &mut Diagnostics,
    ) -> bool {
        let acknowledged = acknowledges(engine, KEY_BESIDE_DATA);
        let refused = self.profile == Profile::Production && self.key_beside_data && !acknowledged;
        if refused {
            diags
                .error("C0414", store.span_of("key"), "the store's key lies beside its data")
                .label("in the data folder")
                .help("name another place, such as `key = \"cred:store-key\"` or `key = \"file:/etc/hilum/store.key\"`")
                .help(format!("or accept it: `acknowledge = [\"{KEY_BESIDE_DATA}\"]` under `[server]`"));
        }
        !refused
    }
}

fn acknowledges(engine: &Section<'_>, risk: &str) -> bool {
    engine.list("acknowledge").iter().any(|one| one.choice() == Some(risk))
}

fn store_url(
    store: &Section<'_>,
    paths: &Paths,
    secrets: &Secrets,
    diags: &mut Diagnostics,
) -> Option<StoreUrl> {
    let text = store.text("url")?;
    let password = store.secret("password").and_then(|secret| secrets.resolve(&secret.name).ok());
    match StoreUrl::parse(&text.value, paths) {
        Ok(url) => Some(url.with_password(password)),
        Err(error) => {
            let span = match &error {
                StoreUrlError::Password(range) => text.at(range.clone()),
                StoreUrlError::Unknown | StoreUrlError::NotAFile | StoreUrlError::Unencrypted => {
                    text.span
                }
            };
            let literal = matches!(error, StoreUrlError::Password(_));
            if literal {
                diags.files_mut().conceal(span);
            }
            let problem = diags.error(error.code(), span, error.to_string());
            if literal {
                problem
                    .label("a literal secret")
                    .help("write `password = { secret = \"store-password\" }` under `[store]`");
            }
            None
        }
    }
}

fn key_of_store(text: &Text, paths: &Paths, diags: &mut Diagnostics) -> Option<KeySource> {
    match KeySource::parse(&text.value, paths) {
        Ok(source) => Some(source),
        Err(error) => {
            diags
                .error("C0108", text.span, format!("`{}` is not the source of a key", text.value))
                .label(error.to_string());
            None
        }
    }
}
