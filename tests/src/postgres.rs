//! PostgreSQL for tests: a database of one's own in the server of `tests/run`, or a server that may be stopped.

use crate::certificates::Issued;
use crate::{ports, wait};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A database that is dropped at the end.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes one in the server that `tests/run` has started.
    pub fn create() -> Database {
        let server = std::env::var("HILUM_TEST_PG_URL")
            .expect("HILUM_TEST_PG_URL is not set: run the tests with `tests/run`, which starts a PostgreSQL");
        let number = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("it_{}_{number}", std::process::id());
        query(&server, &format!("create database {name}"));
        Database { server, name }
    }

    /// Its address for `server.toml`.
    pub fn url(&self) -> String {
        let base = self.server.rsplit_once('/').expect("a URL with a database").0;
        format!("{base}/{}", self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("drop database if exists {} with (force)", self.name);
        let _ = psql(&self.server, &drop).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// A whole server of one's own; it is stopped and removed at the end.
pub struct Cluster {
    folder: TempDir,
    address: SocketAddr,
}

impl Cluster {
    /// Makes and starts one.
    pub fn start() -> Cluster {
        let cluster = Cluster::make();
        cluster.begin();
        cluster
    }

    /// Makes and starts one that offers TLS with this certificate, on two addresses of this machine.
    pub fn with_certificate(issued: &Issued) -> Cluster {
        let cluster = Cluster::make();
        for (from, name) in [(&issued.cert, "server.crt"), (&issued.key, "server.key")] {
            let to = cluster.folder.path().join(name);
            fs::copy(from, &to).unwrap();
            if rustix::process::geteuid().is_root() {
                run(Command::new("chown").arg("postgres").arg(&to));
            }
        }
        let settings = "listen_addresses = '127.0.0.1,127.0.0.2'\nssl = on\n";
        let file = cluster.folder.path().join("postgresql.auto.conf");
        fs::write(file, settings).unwrap();
        cluster.begin();
        cluster
    }

    fn make() -> Cluster {
        let folder = tempfile::Builder::new().prefix("hilum-it-pg.").tempdir().unwrap();
        let cluster = Cluster { folder, address: ports::free() };
        if rustix::process::geteuid().is_root() {
            run(Command::new("chown").arg("postgres").arg(cluster.folder.path()));
        }
        let mut initdb = as_postgres("initdb");
        initdb.args([
            "-A",
            "trust",
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        run(initdb.arg(cluster.folder.path()));
        let file = cluster.folder.path().join("postgresql.auto.conf");
        fs::write(file, "listen_addresses = '127.0.0.1'\n").unwrap();
        cluster
    }

    /// Starts it again.
    pub fn begin(&self) {
        let options = format!(
            "-p {} -c unix_socket_directories={} -c fsync=off -c max_connections=50",
            self.address.port(),
            self.folder.path().display()
        );
        let log = self.folder.path().join("log");
        run(self.control().arg("-w").arg("-l").arg(log).args(["-o", &options, "start"]));
    }

    /// Stops it at once, as a crash would.
    pub fn stop(&self) {
        run(self.control().args(["-w", "-m", "immediate", "stop"]));
    }

    /// Its address for `server.toml`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// Its port, on every address that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts every connection but the asking one; gives how many there were.
    pub fn cut_connections(&self) -> usize {
        let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'";
        query(&self.url(), cut).trim().parse().expect("a number")
    }

    fn control(&self) -> Command {
        let mut command = as_postgres("pg_ctl");
        command.arg("-s").arg("-D").arg(self.folder.path());
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ =
            self.control().args(["-w", "-m", "immediate", "stop"]).stderr(Stdio::null()).status();
    }
}

/// Runs one statement and gives what it printed, unaligned and without headers.
pub fn query(url: &str, statement: &str) -> String {
    let output = wait::until("PostgreSQL answers", || {
        let output = psql(url, statement).output().expect("psql runs");
        let starting = String::from_utf8_lossy(&output.stderr).contains("starting up");
        (!starting).then_some(output)
    });
    assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Everything in a database as text, with binary columns in hexadecimal.
pub fn dump(url: &str) -> String {
    let output = Command::new(program("pg_dump"))
        .args(["-d", url])
        .stdin(Stdio::null())
        .output()
        .expect("pg_dump runs");
    assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn psql(url: &str, statement: &str) -> Command {
    let mut command = Command::new(program("psql"));
    command.args(["-X", "-A", "-t", "-q", "-d", url, "-c", statement]).stdin(Stdio::null());
    command
}

/// PostgreSQL refuses to run as root.
fn as_postgres(name: &str) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program(name));
        command
    } else {
        Command::new(program(name))
    };
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn program(name: &str) -> PathBuf {
    if let Ok(folder) = std::env::var("HILUM_TEST_PG_BIN") {
        return Path::new(&folder).join(name);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|v| v.path().join("bin").join(name)).filter(|p| p.exists()).max();
    newest.expect("PostgreSQL is not installed: run the tests with `tests/run`")
}

fn run(command: &mut Command) {
    let status = command.status().expect("the program runs");
    assert!(status.success(), "{command:?}: {status}");
}
