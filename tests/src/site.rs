//! A site in a folder of its own, on either store, and the engine that runs it.

use crate::engine::{Ended, Engine};
use crate::postgres::{Database, query};
use crate::status::Status;
use crate::{ports, verbs, wait};
use std::fs;
use std::io::{Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Which store a site keeps its messages in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// The embedded default.
    Sqlite,
    /// A database in the PostgreSQL of `tests/run`.
    Postgres,
}

/// A site; its folder and database go when it is dropped.
pub struct Site {
    folder: TempDir,
    data: PathBuf,
    server: String,
    api: SocketAddr,
    database: Option<Database>,
}

impl Site {
    /// An empty site.
    pub fn new(store: Store) -> Site {
        let database = match store {
            Store::Sqlite => None,
            Store::Postgres => Some(Database::create()),
        };
        let url =
            database.as_ref().map_or_else(|| "sqlite:data/hilum.db".to_owned(), Database::url);
        Site::make(&url, database)
    }

    /// An empty site on this store.
    pub fn on(url: &str) -> Site {
        Site::make(url, None)
    }

    /// A copy of an example, on this store, with texts replaced (addresses that must be free).
    pub fn example(name: &str, store: Store, replace: &[(&str, String)]) -> Site {
        let mut site = Site::new(store);
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
        let server = fs::read_to_string(from.join("server.toml")).unwrap();
        let url = site.server.clone();
        copy(&from, site.folder.path(), replace);
        let kept: Vec<&str> =
            server.lines().take_while(|line| !line.starts_with("[store]")).collect();
        site.server = format!("{}\n{url}", kept.join("\n"));
        site.write("server.toml", &site.server);
        site
    }

    fn make(url: &str, database: Option<Database>) -> Site {
        let folder = tempfile::Builder::new().prefix("hilum-it.").tempdir().unwrap();
        let api = ports::free();
        let server = format!("[api]\nlisten = \"{api}\"\n[store]\nurl = \"{url}\"\n");
        let site = Site { data: folder.path().join("data"), folder, server, api, database };
        site.write("server.toml", &site.server);
        for folder in ["channels", "tables"] {
            fs::create_dir_all(site.path(folder)).unwrap();
        }
        site
    }

    /// Keeps the data folder elsewhere.
    pub fn keep_data_in(&mut self, folder: &Path) {
        self.data = folder.to_owned();
    }

    /// The site's folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the engine keeps its data.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where the admin API listens.
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// Every audit record as text, in no order.
    pub fn audit_text(&self) -> String {
        match self.database() {
            Some(url) => query(&url, "select convert_from(rec, 'UTF8') from audit_log"),
            None => ["hilum.db", "hilum.db-wal"]
                .iter()
                .filter_map(|name| fs::read(self.data.join(name)).ok())
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .collect(),
        }
    }

    /// The database, when it is in PostgreSQL.
    pub fn database(&self) -> Option<String> {
        self.database.as_ref().map(Database::url)
    }

    /// A path below the site.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// Writes a file of the site.
    pub fn write(&self, relative: &str, text: &str) {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a channel.
    pub fn channel(&self, name: &str, text: &str) {
        self.write(&format!("channels/{name}.toml"), text);
    }

    /// Writes a channel with an MLLP source and gives its address. `rest` is what follows the source: steps, destinations.
    pub fn feed(&self, name: &str, source: &str, rest: &str) -> SocketAddr {
        let address = ports::free();
        self.channel(
            name,
            &format!("[source]\ntype = \"mllp\"\nlisten = \"{address}\"\n{source}\n{rest}"),
        );
        address
    }

    /// Starts the engine and waits until it is ready.
    pub fn serve(&self) -> Engine {
        self.try_serve()
            .unwrap_or_else(|ended| panic!("the engine ended before it was ready: {ended}"))
    }

    /// Starts the engine; gives how it ended when it did not become ready.
    pub fn try_serve(&self) -> Result<Engine, Ended> {
        Engine::start(verbs::hilum(), self)
    }

    /// Runs a verb against the running engine.
    pub fn verb(&self, arguments: &[&str]) -> verbs::Output {
        let mut command = verbs::hilum();
        command.args(arguments).arg("--data").arg(&self.data);
        verbs::run(command)
    }

    /// Runs a verb against the running engine, with lines to read.
    pub fn verb_reading(&self, arguments: &[&str], lines: &str) -> verbs::Output {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(lines.as_bytes()).and_then(|()| file.rewind()).unwrap();
        let mut command = verbs::hilum();
        command.args(arguments).arg("--data").arg(&self.data).stdin(file);
        verbs::run(command)
    }

    /// Runs a verb that must succeed and reads what it prints as JSON.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut all = arguments.to_vec();
        all.extend(["--format", "json"]);
        let output = self.verb(&all);
        assert_eq!(output.code, Some(0), "hilum {all:?}: {output:?}");
        serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("hilum {all:?}: {error}: {}", output.stdout))
    }

    /// What the engine says about itself.
    pub fn status(&self) -> Status {
        Status::read(&self.json(&["status"]))
    }

    /// Waits until the status shows something.
    pub fn wait_status(&self, what: &str, mut there: impl FnMut(&Status) -> bool) -> Status {
        let mut last = None;
        let found = wait::until_or(|| {
            Some(self.status()).filter(|status| {
                there(status) || {
                    last = Some(status.clone());
                    false
                }
            })
        });
        found.unwrap_or_else(|| panic!("waited in vain: {what}; the status is {last:#?}"))
    }

    /// Waits until every message of a channel has its final disposition.
    pub fn wait_final(&self, channel: &str, received: u64) -> Status {
        self.wait_status(&format!("{received} messages of `{channel}` are final"), |status| {
            let channel = status.channel(channel);
            channel.received == received && channel.open() == 0
        })
    }
}

/// Replaces a text where no digit follows: an address that was just put in may begin like another one.
fn replaced(text: &str, old: &str, new: &str) -> String {
    let mut pieces = text.split(old);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let goes_on = piece.starts_with(|next: char| next.is_ascii_digit());
        out.push_str(if goes_on { old } else { new });
        out.push_str(piece);
    }
    out
}

fn copy(from: &Path, to: &Path, replace: &[(&str, String)]) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            if path.file_name().unwrap() != "data" {
                copy(&path, &target, replace);
            }
        } else if path.extension().is_some_and(|end| end == "toml") {
            let mut text = fs::read_to_string(&path).unwrap();
            for (old, new) in replace {
                text = replaced(&text, old, new);
            }
            fs::write(target, text).unwrap();
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}
